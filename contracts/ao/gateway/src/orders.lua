--- Orders of the attesters, one at a time: `check` refuses what somebody was faster with or what can never be, `apply` does all of an
--- order or fails with the reason. What needs no vote to be known is looked at before any vote.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local book = require("tim3.book")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local ledger = require("tim3.ledger")
local mirrors = require("tim3.mirrors")
local pauses = require("tim3.pauses")
local payouts = require("tim3.payouts")
local positions = require("tim3.positions")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local windows = require("tim3.windows")
local words = require("tim3.words")

local orders = {}

local ACTION, KIND = identity.ACTION, identity.KIND

-- Outcomes of an operation at its destination.
orders.NONE, orders.DONE, orders.VOID = 0, 1, 2

function orders.slot(origin, nonce)
  return (store.state().slots[origin] or {})[nonce] or orders.NONE
end

function orders.refunded(destination, nonce)
  return (store.state().refunds[destination] or {})[nonce] == true
end

-- --------------------------------------------------------------------------------------------------------------------- checks

-- The operation is for this gateway, and its slot is free. Slots are kept by the word of the nonce: it may be any 64-bit number.
local function checkDestination(op, outcome)
  local id = store.state().id
  failures.check(op.destination == id, "WrongGateway", { gateway = words.hex(op.destination) })
  failures.check(op.origin ~= id and op.origin ~= words.ZERO, "WrongGateway", { gateway = words.hex(op.origin) })
  local slot = orders.slot(op.origin, op.nonce)
  failures.check(slot ~= outcome, "AlreadyDone")
  failures.check(slot == orders.NONE, "SlotTaken", { outcome = slot })
end

-- The operation is one that this gateway made, word for word, and it was not refunded.
local function checkOrigin(op, operationId)
  local s = store.state()
  failures.check(op.origin == s.id, "WrongGateway", { gateway = words.hex(op.origin) })
  local stored = (s.outgoing[op.destination] or {})[words.tointeger(op.nonce)]
  failures.check(stored == operationId, "UnknownOperation", { stored = words.hex(stored or words.ZERO) })
  failures.check(not orders.refunded(op.destination, op.nonce), "AlreadyDone")
  pauses.check(op.asset, pauses.NO_SUPPLY)
end

local KINDS = {
  [ACTION.MINT] = { [KIND.MINT] = true, [KIND.TRANSFER] = true },
  [ACTION.RELEASE] = { [KIND.REDEEM] = true },
}

--- An order as it came, with its content hash where it has one.
function orders.make(action, content)
  local length = identity.CONTENT_WORDS[action]
  local well = length and #content == length * 32
  return { action = action, content = content, hash = well and identity.content(action, content) or nil }
end

