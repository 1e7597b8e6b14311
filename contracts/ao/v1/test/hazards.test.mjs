// The hazards of the five processes: what strangers, silence, time and numbers do to them.

import { after, afterEach, before, describe, test } from "node:test"
import { readFileSync } from "node:fs"
import { V1, actions, alice, assert, bob, bundle, daemon, owner, request, stranger, told } from "./v1.mjs"

const token = readFileSync(new URL("../../devnet/token.lua", import.meta.url), "utf8")
const mint = (from, Amount) => v1.send(from, "coordinator", { Action: "MintTIM3", Amount })

let v1
before(async () => (v1 = await V1.start()))
afterEach(() => v1.revert())
after(() => v1?.stop())

describe("H1: anybody configures", () => {
  test("a stranger takes the Token Manager's slot and mints for himself", async () => {
    await v1.configure("tokenManager", "CoordinatorProcess", stranger.address)
    await v1.send(stranger, "tokenManager", { Action: "Mint", Recipient: stranger.address, Quantity: 9 })
    assert.equal(await v1.balance(stranger), "9")
  })

  test("a stranger stops the Lock Manager from asking who calls", async () => {
    await v1.configure("lockManager", "RequireConfirmation", "false")
    const result = await v1.send(stranger, "lockManager", { Action: "LockCollateral", User: alice.address, Amount: 7 })
    assert.deepEqual(actions(result), ["Lock", "LockCollateral-Pending"])
    assert.equal(await v1.locked(alice), "7")
  })
})

describe("H2: anybody locks, unlocks and reports", () => {
  test("a user frees the collateral of tokens that he keeps; a stranger locks a victim's funds", async () => {
    await v1.adopt()
    await v1.mintAdopted(alice, 25)
    const freed = await v1.send(alice, "usda", { Action: "Unlock", Amount: 25 })
    assert.equal(told(freed, "Unlock-Notice").data.unlockedBy, alice.address)
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice), (await v1.locks(alice))[0].status], ["25", "0", "locked"])
    await v1.send(stranger, "usda", { Action: "Lock", User: bob.address, Amount: 1000 })
    assert.equal(told(await v1.send(bob, "usda", { Action: "Transfer", Recipient: "x", Quantity: 1 })).data, "Insufficient available balance")
    await v1.send(stranger, "stateManager", { Action: "UpdatePosition", User: bob.address, TIM3Balance: 5, Operation: "set" })
    assert.deepEqual(await v1.state(bob), ["0", "5"])
  })
})

describe("H3: nothing happens only once", () => {
  test("the same mint, and the same notice, twice mint twice", async () => {
    await v1.configure("tokenManager", "CoordinatorProcess", daemon.address)
    const tags = { Action: "Mint", Recipient: bob.address, Amount: 5, Purpose: "TIM3-mint-x" }
    for (let i = 0; i < 2; i++) await v1.send(daemon, "tokenManager", tags)
    assert.equal(await v1.balance(bob), "10")
    const { operations, count } = await v1.view("tokenManager", { Action: "GetOperation", OperationType: "mint", User: bob.address })
    assert.deepEqual([count, Object.values(operations).map(o => o.purpose)], [2, ["TIM3-mint-x", "TIM3-mint-x"]])

    await v1.configure("tokenManager", "CoordinatorProcess", v1.ids.coordinator)
    await v1.configure("coordinator", "AllowedUSDAProcess", daemon.address)
    for (let i = 0; i < 2; i++) await v1.send(daemon, "coordinator", { Action: "Credit-Notice", Sender: bob.address, Quantity: 20 })
    assert.equal(await v1.balance(bob), "50")
    await v1.send(daemon, "coordinator", { Action: "Credit-Notice" }, JSON.stringify({ from: bob.address, amount: "20" }))
    assert.equal(await v1.balance(bob), "50", "a notice with its content in the data, as the mock has it, is ignored")
  })
})

