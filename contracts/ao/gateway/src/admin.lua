--- Who may set what, and when: the admin's calls at once during set-up, later announced, waited for and made; the guardian raises pause
--- levels and withdraws announcements.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local identity = require("tim3.identity")
local json = require("json")
local ledger = require("tim3.ledger")
local pauses = require("tim3.pauses")
local store = require("tim3.store")
local words = require("tim3.words")

local admin = {}

--- How long a change that is ready may be made.
admin.CHANGE_LIFETIME = 14 * 24 * 3600

local function isAdmin(actor)
  return actor == store.state().admin
end

local function onlyAdmin(actor)
  failures.check(isAdmin(actor), "NotAdmin")
end

local function parse(data)
  local ok, call = pcall(json.decode, data)
  failures.check(ok and type(call) == "table" and governance[call.call] and call.call:match("^%u"), "UnknownCall", {
    found = ok and type(call) == "table" and tostring(call.call) or "no JSON object",
  })
  return call
end

local function make(call)
  return governance[call.call](call) or {}
end

--- Gives the gateway its identity. For the owner of the process, once.
function admin.initialize(msg)
  local s = store.state()
  failures.check(not s.id, "AlreadyActive")
  failures.check(msg.From == Owner, "NotOwner")
  local ok, given = pcall(json.decode, msg.Data)
  failures.check(ok and type(given) == "table", "UnknownCall", { found = "no JSON object" })
  local chain = given.chain
  failures.check(type(chain) == "string" and chain:match("^[a-z0-9-]+:[%w_-]+$") and #chain <= 41, "InvalidChain", { found = tostring(chain) })
  local self, salt = accounts.word(ao.id), words.parse(given.salt, "salt")
  failures.check(self and salt ~= words.ZERO, "InvalidWord", { field = "salt" })
  local head, guard = accounts.local_(accounts.parse(given.admin, "admin"), self), accounts.local_(accounts.parse(given.guardian, "guardian"), self)
  local delay = amounts.parseInteger(given.delay, "delay")
  -- A freeze must outlast the replacement of the attesters.
  failures.check(delay > 0 and delay < pauses.FREEZE_SECONDS, "InvalidInteger", { field = "delay", found = tostring(delay) })
  local id = identity.gateway(chain, self, salt)
  for name, value in pairs({
    self = self, chain = chain, salt = salt, id = id, domain = identity.domain(id), admin = head, guardian = guard, delay = delay,
    hash = id, checkpoints = { { count = 0, hash = id, nonce = s.at.nonce, message = s.at.message } },
  }) do store.set(s, name, value) end
  return { gateway = words.hex(id) }
end

--- A call of the admin during set-up.
function admin.configure(actor, msg)
  onlyAdmin(actor)
  failures.check(not store.state().active, "AlreadyActive")
  return make(parse(msg.Data))
end

--- Ends the set-up: users may act, and changes have to wait from now on.
function admin.activate(actor)
  local s = store.state()
  onlyAdmin(actor)
  failures.check(not s.active, "AlreadyActive")
  failures.check(s.threshold > 0 and s.treasury, "NotReady")
  store.set(s, "active", true)
  return {}
end

--- Announces a change. Its exact text is what is made later.
function admin.schedule(actor, msg)
  local s = store.state()
  onlyAdmin(actor)
  parse(msg.Data)
  failures.check(not s.scheduled[msg.Data], "AlreadyRegistered")
  local ready = s.now + s.delay
  store.set(s.scheduled, msg.Data, ready)
  return { ready = tostring(ready) }
end

function admin.apply(actor, msg)
  local s = store.state()
  onlyAdmin(actor)
  local ready = s.scheduled[msg.Data]
  failures.check(ready, "NotScheduled")
  failures.check(s.now >= ready, "TooEarly", { ready = tostring(ready) })
  failures.check(s.now <= ready + admin.CHANGE_LIFETIME, "Expired", { deadline = tostring(ready + admin.CHANGE_LIFETIME) })
  store.set(s.scheduled, msg.Data, nil)
  return make(parse(msg.Data))
end

--- Withdraws an announced change. The guardian may, too, but for the one that replaces him.
function admin.cancel(actor, msg)
  local s = store.state()
  failures.check(s.scheduled[msg.Data], "NotScheduled")
  local guarded = actor == s.guardian and parse(msg.Data).call ~= "SetGuardian"
  failures.check(isAdmin(actor) or guarded, "NotGuardian")
  store.set(s.scheduled, msg.Data, nil)
  return {}
end

function admin.accept(actor)
  local s = store.state()
  failures.check(s.pendingAdmin and actor == s.pendingAdmin, "NotAdmin")
  store.set(s, "admin", actor)
  store.set(s, "pendingAdmin", nil)
  return {}
end

--- Sets the pause level of a synthetic: the guardian raises, the admin sets any. Not delayed.
function admin.pause(actor, msg)
  local s = store.state()
  local id, asset = governance.asset(msg.Tags.Asset, 1)
  local level = amounts.parseInteger(msg.Tags.Level, "Level", pauses.FROZEN)
  local raises = actor == s.guardian and level > pauses.level(asset)
  failures.check(isAdmin(actor) or raises, "NotGuardian")
  store.set(asset, "level", level)
  store.set(asset, "frozenUntil", level == pauses.FROZEN and s.now + pauses.FREEZE_SECONDS or 0)
  local sequence = ledger.append(ledger.KIND.PAUSE_SET, id .. words.integer(level) .. actor)
  return { sequence = tostring(sequence), level = tostring(level) }
end

--- Gives up the process: nobody can evaluate code in it any more. aos would take the next sender for the owner if there were none.
function admin.renounce(msg)
  failures.check(msg.From == Owner, "NotOwner")
  store.set(_G, "Owner", "renounced")
  return { owner = "renounced" }
end

return admin
