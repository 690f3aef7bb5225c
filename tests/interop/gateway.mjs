// A real Wechaty gateway, a PuppetServer of one kind or the other, whose WeChat account is scripted by a test.
//   node gateway.mjs '{"which": "upstream", "endpoint": "127.0.0.1:8788", "token": "insecure_test", "tls": false}'
// One JSON object a line: commands on stdin, answers and reports on stdout. It ends when stdin does, so no orphan remains.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const options = JSON.parse(process.argv[2] ?? '{}')

// What the user exports for a bot of their own must not reach the packages; they read it when they are imported.
const logLevel = process.env.WECHATY_LOG ?? 'silent'
for (const name of Object.keys(process.env)) if (name.startsWith('WECHATY_')) delete process.env[name]
process.env.WECHATY_LOG = logLevel
// Stdout belongs to the protocol; the packages' logger and their stray prints use these three.
for (const method of ['log', 'info', 'debug']) console[method] = console.error

const { grpc, messages, PuppetServer, Account, extrasOf } = await import(`./${options.which}.mjs`)
const { killHandles, killHandleIn } = await import('./handles.mjs')

const report = line => process.stdout.write(JSON.stringify(line) + '\n')
const seconds = () => Math.floor(Date.now() / 1000)
const calls = {}
const delays = {} // in ms, by the name of the call
let eventStream = null

const account = new Account({
  ids: options.ids ?? true, echo: options.echo ?? false, echoDelayMs: options.echo_delay_ms ?? 0, report,
})
const { cursor, commands: ownCommands } = extrasOf(account, () => eventStream !== null)

// --- calls as they arrive over gRPC -----------------------------------------------------------------------------------

function watchUnary (name, handler) {
  return async (call, callback) => {
    const id = call.request?.getId?.() ?? call.request?.getConversationId?.() ?? null
    const [authorization] = call.metadata.get('authorization')
    if (authorization !== `Wechaty ${options.token}`) {
      report({ unauthorized: name })
    } else {
      calls[name] = (calls[name] ?? 0) + 1
      report({ called: name, id })
    }
    if (delays[name]) await sleep(delays[name])
    return handler(call, FILES.includes(name) ? watchFile(id, callback) : callback)
  }
}

const FILES = ['messageFile', 'messageImage']

function watchFile (id, callback) {
  return (error, response, ...rest) => {
    if (response && account.handleDies(id)) killHandleIn(response)
    callback(error, response, ...rest)
  }
}

function watchEventStream (handler) {
  return call => {
    const [authorization] = call.metadata.get('authorization')
    if (authorization !== `Wechaty ${options.token}`) {
      report({ unauthorized: 'event' })
      return handler(call)
    }
    if (eventStream) {
      report({ stream: 'refused' })
      return handler(call)
    }
    eventStream = call
    // Before the handler: its first writes must not reach the client ahead of this line.
    report({ stream: 'open' })
    cursor?.number(call)
    handler(call)
    if (cursor) report({ resumed: cursor.resume(call) })
    const onEnd = () => {
      if (eventStream !== call) return
      eventStream = null
      report({ stream: 'closed' })
    }
    // After the handler: when 'closed' is reported, the gateway's own listeners have already freed the stream.
    for (const name of ['cancelled', 'error', 'finish', 'end', 'close']) call.on(name, onEnd)
  }
}

// PuppetServer builds its gRPC server and handlers inside start(); where it registers them is the one place to see
// each call once, exactly as it arrives, and to get hold of the event stream.
const { addService } = grpc.Server.prototype
grpc.Server.prototype.addService = function (definition, handlers) {
  if (!('event' in handlers)) return addService.call(this, definition, handlers)
  const watched = {}
  for (const [name, handler] of Object.entries(handlers)) {
    watched[name] = name === 'event' ? watchEventStream(handler) : watchUnary(name, handler)
  }
  return addService.call(this, definition, watched)
}

// --- commands ---------------------------------------------------------------------------------------------------------

const members = room => account.room(room).memberIdList