describe("H4: asking for the health expires what is on its way", () => {
  test("for good when sent, and only in the answer of a dry-run", async () => {
    await v1.adopt()
    const asked = request(await mint(alice, 25), "LockCollateral")
    const locked = await v1.forward("lockManager", asked, "LockCollateral-Success")
    await v1.net.advance(1)
    const dry = await v1.net.dryRun(v1.ids.coordinator, { Action: "SystemHealth" })
    assert.deepEqual(actions(dry), ["MintTIM3-Timeout", "SystemHealth-Response"])
    assert.equal(Object.keys(await v1.peek("coordinator", "PendingMints")).length, 1)
    const swept = await v1.send(stranger, "coordinator", { Action: "CleanupExpired" })
    assert.deepEqual([actions(swept)[0], told(swept, "CleanupExpired-Response").data.cleanedOperations], ["MintTIM3-Timeout", 1])
    assert.deepEqual((await v1.tell(locked, { purpose: asked.own.Purpose })).Messages, [], "what was swept is not minted")
    assert.equal(await v1.locked(alice), "25")
  })
})

describe("H5: seconds are milliseconds", () => {
  test("an operation expires after 0.3 s, and not before 300 s once the timeout says 300000", async () => {
    await v1.adopt()
    await mint(alice, 5)
    await v1.configure("coordinator", "PendingTimeout", "300000")
    await v1.net.advance(200)
    const early = await v1.send(stranger, "coordinator", { Action: "CleanupExpired" })
    assert.equal(told(early, "CleanupExpired-Response").data.cleanedOperations, 0)
    await v1.net.advance(101)
    const late = await v1.send(stranger, "coordinator", { Action: "CleanupExpired" })
    assert.equal(told(late, "MintTIM3-Timeout").data.message, "Operation timed out after 300000 seconds")
  })

  test("the window of an hour is 3.6 s, the cooldown of five minutes 0.3 s", async () => {
    await v1.configure("tokenManager", "MaxSupply", "1000000")
    await v1.send(alice, "usda", { Action: "Mint", Quantity: 100000 })
    await v1.adopt()
    await v1.net.advance(10)
    await v1.mintAdopted(alice, 9000)
    assert.equal(told(await mint(alice, 1001)).data, "Block mint limit exceeded (max 10000 per 1.0h)")
    await v1.net.advance(4)
    assert.deepEqual(actions(await mint(alice, 1001)), ["LockCollateral", "MintTIM3-Pending"])
    await v1.net.eval(owner, v1.ids.coordinator, `UserMintHistory["${alice.address}"].lastLargeMint = os.time() + 100000`)
    assert.match(told(await mint(alice, 1000)).data, /^Large mint cooldown active \(wait 100\d+ seconds\)$/)
    await v1.net.eval(owner, v1.ids.coordinator, `UserMintHistory["${alice.address}"].totalMinted = 49999`)
    assert.equal(told(await mint(alice, 2)).data, "User mint limit exceeded (max 50000 per user)")
  })
})

describe("H6: refusals between processes reach nobody", () => {
  test("of the Lock Manager, the token and the Token Manager: the user only ever hears that it is pending", async () => {
    await v1.configure("lockManager", "MaxLockAmount", "3")
    assert.deepEqual(actions(await mint(alice, 25)), ["LockCollateral", "MintTIM3-Pending"])
    assert.equal((await v1.sent("lockManager", "LockCollateral-Error")).at(-1).data, "Amount above maximum (3)")
    await v1.configure("lockManager", "MaxLockAmount", "1000000")
    await mint(alice, 2000)
    const [refusal] = await v1.sent("usda", "Lock-Error")
    assert.equal(refusal.data, "Insufficient available balance for lock")
    assert.deepEqual((await v1.locks(alice)).map(l => l.status), ["pending"])
    assert.equal((await v1.view("lockManager", { Action: "LockStats" })).pendingOperations, 1)
    const heard = (await v1.outbox("coordinator")).filter(m => m.target === alice.address).map(m => m.action)
    assert.deepEqual(heard, ["MintTIM3-Pending", "MintTIM3-Pending"])
  })

  test("a Coordinator without a Lock Manager asks nobody, and says nothing of it", async () => {
    const lonely = await v1.extra(bundle("coordinator"))
    assert.equal(told(await v1.send(alice, lonely, { Action: "MintTIM3", Amount: 2 })).data, "Mock USDA process not configured")
    await v1.configure(lonely, "MockUsdaProcess", v1.ids.usda)
    const result = await v1.send(alice, lonely, { Action: "MintTIM3", Amount: 2 })
    assert.deepEqual(result.Error, undefined)
    assert.ok(actions(result).includes("MintTIM3-Pending"))
  })

  test("a Token Manager at its supply: the lock stays", async () => {
    await v1.adopt()
    await v1.configure("tokenManager", "MaxSupply", "10")
    const asked = request(await mint(alice, 25), "LockCollateral")
    const locked = await v1.forward("lockManager", asked, "LockCollateral-Success")
    const wanted = request(await v1.tell(locked, { purpose: asked.own.Purpose }), "Mint")
    assert.equal((await v1.forward("tokenManager", wanted, "Mint-Error")).data, "Minting would exceed max supply")
    assert.equal(await v1.locked(alice), "25")
  })
})

