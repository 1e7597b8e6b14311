// The network itself: what the stock emulation gets wrong, what is made to fail on purpose, and stopping and starting again.

import { after, afterEach, before, describe, test } from "node:test"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { networkInterfaces, tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Devnet, messageOf, rsaWallets, tagList, wallet } from "./client.mjs"
import arbundles from "../devnet/node_modules/arbundles/build/node/cjs/index.js"
import arweavePackage from "../devnet/node_modules/arweave/node/index.js"
import { makeItem } from "../devnet/items.mjs"
import { acc } from "../devnet/node_modules/wao/esm/accounts.js"

const owner = rsaWallets[1]
const alice = wallet("alice")
const bob = wallet("bob")

const counter = `
  Count = Count or 0
  Handlers.add("Add", "Add", function(msg) Count = Count + 1 msg.reply({ Action = "Added", Count = tostring(Count) }) end)
  Handlers.add("Fail", "Fail", function(msg) Count = Count + 100 ao.send({ Target = msg.From, Action = "Never" }) error("on purpose") end)
  Handlers.add("Relay", "Relay", function(msg) ao.send({ Target = msg.Tags.To, Action = "Add" }) end)
  Handlers.add("Read", "Read", function(msg) msg.reply({ Action = "Count", Count = tostring(Count) }) end)`

let net
const started = []
async function start(options) {
  const one = await Devnet.start(options)
  started.push(one)
  return one
}
async function counters(on, count = 1) {
  const ids = []
  for (let i = 0; i < count; i++) {
    const id = await on.spawn(owner)
    await on.eval(owner, id, counter)
    ids.push(id)
  }
  return ids
}
async function read(on, process, index = 0) {
  const result = await on.dryRun(process, { Action: "Read" }, { index })
  return Number(messageOf(result, "Count")?.tags.Count)
}

before(async () => (net = await start({ cus: 2 })))
afterEach(() => net.clearFaults())
after(() => Promise.all(started.map(one => one.stop("SIGKILL"))))

describe("what comes in", () => {
  test("listens on loopback only", async () => {
    const others = Object.values(networkInterfaces()).flat().filter(i => i.family === "IPv4" && !i.internal)
    for (const { address } of others) await assert.rejects(fetch(`http://${address}:${net.ready.ports.mu}/`, { signal: AbortSignal.timeout(2000) }))
  })

  test("an item whose signature does not verify is refused", async () => {
    const [p] = await counters(net)
    const item = await net.item(alice, p, { Action: "Add" }, "x")
    const raw = Buffer.from(item.raw)
    raw[raw.length - 1] ^= 1
    const { status, body } = await net.post(raw)
    assert.deepEqual([status, body.error], [400, "the signature of the data item does not verify"])
    assert.equal((await net.post(Buffer.from("not an item"))).status, 400)
    assert.equal((await net.post(Buffer.alloc(3000, 1))).status, 400)
    assert.equal(await read(net, p), 0)
  })

  test("signers of all four kinds are believed, under the hash of their key", async () => {
    const p = await net.spawn(owner)
    await net.eval(owner, p, `Handlers.add("Who", "Who", function(msg) msg.reply({ Action = "You", Who = msg.From }) end)`)
    const { EthereumSigner, SolanaSigner } = arbundles
    const seed = "4f".repeat(32)
    const bs58 = (await import("../devnet/node_modules/bs58/index.js")).default
    const { secretKey } = await import("../devnet/node_modules/tweetnacl/nacl-fast.js").then(m => m.default.sign.keyPair.fromSeed(Buffer.from(seed, "hex")))
    for (const signer of [owner.signer, alice.signer, new EthereumSigner(seed), new SolanaSigner(bs58.encode(secretKey))]) {
      const item = await makeItem(signer, { target: p, data: "x", tags: tagList({ "Data-Protocol": "ao", Variant: "ao.TN.1", Type: "Message", Action: "Who" }) })
      const { status, body } = await net.post(item.raw)
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(messageOf(await net.result(p, body.id), "You").tags.Who, item.address)
    }
  })

  test("the same item runs once, also when posted at the same time", async () => {
    const [p] = await counters(net)
    const item = await net.item(alice, p, { Action: "Add" })
    const answers = await Promise.all(Array.from({ length: 5 }, () => net.post(item.raw)))
    answers.push(await net.post(item.raw))
    assert.deepEqual(new Set(answers.map(a => a.body.id)), new Set([item.id]))
    await net.idle()
    assert.equal(await read(net, p), 1)
  })

  test("a message to a process that is not known is refused, as is a spawn of another module or scheduler", async () => {
    const nobody = await net.item(alice, wallet("nobody").address, { Action: "Add" })
    assert.equal((await net.post(nobody.raw)).status, 404)
    await assert.rejects(net.spawn(owner, { Module: wallet("m").address }), /module/)
    await assert.rejects(net.spawn(owner, { Scheduler: wallet("s").address }), /scheduler/)
  })

  test("a claimed sender is not believed without the authority", async () => {
    const [p, other] = await counters(net, 2)
    const { id } = await net.send(alice, p, { Action: "Add", "From-Process": other })
    assert.equal(await read(net, p), 0)
    assert.match(JSON.stringify((await net.result(p, id)).Output), /not trusted/)
    await net.send(alice, other, { Action: "Relay", To: p })
    await net.idle()
    assert.equal(await read(net, p), 1)
  })

  test("a body of five megabytes is taken", async () => {
    const [p] = await counters(net)
    await net.send(alice, p, { Action: "Add" }, "x".repeat(5_000_000))
    assert.equal(await read(net, p), 1)
  })
})

