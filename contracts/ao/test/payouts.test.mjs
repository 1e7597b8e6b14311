// What a gateway pays, in the real module: pushes that are lost or doubled, tokens that refuse, claims that are false.

import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import assert from "node:assert/strict"
import { Gateway, ONE, PEER, USDA, alice, bob, carol, encode, owner, stranger } from "./gateway.mjs"

let g
before(async () => (g = await Gateway.deploy()))
after(() => g?.stop())
beforeEach(() => g.revert())
afterEach(() => g.checkConservation())

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
    await g.later({ call: "RecordRefusal", payout })
    assert.equal((await g.view("Payout", { Payout: payout })).status, "failed")
    assert.equal((await g.view("Claimable", { Account: alice.address, Asset: "USDA" })).amount, String(10n * ONE))
    assert.equal((await g.later({ call: "RecordRefusal", payout })).error, "AlreadyDone")
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
