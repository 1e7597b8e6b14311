// The wire form of the five processes, what a mint and a burn come to, and the defects that make it so.

import { after, afterEach, before, describe, test } from "node:test"
import { readFileSync } from "node:fs"
import { V1, actions, alice, assert, bob, bundle, daemon, owner, request, stranger, told } from "./v1.mjs"

const token = readFileSync(new URL("../../devnet/token.lua", import.meta.url), "utf8")

let v1
before(async () => (v1 = await V1.start()))
afterEach(() => v1.revert())
after(() => v1?.stop())

describe("messages", () => {
  test("an Action is compared exactly, and one without a handler is not answered", async () => {
    for (const Action of ["info", "Status", "INFO"]) assert.deepEqual(actions(await v1.send(stranger, "coordinator", { Action })), [])
  })

  test("the wiring of the deployment is in GetConfig, without what it does not tell", async () => {
    const { processes, systemConfig } = await v1.view("coordinator", { Action: "GetConfig" })
    const { coordinator, usda, ...rest } = v1.ids
    assert.deepEqual(processes, {
      mockUsdaProcess: usda, lockManagerProcess: rest.lockManager, tokenManagerProcess: rest.tokenManager, stateManagerProcess: rest.stateManager,
    })
    assert.deepEqual(systemConfig, { collateralRatio: 1, minMintAmount: 1, maxMintAmount: 100_000, systemActive: true })
    assert.equal((await v1.view("lockManager", { Action: "Info" })).config.mockUsdaConfigured, true)
    assert.equal(JSON.stringify(await v1.view("lockManager", { Action: "Info" })).includes(coordinator), false)
  })

  test("Info of each has JSON in its data, numbers as numbers", async () => {
    assert.deepEqual(await v1.view("coordinator", { Action: "Info" }), {
      // aos has a Name and a (function) Version before the sources ask for their own; functions are left out of JSON.
      name: "aos", ticker: "TIM3", systemActive: true, totalCollateral: 0, totalTIM3Minted: 0, collateralRatio: 1,
    })
    const { tokenInfo, config } = await v1.view("tokenManager", { Action: "Info" })
    assert.deepEqual([tokenInfo.denomination, tokenInfo.totalSupply, config.maxSupply, config.mintingEnabled], [6, 0, 300, true])
    assert.deepEqual(await v1.view("usda", { Action: "Info" }), { name: "aos", ticker: "mUSDT", denomination: 6, totalSupply: 2000 })
    const { lockStats, config: limits } = await v1.view("lockManager", { Action: "Info" })
    assert.deepEqual([lockStats.totalLocked, limits.minLockAmount, limits.maxLockAmount, limits.requireConfirmation], [0, 1, 1_000_000, true])
    assert.equal((await v1.view("stateManager", { Action: "SystemHealth" })).systemState.systemHealthScore, 85)
  })

  test("what is empty is an empty array", async () => {
    assert.deepEqual(await v1.view("tokenManager", { Action: "Balances" }), [])
    assert.deepEqual(await v1.view("lockManager", { Action: "GetLockInfo", User: "nobody" }), { locks: [], count: 0 })
    assert.deepEqual((await v1.view("tokenManager", { Action: "GetOperation", OperationType: "burn", User: "x" })).operations, [])
  })

  test("answers carry neither the id nor the Reference of what they answer", async () => {
    const { id, ...result } = await v1.send(stranger, "usda", { Action: "Info", Reference: "my-reference" })
    const { tags } = told(result)
    assert.equal(Object.values(tags).includes("my-reference") || Object.values(tags).includes(id), false)
  })

  test("errors are plain text, in the order of the checks", async () => {
    const refused = async (role, tags, from = alice) => {
      const result = await v1.send(from, role, tags)
      assert.equal(result.Messages.length, 1)
      assert.equal(told(result).action, `${tags.Action}-Error`)
      return told(result).data
    }
    const mint = Amount => refused("coordinator", { Action: "MintTIM3", Amount })
    assert.equal(await mint("-3"), "Invalid amount")
    assert.equal(await mint("much"), "Invalid amount")
    assert.equal(await mint("0.5"), "Amount below minimum (1)")
    assert.equal(await mint("100001"), "Amount above maximum (100000)")
    assert.equal(await mint("10001"), "Block mint limit exceeded (max 10000 per 1.0h)")
    assert.equal(await refused("coordinator", { Action: "BurnTIM3" }), "Invalid burn amount")
    assert.equal(await refused("coordinator", { Action: "BurnTIM3", Amount: "1" }), "Insufficient TIM3 balance to burn")
    assert.equal(await refused("coordinator", { Action: "Configure", ConfigType: "Colour" }), "Unknown configuration type: Colour")
    assert.equal(await refused("coordinator", { Action: "Configure" }), "Unknown configuration type: nil")
    assert.equal(await refused("lockManager", { Action: "LockCollateral", Amount: "5" }), "Unauthorized caller")
    assert.equal(await refused("lockManager", { Action: "GetLockInfo" }), "LockId or User required")
    assert.equal(await refused("tokenManager", { Action: "Mint", Amount: "5" }), "Unauthorized minter - must be coordinator process")
    assert.equal(await refused("tokenManager", { Action: "Burn", User: bob.address, Amount: "5" }), "Unauthorized to burn tokens for this user")
    assert.equal(await refused("tokenManager", { Action: "Burn", Amount: "0" }), "Invalid burn amount")
    assert.equal(await refused("tokenManager", { Action: "Burn", Amount: "5" }), "Insufficient balance to burn")
    assert.equal(await refused("tokenManager", { Action: "Transfer", Amount: "5" }), "Recipient required")
    assert.equal(await refused("tokenManager", { Action: "Transfer", Recipient: "x" }), "Invalid transfer amount")
    assert.equal(await refused("tokenManager", { Action: "Transfer", Recipient: "x", Quantity: "1" }), "Insufficient balance")
    assert.equal(await refused("tokenManager", { Action: "GetOperation", OperationType: "swap" }), "OperationType must be 'mint' or 'burn'")
    assert.equal(await refused("usda", { Action: "Mint", Quantity: "-1" }), "Invalid mint amount")
    assert.equal(await refused("usda", { Action: "Transfer", Quantity: "1" }), "Recipient required")
    assert.equal(await refused("usda", { Action: "Transfer", Recipient: "x", Quantity: "5000" }), "Insufficient available balance")
    assert.equal(await refused("usda", { Action: "Lock", Amount: "5000" }), "Insufficient available balance for lock")
    assert.equal(await refused("usda", { Action: "Unlock", Amount: "1" }), "Insufficient locked balance")
    assert.equal(await refused("stateManager", { Action: "UpdatePosition" }), "User required")
  })

  test("a pause and a missing process are refused in words; an unpause wakes what was asleep", async () => {
    const mint = () => v1.send(alice, "coordinator", { Action: "MintTIM3", Amount: 5 }).then(r => told(r).data)
    await v1.configure("coordinator", "SystemActive", "yes")
    assert.equal(await mint(), "System is currently inactive")
    await v1.send(stranger, "coordinator", { Action: "EmergencyPause", Pause: "true", Reason: "why not" })
    assert.equal(await mint(), "System is in emergency pause")
    const [log] = await v1.sent("coordinator", "EmergencyPause-Log")
    assert.deepEqual([log.data.by, log.data.reason, log.data.paused], [stranger.address, "why not", true])
    await v1.configure("coordinator", "AdminProcess", owner.address)
    const late = await v1.send(stranger, "coordinator", { Action: "EmergencyPause" })
    assert.equal(told(late).data, "Unauthorized - only admin can pause system")
    const resumed = await v1.send(owner, "coordinator", { Action: "EmergencyPause", Pause: "false" })
    assert.equal(told(resumed, "EmergencyPause-Response").data.systemActive, true)
    assert.equal(told(await v1.send(alice, "coordinator", { Action: "MintTIM3", Amount: 5 })).action, "LockCollateral")
  })

  test("setters store what they are sent, a blank too, and report success for what they ignore", async () => {
    const blank = await v1.send(stranger, "coordinator", { Action: "SetLockManagerProcess" }, " ")
    assert.deepEqual(told(blank).data, { lockManagerProcess: " ", status: "configured" })
    const ignored = await v1.send(stranger, "coordinator", { Action: "SetProcessConfig", CollateralRatio: "2" })
    assert.equal(told(ignored).action, "SetProcessConfig-Response")
    assert.equal((await v1.view("coordinator", { Action: "Info" })).collateralRatio, 1)
    assert.deepEqual(told(await v1.configure("coordinator", "PendingTimeout", "soon")).data, { configType: "PendingTimeout", value: "soon", success: true })
    assert.equal(await v1.peek("coordinator", "Config.pendingTimeout"), 300)
  })
})

