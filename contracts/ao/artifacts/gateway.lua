-- Made by build.mjs of src/*.lua.
package.loaded["tim3.accounts"] = nil
package.preload["tim3.accounts"] = function()
local failures = require("tim3.failures")
local words = require("tim3.words")

local accounts = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local VALUES = {}
for i = 1, 64 do VALUES[ALPHABET:byte(i)] = i - 1 end
function accounts.word(id)
  if type(id) ~= "string" or #id ~= 43 or not id:match("^[%w_-]+$") then return nil end
  local bytes, bits, held = {}, 0, 0
  for i = 1, 43 do
    held, bits = held << 6 | VALUES[id:byte(i)], bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(held >> bits)
      held = held & ((1 << bits) - 1)
    end
  end
  if held ~= 0 then return nil end
  return table.concat(bytes)
end
function accounts.id(word)
  local characters, bits, held = {}, 0, 0
  for i = 1, 32 do
    held, bits = held << 8 | word:byte(i), bits + 8
    while bits >= 6 do
      bits = bits - 6
      local at = (held >> bits) + 1
      characters[#characters + 1] = ALPHABET:sub(at, at)
      held = held & ((1 << bits) - 1)
    end
  end
  local at = (held << (6 - bits)) + 1
  return table.concat(characters) .. ALPHABET:sub(at, at)
end
function accounts.parse(text, what)
  local word = accounts.word(text)
  if not word then
    word = words.bytes(text)
    failures.check(word and #word == 32, "InvalidAccount", { field = what, found = tostring(text) })
  end
  return word
end
function accounts.local_(word, self)
  failures.check(word ~= words.ZERO and word ~= self, "InvalidAccount", { found = words.hex(word) })
  return word
end
function accounts.remote(word, evm)
  local valid = word ~= words.ZERO and (not evm or word:sub(1, 12) == ("\0"):rep(12))
  failures.check(valid, "InvalidAccount", { found = words.hex(word) })
  return word
end

return accounts
end

package.loaded["tim3.admin"] = nil
package.preload["tim3.admin"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local identity = require("tim3.identity")
local json = require("json")
local ledger = require("tim3.ledger")
local pauses = require("tim3.pauses")
local store = require("tim3.store")
local words = require("tim3.words")

local admin = {}
admin.CHANGE_LIFETIME = 14 * 24 * 3600

local function isAdmin(actor)
  return actor == store.state().admin
end

local function onlyAdmin(actor)
  failures.check(isAdmin(actor), "NotAdmin")
end

local function parse(data)
  local ok, call = pcall(json.decode, data)
  failures.check(ok and type(call) == "table" and governance[call.call] and call.call:match("^%u"), "UnknownCall", {
    found = ok and type(call) == "table" and tostring(call.call) or "no JSON object",
  })
  return call
end

local function make(call)
  return governance[call.call](call) or {}
end
function admin.initialize(msg)
  local s = store.state()
  failures.check(not s.id, "AlreadyActive")
  failures.check(msg.From == Owner, "NotOwner")
  local ok, given = pcall(json.decode, msg.Data)
  failures.check(ok and type(given) == "table", "UnknownCall", { found = "no JSON object" })
  local chain = given.chain
  failures.check(type(chain) == "string" and chain:match("^[a-z0-9-]+:[%w_-]+$") and #chain <= 41, "InvalidChain", { found = tostring(chain) })
  local self, salt = accounts.word(ao.id), words.parse(given.salt, "salt")
  failures.check(self and salt ~= words.ZERO, "InvalidWord", { field = "salt" })
  local head, guard = accounts.local_(accounts.parse(given.admin, "admin"), self), accounts.local_(accounts.parse(given.guardian, "guardian"), self)
  local delay = amounts.parseInteger(given.delay, "delay")
  failures.check(delay > 0 and delay < pauses.FREEZE_SECONDS, "InvalidInteger", { field = "delay", found = tostring(delay) })
  local id = identity.gateway(chain, self, salt)
  for name, value in pairs({
    self = self, chain = chain, salt = salt, id = id, domain = identity.domain(id), admin = head, guardian = guard, delay = delay,
    hash = id, checkpoints = { { count = 0, hash = id, nonce = s.at.nonce, message = s.at.message } },
  }) do store.set(s, name, value) end
  return { gateway = words.hex(id) }
end
function admin.configure(actor, msg)
  onlyAdmin(actor)
  failures.check(not store.state().active, "AlreadyActive")
  return make(parse(msg.Data))
end
function admin.activate(actor)
  local s = store.state()
  onlyAdmin(actor)
  failures.check(not s.active, "AlreadyActive")
  failures.check(s.threshold > 0 and s.treasury, "NotReady")
  store.set(s, "active", true)
  return {}
end
function admin.schedule(actor, msg)
  local s = store.state()
  onlyAdmin(actor)
  parse(msg.Data)
  failures.check(not s.scheduled[msg.Data], "AlreadyRegistered")
  local ready = s.now + s.delay
  store.set(s.scheduled, msg.Data, ready)
  return { ready = tostring(ready) }
end

function admin.apply(actor, msg)
  local s = store.state()
  onlyAdmin(actor)
  local ready = s.scheduled[msg.Data]
  failures.check(ready, "NotScheduled")
  failures.check(s.now >= ready, "TooEarly", { ready = tostring(ready) })
  failures.check(s.now <= ready + admin.CHANGE_LIFETIME, "Expired", { deadline = tostring(ready + admin.CHANGE_LIFETIME) })
  store.set(s.scheduled, msg.Data, nil)
  return make(parse(msg.Data))
end
function admin.cancel(actor, msg)
  local s = store.state()
  failures.check(s.scheduled[msg.Data], "NotScheduled")
  local guarded = actor == s.guardian and parse(msg.Data).call ~= "SetGuardian"
  failures.check(isAdmin(actor) or guarded, "NotGuardian")
  store.set(s.scheduled, msg.Data, nil)
  return {}
end

function admin.accept(actor)
  local s = store.state()
  failures.check(s.pendingAdmin and actor == s.pendingAdmin, "NotAdmin")
  store.set(s, "admin", actor)
  store.set(s, "pendingAdmin", nil)
  return {}
end
function admin.pause(actor, msg)
  local s = store.state()
  local id, asset = governance.asset(msg.Tags.Asset, 1)
  local level = amounts.parseInteger(msg.Tags.Level, "Level", pauses.FROZEN)
  local raises = actor == s.guardian and level > pauses.level(asset)
  failures.check(isAdmin(actor) or raises, "NotGuardian")
  store.set(asset, "level", level)
  store.set(asset, "frozenUntil", level == pauses.FROZEN and s.now + pauses.FREEZE_SECONDS or 0)
  local sequence = ledger.append(ledger.KIND.PAUSE_SET, id .. words.integer(level) .. actor)
  return { sequence = tostring(sequence), level = tostring(level) }
end
function admin.renounce(msg)
  failures.check(msg.From == Owner, "NotOwner")
  store.set(_G, "Owner", "renounced")
  return { owner = "renounced" }
end

return admin
end

package.loaded["tim3.amounts"] = nil
package.preload["tim3.amounts"] = function()
local failures = require("tim3.failures")
local words = require("tim3.words")
Tim3Integers = Tim3Integers or require(".bint")(512)
local bint = Tim3Integers

local amounts = {}

amounts.ZERO = bint(0)
amounts.BPS = bint(10000)
amounts.SYNTHETIC_DECIMALS = 6
local LIMIT = bint.frombe("\1" .. ("\0"):rep(16))

amounts.MAX = LIMIT - 1
local powers = {}
function amounts.of(value)
  return bint(value)
end
function amounts.parse(text, what)
  local well = type(text) == "string" and #text <= 39 and (text == "0" or text:match("^[1-9]%d*$"))
  local value = well and bint.fromstring(text)
  failures.check(value and value < LIMIT, "InvalidAmount", { field = what, found = tostring(text) })
  return value
end
function amounts.parseInteger(text, what, max)
  text = math.type(text) == "integer" and tostring(text) or text
  local well = type(text) == "string" and #text <= 15 and (text == "0" or text:match("^[1-9]%d*$"))
  local value = well and math.tointeger(tonumber(text))
  failures.check(value and value <= (max or value), "InvalidInteger", { field = what, found = tostring(text), max = max })
  return value
end

function amounts.text(value)
  return tostring(value)
end
function amounts.fit(value)
  failures.check(value < LIMIT and not bint.isneg(value), "AmountOverflow", { found = tostring(value) })
  return value
end

function amounts.word(value)
  return bint.tobe(amounts.fit(value)):sub(-32)
end
function amounts.fromWord(word)
  failures.check(words.fits(word, 128), "MalformedContent", { word = words.hex(word) })
  return bint.frombe(word)
end

function amounts.min(a, b)
  return a < b and a or b
end
function amounts.floor(a, b)
  return (bint.udivmod(a, b))
end

function amounts.ceil(a, b)
  local quotient, rest = bint.udivmod(a, b)
  return bint.iszero(rest) and quotient or quotient + 1
end

function amounts.isZero(value)
  return bint.iszero(value)
end

function amounts.power(exponent)
  if not powers[exponent] then powers[exponent] = bint.ipow(bint(10), bint(exponent)) end
  return powers[exponent]
end
function amounts.scale(value, from, to)
  if to >= from then return value * amounts.power(to - from) end
  return amounts.floor(value, amounts.power(from - to))
end
function amounts.payable(value, decimals, native)
  return amounts.scale(amounts.scale(value, decimals, native), native, decimals)
end
function amounts.routeFee(value, flat, bps)
  return flat + amounts.floor(value * bint(bps), amounts.BPS)
end

return amounts
end

package.loaded["tim3.attesters"] = nil
package.preload["tim3.attesters"] = function()
local accounts = require("tim3.accounts")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local json = require("json")
local orders = require("tim3.orders")
local store = require("tim3.store")
local words = require("tim3.words")

local attesters = {}

attesters.DONE, attesters.ALREADY_DONE, attesters.DELAYED, attesters.REJECTED, attesters.RECORDED = 0, 1, 2, 3, 4
local MAX_ORDERS = 100
local CODES = { AlreadyDone = attesters.ALREADY_DONE, WindowFull = attesters.DELAYED, TooFewVotes = attesters.RECORDED }
function attesters.parse(data)
  local ok, list = pcall(json.decode, data)
  failures.check(ok and type(list) == "table", "MalformedOrders", { found = "no JSON array" })
  failures.check(#list > 0 and #list <= MAX_ORDERS, "MalformedOrders", { orders = #list, max = MAX_ORDERS })
  local parsed = {}
  for i, order in ipairs(list) do
    local content = type(order) == "table" and words.bytes(order.content)
    local action = content and math.tointeger(tonumber(order.action))
    failures.check(action, "MalformedOrders", { index = i - 1 })
    parsed[i] = orders.make(action, content)
  end
  return parsed
end

local function digest(order)
  local s = store.state()
  return identity.digest(s.domain, order.action, words.integer(s.epoch), order.hash)
end
function attesters.count(key)
  local votes = store.state().votes[key]
  return votes and votes.count or 0
end

local function vote(key, voter)
  local votes = store.child(store.state().votes, key)
  if votes[voter] then return end
  store.set(votes, voter, true)
  store.set(votes, "count", (votes.count or 0) + 1)
end
local function run(order, voter, enough)
  local checked = orders.check(order)
  local key = digest(order)
  if voter then vote(key, voter) end
  local count = attesters.count(key)
  if not enough(count) then return { code = attesters.RECORDED, votes = count } end
  local done, name, detail = store.atomically(orders.apply, checked)
  if not done then return { code = CODES[name] or attesters.REJECTED, reason = name, detail = detail, votes = count } end
  store.set(store.state().votes, key, nil)
  return { code = attesters.DONE, votes = count }
end

local function all(list, voter, enough)
  local results = {}
  for i, order in ipairs(list) do
    local ok, result, detail = store.atomically(run, order, voter, enough)
    if not ok then result = { code = CODES[result] or attesters.REJECTED, reason = result, detail = detail } end
    results[i] = {
      action = tostring(order.action), content = order.hash and words.hex(order.hash) or nil,
      code = tostring(result.code), reason = result.reason, detail = result.detail, votes = result.votes and tostring(result.votes),
    }
  end
  return results
end

local function answer(results)
  local s = store.state()
  return { epoch = tostring(s.epoch), threshold = tostring(s.threshold), orders = results }
end

local function byThreshold(count)
  return count >= store.state().threshold
end

local function never()
  return false
end
function attesters.attest(msg)
  local s = store.state()
  local voter = accounts.word(msg.From)
  failures.check(voter and s.signerSet[voter], "NotAttester")
  failures.check(msg.Tags.Epoch == tostring(s.epoch), "WrongEpoch", { found = tostring(msg.Tags.Epoch), current = tostring(s.epoch) })
  return answer(all(attesters.parse(msg.Data), voter, msg.Tags.Execute == "false" and never or byThreshold))
end
function attesters.execute(msg)
  local results = all(attesters.parse(msg.Data), nil, byThreshold)
  for _, result in ipairs(results) do
    if result.code == tostring(attesters.RECORDED) then
      result.code, result.reason = tostring(attesters.REJECTED), "TooFewVotes"
    end
  end
  return answer(results)
end
function attesters.simulate(msg)
  local list, results = attesters.parse(msg.Data), nil
  store.atomically(function()
    results = all(list, nil, function() return true end)
    error("take it back", 0)
  end)
  return answer(results)
end

return attesters
end

package.loaded["tim3.book"] = nil
package.preload["tim3.book"] = function()
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
function book.position(market, owner)
  local of = store.state().positions[market]
  return of and of[owner] or NOTHING
end
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
  local needed = amounts.scale(drawn, amounts.SYNTHETIC_DECIMALS, asset.decimals)
  local carried = amounts.scale(brought, asset.decimals, amounts.SYNTHETIC_DECIMALS)
  failures.check(needed <= brought and carried >= drawn, "Undercollateralized")
  if terms.oracle == words.ZERO then return end
  local lower = prices.valid(market)
  local target = store.state().assets[market.synthetic].target
  local near = lower * amounts.BPS >= target * amounts.of(10000 - terms.depeg)
  failures.check(near, "Depegged", { price = amounts.text(lower) })
end
function book.undo(id, owner, net, cap)
  local market, before = book.market(id), book.position(id, owner)
  local verdict, lower = prices.quote(market.terms.oracle)
  local price = verdict == prices.VERDICT.VALID and lower or nil
  local undone = health.undo(market.kind == book.RESERVE, before, net, cap, market.terms.maxLtv, prices.scales(market, price))
  undone.position = book.save(id, owner, before, undone.collateral, undone.debt)
  return undone
end
local function cap(market, x)
  if market.kind == book.RESERVE then
    failures.check(x.owner == x.market, "WrongOwner", { owner = words.hex(x.owner) })
    return amounts.MAX
  end
  if x.operation == words.ZERO and x.actor == x.owner then return x.wanted end
  local controller = (store.state().controllers[x.market] or {})[x.owner]
  return controller and controller.gateway == x.peer and controller.account == x.actor and x.wanted or amounts.ZERO
end
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
end

package.loaded["tim3.deposits"] = nil
package.preload["tim3.deposits"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local keys = require("tim3.keys")
local payouts = require("tim3.payouts")
local store = require("tim3.store")
local transfers = require("tim3.transfers")
local words = require("tim3.words")

local deposits = {}
local function keyOf(token, cause, reference)
  return table.concat({ token, cause, reference }, ":")
end

local function first(key)
  local notices = store.state().notices
  if notices[key] then return false end
  store.set(notices, key, true)
  return true
end
local function once(msg)
  local cause, reference = msg.Tags["Pushed-For"], msg.Tags.Reference
  return first(cause and reference and keyOf(msg.From, cause, reference) or msg.Id)
end
local function keep(assetId, sender, native)
  local s, asset = store.state(), store.state().assets[assetId]
  local credited = sender and sender ~= s.self and amounts.scale(native, asset.native, asset.decimals) or amounts.ZERO
  local rest = native - amounts.scale(credited, asset.decimals, asset.native)
  if not amounts.isZero(rest) then
    store.set(s.unattributed, assetId, (s.unattributed[assetId] or amounts.ZERO) + rest)
  end
  if not amounts.isZero(credited) then payouts.credit(assetId, sender, credited, words.ZERO) end
  return credited
end

local function lock(msg, sender, brought)
  local s = store.state()
  failures.check(s.active, "NotActive")
  failures.check(msg.Tags["X-Action"] == "Lock", "UnknownDeposit", { found = tostring(msg.Tags["X-Action"]) })
  local market = words.parse(msg.Tags["X-Market"], "X-Market")
  local known = s.markets[market]
  failures.check(known and known.collateral == s.tokens[msg.From], "UnknownMarket", { market = words.hex(market) })
  local function read(name) return msg.Tags["X-" .. name] end
  return keys.once(sender, msg.Tags["X-Key"], "Lock", function() return transfers.lock(sender, brought, market, read) end)
end
function deposits.credited(msg, assetId)
  local s = store.state()
  local native = amounts.parse(msg.Tags.Quantity, "Quantity")
  if not once(msg) then return { repeated = true } end
  local asset, sender = s.assets[assetId], accounts.word(msg.Tags.Sender)
  store.set(s.held, assetId, s.held[assetId] + native)
  local brought = amounts.scale(native, asset.native, asset.decimals)
  local exact = amounts.scale(brought, asset.decimals, asset.native) == native

  local done, result, detail = store.atomically(function()
    failures.check(sender and sender ~= s.self, "InvalidAccount", { found = tostring(msg.Tags.Sender) })
    failures.check(exact, "Unrepresentable", { quantity = amounts.text(native) })
    local answer, repeated = lock(msg, sender, brought)
    failures.check(not repeated, "KeyUsed", { first = answer })
    return answer
  end)
  if done then
    store.tell(msg.Tags.Sender, "Lock-Response", result, { Reference = msg.Tags["Pushed-For"] })
    return result
  end

  local credited = keep(assetId, sender, native)
  local answer = { error = result, detail = detail, claimable = amounts.text(credited) }
  if sender then store.tell(msg.Tags.Sender, "Lock-Error", answer, { Error = result, Reference = msg.Tags["Pushed-For"] }) end
  return answer
end

function deposits.debited(msg)
  if once(msg) then payouts.debited(msg) end
end

function deposits.refused(msg)
  if once(msg) then payouts.refused(msg) end
end
function deposits.record(assetId, sender, native, cause, reference)
  local s = store.state()
  failures.check(first(keyOf(s.assets[assetId].token, cause, reference)), "AlreadyDone")
  store.set(s.held, assetId, s.held[assetId] + native)
  return keep(assetId, sender, native)
end
function deposits.attribute(assetId, account, native)
  local s, asset = store.state(), store.state().assets[assetId]
  local there = s.unattributed[assetId] or amounts.ZERO
  local credited = amounts.scale(native, asset.native, asset.decimals)
  local taken = amounts.scale(credited, asset.decimals, asset.native)
  failures.check(not amounts.isZero(credited) and taken <= there, "AmountOutOfRange", { amount = amounts.text(native), max = amounts.text(there) })
  store.set(s.unattributed, assetId, there - taken)
  payouts.credit(assetId, account, credited, words.ZERO)
  return credited
end

local function pending(payoutId)
  local payout = store.state().payouts[payoutId]
  failures.check(payout, "UnknownPayout", { payout = words.hex(payoutId) })
  failures.check(payout.status == payouts.PENDING, "AlreadyDone", { status = payout.status })
  return payout
end
function deposits.recordDebit(payoutId, cause, reference)
  local payout = pending(payoutId)
  failures.check(first(keyOf(store.state().assets[payout.asset].token, cause, reference)), "AlreadyDone")
  payouts.paid(payout)
end
function deposits.recordRefusal(payoutId)
  payouts.failed(pending(payoutId))
end

return deposits
end

package.loaded["tim3.failures"] = nil
package.preload["tim3.failures"] = function()
local failures = {}

local meta = { __tostring = function(failure) return failure.name end }

function failures.fail(name, detail)
  error(setmetatable({ name = name, detail = detail or {} }, meta), 0)
end

function failures.check(condition, name, detail)
  if not condition then failures.fail(name, detail) end
end
function failures.describe(caught)
  if getmetatable(caught) == meta then return caught.name, caught.detail end
  return "Internal", { message = tostring(caught) }
end

return failures
end

package.loaded["tim3.governance"] = nil
package.preload["tim3.governance"] = function()
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
local WINDOW, ROUTE, MARKET, ASSET = 1, 2, 3, 4
local MAX_DECIMALS, MAX_SIGNERS, MAX_BPS = 27, 32, 10000
local SYNTHETIC, COLLATERAL = 1, 2

local function limits(what, subject, peer, values)
  local hash = words.keccak(table.concat(values))
  ledger.append(ledger.KIND.LIMITS_SET, words.integer(what) .. subject .. (peer or words.ZERO) .. hash)
end
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
function governance.AddSynthetic(call)
  local target = amounts.parse(call.target, "target")
  failures.check(not amounts.isZero(target), "ZeroAmount", { field = "target" })
  local decimals = amounts.SYNTHETIC_DECIMALS
  return add(call.symbol, {
    kind = SYNTHETIC, decimals = decimals, native = decimals, target = target, balances = {}, supply = amounts.ZERO,
    name = tostring(call.name or call.symbol), logo = call.logo,
  })
end
function governance.AddCollateral(call)
  local s = store.state()
  local token = accounts.parse(call.token, "token")
  accounts.local_(token, s.self)
  local id = accounts.id(token)
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
local function push(call)
  local well = accounts.word(call.cause) and type(call.reference) == "string" and call.reference:match("^%d+$")
  failures.check(well, "InvalidNotice", { cause = tostring(call.cause), reference = tostring(call.reference) })
  return call.cause, call.reference
end
function governance.RecordDeposit(call)
  local asset = governance.asset(call.asset, COLLATERAL)
  local sender, quantity = accounts.parse(call.sender, "sender"), amounts.parse(call.quantity, "quantity")
  return { claimable = amounts.text(deposits.record(asset, sender, quantity, push(call))) }
end
function governance.Attribute(call)
  local asset = governance.asset(call.asset, COLLATERAL)
  local account = accounts.local_(accounts.parse(call.account, "account"), store.state().self)
  return { claimable = amounts.text(deposits.attribute(asset, account, amounts.parse(call.quantity, "quantity"))) }
end
function governance.RecordDebit(call)
  deposits.recordDebit(words.parse(call.payout, "payout"), push(call))
end
function governance.RecordRefusal(call)
  deposits.recordRefusal(words.parse(call.payout, "payout"))
end
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
function governance.TransferAdmin(call)
  store.set(store.state(), "pendingAdmin", account(call))
end
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
end

package.loaded["tim3.health"] = nil
package.preload["tim3.health"] = function()
local amounts = require("tim3.amounts")

local health = {}
health.DEEP = 9500

local ONE = 10000
local function powers(decimals)
  local difference = decimals - amounts.SYNTHETIC_DECIMALS
  if difference < 0 then return amounts.power(-difference), amounts.of(1) end
  return amounts.of(1), amounts.power(difference)
end
function health.covers(collateral, debt, num, den, x)
  local up, down = powers(x.decimals)
  return collateral * x.price * (amounts.of(num) * up) >= debt * x.target * (amounts.of(den) * down)
end
function health.collateralFor(debt, num, den, x)
  local up, down = powers(x.decimals)
  return amounts.ceil(debt * x.target * (amounts.of(den) * down), x.price * (amounts.of(num) * up))
end
function health.seizable(repay, bonus, x)
  local up, down = powers(x.decimals)
  return amounts.floor(repay * x.target * (amounts.of(ONE + bonus) * down), x.price * (amounts.BPS * up))
end
function health.repayFor(collateral, bonus, x)
  local up, down = powers(x.decimals)
  return amounts.ceil(collateral * x.price * (amounts.BPS * up), x.target * (amounts.of(ONE + bonus) * down))
end
function health.closable(debt, closeFactor, dust, deep)
  local part = amounts.floor(debt * amounts.of(closeFactor), amounts.BPS)
  return (deep or debt - part < dust) and debt or part
end
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
end

package.loaded["tim3.identity"] = nil
package.preload["tim3.identity"] = function()
local words = require("tim3.words")
local failures = require("tim3.failures")

local identity = {}

identity.KIND = { MINT = 1, REDEEM = 2, TRANSFER = 3 }
identity.ACTION = { MINT = 1, RELEASE = 2, VOID = 3, REFUND = 4, CONFLICT = 5, MIRROR = 6, RESEND = 7 }
identity.CONTENT_WORDS = { 14, 14, 14, 14, 17, 6, 2 }
local FIELDS = {
  "kind", "origin", "destination", "nonce", "asset", "market", "owner", "actor", "refundTo", "recipient", "amount", "fee", "wanted",
  "timestamp",
}
local BITS = { kind = 8, nonce = 64, amount = 128, fee = 128, wanted = 128, timestamp = 64 }

local K = words.keccak
local OPERATION = K(
  "Operation(uint8 kind,bytes32 origin,bytes32 destination,uint64 nonce,bytes32 asset,bytes32 market,bytes32 owner,bytes32 actor,bytes32 refundTo,bytes32 recipient,uint128 amount,uint128 fee,uint128 wanted,uint64 timestamp)"
)
local CONFLICT = K("Conflict(bytes32 operation,bytes32 orphan,bytes32 market,uint128 orphanAmount)")
local POSITION = K("Position(bytes32 home,bytes32 market,bytes32 owner,uint128 collateral,uint128 debt,uint64 version)")
local RESEND = K("Resend(bytes32 payout,uint64 attempt)")
local ORDER = K("Order(uint8 action,uint64 epoch,bytes32 content)")
local DOMAIN = K("EIP712Domain(string name,string version,bytes32 salt)")
local GATEWAY, MARKET = K("tim3/gateway/1"), K("tim3/market/1")
local PAYOUT, ORACLE = K("tim3/payout/1"), K("tim3/oracle/1")
function identity.gateway(chain, account, salt)
  return K(GATEWAY .. K(chain) .. account .. salt)
end

function identity.asset(symbol)
  return K("tim3/asset/" .. symbol)
end

function identity.market(home, synthetic, collateral, kind)
  return K(MARKET .. home .. synthetic .. collateral .. words.integer(kind))
end
function identity.payout(gateway, index)
  return K(PAYOUT .. gateway .. words.integer(index))
end
function identity.oracle(parts)
  return K(ORACLE .. parts)
end

function identity.domain(gateway)
  return K(DOMAIN .. K("TIM3") .. K("1") .. gateway)
end
function identity.operation(content)
  return K(OPERATION .. content)
end
function identity.content(action, content)
  if action == identity.ACTION.CONFLICT then
    return K(CONFLICT .. identity.operation(content:sub(1, 14 * 32)) .. content:sub(14 * 32 + 1))
  elseif action == identity.ACTION.MIRROR then
    return K(POSITION .. content)
  elseif action == identity.ACTION.RESEND then
    return K(RESEND .. content)
  end
  return identity.operation(content)
end
function identity.digest(domain, action, epoch, contentHash)
  return K("\x19\x01" .. domain .. K(ORDER .. words.integer(action) .. epoch .. contentHash))
end
function identity.decode(content)
  local operation = {}
  for i, name in ipairs(FIELDS) do
    local word = content:sub((i - 1) * 32 + 1, i * 32)
    failures.check(not BITS[name] or words.fits(word, BITS[name]), "MalformedContent", { field = name, found = words.hex(word) })
    operation[name] = word
  end
  return operation
end
function identity.encode(operation)
  local parts = {}
  for i, name in ipairs(FIELDS) do parts[i] = operation[name] end
  return table.concat(parts)
end

return identity
end

package.loaded["tim3.keys"] = nil
package.preload["tim3.keys"] = function()
local failures = require("tim3.failures")
local store = require("tim3.store")

local keys = {}
function keys.once(actor, key, name, action)
  if key == nil then return action(), false end
  failures.check(type(key) == "string" and #key >= 1 and #key <= 128, "InvalidKey")
  local of = store.child(store.state().keys, actor)
  local known = of[key]
  if known then
    failures.check(known.name == name, "KeyUsed", { action = known.name })
    return known.answer, true
  end
  local answer = action()
  store.set(of, key, { name = name, answer = answer })
  return answer, false
end

return keys
end

package.loaded["tim3.ledger"] = nil
package.preload["tim3.ledger"] = function()
local store = require("tim3.store")
local words = require("tim3.words")

local ledger = {}

ledger.KIND = {
  LOCKED = 1, BURNED = 2, MINTED = 3, RELEASED = 4, VOIDED = 5, REFUNDED = 6, LIQUIDATED = 7, REPAID = 8, WITHDRAWN = 9, CLAIMABLE = 10,
  CLAIMED = 11, BAD_DEBT = 12, COVERED = 13, CONTROLLER_SET = 14, PAUSE_SET = 15, ATTESTERS_SET = 16, LIMITS_SET = 17, TREASURY_SET = 18,
  TOMBSTONED = 19,
}
function ledger.next()
  return #store.state().events
end
function ledger.fold(hash, sequence, kind, timestamp, body)
  return words.keccak(hash .. words.integer(sequence) .. words.integer(kind) .. words.integer(timestamp) .. body)
end
function ledger.append(kind, body)
  local s = store.state()
  local sequence = ledger.next()
  store.set(s, "hash", ledger.fold(s.hash, sequence, kind, s.now, body))
  store.append(s.events, { kind = kind, timestamp = s.now, body = body, nonce = s.at.nonce, message = s.at.message })
  return sequence
end
function ledger.checkpoint()
  local s = store.state()
  local last = s.checkpoints[#s.checkpoints]
  if last.count ~= #s.events then
    store.append(s.checkpoints, { count = #s.events, hash = s.hash, nonce = s.at.nonce, message = s.at.message })
  end
end
function ledger.search(list, field, value)
  local low, high = 0, #list
  while low < high do
    local middle = (low + high + 1) // 2
    if list[middle][field] <= value then low = middle else high = middle - 1 end
  end
  return low
end

return ledger
end

package.loaded["tim3.main"] = nil
package.preload["tim3.main"] = function()
local VERSION = "1"

Tim3 = Tim3 or {
  active = false, retired = false, now = 0, at = { nonce = -1, message = "" }, events = {}, epoch = 0, threshold = 0, signers = {},
  signerSet = {}, votes = {}, assets = {}, symbols = {}, assetIds = {}, tokens = {}, totals = {}, peerTotals = {}, windows = {}, routes = {},
  markets = {}, marketIds = {}, positions = {}, controllers = {}, badDebts = {}, mirrors = {}, mirrorHomes = {}, outgoing = {}, slots = {},
  refunds = {}, peers = {}, claimables = {}, backed = {}, payouts = {}, payoutIds = {}, references = {}, scheduled = {}, prices = {},
  oracles = {}, sources = {}, notices = {}, keys = {}, held = {}, unattributed = {}, overpaid = {},
}
Tim3.version = VERSION

local accounts = require("tim3.accounts")
local admin = require("tim3.admin")
local amounts = require("tim3.amounts")
local attesters = require("tim3.attesters")
local deposits = require("tim3.deposits")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local keys = require("tim3.keys")
local ledger = require("tim3.ledger")
local positions = require("tim3.positions")
local prices = require("tim3.prices")
local store = require("tim3.store")
local token = require("tim3.token")
local transfers = require("tim3.transfers")
local views = require("tim3.views")
local words = require("tim3.words")
local TRUTHS = {
  "Id", "Nonce", "Epoch", "Timestamp", "Block-Height", "Hash-Chain", "Module", "Cron", "Signature", "Forwarded-By", "Message", "reply", "forward",
}
for _, name in ipairs(TRUTHS) do
  local known = false
  for _, other in ipairs(ao.nonExtractableTags) do known = known or other == name end
  if not known then table.insert(ao.nonExtractableTags, name) end
end
local function trusted(msg)
  if msg.From == msg.Owner then return true end
  for _, authority in ipairs(ao.authorities) do
    if msg.Owner == authority then return true end
  end
  return false
end

local function actorOf(msg)
  local actor = accounts.word(msg.From)
  failures.check(actor, "InvalidAccount", { found = tostring(msg.From) })
  return actor
end
local function user(name, action)
  return function(msg)
    failures.check(store.state().active, "NotActive")
    local actor = actorOf(msg)
    return keys.once(actor, msg.Tags.Key, name, function() return action(actor, msg) end)
  end
end

local function submitter(action)
  return function(msg)
    failures.check(store.state().active, "NotActive")
    return action(msg)
  end
end

local function administrator(action)
  return function(msg)
    failures.check(store.state().id, "NotInitialized")
    return action(actorOf(msg), msg)
  end
end
local function notice(action)
  return function(msg)
    local asset = store.state().tokens[msg.From]
    failures.check(asset, "UnknownToken", { found = msg.From })
    return action(msg, asset)
  end
end

local function assetOf(msg)
  return (token.asset(msg))
end

local CHANGES = {
  Lock = user("Lock", function(actor, msg)
    return transfers.lock(actor, amounts.ZERO, words.parse(msg.Tags.Market, "Market"), function(name) return msg.Tags[name] end)
  end),
  Burn = user("Burn", function(actor, msg) return transfers.burn(actor, assetOf(msg), msg.Tags) end),
  Repay = user("Repay", function(actor, msg) return positions.repay(actor, msg.Tags) end),
  Withdraw = user("Withdraw", function(actor, msg) return positions.withdraw(actor, msg.Tags) end),
  Redeem = user("Redeem", function(actor, msg) return positions.redeem(actor, msg.Tags) end),
  Liquidate = user("Liquidate", function(actor, msg) return positions.liquidate(actor, msg.Tags) end),
  Cover = user("Cover", function(actor, msg) return positions.cover(actor, msg.Tags) end),
  Claim = user("Claim", function(actor, msg) return positions.claim(actor, (governance.asset(msg.Tags.Asset)), msg.Tags) end),
  ["Set-Controller"] = user("Set-Controller", function(actor, msg) return positions.setController(actor, msg.Tags) end),
  Transfer = user("Transfer", token.transfer),

  Attest = submitter(attesters.attest),
  Execute = submitter(attesters.execute),
  Price = prices.push,

  Initialize = admin.initialize,
  Configure = administrator(admin.configure),
  Activate = administrator(admin.activate),
  Schedule = administrator(admin.schedule),
  Apply = administrator(admin.apply),
  Cancel = administrator(admin.cancel),
  ["Accept-Admin"] = administrator(admin.accept),
  ["Set-Pause"] = administrator(admin.pause),
  ["Renounce-Owner"] = admin.renounce,

  ["Credit-Notice"] = notice(deposits.credited),
  ["Debit-Notice"] = notice(deposits.debited),
  ["Transfer-Error"] = notice(deposits.refused),
}
local SILENT = { ["Credit-Notice"] = true, ["Debit-Notice"] = true, ["Transfer-Error"] = true }
local STANDARD = { Info = token.info, Balance = token.balance, Balances = token.balances, ["Total-Supply"] = token.supply }
local function place(msg)
  local s = store.state()
  local nonce, milliseconds = math.tointeger(msg.Nonce), math.tointeger(tonumber(msg.Timestamp))
  failures.check(milliseconds, "NoTime")
  s.now = math.max(s.now, milliseconds // 1000)
  s.at = { nonce = nonce or s.at.nonce + 1, message = msg.Id }
end

local function change(msg)
  local action = CHANGES[msg.Action]
  local done, answer, detail = store.atomically(function()
    place(msg)
    local answer, repeated = action(msg)
    ledger.checkpoint()
    return { answer = answer or {}, repeated = repeated == true and "true" or nil }
  end)
  if SILENT[msg.Action] then
    if not done then print(msg.Action .. " of " .. msg.From .. " is not for this gateway: " .. tostring(answer)) end
  elseif done then
    store.tell(msg.From, msg.Action .. "-Response", answer.answer, { Reference = msg.Reference, Repeated = answer.repeated })
  else
    store.tell(msg.From, msg.Action .. "-Error", { error = answer, detail = detail }, { Reference = msg.Reference, Error = answer })
  end
  store.commit()
end
local function look(msg, action, read)
  local result
  local _, name, detail = store.atomically(function()
    local s = store.state()
    local at = { nonce = tostring(s.at.nonce), message = s.at.message }
    store.set(s, "now", math.max(s.now, (math.tointeger(tonumber(msg.Timestamp)) or 0) // 1000))
    failures.check(s.id, "NotInitialized")
    result = read(msg)
    if not STANDARD[action] then result.at = at end
    failures.fail("Read")
  end)
  if name ~= "Read" then
    store.tell(msg.From, action .. "-Error", { error = name, detail = detail }, { Reference = msg.Reference, Error = name })
  elseif STANDARD[action] then
    result.Target, result.Action, result["X-Reference"] = msg.From, action .. "-Response", msg.Reference
    store.send(result)
  else
    store.tell(msg.From, action .. "-Response", result, { Reference = msg.Reference })
  end
  store.commit()
end

local function view(msg)
  local found = views[msg.Tags.View]
  failures.check(found, "UnknownView", { found = tostring(msg.Tags.View) })
  return found(msg.Tags, msg.Data)
end

local function handle(msg)
  local action = msg.Action
  if not trusted(msg) then
    print("not trusted: " .. tostring(action))
  elseif CHANGES[action] then
    change(msg)
  elseif STANDARD[action] then
    look(msg, action, STANDARD[action])
  elseif action == "Simulate" then
    look(msg, action, attesters.simulate)
  elseif action == "View" then
    look(msg, action, view)
  else
    print("no such action: " .. tostring(action))
  end
end
local function ours(msg)
  return not (msg.Action == "Eval" and msg.From == Owner)
end
Handlers.prepend("tim3.gateway", ours, handle)
Handlers.prepend("tim3.place", function(msg)
  if math.type(msg.Nonce) == "integer" and store.state().id then
    store.state().at = { nonce = msg.Nonce, message = msg.Id }
  end
  return false
end, function() end)

return VERSION
end

package.loaded["tim3.mirrors"] = nil
package.preload["tim3.mirrors"] = function()
local failures = require("tim3.failures")
local store = require("tim3.store")
local words = require("tim3.words")

local mirrors = {}
function mirrors.find(market, owner)
  return (store.state().mirrors[market] or {})[owner]
end
function mirrors.check(content)
  local list = words.split(content)
  local m = { home = list[1], market = list[2], owner = list[3], collateral = list[4], debt = list[5], version = list[6] }
  local well = words.fits(m.collateral, 128) and words.fits(m.debt, 128) and words.fits(m.version, 64)
  failures.check(well, "MalformedContent", { field = "collateral, debt or version" })
  local s = store.state()
  failures.check(m.home ~= s.id and m.home ~= words.ZERO, "WrongGateway", { gateway = words.hex(m.home) })
  local known = mirrors.find(m.market, m.owner)
  if known and s.mirrorHomes[m.market] == m.home then
    local same = known.collateral == m.collateral and known.debt == m.debt
    local done = m.version < known.version or (m.version == known.version and same)
    failures.check(not done, "AlreadyDone", { version = words.hex(known.version) })
  end
  return m
end
function mirrors.apply(m)
  local s, known = store.state(), mirrors.find(m.market, m.owner)
  local home = s.mirrorHomes[m.market]
  local conflict = (known and m.version == known.version) or (home and home ~= m.home)
  failures.check(not conflict, "MirrorConflict", { version = words.hex(m.version) })
  store.set(s.mirrorHomes, m.market, m.home)
  store.set(store.child(s.mirrors, m.market), m.owner, { collateral = m.collateral, debt = m.debt, version = m.version })
end

return mirrors
end

package.loaded["tim3.orders"] = nil
package.preload["tim3.orders"] = function()
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
orders.NONE, orders.DONE, orders.VOID = 0, 1, 2

function orders.slot(origin, nonce)
  return (store.state().slots[origin] or {})[nonce] or orders.NONE
end

function orders.refunded(destination, nonce)
  return (store.state().refunds[destination] or {})[nonce] == true
end
local function checkDestination(op, outcome)
  local id = store.state().id
  failures.check(op.destination == id, "WrongGateway", { gateway = words.hex(op.destination) })
  failures.check(op.origin ~= id and op.origin ~= words.ZERO, "WrongGateway", { gateway = words.hex(op.origin) })
  local slot = orders.slot(op.origin, op.nonce)
  failures.check(slot ~= outcome, "AlreadyDone")
  failures.check(slot == orders.NONE, "SlotTaken", { outcome = slot })
end
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
function orders.make(action, content)
  local length = identity.CONTENT_WORDS[action]
  local well = length and #content == length * 32
  return { action = action, content = content, hash = well and identity.content(action, content) or nil }
end
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
local function void(order)
  local op, zero = order.op, words.ZERO
  settle(op, orders.VOID, "voided")
  ledger.append(ledger.KIND.VOIDED, table.concat({ order.operation, op.origin, op.nonce, op.asset, op.amount, zero, zero, zero, op.kind }))
end
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
function orders.apply(order)
  APPLY[order.action](order)
end

return orders
end

package.loaded["tim3.outgoing"] = nil
package.preload["tim3.outgoing"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local words = require("tim3.words")

local outgoing = {}
function outgoing.peer(gateway)
  local peers = store.state().peers
  if not peers[gateway] then
    store.set(peers, gateway, { nextNonce = 0, tombstoned = false, finalCount = 0, finalHash = words.ZERO })
  end
  return peers[gateway]
end
function outgoing.dispatch(op, maxFee)
  local s = store.state()
  failures.check(not s.retired, "Retired")
  local route, peer = (s.routes[op.asset] or {})[op.destination], outgoing.peer(op.destination)
  local open = route and route.enabled and not peer.tombstoned
  failures.check(open, "RouteClosed", { peer = words.hex(op.destination) })
  local within = op.amount >= route.min and op.amount <= route.max
  failures.check(within, "AmountOutOfRange", {
    amount = amounts.text(op.amount), min = amounts.text(route.min), max = amounts.text(route.max),
  })
  local fee = amounts.routeFee(op.amount, route.flatFee, route.feeBps)
  failures.check(fee < op.amount and fee <= maxFee, "FeeTooHigh", { fee = amounts.text(fee), max = amounts.text(maxFee) })
  accounts.local_(op.refundTo, s.self)
  accounts.remote(op.recipient, route.evm)

  local nonce = peer.nextNonce
  store.set(peer, "nextNonce", nonce + 1)
  local encoded = identity.encode({
    kind = words.integer(op.kind), origin = s.id, destination = op.destination, nonce = words.integer(nonce), asset = op.asset,
    market = op.market, owner = op.owner, actor = op.actor, refundTo = op.refundTo, recipient = op.recipient,
    amount = amounts.word(op.amount), fee = amounts.word(fee), wanted = amounts.word(op.wanted), timestamp = words.integer(s.now),
  })
  local id = identity.operation(encoded)
  store.set(store.child(s.outgoing, op.destination), nonce, id)
  synthetics.countPeer(op.asset, op.destination, "sent", op.amount)
  return encoded, id, nonce
end

return outgoing
end

package.loaded["tim3.pauses"] = nil
package.preload["tim3.pauses"] = function()
local failures = require("tim3.failures")
local store = require("tim3.store")
local words = require("tim3.words")

local pauses = {}

pauses.NORMAL, pauses.NO_RISK, pauses.NO_SUPPLY, pauses.FROZEN = 0, 1, 2, 3
pauses.FREEZE_SECONDS = 7 * 24 * 3600

function pauses.level(asset)
  if asset.level == pauses.FROZEN and store.state().now >= asset.frozenUntil then return pauses.NO_SUPPLY end
  return asset.level
end
function pauses.check(assetId, highest)
  local asset = store.state().assets[assetId]
  failures.check(asset and asset.kind == 1, "UnknownAsset", { asset = words.hex(assetId) })
  local level = pauses.level(asset)
  failures.check(level <= highest, "Paused", { asset = asset.symbol, level = level })
  return asset
end

return pauses
end

package.loaded["tim3.payouts"] = nil
package.preload["tim3.payouts"] = function()
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
function payouts.credit(asset, account, amount, cause)
  local of = store.child(store.state().claimables, account)
  store.set(of, asset, amounts.fit((of[asset] or amounts.ZERO) + amount))
  synthetics.count(asset, "claimable", amount)
  ledger.append(ledger.KIND.CLAIMABLE, account .. asset .. amounts.word(amount) .. cause)
end
local function quantity(payout)
  local asset = store.state().assets[payout.asset]
  return amounts.scale(payout.amount, asset.decimals, asset.native)
end
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
function payouts.paid(payout)
  leave(payout)
  settle(payout, payouts.PAID)
end
function payouts.failed(payout)
  settle(payout, payouts.FAILED)
  payouts.credit(payout.asset, payout.account, payout.amount, payout.cause)
end
function payouts.debited(msg)
  local payout = find(msg)
  if not payout then return end
  local same = msg.Tags.Recipient == accounts.id(payout.account) and msg.Tags.Quantity == amounts.text(quantity(payout))
  if not same then return end
  if payout.status == payouts.PENDING then return payouts.paid(payout) end
  leave(payout)
  local over = store.state().overpaid
  store.set(over, payout.asset, (over[payout.asset] or amounts.ZERO) + payout.amount)
end
function payouts.refused(msg)
  local payout, attempt = find(msg)
  if payout and payout.status == payouts.PENDING and attempt == payout.attempt then store.set(payout, "refusal", msg.Id) end
end

return payouts
end

package.loaded["tim3.positions"] = nil
package.preload["tim3.positions"] = function()
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
  local asset = s.assets[market.collateral]
  local payout = payouts.pay(market.collateral, actor, amounts.payable(done.seized, asset.decimals, asset.native), words.ZERO)
  return {
    sequence = tostring(sequence), repaid = amounts.text(done.repaid), seized = amounts.text(done.seized),
    badDebt = amounts.text(done.bad), payout = payoutHex(payout),
  }
end
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
end

package.loaded["tim3.prices"] = nil
package.preload["tim3.prices"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local store = require("tim3.store")
local words = require("tim3.words")

local prices = {}

prices.VERDICT = { UNAVAILABLE = 0, INCOMPLETE = 2, STALE = 4, VALID = 5 }
local VERDICT = prices.VERDICT
local SKEW_SECONDS = 60

local function read(source, feed, now)
  local price = (store.state().prices[source.account] or {})[feed]
  if not price then return VERDICT.UNAVAILABLE end
  return now - price.time > source.maxAge and VERDICT.STALE or VERDICT.VALID, price
end
function prices.quote(oracleId)
  local oracle = store.state().oracles[oracleId]
  if not oracle then return VERDICT.UNAVAILABLE end
  local worst, lower, higher, time = VERDICT.VALID, nil, nil, nil
  for _, source in ipairs(oracle.sources) do
    local verdict, price = read(source, oracle.feed, store.state().now)
    if not price then return verdict end
    worst = math.min(worst, verdict)
    lower = lower and amounts.min(lower, price.value) or price.value
    higher = higher and higher > price.value and higher or price.value
    time = math.min(time or price.time, price.time)
  end
  return worst, lower, higher, time
end
function prices.valid(market)
  local verdict, lower, higher = prices.quote(market.terms.oracle)
  failures.check(verdict == VERDICT.VALID, "PriceUnavailable", { verdict = verdict })
  return lower, higher
end
function prices.scales(market, price)
  local s = store.state()
  local collateral = s.assets[market.collateral]
  return { price = price, target = s.assets[market.synthetic].target, decimals = collateral.decimals, native = collateral.native }
end
function prices.push(msg)
  local s = store.state()
  local source = accounts.word(msg.From)
  local feeds = source and s.sources[source]
  local feed = msg.Tags.Feed
  failures.check(feeds and feeds[feed], "NotSource", { feed = tostring(feed) })
  local value = amounts.parse(msg.Tags.Price, "Price")
  local time = amounts.parseInteger(msg.Tags.Time, "Time", s.now + SKEW_SECONDS)
  failures.check(not amounts.isZero(value), "ZeroAmount", { field = "Price" })
  local of = store.child(s.prices, source)
  local known = of[feed]
  if known and known.time >= time then return { feed = feed, accepted = false, time = tostring(known.time) } end
  store.set(of, feed, { value = value, time = time })
  return { feed = feed, accepted = true, time = tostring(time) }
end
function prices.register(identify, feed, sources)
  local parts = { words.keccak(feed) }
  for _, source in ipairs(sources) do
    parts[#parts + 1] = source.account .. words.integer(source.maxAge)
  end
  local id = identify(table.concat(parts))
  local s = store.state()
  failures.check(not s.oracles[id], "AlreadyRegistered", { id = words.hex(id) })
  store.set(s.oracles, id, { feed = feed, sources = sources })
  for _, source in ipairs(sources) do store.set(store.child(s.sources, source.account), feed, true) end
  return id
end

return prices
end

package.loaded["tim3.store"] = nil
package.preload["tim3.store"] = function()
local failures = require("tim3.failures")
local json = require("json")

local store = {}

local undo, outbox = {}, {}
function store.state()
  return Tim3
end

function store.set(table, key, value)
  undo[#undo + 1] = { table, key, table[key] }
  table[key] = value
end

function store.append(table, value)
  store.set(table, #table + 1, value)
end
function store.child(table, key)
  if table[key] == nil then store.set(table, key, {}) end
  return table[key]
end
function store.send(message, sent)
  outbox[#outbox + 1] = { message, sent }
end
function store.atomically(action, ...)
  local writes, sends = #undo, #outbox
  local ok, result = pcall(action, ...)
  if ok then return true, result end
  for i = #undo, writes + 1, -1 do
    local entry = undo[i]
    entry[1][entry[2]] = entry[3]
    undo[i] = nil
  end
  for i = #outbox, sends + 1, -1 do outbox[i] = nil end
  return false, failures.describe(result)
end
function store.tell(target, action, answer, tags)
  store.send({
    Target = target, Action = action, Data = json.encode(answer), Error = tags.Error, Repeated = tags.Repeated,
    ["X-Reference"] = tags.Reference,
  })
end
function store.commit()
  undo = {}
  local sending = outbox
  outbox = {}
  for _, entry in ipairs(sending) do
    ao.send(entry[1])
    if entry[2] then entry[2](tostring(ao.reference)) end
  end
end

return store
end

package.loaded["tim3.synthetics"] = nil
package.preload["tim3.synthetics"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local store = require("tim3.store")

local synthetics = {}
function synthetics.totals(asset)
  local all = store.state().totals
  if not all[asset] then
    local zero = amounts.ZERO
    store.set(all, asset, { minted = zero, burned = zero, debt = zero, badDebt = zero, claimable = zero, pending = zero })
  end
  return all[asset]
end
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
function synthetics.move(asset, from, to, amount)
  local balance = synthetics.balance(asset, from)
  failures.check(balance >= amount, "InsufficientBalance", { balance = amounts.text(balance), needed = amounts.text(amount) })
  put(asset, from, balance - amount)
  put(asset, to, synthetics.balance(asset, to) + amount)
end

return synthetics
end

package.loaded["tim3.token"] = nil
package.preload["tim3.token"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local json = require("json")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")

local token = {}

local SYNTHETIC = 1
function token.asset(msg)
  if msg.Tags.Asset then return governance.asset(msg.Tags.Asset, SYNTHETIC) end
  local s = store.state()
  for _, id in ipairs(s.assetIds) do
    if s.assets[id].kind == SYNTHETIC then return id, s.assets[id] end
  end
  failures.fail("UnknownAsset", { found = "there is no synthetic yet" })
end

function token.info(msg)
  local _, asset = token.asset(msg)
  return {
    Name = asset.name, Ticker = asset.symbol, Denomination = tostring(asset.decimals), Logo = asset.logo, Supply = amounts.text(asset.supply),
  }
end

function token.balance(msg)
  local id, asset = token.asset(msg)
  local account = msg.Tags.Target or msg.Tags.Recipient or msg.Tags.Account or msg.From
  local word = accounts.word(account)
  local balance = word and synthetics.balance(id, word) or amounts.ZERO
  return { Balance = amounts.text(balance), Ticker = asset.symbol, Account = account, Data = amounts.text(balance) }
end

function token.balances(msg)
  local _, asset = token.asset(msg)
  local all = {}
  for word, balance in pairs(asset.balances) do all[accounts.id(word)] = amounts.text(balance) end
  return { Ticker = asset.symbol, Data = next(all) and json.encode(all) or "{}" }
end

function token.supply(msg)
  local _, asset = token.asset(msg)
  return { Ticker = asset.symbol, Data = amounts.text(asset.supply) }
end
function token.transfer(actor, msg)
  local s = store.state()
  local id, asset = token.asset(msg)
  local to = accounts.parse(msg.Tags.Recipient, "Recipient")
  accounts.local_(to, s.self)
  local amount = amounts.parse(msg.Tags.Quantity, "Quantity")
  failures.check(not amounts.isZero(amount), "ZeroAmount")
  synthetics.move(id, actor, to, amount)
  if msg.Tags.Cast == nil then
    local extra = {}
    for name, value in pairs(msg.Tags) do
      if name:match("^X%-") and name ~= "X-Reference" then extra[name] = value end
    end
    synthetics.credit(id, to, amount, actor, extra)
    local debit = {
      Target = msg.From, Action = "Debit-Notice", Recipient = accounts.id(to), Quantity = amounts.text(amount), Asset = asset.symbol,
      Data = "You transferred " .. amounts.text(amount) .. " " .. asset.symbol, ["X-Reference"] = msg.Reference,
    }
    for name, value in pairs(extra) do debit[name] = value end
    store.send(debit)
  end
  return { quantity = amounts.text(amount) }
end

return token
end

package.loaded["tim3.transfers"] = nil
package.preload["tim3.transfers"] = function()
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
end

package.loaded["tim3.views"] = nil
package.preload["tim3.views"] = function()
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local attesters = require("tim3.attesters")
local book = require("tim3.book")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local json = require("json")
local ledger = require("tim3.ledger")
local mirrors = require("tim3.mirrors")
local orders = require("tim3.orders")
local outgoing = require("tim3.outgoing")
local pauses = require("tim3.pauses")
local payouts = require("tim3.payouts")
local prices = require("tim3.prices")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local windows = require("tim3.windows")
local words = require("tim3.words")

local views = {}

local MAX_PAGE = 200
local hex, text = words.hex, amounts.text

local function optional(word)
  return word and hex(word) or nil
end

local function number(tags, name, otherwise)
  return amounts.parseInteger(tags[name] or otherwise, name)
end

local function word(tags, name)
  return words.parse(tags[name], name)
end
local function decimal(value)
  return text(amounts.fromWord(value))
end

local function hexes(list)
  local all = {}
  for i, value in ipairs(list) do all[i] = hex(value) end
  return all
end

local function texts(record, names)
  local all = {}
  for _, name in ipairs(names) do
    local value = record[name]
    if type(value) ~= "boolean" then value = text(value) end
    all[name] = value
  end
  return all
end
function views.Gateway()
  local s = store.state()
  local owner = accounts.word(Owner)
  return {
    id = hex(s.id), salt = hex(s.salt), chain = s.chain, account = hex(s.self), process = ao.id, domainSeparator = hex(s.domain),
    version = s.version, active = s.active, retired = s.retired, delay = tostring(s.delay), admin = hex(s.admin),
    pendingAdmin = optional(s.pendingAdmin), guardian = hex(s.guardian), treasury = optional(s.treasury), owner = Owner,
    ownership = Owner == "renounced" and "renounced" or owner and owner == s.admin and "admin" or "other", authorities = ao.authorities,
  }
end

function views.Head()
  local s = store.state()
  local last = s.checkpoints[#s.checkpoints]
  return { count = tostring(#s.events), hash = hex(s.hash), nonce = tostring(last.nonce), message = last.message }
end
function views.Checkpoint(tags)
  local list = store.state().checkpoints
  local found
  if tags.Nonce then
    found = list[ledger.search(list, "nonce", number(tags, "Nonce"))]
  else
    local count = number(tags, "Count")
    found = list[ledger.search(list, "count", count)]
    if found and found.count ~= count then found = nil end
  end
  if not found then return { exists = false } end
  return { exists = true, count = tostring(found.count), hash = hex(found.hash), nonce = tostring(found.nonce), message = found.message }
end
function views.Events(tags)
  local s, events = store.state(), store.state().events
  local limit = math.min(number(tags, "Limit", "100"), MAX_PAGE)
  local to = tags["To-Nonce"] and number(tags, "To-Nonce") or math.maxinteger
  local first
  if tags["From-Nonce"] then
    first = ledger.search(events, "nonce", number(tags, "From-Nonce") - 1)
  else
    first = number(tags, "From", "0")
  end
  local page, covered = {}, math.min(to, s.at.nonce)
  for i = first + 1, #events do
    local event = events[i]
    if event.nonce > to then break end
    if #page >= limit and event.nonce ~= events[i - 1].nonce then
      covered = events[i - 1].nonce
      break
    end
    page[#page + 1] = {
      sequence = tostring(i - 1), kind = tostring(event.kind), timestamp = tostring(event.timestamp), body = hex(event.body),
      nonce = tostring(event.nonce), message = event.message,
    }
  end
  return { events = page, count = tostring(#events), hash = hex(s.hash), covered = tostring(covered) }
end

function views.Outgoing(tags)
  local id = (store.state().outgoing[word(tags, "Destination")] or {})[number(tags, "Nonce")]
  return { operation = hex(id or words.ZERO) }
end
function views.Slots(tags)
  local origin, from, all = word(tags, "Origin"), number(tags, "Nonce"), {}
  for i = 1, math.min(number(tags, "Limit", "1"), MAX_PAGE) do
    all[i] = tostring(orders.slot(origin, words.integer(from + i - 1)))
  end
  return { slots = all }
end

function views.Refunded(tags)
  return { refunded = orders.refunded(word(tags, "Destination"), words.integer(number(tags, "Nonce"))) }
end

function views.Peer(tags)
  local peer = outgoing.peer(word(tags, "Gateway"))
  return {
    nextNonce = tostring(peer.nextNonce), tombstoned = peer.tombstoned, finalCount = tostring(peer.finalCount), finalHash = hex(peer.finalHash),
  }
end
function views.Votes(tags)
  return { votes = tostring(attesters.count(word(tags, "Digest"))) }
end

function views.Attesters()
  local s = store.state()
  return { epoch = tostring(s.epoch), threshold = tostring(s.threshold), signers = hexes(s.signers) }
end

local TOTALS = { "minted", "burned", "debt", "badDebt", "claimable", "pending" }
local PEER_TOTALS = { "sent", "refunded", "settled", "voided" }

function views.Totals(tags)
  return texts(synthetics.totals((governance.asset(tags.Asset))), TOTALS)
end

function views.PeerTotals(tags)
  return texts(synthetics.peerTotals((governance.asset(tags.Asset)), word(tags, "Gateway")), PEER_TOTALS)
end
function views.Books(tags)
  local id, asset = governance.asset(tags.Asset, 1)
  local result, peers = texts(synthetics.totals(id), TOTALS), {}
  for gateway in (tags.Gateways or ""):gmatch("[^,]+") do
    peers[#peers + 1] = texts(synthetics.peerTotals(id, words.parse(gateway, "Gateways")), PEER_TOTALS)
  end
  result.peers, result.head, result.supply = peers, views.Head(), text(asset.supply)
  return result
end

local function assetRecord(id, asset)
  local s = store.state()
  local record = {
    id = hex(id), symbol = asset.symbol, kind = asset.kind == 1 and "synthetic" or "collateral", decimals = tostring(asset.decimals),
    nativeDecimals = tostring(asset.native), token = asset.token or ao.id,
  }
  if asset.kind == 1 then
    record.target, record.supply, record.level = text(asset.target), text(asset.supply), tostring(pauses.level(asset))
    record.frozenUntil = tostring(asset.frozenUntil)
  else
    record.held, record.unattributed = text(s.held[id]), text(s.unattributed[id] or amounts.ZERO)
    record.overpaid = text(s.overpaid[id] or amounts.ZERO)
  end
  return record
end

function views.Assets()
  local s, all = store.state(), {}
  for i, id in ipairs(s.assetIds) do all[i] = assetRecord(id, s.assets[id]) end
  return { assets = all }
end

function views.Asset(tags)
  return assetRecord(governance.asset(tags.Asset))
end

local function marketRecord(id, market)
  local terms = market.terms
  local bad = store.state().badDebts[id]
  return {
    exists = true, id = hex(id), kind = tostring(market.kind), synthetic = hex(market.synthetic), collateral = hex(market.collateral),
    oracle = hex(terms.oracle), maxLtv = tostring(terms.maxLtv), liquidationThreshold = tostring(terms.liquidationThreshold),
    bonus = tostring(terms.bonus), closeFactor = tostring(terms.closeFactor), depeg = tostring(terms.depeg), ceiling = text(terms.ceiling),
    dust = text(terms.dust), totalCollateral = text(market.totalCollateral), totalDebt = text(market.totalDebt),
    badDebt = text(bad and bad.amount or amounts.ZERO), collateralDecimals = tostring(store.state().assets[market.collateral].decimals),
  }
end

function views.Markets()
  local s, all = store.state(), {}
  for i, id in ipairs(s.marketIds) do all[i] = marketRecord(id, s.markets[id]) end
  return { markets = all }
end

function views.Market(tags)
  local id = word(tags, "Market")
  local market = store.state().markets[id]
  return market and marketRecord(id, market) or { exists = false }
end

function views.Position(tags)
  local p = book.position(word(tags, "Market"), accounts.parse(tags["Position-Owner"], "Position-Owner"))
  return { collateral = text(p.collateral), debt = text(p.debt), version = tostring(p.version) }
end

function views.BadDebt(tags)
  local bad = store.state().badDebts[word(tags, "Market")]
  return { asset = hex(bad and bad.asset or words.ZERO), amount = text(bad and bad.amount or amounts.ZERO) }
end

function views.Controller(tags)
  local of = store.state().controllers[word(tags, "Market")]
  local found = of and of[accounts.parse(tags["Position-Owner"], "Position-Owner")] or {}
  return { gateway = hex(found.gateway or words.ZERO), account = hex(found.account or words.ZERO) }
end

function views.Mirror(tags)
  local market = word(tags, "Market")
  local m = mirrors.find(market, accounts.parse(tags["Position-Owner"], "Position-Owner"))
  if not m then return { home = hex(words.ZERO), collateral = "0", debt = "0", version = "0" } end
  return {
    home = hex(store.state().mirrorHomes[market]), collateral = decimal(m.collateral), debt = decimal(m.debt), version = decimal(m.version),
  }
end
function views.Oracle(tags)
  local oracle = tags.Market and book.market(word(tags, "Market")).terms.oracle or word(tags, "Oracle")
  local verdict, lower, higher, time = prices.quote(oracle)
  return { verdict = tostring(verdict), lower = lower and text(lower), higher = higher and text(higher), time = time and tostring(time) }
end

function views.Window(tags)
  local s = store.state()
  local asset, kind = governance.asset(tags.Asset, 1), number(tags, "Kind")
  local window = (s.windows[asset] or {})[kind]
  if not window then return { limit = "0", period = "0", available = "0", updated = tostring(s.now) } end
  return {
    limit = text(window.limit), period = tostring(window.period), available = text(windows.available(window, s.now)), updated = tostring(s.now),
  }
end

function views.Route(tags)
  local route = (store.state().routes[(governance.asset(tags.Asset, 1))] or {})[word(tags, "Gateway")]
  if not route then return { enabled = false, min = "0", max = "0", flatFee = "0", feeBps = "0", evm = false } end
  return texts(route, { "enabled", "min", "max", "flatFee", "feeBps", "evm" })
end

function views.PauseLevel(tags)
  local _, asset = governance.asset(tags.Asset, 1)
  return { level = tostring(pauses.level(asset)) }
end

function views.Scheduled(tags, data)
  local ready = store.state().scheduled[data]
  return { ready = tostring(ready or 0) }
end

function views.Claimable(tags)
  local of = store.state().claimables[accounts.parse(tags.Account, "Account")]
  return { amount = text(of and of[(governance.asset(tags.Asset))] or amounts.ZERO) }
end

local function payoutRecord(payout)
  local s = store.state()
  local asset = s.assets[payout.asset]
  return {
    id = hex(payout.id), asset = asset.symbol, account = hex(payout.account), amount = text(payout.amount),
    quantity = text(amounts.scale(payout.amount, asset.decimals, asset.native)), operation = hex(payout.cause), attempt = tostring(payout.attempt),
    status = payout.status, time = tostring(payout.time), refusal = payout.refusal,
  }
end

function views.Payout(tags)
  local payout = store.state().payouts[word(tags, "Payout")]
  failures.check(payout, "UnknownPayout", { payout = tags.Payout })
  return payoutRecord(payout)
end
function views.Payouts(tags)
  local s, page = store.state(), {}
  local from, limit = number(tags, "From", "0"), math.min(number(tags, "Limit", "100"), MAX_PAGE)
  local nextIndex = from
  for i = from + 1, #s.payoutIds do
    if #page >= limit then break end
    nextIndex = i
    local payout = s.payouts[s.payoutIds[i]]
    if tags.All == "true" or payout.status == payouts.PENDING then page[#page + 1] = payoutRecord(payout) end
  end
  return { payouts = page, next = tostring(nextIndex), count = tostring(#s.payoutIds) }
end
function views.Many(_, data)
  local ok, list = pcall(json.decode, data)
  failures.check(ok and type(list) == "table" and #list <= MAX_PAGE, "MalformedViews")
  local answers = {}
  for i, tags in ipairs(list) do
    local view = type(tags) == "table" and tags.View ~= "Many" and views[tags.View]
    local done, answer, detail = store.atomically(function()
      failures.check(view, "UnknownView")
      return view(tags, tags.Data)
    end)
    answers[i] = done and answer or { error = answer, detail = detail }
  end
  return { answers = answers }
end

return views
end

package.loaded["tim3.windows"] = nil
package.preload["tim3.windows"] = function()
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local store = require("tim3.store")

local windows = {}

windows.MINT, windows.RELEASE = 1, 2
function windows.available(window, now)
  local refilled = window.available + amounts.floor(window.limit * amounts.of(now - window.updated), amounts.of(window.period))
  return amounts.min(refilled, window.limit)
end

local function find(asset, kind)
  local of = store.state().windows[asset]
  return of and of[kind]
end

local function put(asset, kind, window, available)
  local now = store.state().now
  store.set(
    store.state().windows[asset], kind, { limit = window.limit, period = window.period, available = available, updated = now }
  )
end
function windows.take(asset, kind, amount)
  local window = find(asset, kind)
  local available = window and windows.available(window, store.state().now) or amounts.ZERO
  failures.check(window and available >= amount, "WindowFull", { available = amounts.text(available), needed = amounts.text(amount) })
  put(asset, kind, window, available - amount)
end
function windows.force(asset, kind, amount)
  local window = find(asset, kind)
  if window then put(asset, kind, window, windows.available(window, store.state().now) - amount) end
end
function windows.configure(asset, kind, limit, period)
  local known = find(asset, kind)
  local available = known and amounts.min(windows.available(known, store.state().now), limit) or limit
  store.child(store.state().windows, asset)
  put(asset, kind, { limit = limit, period = period }, available)
end

return windows
end

package.loaded["tim3.words"] = nil
package.preload["tim3.words"] = function()
local failures = require("tim3.failures")
local keccak256 = require(".crypto").digest.keccak256

local words = {}

words.ZERO = ("\0"):rep(32)
function words.keccak(bytes)
  failures.check(#bytes % 136 ~= 135, "Unhashable", { length = #bytes })
  return keccak256(bytes).asString()
end

function words.hex(bytes)
  return "0x" .. bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end
function words.bytes(text)
  if type(text) ~= "string" or #text % 2 ~= 0 or not text:match("^0x%x*$") then return nil end
  return (text:sub(3):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end
function words.parse(text, what)
  local bytes = words.bytes(text)
  failures.check(bytes and #bytes == 32, "InvalidWord", { field = what, found = tostring(text) })
  return bytes
end
function words.integer(value)
  return ("\0"):rep(24) .. string.pack(">I8", value)
end

function words.boolean(value)
  return words.integer(value and 1 or 0)
end
function words.fits(word, bits)
  local zeros = 32 - bits // 8
  return word:sub(1, zeros) == ("\0"):rep(zeros)
end
function words.tointeger(word)
  failures.check(words.fits(word, 64) and word:byte(25) < 128, "MalformedContent", { word = words.hex(word) })
  return (string.unpack(">I8", word, 25))
end
function words.split(bytes)
  local list = {}
  for at = 1, #bytes, 32 do list[#list + 1] = bytes:sub(at, at + 31) end
  return list
end

return words
end

return require("tim3.main")
