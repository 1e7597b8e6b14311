// A gateway on the local network with everything it needs, and what tests do with it.

import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { Devnet, messageOf, rsaWallets, wallet, wordOf } from "./client.mjs"
import { bundle } from "../gateway/build.mjs"

export const ZERO = `0x${"00".repeat(32)}`
export const vectors = JSON.parse(readFileSync(new URL("../../vectors.json", import.meta.url)))
export const PEER = vectors.gateways[0].id
export const OTHER_PEER = vectors.gateways[3].id
export const EVM_ACCOUNT = vectors.operations[0].recipient

const conservation = readFileSync(new URL("conservation.lua", import.meta.url), "utf8")
const tokenCode = readFileSync(new URL("../devnet/token.lua", import.meta.url), "utf8")

export const owner = rsaWallets[0]
export const guardian = wallet("guardian")
export const treasury = wallet("treasury")
export const attesters = ["attester 1", "attester 2", "attester 3"].map(wallet).sort((a, b) => (a.word < b.word ? -1 : 1))
export const [alice, bob, carol] = ["alice", "bob", "carol"].map(wallet)
export const stranger = wallet("stranger")
export const feeds = ["feed 1", "feed 2"].map(wallet)

export const DELAY = 3600
export const WINDOW = 1_000_000_000_000n // 1 M TIM3
export const ONE = 1_000_000n // one TIM3
export const USDA = 1_000_000_000_000n // one USDA, native

export class Gateway {
  /** A gateway with USDA as the collateral of a reserve market and WAR of a vault market, and two peers, active. */
  static async deploy({ threshold = 2, store } = {}) {
    const net = await Devnet.start({ store })
    const g = Object.assign(new Gateway(), { net })
    try {
      await g.#set(threshold)
      if (!store) g.snapshot = (await net.control("/snapshot")).snapshot
    } catch (error) {
      await net.stop()
      throw error
    }
    return g
  }