describe("what is kept", () => {
  test("the state that a failing handler changed is not, nor what it sent", async () => {
    const [p] = await counters(net)
    const failed = await net.send(alice, p, { Action: "Fail" })
    assert.match(failed.Error, /on purpose/)
    assert.deepEqual(failed.Messages, [])
    await net.send(alice, p, { Action: "Add" })
    assert.equal(await read(net, p), 1)
  })

  test("the state, when the module itself gives up", async () => {
    const [p] = await counters(net)
    await net.send(alice, p, { Action: "Add" })
    const broken = await net.send(alice, p, { Action: "Add", "Content-Type": "application/json" }, "{")
    assert.ok(broken.Error)
    await net.send(alice, p, { Action: "Add" })
    assert.equal(await read(net, p), 2)
  })

  test("a dry-run changes nothing", async () => {
    const [p] = await counters(net)
    const result = await net.dryRun(p, { Action: "Add" })
    assert.equal(messageOf(result, "Added").tags.Count, "1")
    assert.equal(await read(net, p), 0)
  })

  test("the history, with dense nonces, growing times and a chain of hashes, in pages", async () => {
    const [p] = await counters(net)
    for (let i = 0; i < 4; i++) await net.send(alice, p, { Action: "Add" })
    const edges = []
    let from
    for (;;) {
      const { body } = await net.json("su", `/${p}?limit=2${from === undefined ? "" : `&from=${from}`}`)
      edges.push(...body.edges)
      if (!body.page_info.has_next_page) break
      from = body.edges.at(-1).cursor
    }
    const tag = (edge, name) => edge.node.assignment.tags.find(t => t.name === name).value
    assert.deepEqual(edges.map(e => tag(e, "Nonce")), ["0", "1", "2", "3", "4", "5"])
    const times = edges.map(e => Number(tag(e, "Timestamp")))
    assert.ok(times.every((t, i) => i === 0 || t > times[i - 1]))
    assert.equal(new Set(edges.map(e => tag(e, "Hash-Chain"))).size, 6)
    assert.equal(edges[2].node.message.owner.address, alice.address)
    const { body: latest } = await net.json("su", `/${p}/latest`)
    assert.equal(latest.message.id, edges.at(-1).node.message.id)
    const { body: single } = await net.json("su", `/${latest.message.id}?process-id=${p}`)
    assert.deepEqual(single, latest)
    assert.equal((await net.json("su", `/${wallet("nobody").address}`)).status, 404)
  })

  test("the outbox, after a cursor, in both directions", async () => {
    const [p] = await counters(net)
    for (let i = 0; i < 3; i++) await net.send(alice, p, { Action: "Add" })
    const page = async query => (await net.json("cu", `/results/${p}?${query}`)).body.edges
    const all = await page("sort=ASC&limit=100")
    assert.equal(all.length, 5)
    assert.equal((await page(`from=${encodeURIComponent(all[2].cursor)}`)).length, 2)
    assert.equal((await page(`from=${encodeURIComponent(all[2].cursor)}&sort=DESC`)).length, 2)
    assert.deepEqual(await page("from=nonsense"), [])
    assert.deepEqual((await page("sort=DESC&limit=1"))[0].cursor, all[4].cursor)
  })

  async function search(tags) {
    const list = Object.entries(tags).map(([name, value]) => `{ name: "${name}", values: ["${value}"] }`)
    const query = `query { transactions(tags: [${list}], first: 5) { pageInfo { hasNextPage } edges { cursor node { id recipient owner { address } tags { name value } block { height } } } } }`
    const { body } = await net.json("gateway", "/graphql", { method: "POST", body: JSON.stringify({ query }) })
    return { body, nodes: body.data.transactions.edges.map(e => e.node) }
  }

  test("the assignment of a message on the base layer, found by GraphQL", async () => {
    const [p] = await counters(net)
    const { id } = await net.send(alice, p, { Action: "Add" })
    const { nodes } = await search({ Type: "Assignment", Process: p, Nonce: "2" })
    assert.equal(nodes.length, 1)
    assert.equal(nodes[0].tags.find(t => t.name === "Message").value, id)
    const { height } = nodes[0].block
    await net.control("/mine", { blocks: 5 })
    assert.ok((await net.json("gateway", "/info")).body.height - height >= 5)
  })

  test("the causes of a message, found by GraphQL", async () => {
    const [p, other] = await counters(net, 2)
    const { id } = await net.send(alice, p, { Action: "Relay", To: other })
    await net.idle()
    const { body, nodes } = await search({ "Pushed-For": id })
    assert.ok(nodes.some(n => n.recipient === other && n.tags.some(t => t.name === "From-Process" && t.value === p)))
    assert.ok(nodes.every(n => n.owner.address === net.ready.authority))
    assert.equal(body.data.transactions.pageInfo.hasNextPage, false)
  })

  test("a transaction of the base layer, whole or in chunks, verified", async () => {
    const Arweave = arweavePackage.default ?? arweavePackage
    const arweave = Arweave.init({ host: "127.0.0.1", port: net.ready.ports.gateway, protocol: "http" })
    for (const size of [1000, 700_000]) {
      const data = Buffer.alloc(size, "report ")
      const transaction = await arweave.createTransaction({ data }, acc[2].jwk)
      transaction.addTag("App-Name", "tim3")
      await arweave.transactions.sign(transaction, acc[2].jwk)
      const uploader = await arweave.transactions.getUploader(transaction)
      while (!uploader.isComplete) await uploader.uploadChunk()
      const read = await fetch(net.url("gateway", `/${transaction.id}`)).then(r => r.arrayBuffer())
      assert.ok(Buffer.from(read).equals(data), `${size} bytes`)
      await net.control("/mine", { blocks: 3 })
      const { body: status } = await net.json("gateway", `/tx/${transaction.id}/status`)
      assert.equal(status.number_of_confirmations, 4)
      const forged = { ...transaction.toJSON(), reward: "5" }
      assert.equal((await net.json("gateway", "/tx", { method: "POST", body: JSON.stringify(forged) })).status, 400)
    }
  })
})

