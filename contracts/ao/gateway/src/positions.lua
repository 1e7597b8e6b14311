--- What users do with positions at home.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local book = require("tim3.book")
local failures = require("tim3.failures")
local health = require("tim3.health")
local ledger = require("tim3.ledger")
local pauses = require("tim3.pauses")
local payouts = require("tim3.payouts")
local prices = require("tim3.prices")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local words = require("tim3.words")

local positions = {}

local function payoutHex(id)
  return id and words.hex(id) or nil
end

local function positive(amount)
  failures.check(not amounts.isZero(amount), "ZeroAmount")
  return amount
end

function positions.repay(actor, tags)
  local id, owner = words.parse(tags.Market, "Market"), accounts.parse(tags["Position-Owner"], "Position-Owner")
  local market, before = book.market(id), book.position(id, owner)
  failures.check(not amounts.isZero(before.debt), "NoDebt")
  local amount = positive(amounts.min(amounts.parse(tags.Quantity, "Quantity"), before.debt))
  synthetics.burn(market.synthetic, actor, amount)
  local position = book.save(id, owner, before, before.collateral, before.debt - amount)
  local sequence = ledger.append(ledger.KIND.REPAID, position .. actor .. amounts.word(amount))
  return { sequence = tostring(sequence), repaid = amounts.text(amount) }
end

function positions.withdraw(actor, tags)
  local s, id = store.state(), words.parse(tags.Market, "Market")
  local market = book.vault(id)
  pauses.check(market.synthetic, pauses.NO_SUPPLY)
  local to = accounts.local_(tags.Recipient and accounts.parse(tags.Recipient, "Recipient") or actor, s.self)
  local before, asset = book.position(id, actor), s.assets[market.collateral]
  local amount = positive(amounts.payable(amounts.parse(tags.Quantity, "Quantity"), asset.decimals, asset.native))
  failures.check(amount <= before.collateral, "AmountOutOfRange", { amount = amounts.text(amount), max = amounts.text(before.collateral) })
  local left = before.collateral - amount
  if not amounts.isZero(before.debt) then
    local lower = prices.valid(market)
    local covered = health.covers(left, before.debt, market.terms.maxLtv, 10000, prices.scales(market, lower))
    failures.check(covered, "Undercollateralized")
  end
  local position = book.save(id, actor, before, left, before.debt)
  local sequence = ledger.append(ledger.KIND.WITHDRAWN, position .. to .. amounts.word(amount))
  local payout = payouts.pay(market.collateral, to, amount, words.ZERO)
  return { sequence = tostring(sequence), payout = payoutHex(payout), amount = amounts.text(amount) }
end

--- Redeems at home by the rule of Release, without a fee.
function positions.redeem(actor, tags)
  local s, id = store.state(), words.parse(tags.Market, "Market")
  local market = book.market(id)
  local amount = positive(amounts.parse(tags.Quantity, "Quantity"))
  synthetics.burn(market.synthetic, actor, amount)
  local sequence = ledger.next()
  local undone = book.release({
    operation = words.ZERO, peer = s.id, nonce = words.ZERO, asset = market.synthetic, market = id,
    owner = tags["Position-Owner"] and accounts.parse(tags["Position-Owner"], "Position-Owner") or id,
    recipient = tags.Recipient and accounts.parse(tags.Recipient, "Recipient") or actor,
    amount = amount, fee = amounts.ZERO, actor = actor, wanted = amounts.parse(tags.Wanted or "0", "Wanted"),
  })
  return {
    sequence = tostring(sequence), paid = amounts.text(undone.paid), surplus = amounts.text(undone.surplus), amount = amounts.text(undone.payout),
    payout = payoutHex(undone.payoutId),
  }
end

function positions.setController(actor, tags)
  local id = words.parse(tags.Market, "Market")
  book.vault(id)
  local gateway, account = words.parse(tags.Gateway, "Gateway"), accounts.parse(tags.Account, "Account")
  failures.check((gateway == words.ZERO) == (account == words.ZERO), "InvalidAccount", { found = words.hex(account) })
  store.set(store.child(store.state().controllers, id), actor, { gateway = gateway, account = account })
  return { sequence = tostring(ledger.append(ledger.KIND.CONTROLLER_SET, id .. actor .. gateway .. account)) }
end

