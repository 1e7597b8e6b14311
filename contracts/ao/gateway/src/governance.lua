--- What the admin sets. A call is a JSON object of texts whose `call` names one of the functions below; who may make it, and after what
--- delay, is the business of `admin`.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local deposits = require("tim3.deposits")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local ledger = require("tim3.ledger")
local outgoing = require("tim3.outgoing")
local prices = require("tim3.prices")
local store = require("tim3.store")
local windows = require("tim3.windows")
local words = require("tim3.words")

local governance = {}

-- What a LimitsSet event is about.
local WINDOW, ROUTE, MARKET, ASSET = 1, 2, 3, 4
local MAX_DECIMALS, MAX_SIGNERS, MAX_BPS = 27, 32, 10000
local SYNTHETIC, COLLATERAL = 1, 2

local function limits(what, subject, peer, values)
  local hash = words.keccak(table.concat(values))
  ledger.append(ledger.KIND.LIMITS_SET, words.integer(what) .. subject .. (peer or words.ZERO) .. hash)
end

--- An asset by its symbol or its word.
function governance.asset(text, kind)
  local s = store.state()
  local id = type(text) == "string" and (s.symbols[text] or words.bytes(text))
  local known = id and s.assets[id]
  failures.check(known and (not kind or known.kind == kind), "UnknownAsset", { found = tostring(text) })
  return id, known
end

local function flag(text, what)
  failures.check(text == "true" or text == "false", "InvalidFlag", { field = what, found = tostring(text) })
  return text == "true"
end

-- -------------------------------------------------------------------------------------------------------------------- assets

local function add(symbol, asset)
  local s = store.state()
  local well = type(symbol) == "string" and #symbol >= 1 and #symbol <= 12 and symbol:match("^[A-Z0-9]+$")
  failures.check(well, "InvalidSymbol", { found = tostring(symbol) })
  local id = identity.asset(symbol)
  failures.check(not s.assets[id], "AlreadyRegistered", { id = symbol })
  asset.symbol, asset.level, asset.frozenUntil = symbol, 0, 0
  store.set(s.assets, id, asset)
  store.set(s.symbols, symbol, id)
  store.append(s.assetIds, id)
  limits(ASSET, id, nil, {
    words.integer(asset.kind), asset.kind == SYNTHETIC and s.self or accounts.word(asset.token), words.integer(asset.decimals),
    words.integer(asset.native), amounts.word(asset.target),
  })
  return { asset = words.hex(id) }
end

--- `target` is the price of one whole synthetic, 18 decimals. The token is this process.
function governance.AddSynthetic(call)
  local target = amounts.parse(call.target, "target")
  failures.check(not amounts.isZero(target), "ZeroAmount", { field = "target" })
  local decimals = amounts.SYNTHETIC_DECIMALS
  return add(call.symbol, {
    kind = SYNTHETIC, decimals = decimals, native = decimals, target = target, balances = {}, supply = amounts.ZERO,
    name = tostring(call.name or call.symbol), logo = call.logo,
  })
end

--- `token` is the process of the collateral, `nativeDecimals` its own denomination, `decimals` the canonical ones.
function governance.AddCollateral(call)
  local s = store.state()
  local token = accounts.parse(call.token, "token")
  accounts.local_(token, s.self)
  local id = accounts.id(token)
  -- Two assets over one token would count its balance twice.
  failures.check(not s.tokens[id], "AlreadyRegistered", { id = id })
  local result = add(call.symbol, {
    kind = COLLATERAL, token = id, decimals = amounts.parseInteger(call.decimals, "decimals", MAX_DECIMALS),
    native = amounts.parseInteger(call.nativeDecimals, "nativeDecimals", MAX_DECIMALS), target = amounts.ZERO,
  })
  local asset = words.bytes(result.asset)
  store.set(s.tokens, id, asset)
  store.set(s.held, asset, amounts.ZERO)
  return result
end

