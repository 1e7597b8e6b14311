#!/usr/bin/env node
// A local AO network: messenger, scheduler and compute units of our own around the real aos module, and a base layer with GraphQL.
//
// usage: node main.mjs [--port P] [--cus N] [--store FOLDER] [--v1] [--attached]
//
// Prints one line of JSON with its ports when it is ready: P gateway, P+1 control, P+2 messenger, P+3 scheduler, P+4 and up compute.
// Without --port, or with 0, each gets a free one. It listens on loopback only. SIGTERM and SIGINT stop it. With --store it goes on
// from where it was stopped or killed. With --v1 it has the five processes of ../v1, tied together. With --attached it ends with the process that started it, however that ends.

import { parseArgs } from "node:util"
import { acc, mu, su } from "./node_modules/wao/esm/accounts.js"
import { Chain } from "./chain.mjs"
import { Faults } from "./faults.mjs"
import { Refusal, makeItem, signerOf } from "./items.mjs"
import { parseJson, serve } from "./http.mjs"
import { MODULE } from "./machine.mjs"
import { Network, SCHEDULER, VARIANT } from "./network.mjs"
import { Store } from "./store.mjs"
import { compute, gateway, messenger, scheduler } from "./units.mjs"
import { ROLES, deploy } from "../v1/deploy.mjs"

const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, cus: { type: "string", default: "1" }, store: { type: "string" }, v1: { type: "boolean" }, attached: { type: "boolean" } } })
const port = Number(values.port)
const cus = Number(values.cus)
if (!Number.isInteger(port) || port < 0 || port > 65000) throw new Error(`--port takes 0 to 65000, not ${values.port}`)
if (!Number.isInteger(cus) || cus < 1 || cus > 9) throw new Error(`--cus takes 1 to 9, not ${values.cus}`)

let offset = 0
const clock = () => Date.now() + offset
const store = new Store(values.store)
const faults = new Faults()
const chain = new Chain(clock)
const network = new Network({ units: { su: signerOf(su.jwk), mu: signerOf(mu.jwk) }, chain, store, faults, clock })

await network.restore(store.entries(), async entry => {
  if (entry.kind === "clock") offset = entry.offset
  else if (entry.kind === "mined") for (let i = 0; i < entry.blocks; i++) chain.mine([])
  else if (entry.kind === "posted") await chain.post(entry.raw)
})

function mine(blocks) {
  for (let i = 0; i < blocks; i++) chain.mine([])
  store.append({ kind: "mined", blocks }, { durable: true })
  return { height: chain.height }
}

function pin() {
  return new Map([...network.processes].filter(([, p]) => p.machine).map(([id, p]) => [id, { nonce: p.evaluated, state: p.machine.state }]))
}

const snapshots = []
const pinned = new Array(cus).fill(undefined)
const control = [
  ["GET", "/", async () => ({ faults: faults.list, held: network.held.map(({ send, ...rest }) => rest), lost: network.lost, pinned: pinned.map(Boolean) })],
  ["POST", "/faults", async ({ body }) => {
    const fault = faults.add(parseJson(body))
    if (fault.kind === "stale") {
      await network.idle()
      for (let i = 0; i < cus; i++) if ((fault.index ?? i) === i) pinned[i] = pin()
    }
    return fault
  }],
  ["DELETE", "/faults", async () => {
    faults.clear()
    pinned.fill(undefined)
    return {}
  }],
  ["POST", "/release", async ({ body }) => ({ released: network.release(parseJson(body).order) })],
  ["POST", "/idle", async () => {
    await network.idle()
    return {}
  }],
  // As a development node of another chain has it: tests go back to where they began. Not with a store, whose log only grows.
  ["POST", "/snapshot", async () => {
    if (values.store) throw new Refusal(400, "a network with a store has no snapshots")
    await network.idle()
    return { snapshot: snapshots.push({ offset, ...network.snapshot() }) - 1 }
  }],
  ["POST", "/revert", async ({ body }) => {
    const snapshot = snapshots[whole(parseJson(body).snapshot, "snapshot")]
    if (!snapshot) throw new Refusal(400, "there is no such snapshot")
    await network.idle()
    faults.clear()
    pinned.fill(undefined)
    offset = snapshot.offset
    network.revert(snapshot)
    return {}
  }],
  ["POST", "/mine", async ({ body }) => mine(whole(parseJson(body).blocks ?? 1, "blocks"))],
  ["POST", "/clock", async ({ body }) => {
    offset += whole(parseJson(body).advance, "advance") * 1000
    store.append({ kind: "clock", offset }, { durable: true })
    return { now: clock() }
  }],
]

function whole(value, name) {
  if (!Number.isInteger(value) || value < 0) throw new Refusal(400, `${name} is a whole number`)
  return value
}

// The owner of the five processes is the first of the wallets; a network that has them in its store keeps them.
async function deployV1() {
  const owner = signerOf(acc[0].jwk)
  const submit = async (target, tags, data = "") => {
    const id = await network.submit((await makeItem(owner, { target, data, tags: [...VARIANT, ...Object.entries(tags).map(([name, value]) => ({ name, value }))] })).raw)
    await network.idle()
    return id
  }
  const known = Object.fromEntries([...network.processes.values()].map(({ id, log }) => [log[0].item.tag("V1"), id]))
  if (Object.keys(ROLES).every(role => known[role])) return Object.fromEntries(Object.keys(ROLES).map(role => [role, known[role]]))
  return deploy({
    spawn: role => submit(undefined, { Type: "Process", Module: MODULE, Scheduler: SCHEDULER, Authority: mu.addr, V1: role }, "1984"),
    evaluate: (process, code) => submit(process, { Type: "Message", Action: "Eval" }, code),
    send: (process, tags) => submit(process, { Type: "Message", ...tags }),
  })
}
const v1 = values.v1 ? await deployV1() : undefined

const posted = raw => store.append({ kind: "posted", raw }, { durable: true })
const units = [
  ["gateway", 0, gateway(network, { onTransaction: posted, onMine: mine })],
  ["control", 0, control],
  ["mu", 0, messenger(network)],
  ["su", 0, scheduler(network)],
  ...Array.from({ length: cus }, (_, i) => ["cu", i, compute(network, () => pinned[i])]),
]
const servers = []
for (const [i, [unit, index, routes]] of units.entries()) servers.push(await serve(unit, index, routes, faults, port && port + i))

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
  // What is being evaluated ends; what it would push then is in the log, or lost.
  await Promise.race([network.idle(), new Promise(resolve => setTimeout(resolve, 5000))])
  network.saveAll()
  store.close()
  process.exit(0)
}
process.on("SIGTERM", stop)
process.on("SIGINT", stop)
const parent = process.ppid
if (values.attached) setInterval(() => process.ppid === parent || stop(), 500).unref()

const [gatewayPort, controlPort, muPort, suPort, ...cuPorts] = servers.map(server => server.address().port)
console.log(
  JSON.stringify({
    ready: true,
    pid: process.pid,
    ports: { gateway: gatewayPort, control: controlPort, mu: muPort, su: suPort, cu: cuPorts },
    module: MODULE,
    scheduler: SCHEDULER,
    authority: mu.addr,
    v1,
    // Wallets whose keys are in the npm package: for tests, worth nothing.
    wallets: acc.map(({ addr }) => addr),
  }),
)