--- Repays debt of an unhealthy position and takes its collateral plus a bonus. Permissionless.
function positions.liquidate(actor, tags)
  local s, id = store.state(), words.parse(tags.Market, "Market")
  local owner = accounts.parse(tags["Position-Owner"], "Position-Owner")
  local market = book.vault(id)
  pauses.check(market.synthetic, pauses.NO_SUPPLY)
  local before = book.position(id, owner)
  failures.check(not amounts.isZero(before.debt), "NoDebt")
  local _, higher = prices.valid(market)
  local most, least = amounts.parse(tags["Max-Repay"], "Max-Repay"), amounts.parse(tags["Min-Seized"] or "0", "Min-Seized")
  local done, name, detail = health.liquidation(market.terms, before, most, prices.scales(market, higher))
  if not done then failures.fail(name, detail) end
  failures.check(done.seized >= least, "SeizedTooLittle", { seized = amounts.text(done.seized), min = amounts.text(least) })

  synthetics.burn(market.synthetic, actor, done.repaid)
  local position = book.save(id, owner, before, before.collateral - done.seized, before.debt - done.repaid - done.bad)
  if not amounts.isZero(done.bad) then positions.addBadDebt(id, market.synthetic, done.bad) end
  local sequence = ledger.append(ledger.KIND.LIQUIDATED, table.concat({
    position, actor, amounts.word(done.repaid), amounts.word(done.seized), amounts.word(done.bad),
  }))
  -- What is below native precision stays here, and is nobody's.
  local asset = s.assets[market.collateral]
  local payout = payouts.pay(market.collateral, actor, amounts.payable(done.seized, asset.decimals, asset.native), words.ZERO)
  return {
    sequence = tostring(sequence), repaid = amounts.text(done.repaid), seized = amounts.text(done.seized),
    badDebt = amounts.text(done.bad), payout = payoutHex(payout),
  }
end

--- Adds to the bad debt of a market, which need not be one of this gateway.
function positions.addBadDebt(market, asset, amount)
  local bad = store.child(store.state().badDebts, market)
  failures.check(not bad.asset or bad.asset == asset, "UnknownAsset", { asset = words.hex(asset) })
  store.set(bad, "asset", asset)
  store.set(bad, "amount", amounts.fit((bad.amount or amounts.ZERO) + amount))
  synthetics.count(asset, "badDebt", amount)
end

function positions.cover(actor, tags)
  local id = words.parse(tags.Market, "Market")
  local bad = store.state().badDebts[id]
  failures.check(bad and not amounts.isZero(bad.amount), "NoDebt")
  local amount = positive(amounts.min(amounts.parse(tags.Quantity, "Quantity"), bad.amount))
  local left = bad.amount - amount
  synthetics.burn(bad.asset, actor, amount)
  store.set(bad, "amount", left)
  synthetics.count(bad.asset, "badDebt", -amount)
  local sequence = ledger.append(ledger.KIND.COVERED, id .. bad.asset .. actor .. amounts.word(amount) .. amounts.word(left))
  return { sequence = tostring(sequence), covered = amounts.text(amount) }
end

--- Pays the caller what could not be delivered: collateral unless a synthetic that it backs is frozen, a synthetic only while supply
--- may be handed out.
function positions.claim(actor, assetId, tags)
  local s = store.state()
  local asset = s.assets[assetId]
  failures.check(asset, "UnknownAsset", { asset = words.hex(assetId) })
  if asset.kind == 1 then pauses.check(assetId, pauses.NO_RISK) end
  for synthetic in pairs(s.backed[assetId] or {}) do pauses.check(synthetic, pauses.NO_SUPPLY) end
  local to = accounts.local_(tags.Recipient and accounts.parse(tags.Recipient, "Recipient") or actor, s.self)
  local amount = (s.claimables[actor] or {})[assetId]
  failures.check(amount and not amounts.isZero(amount), "NothingToClaim")
  store.set(s.claimables[actor], assetId, amounts.ZERO)
  synthetics.count(assetId, "claimable", -amount)
  local sequence = ledger.append(ledger.KIND.CLAIMED, actor .. assetId .. amounts.word(amount) .. to)
  local payout
  if asset.kind == 1 then
    synthetics.move(assetId, s.self, to, amount)
    synthetics.credit(assetId, to, amount, s.self)
  else
    payout = payouts.pay(assetId, to, amount, words.ZERO)
  end
  return { sequence = tostring(sequence), amount = amounts.text(amount), payout = payoutHex(payout) }
end

return positions
