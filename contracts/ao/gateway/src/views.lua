--- What the gateway answers about itself (contracts/PROTOCOL.md section 8): by dry-run, or by message. Words are hexadecimal, numbers
--- decimal texts. Every answer says in `at` which message the state is of.
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

-- A big-endian word of up to 64 bits as a decimal text.
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

-- ------------------------------------------------------------------------------------------------------------------- identity

--- Who this is and who may do what. `owner` could evaluate any code here: it should be the admin, or nobody.
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

--- The hash after the first `Count` events, where a message ended there; or, with `Nonce`, count and hash after the message that the
--- scheduler gave that number.
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

--- Events from sequence `From`, or from the first one at nonce `From-Nonce`, up to `To-Nonce`, `Limit` at most; a page of nonces ends
--- with a whole message. `covered` is the last nonce that the page speaks for.
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

-- ------------------------------------------------------------------------------------------------------------------- outcomes

function views.Outgoing(tags)
  local id = (store.state().outgoing[word(tags, "Destination")] or {})[number(tags, "Nonce")]
  return { operation = hex(id or words.ZERO) }
end

--- The outcomes at (Origin, Nonce) and the `Limit` nonces after it.
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

--- The votes for an order, given by its digest.
function views.Votes(tags)
  return { votes = tostring(attesters.count(word(tags, "Digest"))) }
end

function views.Attesters()
  local s = store.state()
  return { epoch = tostring(s.epoch), threshold = tostring(s.threshold), signers = hexes(s.signers) }
end

-- ---------------------------------------------------------------------------------------------------------------------- books

local TOTALS = { "minted", "burned", "debt", "badDebt", "claimable", "pending" }
local PEER_TOTALS = { "sent", "refunded", "settled", "voided" }

function views.Totals(tags)
  return texts(synthetics.totals((governance.asset(tags.Asset))), TOTALS)
end

function views.PeerTotals(tags)
  return texts(synthetics.peerTotals((governance.asset(tags.Asset)), word(tags, "Gateway")), PEER_TOTALS)
end

--- The totals of a synthetic with those of `Gateways` (words separated by commas), and the head they are of: one cut.
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
    -- In native units: what the token told of, what no account can be credited with, and what was paid twice.
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

-- ------------------------------------------------------------------------------------------------------------------ positions

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

--- What the sources of an oracle say together, given by its id or as that of a market: as of `time`, when the older of them said it.
function views.Oracle(tags)
  local oracle = tags.Market and book.market(word(tags, "Market")).terms.oracle or word(tags, "Oracle")
  local verdict, lower, higher, time = prices.quote(oracle)
  return { verdict = tostring(verdict), lower = lower and text(lower), higher = higher and text(higher), time = time and tostring(time) }
end

-- --------------------------------------------------------------------------------------------------------------------- limits

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

-- -------------------------------------------------------------------------------------------------------------------- payouts

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

--- Payouts from the one numbered `From`, `Limit` at most, of which only the pending ones are given unless `All` is true.
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

-- ----------------------------------------------------------------------------------------------------------------------- many

--- Several views of one state: data is a JSON array of objects that have a view's tags, `View` among them. A view that refuses answers
--- {error, detail}.
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