--- Everything about an order that needs no vote. Gives what `apply` wants.
function orders.check(given)
  local action, content = given.action, given.content
  failures.check(not store.state().retired, "Retired")
  failures.check(identity.CONTENT_WORDS[action], "UnknownAction", { action = action })
  failures.check(given.hash, "MalformedContent", { bytes = #content, expected = identity.CONTENT_WORDS[action] * 32 })
  local order = { action = action, content = content }
  if action == ACTION.MIRROR then
    order.mirror = mirrors.check(content)
    return order
  elseif action == ACTION.RESEND then
    order.payout = payouts.resend(content:sub(1, 32), words.tointeger(content:sub(33)))
    return order
  end
  local op = identity.decode(content)
  order.op, order.operation = op, given.hash
  if action == ACTION.CONFLICT then order.operation = identity.operation(content:sub(1, 14 * 32)) end
  local kind = words.tointeger(op.kind)
  failures.check(kind >= KIND.MINT and kind <= KIND.TRANSFER, "WrongKind", { kind = kind })
  if action == ACTION.REFUND or action == ACTION.CONFLICT then
    checkOrigin(op, order.operation)
    return order
  end
  checkDestination(op, action == ACTION.VOID and orders.VOID or orders.DONE)
  failures.check(not KINDS[action] or KINDS[action][kind], "WrongKind", { kind = kind })
  return order
end

-- ------------------------------------------------------------------------------------------------------------- at the destination

local function gross(op)
  local amount, fee = amounts.fromWord(op.amount), amounts.fromWord(op.fee)
  failures.check(fee < amount, "FeeTooHigh", { fee = amounts.text(fee), amount = amounts.text(amount) })
  return amount, fee
end

local function settle(op, outcome, counter)
  store.set(store.child(store.state().slots, op.origin), op.nonce, outcome)
  synthetics.countPeer(op.asset, op.origin, counter, amounts.fromWord(op.amount))
end

local function mint(order)
  local op, s = order.op, store.state()
  local amount, fee = gross(op)
  pauses.check(op.asset, pauses.NO_RISK)
  accounts.local_(op.recipient, s.self)
  windows.take(op.asset, windows.MINT, amount)
  settle(op, orders.DONE, "settled")
  local paid = amount - fee
  ledger.append(ledger.KIND.MINTED, table.concat({
    order.operation, op.origin, op.nonce, op.asset, op.amount, op.fee, amounts.word(paid), words.ZERO, op.recipient,
  }))
  synthetics.mint(op.asset, op.recipient, paid, { Operation = words.hex(order.operation) })
  synthetics.mint(op.asset, s.treasury, fee)
end

local function release(order)
  local op = order.op
  local amount, fee = gross(op)
  settle(op, orders.DONE, "settled")
  book.release({
    operation = order.operation, peer = op.origin, nonce = op.nonce, asset = op.asset, market = op.market, owner = op.owner,
    recipient = op.recipient, amount = amount, fee = fee, actor = op.actor, wanted = amounts.fromWord(op.wanted),
  })
end

-- Needs nothing of the operation to be known here, so that whatever cannot be delivered can be voided, at every level.
local function void(order)
  local op, zero = order.op, words.ZERO
  settle(op, orders.VOID, "voided")
  ledger.append(ledger.KIND.VOIDED, table.concat({ order.operation, op.origin, op.nonce, op.asset, op.amount, zero, zero, zero, op.kind }))
end

-- ------------------------------------------------------------------------------------------------------------------ at the origin

-- Gross, and outside the windows: it gives back what this gateway itself took.
local function refund(order)
  local op, s = order.op, store.state()
  local amount = amounts.fromWord(op.amount)
  store.set(store.child(s.refunds, op.destination), op.nonce, true)
  synthetics.countPeer(op.asset, op.destination, "refunded", amount)
  local undone
  if words.tointeger(op.kind) == KIND.MINT then
    undone = book.undo(op.market, op.owner, amount, amounts.fromWord(op.wanted))
  else
    undone = { paid = amounts.ZERO, surplus = amount, payout = amounts.ZERO, position = words.ZERO:rep(4) }
  end
  ledger.append(ledger.KIND.REFUNDED, table.concat({
    order.operation, op.destination, op.nonce, op.asset, op.amount, words.ZERO, amounts.word(undone.paid), amounts.word(undone.surplus),
    amounts.word(undone.payout), op.refundTo, undone.position,
  }))
  synthetics.mint(op.asset, op.refundTo, undone.surplus, { Operation = words.hex(order.operation) })
  if not amounts.isZero(undone.payout) then
    payouts.pay(s.markets[op.market].collateral, op.refundTo, undone.payout, order.operation)
  end
end

-- What an operation that no longer exists has minted at the destination: counted as sent, and as bad debt of a market.
local function conflict(order)
  refund(order)
  local op, content = order.op, order.content
  local orphan, market = content:sub(14 * 32 + 1, 15 * 32), content:sub(15 * 32 + 1, 16 * 32)
  local amount = amounts.fromWord(content:sub(16 * 32 + 1))
  local well = orphan ~= words.ZERO and orphan ~= order.operation and market ~= words.ZERO and not amounts.isZero(amount)
  failures.check(well, "MalformedContent", { field = "orphan, market or orphanAmount" })
  positions.addBadDebt(market, op.asset, amount)
  synthetics.countPeer(op.asset, op.destination, "sent", amount)
  ledger.append(ledger.KIND.BAD_DEBT, market .. op.asset .. amounts.word(amount) .. orphan)
end

local APPLY = {
  [ACTION.MINT] = mint, [ACTION.RELEASE] = release, [ACTION.VOID] = void, [ACTION.REFUND] = refund, [ACTION.CONFLICT] = conflict,
  [ACTION.MIRROR] = function(order) mirrors.apply(order.mirror) end,
  [ACTION.RESEND] = function(order) payouts.again(order.payout) end,
}

--- Does what a checked order says. It has the votes.
function orders.apply(order)
  APPLY[order.action](order)
end

return orders
