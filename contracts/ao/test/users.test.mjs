// What users do at a gateway, in the real module: burns, redemptions, positions at home, the token.

import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { EVM_ACCOUNT, Gateway, ONE, PEER, USDA, ZERO, alice, bob, carol, encode, owner } from "./gateway.mjs"
import { Devnet, messageOf } from "./client.mjs"

let g
before(async () => (g = await Gateway.deploy()))
after(() => g?.stop())
beforeEach(() => g.revert())
afterEach(() => g.checkConservation())

describe("the scheduler's word", () => {
  test("is not overwritten by tags of the same name", async () => {
    const { now } = await g.net.control("/clock", { advance: 0 })
    await g.mintAtHome(alice, 10n * ONE)
    const done = await g.act(alice, "Burn", {
      Intent: "Transfer", Destination: PEER, Recipient: EVM_ACCOUNT, Quantity: 5n * ONE, "Max-Fee": ONE, Timestamp: "9999999999999", Nonce: "7", Id: "x",
      "Block-Height": "1",
    })
    const { events } = await g.view("Events", { From: done.answer.sequence })
    assert.equal(events[0].message, done.id)
    assert.ok(Math.abs(Number(events[0].timestamp) - now / 1000) < 300)
    assert.notEqual(events[0].nonce, "7")
  })
})

describe("burn", () => {
  beforeEach(() => g.mintAtHome(alice, 100n * ONE))
  const burn = tags => ({ Intent: "Transfer", Destination: PEER, Recipient: EVM_ACCOUNT, Quantity: 10n * ONE, "Max-Fee": ONE, ...tags })

  test("makes a Transfer operation and takes the tokens", async () => {
    const answer = await g.ok(alice, "Burn", burn())
    assert.equal(await g.balance(alice), 90n * ONE)
    assert.equal((await g.view("Outgoing", { Destination: PEER, Nonce: answer.nonce })).operation, answer.operation)
  })

  test("makes a Redeem operation", async () => {
    const answer = await g.ok(alice, "Burn", burn({ Intent: "Redeem", Market: EVM_ACCOUNT, "Position-Owner": EVM_ACCOUNT, Wanted: 5 }))
    const words = (await g.sent(answer.sequence)).slice(2).match(/.{64}/g)
    assert.deepEqual([BigInt(`0x${words[0]}`), BigInt(`0x${words[12]}`)], [2n, 5n])
  })

  test("is done once for a key, and answers the same", async () => {
    const first = await g.act(alice, "Burn", burn({ Key: "k1" }))
    const again = await g.act(alice, "Burn", burn({ Key: "k1" }))
    assert.deepEqual(again.answer, first.answer)
    assert.equal(again.repeated, true)
    assert.equal(await g.balance(alice), 90n * ONE)
    await g.refused("KeyUsed", alice, "Transfer", { Recipient: bob.address, Quantity: 1, Key: "k1" })
  })

  for (const [name, reason, tags] of [
    ["more than there is", "InsufficientBalance", { Quantity: 101n * ONE }],
    ["below the route's minimum", "AmountOutOfRange", { Quantity: 1 }],
    ["a part of a unit", "InvalidAmount", { Quantity: "1.5" }],
    ["a negative amount", "InvalidAmount", { Quantity: "-10000000" }],
    ["more than 128 bits", "InvalidAmount", { Quantity: 2n ** 128n }],
    ["to itself", "InvalidIntent", () => ({ Destination: g.id })],
    ["with no intent", "InvalidIntent", { Intent: "Bridge" }],
    ["a Transfer with a market", "InvalidIntent", { Market: EVM_ACCOUNT }],
    ["above the fee limit", "FeeTooHigh", { "Max-Fee": 1 }],
    ["to nobody", "InvalidAccount", { Recipient: "nobody" }],
    ["an unknown asset", "UnknownAsset", { Asset: "USDA" }],
  ]) {
    test(`is refused: ${name}`, async () => {
      const head = await g.view("Head")
      await g.refused(reason, alice, "Burn", burn(typeof tags === "function" ? tags() : tags))
      assert.equal((await g.view("Head")).hash, head.hash)
      assert.equal(await g.balance(alice), 100n * ONE)
      assert.equal((await g.view("Peer", { Gateway: PEER })).nextNonce, "0", "the nonce is free again")
    })
  }
})

