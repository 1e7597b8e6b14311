// The base layer: blocks of transactions and of the data items that the units bundle. Every bundle is a block of its own, and `mine`
// adds empty ones. wao's GraphQL searches it.

import { createHash } from "node:crypto"
import GQL from "./node_modules/wao/esm/tgql.js"
import { toGraphObj } from "./node_modules/wao/esm/utils.js"
import arweavePackage from "./node_modules/arweave/node/index.js"
import { Refusal, addressOf, base64url } from "./items.mjs"

const arweave = (arweavePackage.default ?? arweavePackage).init({})
const text = encoded => Buffer.from(encoded, "base64url").toString()

export class Chain {
  constructor(clock) {
    this.clock = clock
    this.blocks = []
    this.blockmap = {}
    this.addrmap = {}
    this.txs = new Map()
    this.pending = new Map()
    this.gql = new GQL({ mem: this })
    this.mine([])
  }

  get height() {
    return this.blocks.length
  }

  get current() {
    return this.blocks[this.blocks.length - 1]
  }

  mine(transactions) {
    const previous = this.current ?? ""
    const height = this.blocks.length + 1
    const id = base64url(createHash("sha384").update(`${previous}:${height}:${transactions.map(t => t.id)}`).digest())
    for (const transaction of transactions) {
      this.txs.set(transaction.id, { ...transaction, block: id })
      this.addrmap[transaction.owner] = { address: transaction.owner, key: transaction.key }
    }
    this.blockmap[id] = { id, height, previous, timestamp: Math.floor(this.clock() / 1000), txs: transactions.map(t => t.id) }
    this.blocks.push(id)
    return id
  }

  bundle(items) {
    const fresh = items.filter(item => !this.txs.has(item.id))
    return this.mine(
      fresh.map(item => ({
        id: item.id,
        owner: item.address,
        key: item.owner,
        recipient: item.target,
        tags: item.tags,
        data: item.data,
        anchor: item.anchor,
        signature: item.signature,
      })),
    )
  }

  truncate(height) {
    for (const id of this.blocks.splice(height)) {
      for (const transaction of this.blockmap[id].txs) this.txs.delete(transaction)
      delete this.blockmap[id]
    }
  }

  // wao's search asks for this.
  async getTx(id) {
    const { data, ...transaction } = this.txs.get(id)
    return transaction
  }

  /** A format 2 transaction as arweave clients post it, its data inline or to come in chunks. */
  async post(raw) {
    let valid = false
    try {
      valid = raw.format === 2 && (await arweave.transactions.verify(arweave.transactions.fromRaw(raw)))
    } catch (error) {
      throw new Refusal(400, `not a transaction: ${error.message}`)
    }
    if (!valid) throw new Refusal(400, "the signature of the transaction does not verify")
    if (this.txs.has(raw.id)) throw new Refusal(208, "Transaction already processed.")
    const data = Buffer.from(raw.data ?? "", "base64url")
    if (data.length < Number(raw.data_size)) {
      this.pending.set(raw.data_root, { raw, data: Buffer.alloc(Number(raw.data_size)), missing: Number(raw.data_size) })
      return undefined
    }
    return this.#include(raw, data)
  }

  /** A part of a transaction's data; gives the whole transaction when it was the last one. */
  chunk({ data_root: root, chunk, offset }) {
    const open = this.pending.get(root)
    if (!open) throw new Refusal(400, "no transaction waits for this chunk")
    const bytes = Buffer.from(chunk, "base64url")
    // `offset` is that of some byte of the chunk; clients send the last one.
    const start = Math.max(0, Number(offset) + 1 - bytes.length)
    bytes.copy(open.data, start)
    open.missing -= bytes.length
    if (open.missing > 0) return undefined
    this.pending.delete(root)
    return this.#include(open.raw, open.data)
  }

  #include(raw, data) {
    const tags = raw.tags.map(({ name, value }) => ({ name: text(name), value: text(value) }))
    const owner = addressOf(Buffer.from(raw.owner, "base64url"))
    this.mine([{ id: raw.id, owner, key: raw.owner, recipient: raw.target, tags, data, anchor: raw.last_tx, signature: raw.signature, raw }])
    return { ...raw, data: data.toString("base64url") }
  }

  async search(body) {
    const { tar, args } = toGraphObj(body)
    const first = Math.min(args.first ?? 10, 100)
    const found = tar === "blocks" ? await this.gql.blocks({ ...args, first: first + 1 }) : await this.gql.txs({ ...args, first: first + 1 })
    const edges = found.slice(0, first).map(node => ({ node, cursor: node.cursor }))
    return { data: { [tar]: { pageInfo: { hasNextPage: found.length > first }, edges } } }
  }
}
