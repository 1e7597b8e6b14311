--- The positions at home, and what follows from undoing debt: Release, redeem at home, Refund of a lock.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local health = require("tim3.health")
local ledger = require("tim3.ledger")
local pauses = require("tim3.pauses")
local payouts = require("tim3.payouts")
local prices = require("tim3.prices")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local windows = require("tim3.windows")
local words = require("tim3.words")

local book = {}

book.RESERVE, book.VAULT = 0, 1
local NOTHING = { collateral = amounts.ZERO, debt = amounts.ZERO, version = 0 }

function book.market(id)
  local market = store.state().markets[id]
  failures.check(market, "UnknownMarket", { market = words.hex(id) })
  return market
end

function book.vault(id)
  local market = book.market(id)
  failures.check(market.kind == book.VAULT, "WrongMarketKind", { market = words.hex(id) })
  return market
end

--- A position; all zero where there is none.
function book.position(market, owner)
  local of = store.state().positions[market]
  return of and of[owner] or NOTHING
end

--- Writes a position; its version is the event that the caller appends next. Gives the four words of it.
function book.save(id, owner, before, collateral, debt)
  local market = book.market(id)
  amounts.fit(collateral)
  amounts.fit(debt)
  store.set(store.child(store.state().positions, id), owner, { collateral = collateral, debt = debt, version = ledger.next() })
  synthetics.count(market.synthetic, "debt", debt - before.debt)
  store.set(market, "totalCollateral", amounts.fit(market.totalCollateral - before.collateral + collateral))
  store.set(market, "totalDebt", amounts.fit(market.totalDebt - before.debt + debt))
  return id .. owner .. amounts.word(collateral) .. amounts.word(debt)
end

--- What drawing debt needs: room under the ceiling; in a reserve market as much collateral as debt, at par; in a vault market LTV
--- within the maximum at the lower price, and no dust.
function book.checkDraw(market, brought, drawn, collateral, debt)
  local terms, asset = market.terms, store.state().assets[market.collateral]
  local total = market.totalDebt + drawn
  failures.check(total <= terms.ceiling, "CeilingExceeded", { debt = amounts.text(total), ceiling = amounts.text(terms.ceiling) })
  failures.check(debt >= terms.dust, "BelowDust", { debt = amounts.text(debt), dust = amounts.text(terms.dust) })
  if market.kind == book.VAULT then
    local lower = prices.valid(market)
    local covered = health.covers(collateral, debt, terms.maxLtv, 10000, prices.scales(market, lower))
    return failures.check(covered, "Undercollateralized")
  end
  -- What this lock brings must carry what it draws: the surplus of a reserve is nobody's to draw against.
  local needed = amounts.scale(drawn, amounts.SYNTHETIC_DECIMALS, asset.decimals)
  local carried = amounts.scale(brought, asset.decimals, amounts.SYNTHETIC_DECIMALS)
  failures.check(needed <= brought and carried >= drawn, "Undercollateralized")
  if terms.oracle == words.ZERO then return end
  local lower = prices.valid(market)
  local target = store.state().assets[market.synthetic].target
  local near = lower * amounts.BPS >= target * amounts.of(10000 - terms.depeg)
  failures.check(near, "Depegged", { price = amounts.text(lower) })
end

--- Lets the debt fall by at most `net`, and finds out what collateral that frees, at most `cap`.
function book.undo(id, owner, net, cap)
  local market, before = book.market(id), book.position(id, owner)
  local verdict, lower = prices.quote(market.terms.oracle)
  local price = verdict == prices.VERDICT.VALID and lower or nil
  local undone = health.undo(market.kind == book.RESERVE, before, net, cap, market.terms.maxLtv, prices.scales(market, price))
  undone.position = book.save(id, owner, before, undone.collateral, undone.debt)
  return undone
end

-- A reserve market pays whoever burns; a vault market only the owner at home, or his controller.
local function cap(market, x)
  if market.kind == book.RESERVE then
    failures.check(x.owner == x.market, "WrongOwner", { owner = words.hex(x.owner) })
    return amounts.MAX
  end
  if x.operation == words.ZERO and x.actor == x.owner then return x.wanted end
  local controller = (store.state().controllers[x.market] or {})[x.owner]
  return controller and controller.gateway == x.peer and controller.account == x.actor and x.wanted or amounts.ZERO
end

--- The rule of Release, and of a redeem at home, for which operation, nonce and fee are zero and the peer is this gateway.
function book.release(x)
  local s, market = store.state(), book.market(x.market)
  failures.check(market.synthetic == x.asset, "UnknownMarket", { market = words.hex(x.market) })
  accounts.local_(x.recipient, s.self)
  local asset = pauses.check(x.asset, pauses.NO_SUPPLY)
  windows.take(x.asset, windows.RELEASE, x.amount)
  local undone = book.undo(x.market, x.owner, x.amount - x.fee, cap(market, x))
  if not amounts.isZero(undone.surplus) then windows.force(x.asset, windows.MINT, undone.surplus) end
  ledger.append(ledger.KIND.RELEASED, table.concat({
    x.operation, x.peer, x.nonce, x.asset, amounts.word(x.amount), amounts.word(x.fee), amounts.word(undone.paid),
    amounts.word(undone.surplus), amounts.word(undone.payout), x.recipient, undone.position,
  }))
  synthetics.mint(x.asset, s.treasury, x.fee)
  if pauses.level(asset) < pauses.NO_SUPPLY then
    synthetics.mint(x.asset, x.recipient, undone.surplus, { Operation = words.hex(x.operation) })
  elseif not amounts.isZero(undone.surplus) then
    synthetics.mint(x.asset, s.self, undone.surplus)
    payouts.credit(x.asset, x.recipient, undone.surplus, x.operation)
  end
  undone.payoutId = payouts.pay(market.collateral, x.recipient, undone.payout, x.operation)
  return undone
end

return book
