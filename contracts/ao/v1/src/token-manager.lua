--- The Token Manager: the TIM3 token.
Name = Name or "TIM3 Token Manager"
Ticker = Ticker or "TIM3-TOKEN"
Version = Version or "1.0.0"

TokenInfo = TokenInfo or { name = "TIM3 Token", ticker = "TIM3", denomination = 6, totalSupply = 0, logo = "tim3-logo" }
Balances = Balances or {}
MintOperations = MintOperations or {}
BurnOperations = BurnOperations or {}
TokenStats = TokenStats
  or { totalMinted = 0, totalBurned = 0, totalTransfers = 0, uniqueHolders = 0, largestBalance = 0, mintOperations = 0, burnOperations = 0 }
Config = Config or {
  maxSupply = 300, minMintAmount = 1, maxMintAmount = 100000, allowedMinters = {}, allowedBurners = {}, requireConfirmation = true,
  transfersEnabled = true, mintingEnabled = true, burningEnabled = true,
}

local function config() return Config end

configurable({
  CoordinatorProcess = field(config, "coordinatorProcess"), StateManagerProcess = field(config, "stateManagerProcess"),
  LockManagerProcess = field(config, "lockManagerProcess"), MaxSupply = number(config, "maxSupply"),
  TransfersEnabled = flag(config, "transfersEnabled"), MintingEnabled = flag(config, "mintingEnabled"),
  BurningEnabled = flag(config, "burningEnabled"), MinMintAmount = number(config, "minMintAmount"), MaxMintAmount = number(config, "maxMintAmount"),
})

local function allowed(caller, list)
  if not Config.requireConfirmation or caller == Config.coordinatorProcess then return true end
  for _, known in ipairs(list) do
    if caller == known then return true end
  end
  return false
end

local function refreshStats()
  TokenStats.uniqueHolders, TokenStats.largestBalance = 0, 0
  for _, balance in pairs(Balances) do
    if balance > 0 then
      TokenStats.uniqueHolders = TokenStats.uniqueHolders + 1
      TokenStats.largestBalance = math.max(TokenStats.largestBalance, balance)
    end
  end
  TokenInfo.totalSupply = TokenStats.totalMinted - TokenStats.totalBurned
end

local function balanceOf(account) return Balances[account] or 0 end

local function tellState(user, amount)
  if Config.stateManagerProcess then
    ask(Config.stateManagerProcess, "UpdatePosition", { User = user, TIM3Balance = tostring(amount), Operation = "add" })
  end
end

-- -------------------------------------------------------------------------------------------------------------------------- reading

on("Info", function(msg)
  refreshStats()
  say(msg.From, "Info-Response", {
    processInfo = { name = Name, ticker = Ticker, version = Version }, tokenInfo = TokenInfo, tokenStats = TokenStats,
    config = {
      maxSupply = Config.maxSupply, transfersEnabled = Config.transfersEnabled, mintingEnabled = Config.mintingEnabled,
      burningEnabled = Config.burningEnabled,
    },
  })
end)

on("Balance", function(msg)
  local target = msg.Tags.Target or msg.From
  say(msg.From, "Balance-Response", { target = target, balance = text(balanceOf(target)), ticker = TokenInfo.ticker })
end)

on("Balances", function(msg)
  local positive = {}
  for account, balance in pairs(Balances) do
    if balance > 0 then positive[account] = text(balance) end
  end
  say(msg.From, "Balances-Response", positive)
end)

on("TokenStats", function(msg)
  refreshStats()
  local info, stats = TokenInfo, TokenStats
  say(msg.From, "TokenStats-Response", {
    tokenInfo = { name = info.name, ticker = info.ticker, totalSupply = text(info.totalSupply), denomination = info.denomination },
    statistics = {
      totalMinted = text(stats.totalMinted), totalBurned = text(stats.totalBurned), totalTransfers = stats.totalTransfers,
      uniqueHolders = stats.uniqueHolders, largestBalance = text(stats.largestBalance), mintOperations = stats.mintOperations,
      burnOperations = stats.burnOperations,
    },
  })
end)

