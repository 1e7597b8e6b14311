-- What must hold after every message, over the state itself (contracts/PROTOCOL.md section 7): gives "right", or what is wrong.
local amounts, ledger = require("tim3.amounts"), require("tim3.ledger")
local s, zero, wrong = Tim3, amounts.ZERO, {}

local function check(holds, text) if not holds then wrong[#wrong + 1] = text end end
local function sum(map, name)
  local total = zero
  for _, record in pairs(map) do total = total + (name and record[name] or record) end
  return total
end

local recorded = {}
for id, market in pairs(s.markets) do
  local collateral, debt = zero, zero
  for _, position in pairs(s.positions[id] or {}) do collateral, debt = collateral + position.collateral, debt + position.debt end
  check(collateral == market.totalCollateral and debt == market.totalDebt, "the totals of a market are those of its positions")
  check(market.kind == 1 or collateral >= debt * amounts.power(s.assets[market.collateral].decimals - 6), "a reserve carries its debt")
  recorded[market.collateral] = (recorded[market.collateral] or zero) + collateral
end

for id, asset in pairs(s.assets) do
  local t = s.totals[id] or { minted = zero, burned = zero, debt = zero, badDebt = zero, claimable = zero, pending = zero }
  local claimable = zero
  for _, of in pairs(s.claimables) do claimable = claimable + (of[id] or zero) end
  check(claimable == t.claimable, asset.symbol .. ": what is claimable is what accounts may claim")
  if asset.kind == 1 then
    local peers, debt, bad = s.peerTotals[id] or {}, zero, zero
    local flow = sum(peers, "sent") - sum(peers, "refunded") - sum(peers, "settled")
    check(t.debt + t.badDebt - (t.minted - t.burned) == flow, "the law of conservation")
    check(asset.supply == t.minted - t.burned and asset.supply == sum(asset.balances), "supply, balances, and minted less burned are one")
    check((asset.balances[s.self] or zero) == t.claimable, "what is in custody is claimable")
    for _, market in pairs(s.markets) do
      if market.synthetic == id then debt = debt + market.totalDebt end
    end
    for _, record in pairs(s.badDebts) do
      if record.asset == id then bad = bad + record.amount end
    end
    check(debt == t.debt and bad == t.badDebt, "debt and bad debt are those of the markets")
  else
    local pending = zero
    for _, payout in pairs(s.payouts) do
      if payout.asset == id and payout.status == "pending" then pending = pending + payout.amount end
    end
    check(pending == t.pending, asset.symbol .. ": what is pending are the pending payouts")
    local owed = amounts.scale((recorded[id] or zero) + t.claimable + t.pending, asset.decimals, asset.native)
    check(s.held[id] >= owed + (s.unattributed[id] or zero), asset.symbol .. ": held covers what is owed")
    check(not s.overpaid[id], asset.symbol .. ": nothing was paid twice")
  end
end

local hash = s.id
for i, event in ipairs(s.events) do hash = ledger.fold(hash, i - 1, event.kind, event.timestamp, event.body) end
local last = s.checkpoints[#s.checkpoints]
check(hash == s.hash and last.hash == hash and last.count == #s.events, "the events fold into the hash")

return #wrong == 0 and "right" or table.concat(wrong, "; ")
