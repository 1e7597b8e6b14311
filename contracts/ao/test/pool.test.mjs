// The pool that stands in for those of Botega, in the real module: what it pays, what it sends back, and what it does not believe.

import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { Devnet, messageOf, rsaWallets, wallet } from "./client.mjs"

const tokenCode = readFileSync(new URL("../devnet/token.lua", import.meta.url), "utf8")
const poolCode = readFileSync(new URL("../pool/pool.lua", import.meta.url), "utf8")
const owner = rsaWallets[0]
const [alice, bob, factory] = ["alice", "bob", "factory"].map(wallet)
const FEE = 30n
const HELD = [3_000_000_000_000_000_000_007n, 1_000_000_011n]
const FUNDS = 10n ** 30n

let net, a, b, stranger, pool, snapshot

async function newToken() {
  const token = await net.spawn(owner, { Ticker: "T", Denomination: "12" })
  await net.eval(owner, token, tokenCode)
  for (const user of [alice, bob]) await net.send(owner, token, { Action: "Mint", Recipient: user.address, Quantity: FUNDS })
  return token
}

async function newPool(fee = String(FEE)) {
  const made = await net.spawn(owner, { "Token-A": a, "Token-B": b, "Fee-Bps": fee, "AMM-Factory": factory.address })
  await net.eval(owner, made, poolCode)
  return made
}

before(async () => {
  net = await Devnet.start()
  a = await newToken()
  b = await newToken()
  stranger = await newToken()
  pool = await newPool()
  for (const [i, token] of [a, b].entries()) await transfer(alice, token, HELD[i], { "X-Action": "Provide", "X-Slippage-Tolerance": "1" })
  assert.deepEqual(await reserves(), HELD)
  snapshot = (await net.control("/snapshot")).snapshot
})
after(() => net?.stop())
beforeEach(() => net.control("/revert", { snapshot }))
afterEach(() => net.clearFaults())

/** Transfers to a pool with these tags, and waits for all that follows. */
async function transfer(from, token, quantity, tags, to = pool) {
  const sent = await net.send(from, token, { Action: "Transfer", Recipient: to, Quantity: quantity, ...tags })
  await net.idle()
  return sent
}

const swap = (from, token, quantity, least = 1, to = pool) => transfer(from, token, quantity, { "X-Action": "Swap", "X-Expected-Min-Output": least }, to)

async function reserves(of = pool) {
  const { tags } = messageOf(await net.dryRun(of, { Action: "Get-Reserves" }), "Get-Reserves-Response")
  return [BigInt(tags[a]), BigInt(tags[b])]
}

async function balance(token, of) {
  return BigInt(messageOf(await net.dryRun(token, { Action: "Balance", Recipient: of.address ?? of }), "Balance-Response").tags.Balance)
}

/** The result of the newest message of the pool that made it send something of this kind. */
async function told(action, of = pool) {
  const { body } = await net.json("cu", `/results/${of}?sort=DESC&limit=3`)
  return body.edges.map(({ node }) => messageOf(node, action)).find(Boolean)
}

/** What the rule of the pool gives, in integers. */
function quoted([reserve, other], quantity, fee = FEE) {
  const traded = (quantity * (10_000n - fee)) / 10_000n
  return other - (reserve * other + reserve + traded - 1n) / (reserve + traded)
}

/** That what the pool says it has is what its tokens say. */
async function isSolvent() {
  assert.deepEqual(await reserves(), [await balance(a, pool), await balance(b, pool)])
}

