// The network behind the units: the scheduler's log, its evaluation in order, and the messages that come out of it. Everything that is
// known is derived from the log, so that a restart is a replay.

import { createHash } from "node:crypto"
import { MODULE, Machine } from "./machine.mjs"
import { Refusal, base64url, makeItem, openItem, reopen } from "./items.mjs"

export const SCHEDULER = "_GQ33BkPtZrqxA84vM8Zk-N2aO0toNNu_C-l-rawrBA"
export const VARIANT = [
  { name: "Data-Protocol", value: "ao" },
  { name: "Variant", value: "ao.TN.1" },
]
const MESSENGERS = new Set(["Data-Protocol", "Variant", "Type", "From-Process", "From-Module", "Pushed-For"])
const CHECKPOINT_EVERY = 50
const ID = /^[A-Za-z0-9_-]{43}$/

const chained = (hash, id) => base64url(createHash("sha256").update(Buffer.from(hash, "base64url")).update(Buffer.from(id, "base64url")).digest())

export class Network {
  #scheduling = Promise.resolve()
  #evaluating = Promise.resolve()
  #busy = 0
  #idle = []

  /** `units` holds the signers {su, mu}; `chain` the base layer; `clock` gives milliseconds. */
  constructor({ units, chain, store, faults, clock }) {
    Object.assign(this, { units, chain, store, faults, clock })
    this.processes = new Map()
    this.places = new Map()
    this.held = []
    this.lost = 0
    this.last = 0
  }

  // ---------------------------------------------------------------------------------------------------------------- scheduling

  /** What the messenger does with an item: verified, known ones ignored, scheduled, and pushed on. Gives its id. */
  async submit(raw) {
    const item = await openItem(raw)
    await this.#schedule(item)
    return item.id
  }

