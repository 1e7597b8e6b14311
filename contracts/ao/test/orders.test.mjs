// Orders of the attesters and the settings of the admin, in the real module.

import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import assert from "node:assert/strict"
import {
  DELAY, EVM_ACCOUNT, Gateway, ONE, OTHER_PEER, PEER, USDA, WINDOW, ZERO, alice, attesters, bob, carol, encode, encodeOperation, feeds, guardian, owner, stranger,
  treasury,
} from "./gateway.mjs"
import { messageOf } from "./client.mjs"

let g
before(async () => (g = await Gateway.deploy()))
after(() => g?.stop())
beforeEach(() => g.revert())
afterEach(() => g.checkConservation())

const [MINT, RELEASE, VOID, REFUND, CONFLICT, MIRROR] = [1, 2, 3, 4, 5, 6]
const transfer = fields => encodeOperation(g.operation(fields))
const redemption = fields => encodeOperation(g.operation({ kind: 2n, market: g.reserve, owner: g.reserve, ...fields }))
const apply = async call => assert.equal((await g.later(call)).error, undefined)
const slot = async nonce => (await g.view("Slots", { Origin: PEER, Nonce: nonce })).slots[0]

describe("votes", () => {
  const send = (voter, content, epoch = "1") => g.act(voter, "Attest", { Epoch: epoch }, [{ action: "1", content }])

  test("of fewer than the threshold execute nothing", async () => {
    const { answer } = await send(attesters[0], transfer())
    assert.deepEqual([answer.orders[0].code, answer.orders[0].votes, answer.threshold], ["4", "1", "2"])
    assert.equal(await g.balance(bob), 0n)
  })

  test("of one attester count once", async () => {
    for (let i = 0; i < 3; i++) await send(attesters[0], transfer())
    assert.equal((await send(attesters[0], transfer())).answer.orders[0].votes, "1")
    assert.equal(await g.balance(bob), 0n)
  })

  test("for other contents do not add up", async () => {
    await send(attesters[0], transfer())
    const { answer } = await send(attesters[1], transfer({ amount: 100n * ONE + 1n }))
    assert.equal(answer.orders[0].votes, "1")
    assert.equal(await g.balance(bob), 0n)
  })

  test("for another action on the same operation do not add up", async () => {
    await send(attesters[0], transfer())
    const { answer } = await g.act(attesters[1], "Attest", { Epoch: "1" }, [{ action: "3", content: transfer() }])
    assert.equal(answer.orders[0].code, "4")
    assert.equal(await slot(0), "0")
  })

  test("of strangers, users, the admin and the owner do not count", async () => {
    for (const who of [stranger, alice, owner, guardian]) assert.equal((await send(who, transfer())).error, "NotAttester")
  })

  test("of somebody who claims to be an attester do not count", async () => {
    await send(attesters[0], transfer())
    await g.net.send(stranger, g.process, { Action: "Attest", Epoch: "1", "From-Process": attesters[1].address }, JSON.stringify([{ action: "1", content: transfer() }]))
    assert.equal(await g.balance(bob), 0n)
  })

  test("of an old epoch do not count, nor do votes that name it", async () => {
    await send(attesters[0], transfer())
    const call = { call: "SetAttesters", threshold: "2", signers: attesters.map(a => a.address) }
    await apply(call)
    assert.equal((await send(attesters[1], transfer(), "1")).error, "WrongEpoch")
    assert.equal((await send(attesters[1], transfer(), "2")).answer.orders[0].votes, "1")
    assert.equal(await g.balance(bob), 0n)
    assert.equal((await send(attesters[0], transfer(), "2")).answer.orders[0].code, "0")
  })

  test("of an attester who was replaced do not count", async () => {
    const call = { call: "SetAttesters", threshold: "1", signers: [attesters[2].address] }
    await apply(call)
    assert.equal((await send(attesters[0], transfer(), "2")).error, "NotAttester")
    assert.equal((await send(attesters[2], transfer(), "2")).answer.orders[0].code, "0")
  })

  for (const [name, data] of [["no JSON", "{"], ["no orders", []], ["an object", {}], ["orders without content", [{ action: "1" }]], ["content that is no hexadecimal", [{ action: "1", content: "0xzz" }]], ["too many", Array(101).fill({ action: "1", content: "0x" })]]) {
    test(`are refused with ${name}`, async () => {
      await g.refused("MalformedOrders", attesters[0], "Attest", { Epoch: "1" }, data)
    })
  }

  test("that only vote execute nothing, and one message executes them in its order", async () => {
    const orders = [0n, 1n].map(nonce => ({ action: "1", content: transfer({ nonce }) }))
    for (const voter of attesters) {
      const { orders: results } = await g.ok(voter, "Attest", { Epoch: "1", Execute: "false" }, orders)
      assert.deepEqual(results.map(o => o.code), ["4", "4"])
    }
    assert.equal(await g.balance(bob), 0n)
    const executed = await g.act(stranger, "Execute", {}, [...orders].reverse())
    assert.deepEqual(executed.answer.orders.map(o => o.code), ["0", "0"])
    const { events } = await g.view("Events", { From: Number((await g.view("Head")).count) - 2 })
    assert.ok(events.every(event => event.message === executed.id))
  })

  test("that a full window delayed are kept, and anybody executes the order later", async () => {
    await g.executed(MINT, transfer({ amount: WINDOW - ONE }))
    // Half the window takes half an hour to come back.
    const amount = WINDOW / 2n
    const [order] = await g.attest([[MINT, transfer({ nonce: 1n, amount })]])
    assert.deepEqual([order.code, order.reason], ["2", "WindowFull"])
    assert.equal(await slot(1), "0")
    const orders = [{ action: "1", content: transfer({ nonce: 1n, amount }) }, { action: "1", content: transfer({ nonce: 2n }) }]
    assert.equal((await g.ok(stranger, "Execute", {}, orders)).orders[0].code, "2")
    await g.net.advance(3600)
    const codes = (await g.ok(stranger, "Execute", {}, orders)).orders.map(o => [o.code, o.reason])
    assert.deepEqual(codes, [["0", undefined], ["3", "TooFewVotes"]])
    assert.equal(await slot(1), "1")
  })
})