describe("a swap", () => {
  for (const [name, side, quantity] of [
    ["for one unit of what there is little of", 0, 3_100_000_000_012n],
    ["of more than 53 bits", 0, 2n ** 70n + 12_345n],
    ["of two units that are worth much, of which a fee is taken", 1, 2n],
    ["of more than the reserve", 1, 7_777_777_777_777n],
  ]) {
    test(`pays to the last unit what the rule gives: ${name}`, async () => {
      const [from, to] = side ? [b, a] : [a, b]
      const ends = side ? [...HELD].reverse() : HELD
      const expected = quoted(ends, quantity)
      const asked = messageOf(await net.dryRun(pool, { Action: "Get-Swap-Output", Token: from, Quantity: quantity, Swapper: bob.address }), "Get-Swap-Output-Response")
      assert.equal(BigInt(asked.tags.Output), expected)
      await swap(bob, from, quantity, expected)
      assert.equal(await balance(to, bob), FUNDS + expected)
      assert.equal(await balance(from, bob), FUNDS - quantity)
      const [reserve, other] = side ? (await reserves()).reverse() : await reserves()
      assert.deepEqual([reserve, other], [ends[0] + quantity, ends[1] - expected])
      assert.ok(reserve * other >= ends[0] * ends[1], "the product does not fall")
      const order = await told("Order-Confirmation")
      assert.deepEqual([order.target, order.tags["Relay-To"], order.tags["To-Quantity"]], [factory.address, bob.address, String(expected)])
      await isSolvent()
    })
  }

  test("of less than it is worth a unit of is sent back", async () => {
    assert.equal(quoted(HELD, 1_000n), 0n)
    await refunded(() => swap(bob, a, 1_000n), a, "There isn't enough liquidity in the reserves to complete this order")
  })

  test("that would bring less than its least is sent back, and nothing else happens", async () => {
    const quantity = 10n ** 18n
    const least = quoted(HELD, quantity) + 1n
    const sent = await refunded(() => swap(bob, a, quantity, least), a, "Could not swap with expected min output")
    const back = await told("Transfer")
    assert.deepEqual([back.target, back.tags.Recipient, back.tags.Quantity, back.tags["X-Refunded-Transfer"]], [a, bob.address, String(quantity), sent.id])
  })

  for (const [name, tags, reason] of [
    ["no least", {}, "X-Expected-Min-Output is not present"],
    ["a least of nothing", { "X-Expected-Min-Output": "0" }, "Invalid expected min output"],
    ["a negative least", { "X-Expected-Min-Output": "-1" }, "Invalid expected min output"],
    ["a least that is no integer", { "X-Expected-Min-Output": "1.5" }, "Invalid expected min output"],
    ["a least in hexadecimal digits", { "X-Expected-Min-Output": "0x10" }, "Invalid expected min output"],
    ["a least beyond 128 bits", { "X-Expected-Min-Output": 2n ** 128n }, "Invalid expected min output"],
    ["an exact output", { "X-Expected-Output": "5" }, "X-Expected-Output is disabled, use X-Expected-Min-Output instead"],
  ]) {
    test(`with ${name} is sent back`, async () => {
      await refunded(() => transfer(bob, a, 10n ** 18n, { "X-Action": "Swap", ...tags }), a, reason)
    })
  }

  test("in an empty pool is sent back", async () => {
    const empty = await newPool("25")
    await swap(bob, a, 10n ** 18n, 1, empty)
    assert.equal((await told("Order-Error", empty)).tags.Result, "The reserves are empty")
    assert.equal(await balance(a, bob), FUNDS)
    assert.deepEqual(await reserves(empty), [0n, 0n])
  })

  test("goes at the new price after another one", async () => {
    const first = quoted(HELD, 10n ** 18n)
    await swap(bob, a, 10n ** 18n, first)
    await refunded(() => swap(bob, a, 10n ** 18n, first), a, "Could not swap with expected min output", FUNDS - 10n ** 18n)
  })
})

/** That an action leaves everything as it was, and is answered with this reason. */
async function refunded(action, token, reason, funds = FUNDS) {
  const before = await reserves()
  const sent = await action()
  const error = await told("Order-Error")
  assert.deepEqual([error?.tags.Result, error?.target, error?.tags["Relay-To"]], [reason, factory.address, bob.address])
  assert.equal(await balance(token, bob), funds)
  assert.deepEqual(await reserves(), before)
  await isSolvent()
  return sent
}

describe("what is no swap", () => {
  test("a token that is none of the pool's is sent back", async () => {
    await swap(bob, stranger, 10n ** 18n)
    assert.equal((await told("Transfer")).tags["X-Error"], "Token is not in pair")
    assert.equal(await balance(stranger, bob), FUNDS)
    assert.deepEqual(await reserves(), HELD)
  })

  test("a transfer without an action, or with another one, is sent back", async () => {
    for (const tags of [{}, { "X-Action": "Lock" }]) await transfer(bob, a, 10n ** 18n, tags)
    assert.equal((await told("Transfer")).tags["X-Error"], "Invalid forwarded action")
    assert.equal(await balance(a, bob), FUNDS)
    await isSolvent()
  })

  test("further liquidity is sent back", async () => {
    await transfer(bob, a, 10n ** 18n, { "X-Action": "Provide" })
    assert.equal(await balance(a, bob), FUNDS)
    assert.deepEqual(await reserves(), HELD)
  })
})

