// Brings up the five V1 processes as their operators do: spawn, evaluate, configure.

import { readFileSync } from "node:fs"

export const ROLES = { coordinator: "coordinator", lockManager: "lock-manager", tokenManager: "token-manager", stateManager: "state-manager", usda: "mock-usda" }

const read = name => readFileSync(new URL(`src/${name}.lua`, import.meta.url), "utf8")

/** The code of a process. `patched`: with the four one-line patches. `maxMintAmount`: the Coordinator's, which source and build disagree about. */
export function bundle(name, { patched = false, maxMintAmount = 100_000 } = {}) {
  return `local variant = { patched = ${patched}, maxMintAmount = ${maxMintAmount} }\n${read("shared")}\n${read(name)}`
}

/** The messages that tie five processes together, in the order of the guide; `administrator` closes EmergencyPause to others. */
export function wiring(v1, { administrator, threshold = "0.85" } = {}) {
  const configure = (process, ConfigType, Value) => [process, { Action: "Configure", ConfigType, Value }]
  return [
    [v1.coordinator, {
      Action: "SetProcessConfig", MockUsdaProcess: v1.usda, LockManagerProcess: v1.lockManager, TokenManagerProcess: v1.tokenManager, StateManagerProcess: v1.stateManager,
    }],
    configure(v1.lockManager, "CoordinatorProcess", v1.coordinator),
    configure(v1.lockManager, "MockUsdaProcess", v1.usda),
    configure(v1.lockManager, "StateManagerProcess", v1.stateManager),
    configure(v1.tokenManager, "CoordinatorProcess", v1.coordinator),
    configure(v1.tokenManager, "StateManagerProcess", v1.stateManager),
    configure(v1.stateManager, "CoordinatorProcess", v1.coordinator),
    ...(threshold ? [configure(v1.stateManager, "LiquidationThreshold", threshold)] : []),
    ...(administrator ? [configure(v1.coordinator, "AdminProcess", administrator)] : []),
  ]
}

/** `spawn(role)`, `evaluate(process, code)` and `send(process, tags)` speak with a network as the owner. Gives the ids. */
export async function deploy({ spawn, evaluate, send }, { variant, ...options } = {}) {
  const v1 = {}
  for (const [role, file] of Object.entries(ROLES)) {
    v1[role] = await spawn(role)
    await evaluate(v1[role], bundle(file, variant))
  }
  for (const [process, tags] of wiring(v1, options)) await send(process, tags)
  return v1
}