--- The only place, with GetLockInfo, where a Purpose can be found again.
on("GetOperation", function(msg)
  local kind, id, user, found = msg.Tags.OperationType, msg.Tags.OperationId, msg.Tags.User, {}
  local operations = kind == "mint" and MintOperations or kind == "burn" and BurnOperations
  if not operations then return refuse(msg, "GetOperation", "OperationType must be 'mint' or 'burn'") end
  if id then
    found[id] = operations[id]
  elseif user then
    for other, operation in pairs(operations) do
      if (operation.recipient or operation.user) == user then found[other] = operation end
    end
  end
  say(msg.From, "Operation-Response", { operationType = kind, operations = found, count = count(found) })
end)

-- -------------------------------------------------------------------------------------------------------------------- mint and burn

--- The same request twice mints twice (H3).
on("Mint", function(msg)
  local recipient, amount = msg.Tags.Recipient or msg.Tags.Target, tonumber(msg.Tags.Quantity or msg.Tags.Amount)
  local purpose = msg.Tags.Purpose or "TIM3-mint"
  local why = not Config.mintingEnabled and "Minting is currently disabled"
    or not allowed(msg.From, Config.allowedMinters) and "Unauthorized minter - must be coordinator process"
    or not recipient and "Recipient required" or outside(amount, Config.minMintAmount, Config.maxMintAmount)
    or TokenInfo.totalSupply + amount > Config.maxSupply and "Minting would exceed max supply"
  if why then return refuse(msg, "Mint", why) end
  local id = newId(recipient, "mint")
  Balances[recipient] = balanceOf(recipient) + amount
  TokenStats.totalMinted, TokenStats.mintOperations = TokenStats.totalMinted + amount, TokenStats.mintOperations + 1
  MintOperations[id] = { mintId = id, recipient = recipient, amount = amount, minter = msg.From, purpose = purpose, timestamp = os.time() }
  refreshStats()
  local balance = text(Balances[recipient])
  say(msg.From, "Mint-Response", {
    mintId = id, recipient = recipient, amount = text(amount), newBalance = balance, totalSupply = text(TokenInfo.totalSupply),
    purpose = variant.patched and purpose or nil, -- left out (D2)
  })
  say(recipient, "Credit-Notice", { from = "TIM3-Mint", amount = text(amount), newBalance = balance, mintId = id })
  tellState(recipient, amount)
end)

on("Burn", function(msg)
  local user, amount = msg.Tags.User or msg.From, tonumber(msg.Tags.Quantity or msg.Tags.Amount)
  local purpose = msg.Tags.Purpose or "TIM3-burn"
  local why = not Config.burningEnabled and "Burning is currently disabled"
    or user ~= msg.From and not allowed(msg.From, Config.allowedBurners) and "Unauthorized to burn tokens for this user"
    or not usable(amount) and "Invalid burn amount" or balanceOf(user) < amount and "Insufficient balance to burn"
  if why then return refuse(msg, "Burn", why) end
  local id = newId(user, "burn")
  Balances[user] = Balances[user] - amount
  TokenStats.totalBurned, TokenStats.burnOperations = TokenStats.totalBurned + amount, TokenStats.burnOperations + 1
  BurnOperations[id] = { burnId = id, user = user, amount = amount, burner = msg.From, purpose = purpose, timestamp = os.time() }
  refreshStats()
  local balance = text(Balances[user])
  say(msg.From, "Burn-Response", {
    burnId = id, user = user, amount = text(amount), newBalance = balance, totalSupply = text(TokenInfo.totalSupply), purpose = purpose,
  })
  if user ~= msg.From then
    say(user, "Debit-Notice", { burnedBy = msg.From, amount = text(amount), newBalance = balance, burnId = id })
  end
  tellState(user, -amount)
end)

on("Transfer", function(msg)
  local sender, recipient = msg.From, msg.Tags.Recipient or msg.Tags.Target
  local amount = tonumber(msg.Tags.Quantity or msg.Tags.Amount)
  local why = not Config.transfersEnabled and "Transfers are currently disabled" or not recipient and "Recipient required"
    or not usable(amount) and "Invalid transfer amount" or balanceOf(sender) < amount and "Insufficient balance"
  if why then return refuse(msg, "Transfer", why) end
  Balances[sender] = Balances[sender] - amount
  Balances[recipient] = balanceOf(recipient) + amount
  TokenStats.totalTransfers = TokenStats.totalTransfers + 1
  refreshStats()
  say(sender, "Transfer-Response", { recipient = recipient, amount = text(amount), newBalance = text(Balances[sender]) })
  say(recipient, "Credit-Notice", { from = sender, amount = text(amount), newBalance = text(Balances[recipient]) })
end)
