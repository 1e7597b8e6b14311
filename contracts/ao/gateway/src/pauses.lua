--- Pause levels of a synthetic (contracts/PROTOCOL.md section 6).
local failures = require("tim3.failures")
local store = require("tim3.store")
local words = require("tim3.words")

local pauses = {}

pauses.NORMAL, pauses.NO_RISK, pauses.NO_SUPPLY, pauses.FROZEN = 0, 1, 2, 3
--- How long a freeze lasts unless the admin renews it.
pauses.FREEZE_SECONDS = 7 * 24 * 3600

function pauses.level(asset)
  if asset.level == pauses.FROZEN and store.state().now >= asset.frozenUntil then return pauses.NO_SUPPLY end
  return asset.level
end

--- Refuses what is no synthetic, and a level above `highest`.
function pauses.check(assetId, highest)
  local asset = store.state().assets[assetId]
  failures.check(asset and asset.kind == 1, "UnknownAsset", { asset = words.hex(assetId) })
  local level = pauses.level(asset)
  failures.check(level <= highest, "Paused", { asset = asset.symbol, level = level })
  return asset
end

return pauses
