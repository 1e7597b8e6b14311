#!/usr/bin/env node
// Puts src/*.lua into one file to evaluate in a process: ../artifacts/gateway.lua, the same bytes for the same sources. With --check it only says
// whether that file is what the sources make.

import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = new URL("src/", import.meta.url)
const target = fileURLToPath(new URL("../artifacts/gateway.lua", import.meta.url))

/** The bundle: each file a module of its own name, loaded anew when the code is evaluated again. */
export function bundle() {
  const names = readdirSync(folder).filter(name => name.endsWith(".lua")).sort()
  const parts = names.map(name => {
    const module = `tim3.${name.slice(0, -4)}`
    const source = readFileSync(new URL(name, folder), "utf8").replace(/^\s*--.*\n/gm, "").trimEnd()
    return `package.loaded["${module}"] = nil\npackage.preload["${module}"] = function()\n${source}\nend\n`
  })
  return `-- Made by build.mjs of src/*.lua.\n${parts.join("\n")}\nreturn require("tim3.main")\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = bundle()
  const there = existsSync(target) ? readFileSync(target, "utf8") : ""
  if (process.argv.includes("--check")) {
    if (made !== there) {
      console.error("artifacts/gateway.lua is not what src makes: run contracts/ao/gateway/build.mjs")
      process.exit(1)
    }
  } else writeFileSync(target, made)
}