describe("Mint", () => {
  test("mints the amount less the fee, once", async () => {
    await g.executed(MINT, transfer({ fee: ONE }))
    assert.equal(await g.balance(bob), 99n * ONE)
    assert.equal(await g.balance(treasury), ONE)
    const { events, count } = await g.view("Events", { From: Number((await g.view("Head")).count) - 1 })
    assert.equal(events[0].kind, "3")
    assert.equal(events[0].body.length, 2 + 9 * 64)
    assert.equal((await g.view("PeerTotals", { Asset: "TIM3", Gateway: PEER })).settled, String(100n * ONE))
    const [again] = await g.attest([[MINT, transfer({ fee: ONE })]])
    assert.equal(again.code, "1")
    assert.equal((await g.view("Head")).count, count)
    await g.rejected("SlotTaken", VOID, transfer({ fee: ONE }))
  })

  for (const [name, reason, fields] of [
    ["for another gateway", "WrongGateway", { destination: OTHER_PEER }],
    ["from itself", "WrongGateway", () => ({ origin: g.id })],
    ["from nowhere", "WrongGateway", { origin: ZERO }],
    ["of a Redeem", "WrongKind", { kind: 2n }],
    ["of no kind", "WrongKind", { kind: 9n }],
    ["of an unknown asset", "UnknownAsset", { asset: PEER }],
    ["of a collateral", "UnknownAsset", () => ({ asset: g.usdaAsset })],
    ["to nobody", "InvalidAccount", { recipient: ZERO }],
    ["to the gateway", "InvalidAccount", () => ({ recipient: g.self })],
    ["whose fee is all of it", "FeeTooHigh", { fee: 100n * ONE }],
    ["of an amount beyond 128 bits", "MalformedContent", { amount: 2n ** 128n }],
    ["of a nonce beyond 64 bits", "MalformedContent", { nonce: 2n ** 64n }],
  ]) {
    test(`is refused ${name}`, async () => {
      const head = await g.view("Head")
      await g.rejected(reason, MINT, transfer(typeof fields === "function" ? fields() : fields))
      assert.equal((await g.view("Head")).hash, head.hash)
    })
  }

  test("is refused with too many or too few words", async () => {
    await g.rejected("MalformedContent", MINT, transfer() + "00".repeat(32))
    await g.rejected("MalformedContent", MINT, transfer().slice(0, -64))
    await g.rejected("UnknownAction", 9, transfer())
  })

  test("fails none of its neighbours", async () => {
    const orders = [transfer({ nonce: 0n }), transfer({ nonce: 1n, recipient: ZERO }), transfer({ nonce: 2n, amount: 2n * WINDOW }), transfer({ nonce: 3n })]
    const codes = (await g.attest(orders.map(content => [MINT, content]))).map(o => o.code)
    assert.deepEqual(codes, ["0", "3", "2", "0"])
    assert.equal(await g.balance(bob), 200n * ONE)
  })

  test("of the largest nonce there is", async () => {
    await g.executed(MINT, transfer({ nonce: 2n ** 64n - 1n }))
    assert.equal(await g.balance(bob), 100n * ONE)
  })
})

