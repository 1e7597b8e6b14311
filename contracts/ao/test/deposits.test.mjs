// Collateral that comes to a gateway, in the real module: what locks, what can be claimed, what is no deposit, and notices that were lost.

import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import assert from "node:assert/strict"
import { EVM_ACCOUNT, Gateway, ONE, OTHER_PEER, PEER, USDA, ZERO, alice, bob, carol, guardian, owner, stranger } from "./gateway.mjs"

let g
before(async () => (g = await Gateway.deploy()))
after(() => g?.stop())
beforeEach(() => g.revert())
afterEach(() => g.checkConservation())

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
    assert.equal((await g.later(call)).error, undefined)
    assert.equal((await g.view("Claimable", { Account: carol.address, Asset: "USDA" })).amount, String(2n * ONE))
    assert.equal((await g.later(call)).error, "AmountOutOfRange")
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
    assert.equal((await g.later(call)).error, undefined)
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(5n * ONE))
    await g.net.control("/release")
    await g.net.idle()
    assert.equal((await g.view("Asset", { Asset: "USDA" })).held, String(5n * USDA))
    assert.equal((await g.later({ ...call })).error, "AlreadyDone")
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
    assert.equal((await g.later(call)).error, undefined)
    assert.equal((await g.view("Payout", { Payout: payout })).status, "paid")
    await g.net.control("/release")
    await g.net.idle()
    const asset = await g.view("Asset", { Asset: "USDA" })
    assert.deepEqual([asset.held, asset.overpaid], [String(90n * USDA), "0"])
    assert.equal((await g.later({ ...call, reference: "99999" })).error, "AlreadyDone")
  })
})
