// What survives a kill: a log of everything that was scheduled, computed or posted, one JSON line each, and checkpoints of process
// memory. What is scheduled is on disk before anybody hears of it; pushes that were on their way are lost, as on the real network.

import { closeSync, existsSync, fdatasyncSync, mkdirSync, openSync, readFileSync, renameSync, truncateSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { deserialize, serialize } from "node:v8"
import { packState, unpackState } from "./machine.mjs"

export class Store {
  #file

  constructor(folder) {
    this.folder = folder
    if (!folder) return
    mkdirSync(folder, { recursive: true })
    this.path = join(folder, "log.jsonl")
  }

  /** Every entry of the log, in order. A line that a kill cut short is cut off. */
  *entries() {
    if (!this.folder) return
    if (existsSync(this.path)) {
      const text = readFileSync(this.path)
      const end = text.lastIndexOf(10) + 1
      if (end < text.length) truncateSync(this.path, end)
      for (let at = 0; at < end; ) {
        const next = text.indexOf(10, at)
        yield JSON.parse(text.toString("utf8", at, next))
        at = next + 1
      }
    }
    this.#file = openSync(this.path, "a")
  }

  append(entry, { durable = false } = {}) {
    if (!this.folder) return
    writeSync(this.#file, JSON.stringify(entry) + "\n")
    if (durable) fdatasyncSync(this.#file)
  }

  #checkpoint(process) {
    return join(this.folder, `${process}.state`)
  }

  saveState(process, nonce, state) {
    if (!this.folder) return
    const path = this.#checkpoint(process)
    writeFileSync(`${path}.new`, serialize({ nonce, pages: packState(state) }))
    renameSync(`${path}.new`, path)
  }

  loadState(process) {
    const path = this.#checkpoint(process)
    if (!this.folder || !existsSync(path)) return undefined
    const { nonce, pages } = deserialize(readFileSync(path))
    return { nonce, state: unpackState(pages) }
  }

  close() {
    if (this.#file === undefined) return
    fdatasyncSync(this.#file)
    closeSync(this.#file)
    this.#file = undefined
  }
}