describe("a mint and a burn as designed", () => {
  test("complete through processes with the four patches", async () => {
    for (const role of ["coordinator", "lockManager", "tokenManager"]) {
      const file = { coordinator: "coordinator", lockManager: "lock-manager", tokenManager: "token-manager" }[role]
      await v1.net.eval(owner, v1.id(role), bundle(file, { patched: true }))
    }
    await v1.send(alice, "coordinator", { Action: "MintTIM3", Amount: 25 })
    const [minted] = await v1.sent("coordinator", "MintTIM3-Response")
    assert.deepEqual(minted.data.newPosition, { collateral: "25", tim3Minted: "25", collateralRatio: "1", healthFactor: "1" })
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice)], ["25", "25"])
    await v1.send(alice, "coordinator", { Action: "BurnTIM3", Amount: 25 })
    const [burned] = await v1.sent("coordinator", "BurnTIM3-Response")
    assert.deepEqual([burned.data.tim3Burned, burned.data.collateralReleased], ["25", "25"])
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice), (await v1.position(alice)).tim3Minted], ["0", "0", 0])
  })

  test("complete through untouched ones when a wallet in the managers' slots adds what they leave out", async () => {
    await v1.adopt()
    const { answer, purpose } = await v1.mintAdopted(alice, 25)
    assert.deepEqual([answer.tim3Minted, answer.collateralLocked], ["25", "25"])
    assert.match(purpose, new RegExp(`^TIM3-mint-${alice.address}-mint-\\d{13}-\\d{4}$`))
    const burned = await v1.burnAdopted(alice, 25)
    assert.equal(burned.answer.collateralReleased, "25")
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice), (await v1.position(alice)).tim3Minted], ["0", "0", 0])
  })
})