describe("what is made to fail", () => {
  test("errors, dropped connections and delays, on the unit and path asked for", async () => {
    const [p] = await counters(net)
    const item = await net.item(alice, p, { Action: "Add" })
    await net.fault({ unit: "mu", kind: "error", status: 503 })
    assert.equal((await net.post(item.raw)).status, 503)
    await net.fault({ unit: "mu", kind: "drop" })
    await assert.rejects(net.post(item.raw))
    assert.equal(await read(net, p), 0, "neither was scheduled")
    await net.fault({ unit: "su", kind: "error", path: "/timestamp" })
    assert.equal((await net.json("su", `/${p}`)).status, 200)
    assert.equal((await net.json("su", "/timestamp")).status, 500)
    await net.fault({ unit: "cu", kind: "drop", index: 1, times: -1 })
    await assert.rejects(net.json("cu", "/", {}, 1))
    assert.equal((await net.json("cu", "/", {}, 0)).status, 200)
    await net.clearFaults()
    await net.fault({ unit: "cu", kind: "delay", ms: 300 })
    const begun = performance.now()
    await net.json("cu", "/")
    assert.ok(performance.now() - begun >= 299)
    assert.equal((await net.json("control", "/faults", { method: "POST", body: JSON.stringify({ unit: "mu", kind: "stale" }) })).status, 400)
  })

  test("a lost reply: the item has run, and posting it again changes nothing", async () => {
    const [p] = await counters(net)
    const item = await net.item(alice, p, { Action: "Add" })
    await net.fault({ unit: "mu", kind: "lost-reply" })
    await assert.rejects(net.post(item.raw))
    assert.equal((await net.post(item.raw)).body.id, item.id)
    await net.result(p, item.id)
    assert.equal(await read(net, p), 1)
  })

  test("a compute unit that stays behind, until it is cleared", async () => {
    const [p] = await counters(net)
    await net.send(alice, p, { Action: "Add" })
    await net.fault({ unit: "cu", kind: "stale", index: 1 })
    const { id } = await net.send(alice, p, { Action: "Add" })
    assert.deepEqual([await read(net, p, 0), await read(net, p, 1)], [2, 1])
    assert.equal((await net.json("cu", `/result/${id}?process-id=${p}`, {}, 1)).status, 404)
    assert.equal((await net.json("cu", `/results/${p}?limit=100`, {}, 1)).body.edges.length, 3)
    const [later] = await counters(net)
    assert.equal((await net.json("cu", `/results/${later}`, {}, 1)).status, 404)
    await net.clearFaults()
    assert.equal(await read(net, p, 1), 2)
  })

  test("pushes that are lost, held, reordered or doubled", async () => {
    const [p, other] = await counters(net, 2)
    const relay = () => net.send(alice, p, { Action: "Relay", To: other })
    await net.fault({ unit: "push", kind: "drop", match: { From: p } })
    await relay()
    await net.idle()
    assert.equal(await read(net, other), 0)
    await net.fault({ unit: "push", kind: "duplicate", match: { From: p, Action: "Add" } })
    await relay()
    await net.idle()
    assert.equal(await read(net, other), 2)
    await net.fault({ unit: "push", kind: "hold", times: 2, match: { Target: other } })
    await relay()
    await relay()
    await net.idle()
    assert.equal(await read(net, other), 2)
    assert.equal((await net.control("/", {}, "GET")).held.length, 2)
    await net.control("/release", { order: [1] })
    await net.idle()
    assert.equal(await read(net, other), 3)
    await net.control("/release")
    await net.idle()
    assert.equal(await read(net, other), 4)
  })

  test("time is moved forward", async () => {
    const [p] = await counters(net)
    const at = async () => Number((await net.json("su", "/timestamp")).body.timestamp)
    const begun = await at()
    await net.advance(86_400)
    assert.ok((await at()) - begun >= 86_400_000)
    assert.equal(await net.eval(owner, p, "return tostring(os.time() // 1000 > " + Math.floor(begun / 1000 + 86_000) + ")"), "true")
  })
})

