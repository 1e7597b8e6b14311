--- A constant-product pool for tests and local networks. It stands in for the pools of Botega, the AMM that Autonomous Finance published
--- (github.com/Autonomous-Finance/botega, `src/amm`): its messages to and from traders, its reasons and its arithmetic are those of that process to the
--- last unit, as its source has them, and so an adapter that trades with one trades with the other.
---
--- * The spawn's tags: `Token-A`, `Token-B`, `Fee-Bps` (25 without it), `AMM-Factory`, which is told of every order and relays it.
--- * A trader transfers one token to the pool, at the token, with `X-Action=Swap` and `X-Expected-Min-Output`. The pool hears of it by the token's `Credit-Notice` and
---   sends the other token a `Transfer` to the sender (`X-Action=Swap-Output`), and the factory an `Order-Confirmation` with `Relay-To`. Where it refuses, it sends the transfer
---   back (`X-Refund-Reason`, `X-Refunded-Transfer`, `X-Refunded-Order`), and the factory an `Order-Error`. What it does not know at all it sends back with `X-Error`.
--- * Of x it trades x' = floor(x * (10000 - bps) / 10000) and pays floor(s * x' / (r + x')); all of x stays in the reserves.
--- * `Get-Pair`, `Get-Reserves`, `Get-Fee-Percentage` and `Get-Swap-Output` are answered in tags.
---
--- What differs: liquidity is put in once (`X-Action=Provide` with both tokens, by one sender) and not taken out, so there are no tokens of the pool; there are no subscriptions,
--- discounts and fees for the protocol; `X-` tags are not passed on; a notice that was pushed twice counts once; and a quantity is below 2^128. Nothing real is ever deployed with it.
local bint = require(".bint")(512)

local A, B = ao.env.Process.Tags["Token-A"], ao.env.Process.Tags["Token-B"]
local FACTORY = ao.env.Process.Tags["AMM-Factory"] or ao.env.Process.Owner
local FEE, WHOLE = math.tointeger(tonumber(ao.env.Process.Tags["Fee-Bps"] or "25")), 10000
local LIMIT = bint.frombe("\1" .. ("\0"):rep(16))
assert(A and B and A ~= B, "a pool is of two tokens: Token-A and Token-B")
assert(FEE and FEE >= 0 and FEE < WHOLE, "Fee-Bps is a number below 10000")

-- Decimal texts, as aos keeps them between messages.
Reserves = Reserves or { [A] = "0", [B] = "0" }
--- Half of a provision, by its sender: token and quantity.
Provided = Provided or {}
--- The notices that were heard, by who pushed them for what.
Heard = Heard or {}

--- The number of a decimal text: digits only, no leading zero, above zero and below 2^128.
local function amount(text)
  if type(text) ~= "string" or #text > 39 or not text:match("^[1-9]%d*$") then return nil end
  local value = bint.fromstring(text)
  return value < LIMIT and value or nil
end

local function other(token)
  return token == A and B or A
end

--- What the pool would pay for a quantity of a token, without asking whether it may.
local function output(token, quantity)
  local reserve, paid = bint.fromstring(Reserves[token]), bint.fromstring(Reserves[other(token)])
  local traded = bint.udivmod(quantity * (WHOLE - FEE), bint(WHOLE))
  if bint.iszero(reserve) then return bint(0) end
  return (bint.udivmod(paid * traded, reserve + traded))
end

-- aos makes no difference between one message pushed twice and two; the token's number of what it pushed does.
local function isRepeated(msg)
  local cause, reference = msg.Tags["Pushed-For"], msg.Tags.Reference
  local key = cause and reference and table.concat({ msg.From, cause, reference }, ":") or msg.Id
  if Heard[key] then return true end
  Heard[key] = true
  return false
end

local function refund(msg, tags)
  local back = { Target = msg.From, Action = "Transfer", Recipient = msg.Tags.Sender, Quantity = msg.Tags.Quantity }
  for name, value in pairs(tags) do back[name] = value end
  ao.send(back)
end

--- Takes a quantity for the other token. Gives a reason where it does not, and then nothing has changed.
local function swap(msg, quantity)
  local least = amount(msg.Tags["X-Expected-Min-Output"])
  if msg.Tags["X-Expected-Output"] then return "X-Expected-Output is disabled, use X-Expected-Min-Output instead" end
  if not msg.Tags["X-Expected-Min-Output"] then return "X-Expected-Min-Output is not present" end
  if not least then return "Invalid expected min output" end
  local from, to = msg.From, other(msg.From)
  local reserve, left = bint.fromstring(Reserves[from]) + quantity, bint.fromstring(Reserves[to])
  if Reserves[from] == "0" or Reserves[to] == "0" then return "The reserves are empty" end
  if reserve >= LIMIT then return "Invalid input quantity" end
  local paid = output(from, quantity)
  if bint.iszero(paid) then return "There isn't enough liquidity in the reserves to complete this order" end
  if paid < least then return "Could not swap with expected min output" end

  Reserves[from], Reserves[to] = tostring(reserve), tostring(left - paid)
  local sender = msg.Tags.Sender
  ao.send({ Target = to, Action = "Transfer", Recipient = sender, Quantity = tostring(paid), ["X-Action"] = "Swap-Output" })
  ao.send({
    Target = FACTORY, Action = "Order-Confirmation", ["Relay-To"] = sender, User = sender, ["Order-Id"] = msg.Id,
    ["From-Token"] = from, ["From-Quantity"] = tostring(quantity), ["To-Token"] = to, ["To-Quantity"] = tostring(paid),
    ["Token-A"] = A, ["Token-B"] = B, ["Reserves-Token-A"] = Reserves[A], ["Reserves-Token-B"] = Reserves[B], ["Fee-Percentage"] = tostring(FEE / 100),
  })
end

--- Keeps one half until the other one is there. Gives a reason where it does not.
local function provide(msg, quantity)
  if Reserves[A] ~= "0" then return "This pool takes no further liquidity" end
  local sender, half = msg.Tags.Sender, Provided[msg.Tags.Sender]
  if half and half.token == msg.From then return "Half of a provision is there already" end
  if not half then
    Provided[sender] = { token = msg.From, quantity = tostring(quantity) }
    return
  end
  Provided[sender] = nil
  Reserves[half.token], Reserves[msg.From] = half.quantity, tostring(quantity)
  ao.send({
    Target = FACTORY, Action = "Provide-Confirmation", ["Relay-To"] = sender, ["Provide-Id"] = msg.Id, ["Token-A"] = half.token, ["Token-B"] = msg.From,
    ["Token-A-Quantity"] = half.quantity, ["Token-B-Quantity"] = tostring(quantity),
  })
end

local ACTIONS = { Swap = swap, Provide = provide }
local INTERACTIONS = { Swap = "Order", Provide = "Provide" }

Handlers.add("Credit-Notice", "Credit-Notice", function(msg)
  local quantity, sender, name = amount(msg.Tags.Quantity), msg.Tags.Sender, msg.Tags["X-Action"]
  assert(quantity, "Invalid token quantity")
  assert(type(sender) == "string" and #sender == 43, "Invalid sender")
  if isRepeated(msg) then return end
  local action = ACTIONS[name or ""]
  if not action or not Reserves[msg.From] then
    return refund(msg, {
      ["X-Action"] = (action and name or "Credit-Notice") .. "-Error", ["X-Error"] = action and "Token is not in pair" or "Invalid forwarded action",
    })
  end
  local reason = action(msg, quantity)
  if not reason then return end
  local interaction = INTERACTIONS[name]
  refund(msg, {
    ["X-Refund-Reason"] = reason, ["X-Refunded-Transfer"] = msg.Tags["Pushed-For"], ["X-Refunded-" .. interaction] = msg.Id,
  })
  ao.send({
    Target = FACTORY, Action = interaction .. "-Error", ["Relay-To"] = sender, ["Response-For"] = name, [interaction .. "-Id"] = msg.Id, Result = reason,
    ["From-Token"] = msg.From, ["From-Quantity"] = msg.Tags.Quantity, ["To-Token"] = other(msg.From), ["To-Quantity"] = msg.Tags["X-Expected-Min-Output"],
  })
end)

Handlers.add("Get-Pair", "Get-Pair", function(msg)
  msg.reply({ Action = "Get-Pair-Response", ["Token-A"] = A, ["Token-B"] = B })
end)

Handlers.add("Get-Reserves", "Get-Reserves", function(msg)
  msg.reply({ Action = "Get-Reserves-Response", [A] = Reserves[A], [B] = Reserves[B] })
end)

Handlers.add("Get-Fee-Percentage", "Get-Fee-Percentage", function(msg)
  local percentage = tostring(FEE / 100)
  msg.reply({
    Action = "Get-Fee-Percentage-Response", ["Fee-Percentage"] = percentage, ["LP-Fee-Percentage"] = percentage, ["Protocol-Fee-Percentage"] = "0",
  })
end)

Handlers.add("Get-Swap-Output", "Get-Swap-Output", function(msg)
  local token, quantity = msg.Tags.Token, amount(msg.Tags.Quantity)
  if not token or not Reserves[token] then return msg.reply({ Action = "Get-Swap-Output-Error", Status = "Error", Error = "Unknown token" }) end
  assert(quantity, "Please provide a valid 'Quantity' tag for the swap input")
  msg.reply({ Action = "Get-Swap-Output-Response", Output = tostring(output(token, quantity)) })
end)