describe("D1: LockCollateral-Success has no purpose", () => {
  test("a mint strands its collateral, the Coordinator forgets it at the next sweep, and an authorised caller can release it", async () => {
    const result = await v1.send(alice, "coordinator", { Action: "MintTIM3", Amount: 25 })
    assert.deepEqual(actions(result), ["LockCollateral", "MintTIM3-Pending"])
    assert.equal(request(result, "LockCollateral").own.Amount, "25.0")
    const pending = told(result, "MintTIM3-Pending").data
    assert.deepEqual([pending.tim3Amount, pending.requiredCollateral, pending.status], ["25", "25", "pending-collateral-lock"])
    const [success] = await v1.sent("lockManager", "LockCollateral-Success")
    assert.deepEqual(Object.keys(success.data).sort(), ["amount", "lockId", "status", "usdaLockId", "user"])
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice)], ["0", "25"])
    const [lock] = await v1.locks(alice)
    assert.deepEqual([lock.status, lock.amount, lock.purpose], ["locked", "25", `TIM3-mint-${pending.mintId}`])
    await v1.net.advance(1)
    const swept = await v1.send(stranger, "coordinator", { Action: "SystemHealth" })
    assert.deepEqual(told(swept, "MintTIM3-Timeout").data, { mintId: pending.mintId, message: "Operation timed out after 300 seconds" })
    assert.equal(await v1.locked(alice), "25")

    await v1.configure("lockManager", "CoordinatorProcess", daemon.address, daemon)
    const release = await v1.send(daemon, "lockManager", { Action: "UnlockCollateral", LockId: lock.lockId })
    assert.deepEqual(told(release, "UnlockCollateral-Pending").data, { lockId: lock.lockId, user: alice.address, unlockAmount: "25", status: "unlocking" })
    assert.deepEqual([await v1.locked(alice), (await v1.locks(alice))[0].status], ["0", "unlocked"])
    const [unlocked] = await v1.sent("lockManager", "UnlockCollateral-Success")
    assert.equal(unlocked.target, v1.ids.coordinator, "the requestor of the lock is told, not the caller")
    assert.deepEqual([unlocked.data.unlockedAmount, unlocked.data.remainingLocked], ["25", "25"])
  })
})