describe("H7, H8: unlocks without a LockId", () => {
  test("eat any lock that is large enough, a stranded one too", async () => {
    await mint(alice, 400)
    await v1.adopt()
    const { lockId } = await v1.mintAdopted(alice, 3)
    await v1.send(daemon, "lockManager", { Action: "UnlockCollateral", User: alice.address, Amount: "3.5" })
    const locks = Object.fromEntries((await v1.locks(alice)).map(l => [l.lockId === lockId ? "mine" : "stranded", l.amount]))
    assert.deepEqual(locks, { mine: "3", stranded: "396.5" })
  })

  test("fail when no single lock is large enough, and then the tokens are gone", async () => {
    await v1.adopt()
    await v1.mintAdopted(alice, 2)
    await v1.mintAdopted(alice, 3)
    const burn = request(await v1.send(alice, "coordinator", { Action: "BurnTIM3", Amount: 5 }), "Burn")
    const burned = await v1.forward("tokenManager", burn, "Burn-Response")
    const unlock = request(await v1.tell(burned, { burnId: burn.own.Purpose.slice("TIM3-burn-".length) }), "UnlockCollateral")
    assert.equal((await v1.forward("lockManager", unlock, "UnlockCollateral-Error")).data, "Lock not found or not in locked state")
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice)], ["0", "5"])
  })

  test("two equal burns of one user are the same to the Coordinator", async () => {
    await v1.adopt()
    for (let i = 0; i < 2; i++) await v1.mintAdopted(alice, 5)
    const unlocks = []
    for (let i = 0; i < 2; i++) {
      const burn = request(await v1.send(alice, "coordinator", { Action: "BurnTIM3", Amount: 5 }), "Burn")
      const burned = await v1.forward("tokenManager", burn, "Burn-Response")
      unlocks.push(request(await v1.tell(burned, { burnId: burn.own.Purpose.slice("TIM3-burn-".length) }), "UnlockCollateral"))
    }
    const booked = []
    for (const unlock of unlocks) {
      const unlocked = await v1.forward("lockManager", unlock, "UnlockCollateral-Success")
      booked.push(told(await v1.tell(unlocked, { unlockedAmount: unlock.own.Amount }), "BurnTIM3-Response").data.burnId)
    }
    assert.equal(new Set(booked).size, 2)
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice), (await v1.position(alice)).tim3Minted], ["0", "0", 0])
  })

  test("a user who unlocked himself leaves the Lock Manager unlocking for ever", async () => {
    await v1.adopt()
    const { lockId } = await v1.mintAdopted(alice, 5)
    await v1.send(alice, "usda", { Action: "Unlock", Amount: 5 })
    await v1.send(daemon, "lockManager", { Action: "UnlockCollateral", LockId: lockId })
    assert.equal((await v1.sent("usda", "Unlock-Error"))[0].data, "Insufficient locked balance")
    assert.equal((await v1.locks(alice))[0].status, "unlocking")
    const again = await v1.send(daemon, "lockManager", { Action: "UnlockCollateral", LockId: lockId })
    assert.equal(told(again).data, "Lock not found or not in locked state")
  })
})