describe("Release", () => {
  beforeEach(() => g.lock(alice, 100n * ONE))

  test("pays the reserve, takes the fee, and pays once", async () => {
    const before = await g.balance(bob, g.usda)
    await g.executed(RELEASE, redemption({ amount: 40n * ONE, fee: ONE }))
    await g.net.idle()
    assert.equal(await g.balance(bob, g.usda), before + 39n * USDA)
    assert.equal(await g.balance(treasury), ONE)
    assert.equal((await g.attest([[RELEASE, redemption({ amount: 40n * ONE, fee: ONE })]]))[0].code, "1")
    const { payouts } = await g.view("Payouts", { All: "true" })
    assert.deepEqual([payouts.length, payouts[0].status, payouts[0].quantity], [1, "paid", String(39n * USDA)])
  })

  test("mints what the debt is too small for", async () => {
    await g.executed(RELEASE, redemption({ amount: 130n * ONE }))
    assert.equal(await g.balance(bob), 30n * ONE)
  })

  test("keeps the surplus in custody while supply is paused", async () => {
    await g.ok(guardian, "Set-Pause", { Asset: "TIM3", Level: 2 })
    await g.executed(RELEASE, redemption({ amount: 130n * ONE }))
    assert.equal(await g.balance(bob), 0n)
    assert.equal((await g.view("Claimable", { Account: bob.address, Asset: "TIM3" })).amount, String(30n * ONE))
    await g.checkConservation()
    await g.refused("Paused", bob, "Claim", { Asset: "TIM3" })
    await g.ok(owner, "Set-Pause", { Asset: "TIM3", Level: 1 })
    await g.ok(bob, "Claim", { Asset: "TIM3" })
    assert.equal(await g.balance(bob), 30n * ONE)
  })

  test("is refused for an owner that is not the reserve, and for a market of no such synthetic", async () => {
    await g.rejected("WrongOwner", RELEASE, redemption({ owner: alice.word }))
    await g.rejected("UnknownMarket", RELEASE, redemption({ market: PEER }))
    await g.rejected("WrongKind", RELEASE, transfer())
    assert.equal(await slot(0), "0")
  })

  test("pays from a vault only for the owner's controller", async () => {
    await g.setPrice(20n * 10n ** 18n)
    await g.deposit(alice, 100n * USDA, g.lockTags({ market: g.vault, debt: 500n * ONE }), g.war)
    const redeem = fields => redemption({ market: g.vault, owner: alice.word, wanted: 10n * USDA, ...fields })
    const paid = async () => (await g.view("Position", { Market: g.vault, "Position-Owner": alice.address })).collateral
    await g.executed(RELEASE, redeem({ nonce: 0n }))
    assert.equal(await paid(), String(100n * USDA), "a stranger repays and gets nothing")
    await g.ok(alice, "Set-Controller", { Market: g.vault, Gateway: PEER, Account: EVM_ACCOUNT })
    await g.executed(RELEASE, redeem({ nonce: 1n }))
    assert.equal(await paid(), String(90n * USDA))
    await g.executed(RELEASE, redeem({ nonce: 0n, origin: OTHER_PEER }))
    assert.equal(await paid(), String(90n * USDA), "the same account on another chain is another one")
    await g.net.advance(3601)
    await g.executed(RELEASE, redeem({ nonce: 2n }))
    assert.equal(await paid(), String(90n * USDA), "no collateral without a price while debt is left")
  })
})