const commands = {
  contact: command => account.setContact(command),
  room: command => account.setRoom(command),
  login: ({ id }) => account.login(id),
  logout: ({ reason }) => account.logout(reason),

  say ({
    kind = 'text', payload, payload_json, quote_id, delay_payload_ms, fail_payload = 0, fail_media = 0, dead_handles = 0, n, do: _,
    ...message
  }) {
    return account.deliver({
      ...message,
      kind,
      quoteId: quote_id,
      card: payload_json === undefined ? payload : JSON.parse(payload_json),
      delayPayloadMs: delay_payload_ms,
      failPayload: fail_payload,
      failMedia: fail_media,
      deadHandles: dead_handles,
    })
  },
  again: ({ id }) => account.again(id),

  event ({ name, payload }) { account.emit(name, payload) },
  raw ({ type, payload }) {
    if (!eventStream) throw new Error('no event stream is open')
    const response = new messages.EventResponse()
    response.setType(type)
    response.setPayload(payload)
    eventStream.write(response)
  },

  // How many seconds the client takes to answer a PING of HTTP/2: whether its event loop turns.
  ping () {
    if (!eventStream) throw new Error('no event stream is open')
    return new Promise((resolve, reject) => {
      const { session } = eventStream.call.stream
      session.ping((error, milliseconds) => error ? reject(error) : resolve(milliseconds / 1000))
    })
  },

  rename ({ room, topic, changer }) {
    const oldTopic = account.room(room).topic
    account.changeRoom(room, { topic })
    account.emit('room-topic', { roomId: room, changerId: changer, oldTopic, newTopic: topic, timestamp: seconds() })
  },
  join ({ room, contacts, inviter }) {
    account.changeRoom(room, { memberIdList: [...new Set([...members(room), ...contacts])] })
    account.emit('room-join', { roomId: room, inviteeIdList: contacts, inviterId: inviter, timestamp: seconds() })
  },
  leave ({ room, contacts, remover }) {
    account.changeRoom(room, { memberIdList: members(room).filter(id => !contacts.includes(id)) })
    account.emit('room-leave', { roomId: room, removeeIdList: contacts, removerId: remover, timestamp: seconds() })
  },
  remove_room: ({ room }) => account.removeRoom(room),

  dirty_rooms ({ rooms }) { for (const room of rooms) account.dirtyRoom(room) },
  slow ({ call, delay_ms }) { delays[call] = delay_ms },
  kill_handles: () => killHandles(),

  rule ({ action, room, kind, quoting = false, error = 'refused by rule', times = -1, delay_ms = 0 }) {
    if (!['refuse', 'perform_then_fail', 'delay'].includes(action)) throw new Error(`unknown action ${action}`)
    account.rules.push({ action, room, kind, quoting, error, times, delayMs: delay_ms })
  },
  clear_rules () { account.rules = [] },
  budget ({ rate, burst = 1, error = '1204 == 0', mode = 'refuse' }) {
    if (!['refuse', 'notice'].includes(mode)) throw new Error(`unknown mode ${mode}`)
    account.setBudget(rate == null ? null : { rate, burst, error, mode })
  },
  recall_result ({ value }) { account.recallResult = value },

  sent: ({ since = 0 }) => account.sent.slice(since),
  stats: () => ({
    sent: account.sent.length,
    refused: account.refusals,
    calls,
    stream: eventStream !== null,
    login: account.isLoggedIn ? account.currentUserId : null,
  }),
  ...ownCommands,
}

async function answer (line) {
  let n = null
  try {
    const command = JSON.parse(line)
    n = command.n
    if (!Object.hasOwn(commands, command.do)) throw new Error(`unknown command ${command.do}`)
    report({ reply: n, ok: true, result: (await commands[command.do](command)) ?? null })
  } catch (error) {
    report({ reply: n, ok: false, error: error.message })
  }
}

// --- run --------------------------------------------------------------------------------------------------------------

function tlsOptions (tls) {
  if (!tls) return { disable: true }
  return tls === true ? { disable: false } : { disable: false, serverCert: tls.cert, serverKey: tls.key }
}

// A gateway that people run has its puppet started before any client comes; the client's Start is then a no-op.
await account.start()
await new PuppetServer({
  endpoint: options.endpoint, puppet: account, token: options.token, tls: tlsOptions(options.tls),
}).start()

const lines = createInterface({ input: process.stdin })
lines.on('close', () => process.exit(0))
// One after the other: a test reads its commands as a story.
let last = Promise.resolve()
lines.on('line', line => { last = last.then(() => answer(line)) })
report({ ready: true })