describe("what it does not believe", () => {
  const notice = tags => ({ Action: "Credit-Notice", Sender: bob.address, Quantity: 10n ** 18n, "X-Action": "Swap", "X-Expected-Min-Output": 1, ...tags })

  async function isUnmoved() {
    await net.idle()
    assert.deepEqual(await reserves(), HELD)
    assert.deepEqual([await balance(a, bob), await balance(b, bob)], [FUNDS, FUNDS])
    await isSolvent()
  }

  test("a notice of somebody who is no token", async () => {
    await net.send(bob, pool, notice())
    await isUnmoved()
  })

  test("a notice that claims to be from a token", async () => {
    await net.send(bob, pool, notice({ "From-Process": a, From: a, "Pushed-For": "x", Reference: "1" }))
    await isUnmoved()
  })

  test("a notice of another token in the name of one of the pair", async () => {
    await net.eval(owner, stranger, `ao.send({ Target = "${pool}", Action = "Credit-Notice", From = "${a}", Sender = "${bob.address}", Quantity = "1000", ["X-Action"] = "Swap", ["X-Expected-Min-Output"] = "1" })`)
    await isUnmoved()
  })

  const speaks = quantity => net.eval(owner, a, `ao.send({ Target = "${pool}", Action = "Credit-Notice", Sender = "${bob.address}", Quantity = "${quantity}", ["X-Action"] = "Swap", ["X-Expected-Min-Output"] = "1" })`)

  test("nothing else: a token that speaks of a number of units is believed", async () => {
    await speaks(10n ** 18n)
    await net.idle()
    assert.equal(await balance(b, bob), FUNDS + quoted(HELD, 10n ** 18n))
  })

  for (const quantity of ["0", "-1000000000000000000", "1.5", "1e18", "0x10", "007", " 5", "five", "", 2n ** 128n, "9".repeat(200)]) {
    test(`a token that speaks of ${JSON.stringify(String(quantity))} units`, async () => {
      await speaks(quantity)
      await isUnmoved()
    })
  }

  test("more than the reserves can count is sent back", async () => {
    const most = 2n ** 128n - 1n
    await net.send(owner, a, { Action: "Mint", Recipient: bob.address, Quantity: most })
    await swap(bob, a, most)
    assert.equal((await told("Order-Error")).tags.Result, "Invalid input quantity")
    assert.equal(await balance(a, bob), FUNDS + most)
    await isSolvent()
  })

  test("the same item posted twice is one swap", async () => {
    const item = await net.item(bob, a, { Action: "Transfer", Recipient: pool, Quantity: 10n ** 18n, "X-Action": "Swap", "X-Expected-Min-Output": 1 })
    for (let i = 0; i < 2; i++) await net.post(item.raw)
    await net.idle()
    assert.equal(await balance(b, bob), FUNDS + quoted(HELD, 10n ** 18n))
    await isSolvent()
  })

  test("a notice that was pushed twice is one swap, and one refund", async () => {
    await net.fault({ unit: "push", kind: "duplicate", match: { Target: pool, Action: "Credit-Notice" } })
    await swap(bob, a, 10n ** 18n)
    const paid = quoted(HELD, 10n ** 18n)
    assert.equal(await balance(b, bob), FUNDS + paid)
    await net.fault({ unit: "push", kind: "duplicate", match: { Target: pool, Action: "Credit-Notice" } })
    await swap(bob, b, 1000n, 10n ** 25n)
    assert.equal(await balance(b, bob), FUNDS + paid)
    await isSolvent()
  })
})

test("what it says of itself", async () => {
  const { tags: pair } = messageOf(await net.dryRun(pool, { Action: "Get-Pair" }), "Get-Pair-Response")
  assert.deepEqual([pair["Token-A"], pair["Token-B"]], [a, b])
  const { tags: fee } = messageOf(await net.dryRun(pool, { Action: "Get-Fee-Percentage" }), "Get-Fee-Percentage-Response")
  assert.equal(fee["Fee-Percentage"], "0.3")
  assert.ok(messageOf(await net.dryRun(pool, { Action: "Get-Swap-Output", Token: stranger, Quantity: 5 }), "Get-Swap-Output-Error"))
})
