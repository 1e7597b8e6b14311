// What tests need to speak with the local network: start and stop it, wallets with fixed keys, messages, dry-runs.

import { spawn } from "node:child_process"
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { addressOf, makeItem, signerOf } from "../devnet/items.mjs"
import { acc } from "../devnet/node_modules/wao/esm/accounts.js"

const main = fileURLToPath(new URL("../devnet/main.mjs", import.meta.url))

/** A wallet with an ed25519 key that its name decides. */
export function wallet(name) {
  const seed = createHash("sha256").update(`tim3 test wallet ${name}`).digest()
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed])
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32)
  const signer = { signatureType: 2, signatureLength: 64, ownerLength: 32, publicKey, sign: async message => sign(null, message, key) }
  return { name, signer, address: addressOf(publicKey), word: wordOf(addressOf(publicKey)) }
}

/** The wallets with RSA keys that come with the npm package. */
export const rsaWallets = acc.map(({ jwk, addr }) => ({ signer: signerOf(jwk), address: addr, word: wordOf(addr) }))

export function wordOf(id) {
  return `0x${Buffer.from(id, "base64url").toString("hex")}`
}

export const tagList = tags =>
  Object.entries(tags).filter(([, value]) => value !== undefined).map(([name, value]) => ({ name, value: String(value) }))

export class Devnet {
  /** Starts a network as a child process. `store` lets it go on after a stop. */
  static async start({ cus = 1, store, v1 = false } = {}) {
    const args = ["--no-warnings", main, "--attached", "--cus", String(cus), ...(store ? ["--store", store] : []), ...(v1 ? ["--v1"] : [])]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    const exited = new Promise(resolve => child.once("exit", (code, signal) => resolve({ code, signal })))
    const line = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve)
      child.once("exit", code => reject(new Error(`the network ended with ${code} before it was ready`)))
    })
    const ready = JSON.parse(await line)
    return Object.assign(new Devnet(), { child, exited, ready })
  }

  url(unit, path = "/", index = 0) {
    const port = unit === "cu" ? this.ready.ports.cu[index] : this.ready.ports[unit]
    return `http://127.0.0.1:${port}${path}`
  }

  async stop(signal = "SIGTERM") {
    this.child.kill(signal)
    return this.exited
  }

  async json(unit, path, options = {}, index) {
    const response = await fetch(this.url(unit, path, index), options)
    const text = await response.text()
    return { status: response.status, body: text ? JSON.parse(text) : undefined }
  }

  async control(path, body = {}, method = "POST") {
    const { status, body: answer } = await this.json("control", path, { method, body: method === "GET" ? undefined : JSON.stringify(body) })
    if (status !== 200) throw new Error(`control ${path}: ${answer.error}`)
    return answer
  }

  fault(fault) {
    return this.control("/faults", fault)
  }

  idle() {
    return this.control("/idle")
  }

  clearFaults() {
    return this.control("/faults", {}, "DELETE")
  }

  advance(seconds) {
    return this.control("/clock", { advance: seconds })
  }

  async post(raw) {
    return this.json("mu", "/", { method: "POST", headers: { "content-type": "application/octet-stream" }, body: raw })
  }

  item(from, process, tags, data = "") {
    const list = Array.isArray(tags) ? tags : tagList(tags)
    return makeItem(from.signer, {
      target: process,
      data,
      tags: [{ name: "Data-Protocol", value: "ao" }, { name: "Variant", value: "ao.TN.1" }, { name: "Type", value: "Message" }, ...list],
      anchor: String(Math.random()).slice(2).padEnd(32, "0").slice(0, 32),
    })
  }

  async spawn(from, tags = {}) {
    const item = await makeItem(from.signer, {
      data: "1984",
      tags: tagList({
        "Data-Protocol": "ao",
        Variant: "ao.TN.1",
        Type: "Process",
        Module: this.ready.module,
        Scheduler: this.ready.scheduler,
        Authority: this.ready.authority,
        ...tags,
      }),
      anchor: String(Math.random()).slice(2).padEnd(32, "0").slice(0, 32),
    })
    const { status, body } = await this.post(item.raw)
    if (status !== 200) throw new Error(`spawn: ${status} ${body.error}`)
    return body.id
  }

  /** Sends a message; gives its id and its result. */
  async send(from, process, tags, data) {
    const item = await this.item(from, process, tags, data)
    const { status, body } = await this.post(item.raw)
    if (status !== 200) throw new Error(`message: ${status} ${body.error}`)
    return { id: body.id, ...(await this.result(process, body.id)) }
  }

  async result(process, id, index = 0) {
    const { body } = await this.json("cu", `/result/${id}?process-id=${process}`, {}, index)
    return body
  }

  async eval(from, process, code) {
    const result = await this.send(from, process, { Action: "Eval" }, code)
    if (result.Error) throw new Error(result.Error)
    return result.Output?.data?.output ?? result.Output?.data
  }

  async dryRun(process, tags, { data = "", from = "1234", index = 0 } = {}) {
    const { body } = await this.json(
      "cu",
      `/dry-run?process-id=${process}`,
      { method: "POST", body: JSON.stringify({ Id: "1234", Target: process, Owner: from, Anchor: "0", Data: data, Tags: tagList(tags) }) },
      index,
    )
    return body
  }
}

/** The message of a result with this action, its tags as an object and its data decoded where it is JSON. */
export function messageOf(result, action, target) {
  const found = (result.Messages ?? []).find(m => m.Tags.some(t => t.name === "Action" && t.value === action) && (!target || m.Target === target))
  if (!found) return undefined
  const tags = Object.fromEntries(found.Tags.map(({ name, value }) => [name, value]))
  let data = found.Data
  try {
    data = JSON.parse(found.Data)
  } catch {
    // a text
  }
  return { target: found.Target, tags, data }
}