describe("what is on its way when the messenger is killed", () => {
  test("is done once when it is sent again under its key", async () => {
    const store = mkdtempSync(join(tmpdir(), "tim3-ao-"))
    const killed = await Gateway.deploy({ store })
    let after
    try {
      await killed.mintAtHome(alice, 100n * ONE)
      const burn = { Intent: "Transfer", Destination: PEER, Recipient: EVM_ACCOUNT, Quantity: 10n * ONE, "Max-Fee": ONE, Key: "k1" }
      const first = await killed.ok(alice, "Burn", burn)
      await killed.net.fault({ unit: "push", kind: "hold", match: { From: killed.process, Action: "Transfer" } })
      const { payout } = await killed.ok(alice, "Redeem", { Market: killed.reserve, Quantity: 20n * ONE, Key: "k2" })
      const head = await killed.view("Head")
      await killed.net.stop("SIGKILL")

      after = Object.assign(new Gateway(), killed, { net: await Devnet.start({ store }) })
      assert.deepEqual(await after.view("Head"), head)
      const again = await after.act(alice, "Burn", burn)
      assert.deepEqual([again.answer, again.repeated], [first, true])
      const redeemed = await after.act(alice, "Redeem", { Market: after.reserve, Quantity: 20n * ONE, Key: "k2" })
      assert.deepEqual([redeemed.answer.payout, redeemed.repeated], [payout, true])
      await after.net.idle()
      const before = await after.balance(alice, after.usda)
      await after.executed(7, encode(payout, 2n))
      await after.net.idle()
      assert.equal(await after.balance(alice, after.usda), before + 20n * USDA)
      await after.checkConservation()
    } finally {
      await killed.stop()
      await after?.stop()
      rmSync(store, { recursive: true })
    }
  })
})