describe("stopping", () => {
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    test(`by ${signal}: it goes on from its store`, async () => {
      const store = mkdtempSync(join(tmpdir(), "tim3-ao-"))
      try {
        const first = await start({ store })
        const [p, other] = await counters(first, 2)
        for (let i = 0; i < 60; i++) await first.send(alice, p, { Action: "Add" })
        const done = await first.send(alice, p, { Action: "Relay", To: other })
        await first.idle()
        await first.advance(100)
        const height = (await first.json("gateway", "/info")).body.height
        const posted = await first.item(bob, p, { Action: "Add" })
        await first.post(posted.raw)
        const { code } = await first.stop(signal)
        if (signal === "SIGTERM") assert.equal(code, 0)

        const second = await start({ store })
        assert.equal(await read(second, p), 61)
        assert.equal(await read(second, other), 1)
        assert.deepEqual((await second.result(p, done.id)).Messages, done.Messages)
        assert.ok((await second.json("gateway", "/info")).body.height > height)
        assert.equal((await second.post(posted.raw)).body.id, posted.id)
        await second.send(alice, p, { Action: "Add" })
        assert.equal(await read(second, p), 62, "the item that was posted before the stop ran once")
        const { body } = await second.json("su", `/${p}?limit=1000`)
        // Spawn, code, 60 times Add, Relay, the answer to what it sent, the posted item, the last Add.
        const nonces = body.edges.map(e => Number(e.node.assignment.tags.find(t => t.name === "Nonce").value))
        assert.deepEqual(nonces, Array.from({ length: 66 }, (_, i) => i))
        const found = await second.result(p, posted.id)
        await second.stop()

        const third = await start({ store })
        assert.deepEqual(await third.result(p, posted.id), found, "what the second computed when it started is known")
        await third.stop()
      } finally {
        rmSync(store, { recursive: true })
      }
    })
  }

  test("of the process that started it ends an attached one", async () => {
    const client = new URL("client.mjs", import.meta.url)
    const code = `const { Devnet } = await import("${client}"); const net = await Devnet.start(); console.log(JSON.stringify(net.ready)); setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: ["ignore", "pipe", "inherit"] })
    const ready = JSON.parse(await new Promise(resolve => createInterface({ input: parent.stdout }).once("line", resolve)))
    const open = () => fetch(`http://127.0.0.1:${ready.ports.mu}/`).then(() => true, () => false)
    assert.equal(await open(), true)
    parent.kill("SIGKILL")
    while (await open()) await new Promise(resolve => setTimeout(resolve, 50))
  })

  test("by SIGKILL in the middle of a crank loses what was about to be pushed, and nothing else", async () => {
    const store = mkdtempSync(join(tmpdir(), "tim3-ao-"))
    try {
      const first = await start({ store })
      const [p, other] = await counters(first, 2)
      await first.fault({ unit: "push", kind: "hold", match: { Target: other } })
      await first.send(alice, p, { Action: "Relay", To: other })
      await first.stop("SIGKILL")
      const second = await start({ store })
      assert.equal(await read(second, other), 0)
      await second.send(alice, p, { Action: "Relay", To: other })
      await second.idle()
      assert.equal(await read(second, other), 1)
      await second.stop()
    } finally {
      rmSync(store, { recursive: true })
    }
  })
})
