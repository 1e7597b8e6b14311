--- The synthetic tokens: balances by account word, and the counters that the conservation law is about.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local store = require("tim3.store")

local synthetics = {}

--- The totals of an asset, made where there are none.
function synthetics.totals(asset)
  local all = store.state().totals
  if not all[asset] then
    local zero = amounts.ZERO
    store.set(all, asset, { minted = zero, burned = zero, debt = zero, badDebt = zero, claimable = zero, pending = zero })
  end
  return all[asset]
end

--- Adds `delta` to a counter of an asset.
function synthetics.count(asset, name, delta)
  local totals = synthetics.totals(asset)
  store.set(totals, name, amounts.fit(totals[name] + delta))
end

function synthetics.peerTotals(asset, peer)
  local of = store.child(store.state().peerTotals, asset)
  if not of[peer] then
    local zero = amounts.ZERO
    store.set(of, peer, { sent = zero, refunded = zero, settled = zero, voided = zero })
  end
  return of[peer]
end

function synthetics.countPeer(asset, peer, name, delta)
  local totals = synthetics.peerTotals(asset, peer)
  store.set(totals, name, amounts.fit(totals[name] + delta))
end

function synthetics.balance(asset, account)
  return store.state().assets[asset].balances[account] or amounts.ZERO
end

local function put(asset, account, balance)
  store.set(store.state().assets[asset].balances, account, not amounts.isZero(balance) and balance or nil)
end

--- Tells an account that is not the gateway what it got. `extra` are tags.
function synthetics.credit(asset, account, amount, sender, extra)
  local s = store.state()
  if account == s.self then return end
  local notice = {
    Target = accounts.id(account),
    Action = "Credit-Notice",
    Sender = accounts.id(sender),
    Quantity = amounts.text(amount),
    Asset = s.assets[asset].symbol,
    Data = "You received " .. amounts.text(amount) .. " " .. s.assets[asset].symbol,
  }
  for name, value in pairs(extra or {}) do notice[name] = value end
  store.send(notice)
end

function synthetics.mint(asset, account, amount, extra)
  if amounts.isZero(amount) then return end
  local token = store.state().assets[asset]
  synthetics.count(asset, "minted", amount)
  store.set(token, "supply", amounts.fit(token.supply + amount))
  put(asset, account, synthetics.balance(asset, account) + amount)
  synthetics.credit(asset, account, amount, store.state().self, extra)
end

function synthetics.burn(asset, account, amount)
  local token = store.state().assets[asset]
  local balance = synthetics.balance(asset, account)
  failures.check(balance >= amount, "InsufficientBalance", { balance = amounts.text(balance), needed = amounts.text(amount) })
  synthetics.count(asset, "burned", amount)
  store.set(token, "supply", token.supply - amount)
  put(asset, account, balance - amount)
end

--- Moves tokens; tells nobody.
function synthetics.move(asset, from, to, amount)
  local balance = synthetics.balance(asset, from)
  failures.check(balance >= amount, "InsufficientBalance", { balance = amounts.text(balance), needed = amounts.text(amount) })
  put(asset, from, balance - amount)
  put(asset, to, synthetics.balance(asset, to) + amount)
end

return synthetics