describe("Void and Refund", () => {
  test("Void closes a slot for ever, at every level, knowing nothing", async () => {
    await g.ok(guardian, "Set-Pause", { Asset: "TIM3", Level: 3 })
    await g.executed(VOID, transfer({ asset: EVM_ACCOUNT }))
    assert.equal(await slot(0), "2")
    assert.equal((await g.attest([[VOID, transfer({ asset: EVM_ACCOUNT })]]))[0].code, "1")
    await g.rejected("SlotTaken", MINT, transfer({ asset: EVM_ACCOUNT }))
  })

  test("Refund undoes a lock, gross, once", async () => {
    const { answer } = await g.lock(alice, 100n * ONE)
    const words = await g.sent(answer.sequence)
    const before = await g.balance(alice, g.usda)
    await g.executed(REFUND, words)
    await g.net.idle()
    assert.equal(await g.balance(alice, g.usda), before + 100n * USDA)
    assert.equal((await g.view("Refunded", { Destination: PEER, Nonce: 0 })).refunded, true)
    assert.equal((await g.attest([[REFUND, words]]))[0].code, "1")
    assert.equal((await g.view("Totals", { Asset: "TIM3" })).debt, "0")
  })

  test("Refund mints where the debt is gone", async () => {
    const { answer } = await g.lock(alice, 100n * ONE)
    const words = await g.sent(answer.sequence)
    await g.executed(RELEASE, redemption({ amount: 70n * ONE }))
    await g.executed(REFUND, words)
    assert.equal(await g.balance(alice), 70n * ONE)
  })

  test("Refund mints a burn again, at level 2 too, and not at level 3", async () => {
    await g.mintAtHome(alice, 100n * ONE)
    const { sequence } = await g.ok(alice, "Burn", {
      Intent: "Transfer", Destination: PEER, Recipient: EVM_ACCOUNT, Quantity: 60n * ONE, "Max-Fee": ONE, "Refund-To": carol.address,
    })
    const words = await g.sent(sequence)
    await g.ok(guardian, "Set-Pause", { Asset: "TIM3", Level: 3 })
    await g.rejected("Paused", REFUND, words)
    await g.ok(owner, "Set-Pause", { Asset: "TIM3", Level: 2 })
    await g.executed(REFUND, words)
    assert.equal(await g.balance(carol), 60n * ONE)
  })

  test("Refund is refused for what this gateway never sent", async () => {
    await g.lock(alice, 100n * ONE)
    await g.rejected("UnknownOperation", REFUND, transfer({ origin: g.id, destination: PEER }))
    await g.rejected("WrongGateway", REFUND, transfer())
    const words = await g.sent((await g.lock(alice, 50n * ONE)).answer.sequence)
    await g.rejected("UnknownOperation", REFUND, words.replace(/.$/, c => (c === "0" ? "1" : "0")))
  })

  test("Conflict refunds and counts the orphan as sent and as bad debt", async () => {
    const { answer } = await g.lock(alice, 100n * ONE)
    const words = await g.sent(answer.sequence)
    const tail = (orphan, market, amount) => words + encode(orphan, market, amount).slice(2)
    await g.rejected("MalformedContent", CONFLICT, tail(ZERO, g.reserve, 100n * ONE))
    await g.rejected("MalformedContent", CONFLICT, tail(answer.operation, g.reserve, 100n * ONE))
    await g.rejected("MalformedContent", CONFLICT, tail(PEER, g.reserve, 0n))
    await g.executed(CONFLICT, tail(PEER, g.reserve, 100n * ONE))
    assert.equal((await g.view("Totals", { Asset: "TIM3" })).badDebt, String(100n * ONE))
    assert.equal((await g.view("PeerTotals", { Asset: "TIM3", Gateway: PEER })).sent, String(200n * ONE))
  })
})

describe("Mirror", () => {
  const market = `0x${"ab".repeat(32)}`
  const position = (version, debt = 5n, home = PEER) => encode(home, market, EVM_ACCOUNT, 7n, debt, version)

  test("keeps the newest version", async () => {
    await g.executed(MIRROR, position(3n))
    assert.equal((await g.attest([[MIRROR, position(2n)]]))[0].code, "1")
    assert.equal((await g.attest([[MIRROR, position(3n)]]))[0].code, "1")
    await g.executed(MIRROR, position(2n ** 64n - 1n, 6n))
    const mirror = await g.view("Mirror", { Market: market, "Position-Owner": EVM_ACCOUNT })
    assert.deepEqual([mirror.home, mirror.collateral, mirror.debt, mirror.version], [PEER, "7", "6", String(2n ** 64n - 1n)])
  })

  test("of the same version with other content, or of another home, is a conflict", async () => {
    await g.executed(MIRROR, position(3n))
    await g.rejected("MirrorConflict", MIRROR, position(3n, 6n))
    await g.rejected("MirrorConflict", MIRROR, position(4n, 6n, OTHER_PEER))
    await g.rejected("WrongGateway", MIRROR, position(4n, 6n, g.id))
  })
})

describe("Simulate", () => {
  test("says what a batch would do and does nothing", async () => {
    const orders = [{ action: "1", content: transfer() }, { action: "1", content: transfer() }, { action: "1", content: transfer({ nonce: 1n, amount: 2n * WINDOW }) }]
    const result = await g.net.dryRun(g.process, { Action: "Simulate" }, { data: JSON.stringify(orders) })
    assert.deepEqual(messageOf(result, "Simulate-Response").data.orders.map(o => o.code), ["0", "1", "2"])
    const head = await g.view("Head")
    await g.act(stranger, "Simulate", {}, orders)
    assert.equal((await g.view("Head")).hash, head.hash)
    assert.equal(await g.balance(bob), 0n)
  })
})

