// The peer of the budget benchmark: wechaty-plugin-contrib's ManyToManyRoomConnector, set up as its README has it.
//   node peer.mjs '{"endpoint": "127.0.0.1:8788", "token": "insecure_test", "prefix": "Milvus用户交流群"}'
// It prints "ready" when it knows its rooms. What goes wrong in it ends it, as it does for whoever runs it as a bot.
const { endpoint, token, prefix } = JSON.parse(process.argv[2])

// Read by the packages when they are imported: this gateway is plain.
process.env.WECHATY_LOG = 'silent'
process.env.WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT = 'true'

const { WechatyBuilder } = await import('wechaty')
const { PuppetService } = await import('wechaty-puppet-service')
const { ManyToManyRoomConnector } = await import('wechaty-plugin-contrib')

const labels = new Map()

async function line (message) {
  const talker = message.talker()
  return `[${talker.name()}@${labels.get(message.room().id)}]:  ${message.text()}`
}

const bot = WechatyBuilder.build({ puppet: new PuppetService({ endpoint, token, tls: { disable: true } }) })

bot.once('login', async () => {
  for (const room of await bot.Room.findAll()) {
    const topic = await room.topic()
    if (topic.startsWith(prefix)) labels.set(room.id, topic.slice(prefix.length))
  }
  bot.use(ManyToManyRoomConnector({ many: [...labels.keys()], map: line }))
  console.info('ready')
})

await bot.start()
