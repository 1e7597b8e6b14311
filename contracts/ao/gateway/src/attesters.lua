--- t of n attesters, who are wallets here: an attester's message is its signature. A vote is for an order under an epoch; the votes
--- for one digest are those of distinct current attesters.
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

--- The orders of a message: JSON, an array of {action, content}.
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

--- How many current attesters are for an order.
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

-- One order: a vote where there is a voter, and its execution when it has enough. `enough` says whether it has.
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

--- An attester's word for a batch of orders, under the epoch it names. Those that have enough votes with it are executed, unless the tag
--- `Execute` is false: then only the word counts, and one later message executes all orders of a batch.
function attesters.attest(msg)
  local s = store.state()
  local voter = accounts.word(msg.From)
  failures.check(voter and s.signerSet[voter], "NotAttester")
  failures.check(msg.Tags.Epoch == tostring(s.epoch), "WrongEpoch", { found = tostring(msg.Tags.Epoch), current = tostring(s.epoch) })
  return answer(all(attesters.parse(msg.Data), voter, msg.Tags.Execute == "false" and never or byThreshold))
end

--- Tries orders again that have enough votes. Permissionless.
function attesters.execute(msg)
  local results = all(attesters.parse(msg.Data), nil, byThreshold)
  for _, result in ipairs(results) do
    if result.code == tostring(attesters.RECORDED) then
      result.code, result.reason = tostring(attesters.REJECTED), "TooFewVotes"
    end
  end
  return answer(results)
end

--- What a batch would do if every order in it had enough votes. Changes nothing.
function attesters.simulate(msg)
  local list, results = attesters.parse(msg.Data), nil
  store.atomically(function()
    results = all(list, nil, function() return true end)
    error("take it back", 0)
  end)
  return answer(results)
end

return attesters
