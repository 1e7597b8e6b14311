--- Collateral that leaves: records that go from pending to paid, because the token is another process. And what is claimable because
--- it could not be delivered. Held is what the token has told this gateway of coming in and going out, in native units.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local ledger = require("tim3.ledger")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local words = require("tim3.words")

local payouts = {}

payouts.PENDING, payouts.PAID, payouts.FAILED = "pending", "paid", "failed"

--- Makes an amount that the gateway holds claimable.
function payouts.credit(asset, account, amount, cause)
  local of = store.child(store.state().claimables, account)
  store.set(of, asset, amounts.fit((of[asset] or amounts.ZERO) + amount))
  synthetics.count(asset, "claimable", amount)
  ledger.append(ledger.KIND.CLAIMABLE, account .. asset .. amounts.word(amount) .. cause)
end

-- In the token's own units.
local function quantity(payout)
  local asset = store.state().assets[payout.asset]
  return amounts.scale(payout.amount, asset.decimals, asset.native)
end

-- Asks the token to pay. The answer names the payout by its tags, or at least by the reference.
local function send(payout)
  local s = store.state()
  local asset = s.assets[payout.asset]
  store.send({
    Target = asset.token,
    Action = "Transfer",
    Recipient = accounts.id(payout.account),
    Quantity = amounts.text(quantity(payout)),
    ["X-Payout"] = words.hex(payout.id),
    ["X-Attempt"] = tostring(payout.attempt),
    ["X-Operation"] = words.hex(payout.cause),
  }, function(reference)
    s.references[asset.token .. ":" .. reference] = { payout = payout.id, attempt = payout.attempt }
  end)
end

--- Pays collateral, of which the amount is payable in native units. `cause` is the operation, or the zero word.
function payouts.pay(asset, account, amount, cause)
  if amounts.isZero(amount) then return nil end
  local s = store.state()
  local id = identity.payout(s.id, #s.payoutIds)
  local payout = { id = id, asset = asset, account = account, amount = amount, cause = cause, attempt = 1, status = payouts.PENDING, time = s.now }
  store.set(s.payouts, id, payout)
  store.append(s.payoutIds, id)
  synthetics.count(asset, "pending", amount)
  send(payout)
  return id
end

--- The order Resend: a payout again, under the next attempt, after its attesters saw that the token never got the last one.
function payouts.resend(id, attempt)
  local payout = store.state().payouts[id]
  failures.check(payout, "UnknownPayout", { payout = words.hex(id) })
  if payout.status ~= payouts.PENDING or attempt <= payout.attempt then failures.fail("AlreadyDone", { status = payout.status }) end
  failures.check(attempt == payout.attempt + 1, "WrongAttempt", { found = attempt, expected = payout.attempt + 1 })
  return payout
end

function payouts.again(payout)
  store.set(payout, "attempt", payout.attempt + 1)
  store.set(payout, "time", store.state().now)
  send(payout)
end

-- The payout that an answer of a token is about, and the attempt. Anybody can have a token answer somebody else (`Reply-To`) and with
-- tags of his choice, so what an answer says has to be checked against the record.
local function find(msg)
  local s = store.state()
  local id = words.bytes(msg.Tags["X-Payout"])
  local attempt = math.tointeger(tonumber(msg.Tags["X-Attempt"]))
  if not id then
    local known = s.references[msg.From .. ":" .. tostring(msg.Tags["X-Reference"])]
    if not known then return nil end
    id, attempt = known.payout, known.attempt
  end
  local payout = s.payouts[id]
  if not payout or s.assets[payout.asset].token ~= msg.From then return nil end
  return payout, attempt
end

local function leave(payout)
  local held = store.state().held
  store.set(held, payout.asset, held[payout.asset] - quantity(payout))
end

local function settle(payout, status)
  store.set(payout, "status", status)
  synthetics.count(payout.asset, "pending", -payout.amount)
end

--- A payout that was paid without the token's notice of it.
function payouts.paid(payout)
  leave(payout)
  settle(payout, payouts.PAID)
end

--- A payout that the token will not make: claimable.
function payouts.failed(payout)
  settle(payout, payouts.FAILED)
  payouts.credit(payout.asset, payout.account, payout.amount, payout.cause)
end

--- The token says that it has paid an account an amount. What is no payout of this gateway, it did not debit this gateway for.
function payouts.debited(msg)
  local payout = find(msg)
  if not payout then return end
  local same = msg.Tags.Recipient == accounts.id(payout.account) and msg.Tags.Quantity == amounts.text(quantity(payout))
  if not same then return end
  if payout.status == payouts.PENDING then return payouts.paid(payout) end
  -- Paid before, or made claimable: the account has it twice, and whoever watches must know.
  leave(payout)
  local over = store.state().overpaid
  store.set(over, payout.asset, (over[payout.asset] or amounts.ZERO) + payout.amount)
end

--- The token says that it refused the current attempt. That is a hint and no proof: anybody can have a token refuse him something and
--- say so to this gateway. Whoever watches compares it with the token's history.
function payouts.refused(msg)
  local payout, attempt = find(msg)
  if payout and payout.status == payouts.PENDING and attempt == payout.attempt then store.set(payout, "refusal", msg.Id) end
end

return payouts
