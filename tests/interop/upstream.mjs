// The gateway that everybody can run: wechaty-puppet-service, the account on wechaty-puppet-mock.
import * as PUPPET from 'wechaty-puppet'
import { PuppetMock } from 'wechaty-puppet-mock'
import { accountOn } from './account.mjs'

export { grpc, puppet as messages } from 'wechaty-grpc'
export { PuppetServer } from 'wechaty-puppet-service'

class Mock extends PuppetMock {
  get contacts () { return this.mocker.cacheContactPayload }
  get rooms () { return this.mocker.cacheRoomPayload }
}

export class Account extends accountOn(Mock, PUPPET.types) {}
export const extrasOf = () => ({ cursor: null, commands: {} })
