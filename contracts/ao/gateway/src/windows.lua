--- A bucket of `limit` that refills by floor(elapsed * limit / period), never above `limit`.
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local store = require("tim3.store")

local windows = {}

windows.MINT, windows.RELEASE = 1, 2

--- What a bucket holds at `now`; it may be negative.
function windows.available(window, now)
  local refilled = window.available + amounts.floor(window.limit * amounts.of(now - window.updated), amounts.of(window.period))
  return amounts.min(refilled, window.limit)
end

local function find(asset, kind)
  local of = store.state().windows[asset]
  -- One that was never set lets nothing pass.
  return of and of[kind]
end

local function put(asset, kind, window, available)
  local now = store.state().now
  store.set(
    store.state().windows[asset], kind, { limit = window.limit, period = window.period, available = available, updated = now }
  )
end

--- Takes `amount`, or refuses: the order is delayed.
function windows.take(asset, kind, amount)
  local window = find(asset, kind)
  local available = window and windows.available(window, store.state().now) or amounts.ZERO
  failures.check(window and available >= amount, "WindowFull", { available = amounts.text(available), needed = amounts.text(amount) })
  put(asset, kind, window, available - amount)
end

--- Takes `amount` even where that leaves the bucket negative.
function windows.force(asset, kind, amount)
  local window = find(asset, kind)
  if window then put(asset, kind, window, windows.available(window, store.state().now) - amount) end
end

--- A new window is full; a changed one keeps what it has, as far as the new limit holds it.
function windows.configure(asset, kind, limit, period)
  local known = find(asset, kind)
  local available = known and amounts.min(windows.available(known, store.state().now), limit) or limit
  store.child(store.state().windows, asset)
  put(asset, kind, { limit = limit, period = period }, available)
end

return windows
