--- Copies of positions whose home is another gateway. The newest version wins; they authorise nothing.
local failures = require("tim3.failures")
local store = require("tim3.store")
local words = require("tim3.words")

local mirrors = {}

--- The mirror of a position, or nil. Its members are words.
function mirrors.find(market, owner)
  return (store.state().mirrors[market] or {})[owner]
end

--- Refuses what is malformed or known already. Words of numbers compare as their numbers do.
function mirrors.check(content)
  local list = words.split(content)
  local m = { home = list[1], market = list[2], owner = list[3], collateral = list[4], debt = list[5], version = list[6] }
  local well = words.fits(m.collateral, 128) and words.fits(m.debt, 128) and words.fits(m.version, 64)
  failures.check(well, "MalformedContent", { field = "collateral, debt or version" })
  local s = store.state()
  failures.check(m.home ~= s.id and m.home ~= words.ZERO, "WrongGateway", { gateway = words.hex(m.home) })
  local known = mirrors.find(m.market, m.owner)
  if known and s.mirrorHomes[m.market] == m.home then
    local same = known.collateral == m.collateral and known.debt == m.debt
    local done = m.version < known.version or (m.version == known.version and same)
    failures.check(not done, "AlreadyDone", { version = words.hex(known.version) })
  end
  return m
end

--- A conflict stops whoever sees it, so it takes votes to make one.
function mirrors.apply(m)
  local s, known = store.state(), mirrors.find(m.market, m.owner)
  local home = s.mirrorHomes[m.market]
  local conflict = (known and m.version == known.version) or (home and home ~= m.home)
  failures.check(not conflict, "MirrorConflict", { version = words.hex(m.version) })
  store.set(s.mirrorHomes, m.market, m.home)
  store.set(store.child(s.mirrors, m.market), m.owner, { collateral = m.collateral, debt = m.debt, version = m.version })
end

return mirrors
