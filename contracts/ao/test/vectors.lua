-- Compares one section of contracts/vectors.json with what the gateway's own modules make of it.
local amounts, health, identity = require("tim3.amounts"), require("tim3.health"), require("tim3.identity")
local ledger, windows, words = require("tim3.ledger"), require("tim3.windows"), require("tim3.words")

local bytes, hex, text = words.bytes, words.hex, amounts.text
local function n(value) return amounts.of(tostring(value)) end
local function optional(value) return value ~= "" and n(value) or nil end
local function small(value) return math.tointeger(tonumber(value)) end

local sections = {}

function sections.gateways(v)
  local id = identity.gateway(v.caip2, bytes(v.account), bytes(v.salt))
  return { id = hex(id), domainSeparator = hex(identity.domain(id)) }
end

function sections.assets(v) return { id = hex(identity.asset(v.symbol)) } end

function sections.markets(v)
  return { id = hex(identity.market(bytes(v.home), bytes(v.synthetic), bytes(v.collateral), v.kind)) }
end

function sections.operations(v)
  local list = {}
  for i, word in ipairs(v.words) do list[i] = bytes(word) end
  local content = table.concat(list)
  local op = identity.decode(content)
  assert(identity.encode(op) == content)
  return {
    id = hex(identity.operation(content)), nonce = text(amounts.fromWord(op.nonce)), amount = text(amounts.fromWord(op.amount)),
    fee = text(amounts.fromWord(op.fee)), wanted = text(amounts.fromWord(op.wanted)), recipient = hex(op.recipient), actor = hex(op.actor),
  }
end

function sections.events(v)
  return { after = hex(ledger.fold(bytes(v.before), small(v.sequence), v.kind, small(v.timestamp), bytes(v.body))) }
end

function sections.orders(v)
  local content = bytes(v.words)
  assert(#content == identity.CONTENT_WORDS[v.action] * 32)
  local hash = identity.content(v.action, content)
  local digest = identity.digest(identity.domain(bytes(v.gateway)), v.action, amounts.word(n(v.epoch)), hash)
  return { content = hex(hash), digest = hex(digest) }
end

-- No fee in the vectors: there is none below the amount.
function sections.fees(v)
  local fee = amounts.routeFee(n(v.amount), n(v.flat), v.bps)
  return { fee = fee < n(v.amount) and text(fee) or "" }
end

function sections.scales(v) return { down = text(amounts.scale(n(v.amount), v.from, v.to)) } end

function sections.windows(v)
  local window = { limit = n(v.limit), period = small(v.period), available = n(v.available), updated = small(v.updated) }
  return { availableAt = text(windows.available(window, small(v.now))) }
end

function sections.loans(v)
  local x = { price = n(v.price), target = n(v.target), decimals = v.decimals }
  -- The vectors saturate.
  local least = amounts.min(health.collateralFor(n(v.debt), v.maxLtv, 10000, x), amounts.MAX)
  return { covered = health.covers(n(v.collateral), n(v.debt), v.maxLtv, 10000, x), least = text(least) }
end

function sections.releases(v)
  local reserve, refund = v.kind == 0, v.action == 4
  local x = { price = optional(v.price), target = n(v.target), decimals = v.decimals, native = v.nativeDecimals }
  local cap = n(v.wanted)
  if not refund then cap = reserve and amounts.MAX or v.controller and cap or amounts.ZERO end
  local net = refund and n(v.amount) or n(v.amount) - n(v.fee)
  local u = health.undo(reserve, { collateral = n(v.collateral), debt = n(v.debt) }, net, cap, v.maxLtv, x)
  return {
    paid = text(u.paid), surplus = text(u.surplus), payout = text(u.payout), collateralAfter = text(u.collateral), debtAfter = text(u.debt),
  }
end

function sections.liquidations(v)
  local x = { price = n(v.price), target = n(v.target), decimals = v.decimals, native = v.nativeDecimals }
  local terms = { liquidationThreshold = v.threshold, bonus = v.bonus, closeFactor = v.closeFactor, dust = n(v.dust) }
  local done, refused = health.liquidation(terms, { collateral = n(v.collateral), debt = n(v.debt) }, n(v.maxRepay), x)
  if not done then return { refused = refused } end
  return { refused = "", repaid = text(done.repaid), seized = text(done.seized), badDebt = text(done.bad) }
end

function check(section, list)
  local wrong = {}
  for i, vector in ipairs(list) do
    for name, value in pairs(sections[section](vector)) do
      if value ~= vector[name] then wrong[#wrong + 1] = ("%d: %s is %s, not %s"):format(i - 1, name, tostring(value), tostring(vector[name])) end
    end
  end
  return #wrong == 0 and #list .. " right" or table.concat(wrong, "\n")
end
