--- The arithmetic of positions, as functions of numbers alone. C is the value of the collateral, D that of the debt; values are compared
--- by cross multiplication, so nothing is rounded, and what is rounded is rounded against whoever starts the action.
---
--- `x` is {price, target, decimals}: prices of one whole collateral and one whole synthetic at 18 decimals, and the collateral's decimals.
local amounts = require("tim3.amounts")

local health = {}

--- Below this health (C * threshold / D, basis points) a position may be liquidated whole.
health.DEEP = 9500

local ONE = 10000

-- The powers of ten that make amounts of both kinds comparable, on the side where they are whole.
local function powers(decimals)
  local difference = decimals - amounts.SYNTHETIC_DECIMALS
  if difference < 0 then return amounts.power(-difference), amounts.of(1) end
  return amounts.of(1), amounts.power(difference)
end

--- Whether C * num >= D * den.
function health.covers(collateral, debt, num, den, x)
  local up, down = powers(x.decimals)
  return collateral * x.price * (amounts.of(num) * up) >= debt * x.target * (amounts.of(den) * down)
end

--- The least collateral for which C * num >= D * den.
function health.collateralFor(debt, num, den, x)
  local up, down = powers(x.decimals)
  return amounts.ceil(debt * x.target * (amounts.of(den) * down), x.price * (amounts.of(num) * up))
end

--- The collateral a liquidator gets for `repay`: its value plus the bonus, rounded down.
function health.seizable(repay, bonus, x)
  local up, down = powers(x.decimals)
  return amounts.floor(repay * x.target * (amounts.of(ONE + bonus) * down), x.price * (amounts.BPS * up))
end

--- The debt that buys all of `collateral` with the bonus, rounded up: C / (1 + bonus).
function health.repayFor(collateral, bonus, x)
  local up, down = powers(x.decimals)
  return amounts.ceil(collateral * x.price * (amounts.BPS * up), x.target * (amounts.of(ONE + bonus) * down))
end

--- The most debt that one liquidation of a position that a partial one helps may repay: all of it when the position is deep under
--- water or would be left with less than `dust`.
function health.closable(debt, closeFactor, dust, deep)
  local part = amounts.floor(debt * amounts.of(closeFactor), amounts.BPS)
  return (deep or debt - part < dust) and debt or part
end

--- The one rule by which debt is undone: it falls by at most `net`, and frees collateral of at most `cap`.
--- `p` is {collateral, debt}; `x.price` is nil where there is no valid one; `x.native` are the token's own decimals.
function health.undo(reserve, p, net, cap, maxLtv, x)
  local paid = amounts.min(net, p.debt)
  local debt = p.debt - paid
  local free
  if reserve then
    free = amounts.scale(paid, amounts.SYNTHETIC_DECIMALS, x.decimals)
  elseif amounts.isZero(cap) then
    free = amounts.ZERO
  elseif amounts.isZero(debt) then
    free = p.collateral
  elseif not x.price then
    free = amounts.ZERO
  else
    local needed = health.collateralFor(debt, maxLtv, ONE, x)
    free = p.collateral > needed and p.collateral - needed or amounts.ZERO
  end
  local payout = amounts.payable(amounts.min(amounts.min(free, cap), p.collateral), x.decimals, x.native)
  return { paid = paid, surplus = net - paid, payout = payout, collateral = p.collateral - payout, debt = debt }
end

--- What one liquidation repays, seizes and leaves as bad debt, or the name of why there is none.
--- Part of the debt is repaid where that makes the position healthier, which is while C >= (1 + bonus) * D. Below that the position is
--- taken whole: all collateral for C / (1 + bonus), and the debt that is left is bad.
function health.liquidation(terms, p, maxRepay, x)
  if health.covers(p.collateral, p.debt, terms.liquidationThreshold, ONE, x) then return nil, "Healthy", {} end
  if not health.covers(p.collateral, p.debt, ONE, ONE + terms.bonus, x) then
    local whole = amounts.min(health.repayFor(p.collateral, terms.bonus, x), p.debt)
    if maxRepay < whole then return nil, "MustTakeWhole", { repay = amounts.text(whole) } end
    return { repaid = whole, seized = p.collateral, bad = p.debt - whole }
  end
  local deep = not health.covers(p.collateral, p.debt, terms.liquidationThreshold, health.DEEP, x)
  local repaid = amounts.min(health.closable(p.debt, terms.closeFactor, terms.dust, deep), maxRepay)
  if amounts.isZero(repaid) then return nil, "ZeroAmount", {} end
  local left = p.debt - repaid
  if repaid < p.debt and left < terms.dust then return nil, "BelowDust", { debt = amounts.text(left), dust = amounts.text(terms.dust) } end
  local seized = amounts.min(health.seizable(repaid, terms.bonus, x), p.collateral)
  return { repaid = repaid, seized = amounts.payable(seized, x.decimals, x.native), bad = amounts.ZERO }
end

return health
