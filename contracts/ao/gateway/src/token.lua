--- The AO token standard over the synthetics. `Asset` names one (symbol or word); without it the first is meant.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local governance = require("tim3.governance")
local json = require("json")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")

local token = {}

local SYNTHETIC = 1

--- The synthetic that a message is about: word and record.
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
  -- Anything may ask, also what can hold nothing.
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

--- Moves the caller's tokens and tells both sides, with the caller's X- tags, unless Cast says to tell nobody. The gateway itself is
--- no recipient: what it holds is in custody.
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