describe("H9: positions do not move with tokens", () => {
  test("who received tokens cannot burn them, who sent them still has the position", async () => {
    await v1.adopt()
    await v1.mintAdopted(alice, 25)
    const moved = await v1.send(alice, "tokenManager", { Action: "Transfer", Recipient: bob.address, Quantity: 25, "X-Note": "n" })
    assert.deepEqual(actions(moved), ["Transfer-Response", "Credit-Notice"])
    const notice = told(moved, "Credit-Notice")
    assert.deepEqual(notice.data, { from: alice.address, amount: "25", newBalance: "25" })
    assert.deepEqual(Object.keys(notice.own), ["Action"], "nothing in tags, nothing forwarded")
    assert.equal(told(await v1.send(bob, "coordinator", { Action: "BurnTIM3", Amount: 25 })).data, "Insufficient TIM3 balance to burn")
    assert.equal((await v1.position(alice)).tim3Minted, 25)
    const burn = request(await v1.send(alice, "coordinator", { Action: "BurnTIM3", Amount: 25 }), "Burn")
    assert.equal((await v1.forward("tokenManager", burn, "Burn-Error")).data, "Insufficient balance to burn")
  })
})

describe("H10, H11: numbers", () => {
  test("are parsed as Lua does, multiplied into floats, and cut to six places", async () => {
    const asked = async Amount => request(await mint(alice, Amount), "LockCollateral").own.Amount
    assert.deepEqual([await asked("10"), await asked("0x10"), await asked(" 1e2 "), await asked("1.5")], ["10.0", "16.0", "100.0", "1.5"])
    const cut = await mint(alice, "1.23456789")
    assert.deepEqual([request(cut, "LockCollateral").own.Amount, told(cut, "MintTIM3-Pending").data.tim3Amount], ["1.23456789", "1.234567"])
    const first = await v1.send(alice, "coordinator", { Action: "MintTIM3", Amount: "2", Quantity: "3" })
    assert.equal(told(first, "MintTIM3-Pending").data.tim3Amount, "2", "the Coordinator reads Amount first")
    const faucet = await v1.send(stranger, "usda", { Action: "Mint", Amount: "2", Quantity: "3" })
    assert.equal(told(faucet).data.amount, "3", "the token reads Quantity first")
  })

  test("lose units above 2^53", async () => {
    await v1.send(stranger, "usda", { Action: "Mint", Quantity: "9007199254740993.0" })
    assert.equal(told(await v1.send(stranger, "usda", { Action: "Balance" })).data.balance, "9007199254740992")
  })

  test("have the decimals of nobody: one real USDA is more than may ever be minted", async () => {
    const usda = await v1.extra(token, { Ticker: "USDA", Denomination: "12" })
    const info = (await v1.net.dryRun(usda, { Action: "Info" })).Messages[0]
    assert.equal(info.Tags.find(t => t.name === "Denomination").value, "12")
    await v1.configure("coordinator", "AllowedUSDAProcess", usda)
    await v1.send(owner, usda, { Action: "Mint", Recipient: alice.address, Quantity: 10n ** 12n })
    await v1.send(alice, usda, { Action: "Transfer", Recipient: v1.ids.coordinator, Quantity: 10n ** 12n })
    assert.equal((await v1.sent("tokenManager", "Mint-Error"))[0].data, "Amount above maximum (100000)")
    const held = await v1.net.dryRun(usda, { Action: "Balance", Recipient: v1.ids.coordinator })
    assert.equal(told(held).tags.Balance, String(10n ** 12n), "the deposit is kept")
  })
})

