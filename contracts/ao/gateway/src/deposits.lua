--- What collateral tokens tell: deposits, debits, refused payouts. The token is another process, so a message from it is believed because
--- aos believes the authority that signed for it; and a notice that was pushed twice counts once.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local keys = require("tim3.keys")
local payouts = require("tim3.payouts")
local store = require("tim3.store")
local transfers = require("tim3.transfers")
local words = require("tim3.words")

local deposits = {}

-- The push of one message of a token is known by what it was pushed for and by the number the token gave it.
local function keyOf(token, cause, reference)
  return table.concat({ token, cause, reference }, ":")
end

local function first(key)
  local notices = store.state().notices
  if notices[key] then return false end
  store.set(notices, key, true)
  return true
end

-- Without those two, a message is known by its own id.
local function once(msg)
  local cause, reference = msg.Tags["Pushed-For"], msg.Tags.Reference
  return first(cause and reference and keyOf(msg.From, cause, reference) or msg.Id)
end

-- A deposit that is not locked: claimable, as far as it is a whole number of canonical units and its sender an account. What no account
-- can be credited with stays here and is counted.
local function keep(assetId, sender, native)
  local s, asset = store.state(), store.state().assets[assetId]
  local credited = sender and sender ~= s.self and amounts.scale(native, asset.native, asset.decimals) or amounts.ZERO
  local rest = native - amounts.scale(credited, asset.decimals, asset.native)
  if not amounts.isZero(rest) then
    store.set(s.unattributed, assetId, (s.unattributed[assetId] or amounts.ZERO) + rest)
  end
  if not amounts.isZero(credited) then payouts.credit(assetId, sender, credited, words.ZERO) end
  return credited
end

local function lock(msg, sender, brought)
  local s = store.state()
  failures.check(s.active, "NotActive")
  failures.check(msg.Tags["X-Action"] == "Lock", "UnknownDeposit", { found = tostring(msg.Tags["X-Action"]) })
  local market = words.parse(msg.Tags["X-Market"], "X-Market")
  local known = s.markets[market]
  failures.check(known and known.collateral == s.tokens[msg.From], "UnknownMarket", { market = words.hex(market) })
  local function read(name) return msg.Tags["X-" .. name] end
  return keys.once(sender, msg.Tags["X-Key"], "Lock", function() return transfers.lock(sender, brought, market, read) end)
end

--- A deposit: locked as its tags say, or else claimable by whoever sent it.
function deposits.credited(msg, assetId)
  local s = store.state()
  local native = amounts.parse(msg.Tags.Quantity, "Quantity")
  if not once(msg) then return { repeated = true } end
  local asset, sender = s.assets[assetId], accounts.word(msg.Tags.Sender)
  store.set(s.held, assetId, s.held[assetId] + native)
  local brought = amounts.scale(native, asset.native, asset.decimals)
  local exact = amounts.scale(brought, asset.decimals, asset.native) == native

  local done, result, detail = store.atomically(function()
    failures.check(sender and sender ~= s.self, "InvalidAccount", { found = tostring(msg.Tags.Sender) })
    failures.check(exact, "Unrepresentable", { quantity = amounts.text(native) })
    local answer, repeated = lock(msg, sender, brought)
    failures.check(not repeated, "KeyUsed", { first = answer })
    return answer
  end)
  if done then
    store.tell(msg.Tags.Sender, "Lock-Response", result, { Reference = msg.Tags["Pushed-For"] })
    return result
  end

  local credited = keep(assetId, sender, native)
  local answer = { error = result, detail = detail, claimable = amounts.text(credited) }
  if sender then store.tell(msg.Tags.Sender, "Lock-Error", answer, { Error = result, Reference = msg.Tags["Pushed-For"] }) end
  return answer
end

function deposits.debited(msg)
  if once(msg) then payouts.debited(msg) end
end

function deposits.refused(msg)
  if once(msg) then payouts.refused(msg) end
end

--- A deposit whose notice was lost, on the admin's word after the delay: claimable by its sender. The notice, should it still come, is
--- one that has been seen.
function deposits.record(assetId, sender, native, cause, reference)
  local s = store.state()
  failures.check(first(keyOf(s.assets[assetId].token, cause, reference)), "AlreadyDone")
  store.set(s.held, assetId, s.held[assetId] + native)
  return keep(assetId, sender, native)
end

--- Makes what nobody could be credited with claimable by an account, on the admin's word after the delay.
function deposits.attribute(assetId, account, native)
  local s, asset = store.state(), store.state().assets[assetId]
  local there = s.unattributed[assetId] or amounts.ZERO
  local credited = amounts.scale(native, asset.native, asset.decimals)
  local taken = amounts.scale(credited, asset.decimals, asset.native)
  failures.check(not amounts.isZero(credited) and taken <= there, "AmountOutOfRange", { amount = amounts.text(native), max = amounts.text(there) })
  store.set(s.unattributed, assetId, there - taken)
  payouts.credit(assetId, account, credited, words.ZERO)
  return credited
end

local function pending(payoutId)
  local payout = store.state().payouts[payoutId]
  failures.check(payout, "UnknownPayout", { payout = words.hex(payoutId) })
  failures.check(payout.status == payouts.PENDING, "AlreadyDone", { status = payout.status })
  return payout
end

--- A payout whose Debit-Notice was lost, on the admin's word after the delay: paid.
function deposits.recordDebit(payoutId, cause, reference)
  local payout = pending(payoutId)
  failures.check(first(keyOf(store.state().assets[payout.asset].token, cause, reference)), "AlreadyDone")
  payouts.paid(payout)
end

--- A payout that the token refuses, on the admin's word after the delay: claimable.
function deposits.recordRefusal(payoutId)
  payouts.failed(pending(payoutId))
end

return deposits