--- One or two sources of prices for a feed, each with the age in seconds above which its word is stale.
function governance.AddOracle(call)
  failures.check(type(call.feed) == "string" and #call.feed >= 1 and #call.feed <= 64, "InvalidFeed", { found = tostring(call.feed) })
  local given, sources = { { call.primary, call.primaryMaxAge } }, {}
  if call.secondary then given[2] = { call.secondary, call.secondaryMaxAge } end
  for i, source in ipairs(given) do
    local account = accounts.local_(accounts.parse(source[1], "source"), store.state().self)
    sources[i] = { account = account, maxAge = amounts.parseInteger(source[2], "maxAge") }
    failures.check(sources[i].maxAge > 0, "InvalidInteger", { field = "maxAge" })
  end
  failures.check(not sources[2] or sources[1].account ~= sources[2].account, "InvalidAccount", { found = "one source twice" })
  return { oracle = words.hex(prices.register(identity.oracle, call.feed, sources)) }
end

-- -------------------------------------------------------------------------------------------------------------------- limits

-- Max LTV below the threshold, and a threshold that leaves room for the bonus: otherwise liquidation makes bad debt.
local function sane(t, vault)
  if vault then
    return t.oracle ~= words.ZERO and t.maxLtv ~= 0 and t.maxLtv < t.liquidationThreshold
      and t.liquidationThreshold * (MAX_BPS + t.bonus) <= MAX_BPS * MAX_BPS and t.closeFactor ~= 0 and t.depeg == 0
  end
  return t.maxLtv == 0 and t.liquidationThreshold == 0 and t.bonus == 0 and t.closeFactor == 0 and t.depeg < MAX_BPS
    and (t.depeg == 0 or t.oracle ~= words.ZERO)
end

function governance.SetMarket(call)
  local s = store.state()
  local synthetic, collateral = governance.asset(call.synthetic, SYNTHETIC), governance.asset(call.collateral, COLLATERAL)
  local kind = amounts.parseInteger(call.kind, "kind", 1)
  local function bps(name) return amounts.parseInteger(call[name] or "0", name, MAX_BPS) end
  local terms = {
    oracle = call.oracle and words.parse(call.oracle, "oracle") or words.ZERO, maxLtv = bps("maxLtv"),
    liquidationThreshold = bps("liquidationThreshold"), bonus = bps("bonus"), closeFactor = bps("closeFactor"), depeg = bps("depeg"),
    ceiling = amounts.parse(call.ceiling, "ceiling"), dust = amounts.parse(call.dust or "0", "dust"),
  }
  failures.check(terms.oracle == words.ZERO or s.oracles[terms.oracle], "UnknownOracle", { oracle = words.hex(terms.oracle) })
  failures.check(sane(terms, kind == 1), "InvalidTerms")
  local id = identity.market(s.id, synthetic, collateral, kind)
  if not s.markets[id] then
    local zero = amounts.ZERO
    store.set(s.markets, id, { synthetic = synthetic, collateral = collateral, kind = kind, totalCollateral = zero, totalDebt = zero })
    store.append(s.marketIds, id)
    store.set(store.child(s.backed, collateral), synthetic, true)
  end
  store.set(s.markets[id], "terms", terms)
  limits(MARKET, id, nil, {
    terms.oracle, words.integer(terms.maxLtv), words.integer(terms.liquidationThreshold), words.integer(terms.bonus),
    words.integer(terms.closeFactor), words.integer(terms.depeg), amounts.word(terms.ceiling), amounts.word(terms.dust),
  })
  return { market = words.hex(id) }
end

function governance.SetWindow(call)
  local asset = governance.asset(call.asset, SYNTHETIC)
  local kind = amounts.parseInteger(call.kind, "kind", windows.RELEASE)
  local limit, period = amounts.parse(call.limit, "limit"), amounts.parseInteger(call.period, "period")
  failures.check(kind >= windows.MINT and period > 0 and not amounts.isZero(limit), "InvalidWindow")
  windows.configure(asset, kind, limit, period)
  limits(WINDOW, asset, nil, { words.integer(kind), amounts.word(limit), words.integer(period) })
end

function governance.SetRoute(call)
  local s, asset, peer = store.state(), governance.asset(call.asset, SYNTHETIC), words.parse(call.peer, "peer")
  failures.check(peer ~= words.ZERO and peer ~= s.id, "WrongGateway", { gateway = words.hex(peer) })
  local route = {
    enabled = flag(call.enabled, "enabled"), min = amounts.parse(call.min, "min"), max = amounts.parse(call.max, "max"),
    flatFee = amounts.parse(call.flatFee or "0", "flatFee"), feeBps = amounts.parseInteger(call.feeBps or "0", "feeBps", MAX_BPS - 1),
    evm = flag(call.evm, "evm"),
  }
  failures.check(not amounts.isZero(route.min) and route.min <= route.max, "InvalidRoute")
  store.set(store.child(s.routes, asset), peer, route)
  limits(ROUTE, asset, peer, {
    words.boolean(route.enabled), amounts.word(route.min), amounts.word(route.max), amounts.word(route.flatFee),
    words.integer(route.feeBps), words.boolean(route.evm),
  })
end

-- -------------------------------------------------------------------------------------- what only the token's history tells

-- Which push of the token: the message it was pushed for, and its Reference.
local function push(call)
  local well = accounts.word(call.cause) and type(call.reference) == "string" and call.reference:match("^%d+$")
  failures.check(well, "InvalidNotice", { cause = tostring(call.cause), reference = tostring(call.reference) })
  return call.cause, call.reference
end

--- A Credit-Notice that the messenger lost, as the token's history has it: what was deposited becomes claimable by its sender.
function governance.RecordDeposit(call)
  local asset = governance.asset(call.asset, COLLATERAL)
  local sender, quantity = accounts.parse(call.sender, "sender"), amounts.parse(call.quantity, "quantity")
  return { claimable = amounts.text(deposits.record(asset, sender, quantity, push(call))) }
end

--- Collateral that came from what is no account (an Ethereum wallet's address, say), or below canonical units: claimable by an account.
function governance.Attribute(call)
  local asset = governance.asset(call.asset, COLLATERAL)
  local account = accounts.local_(accounts.parse(call.account, "account"), store.state().self)
  return { claimable = amounts.text(deposits.attribute(asset, account, amounts.parse(call.quantity, "quantity"))) }
end

--- A Debit-Notice that the messenger lost: the payout was paid.
function governance.RecordDebit(call)
  deposits.recordDebit(words.parse(call.payout, "payout"), push(call))
end

--- A payout that the token refuses, as its history has it: claimable.
function governance.RecordRefusal(call)
  deposits.recordRefusal(words.parse(call.payout, "payout"))
end

-- ----------------------------------------------------------------------------------------------------- attesters, treasury, roles

--- Starts a new epoch: votes of an earlier one no longer count. Signers are wallets, ascending by their words.
function governance.SetAttesters(call)
  local s, list, set = store.state(), {}, {}
  failures.check(type(call.signers) == "table" and #call.signers <= MAX_SIGNERS, "InvalidSigners")
  for i, text in ipairs(call.signers) do
    list[i] = accounts.local_(accounts.parse(text, "signers"), s.self)
    failures.check(i == 1 or list[i - 1] < list[i], "UnorderedSigners", { index = i - 1 })
    set[list[i]] = true
  end
  local threshold = amounts.parseInteger(call.threshold, "threshold", #list)
  failures.check(threshold > 0, "InvalidInteger", { field = "threshold" })
  store.set(s, "epoch", s.epoch + 1)
  store.set(s, "threshold", threshold)
  store.set(s, "signers", list)
  store.set(s, "signerSet", set)
  store.set(s, "votes", {})
  ledger.append(ledger.KIND.ATTESTERS_SET, table.concat({
    words.integer(s.epoch), words.integer(threshold), words.integer(#list), words.keccak(table.concat(list)),
  }))
  return { epoch = tostring(s.epoch) }
end

local function account(call)
  return accounts.local_(accounts.parse(call.account, "account"), store.state().self)
end

function governance.SetTreasury(call)
  local treasury = account(call)
  store.set(store.state(), "treasury", treasury)
  ledger.append(ledger.KIND.TREASURY_SET, treasury)
end

function governance.SetGuardian(call)
  store.set(store.state(), "guardian", account(call))
end

--- The new admin still has to accept.
function governance.TransferAdmin(call)
  store.set(store.state(), "pendingAdmin", account(call))
end

--- Fixes the last final state of a dead gateway, or retires this one in the state it is in.
function governance.Tombstone(call)
  local s, gateway = store.state(), words.parse(call.peer, "peer")
  failures.check(gateway ~= words.ZERO, "WrongGateway", { gateway = call.peer })
  local count, hash = amounts.parseInteger(call.finalCount or "0", "finalCount"), words.parse(call.finalHash or words.hex(words.ZERO), "finalHash")
  if gateway == s.id then
    failures.check(count == 0 and hash == words.ZERO, "InvalidTombstone")
    count, hash = ledger.next(), s.hash
    store.set(s, "retired", true)
  end
  local peer = outgoing.peer(gateway)
  failures.check(not peer.tombstoned, "AlreadyRegistered", { id = words.hex(gateway) })
  store.set(peer, "tombstoned", true)
  store.set(peer, "finalCount", count)
  store.set(peer, "finalHash", hash)
  ledger.append(ledger.KIND.TOMBSTONED, gateway .. words.integer(count) .. hash)
end

return governance