describe("H12 to H16", () => {
  test("H12: locks are never forgotten", async () => {
    await v1.adopt()
    await v1.mintAdopted(alice, 5)
    await v1.burnAdopted(alice, 5)
    assert.deepEqual((await v1.locks(alice)).map(l => l.status), ["unlocked"])
    assert.equal((await v1.view("lockManager", { Action: "LockStats" })).totalLocked, "5")
  })

  test("H13: ids are a user, a kind, a millisecond and four digits; when one comes twice, the lock before is overwritten", async () => {
    await v1.configure("lockManager", "CoordinatorProcess", daemon.address)
    // One message is one millisecond: two locks in it are what two messages in it would be.
    const code = `
      math.random = function() return 1234 end
      for _, amount in ipairs({ "5", "6" }) do
        local tags = { Action = "LockCollateral", User = "u", Amount = amount, Purpose = "p" .. amount }
        Handlers.evaluate({ Id = "x", Target = ao.id, From = "${daemon.address}", Action = tags.Action, Tags = tags }, ao.env)
      end`
    await v1.net.eval(owner, v1.ids.lockManager, code)
    await v1.net.idle()
    const { locks, count } = await v1.view("lockManager", { Action: "GetLockInfo", User: "u" })
    assert.match(Object.keys(locks)[0], /^u-lock-\d{13}-1234$/)
    assert.deepEqual([count, Object.values(locks)[0].purpose, (await v1.sent("lockManager", "Lock")).length], [1, "p6", 2])
  })

  test("H14: users and purposes are whatever the authorised caller says", async () => {
    await v1.configure("lockManager", "CoordinatorProcess", daemon.address)
    const odd = { User: "not-an-address", Amount: 5, Purpose: "TIM3-mint-a-b-mint-1-2" }
    await v1.send(daemon, "lockManager", { Action: "LockCollateral", ...odd })
    const { locks } = await v1.view("lockManager", { Action: "GetLockInfo", User: odd.User })
    assert.deepEqual(Object.values(locks).map(l => l.purpose), [odd.Purpose])
  })

  test("H15: a dry-run shows which manager is patched", async () => {
    const shape = async () => {
      const { Messages } = await v1.net.dryRun(v1.ids.tokenManager, { Action: "Mint", Recipient: "probe", Quantity: 1, Purpose: "TIM3-mint-probe" }, { from: v1.ids.coordinator })
      return "purpose" in told({ Messages }, "Mint-Response").data
    }
    assert.equal(await shape(), false)
    await v1.net.eval(owner, v1.ids.tokenManager, bundle("token-manager", { patched: true }))
    assert.equal(await shape(), true)
    assert.equal(await v1.balance({ address: "probe" }), "0")
  })

  test("H16: answers come in any order, and late", async () => {
    await v1.net.fault({ unit: "push", kind: "hold", times: -1, match: { From: v1.ids.usda, Target: v1.ids.lockManager } })
    await mint(alice, 5)
    await mint(alice, 6)
    assert.deepEqual((await v1.locks(alice)).map(l => l.status), ["pending", "pending"])
    await v1.net.advance(600)
    await v1.net.control("/release", { order: [3, 1] })
    await v1.net.idle()
    assert.deepEqual((await v1.locks(alice)).map(l => l.status), ["locked", "locked"])
    assert.deepEqual((await v1.sent("lockManager", "LockCollateral-Success")).map(m => m.data.amount), ["6", "5"])
  })
})

describe("H17 and the real USDA", () => {
  test("H17: a Lock Manager that waits for a transfer, and keeps what it did not expect", async () => {
    await v1.net.eval(owner, v1.ids.lockManager, bundle("lock-manager"))
    await v1.net.eval(owner, v1.ids.lockManager, bundle("transfer-lock"))
    await v1.adopt()
    const asked = request(await mint(alice, 5), "LockCollateral")
    const { Action, ...tags } = asked.own
    const result = await v1.send(daemon, "lockManager", { Action, ...tags })
    assert.equal(told(result, "LockCollateral-Pending").data.status, "awaiting-transfer")
    const required = told(result, "Transfer-Required")
    assert.deepEqual([required.target, required.data.usdaProcess, required.data.amount], [alice.address, v1.ids.usda, "5"])
    const pay = Quantity => v1.send(alice, "usda", { Action: "Transfer", Recipient: v1.ids.lockManager, Quantity })
    await pay(4)
    assert.equal((await v1.sent("lockManager", "Unexpected-Transfer"))[0].data.amount, "4")
    await pay(5)
    const [locked] = await v1.sent("lockManager", "LockCollateral-Success")
    assert.equal("purpose" in locked.data, false)
    const wanted = request(await v1.tell(locked, { purpose: tags.Purpose }), "Mint")
    assert.equal(wanted.own.Purpose, tags.Purpose)
    assert.equal((await v1.view("usda", { Action: "Balance", Target: v1.ids.lockManager })).balance, "9", "what came unexpectedly is kept")
  })

  test("a token without Lock leaves a mint pending for ever, and nobody hears of it", async () => {
    const usda = await v1.extra(token, { Ticker: "USDA", Denomination: "12" })
    await v1.configure("lockManager", "MockUsdaProcess", usda)
    await mint(alice, 5)
    assert.deepEqual((await v1.locks(alice)).map(l => l.status), ["pending"])
    assert.deepEqual(actions(await v1.send(stranger, usda, { Action: "Lock", Amount: 1 })), [])
  })
})
