// The WeChat account behind a gateway: contacts, rooms, sends, media and faults that a test scripts; the same for every gateway.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileBox } from 'file-box'

const DAY_SECONDS = 24 * 60 * 60
const THROTTLE_NOTICE = '操作过于频繁，可稍后再试。'

const now = () => Math.floor(Date.now() / 1000)
const isLoopback = url => ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)

function mediaKind (mediaType) {
  const family = mediaType.split('/')[0]
  return ['image', 'video', 'audio'].includes(family) ? family : 'file'
}

async function describeFile (file) {
  // Every link but a local one is only noted, so that no test needs the internet.
  const bytes = file.remoteUrl && !isLoopback(file.remoteUrl) ? null : await file.toBuffer()
  const sha256 = bytes && createHash('sha256').update(bytes).digest('hex')
  const content = { name: file.name, size: bytes?.length ?? file.size, sha256, boxType: file.type, url: file.remoteUrl ?? null }
  const copy = bytes ? { name: file.name, base64: bytes.toString('base64') } : { name: file.name, url: file.remoteUrl }
  return { content, file: copy, kind: mediaKind(file.mediaType) }
}

class TokenBucket {
  constructor ({ rate, burst, error, mode }) {
    Object.assign(this, { rate, burst, error, mode, tokens: burst, filled: performance.now() })
  }

  take () {
    const time = performance.now()
    this.tokens = Math.min(this.burst, this.tokens + (time - this.filled) / 1000 * this.rate)
    this.filled = time
    if (this.tokens < 1) return false
    this.tokens -= 1
    return true
  }
}

