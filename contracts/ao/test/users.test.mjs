// What users do at a gateway, in the real module: deposits, locks, burns, positions at home.

import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { EVM_ACCOUNT, Gateway, ONE, OTHER_PEER, PEER, USDA, ZERO, alice, bob, carol, encode, guardian, owner, stranger } from "./gateway.mjs"
import { Devnet, messageOf } from "./client.mjs"

let g
before(async () => (g = await Gateway.deploy()))
after(() => g?.stop())
beforeEach(() => g.revert())
afterEach(() => g.checkConservation())

async function apply(call) {
  await g.ok(owner, "Schedule", {}, call)
  await g.net.advance(3601)
  return g.act(owner, "Apply", {}, call)
}

const FEE = amount => 1000n + (amount * 10n) / 10_000n

describe("a deposit that locks", () => {
  test("makes a Mint operation whose id is that of its fourteen words", async () => {
    const { answer } = await g.lock(alice, 100n * ONE)
    assert.equal(answer.nonce, "0")
    const words = await g.sent(answer.sequence)
    const { events } = await g.view("Events", { From: answer.sequence })
    assert.equal(events[0].kind, "1")
    assert.equal(events[0].body.length, 2 + 22 * 64)
    const fields = words.slice(2).match(/.{64}/g).map(w => `0x${w}`)
    assert.deepEqual(fields.slice(1, 3), [g.id, PEER])
    assert.equal(fields[7], alice.word, "actor")
    assert.equal(fields[8], alice.word, "refundTo")
    assert.equal(BigInt(fields[10]), 100n * ONE)
    assert.equal(BigInt(fields[11]), FEE(100n * ONE))
    assert.equal(BigInt(fields[12]), 100n * ONE)
    const outgoing = await g.view("Outgoing", { Destination: PEER, Nonce: 0 })
    assert.equal(outgoing.operation, answer.operation)
    assert.deepEqual((({ sent, refunded }) => ({ sent, refunded }))(await g.view("PeerTotals", { Asset: "TIM3", Gateway: PEER })), { sent: String(100n * ONE), refunded: "0" })
    const position = await g.view("Position", { Market: g.reserve, "Position-Owner": g.reserve })
    assert.deepEqual([position.collateral, position.debt, position.version], [String(100n * ONE), String(100n * ONE), answer.sequence])
  })

  test("numbers operations densely for each destination", async () => {
    const nonces = []
    for (const destination of [PEER, OTHER_PEER, PEER]) {
      const { answer } = await g.lock(alice, 10n * ONE, { destination, recipient: EVM_ACCOUNT })
      nonces.push(answer.nonce)
    }
    assert.deepEqual(nonces, ["0", "0", "1"])
  })

  test("mints at once when the home is the destination, and makes no operation", async () => {
    await g.mintAtHome(alice, 50n * ONE)
    assert.equal(await g.balance(alice), 50n * ONE)
    assert.equal((await g.view("Peer", { Gateway: PEER })).nextNonce, "0")
  })

  test("of no debt only adds collateral", async () => {
    const { answer } = await g.deposit(alice, USDA, { "X-Action": "Lock", "X-Market": g.reserve })
    assert.ok(answer.sequence)
    const position = await g.view("Position", { Market: g.reserve, "Position-Owner": g.reserve })
    assert.deepEqual([position.collateral, position.debt], [String(ONE), "0"])
  })

  test("is done once for a key; the second deposit can be claimed", async () => {
    const first = await g.lock(alice, 10n * ONE, { "X-Key": "order 7" })
    const second = await g.lock(alice, 10n * ONE, { "X-Key": "order 7" })
    assert.ok(first.answer)
    assert.equal(second.error, "KeyUsed")
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(10n * ONE))
    const other = await g.lock(bob, 10n * ONE, { "X-Key": "order 7" })
    assert.ok(other.answer, "a key is its sender's own")
  })
})