  async #set(threshold) {
    const { net } = this
    this.usda = await net.spawn(owner, { Ticker: "USDA", Denomination: "12" })
    this.war = await net.spawn(owner, { Ticker: "WAR", Denomination: "12" })
    this.process = await net.spawn(owner)
    for (const token of [this.usda, this.war]) {
      await net.eval(owner, token, tokenCode)
      for (const user of [alice, bob, carol]) await net.send(owner, token, { Action: "Mint", Recipient: user.address, Quantity: 1_000_000n * USDA })
    }
    await net.eval(owner, this.process, bundle())
    this.id = (
      await this.ok(owner, "Initialize", {}, { chain: "ao:devnet", salt: `0x${"11".repeat(32)}`, admin: owner.address, guardian: guardian.address, delay: String(DELAY) })
    ).gateway
    this.tim3 = (await this.configure({ call: "AddSynthetic", symbol: "TIM3", name: "TIM3", target: "1000000000000000000" })).asset
    this.usdaAsset = (await this.configure({ call: "AddCollateral", symbol: "USDA", token: this.usda, decimals: "6", nativeDecimals: "12" })).asset
    this.warAsset = (await this.configure({ call: "AddCollateral", symbol: "WAR", token: this.war, decimals: "12", nativeDecimals: "12" })).asset
    this.oracle = (
      await this.configure({ call: "AddOracle", feed: "WAR/USD", primary: feeds[0].address, primaryMaxAge: "3600", secondary: feeds[1].address, secondaryMaxAge: "3600" })
    ).oracle
    this.reserve = (await this.configure({ call: "SetMarket", synthetic: "TIM3", collateral: "USDA", kind: "0", ceiling: String(10n * WINDOW) })).market
    this.vault = (
      await this.configure({
        call: "SetMarket", synthetic: "TIM3", collateral: "WAR", kind: "1", oracle: this.oracle, maxLtv: "7500", liquidationThreshold: "8250",
        bonus: "500", closeFactor: "5000", ceiling: String(10n * WINDOW), dust: String(100n * ONE),
      })
    ).market
    for (const kind of ["1", "2"]) await this.configure({ call: "SetWindow", asset: "TIM3", kind, limit: String(WINDOW), period: "3600" })
    for (const [peer, evm] of [[PEER, "true"], [OTHER_PEER, "false"]]) {
      await this.configure({
        call: "SetRoute", asset: "TIM3", peer, enabled: "true", min: String(ONE), max: String(WINDOW), flatFee: "1000", feeBps: "10", evm,
      })
    }
    await this.configure({ call: "SetAttesters", threshold: String(threshold), signers: attesters.map(a => a.address) })
    await this.configure({ call: "SetTreasury", account: treasury.address })
    await this.ok(owner, "Activate")
    this.self = wordOf(this.process)
  }

  stop() {
    return this.net.stop()
  }

  /** Back to right after the deployment. */
  revert() {
    return this.net.control("/revert", { snapshot: this.snapshot })
  }

  /** Sends an action; gives {answer, error, result, id}. */
  async act(from, action, tags = {}, data = "") {
    const result = await this.net.send(from, this.process, { Action: action, ...tags }, typeof data === "string" ? data : JSON.stringify(data))
    const answer = messageOf(result, `${action}-Response`, from.address)
    const error = messageOf(result, `${action}-Error`, from.address)
    return { answer: answer?.data, repeated: answer?.tags.Repeated === "true", error: error?.tags.Error, detail: error?.data?.detail, result, id: result.id }
  }

  async ok(from, action, tags, data) {
    const done = await this.act(from, action, tags, data)
    assert.equal(done.error, undefined, `${action}: ${done.error} ${JSON.stringify(done.detail)}`)
    assert.ok(done.answer, `${action} was not answered: ${JSON.stringify(done.result)}`)
    return done.answer
  }

  async refused(name, from, action, tags, data) {
    const done = await this.act(from, action, tags, data)
    assert.equal(done.error, name, `${action}: ${JSON.stringify(done.answer)} ${JSON.stringify(done.detail)}`)
    return done
  }

  configure(call) {
    return this.ok(owner, "Configure", {}, call)
  }

  /** What the admin schedules and applies after the delay. */
  async later(call) {
    await this.ok(owner, "Schedule", {}, call)
    await this.net.advance(DELAY + 1)
    return this.act(owner, "Apply", {}, call)
  }

  async view(View, tags = {}) {
    const result = await this.net.dryRun(this.process, { Action: "View", View, ...tags })
    const answer = messageOf(result, "View-Response")
    if (!answer) throw new Error(`view ${View}: ${JSON.stringify(result)}`)
    return answer.data
  }

  // -------------------------------------------------------------------------------------------------------------------- tokens

  async balance(user, token = this.process) {
    const result = await this.net.dryRun(token, { Action: "Balance", Recipient: user.address ?? user })
    return BigInt(messageOf(result, "Balance-Response").tags.Balance)
  }

  /** Transfers collateral to the gateway with the tags of a lock; waits for all that follows. Gives what the gateway told the sender. */
  async deposit(from, quantity, tags, token = this.usda) {
    const sent = await this.net.send(from, token, { Action: "Transfer", Recipient: this.process, Quantity: quantity, ...tags })
    assert.ok(messageOf(sent, "Debit-Notice"), JSON.stringify(sent))
    await this.net.idle()
    return { sent, ...(await this.lastToldBy(this.process, from)) }
  }

  /** What the newest message of a process's outbox told an account. */
  async lastToldBy(process, to) {
    const { body } = await this.net.json("cu", `/results/${process}?sort=DESC&limit=1`)
    const result = body.edges[0].node
    return { answer: messageOf(result, "Lock-Response", to.address)?.data, error: messageOf(result, "Lock-Error", to.address)?.tags.Error, result }
  }

  lockTags({ market = this.reserve, debt, destination = PEER, recipient = EVM_ACCOUNT, maxFee = 10n ** 12n, ...rest }) {
    return {
      "X-Action": "Lock", "X-Market": market, "X-Debt": debt, "X-Destination": destination, "X-Recipient": recipient, "X-Max-Fee": maxFee, ...rest,
    }
  }

  /** Locks USDA at par. */
  lock(from, debt, options = {}) {
    return this.deposit(from, (debt * USDA) / ONE, this.lockTags({ debt, ...options }))
  }

  /** Locks at home: the user gets tokens here. */
  async mintAtHome(from, amount) {
    const { answer } = await this.lock(from, amount, { destination: this.id, recipient: from.word })
    assert.equal(answer?.minted, String(amount))
  }

  async setPrice(value, ...others) {
    const time = Math.floor((await this.net.control("/clock", { advance: 0 })).now / 1000)
    for (const [i, price] of [value, others[0] ?? value].entries()) {
      await this.ok(feeds[i], "Price", { Feed: "WAR/USD", Price: String(price), Time: String(time) })
    }
  }

  // -------------------------------------------------------------------------------------------------------------------- orders

  operation(fields) {
    return {
      kind: 3n, origin: PEER, destination: this.id, nonce: 0n, asset: this.tim3, market: ZERO, owner: ZERO, actor: EVM_ACCOUNT,
      refundTo: EVM_ACCOUNT, recipient: bob.word, amount: 100n * ONE, fee: 0n, wanted: 0n, timestamp: 1_700_000_000n, ...fields,
    }
  }

  /** The operation that an event carries in its last fourteen words. */
  async sent(sequence) {
    const { events } = await this.view("Events", { From: sequence, Limit: 1 })
    return `0x${events[0].body.slice(-14 * 64)}`
  }

  async epoch() {
    return (await this.view("Attesters")).epoch
  }

  /** What the last of `voters` hears about each order. */
  async attest(orders, voters = attesters.slice(0, 2)) {
    const epoch = await this.epoch()
    let answer
    for (const voter of voters) answer = await this.ok(voter, "Attest", { Epoch: epoch }, orders.map(([action, content]) => ({ action: String(action), content })))
    return answer.orders
  }

  async executed(action, content) {
    const [order] = await this.attest([[action, content]])
    assert.equal(order.code, "0", `${order.reason} ${JSON.stringify(order.detail)}`)
    return order
  }

  async rejected(name, action, content) {
    const [order] = await this.attest([[action, content]])
    assert.equal(order.reason, name, JSON.stringify(order))
    return order
  }

  // -------------------------------------------------------------------------------------------------------------- conservation

  /** Everything that must hold between messages; done in the module itself. */
  async checkConservation() {
    const result = await this.net.dryRun(this.process, { Action: "Eval" }, { data: conservation, from: owner.address })
    assert.equal(result.Error, undefined)
    assert.equal(result.Output?.data?.output ?? result.Output?.data, "right")
  }
}

const word = value => (typeof value === "bigint" ? value.toString(16).padStart(64, "0") : value.slice(2))

/** The words of anything: numbers and words. */
export const encode = (...values) => `0x${values.map(word).join("")}`

const FIELDS = ["kind", "origin", "destination", "nonce", "asset", "market", "owner", "actor", "refundTo", "recipient", "amount", "fee", "wanted", "timestamp"]

export const encodeOperation = operation => encode(...FIELDS.map(name => operation[name]))
