--- The gateway process: which message does what, and for whom. Everybody is who `msg.From` says; what changes the state is undone as a
--- whole when any of it is refused, and is answered by `<Action>-Response` or `<Action>-Error`.
local VERSION = "1"

Tim3 = Tim3 or {
  active = false, retired = false, now = 0, at = { nonce = -1, message = "" }, events = {}, epoch = 0, threshold = 0, signers = {},
  signerSet = {}, votes = {}, assets = {}, symbols = {}, assetIds = {}, tokens = {}, totals = {}, peerTotals = {}, windows = {}, routes = {},
  markets = {}, marketIds = {}, positions = {}, controllers = {}, badDebts = {}, mirrors = {}, mirrorHomes = {}, outgoing = {}, slots = {},
  refunds = {}, peers = {}, claimables = {}, backed = {}, payouts = {}, payoutIds = {}, references = {}, scheduled = {}, prices = {},
  oracles = {}, sources = {}, notices = {}, keys = {}, held = {}, unattributed = {}, overpaid = {},
}
Tim3.version = VERSION

local accounts = require("tim3.accounts")
local admin = require("tim3.admin")
local amounts = require("tim3.amounts")
local attesters = require("tim3.attesters")
local deposits = require("tim3.deposits")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local keys = require("tim3.keys")
local ledger = require("tim3.ledger")
local positions = require("tim3.positions")
local prices = require("tim3.prices")
local store = require("tim3.store")
local token = require("tim3.token")
local transfers = require("tim3.transfers")
local views = require("tim3.views")
local words = require("tim3.words")

-- aos copies tags over the fields of a message, and leaves out only some names. These are the scheduler's word, not the sender's.
local TRUTHS = {
  "Id", "Nonce", "Epoch", "Timestamp", "Block-Height", "Hash-Chain", "Module", "Cron", "Signature", "Forwarded-By", "Message", "reply", "forward",
}
for _, name in ipairs(TRUTHS) do
  local known = false
  for _, other in ipairs(ao.nonExtractableTags) do known = known or other == name end
  if not known then table.insert(ao.nonExtractableTags, name) end
end

-- ------------------------------------------------------------------------------------------------------------------------- who

-- A message that a process sent carries the process as From and the authority as Owner; a signed one has its signer as both.
local function trusted(msg)
  if msg.From == msg.Owner then return true end
  for _, authority in ipairs(ao.authorities) do
    if msg.Owner == authority then return true end
  end
  return false
end

local function actorOf(msg)
  local actor = accounts.word(msg.From)
  failures.check(actor, "InvalidAccount", { found = tostring(msg.From) })
  return actor
end

-- What users do: with a `Key` once for each key.
local function user(name, action)
  return function(msg)
    failures.check(store.state().active, "NotActive")
    local actor = actorOf(msg)
    return keys.once(actor, msg.Tags.Key, name, function() return action(actor, msg) end)
  end
end

local function submitter(action)
  return function(msg)
    failures.check(store.state().active, "NotActive")
    return action(msg)
  end
end

local function administrator(action)
  return function(msg)
    failures.check(store.state().id, "NotInitialized")
    return action(actorOf(msg), msg)
  end
end

-- What a collateral token tells; nobody else has collateral to speak of.
local function notice(action)
  return function(msg)
    local asset = store.state().tokens[msg.From]
    failures.check(asset, "UnknownToken", { found = msg.From })
    return action(msg, asset)
  end
end

-- ------------------------------------------------------------------------------------------------------------------------ what

local function assetOf(msg)
  return (token.asset(msg))
end

local CHANGES = {
  Lock = user("Lock", function(actor, msg)
    return transfers.lock(actor, amounts.ZERO, words.parse(msg.Tags.Market, "Market"), function(name) return msg.Tags[name] end)
  end),
  Burn = user("Burn", function(actor, msg) return transfers.burn(actor, assetOf(msg), msg.Tags) end),
  Repay = user("Repay", function(actor, msg) return positions.repay(actor, msg.Tags) end),
  Withdraw = user("Withdraw", function(actor, msg) return positions.withdraw(actor, msg.Tags) end),
  Redeem = user("Redeem", function(actor, msg) return positions.redeem(actor, msg.Tags) end),
  Liquidate = user("Liquidate", function(actor, msg) return positions.liquidate(actor, msg.Tags) end),
  Cover = user("Cover", function(actor, msg) return positions.cover(actor, msg.Tags) end),
  Claim = user("Claim", function(actor, msg) return positions.claim(actor, (governance.asset(msg.Tags.Asset)), msg.Tags) end),
  ["Set-Controller"] = user("Set-Controller", function(actor, msg) return positions.setController(actor, msg.Tags) end),
  Transfer = user("Transfer", token.transfer),

  Attest = submitter(attesters.attest),
  Execute = submitter(attesters.execute),
  Price = prices.push,

  Initialize = admin.initialize,
  Configure = administrator(admin.configure),
  Activate = administrator(admin.activate),
  Schedule = administrator(admin.schedule),
  Apply = administrator(admin.apply),
  Cancel = administrator(admin.cancel),
  ["Accept-Admin"] = administrator(admin.accept),
  ["Set-Pause"] = administrator(admin.pause),
  ["Renounce-Owner"] = admin.renounce,

  ["Credit-Notice"] = notice(deposits.credited),
  ["Debit-Notice"] = notice(deposits.debited),
  ["Transfer-Error"] = notice(deposits.refused),
}

