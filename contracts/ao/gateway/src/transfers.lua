--- What starts a way to another chain: lock and burn.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local book = require("tim3.book")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local ledger = require("tim3.ledger")
local outgoing = require("tim3.outgoing")
local pauses = require("tim3.pauses")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local words = require("tim3.words")

local transfers = {}

local function optional(parse, text, what, otherwise)
  if text == nil then return otherwise end
  return parse(text, what)
end

--- Draws debt against a position, which `brought` (canonical units, already here) goes into. `read(name)` gives a parameter.
--- Debt 0 only adds collateral; then the other parameters are ignored.
function transfers.lock(actor, brought, marketId, read)
  local s, market = store.state(), book.market(marketId)
  pauses.check(market.synthetic, pauses.NORMAL)
  local drawn = optional(amounts.parse, read("Debt"), "Debt", amounts.ZERO)
  failures.check(not (amounts.isZero(drawn) and amounts.isZero(brought)), "ZeroAmount")
  local owner = market.kind == book.RESERVE and marketId or actor
  local before = book.position(marketId, owner)
  local collateral, debt = before.collateral + brought, before.debt + drawn
  local zero = words.ZERO

  if amounts.isZero(drawn) then
    local locked = book.save(marketId, owner, before, collateral, debt) .. actor .. amounts.word(brought)
    local sequence = ledger.append(ledger.KIND.LOCKED, locked .. zero .. zero)
    return { sequence = tostring(sequence) }
  end

  book.checkDraw(market, brought, drawn, collateral, debt)
  local destination = words.parse(read("Destination"), "Destination")
  local recipient = accounts.parse(read("Recipient"), "Recipient")
  if destination == s.id then
    accounts.local_(recipient, s.self)
    local locked = book.save(marketId, owner, before, collateral, debt) .. actor .. amounts.word(brought)
    local sequence = ledger.append(ledger.KIND.LOCKED, locked .. amounts.word(drawn) .. recipient)
    synthetics.mint(market.synthetic, recipient, drawn)
    return { sequence = tostring(sequence), minted = amounts.text(drawn) }
  end

  local operation, id, nonce = outgoing.dispatch({
    kind = identity.KIND.MINT, destination = destination, asset = market.synthetic, market = marketId, owner = owner, actor = actor,
    refundTo = optional(accounts.parse, read("Refund-To"), "Refund-To", actor), recipient = recipient, amount = drawn, wanted = brought,
  }, amounts.parse(read("Max-Fee") or "0", "Max-Fee"))
  local locked = book.save(marketId, owner, before, collateral, debt) .. actor .. amounts.word(brought)
  local sequence = ledger.append(ledger.KIND.LOCKED, locked .. zero .. zero .. operation)
  return { sequence = tostring(sequence), operation = words.hex(id), nonce = tostring(nonce) }
end

--- Burns the caller's synthetic: a Transfer to another gateway, or a Redeem at a market's home.
function transfers.burn(actor, asset, tags)
  local s = store.state()
  local kinds = { Redeem = identity.KIND.REDEEM, Transfer = identity.KIND.TRANSFER }
  local kind = kinds[tags.Intent]
  failures.check(kind, "InvalidIntent", { found = tostring(tags.Intent) })
  local redeemed = kind == identity.KIND.REDEEM
  pauses.check(asset, redeemed and pauses.NO_SUPPLY or pauses.NO_RISK)
  local destination = words.parse(tags.Destination, "Destination")
  failures.check(destination ~= s.id, "InvalidIntent", { found = "this gateway is the destination" })
  local market, owner, wanted = words.ZERO, words.ZERO, amounts.ZERO
  if redeemed then
    market, owner = words.parse(tags.Market, "Market"), accounts.parse(tags["Position-Owner"], "Position-Owner")
    wanted = optional(amounts.parse, tags.Wanted, "Wanted", amounts.ZERO)
    failures.check(market ~= words.ZERO and owner ~= words.ZERO, "InvalidIntent", { found = "no market or owner" })
  else
    failures.check(not tags.Market and not tags["Position-Owner"] and not tags.Wanted, "InvalidIntent", { found = "a Transfer has no market" })
  end
  local amount = amounts.parse(tags.Quantity, "Quantity")
  local operation, id, nonce = outgoing.dispatch({
    kind = kind, destination = destination, asset = asset, market = market, owner = owner, actor = actor,
    refundTo = optional(accounts.parse, tags["Refund-To"], "Refund-To", actor), recipient = accounts.parse(tags.Recipient, "Recipient"),
    amount = amount, wanted = wanted,
  }, amounts.parse(tags["Max-Fee"] or "0", "Max-Fee"))
  synthetics.burn(asset, actor, amount)
  local sequence = ledger.append(ledger.KIND.BURNED, operation)
  return { sequence = tostring(sequence), operation = words.hex(id), nonce = tostring(nonce) }
end

return transfers