describe("redeem at home", () => {
  test("pays the reserve at par, and the payout becomes paid when the token says so", async () => {
    await g.mintAtHome(alice, 100n * ONE)
    await g.ok(alice, "Transfer", { Recipient: bob.address, Quantity: 40n * ONE })
    const before = await g.balance(bob, g.usda)
    const answer = await g.ok(bob, "Redeem", { Market: g.reserve, Quantity: 40n * ONE })
    assert.equal(answer.paid, String(40n * ONE))
    await g.net.idle()
    assert.equal(await g.balance(bob, g.usda), before + 40n * USDA)
    assert.equal((await g.view("Payout", { Payout: answer.payout })).status, "paid")
    assert.equal((await g.view("Totals", { Asset: "USDA" })).pending, "0")
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, String(60n * USDA))
  })

  test("is refused over the Release window", async () => {
    await g.mintAtHome(alice, 1000n * ONE)
    await g.ok(owner, "Schedule", {}, { call: "SetWindow", asset: "TIM3", kind: "2", limit: String(10n * ONE), period: "3600" })
    await g.net.advance(3601)
    await g.ok(owner, "Apply", {}, { call: "SetWindow", asset: "TIM3", kind: "2", limit: String(10n * ONE), period: "3600" })
    await g.refused("WindowFull", alice, "Redeem", { Market: g.reserve, Quantity: 11n * ONE })
    assert.equal(await g.balance(alice), 1000n * ONE)
    await g.ok(alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
    await g.refused("WindowFull", alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
    await g.net.advance(3600)
    await g.ok(alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
  })
})

describe("a vault", () => {
  const WAR = USDA
  const PRICE = 20n * 10n ** 18n
  const open = (user, collateral, debt) =>
    g.deposit(user, collateral * WAR, g.lockTags({ market: g.vault, debt, destination: g.id, recipient: user.word }), g.war)
  const position = async user => {
    const { collateral, debt } = await g.view("Position", { Market: g.vault, "Position-Owner": user.address })
    return [BigInt(collateral), BigInt(debt)]
  }

  test("needs a fresh price to draw", async () => {
    assert.equal((await open(alice, 100n, 100n * ONE)).error, "PriceUnavailable")
    await g.setPrice(PRICE)
    await g.net.advance(3601)
    assert.equal((await open(alice, 100n, 100n * ONE)).error, "PriceUnavailable")
    assert.equal((await g.view("Oracle", { Oracle: g.oracle })).verdict, "4")
  })

  test("draws up to max LTV at the lower price", async () => {
    await g.setPrice(PRICE, PRICE * 2n)
    assert.equal((await open(alice, 100n, 1500n * ONE + 1n)).error, "Undercollateralized")
    assert.equal((await open(alice, 100n, 1500n * ONE)).answer.minted, String(1500n * ONE))
    assert.equal((await open(bob, 100n, 99n * ONE)).error, "BelowDust")
  })

  test("draws more against what is there, without a deposit", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 500n * ONE)
    await g.ok(alice, "Lock", { Market: g.vault, Debt: 500n * ONE, Destination: g.id, Recipient: alice.address })
    assert.deepEqual(await position(alice), [100n * WAR, 1000n * ONE])
    await g.refused("Undercollateralized", alice, "Lock", { Market: g.vault, Debt: 501n * ONE, Destination: g.id, Recipient: alice.address })
    await g.refused("Undercollateralized", bob, "Lock", { Market: g.vault, Debt: 500n * ONE, Destination: g.id, Recipient: bob.address })
    await g.refused("ZeroAmount", bob, "Lock", { Market: g.vault })
  })

  test("repays, for anybody, no more than the debt", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 500n * ONE)
    await open(bob, 100n, 600n * ONE)
    const answer = await g.ok(bob, "Repay", { Market: g.vault, "Position-Owner": alice.address, Quantity: 600n * ONE })
    assert.equal(answer.repaid, String(500n * ONE))
    assert.deepEqual(await position(alice), [100n * WAR, 0n])
    await g.refused("NoDebt", bob, "Repay", { Market: g.vault, "Position-Owner": alice.address, Quantity: ONE })
  })

  test("lets its owner withdraw while LTV holds, and nobody else", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 750n * ONE)
    await g.refused("Undercollateralized", alice, "Withdraw", { Market: g.vault, Quantity: 50n * WAR + 1n })
    await g.refused("AmountOutOfRange", bob, "Withdraw", { Market: g.vault, Quantity: WAR })
    const before = await g.balance(carol, g.war)
    await g.ok(alice, "Withdraw", { Market: g.vault, Quantity: 50n * WAR, Recipient: carol.address })
    await g.net.idle()
    assert.equal(await g.balance(carol, g.war), before + 50n * WAR)
    await g.refused("WrongMarketKind", alice, "Withdraw", { Market: g.reserve, Quantity: 1 })
  })

  test("is liquidated by anybody when it is unhealthy at the higher price", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 1500n * ONE)
    await open(bob, 200n, 1500n * ONE)
    const liquidate = tags => ({ Market: g.vault, "Position-Owner": alice.address, "Max-Repay": 10_000n * ONE, ...tags })
    await g.setPrice(17n * 10n ** 18n, PRICE)
    await g.net.advance(1)
    await g.refused("Healthy", bob, "Liquidate", liquidate())
    await g.setPrice(18n * 10n ** 18n)
    await g.refused("SeizedTooLittle", bob, "Liquidate", liquidate({ "Min-Seized": 44n * WAR }))
    await g.refused("InsufficientBalance", carol, "Liquidate", liquidate())
    const answer = await g.ok(bob, "Liquidate", liquidate())
    assert.equal(answer.repaid, String(750n * ONE))
    assert.equal(answer.seized, String((750n * 105n * WAR) / (100n * 18n)))
    assert.deepEqual(await position(alice), [100n * WAR - BigInt(answer.seized), 750n * ONE])
    await g.net.idle()
    assert.equal((await g.view("Payout", { Payout: answer.payout })).status, "paid")
  })

  test("is liquidated once for each key", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 1500n * ONE)
    await open(bob, 200n, 1500n * ONE)
    await g.net.advance(1)
    await g.setPrice(18n * 10n ** 18n)
    const liquidate = { Market: g.vault, "Position-Owner": alice.address, "Max-Repay": 100n * ONE, Key: "0123" }
    const answer = await g.ok(bob, "Liquidate", liquidate)
    assert.equal(answer.repaid, String(100n * ONE))
    const again = await g.act(bob, "Liquidate", liquidate)
    assert.deepEqual([again.repeated, again.answer], [true, answer])
    assert.equal((await position(alice))[1], 1400n * ONE)
    await g.ok(bob, "Liquidate", { ...liquidate, Key: "4567" })
    assert.equal((await position(alice))[1], 1300n * ONE)
  })

  test("that is under water is taken whole, and its bad debt can be covered", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 1500n * ONE)
    await open(bob, 1000n, 5000n * ONE)
    await g.net.advance(1)
    await g.setPrice(10n * 10n ** 18n)
    const liquidate = { Market: g.vault, "Position-Owner": alice.address }
    await g.refused("MustTakeWhole", bob, "Liquidate", { ...liquidate, "Max-Repay": 100n * ONE })
    const answer = await g.ok(bob, "Liquidate", { ...liquidate, "Max-Repay": 5000n * ONE })
    assert.equal(answer.repaid, "952380953")
    const bad = 1500n * ONE - 952380953n
    assert.equal((await g.view("BadDebt", { Market: g.vault })).amount, String(bad))
    assert.deepEqual(await position(alice), [0n, 0n])
    await g.checkConservation()
    assert.equal((await g.ok(bob, "Cover", { Market: g.vault, Quantity: 5000n * ONE })).covered, String(bad))
    await g.refused("NoDebt", bob, "Cover", { Market: g.vault, Quantity: 1 })
  })

  test("pays a redeemer only when he is the owner or the owner's controller", async () => {
    await g.setPrice(PRICE)
    await open(alice, 100n, 500n * ONE)
    await open(bob, 100n, 500n * ONE)
    const redeem = { Market: g.vault, "Position-Owner": alice.address, Quantity: 100n * ONE, Wanted: 10n * WAR }
    assert.equal((await g.ok(bob, "Redeem", redeem)).amount, "0")
    assert.deepEqual(await position(alice), [100n * WAR, 400n * ONE])
    assert.equal((await g.ok(alice, "Redeem", redeem)).amount, String(10n * WAR))
    await g.ok(alice, "Set-Controller", { Market: g.vault, Gateway: g.id, Account: bob.address })
    assert.equal((await g.ok(bob, "Redeem", redeem)).amount, String(10n * WAR))
    await g.ok(alice, "Set-Controller", { Market: g.vault, Gateway: ZERO, Account: ZERO })
    assert.equal((await g.ok(bob, "Redeem", redeem)).amount, "0")
    await g.refused("InvalidAccount", alice, "Set-Controller", { Market: g.vault, Gateway: g.id, Account: ZERO })
  })
})

