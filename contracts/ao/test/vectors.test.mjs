// contracts/vectors.json, in the real module.

import { after, before, test } from "node:test"
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { Devnet } from "./client.mjs"
import { owner, vectors } from "./gateway.mjs"
import { bundle } from "../gateway/build.mjs"

const checks = readFileSync(new URL("vectors.lua", import.meta.url), "utf8")
let net, process

before(async () => {
  net = await Devnet.start()
  process = await net.spawn(owner)
  await net.eval(owner, process, bundle())
})
after(() => net.stop())

for (const section of ["gateways", "assets", "markets", "operations", "events", "orders", "fees", "scales", "windows", "loans", "releases", "liquidations"]) {
  test(`${section} are those of the golden vectors`, async () => {
    assert.ok(vectors[section].length > 0, `vectors.json has no ${section}`)
    const code = `local vectors = require("json").decode([==[${JSON.stringify(vectors[section])}]==])\n${checks}\nreturn check("${section}", vectors)`
    const result = await net.dryRun(process, { Action: "Eval" }, { data: code, from: owner.address })
    assert.equal(result.Error, undefined)
    assert.equal(result.Output?.data?.output ?? result.Output?.data, `${vectors[section].length} right`)
  })
}