  #schedule(item) {
    if (this.places.has(item.id)) return Promise.resolve()
    const type = item.tag("Type")
    if (type === "Process") this.#checkSpawn(item)
    else if (type !== "Message") throw new Refusal(400, `Type is ${type}, not Message or Process`)
    else if (!this.processes.has(item.target)) throw new Refusal(404, `process ${item.target || "(none)"} is not known here`)
    return this.#track(this.#serially("scheduling", () => this.#assign(item)))
  }

  #checkSpawn(item) {
    if (item.tag("Module") !== MODULE) throw new Refusal(400, `module ${item.tag("Module")} is not known here, only ${MODULE}`)
    if (item.tag("Scheduler") !== SCHEDULER) throw new Refusal(400, `the scheduler of this network is ${SCHEDULER}`)
  }

  async #assign(item) {
    if (this.places.has(item.id)) return
    const spawned = item.tag("Type") === "Process"
    const process = spawned ? item.id : item.target
    const log = this.processes.get(process)?.log ?? []
    const previous = log[log.length - 1]
    const nonce = log.length
    this.last = Math.max(this.last + 1, this.clock())
    const entry = {
      process,
      nonce,
      timestamp: this.last,
      height: this.chain.height + 1,
      hash: previous ? chained(previous.hash, previous.item.id) : process,
    }
    const assignment = await makeItem(this.units.su, {
      target: process,
      tags: [
        ...VARIANT,
        { name: "Type", value: "Assignment" },
        { name: "Process", value: process },
        { name: "Message", value: item.id },
        { name: "Epoch", value: "0" },
        { name: "Nonce", value: String(nonce) },
        { name: "Timestamp", value: String(entry.timestamp) },
        { name: "Block-Height", value: String(entry.height).padStart(12, "0") },
        { name: "Hash-Chain", value: entry.hash },
      ],
    })
    this.store.append(
      { kind: "assigned", ...entry, item: item.raw.toString("base64"), assignment: assignment.raw.toString("base64") },
      { durable: true },
    )
    this.#record({ ...entry, item, assignment })
  }

  #record(entry, { evaluate = true } = {}) {
    const { item, process: id, nonce } = entry
    if (nonce === 0) {
      const env = {
        Process: { Id: id, Owner: item.address, Tags: item.tags },
        Module: { Id: MODULE, Tags: [{ name: "Type", value: "Module" }] },
      }
      this.processes.set(id, { id, env, log: [], results: [], evaluated: -1 })
    }
    const process = this.processes.get(id)
    process.log.push(entry)
    this.places.set(item.id, { process, nonce })
    this.chain.bundle([item, entry.assignment])
    if (evaluate) entry.done = this.#track(this.#serially("evaluating", () => this.#evaluate(process, nonce)))
  }

  // ---------------------------------------------------------------------------------------------------------------- evaluating

  async #evaluate(process, nonce, { push = true, keep = true } = {}) {
    const entry = process.log[nonce]
    process.machine ??= await Machine.create()
    const result = await process.machine.evaluate(this.#message(process, entry), process.env)
    process.results[nonce] = result
    process.evaluated = nonce
    if (keep) this.store.append({ kind: "result", process: process.id, nonce, result })
    if (!push) return
    if ((nonce + 1) % CHECKPOINT_EVERY === 0) this.store.saveState(process.id, nonce, process.machine.state)
    for (const message of result.Messages) this.#push(process, entry, message)
  }

  #message(process, { item, nonce, timestamp, height, hash }) {
    return {
      Id: item.id,
      Target: process.id,
      // The compute units take the claimed sender; the module believes it only when the signer is its authority.
      From: item.tag("From-Process") ?? item.address,
      Owner: item.address,
      Anchor: item.anchor,
      Signature: item.signature,
      Data: item.data.toString(),
      Tags: item.tags,
      Module: MODULE,
      Epoch: 0,
      Nonce: nonce,
      Timestamp: timestamp,
      "Block-Height": height,
      "Hash-Chain": hash,
      Cron: false,
    }
  }

  dryRun(process, state, { Id, Owner, Anchor, Data, Tags }) {
    const owner = Owner || "1234"
    const message = {
      Id: Id || "1234",
      Target: process.id,
      From: owner,
      Owner: owner,
      Anchor: Anchor ?? "0",
      Data: Data ?? "",
      Tags: Tags ?? [],
      Module: MODULE,
      Timestamp: Math.max(this.last, this.clock()),
      "Block-Height": this.chain.height,
      Cron: false,
    }
    return this.#track(this.#serially("evaluating", () => process.machine.dryRun(state, message, process.env)))
  }

  // ------------------------------------------------------------------------------------------------------------------- pushing

  #push(process, cause, message) {
    const action = message.Tags.find(({ name }) => name === "Action")?.value
    const fault = this.faults.push({ From: process.id, Target: message.Target, Action: action })
    const send = () => this.#track(this.#serially("scheduling", () => this.#forward(process, cause, message)))
    if (fault?.kind === "drop") this.lost += 1
    else if (fault?.kind === "hold") this.held.push({ from: process.id, target: message.Target, action, send })
    else send()
    if (fault?.kind === "duplicate") send()
  }

  async #forward(process, cause, { Target, Tags, Data, Anchor }) {
    // What a process says of its own messages is not for it to say.
    const tags = Tags.map(({ name, value }) => ({ name, value: String(value) })).filter(({ name, value }) => name && value && !MESSENGERS.has(name))
    const item = await makeItem(this.units.mu, {
      target: ID.test(Target) ? Target : undefined,
      anchor: Anchor,
      data: Data === undefined ? "" : String(Data),
      tags: [
        ...VARIANT,
        { name: "Type", value: "Message" },
        ...tags,
        { name: "From-Process", value: process.id },
        { name: "From-Module", value: MODULE },
        { name: "Pushed-For", value: cause.item.tag("Pushed-For") ?? cause.item.id },
      ],
    })
    if (this.processes.has(Target)) return this.#assign(item)
    this.store.append({ kind: "recorded", item: item.raw.toString("base64") })
    this.chain.bundle([item])
  }

  /** Lets held messages go, in the order of `order` (indices into `held`), or as they came. */
  release(order) {
    const held = this.held
    const chosen = order ?? held.map((_, i) => i)
    if (chosen.some(i => !held[i])) throw new Refusal(400, `there are ${held.length} held messages`)
    this.held = held.filter((_, i) => !chosen.includes(i))
    for (const i of chosen) held[i].send()
    return chosen.length
  }

  // -------------------------------------------------------------------------------------------------------------------- waiting

  #serially(name, task) {
    const chain = name === "scheduling" ? this.#scheduling : this.#evaluating
    const run = chain.then(task)
    const settled = run.catch(() => {})
    if (name === "scheduling") this.#scheduling = settled
    else this.#evaluating = settled
    return run
  }

  #track(promise) {
    this.#busy += 1
    const settle = () => {
      this.#busy -= 1
      if (this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
    promise.then(settle, error => {
      if (!(error instanceof Refusal)) console.error(error)
      settle()
    })
    return promise
  }

  /** When nothing is scheduled, evaluated or pushed any more; held messages do not count. */
  idle() {
    return this.#busy === 0 ? Promise.resolve() : new Promise(resolve => this.#idle.push(resolve))
  }

  // ------------------------------------------------------------------------------------------------------------------- snapshots

  /** Everything as it is now. Cheap: pages of memory are shared. */
  snapshot() {
    const processes = [...this.processes.values()].map(p => ({ process: p, length: p.log.length, state: p.machine.state }))
    return { processes, last: this.last, height: this.chain.height }
  }

  /** Everything as it was. What happened since is forgotten, as if it had never been scheduled. */
  revert({ processes, last, height }) {
    this.processes = new Map(processes.map(({ process }) => [process.id, process]))
    for (const { process, length, state } of processes) {
      process.log.length = process.results.length = length
      process.evaluated = length - 1
      process.machine.restore(state)
    }
    this.places = new Map()
    for (const process of this.processes.values()) {
      for (const { item, nonce } of process.log) this.places.set(item.id, { process, nonce })
    }
    this.last = last
    this.held = []
    this.chain.truncate(height)
  }

  // -------------------------------------------------------------------------------------------------------------------- restart

  /** Replays the store; `other` gets the entries that are not this class's. What was pushed before the stop is in the log; what was about to be pushed is lost. */
  async restore(entries, other) {
    const results = new Map()
    for (const entry of entries) {
      if (entry.kind === "assigned") {
        const item = reopen(Buffer.from(entry.item, "base64"))
        const assignment = reopen(Buffer.from(entry.assignment, "base64"))
        this.last = Math.max(this.last, entry.timestamp)
        this.#record({ ...entry, item, assignment }, { evaluate: false })
      } else if (entry.kind === "recorded") this.chain.bundle([reopen(Buffer.from(entry.item, "base64"))])
      else if (entry.kind === "result") results.set(`${entry.process}:${entry.nonce}`, entry.result)
      else await other(entry)
    }
    for (const process of this.processes.values()) {
      const saved = this.store.loadState(process.id)
      if (saved) {
        process.machine = await Machine.create(saved.state)
        process.evaluated = saved.nonce
        for (let nonce = 0; nonce <= saved.nonce; nonce++) process.results[nonce] = results.get(`${process.id}:${nonce}`)
      }
      while (process.evaluated + 1 < process.log.length) {
        const nonce = process.evaluated + 1
        await this.#evaluate(process, nonce, { push: false, keep: !results.has(`${process.id}:${nonce}`) })
      }
    }
  }

  saveAll() {
    for (const { id, evaluated, machine } of this.processes.values()) {
      if (machine) this.store.saveState(id, evaluated, machine.state)
    }
  }
}
