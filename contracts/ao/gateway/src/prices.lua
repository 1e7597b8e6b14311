--- Prices that sources have sent, kept with their time. An oracle is one or two sources with the ages they may have; its id names all
--- of that, so that the terms of a market do, too.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local store = require("tim3.store")
local words = require("tim3.words")

local prices = {}

prices.VERDICT = { UNAVAILABLE = 0, INCOMPLETE = 2, STALE = 4, VALID = 5 }
local VERDICT = prices.VERDICT

-- How far ahead of the scheduler a source's clock may be.
local SKEW_SECONDS = 60

local function read(source, feed, now)
  local price = (store.state().prices[source.account] or {})[feed]
  if not price then return VERDICT.UNAVAILABLE end
  return now - price.time > source.maxAge and VERDICT.STALE or VERDICT.VALID, price
end

--- Verdict of the worst source, the lower and the higher price, which mean something only when it is valid, and the time of the older one.
function prices.quote(oracleId)
  local oracle = store.state().oracles[oracleId]
  if not oracle then return VERDICT.UNAVAILABLE end
  local worst, lower, higher, time = VERDICT.VALID, nil, nil, nil
  for _, source in ipairs(oracle.sources) do
    local verdict, price = read(source, oracle.feed, store.state().now)
    -- With a source missing there is no price at all.
    if not price then return verdict end
    worst = math.min(worst, verdict)
    lower = lower and amounts.min(lower, price.value) or price.value
    higher = higher and higher > price.value and higher or price.value
    time = math.min(time or price.time, price.time)
  end
  return worst, lower, higher, time
end

--- Both prices, or it is refused.
function prices.valid(market)
  local verdict, lower, higher = prices.quote(market.terms.oracle)
  failures.check(verdict == VERDICT.VALID, "PriceUnavailable", { verdict = verdict })
  return lower, higher
end

--- What turns amounts of a market into values.
function prices.scales(market, price)
  local s = store.state()
  local collateral = s.assets[market.collateral]
  return { price = price, target = s.assets[market.synthetic].target, decimals = collateral.decimals, native = collateral.native }
end

--- A source's own word on a feed. Older than what it said before is not news; ahead of the scheduler's time is refused.
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

--- Registers an oracle; gives its id.
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
