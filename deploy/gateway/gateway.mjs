// A Wechaty gateway for the bot on the same machine: wechaty-puppet-service over a puppet, wechat4u unless told otherwise.
//
//   npm ci --ignore-scripts && node gateway.mjs
//
// It reads the bot's own .env, two folders up, so that both have the same token, endpoint and TLS. For itself:
//   GATEWAY_PUPPET  the npm package of the puppet, installed beside this file
//   GATEWAY_LISTEN  host:port to listen at, where that is not WECHATY_PUPPET_SERVICE_ENDPOINT
//   GATEWAY_STATE   the file that keeps the login, so that a restart needs no new scan (where the puppet can do that)
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import * as util from 'node:util'

const SETTINGS = 2 // the exit code for what a restart cannot mend; the bot's own is the same
const here = path => fileURLToPath(new URL(path, import.meta.url))

const { env } = process
const language = () => env.BOT_LANGUAGE || env.LC_ALL || env.LC_MESSAGES || env.LANG || Intl.DateTimeFormat().resolvedOptions().locale
const say = (chinese, english) => (language().toLowerCase().startsWith('zh') ? chinese : english)

function leave (code, text) {
  console.error(text)
  process.exit(code)
}

if (!util.parseEnv) leave(SETTINGS, say(`需要 Node 20.12 或更新版本，这是 ${process.version}。`, `It needs Node 20.12 or newer; this is ${process.version}.`))
if (existsSync(here('../../.env'))) {
  const text = readFileSync(here('../../.env'), 'utf8').replace(/^\uFEFF/, '') // the mark with which Notepad begins a file
  for (const [name, value] of Object.entries(util.parseEnv(text))) env[name] ??= value // what the environment has set wins
}
const token = env.WECHATY_PUPPET_SERVICE_TOKEN
const plain = env.WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT?.toLowerCase() === 'true'
const endpoint = env.GATEWAY_LISTEN || env.WECHATY_PUPPET_SERVICE_ENDPOINT || '127.0.0.1:8788'
const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(endpoint) ?? []
const name = env.GATEWAY_PUPPET || 'wechaty-puppet-wechat4u'
process.umask(0o077) // what is written is a login

if (!token) {
  leave(SETTINGS, say('没有设置 WECHATY_PUPPET_SERVICE_TOKEN：写进 .env。', 'WECHATY_PUPPET_SERVICE_TOKEN is not set; put it into .env.'))
}
if (!port) {
  leave(SETTINGS, say('监听地址应为 主机:端口，如 127.0.0.1:8788。', 'The address to listen at is host:port, such as 127.0.0.1:8788.'))
}
if (plain && !['127.0.0.1', '::1', 'localhost'].includes(host)) {
  leave(SETTINGS, say('不加密时只能监听 127.0.0.1。', 'Without TLS it listens at 127.0.0.1 alone.'))
}

// The server binds its port without saying that somebody else has it: so it is tried first.
await new Promise(resolve => {
  const probe = createServer()
  probe.once('error', error => leave(1, say(`无法监听 ${endpoint}：${error.code}`, `Cannot listen at ${endpoint}: ${error.code}`)))
  probe.listen(Number(port), host, () => probe.close(resolve))
})

let found
try {
  found = await import(name)
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  leave(SETTINGS, say(`没有安装 ${name}：在本文件夹运行 npm install ${name}`, `${name} is not installed; run npm install ${name} in this folder`))
}
const Puppet = found.default ?? Object.entries(found).find(([key, one]) => /^Puppet./.test(key) && typeof one === 'function')?.[1]
if (typeof Puppet !== 'function') leave(SETTINGS, say(`${name} 不是 puppet。`, `${name} is no puppet.`))

const { PuppetServer } = await import('wechaty-puppet-service')
const { MemoryCard } = await import('memory-card')

const puppet = new Puppet()
puppet.setMemory(new MemoryCard(env.GATEWAY_STATE || here('gateway.memory-card.json')))

let shown = ''
puppet.on('scan', ({ qrcode }) => {
  if (!qrcode || qrcode === shown) return
  shown = qrcode
  console.log(say('用账号的手机扫码：', 'Scan this with the account\'s phone: ') + 'https://wechaty.js.org/qrcode/' + encodeURIComponent(qrcode))
})
puppet.on('login', ({ contactId }) => console.log(say('已登录：', 'Logged in: ') + contactId))
puppet.on('logout', () => console.log(say('已退出登录。', 'Logged out.')))
// A puppet that cannot reach WeChat fails many times a second: the same error is told once a minute.
let failed = { text: '', at: 0 }
puppet.on('error', error => {
  const [text] = String(error.data ?? error.gerror ?? error).replaceAll(token, '***').split(/\\n|\n/)
  if (text === failed.text && Date.now() - failed.at < 60_000) return
  failed = { text, at: Date.now() }
  console.error(say('出错：', 'Error: ') + text.slice(0, 200))
})

const server = new PuppetServer({ endpoint, puppet, tls: { disable: plain }, token })
await server.start()
console.log(say(`网关在 ${endpoint}（${plain ? '不加密' : 'TLS'}）。`, `The gateway is at ${endpoint} (${plain ? 'plain' : 'TLS'}).`))

// The account stays logged in: neither the server nor the puppet is stopped.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(0))

await puppet.start()
