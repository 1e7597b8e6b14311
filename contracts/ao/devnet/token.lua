--- A collateral token for devnets and tests: the AO token standard as real ones keep it (tags, X- tags forwarded to both notices,
--- Transfer-Error with the Message-Id), and a Mint that is for the owner of the process. Ticker and Denomination are tags of the spawn.
local bint = require(".bint")(256)
local json = require("json")

Balances = Balances or {}
Supply = Supply or "0"
Ticker = Ticker or ao.env.Process.Tags.Ticker or "USDA"
Denomination = Denomination or ao.env.Process.Tags.Denomination or "12"

local function add(account, amount)
  Balances[account] = tostring(bint(Balances[account] or "0") + amount)
end

local function quantity(msg)
  local text = msg.Tags.Quantity
  if type(text) ~= "string" or #text > 70 or not text:match("^[1-9]%d*$") then return nil end
  return bint.fromstring(text)
end

local function refuse(msg, why)
  msg.reply({ Action = msg.Action .. "-Error", ["Message-Id"] = msg.Id, Error = why })
end

Handlers.add("Info", "Info", function(msg)
  msg.reply({ Action = "Info-Response", Name = Ticker, Ticker = Ticker, Denomination = Denomination, Logo = "" })
end)

Handlers.add("Balance", "Balance", function(msg)
  local account = msg.Tags.Recipient or msg.Tags.Target or msg.From
  local balance = Balances[account] or "0"
  msg.reply({ Action = "Balance-Response", Balance = balance, Ticker = Ticker, Account = account, Data = balance })
end)

Handlers.add("Balances", "Balances", function(msg)
  msg.reply({ Action = "Balances-Response", Data = json.encode(Balances) })
end)

Handlers.add("Total-Supply", "Total-Supply", function(msg)
  msg.reply({ Action = "Total-Supply-Response", Data = Supply, Ticker = Ticker })
end)

Handlers.add("Transfer", "Transfer", function(msg)
  local amount, to = quantity(msg), msg.Tags.Recipient
  if not amount then return refuse(msg, "Invalid Quantity") end
  if type(to) ~= "string" or #to ~= 43 then return refuse(msg, "Invalid Recipient") end
  if Frozen and Frozen[to] then return refuse(msg, "Frozen") end
  if bint.ult(bint(Balances[msg.From] or "0"), amount) then return refuse(msg, "Insufficient Balance!") end
  add(msg.From, -amount)
  add(to, amount)
  if msg.Tags.Cast then return end
  local debit = { Action = "Debit-Notice", Recipient = to, Quantity = tostring(amount) }
  local credit = { Target = to, Action = "Credit-Notice", Sender = msg.From, Quantity = tostring(amount) }
  for name, value in pairs(msg.Tags) do
    if name:sub(1, 2) == "X-" then debit[name], credit[name] = value, value end
  end
  msg.reply(debit)
  ao.send(credit)
end)

Handlers.add("Mint", "Mint", function(msg)
  local amount = quantity(msg)
  if msg.From ~= Owner or not amount then return refuse(msg, "Only the owner mints") end
  add(msg.Tags.Recipient or msg.From, amount)
  Supply = tostring(bint(Supply) + amount)
  msg.reply({ Action = "Mint-Response", Quantity = tostring(amount) })
end)

--- Makes an account one that transfers to are refused for.
Handlers.add("Freeze", "Freeze", function(msg)
  if msg.From ~= Owner then return refuse(msg, "Only the owner freezes") end
  Frozen = Frozen or {}
  Frozen[msg.Tags.Account] = msg.Tags.Frozen == "true" or nil
  msg.reply({ Action = "Freeze-Response" })
end)