describe("a deposit that cannot be locked can be claimed by its sender", () => {
  const bad = {
    "without an action": () => ({}),
    "with another action": () => ({ "X-Action": "Donate" }),
    "into no market": () => ({ ...g.lockTags({ debt: ONE }), "X-Market": ZERO }),
    "into a market of another collateral": () => g.lockTags({ debt: ONE, market: g.vault }),
    "with a market that is no word": () => ({ ...g.lockTags({ debt: ONE }), "X-Market": "TIM3/USDA" }),
    "with more debt than it carries": () => g.lockTags({ debt: ONE + 1n }),
    "to a closed route": () => g.lockTags({ debt: ONE, destination: `0x${"77".repeat(32)}` }),
    "with too low a fee limit": () => g.lockTags({ debt: ONE, maxFee: 0 }),
    "to an account that is no EVM address": () => g.lockTags({ debt: ONE, recipient: alice.word }),
    "to the zero account": () => g.lockTags({ debt: ONE, recipient: ZERO }),
    "with a refund to the gateway itself": () => g.lockTags({ debt: ONE, "X-Refund-To": g.process }),
  }
  for (const debt of ["-1", "+1", "1.0", "1e6", "0x10", "007", " 1", "1 ", "", "abc", "340282366920938463463374607431768211456", "9".repeat(60)]) {
    bad[`with the debt ${JSON.stringify(debt)}`] = () => ({ ...g.lockTags({}), "X-Debt": debt || undefined, "X-Destination": debt ? PEER : "" })
  }
  delete bad['with the debt ""']
  for (const [name, tags] of Object.entries(bad)) {
    test(name, async () => {
      const { error } = await g.deposit(alice, USDA, tags())
      assert.ok(error, "the sender is told why")
      assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(ONE))
      const before = await g.balance(alice, g.usda)
      await g.ok(alice, "Claim", { Asset: "USDA" })
      await g.net.idle()
      assert.equal(await g.balance(alice, g.usda), before + USDA)
    })
  }

  test("what is below canonical units stays and is counted", async () => {
    const { error } = await g.deposit(alice, USDA + 1n, g.lockTags({ debt: ONE }))
    assert.equal(error, "Unrepresentable")
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(ONE))
    assert.equal((await g.view("Asset", { Asset: "USDA" })).unattributed, "1")
  })

  test("what came from no account is the admin's to attribute, after the delay, and no more than that", async () => {
    await g.net.eval(owner, g.usda, `ao.send({ Target = "${g.process}", Action = "Credit-Notice", Sender = "0x00000000219ab540356cBB839Cbe05303d7705Fa", Quantity = "${3n * USDA}" })`)
    await g.net.idle()
    assert.equal((await g.view("Asset", { Asset: "USDA" })).unattributed, String(3n * USDA))
    const call = { call: "Attribute", asset: "USDA", account: carol.address, quantity: String(2n * USDA) }
    assert.equal((await apply(call)).error, undefined)
    assert.equal((await g.view("Claimable", { Account: carol.address, Asset: "USDA" })).amount, String(2n * ONE))
    assert.equal((await apply(call)).error, "AmountOutOfRange")
    assert.equal((await g.view("Asset", { Asset: "USDA" })).unattributed, String(USDA))
  })

  test("when locking was paused while it was on its way", async () => {
    await g.net.fault({ unit: "push", kind: "hold", match: { From: g.usda, Action: "Credit-Notice" } })
    await g.net.send(alice, g.usda, { Action: "Transfer", Recipient: g.process, Quantity: USDA, ...g.lockTags({ debt: ONE }) })
    await g.ok(guardian, "Set-Pause", { Asset: "TIM3", Level: 3 })
    await g.net.control("/release")
    await g.net.idle()
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(ONE))
    await g.refused("Paused", alice, "Claim", { Asset: "USDA" })
    await g.ok(owner, "Set-Pause", { Asset: "TIM3", Level: 2 })
    await g.ok(alice, "Claim", { Asset: "USDA" })
    await g.net.idle()
  })

  test("when locking is paused", async () => {
    await g.ok(guardian, "Set-Pause", { Asset: "TIM3", Level: 1 })
    const { error } = await g.lock(alice, ONE)
    assert.equal(error, "Paused")
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(ONE))
  })
})

