// The five processes on the local network, and what tests do with them.

import assert from "node:assert/strict"
import { Devnet, messageOf, rsaWallets, wallet } from "../../test/client.mjs"
import { bundle } from "../deploy.mjs"

export const owner = rsaWallets[0]
export const [alice, bob] = ["alice", "bob"].map(wallet)
export const stranger = wallet("stranger")
/** Who stands in the slots of the managers when the processes are adopted. */
export const daemon = wallet("daemon")

export class V1 {
  static async start() {
    const net = await Devnet.start({ v1: true })
    const v1 = Object.assign(new V1(), { net, ids: net.ready.v1 })
    try {
      for (const user of [alice, bob]) await v1.send(user, "usda", { Action: "Mint", Quantity: 1000 })
      v1.snapshot = (await net.control("/snapshot")).snapshot
    } catch (error) {
      await net.stop()
      throw error
    }
    return v1
  }

  stop() {
    return this.net.stop()
  }

  revert() {
    return this.net.control("/revert", { snapshot: this.snapshot })
  }

  /** A process besides the five. */
  async extra(code, tags) {
    const id = await this.net.spawn(owner, tags)
    await this.net.eval(owner, id, code)
    return id
  }

  id(role) {
    return this.ids[role] ?? role
  }

  /** Sends, waits for everything that follows, gives the message's own result. */
  async send(from, role, tags, data) {
    const result = await this.net.send(from, this.id(role), tags, data)
    await this.net.idle()
    return result
  }

  /** What a dry-run answers, decoded. */
  async view(role, tags, from = "1234") {
    const result = await this.net.dryRun(this.id(role), tags, { from })
    assert.equal(result.Error, undefined)
    assert.equal(result.Messages.length, 1, JSON.stringify(result))
    return told(result).data
  }

  configure(role, ConfigType, Value, from = stranger) {
    return this.send(from, role, { Action: "Configure", ConfigType, Value })
  }

  /** What the processes did, each message with who sent it, oldest first. */
  async outbox(role) {
    const { body } = await this.net.json("cu", `/results/${this.id(role)}?limit=1000`)
    return body.edges.flatMap(({ node }) => node.Messages.map(told1))
  }

  async sent(role, action) {
    return (await this.outbox(role)).filter(m => m.action === action)
  }

  // --------------------------------------------------------------------------------------------------------------------- reading

  balance(user) {
    return this.view("tokenManager", { Action: "Balance", Target: user.address }).then(b => b.balance)
  }

  locked(user) {
    return this.view("usda", { Action: "Balance", Target: user.address }).then(b => b.locked)
  }

  async locks(user) {
    const { locks } = await this.view("lockManager", { Action: "GetLockInfo", User: user.address })
    return Object.values(locks)
  }

  position(user) {
    return this.view("coordinator", { Action: "GetPosition", User: user.address }).then(p => p.position)
  }

  async state(user) {
    const { position } = await this.view("stateManager", { Action: "GetPosition", User: user.address })
    return [position.collateral, position.tim3Balance]
  }

  /** A global of a process, by its owner. */
  peek(role, expression) {
    return this.net.dryRun(this.id(role), { Action: "Eval" }, { data: `return require("json").encode(${expression})`, from: owner.address }).then(r => {
      assert.equal(r.Error, undefined)
      return JSON.parse(r.Output?.data?.output ?? r.Output?.data)
    })
  }

  // -------------------------------------------------------------------------------------------------------------------- adopting

  /** Puts the daemon's wallet into the slots of the managers; anybody could. */
  async adopt(slots = ["lockManager", "tokenManager"]) {
    for (const role of slots) {
      await this.configure("coordinator", role === "lockManager" ? "LockManagerProcess" : "TokenManagerProcess", daemon.address)
      await this.configure(role, "CoordinatorProcess", daemon.address)
    }
  }

  /** Forwards what the Coordinator asked for, unchanged but for `more`, and gives what the manager at last answered the daemon. */
  async forward(role, request, answer, more = {}) {
    const before = (await this.sent(role, answer)).length
    const { Action, ...tags } = request.own
    await this.send(daemon, role, { Action, ...tags, ...more })
    const answers = await this.sent(role, answer)
    assert.equal(answers.length, before + 1, `${role} did not answer ${Action} with ${answer}`)
    return answers.at(-1)
  }

  /** Tells the Coordinator what a manager answered, with what it needs to know whose it is. */
  tell(answer, more) {
    return this.send(daemon, "coordinator", { Action: answer.action }, JSON.stringify({ ...answer.data, ...more }))
  }

  async mintAdopted(user, amount) {
    const asked = request(await this.send(user, "coordinator", { Action: "MintTIM3", Amount: amount }), "LockCollateral")
    const locked = await this.forward("lockManager", asked, "LockCollateral-Success")
    const mint = request(await this.tell(locked, { purpose: asked.own.Purpose }), "Mint")
    const minted = await this.forward("tokenManager", mint, "Mint-Response")
    const result = await this.tell(minted, { purpose: mint.own.Purpose })
    return { purpose: asked.own.Purpose, lockId: locked.data.lockId, answer: told(result, "MintTIM3-Response")?.data, result }
  }

  /** `spell`: whether the amount is told as the Coordinator spells it. */
  async burnAdopted(user, amount, { spell = true, lockId } = {}) {
    const burn = request(await this.send(user, "coordinator", { Action: "BurnTIM3", Amount: amount }), "Burn")
    const burned = await this.forward("tokenManager", burn, "Burn-Response")
    const unlock = request(await this.tell(burned, { burnId: burn.own.Purpose.replace("TIM3-burn-", "") }), "UnlockCollateral")
    const unlocked = await this.forward("lockManager", unlock, "UnlockCollateral-Success", lockId ? { LockId: lockId } : {})
    const result = await this.tell(unlocked, spell ? { unlockedAmount: unlock.own.Amount } : {})
    return { unlock, answer: told(result, "BurnTIM3-Response")?.data, result }
  }
}

const NETWORK = new Set(["Data-Protocol", "Variant", "Type", "Reference", "Ref_", "Pushed-For", "From-Process", "From-Module"])

/** A message as {target, action, tags, own, data}: `own` are the tags that the process itself set. */
function told1(message) {
  const { tags, data, target } = messageOf({ Messages: [message] }, message.Tags.find(t => t.name === "Action")?.value)
  return { target, action: tags.Action, tags, own: Object.fromEntries(Object.entries(tags).filter(([name]) => !NETWORK.has(name))), data }
}

/** The message of a result with this action; without one, the first. */
export function told(result, action) {
  return (result.Messages ?? []).map(told1).find(m => !action || m.action === action)
}

export function request(result, action) {
  const found = told(result, action)
  assert.ok(found, `no ${action} in ${JSON.stringify(result)}`)
  return found
}

export function actions(result) {
  return result.Messages.map(m => told1(m).action)
}

export { assert, bundle }