describe("D2: Mint-Response has no purpose", () => {
  test("a mint whose lock is told right is minted and never booked, so that it cannot be burned", async () => {
    await v1.adopt(["lockManager"])
    const asked = request(await v1.send(alice, "coordinator", { Action: "MintTIM3", Amount: 25 }), "LockCollateral")
    const locked = await v1.forward("lockManager", asked, "LockCollateral-Success")
    const progress = await v1.tell(locked, { purpose: asked.own.Purpose })
    assert.equal(told(progress, "MintTIM3-Progress").data.status, "collateral-locked-minting-tokens")
    const [minted] = await v1.sent("tokenManager", "Mint-Response")
    assert.deepEqual(Object.keys(minted.data).sort(), ["amount", "mintId", "newBalance", "recipient", "totalSupply"])
    assert.notEqual(`TIM3-mint-${minted.data.mintId}`, asked.own.Purpose)
    assert.deepEqual([await v1.balance(alice), (await v1.position(alice)).tim3Minted], ["25", 0])
    const { operations } = await v1.view("tokenManager", { Action: "GetOperation", OperationType: "mint", User: alice.address })
    const [operation] = Object.values(operations)
    assert.deepEqual([operation.purpose, operation.amount, operation.minter], [asked.own.Purpose, 25, v1.ids.coordinator])
    const burn = await v1.send(alice, "coordinator", { Action: "BurnTIM3", Amount: 25 })
    assert.equal(told(burn).data, "Insufficient TIM3 balance to burn")
  })
})

describe("D3: Burn-Response has a burnId of its own", () => {
  test("a burn destroys the tokens and unlocks nothing", async () => {
    await v1.adopt()
    await v1.mintAdopted(alice, 25)
    for (const role of ["lockManager", "tokenManager"]) {
      await v1.configure("coordinator", role === "lockManager" ? "LockManagerProcess" : "TokenManagerProcess", v1.id(role))
      await v1.configure(role, "CoordinatorProcess", v1.ids.coordinator)
    }
    const result = await v1.send(alice, "coordinator", { Action: "BurnTIM3", Amount: 25 })
    assert.deepEqual(actions(result), ["Burn", "BurnTIM3-Pending"])
    const [burned] = await v1.sent("tokenManager", "Burn-Response")
    assert.equal(burned.data.purpose, request(result, "Burn").own.Purpose)
    assert.notEqual(`TIM3-burn-${burned.data.burnId}`, burned.data.purpose)
    assert.deepEqual(await v1.sent("coordinator", "UnlockCollateral"), [])
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice), (await v1.position(alice)).tim3Minted], ["0", "25", 25])
  })
})