describe("pause levels", () => {
  const level = async (who, value) => g.ok(who, "Set-Pause", { Asset: "TIM3", Level: value })

  test("forbid what the table says", async () => {
    await g.mintAtHome(alice, 300n * ONE)
    const burn = intent => ({
      Intent: intent, Destination: PEER, Recipient: EVM_ACCOUNT, Quantity: 10n * ONE, "Max-Fee": ONE,
      ...(intent === "Redeem" ? { Market: EVM_ACCOUNT, "Position-Owner": EVM_ACCOUNT } : {}),
    })
    let nonce = 0n
    const may = async name => {
      const done = {
        lock: async () => !(await g.lock(alice, ONE)).error,
        mint: async () => (await g.attest([[MINT, transfer({ nonce: nonce++, amount: ONE })]]))[0].code === "0",
        burn: async () => !(await g.act(alice, "Burn", burn("Transfer"))).error,
        burnToRedeem: async () => !(await g.act(alice, "Burn", burn("Redeem"))).error,
        release: async () => (await g.attest([[RELEASE, redemption({ nonce: nonce++, amount: ONE })]]))[0].code === "0",
        redeem: async () => !(await g.act(alice, "Redeem", { Market: g.reserve, Quantity: ONE })).error,
        repay: async () => !(await g.act(alice, "Repay", { Market: g.reserve, "Position-Owner": g.reserve, Quantity: 1 })).error,
        void: async () => (await g.attest([[VOID, transfer({ nonce: nonce++, amount: ONE })]]))[0].code === "0",
      }[name]
      return done()
    }
    const table = {
      0: ["lock", "mint", "burn", "burnToRedeem", "release", "redeem", "repay", "void"],
      1: ["mint", "burn", "burnToRedeem", "release", "redeem", "repay", "void"],
      2: ["burnToRedeem", "release", "redeem", "repay", "void"],
      3: ["repay", "void"],
    }
    for (const [value, allowed] of Object.entries(table)) {
      if (value !== "0") await level(guardian, value)
      for (const name of table[0]) assert.equal(await may(name), allowed.includes(name), `${name} at level ${value}`)
    }
  })

  test("are raised by the guardian, lowered by the admin, and a freeze ends by itself", async () => {
    await g.refused("NotGuardian", stranger, "Set-Pause", { Asset: "TIM3", Level: 1 })
    await level(guardian, 2)
    await g.refused("NotGuardian", guardian, "Set-Pause", { Asset: "TIM3", Level: 1 })
    await g.refused("NotGuardian", guardian, "Set-Pause", { Asset: "TIM3", Level: 2 })
    await g.refused("InvalidInteger", owner, "Set-Pause", { Asset: "TIM3", Level: 4 })
    await level(guardian, 3)
    await g.net.advance(7 * 24 * 3600 - 60)
    assert.equal((await g.view("PauseLevel", { Asset: "TIM3" })).level, "3")
    await level(owner, 3)
    await g.net.advance(120)
    assert.equal((await g.view("PauseLevel", { Asset: "TIM3" })).level, "3", "the admin renewed it")
    await g.net.advance(7 * 24 * 3600)
    assert.equal((await g.view("PauseLevel", { Asset: "TIM3" })).level, "2")
    await level(owner, 0)
  })
})

