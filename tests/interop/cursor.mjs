// The cursor of a hosted WorkPro, which the published server lacks: events carry a number, and who comes back with the last
// one that it saw gets what came after it. Inferred from WorkPro's client and logs; the hosted gateway itself is closed.

// What happens to the account is numbered; the state of the connection (heartbeat, login, dirty, ...) is not.
const NUMBERED = {
  message: 2, post: 4, friendship: 17, 'room-invite': 18, 'room-join': 19, 'room-leave': 20, 'room-topic': 21, 'room-announce': 32,
}
const TYPES = Object.values(NUMBERED)

export class Cursor {
  on = false
  keeps = true // what happens while no client is connected
  #account
  #EventResponse
  #histories = new Map() // by account

  constructor (account, EventResponse, isConnected) {
    this.#account = account
    this.#EventResponse = EventResponse
    // Registered before any stream's listeners: an event has its number before the server writes it.
    for (const [name, type] of Object.entries(NUMBERED)) {
      account.on(name, payload => {
        if (this.on && account.isLoggedIn && (this.keeps || isConnected())) this.#note(type, JSON.stringify(payload))
      })
    }
  }

  #present () {
    const id = this.#account.currentUserId
    if (!this.#histories.has(id)) this.#histories.set(id, { seq: 0, events: [] })
    return this.#histories.get(id)
  }

  #note (type, payload) {
    const history = this.#present()
    history.events.push({ seq: ++history.seq, type, payload })
  }

  // The next event of the account is number 1 again, and nothing from before it is kept.
  startAnew () { this.#histories.delete(this.#account.currentUserId) }

  // Gives what the server writes into this stream its number.
  number (call) {
    const { write } = call
    call.write = response => {
      if (this.on && !response.getSeq() && TYPES.includes(response.getType()) && this.#account.isLoggedIn) {
        const last = this.#present().events.at(-1)
        // What a test writes by itself is no event of the account.
        if (last?.payload === response.getPayload()) response.setSeq(last.seq)
      }
      return write.call(call, response)
    }
  }

  // Writes what came after the number that the client sent, if it is one of the present account; returns what it sent and got.
  resume (call) {
    const [seq, account] = [call.request.getSeq(), call.request.getAccountId()]
    const known = this.on && seq > 0 && this.#account.isLoggedIn && account === this.#account.currentUserId
    const missed = known ? this.#present().events.filter(event => event.seq > seq) : []
    for (const event of missed) {
      const response = new this.#EventResponse()
      response.setType(event.type)
      response.setPayload(event.payload)
      response.setSeq(event.seq)
      call.write(response)
    }
    return { seq, account, replayed: missed.length }
  }
}
