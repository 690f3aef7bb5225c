// Handles, and their death. A gateway keeps the bytes behind one for a time (WorkPro two hours); later its `load` says ENOENT.
import { UniformResourceNameRegistry } from 'file-box'

const alive = new Set()
const dead = new Set()

const { load, save } = UniformResourceNameRegistry.prototype
UniformResourceNameRegistry.prototype.save = async function (stream) {
  const uuid = await save.call(this, stream)
  alive.add(uuid)
  return uuid
}
// No file is removed: a small one may not be written yet when its handle is given out.
UniformResourceNameRegistry.prototype.load = function (uuid) { return load.call(this, dead.has(uuid) ? `${uuid}.gone` : uuid) }

// Every handle given out so far dies; returns how many.
export function killHandles () {
  const count = alive.size
  for (const uuid of alive) dead.add(uuid)
  alive.clear()
  return count
}

// The handle in the answer to a request for a file dies, if it is one.
export function killHandleIn (response) {
  const { uuid } = JSON.parse(response.getFileBox())
  if (!uuid) return
  alive.delete(uuid)
  dead.add(uuid)
}
