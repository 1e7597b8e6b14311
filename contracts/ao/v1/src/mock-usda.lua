--- The mock USDA: a token whose one locked sum a user anybody may raise and lower.
Name = Name or "Mock USDA"
Ticker = Ticker or "mUSDT"
Denomination = Denomination or 6
Balances = Balances or {}
Locked = Locked or {}
TotalSupply = TotalSupply or 0

local function balanceOf(account) return Balances[account] or 0 end
local function lockedOf(account) return Locked[account] or 0 end
local function free(account) return text(balanceOf(account) - lockedOf(account)) end

on("Info", function(msg)
  say(msg.From, "Info-Response", { name = Name, ticker = Ticker, denomination = Denomination, totalSupply = TotalSupply })
end)

on("Balance", function(msg)
  local target = msg.Tags.Target or msg.From
  say(msg.From, "Balance-Response", { target = target, balance = text(balanceOf(target)), locked = text(lockedOf(target)), available = free(target) })
end)

on("Balances", function(msg) say(msg.From, "Balances-Response", Balances) end)

on("Mint", function(msg)
  local recipient, amount = msg.Tags.Recipient or msg.From, tonumber(msg.Tags.Quantity or msg.Tags.Amount or "1000")
  if not usable(amount) then return refuse(msg, "Mint", "Invalid mint amount") end
  Balances[recipient], TotalSupply = balanceOf(recipient) + amount, TotalSupply + amount
  say(msg.From, "Mint-Response", { recipient = recipient, amount = text(amount), newBalance = text(Balances[recipient]) })
  if recipient ~= msg.From then
    say(recipient, "Credit-Notice", { from = "Mock-USDA-Mint", amount = text(amount), newBalance = text(Balances[recipient]) })
  end
end)

on("Transfer", function(msg)
  local sender, recipient, amount = msg.From, msg.Tags.Recipient, tonumber(msg.Tags.Quantity or msg.Tags.Amount)
  local why = not recipient and "Recipient required" or not usable(amount) and "Invalid amount"
    or balanceOf(sender) - lockedOf(sender) < amount and "Insufficient available balance"
  if why then return refuse(msg, "Transfer", why) end
  Balances[sender] = Balances[sender] - amount
  Balances[recipient] = balanceOf(recipient) + amount
  say(sender, "Transfer-Response", { recipient = recipient, amount = text(amount), newBalance = text(Balances[sender]) })
  say(recipient, "Credit-Notice", { from = sender, amount = text(amount), newBalance = text(Balances[recipient]) })
end)

on("Lock", function(msg)
  local user, amount = msg.Tags.User or msg.From, tonumber(msg.Tags.Amount or msg.Tags.Quantity)
  local why = not usable(amount) and "Invalid amount" or balanceOf(user) - lockedOf(user) < amount and "Insufficient available balance for lock"
  if why then return refuse(msg, "Lock", why) end
  Locked[user] = lockedOf(user) + amount
  say(msg.From, "Lock-Response", { user = user, amount = text(amount), totalLocked = text(Locked[user]), availableBalance = free(user) })
  if msg.Tags.Locker then
    say(msg.Tags.Locker, "Lock-Confirmed", {
      user = user, amount = text(amount), lockId = msg.Tags.LockId or (user .. "-" .. tostring(os.time())), purpose = msg.Tags.Purpose,
    })
  end
end)

on("Unlock", function(msg)
  local user, amount = msg.Tags.User or msg.From, tonumber(msg.Tags.Amount or msg.Tags.Quantity)
  local why = not usable(amount) and "Invalid amount" or lockedOf(user) < amount and "Insufficient locked balance"
  if why then return refuse(msg, "Unlock", why) end
  Locked[user] = Locked[user] - amount
  say(msg.From, "Unlock-Response", { user = user, amount = text(amount), remainingLocked = text(Locked[user]), availableBalance = free(user) })
  say(user, "Unlock-Notice", { amount = text(amount), unlockedBy = msg.From, availableBalance = free(user) })
end)