// An account on `Base`, a puppet that has its contacts and rooms as Maps of payloads by id; `types` are its package's.
export const accountOn = (Base, types) => class Account extends Base {
  sent = []
  refusals = 0
  rules = []
  bucket = null
  recallResult = true
  #messages = new Map()
  #roomAliases = new Map()
  // The prefix keeps ids unique over a restart: a real account never repeats one.
  #idPrefix = randomUUID().slice(0, 8)
  #idCount = 0

  constructor ({ ids, echo, echoDelayMs, report }) {
    // After one heartbeat event the base class restarts a puppet that sends no second one within this time.
    super({ timeoutSeconds: DAY_SECONDS })
    Object.assign(this, { ids, echo, echoDelayMs, report })
    // Without a listener an 'error' event with no client connected would end the process.
    this.on('error', () => {})
  }

  // --- what the world does -------------------------------------------------------------------------------------------

  setContact ({ id, name, alias = '' }) {
    this.contacts.set(id, {
      id, name, alias, avatar: '', friend: true, gender: types.ContactGender.Unknown, phone: [], type: types.Contact.Individual,
    })
    this.#forget(types.Dirty.Contact, id)
  }

  setRoom ({ id, topic, members, aliases = {} }) {
    this.rooms.set(id, { id, topic, memberIdList: [...members], adminIdList: [], avatar: '' })
    this.#roomAliases.set(id, aliases)
    this.#forgetRoom(id)
  }

  changeRoom (id, changes) {
    this.rooms.set(id, { ...this.room(id), ...changes })
    this.#forgetRoom(id)
  }

  removeRoom (id) {
    this.rooms.delete(id)
    this.#forgetRoom(id)
  }

  room (id) {
    if (!this.rooms.has(id)) throw new Error(`no room ${id}`)
    return this.rooms.get(id)
  }

  #forgetRoom (id) {
    this.dirtyRoom(id)
    this.#forget(types.Dirty.RoomMember, id)
  }

  dirtyRoom (id) { this.#forget(types.Dirty.Room, id) }

  // Emitted at once, not through dirtyPayload(), which waits a tick: the next event must never overtake it.
  #forget (payloadType, payloadId) {
    this.onDirty({ payloadType, payloadId }) // a stopped puppet does not listen to its own 'dirty' events
    this.emit('dirty', { payloadType, payloadId })
  }

  // 'text' -> 7, 'recalled' -> 13, ...; numbers pass, since real gateways also send types that no schema knows.
  #type (kind) {
    if (Number.isInteger(kind)) return kind
    const wanted = kind === 'file' ? 'attachment' : kind.replace('_', '')
    const name = Object.keys(types.Message).find(name => name.toLowerCase() === wanted)
    if (name === undefined) throw new Error(`unknown message kind ${kind}`)
    return types.Message[name]
  }

  deliver ({
    id = this.#newId(), kind, talker, room, to = '', text = '', mentions = [], quoteId = '', timestamp = now(), ...extras
  }) {
    const payload = {
      id, type: this.#type(kind), text, timestamp, talkerId: talker, roomId: room ?? '', listenerId: room ? '' : to,
      mentionIdList: mentions, quoteId, filename: extras.file?.name ?? '',
    }
    this.#messages.set(id, { payload, ...extras })
    this.emit('message', { messageId: id })
    return id
  }

  again (id) {
    this.#message(id)
    this.emit('message', { messageId: id })
  }

  #newId () { return `${this.#idPrefix}-${++this.#idCount}` }

  #message (id) {
    const message = this.#messages.get(id)
    if (!message) throw new Error(`no message ${id}`)
    return message
  }

  // --- what the client reads -----------------------------------------------------------------------------------------

  async messageRawPayload (id) {
    const message = this.#message(id)
    if (message.delayPayloadMs) await sleep(message.delayPayloadMs)
    if (message.failPayload-- > 0) throw new Error(`message ${id} is not ready`)
    return message.payload
  }

  #file (id) {
    const message = this.#message(id)
    if (message.failMedia-- > 0) throw new Error(`media of message ${id} failed to load`)
    if (!message.file) throw new Error(`message ${id} has no file`)
    const { name, base64, url } = message.file
    return url ? FileBox.fromUrl(url, { name }) : FileBox.fromBase64(base64, name)
  }

  async messageFile (id) { return this.#file(id) }
  async messageImage (id) { return this.#file(id) }
  async messageContact (id) { return this.card(id).contactId }
  async messageUrl (id) { return this.card(id) }
  async messageMiniProgram (id) { return this.card(id) }
  async messageLocation (id) { return this.card(id) }

  // Whether the handle that this message's file gets now is to be dead at once.
  handleDies (id) { return this.#message(id).deadHandles-- > 0 }

  card (id) {
    const { card } = this.#message(id)
    if (!card) throw new Error(`message ${id} has no card`)
    return card
  }

  async contactAlias (id) { return this.contacts.get(id).alias }
  async roomTopic (id) { return this.room(id).topic }

  async roomMemberRawPayload (roomId, contactId) {
    const member = await super.roomMemberRawPayload(roomId, contactId)
    return { ...member, roomAlias: this.#roomAliases.get(roomId)?.[contactId] ?? '' }
  }

  // PuppetMock waits a second before it answers a ding; a test of the watchdog has no second to spare.
  ding (data = '') { setImmediate(() => this.emit('dong', { data })) }

  // --- what the client sends -----------------------------------------------------------------------------------------

  // The options are a list of mentions; of WorkPro, where a quote is named, too, an object.
  messageSendText (to, text, options = []) {
    const { mentionIdList: mentions = [], quoteId = '' } = Array.isArray(options) ? { mentionIdList: options } : options
    return this.#send(to, 'text', async () => ({
      content: { text, mentions, quote_id: quoteId }, kind: 'text', text, mentions, quoteId,
    }), quoteId)
  }

  messageSendFile (to, file) { return this.#send(to, 'file', () => describeFile(file)) }
  messageSendUrl (to, card) { return this.#sendCard(to, 'url', card) }
  messageSendMiniProgram (to, card) { return this.#sendCard(to, 'miniprogram', card) }
  messageSendLocation (to, card) { return this.#sendCard(to, 'location', card) }
  messageSendContact (to, contactId) { return this.#sendCard(to, 'contact', { contactId }) }
  #sendCard (to, kind, card) {
    return this.#send(to, kind, async () => ({ content: { payload: card }, kind, card }))
  }

  async messageRecall (id) {
    this.report({ recalled: id, result: this.recallResult })
    return this.recallResult
  }

  async #send (room, kind, describe, quoteId = '') {
    let failure, throttled, message
    try {
      this.#requireConversation(room)
      throttled = this.#overBudget()
      failure = await this.#applyRules(room, kind, quoteId)
      message = await describe()
    } catch (error) {
      this.refusals += 1
      this.report({ refused: { room, kind, error: error.message } })
      throw error
    }
    const id = this.#newId()
    this.#record({ room, kind, id, throttled, ...message.content })
    if (this.echo) this.#echo(id, room, message)
    if (throttled) this.deliver({ kind: types.Message.Unknown, talker: this.currentUserId, room, text: THROTTLE_NOTICE })
    if (failure) throw new Error(failure)
    return this.ids ? id : undefined
  }

  #record (send) {
    const entry = { n: this.sent.length + 1, at: performance.now() / 1000, ...send }
    this.sent.push(entry)
    this.report({ sent: entry })
  }

  #echo (id, conversation, { content, ...message }) {
    const target = this.#isRoom(conversation) ? { room: conversation } : { to: conversation }
    const echo = { ...message, ...target, id, talker: this.currentUserId }
    if (this.echo === 'padlocal' && message.kind === 'image') {
      // padlocal shows its own images as a line of text.
      const { name } = this.contacts.get(this.currentUserId)
      Object.assign(echo, { kind: 'text', file: undefined, text: `${name}: [图片]` })
    }
    // By default the echo leaves before the answer: the harder case, the client cannot know the id yet.
    if (this.echoDelayMs) setTimeout(() => this.deliver(echo), this.echoDelayMs)
    else this.deliver(echo)
  }

  #isRoom (id) { return this.rooms.has(id) }

  #requireConversation (id) {
    if (!this.isLoggedIn) throw new Error('not logged in')
    if (!this.#isRoom(id) && !this.contacts.has(id)) throw new Error(`no conversation ${id}`)
  }

  #overBudget () {
    if (!this.bucket || this.bucket.take()) return false
    if (this.bucket.mode === 'refuse') throw new Error(this.bucket.error)
    return true
  }

  // Throws for "refuse"; returns the error that is to follow the send for "perform_then_fail".
  async #applyRules (room, kind, quoteId) {
    for (const rule of this.rules) {
      const matches = (rule.room ?? room) === room && (rule.kind ?? kind) === kind && (quoteId || !rule.quoting)
      if (!matches || rule.times === 0) continue
      rule.times -= 1 // below zero it never reaches zero again: for ever
      if (rule.action === 'delay') await sleep(rule.delayMs)
      else if (rule.action === 'refuse') throw new Error(rule.error)
      else return rule.error
    }
  }

  setBudget (budget) { this.bucket = budget && new TokenBucket(budget) }
}