describe("settings", () => {
  const call = { call: "SetTreasury", account: carol.address }

  test("need the admin, an announcement and the delay", async () => {
    await g.refused("AlreadyActive", owner, "Configure", {}, call)
    for (const who of [stranger, guardian, attesters[0]]) {
      for (const action of ["Configure", "Schedule", "Apply", "Activate"]) await g.refused("NotAdmin", who, action, {}, call)
    }
    await g.refused("NotScheduled", owner, "Apply", {}, call)
    const { ready } = await g.ok(owner, "Schedule", {}, call)
    assert.equal((await g.net.dryRun(g.process, { Action: "View", View: "Scheduled" }, { data: JSON.stringify(call) })).Messages[0].Data.includes(ready), true)
    await g.refused("AlreadyRegistered", owner, "Schedule", {}, call)
    await g.refused("TooEarly", owner, "Apply", {}, call)
    await g.net.advance(DELAY + 1)
    await g.refused("NotScheduled", owner, "Apply", {}, { ...call, account: stranger.address })
    await g.ok(owner, "Apply", {}, call)
    assert.equal((await g.view("Gateway")).treasury, carol.word)
    await g.refused("NotScheduled", owner, "Apply", {}, call)
  })

  test("expire, and can be withdrawn", async () => {
    await g.ok(owner, "Schedule", {}, call)
    await g.net.advance(DELAY + 14 * 24 * 3600 + 10)
    await g.refused("Expired", owner, "Apply", {}, call)
    await g.refused("NotGuardian", stranger, "Cancel", {}, call)
    await g.ok(guardian, "Cancel", {}, call)
    const guard = { call: "SetGuardian", account: carol.address }
    await g.ok(owner, "Schedule", {}, guard)
    await g.refused("NotGuardian", guardian, "Cancel", {}, guard)
    await g.ok(owner, "Cancel", {}, guard)
  })

  test("hand the admin over in two steps", async () => {
    const transferAdmin = { call: "TransferAdmin", account: carol.address }
    await g.refused("NotAdmin", carol, "Accept-Admin")
    await g.ok(owner, "Schedule", {}, transferAdmin)
    await g.net.advance(DELAY + 1)
    await g.ok(owner, "Apply", {}, transferAdmin)
    await g.refused("NotAdmin", stranger, "Accept-Admin")
    assert.equal((await g.view("Gateway")).admin, owner.word)
    await g.ok(carol, "Accept-Admin")
    await g.refused("NotAdmin", owner, "Schedule", {}, call)
    const view = await g.view("Gateway")
    assert.deepEqual([view.admin, view.ownership], [carol.word, "other"])
  })

  for (const [name, reason, made] of [
    ["nothing known", "UnknownCall", { call: "SetEverything" }],
    ["a function of the module that is no call", "UnknownCall", { call: "asset" }],
    ["no object", "UnknownCall", "17"],
    ["a symbol twice", "AlreadyRegistered", { call: "AddSynthetic", symbol: "TIM3", target: "1" }],
    ["a symbol in small letters", "InvalidSymbol", { call: "AddSynthetic", symbol: "tim3", target: "1" }],
    ["a token twice", "AlreadyRegistered", () => ({ call: "AddCollateral", symbol: "USDB", token: g.usda, decimals: "6", nativeDecimals: "12" })],
    ["28 decimals", "InvalidInteger", { call: "AddCollateral", symbol: "USDB", token: EVM_ACCOUNT, decimals: "28", nativeDecimals: "12" }],
    ["a vault without an oracle", "InvalidTerms", { call: "SetMarket", synthetic: "TIM3", collateral: "WAR", kind: "1", maxLtv: "7500", liquidationThreshold: "8000", bonus: "0", closeFactor: "5000", ceiling: "1" }],
    ["a threshold without room for the bonus", "InvalidTerms", () => ({ call: "SetMarket", synthetic: "TIM3", collateral: "WAR", kind: "1", oracle: g.oracle, maxLtv: "7500", liquidationThreshold: "9900", bonus: "500", closeFactor: "5000", ceiling: "1" })],
    ["a window of no limit", "InvalidWindow", { call: "SetWindow", asset: "TIM3", kind: "1", limit: "0", period: "3600" }],
    ["a route to itself", "WrongGateway", () => ({ call: "SetRoute", asset: "TIM3", peer: g.id, enabled: "true", min: "1", max: "2", evm: "true" })],
    ["a route without a minimum", "InvalidRoute", { call: "SetRoute", asset: "TIM3", peer: PEER, enabled: "true", min: "0", max: "2", evm: "true" }],
    ["a threshold above the attesters", "InvalidInteger", { call: "SetAttesters", threshold: "4", signers: attesters.map(a => a.address) }],
    ["no threshold", "InvalidInteger", { call: "SetAttesters", threshold: "0", signers: [] }],
    ["attesters in no order", "UnorderedSigners", { call: "SetAttesters", threshold: "1", signers: attesters.map(a => a.address).reverse() }],
    ["one attester twice", "UnorderedSigners", { call: "SetAttesters", threshold: "2", signers: [attesters[0].address, attesters[0].address] }],
    ["a treasury that is the gateway", "InvalidAccount", () => ({ call: "SetTreasury", account: g.process })],
    ["a tombstone of itself with an end", "InvalidTombstone", () => ({ call: "Tombstone", peer: g.id, finalCount: "1" })],
  ]) {
    test(`refuse ${name}`, async () => {
      const content = typeof made === "function" ? made() : made
      const text = typeof content === "string" ? content : JSON.stringify(content)
      const scheduled = await g.act(owner, "Schedule", {}, text)
      if (scheduled.error) return assert.equal(scheduled.error, reason)
      await g.net.advance(DELAY + 1)
      const head = await g.view("Head")
      await g.refused(reason, owner, "Apply", {}, text)
      assert.equal((await g.view("Head")).hash, head.hash)
    })
  }

  test("tombstone a peer: nothing is sent to it, and what was not settled there is refunded", async () => {
    const words = await g.sent((await g.lock(alice, 50n * ONE)).answer.sequence)
    await apply({ call: "Tombstone", peer: PEER, finalCount: "12", finalHash: EVM_ACCOUNT })
    assert.equal((await g.lock(alice, 50n * ONE)).error, "RouteClosed")
    await g.executed(REFUND, words)
    const peer = await g.view("Peer", { Gateway: PEER })
    assert.deepEqual([peer.tombstoned, peer.finalCount, peer.finalHash], [true, "12", EVM_ACCOUNT])
  })

  test("retire the gateway: no orders, no operations, but users are served at home", async () => {
    await g.mintAtHome(alice, 100n * ONE)
    await apply({ call: "Tombstone", peer: g.id })
    await g.rejected("Retired", MINT, transfer())
    await g.refused("Retired", alice, "Burn", { Intent: "Transfer", Destination: PEER, Recipient: EVM_ACCOUNT, Quantity: 10n * ONE, "Max-Fee": ONE })
    await g.ok(alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
    await g.net.idle()
  })

  test("renounce the process: nobody evaluates code in it any more, also not the next sender", async () => {
    assert.equal((await g.view("Gateway")).ownership, "admin")
    await g.refused("NotOwner", stranger, "Renounce-Owner")
    await g.ok(owner, "Renounce-Owner")
    assert.equal((await g.view("Gateway")).ownership, "renounced")
    await g.mintAtHome(alice, ONE)
    for (const who of [stranger, owner, alice]) await g.net.send(who, g.process, { Action: "Eval" }, "Tim3 = nil")
    assert.equal((await g.view("Gateway")).owner, "renounced")
    // The check of the history evaluates code as the owner.
    await g.revert()
  })

  test("do not come as code of somebody else, nor does anything unknown stay in memory", async () => {
    for (const action of ["Eval", "Nonsense", "Transfer-Response", undefined]) {
      const sent = await g.net.send(stranger, g.process, { Action: action }, "Tim3 = nil")
      assert.deepEqual(sent.Messages, [])
    }
    await g.refused("UnknownView", stranger, "View", { View: "Nothing" })
    assert.equal(await g.net.eval(owner, g.process, "return tostring(#Inbox)"), "1", "what came before the code was there")
    assert.ok((await g.view("Head")).count)
  })

  test("loading the code anew keeps the state", async () => {
    const { bundle } = await import("../gateway/build.mjs")
    await g.mintAtHome(alice, 30n * ONE)
    await g.net.eval(owner, g.process, bundle())
    assert.equal(await g.balance(alice), 30n * ONE)
    await g.ok(alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
    await g.refused("AlreadyActive", owner, "Initialize", {}, {})
    await g.net.idle()
  })
})

describe("prices", () => {
  test("are taken from their sources alone, and only newer ones", async () => {
    const now = Math.floor((await g.net.control("/clock", { advance: 0 })).now / 1000)
    const price = (time, value = "1") => ({ Feed: "WAR/USD", Price: value, Time: String(time) })
    await g.refused("NotSource", stranger, "Price", price(now))
    await g.refused("NotSource", feeds[0], "Price", { ...price(now), Feed: "USDA/USD" })
    await g.refused("InvalidInteger", feeds[0], "Price", price(now + 3600))
    await g.refused("ZeroAmount", feeds[0], "Price", price(now, "0"))
    await g.refused("InvalidAmount", feeds[0], "Price", price(now, "1.5"))
    assert.equal((await g.ok(feeds[0], "Price", price(now, "7"))).accepted, true)
    assert.equal((await g.ok(feeds[0], "Price", price(now, "8"))).accepted, false)
    assert.equal((await g.ok(feeds[0], "Price", price(now - 5, "8"))).accepted, false)
    assert.equal((await g.view("Oracle", { Oracle: g.oracle })).verdict, "0", "the second source has said nothing")
    await g.ok(feeds[1], "Price", price(now - 5, "9"))
    const quote = await g.view("Oracle", { Oracle: g.oracle })
    assert.deepEqual([quote.verdict, quote.lower, quote.higher, quote.time], ["5", "7", "9", String(now - 5)])
    const { verdict, lower, higher, time } = await g.view("Oracle", { Market: g.vault })
    assert.deepEqual({ verdict, lower, higher, time }, { verdict: "5", lower: "7", higher: "9", time: String(now - 5) })
    assert.equal((await g.view("Oracle", { Market: g.reserve })).verdict, "0", "it has none")
  })
})

describe("views", () => {
  test("are asked many at once, of one state", async () => {
    const list = [{ View: "Head" }, { View: "Position", Market: g.reserve, "Position-Owner": g.reserve }, { View: "Many" }, { View: "Slots", Origin: "0x12", Nonce: "0" }]
    const result = await g.net.dryRun(g.process, { Action: "View", View: "Many" }, { data: JSON.stringify(list) })
    const { answers, at } = messageOf(result, "View-Response").data
    assert.equal(answers[0].hash, (await g.view("Head")).hash)
    assert.equal(answers[1].debt, "0")
    assert.deepEqual(answers.slice(2).map(a => a.error), ["UnknownView", "InvalidWord"])
    assert.ok(Number(at.nonce) > 0)
  })

  test("each answer, also about what does not exist", async () => {
    const M = { Market: g.vault, "Position-Owner": alice.address }
    const asked = {
      Gateway: {}, Head: {}, Checkpoint: { Count: 0 }, Events: {}, Outgoing: { Destination: PEER, Nonce: 5 }, Slots: { Origin: PEER, Nonce: 0, Limit: 3 },
      Refunded: { Destination: PEER, Nonce: 0 }, Peer: { Gateway: PEER }, Votes: { Digest: PEER }, Attesters: {}, Totals: { Asset: "WAR" },
      PeerTotals: { Asset: "TIM3", Gateway: PEER }, Books: { Asset: g.tim3, Gateways: `${PEER},${OTHER_PEER}` }, Assets: {}, Asset: { Asset: "TIM3" }, Markets: {},
      Market: { Market: g.vault }, Position: M, BadDebt: { Market: g.vault }, Controller: M, Mirror: M, Oracle: { Oracle: g.oracle }, Window: { Asset: "TIM3", Kind: 1 },
      Route: { Asset: "TIM3", Gateway: PEER }, PauseLevel: { Asset: "TIM3" }, Scheduled: {}, Claimable: { Account: alice.address, Asset: "USDA" }, Payouts: {},
    }
    for (const [view, tags] of Object.entries(asked)) assert.ok((await g.view(view, tags)).at, view)
    const route = await g.view("Route", { Asset: "TIM3", Gateway: EVM_ACCOUNT })
    assert.deepEqual([route.enabled, route.max], [false, "0"])
    assert.equal((await g.view("Market", { Market: PEER })).exists, false)
  })
})

describe("events", () => {
  test("are read in pages by sequence and by nonce, each with its message", async () => {
    for (let i = 0; i < 3; i++) await g.lock(alice, ONE * 2n)
    const whole = await g.view("Events", { From: 0, Limit: 200 })
    const by = async tags => (await g.view("Events", tags)).events.map(e => e.sequence)
    assert.deepEqual(await by({ From: 2, Limit: 3 }), ["2", "3", "4"])
    const last = whole.events.at(-1)
    assert.deepEqual(await by({ "From-Nonce": last.nonce }), [last.sequence])
    assert.deepEqual(await by({ "From-Nonce": Number(last.nonce) + 1 }), [])
    const page = await g.view("Events", { "From-Nonce": 0, Limit: 4 })
    assert.equal(page.covered, page.events.at(-1).nonce)
    assert.deepEqual(await by({ "From-Nonce": 0, "To-Nonce": page.covered }), page.events.map(e => e.sequence))
    const head = await g.view("Head")
    assert.deepEqual([whole.count, whole.hash, String(whole.events.length)], [head.count, head.hash, head.count])
    const at = await g.view("Checkpoint", { Nonce: last.nonce })
    assert.deepEqual([at.count, at.hash, at.message], [head.count, head.hash, last.message])
    assert.equal((await g.view("Checkpoint", { Count: head.count })).hash, head.hash)
    assert.equal((await g.view("Checkpoint", { Count: 9999 })).exists, false)
    // The scheduler knows the message by the same nonce.
    const { body } = await g.net.json("su", `/${g.process}?from=${Number(last.nonce) - 1}&limit=1`)
    assert.equal(body.edges[0].node.message.id, last.message)
  })
})