describe("a Credit-Notice counts only when it is the token's own", () => {
  const notice = (sender, quantity) => ({ Action: "Credit-Notice", Sender: sender.address, Quantity: String(quantity) })

  test("not from a user", async () => {
    await g.net.send(alice, g.process, { ...notice(alice, USDA), ...g.lockTags({ debt: ONE }) })
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, "0")
    assert.equal((await g.view("Head")).count, (await g.view("Events")).count)
  })

  test("not from a user who claims to be the token", async () => {
    const head = await g.view("Head")
    await g.net.send(alice, g.process, { ...notice(alice, USDA), ...g.lockTags({ debt: ONE }), "From-Process": g.usda })
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, "0")
    assert.equal((await g.view("Head")).hash, head.hash)
  })

  test("not from a user who claims to be the authority", async () => {
    await g.net.send(alice, g.process, { ...notice(alice, USDA), "From-Process": g.net.ready.authority })
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, "0")
  })

  test("not from a process that claims to be the token", async () => {
    const fake = await g.net.spawn(stranger)
    await g.net.eval(stranger, fake, `ao.send({
      Target = "${g.process}", Action = "Credit-Notice", Sender = "${stranger.address}", Quantity = "5000000000000", ["From-Process"] = "${g.usda}"
    })`)
    await g.net.idle()
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, "0")
  })

  test("not from another token", async () => {
    const fake = await g.net.spawn(stranger, { Ticker: "USDA", Denomination: "12" })
    await g.net.eval(stranger, fake, `Handlers.add("Transfer", "Transfer", function(msg)
      ao.send({ Target = msg.Tags.Recipient, Action = "Credit-Notice", Sender = msg.From, Quantity = "5000000000000", ["X-Action"] = "Lock" })
      msg.reply({ Action = "Debit-Notice" })
    end)`)
    const head = await g.view("Head")
    await g.net.send(stranger, fake, { Action: "Transfer", Recipient: g.process })
    await g.net.idle()
    assert.equal((await g.view("Head")).hash, head.hash)
    assert.equal((await g.view("Claimable", { Account: stranger.address, Asset: "USDA" })).amount, "0")
  })

  test("and a notice that was pushed twice counts once", async () => {
    await g.net.fault({ unit: "push", kind: "duplicate", match: { From: g.usda, Action: "Credit-Notice" } })
    await g.lock(alice, 10n * ONE)
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, String(10n * USDA))
    assert.equal((await g.view("PeerTotals", { Asset: "TIM3", Gateway: PEER })).sent, String(10n * ONE))
  })

  test("and two equal deposits count twice", async () => {
    await g.lock(alice, 10n * ONE)
    await g.lock(alice, 10n * ONE)
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, String(20n * USDA))
  })
})

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

