// What goes wrong on purpose. A fault is {unit, kind, times, index?, path?, ms?, status?, match?}; it acts on the next `times`
// requests (-1: until cleared) to that unit, or, for the unit "push", on messages between processes.

import { Refusal } from "./items.mjs"

const KINDS = {
  mu: ["error", "drop", "lost-reply", "delay"],
  su: ["error", "drop", "lost-reply", "delay"],
  cu: ["error", "drop", "lost-reply", "delay", "stale"],
  gateway: ["error", "drop", "lost-reply", "delay"],
  push: ["drop", "hold", "duplicate"],
}

export class Faults {
  constructor() {
    this.list = []
  }

  add({ unit, kind, times = 1, index, path, ms = 1000, status = 500, match = {} }) {
    if (!KINDS[unit]) throw new Refusal(400, `no unit ${unit}; there are ${Object.keys(KINDS)}`)
    if (!KINDS[unit].includes(kind)) throw new Refusal(400, `${unit} has no fault ${kind}; it has ${KINDS[unit]}`)
    if (!Number.isInteger(times) || times === 0) throw new Refusal(400, "times is a number of requests, or -1")
    const fault = { unit, kind, times, index, path, ms, status, match }
    this.list.push(fault)
    return fault
  }

  clear() {
    this.list = []
  }

  #take(fits) {
    const at = this.list.findIndex(fits)
    if (at < 0) return undefined
    const fault = this.list[at]
    if (fault.times > 0 && --fault.times === 0) this.list.splice(at, 1)
    return fault
  }

  /** The fault that this request meets, if any; it is used up by that. */
  request(unit, index, path) {
    return this.#take(f => f.unit === unit && f.kind !== "stale" && (f.index ?? index) === index && path.includes(f.path ?? ""))
  }

  push(message) {
    return this.#take(f => f.unit === "push" && Object.entries(f.match).every(([name, value]) => message[name] === value))
  }
}