describe("D4: released amounts are compared as texts", () => {
  test("a release that is told as the Lock Manager spells it is not booked; spelled as asked for, it is", async () => {
    await v1.adopt()
    await v1.mintAdopted(alice, 10)
    const plain = await v1.burnAdopted(alice, 4, { spell: false })
    assert.deepEqual([plain.unlock.own.Amount, plain.answer, plain.result.Messages], ["4.0", undefined, []])
    assert.deepEqual([await v1.balance(alice), await v1.locked(alice), (await v1.position(alice)).tim3Minted], ["6", "6", 10])
    const spelled = await v1.burnAdopted(alice, 6)
    assert.equal(spelled.answer.newPosition.tim3Minted, "4")
  })
})

describe("D5: the Coordinator overwrites positions in the State Manager with nothing", () => {
  test("after a mint, and after a burn that was not booked, they are wrong", async () => {
    await v1.adopt()
    const { result } = await v1.mintAdopted(alice, 10)
    const { User, Timestamp, ...update } = request(result, "UpdatePosition").own
    assert.deepEqual(update, { Action: "UpdatePosition", TokenType: "TIM3", Amount: "10", Operation: "mint", CollateralType: "USDA", CollateralAmount: "10.0" })
    assert.deepEqual(await v1.state(alice), ["0", "0"])
    await v1.burnAdopted(alice, 10, { spell: false })
    assert.deepEqual(await v1.state(alice), ["-10", "-10"])
  })
})

describe("D6: a deposit of somebody who never called MintTIM3", () => {
  test("is minted, fails in the Coordinator, and is never booked", async () => {
    const usda = await v1.extra(token, { Ticker: "USDA", Denomination: "12" })
    await v1.send(owner, usda, { Action: "Mint", Recipient: bob.address, Quantity: 50 })
    await v1.configure("coordinator", "AllowedUSDAProcess", usda)
    await v1.configure("coordinator", "TokenManagerProcess", daemon.address)
    await v1.configure("tokenManager", "CoordinatorProcess", daemon.address)
    await v1.send(bob, usda, { Action: "Transfer", Recipient: v1.ids.coordinator, Quantity: 40 })
    const [mint] = await v1.sent("coordinator", "Mint")
    assert.match(mint.own.Purpose, new RegExp(`^TIM3-mint-${bob.address}-deposit-\\d{13}-\\d{4}$`))
    const minted = await v1.forward("tokenManager", mint, "Mint-Response")
    const result = await v1.tell(minted, { purpose: mint.own.Purpose })
    assert.deepEqual(result.Messages, [])
    assert.match(result.Error, /attempt to index a nil value \(local 'history'\)/)
    assert.deepEqual(await v1.sent("coordinator", "MintTIM3-Response"), [])
    assert.equal(await v1.balance(bob), "40")
    // The handler had changed the books by then. A compute unit drops what a failing handler did; stock wao keeps it.
    assert.equal((await v1.position(bob)).tim3Minted, 0)
    assert.equal(Object.keys(await v1.peek("coordinator", "PendingMints")).length, 1)
  })
})

describe("D7: no liquidation threshold by default", () => {
  test("CheckLiquidations fails when there is debt, until a threshold is set", async () => {
    const fresh = await v1.extra(bundle("state-manager"))
    await v1.send(stranger, fresh, { Action: "UpdatePosition", User: "u", Collateral: "8", TIM3Balance: "10", Operation: "add" })
    const failed = await v1.send(stranger, fresh, { Action: "CheckLiquidations" })
    assert.deepEqual(failed.Messages, [])
    await v1.configure(fresh, "LiquidationThreshold", "0.85")
    const listed = await v1.view(fresh, { Action: "CheckLiquidations" })
    assert.deepEqual(listed, { liquidatableCount: 1, positions: [{ user: "u", healthFactor: 0.8, collateral: 8, tim3Balance: 10, liquidationValue: 9 }] })
    const alerts = await v1.view(fresh, { Action: "CheckRiskAlerts" })
    assert.deepEqual([alerts.alertCount, alerts.alerts[0].riskLevel, alerts.systemHealthScore], [1, "critical", 65])
  })
})