-- Notices are answered to nobody: a token would take the answer for a message of its own.
local SILENT = { ["Credit-Notice"] = true, ["Debit-Notice"] = true, ["Transfer-Error"] = true }

-- What the token standard answers in tags.
local STANDARD = { Info = token.info, Balance = token.balance, Balances = token.balances, ["Total-Supply"] = token.supply }

-- -------------------------------------------------------------------------------------------------------------------- handling

-- Where and when the message is. A dry-run has no number of its own: it is as if it came next.
local function place(msg)
  local s = store.state()
  local nonce, milliseconds = math.tointeger(msg.Nonce), math.tointeger(tonumber(msg.Timestamp))
  failures.check(milliseconds, "NoTime")
  s.now = math.max(s.now, milliseconds // 1000)
  s.at = { nonce = nonce or s.at.nonce + 1, message = msg.Id }
end

local function change(msg)
  local action = CHANGES[msg.Action]
  local done, answer, detail = store.atomically(function()
    place(msg)
    local answer, repeated = action(msg)
    ledger.checkpoint()
    return { answer = answer or {}, repeated = repeated == true and "true" or nil }
  end)
  if SILENT[msg.Action] then
    if not done then print(msg.Action .. " of " .. msg.From .. " is not for this gateway: " .. tostring(answer)) end
  elseif done then
    store.tell(msg.From, msg.Action .. "-Response", answer.answer, { Reference = msg.Reference, Repeated = answer.repeated })
  else
    store.tell(msg.From, msg.Action .. "-Error", { error = answer, detail = detail }, { Reference = msg.Reference, Error = answer })
  end
  store.commit()
end

-- A view reads; whatever it writes on the way is taken back.
local function look(msg, action, read)
  local result
  local _, name, detail = store.atomically(function()
    local s = store.state()
    local at = { nonce = tostring(s.at.nonce), message = s.at.message }
    store.set(s, "now", math.max(s.now, (math.tointeger(tonumber(msg.Timestamp)) or 0) // 1000))
    failures.check(s.id, "NotInitialized")
    result = read(msg)
    if not STANDARD[action] then result.at = at end
    failures.fail("Read")
  end)
  if name ~= "Read" then
    store.tell(msg.From, action .. "-Error", { error = name, detail = detail }, { Reference = msg.Reference, Error = name })
  elseif STANDARD[action] then
    result.Target, result.Action, result["X-Reference"] = msg.From, action .. "-Response", msg.Reference
    store.send(result)
  else
    store.tell(msg.From, action .. "-Response", result, { Reference = msg.Reference })
  end
  store.commit()
end

local function view(msg)
  local found = views[msg.Tags.View]
  failures.check(found, "UnknownView", { found = tostring(msg.Tags.View) })
  return found(msg.Tags, msg.Data)
end

local function handle(msg)
  local action = msg.Action
  if not trusted(msg) then
    print("not trusted: " .. tostring(action))
  elseif CHANGES[action] then
    change(msg)
  elseif STANDARD[action] then
    look(msg, action, STANDARD[action])
  elseif action == "Simulate" then
    look(msg, action, attesters.simulate)
  elseif action == "View" then
    look(msg, action, view)
  else
    -- Not answered, because the answer might be answered.
    print("no such action: " .. tostring(action))
  end
end

-- All but code of the owner comes here: what aos finds no handler for it keeps, and anybody could fill the memory.
local function ours(msg)
  return not (msg.Action == "Eval" and msg.From == Owner)
end

-- Every scheduled message moves the state on, also one that is not for the gateway.
Handlers.prepend("tim3.gateway", ours, handle)
Handlers.prepend("tim3.place", function(msg)
  if math.type(msg.Nonce) == "integer" and store.state().id then
    store.state().at = { nonce = msg.Nonce, message = msg.Id }
  end
  return false
end, function() end)

return VERSION
