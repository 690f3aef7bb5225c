// WorkPro's gateway, @juzi/wechaty-puppet-service, over a puppet of our own: the packages have none that can be run here.
import * as PUPPET from '@juzi/wechaty-puppet'
import { FileBox } from 'file-box'
import { puppet as messages } from '@juzi/wechaty-grpc'
import { accountOn } from './account.mjs'
import { Cursor } from './cursor.mjs'

export { grpc, puppet as messages } from '@juzi/wechaty-grpc'
export { PuppetServer } from '@juzi/wechaty-puppet-service'

const { types } = PUPPET
const seconds = () => Math.floor(Date.now() / 1000)

// What wechaty-puppet-mock is for the other gateway.
class Puppet extends PUPPET.Puppet {
  contacts = new Map()
  rooms = new Map()

  async onStart () {}
  async onStop () {}

  async contactList () { return [...this.contacts.keys()] }
  async contactRawPayload (id) {
    if (!this.contacts.has(id)) throw new Error(`no contact ${id}`)
    return this.contacts.get(id)
  }

  async roomList () { return [...this.rooms.keys()] }
  async roomRawPayload (id) { return this.room(id) }
  async roomMemberList (id) { return this.room(id).memberIdList }
  async roomMemberRawPayload (_, contactId) {
    const { id, name, avatar } = await this.contactPayload(contactId)
    return { id, name, avatar }
  }

  async contactRawPayloadParser (payload) { return payload }
  async messageRawPayloadParser (payload) { return payload }
  async roomRawPayloadParser (payload) { return payload }
  async roomMemberRawPayloadParser (payload) { return payload }
}

export class Account extends accountOn(Puppet, types) {
  #asked = null // the code that a first login waits for

  async messageChannel (id) { return this.card(id) }
  async messageChannelCard (id) { return this.card(id) }
  async messageCallRecord (id) { return this.card(id) }

  // The card of a chat history: {records: [{senderName, type, message}, ...]}; what a record lacks is filled in.
  async messageChatHistory (id) { return this.card(id).records.map(record => this.#record(record)) }

  #record (record) {
    const avatar = FileBox.fromUrl('https://example.org/a.png', { name: 'a.png' })
    const whole = { type: types.Message.Text, corpName: '', time: seconds(), avatar, ...record }
    if (whole.type === types.Message.ChatHistory) whole.message = whole.message.map(one => this.#record(one))
    const { base64, name } = whole.message
    if (base64) whole.message = FileBox.fromBase64(base64, name)
    return whole
  }

  // A first login on a new device: WeCom asks for six digits, and logs `login` in when they are right.
  askCode ({ id, message, code, login }) {
    this.#asked = { id, message, code, login }
    this.#emitCode(types.VerifyCodeStatus.WAITING)
  }

  #emitCode (status) {
    const { id, message } = this.#asked
    this.emit('verify-code', { id, message, scene: types.VerifyCodeScene.LOGIN, status })
  }

  async enterVerifyCode (id, code) {
    this.report({ entered: id, code })
    if (id !== this.#asked?.id) throw new Error(`no code is asked for as ${id}`)
    if (code !== this.#asked.code) {
      this.#emitCode(types.VerifyCodeStatus.WRONG_CODE)
      throw new Error('wrong code')
    }
    const { login } = this.#asked
    this.#asked = null
    this.login(login)
  }
}

// What this gateway alone can do: the cursor of its event stream, and commands.
export function extrasOf (account, isConnected) {
  const cursor = new Cursor(account, messages.EventResponse, isConnected)
  const commands = {
    cursor: ({ on, keeps }) => Object.assign(cursor, { on, keeps }),
    cursor_anew: () => cursor.startAnew(),
    verify_code: command => account.askCode(command),
    verify_slide ({ url }) {
      const { VerifySlideScene, VerifySlideStatus } = types
      account.emit('verify-slide', {
        scene: VerifySlideScene.LOGIN, status: VerifySlideStatus.WAITING, sliderVerifyEncrypt: 'x', sliderExeUrl: url,
      })
    },
    announce ({ room, text, old, changer }) {
      account.emit('room-announce', { roomId: room, changerId: changer, newAnnounce: text, oldAnnounce: old, timestamp: seconds() })
    },
  }
  return { cursor, commands }
}