describe("the token", () => {
  beforeEach(() => g.mintAtHome(alice, 100n * ONE))

  test("tells what it is", async () => {
    const info = messageOf(await g.net.dryRun(g.process, { Action: "Info" }), "Info-Response")
    assert.deepEqual([info.tags.Name, info.tags.Ticker, info.tags.Denomination], ["TIM3", "TIM3", "6"])
    assert.equal(messageOf(await g.net.dryRun(g.process, { Action: "Total-Supply" }), "Total-Supply-Response").data, 100_000_000)
  })

  test("moves, tells both sides, and forwards X- tags", async () => {
    const { result } = await g.act(alice, "Transfer", { Recipient: bob.address, Quantity: 25n * ONE, "X-Memo": "rent", Other: "no" })
    const credit = messageOf(result, "Credit-Notice", bob.address)
    const debit = messageOf(result, "Debit-Notice", alice.address)
    assert.deepEqual([credit.tags.Sender, credit.tags.Quantity, credit.tags["X-Memo"], credit.tags.Other], [alice.address, "25000000", "rent", undefined])
    assert.deepEqual([debit.tags.Recipient, debit.tags.Quantity, debit.tags["X-Memo"]], [bob.address, "25000000", "rent"])
    assert.equal(await g.balance(bob), 25n * ONE)
  })

  test("tells nobody with Cast", async () => {
    const { result } = await g.act(alice, "Transfer", { Recipient: bob.address, Quantity: 1, Cast: "true" })
    assert.equal(messageOf(result, "Credit-Notice"), undefined)
  })

  for (const [name, reason, tags] of [
    ["more than there is", "InsufficientBalance", { Quantity: 100n * ONE + 1n }],
    ["nothing", "ZeroAmount", { Quantity: 0 }],
    ["a negative amount", "InvalidAmount", { Quantity: "-5" }],
    ["a fraction", "InvalidAmount", { Quantity: "0.5" }],
    ["to the gateway", "InvalidAccount", () => ({ Recipient: g.process })],
    ["to no account", "InvalidAccount", { Recipient: "0x1234" }],
    ["to an id with spare bits", "InvalidAccount", { Recipient: "A".repeat(42) + "B" }],
  ]) {
    test(`refuses ${name}`, async () => {
      await g.refused(reason, alice, "Transfer", { Recipient: bob.address, Quantity: ONE, ...(typeof tags === "function" ? tags() : tags) })
      assert.equal(await g.balance(alice), 100n * ONE)
    })
  }
})
