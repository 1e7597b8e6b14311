// A random sequence of everything that anybody may do, with lost, doubled and reordered pushes in between; what must hold is checked
// after every step. TIM3_SEED and TIM3_STEPS repeat a run or make it longer; the seed is printed.

import { after, before, test } from "node:test"
import assert from "node:assert/strict"
import { EVM_ACCOUNT, Gateway, ONE, OTHER_PEER, PEER, USDA, alice, bob, carol, encode, encodeOperation, guardian, owner } from "./gateway.mjs"

const seed = Number(process.env.TIM3_SEED ?? (Date.now() % 1_000_000_007))
const steps = Number(process.env.TIM3_STEPS ?? 80)

// mulberry32
let state = seed >>> 0
function random(below) {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
}
const pick = list => list[random(list.length)]
const amount = most => BigInt(1 + random(most)) * ONE + BigInt(random(3))

let g
before(async () => (g = await Gateway.deploy()))
after(() => g?.stop())

test(`any sequence conserves (TIM3_SEED=${seed})`, { timeout: 600_000 }, async () => {
  console.log(`seed ${seed}, ${steps} steps`)
  const users = [alice, bob, carol]
  const sent = [] // operations of this gateway, for Refund
  const incoming = { [PEER]: 0n, [OTHER_PEER]: 0n }
  const orders = [] // what the attesters were for, to be said again
  let price = 20n * 10n ** 18n
  const done = {}

  const attest = async (action, content) => {
    orders.push([action, content])
    return g.attest([[action, content]])
  }
  const arrive = (action, fields) => {
    const origin = pick([PEER, OTHER_PEER])
    const kind = action === 2 ? { kind: 2n, market: pick([g.reserve, g.vault]) } : {}
    const user = pick(users)
    const position = kind.market ? { owner: kind.market === g.reserve ? g.reserve : user.word, wanted: BigInt(random(5)) * USDA } : {}
    return attest(action, encodeOperation(g.operation({
      origin, nonce: incoming[origin]++, recipient: user.word, amount: amount(300), fee: BigInt(random(2)) * ONE, ...kind, ...position, ...fields,
    })))
  }
  const remember = async answer => {
    if (answer?.operation) sent.push(await g.sent(answer.sequence))
  }

  const actions = {
    lockReserve: async user => {
      const debt = amount(200)
      await remember((await g.lock(user, debt, { destination: pick([PEER, OTHER_PEER]), maxFee: pick([0n, ONE]) })).answer)
    },
    mintAtHome: user => g.lock(user, amount(200), { destination: g.id, recipient: user.word }),
    malformed: user => g.deposit(user, BigInt(random(3)) * USDA + BigInt(1 + random(2)), pick([{}, { "X-Action": "Lock", "X-Market": g.vault }])),
    lockVault: async user => {
      const tags = g.lockTags({ market: g.vault, debt: amount(900), ...pick([{}, { destination: g.id, recipient: user.word }]) })
      await remember((await g.deposit(user, BigInt(20 + random(60)) * USDA, tags, g.war)).answer)
    },
    burn: async user => {
      const { answer } = await g.act(user, "Burn", {
        Intent: "Transfer", Destination: pick([PEER, OTHER_PEER]), Recipient: EVM_ACCOUNT, Quantity: amount(60), "Max-Fee": ONE, Key: `k${random(40)}`,
      })
      await remember(answer)
    },
    transfer: user => g.act(user, "Transfer", { Recipient: pick(users).address, Quantity: amount(50) }),
    repay: user => g.act(user, "Repay", { Market: g.vault, "Position-Owner": pick(users).address, Quantity: amount(200) }),
    withdraw: user => g.act(user, "Withdraw", { Market: g.vault, Quantity: BigInt(random(30)) * USDA }),
    redeem: user => g.act(user, "Redeem", { Market: g.reserve, Quantity: amount(80) }),
    redeemVault: user =>
      g.act(user, "Redeem", { Market: g.vault, "Position-Owner": pick(users).address, Quantity: amount(80), Wanted: BigInt(random(9)) * USDA }),
    liquidate: user => g.act(user, "Liquidate", { Market: g.vault, "Position-Owner": pick(users).address, "Max-Repay": pick([amount(5000), amount(250)]) }),
    crash: async user => {
      await g.net.advance(60)
      price = (price * 65n) / 100n
      await g.setPrice(price)
      for (const { address } of users) {
        const most = await g.balance(user)
        await g.act(user, "Liquidate", { Market: g.vault, "Position-Owner": address, "Max-Repay": most > 101n * ONE ? pick([most, most - 101n * ONE]) : most })
      }
    },
    cover: user => g.act(user, "Cover", { Market: g.vault, Quantity: amount(50) }),
    claim: user => g.act(user, "Claim", { Asset: pick(["USDA", "WAR", "TIM3"]) }),
    mint: () => arrive(1),
    release: () => arrive(2),
    void: () => arrive(3),
    refund: () => (sent.length ? attest(4, pick(sent)) : undefined),
    again: () => (orders.length ? g.attest([pick(orders)]) : undefined),
    resend: async () => {
      const { payouts } = await g.view("Payouts")
      // The attesters see that the token got nothing: lost pushes are the only pending ones once everything has settled.
      await g.net.control("/release")
      await g.net.idle()
      const pending = (await g.view("Payouts")).payouts.filter(p => p.status === "pending" && lost.has(p.id))
      if (!payouts.length || !pending.length) return
      const { id, attempt } = pick(pending)
      await attest(7, encode(id, BigInt(attempt) + 1n))
      lost.delete(id)
    },
    loseTransfer: async user => {
      const before = new Set((await g.view("Payouts", { Limit: 200 })).payouts.map(p => p.id))
      await g.net.fault({ unit: "push", kind: "drop", match: { From: g.process, Action: "Transfer" } })
      await actions.redeem(user)
      await g.net.idle()
      await g.net.clearFaults()
      for (const { id } of (await g.view("Payouts", { Limit: 200 })).payouts) if (!before.has(id)) lost.add(id)
    },
    double: () => g.net.fault({ unit: "push", kind: "duplicate", match: { From: pick([g.usda, g.war]) } }),
    hold: () => g.net.fault({ unit: "push", kind: "hold", match: { From: pick([g.usda, g.war]), Target: g.process, Action: "Debit-Notice" } }),
    freeUp: () => g.net.control("/release"),
    price: async () => {
      await g.net.advance(1 + random(4000))
      price = (price * BigInt(60 + random(80))) / 100n
      await g.setPrice(price)
    },
    pause: () => g.act(guardian, "Set-Pause", { Asset: "TIM3", Level: 1 + random(3) }),
    resume: () => g.act(owner, "Set-Pause", { Asset: "TIM3", Level: 0 }),
  }
  const lost = new Set()
  const weighted = [...Object.keys(actions), "lockReserve", "mintAtHome", "lockVault", "lockVault", "mint", "mint", "mint", "resume", "price"]
  await g.setPrice(price)
  for (let i = 0; i < steps; i++) {
    const name = pick(weighted)
    await actions[name](pick(users))
    if (random(3) === 0) await g.net.idle()
    done[name] = (done[name] ?? 0) + 1
    try {
      await g.checkConservation()
    } catch (error) {
      error.message = `step ${i} (${name}), TIM3_SEED=${seed}: ${error.message}`
      throw error
    }
  }
  await g.net.clearFaults()
  await g.net.control("/release")
  await g.net.idle()
  await g.checkConservation()

  // When everything has settled, the gateway's count of what it holds is the tokens' own.
  for (const [symbol, token] of [["USDA", g.usda], ["WAR", g.war]]) {
    assert.equal((await g.view("Asset", { Asset: symbol })).held, String(await g.balance(g.process, token)), symbol)
  }
  const kinds = new Set()
  for (let from = 0; ; ) {
    const { events } = await g.view("Events", { From: from, Limit: 200 })
    for (const { kind } of events) kinds.add(Number(kind))
    if (!events.length) break
    from += events.length
  }
  console.log(JSON.stringify(done), "kinds of events:", [...kinds].sort((a, b) => a - b).join(" "))
})