describe("a notice that was lost", () => {
  /** The push of the token's last message with this action, from its outbox. */
  const pushed = async (action, cause) => {
    const { Messages } = await g.net.result(g.usda, cause)
    const { Tags } = Messages.find(m => m.Tags.some(t => t.name === "Action" && t.value === action))
    return { cause, reference: Tags.find(t => t.name === "Reference").value }
  }

  test("of a deposit is recorded after the delay, and counts once when it comes after all", async () => {
    await g.net.fault({ unit: "push", kind: "hold", match: { From: g.usda, Action: "Credit-Notice" } })
    const sent = await g.net.send(alice, g.usda, { Action: "Transfer", Recipient: g.process, Quantity: 5n * USDA, ...g.lockTags({ debt: ONE }) })
    await g.net.idle()
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, "0")
    const call = { call: "RecordDeposit", asset: "USDA", sender: alice.address, quantity: String(5n * USDA), ...(await pushed("Credit-Notice", sent.id)) }
    assert.equal((await apply(call)).error, undefined)
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(5n * ONE))
    await g.net.control("/release")
    await g.net.idle()
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, String(5n * USDA))
    assert.equal((await apply({ ...call })).error, "AlreadyDone")
    await g.ok(alice, "Claim", { Asset: "USDA" })
    await g.net.idle()
    assert.equal(await g.balance(g.process, g.usda), 0n)
  })

  test("of a debit is recorded after the delay", async () => {
    await g.mintAtHome(alice, 100n * ONE)
    await g.net.fault({ unit: "push", kind: "hold", match: { From: g.usda, Action: "Debit-Notice", Target: g.process } })
    const before = await g.act(alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
    await g.net.idle()
    const { payout } = before.answer
    assert.equal((await g.view("Payout", { Payout: payout })).status, "pending")
    const { body } = await g.net.json("su", `/${g.usda}/latest`)
    const { reference } = await pushed("Debit-Notice", body.message.id)
    const call = { call: "RecordDebit", payout, cause: before.id, reference }
    assert.equal((await apply(call)).error, undefined)
    assert.equal((await g.view("Payout", { Payout: payout })).status, "paid")
    await g.net.control("/release")
    await g.net.idle()
    const asset = await g.view("Asset", { Asset: "USDA" })
    assert.deepEqual([asset.held, asset.overpaid], [String(90n * USDA), "0"])
    assert.equal((await apply({ ...call, reference: "99999" })).error, "AlreadyDone")
  })
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

describe("a payout", () => {
  beforeEach(() => g.mintAtHome(alice, 100n * ONE))
  const redeem = () => g.ok(alice, "Redeem", { Market: g.reserve, Quantity: 10n * ONE })
  const resend = (payout, attempt) => encode(payout, BigInt(attempt))

  test("whose push was lost stays pending, and is sent again by the attesters' order, once", async () => {
    await g.net.fault({ unit: "push", kind: "drop", match: { From: g.process, Action: "Transfer" } })
    const before = await g.balance(alice, g.usda)
    const { payout } = await redeem()
    await g.net.idle()
    assert.equal((await g.view("Payout", { Payout: payout })).status, "pending")
    assert.equal((await g.view("Totals", { Asset: "USDA" })).pending, String(10n * ONE))
    assert.equal((await g.view("Payouts")).payouts.length, 1)
    await g.checkConservation()
    await g.rejected("WrongAttempt", 7, resend(payout, 3))
    await g.executed(7, resend(payout, 2))
    await g.net.idle()
    assert.equal(await g.balance(alice, g.usda), before + 10n * USDA)
    assert.equal((await g.view("Payout", { Payout: payout })).status, "paid")
    const [order] = await g.attest([[7, resend(payout, 2)]])
    assert.equal(order.code, "1")
    assert.equal(await g.balance(alice, g.usda), before + 10n * USDA)
    await g.rejected("UnknownPayout", 7, resend(PEER, 2))
  })

  test("that the token refuses stays pending with a hint, and becomes claimable after the delay", async () => {
    await g.net.send(owner, g.usda, { Action: "Freeze", Account: alice.address, Frozen: "true" })
    const { payout } = await redeem()
    await g.net.idle()
    const refused = await g.view("Payout", { Payout: payout })
    assert.equal(refused.status, "pending")
    assert.ok(refused.refusal)
    await apply({ call: "RecordRefusal", payout })
    assert.equal((await g.view("Payout", { Payout: payout })).status, "failed")
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(10n * ONE))
    assert.equal((await apply({ call: "RecordRefusal", payout })).error, "AlreadyDone")
    const before = await g.balance(bob, g.usda)
    await g.ok(alice, "Claim", { Asset: "USDA", Recipient: bob.address })
    await g.net.idle()
    assert.equal(await g.balance(bob, g.usda), before + 10n * USDA)
    await g.refused("NothingToClaim", alice, "Claim", { Asset: "USDA" })
    assert.equal((await g.attest([[7, resend(payout, 2)]]))[0].code, "1")
  })

  test("is not settled by what somebody has the token answer to the gateway", async () => {
    await g.net.fault({ unit: "push", kind: "hold", match: { From: g.process, Action: "Transfer" } })
    const { payout } = await redeem()
    const held = (await g.view("Asset", { Asset: "USDA" })).held
    const trick = tags => g.net.send(bob, g.usda, { Action: "Transfer", "Reply-To": g.process, "X-Payout": payout, "X-Attempt": 1, ...tags })
    await trick({ Recipient: carol.address, Quantity: 10n ** 30n }) // Transfer-Error
    await trick({ Recipient: carol.address, Quantity: 10n * USDA }) // Debit-Notice of another transfer
    await trick({ Recipient: alice.address, Quantity: 9n * USDA })
    await trick({ Recipient: bob.address, Quantity: 5n * USDA, "X-Payout": PEER })
    await trick({ Recipient: carol.address, Quantity: 10n ** 30n, "X-Payout": undefined, "X-Reference": "1" })
    await g.net.idle()
    const after = await g.view("Payout", { Payout: payout })
    assert.equal(after.status, "pending")
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, held)
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, "0")
    const before = await g.balance(alice, g.usda)
    await g.net.control("/release")
    await g.net.idle()
    assert.equal(await g.balance(alice, g.usda), before + 10n * USDA)
    assert.equal((await g.view("Payout", { Payout: payout })).status, "paid")
  })

  test("whose Debit-Notice came twice is paid once", async () => {
    await g.net.fault({ unit: "push", kind: "duplicate", match: { From: g.usda, Action: "Debit-Notice", Target: g.process } })
    await redeem()
    await g.net.idle()
    const asset = await g.view("Asset", { Asset: "USDA" })
    assert.deepEqual([asset.held, asset.overpaid], [String(90n * USDA), "0"])
  })

  test("is not paid by somebody who says so", async () => {
    await g.net.fault({ unit: "push", kind: "drop", match: { From: g.process, Action: "Transfer" } })
    const { payout } = await redeem()
    for (const action of ["Debit-Notice", "Transfer-Error"]) {
      await g.net.send(stranger, g.process, { Action: action, "X-Payout": payout, "X-Attempt": 1, Quantity: 10n * USDA, Recipient: alice.address })
      await g.net.send(stranger, g.process, { Action: action, "X-Payout": payout, "X-Attempt": 1, Quantity: 10n * USDA, "From-Process": g.usda })
    }
    assert.equal((await g.view("Payout", { Payout: payout })).status, "pending")
  })

  test("and notices in any order leave the same books", async () => {
    await g.net.fault({ unit: "push", kind: "hold", times: 4, match: { From: g.usda } })
    await redeem()
    await redeem()
    await g.net.idle()
    const { held } = await g.net.control("/", {}, "GET")
    await g.net.control("/release", { order: held.map((_, i) => held.length - 1 - i) })
    await g.net.idle()
    assert.equal((await g.view("Totals", { Asset: "USDA" })).pending, "0")
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, String(80n * USDA))
  })
})
