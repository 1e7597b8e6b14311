--- The Coordinator, also called Orchestrator.
Name = Name or "TIM3 Orchestrator"
Ticker = Ticker or "TIM3"
Version = Version or "1.0.0"

Config = Config or {
  collateralRatio = 1.0, minMintAmount = 1, maxMintAmount = variant.maxMintAmount or 100000,
  maxMintPerUser = 50000, maxMintPerBlock = 10000, blockTimeWindow = 3600, blockMintTotal = 0, lastBlockReset = 0,
  mintCooldownPeriod = 300, largeMinThreshold = 1000,
  systemActive = true, emergencyPaused = false, pendingTimeout = 300, totalCollateral = 0, totalTIM3Minted = 0,
}
UserPositions = UserPositions or {}
PendingMints = PendingMints or {}
PendingBurns = PendingBurns or {}
UserMintHistory = UserMintHistory or {}
ProcessInfo = ProcessInfo or { name = Name, ticker = Ticker, version = Version }

local function config() return Config end

local function refreshInfo()
  for _, name in ipairs({ "systemActive", "totalCollateral", "totalTIM3Minted", "collateralRatio" }) do ProcessInfo[name] = Config[name] end
end
refreshInfo()

-- ------------------------------------------------------------------------------------------------------------------ configuration

local PROCESSES = {
  MockUsdaProcess = "mockUsdaProcess", StateManagerProcess = "stateManagerProcess", LockManagerProcess = "lockManagerProcess",
  TokenManagerProcess = "tokenManagerProcess", AllowedUSDAProcess = "allowedUsdaProcess",
}

local settings = {
  CollateralRatio = number(config, "collateralRatio"), SystemActive = flag(config, "systemActive"),
  AdminProcess = field(config, "adminProcess"), PendingTimeout = number(config, "pendingTimeout"),
}
for tag, name in pairs(PROCESSES) do settings[tag] = field(config, name) end
configurable(settings, refreshInfo)

local function processes()
  local known = {}
  for _, name in pairs(PROCESSES) do known[name] = Config[name] end
  return known
end

on("SetProcessConfig", function(msg)
  for tag, name in pairs(PROCESSES) do
    if msg.Tags[tag] then Config[name] = msg.Tags[tag] end
  end
  refreshInfo()
  local answer = processes()
  answer.timestamp = os.time()
  say(msg.From, "SetProcessConfig-Response", answer)
end)

for _, tag in ipairs({ "MockUsdaProcess", "StateManagerProcess", "LockManagerProcess", "TokenManagerProcess" }) do
  on("Set" .. tag, function(msg)
    local name = PROCESSES[tag]
    Config[name] = msg.Tags.ProcessId or msg.Data
    refreshInfo()
    say(msg.From, "Set" .. tag .. "-Response", { [name] = Config[name], status = "configured" })
  end)
end

on("EmergencyPause", function(msg)
  if Config.adminProcess and msg.From ~= Config.adminProcess then
    return refuse(msg, "EmergencyPause", "Unauthorized - only admin can pause system")
  end
  local pause = msg.Tags.Pause == "true"
  Config.emergencyPaused, Config.systemActive = pause, not pause
  say(ao.id, "EmergencyPause-Log", { paused = pause, by = msg.From, timestamp = os.time(), reason = msg.Tags.Reason or "No reason provided" })
  say(msg.From, "EmergencyPause-Response", { emergencyPaused = pause, systemActive = not pause, timestamp = os.time() })
end)

-- -------------------------------------------------------------------------------------------------------------------------- reading

on("GetConfig", function(msg)
  local system = {}
  for _, name in ipairs({ "collateralRatio", "minMintAmount", "maxMintAmount", "systemActive" }) do system[name] = Config[name] end
  say(msg.From, "GetConfig-Response", { processes = processes(), systemConfig = system, timestamp = os.time() })
end)

on("Info", function(msg)
  refreshInfo()
  say(msg.From, "Info-Response", ProcessInfo)
end)

local function positionOf(user)
  return UserPositions[user] or { collateral = 0, tim3Minted = 0, collateralRatio = 0, healthFactor = 0 }
end

on("GetPosition", function(msg)
  local user = msg.Tags.User or msg.From
  local position = positionOf(user)
  if position.tim3Minted > 0 then
    position.collateralRatio = position.collateral / position.tim3Minted
    position.healthFactor = position.collateralRatio / Config.collateralRatio
  end
  say(msg.From, "Position-Response", { user = user, position = position })
end)

-- -------------------------------------------------------------------------------------------------------------------------- expiry

--- `pendingTimeout` says seconds; the time of messages is in milliseconds (H5).
local function expire(pending, action, idName)
  local old = {}
  for id, operation in pairs(pending) do
    if os.time() - operation.timestamp > Config.pendingTimeout then old[#old + 1] = id end
  end
  for _, id in ipairs(old) do
    say(pending[id].user, action .. "-Timeout", { [idName] = id, message = "Operation timed out after " .. Config.pendingTimeout .. " seconds" })
    pending[id] = nil
  end
  return #old
end

local function expireAll() return expire(PendingMints, "MintTIM3", "mintId") + expire(PendingBurns, "BurnTIM3", "burnId") end

on("CleanupExpired", function(msg)
  local cleaned = expireAll()
  say(msg.From, "CleanupExpired-Response", { cleanedOperations = cleaned, timestamp = os.time() })
end)

on("SystemHealth", function(msg)
  expireAll()
  local holders = 0
  for _, position in pairs(UserPositions) do
    if position.tim3Minted > 0 then holders = holders + 1 end
  end
  say(msg.From, "SystemHealth-Response", {
    systemActive = Config.systemActive, totalCollateral = text(Config.totalCollateral), totalTIM3Minted = text(Config.totalTIM3Minted),
    globalCollateralRatio = text(Config.totalTIM3Minted > 0 and Config.totalCollateral / Config.totalTIM3Minted or 0),
    targetCollateralRatio = text(Config.collateralRatio), userPositions = holders,
  })
end)

-- -------------------------------------------------------------------------------------------------------------------------- limits

local function startWindow()
  local now = os.time()
  if now - Config.lastBlockReset >= Config.blockTimeWindow then
    Config.blockMintTotal, Config.lastBlockReset = 0, now
  end
end

local function overLimit(user, amount)
  startWindow()
  if Config.blockMintTotal + amount > Config.maxMintPerBlock then
    return "Block mint limit exceeded (max " .. Config.maxMintPerBlock .. " per " .. (Config.blockTimeWindow / 3600) .. "h)"
  end
  UserMintHistory[user] = UserMintHistory[user] or { totalMinted = 0, lastLargeMint = 0, mintCount = 0 }
  local history = UserMintHistory[user]
  if history.totalMinted + amount > Config.maxMintPerUser then
    return "User mint limit exceeded (max " .. Config.maxMintPerUser .. " per user)"
  end
  local waited = os.time() - history.lastLargeMint
  if amount >= Config.largeMinThreshold and waited < Config.mintCooldownPeriod then
    return "Large mint cooldown active (wait " .. (Config.mintCooldownPeriod - waited) .. " seconds)"
  end
end

--- Fails for a user who never called MintTIM3 (D6), and by then the books are written.
local function countMint(user, amount)
  startWindow()
  Config.blockMintTotal = Config.blockMintTotal + amount
  local history = UserMintHistory[user]
  history.totalMinted = history.totalMinted + amount
  history.mintCount = history.mintCount + 1
  if amount >= Config.largeMinThreshold then history.lastLargeMint = os.time() end
end

local function stopped(msg, action)
  if Config.systemActive and not Config.emergencyPaused then return false end
  refuse(msg, action, Config.emergencyPaused and "System is in emergency pause" or "System is currently inactive")
  return true
end

-- ---------------------------------------------------------------------------------------------------------------------------- mint

on("MintTIM3", function(msg)
  local user, amount = msg.From, tonumber(msg.Tags.Amount or msg.Tags.Quantity)
  if stopped(msg, "MintTIM3") then return end
  local why = outside(amount, Config.minMintAmount, Config.maxMintAmount) or overLimit(user, amount)
  if why then return refuse(msg, "MintTIM3", why) end
  local collateral = amount * Config.collateralRatio
  if not Config.mockUsdaProcess then return refuse(msg, "MintTIM3", "Mock USDA process not configured") end
  local id = newId(user, "mint")
  PendingMints[id] = { mintId = id, user = user, tim3Amount = amount, requiredCollateral = collateral, timestamp = os.time(), status = "pending" }
  ask(Config.lockManagerProcess, "LockCollateral", { User = user, Amount = tostring(collateral), Purpose = "TIM3-mint-" .. id })
  say(user, "MintTIM3-Pending", {
    mintId = id, user = user, tim3Amount = text(amount), requiredCollateral = text(collateral), status = "pending-collateral-lock",
  })
end)

local function pendingOf(msg)
  local content = json.decode(msg.Data or "{}")
  local id = (content.purpose or ""):match("TIM3%-mint%-(.+)")
  return id and PendingMints[id], content
end

local function requestMint(pending)
  ask(Config.tokenManagerProcess, "Mint", {
    Recipient = pending.user, Amount = tostring(pending.tim3Amount), Purpose = "TIM3-mint-" .. pending.mintId,
  })
end

on("LockCollateral-Success", function(msg)
  if msg.From ~= Config.lockManagerProcess then return end
  local pending, content = pendingOf(msg)
  if not pending then return end
  if not Config.tokenManagerProcess then
    return ao.send({ Target = pending.user, Action = "MintTIM3-Error", Data = "Token manager not configured" })
  end
  requestMint(pending)
  pending.status, pending.lockId = "pending-token-mint", content.lockId
  say(pending.user, "MintTIM3-Progress", { mintId = pending.mintId, status = "collateral-locked-minting-tokens" })
end)

--- The deposit path. What is not exactly as wanted is ignored, and nothing is given back.
on("Credit-Notice", function(msg)
  if not Config.systemActive or Config.emergencyPaused or not Config.tokenManagerProcess then return end
  if not Config.allowedUsdaProcess or msg.From ~= Config.allowedUsdaProcess then return end
  if msg.To and msg.To ~= ao.id then return end
  local sender, amount = msg.Tags.Sender or msg.From, tonumber(msg.Tags.Quantity)
  if not usable(amount) then return end
  local id = newId(sender, "deposit")
  PendingMints[id] = {
    mintId = id, user = sender, tim3Amount = amount, requiredCollateral = amount, timestamp = os.time(), status = "pending-token-mint",
  }
  requestMint(PendingMints[id])
end, "USDA-Credit-Notice")

local function report(user, action, id, amounts, position)
  local answer = { user = user, newPosition = {} }
  answer[id.name] = id.value
  for name, value in pairs(amounts) do answer[name] = text(value) end
  for name, value in pairs(position) do answer.newPosition[name] = text(value) end
  say(user, action, answer)
end

--- With tags that the State Manager does not read, and operations that it takes for an overwriting (D5).
local function updateState(user, operation, sign, amount, collateral)
  if not Config.stateManagerProcess then return end
  ask(Config.stateManagerProcess, "UpdatePosition", {
    User = user, TokenType = "TIM3", Amount = sign .. tostring(amount), Operation = operation, CollateralType = "USDA",
    CollateralAmount = sign .. tostring(collateral), Timestamp = tostring(os.time()),
  })
end

on("Mint-Response", function(msg)
  if msg.From ~= Config.tokenManagerProcess then return end
  local pending = pendingOf(msg)
  if not pending then return end
  local user, amount, collateral = pending.user, pending.tim3Amount, pending.requiredCollateral
  local position = positionOf(user)
  position.collateral, position.tim3Minted = position.collateral + collateral, position.tim3Minted + amount
  position.collateralRatio = position.collateral / position.tim3Minted
  position.healthFactor = position.collateralRatio
  UserPositions[user] = position
  Config.totalCollateral, Config.totalTIM3Minted = Config.totalCollateral + collateral, Config.totalTIM3Minted + amount
  refreshInfo()
  updateState(user, "mint", "", amount, collateral)
  countMint(user, amount)
  PendingMints[pending.mintId] = nil
  report(user, "MintTIM3-Response", { name = "mintId", value = pending.mintId }, { tim3Minted = amount, collateralLocked = collateral }, position)
  say(ao.id, "MintTIM3-Log", { mintId = pending.mintId, user = user, tim3Amount = amount, collateralAmount = collateral, timestamp = tostring(os.time()) })
end)

-- ---------------------------------------------------------------------------------------------------------------------------- burn

on("BurnTIM3", function(msg)
  local user, amount = msg.From, tonumber(msg.Tags.Amount or msg.Tags.Quantity)
  if stopped(msg, "BurnTIM3") then return end
  if not usable(amount) then return refuse(msg, "BurnTIM3", "Invalid burn amount") end
  if positionOf(user).tim3Minted < amount then return refuse(msg, "BurnTIM3", "Insufficient TIM3 balance to burn") end
  if not Config.tokenManagerProcess then return refuse(msg, "BurnTIM3", "Token manager not configured") end
  local collateral, id = amount * Config.collateralRatio, newId(user, "burn")
  PendingBurns[id] = { burnId = id, user = user, tim3Amount = amount, collateralToRelease = collateral, timestamp = os.time(), status = "pending-burn" }
  ask(Config.tokenManagerProcess, "Burn", { User = user, Amount = tostring(amount), Purpose = "TIM3-burn-" .. id })
  say(user, "BurnTIM3-Pending", {
    burnId = id, user = user, tim3Amount = text(amount), collateralToRelease = text(collateral), status = "pending-token-burn",
  })
end)

on("Burn-Response", function(msg)
  if msg.From ~= Config.tokenManagerProcess then return end
  local content = json.decode(msg.Data or "{}")
  local own = content.purpose and content.purpose:match("TIM3%-burn%-(.+)")
  -- The Token Manager's number wins, which is never ours (D3).
  local id = variant.patched and own or content.burnId or own
  local pending = id and PendingBurns[id]
  if not pending then return end
  if not Config.lockManagerProcess then
    ao.send({ Target = pending.user, Action = "BurnTIM3-Error", Data = "Lock manager not configured" })
    PendingBurns[id] = nil
    return
  end
  ask(Config.lockManagerProcess, "UnlockCollateral", {
    User = pending.user, Amount = tostring(pending.collateralToRelease), Purpose = "TIM3-burn-" .. id,
  })
  pending.status = "pending-unlock"
  say(pending.user, "BurnTIM3-Progress", { burnId = id, status = "tokens-burned-unlocking-collateral" })
end)

--- Texts are compared, "25.0" with "25" (D4).
local function same(released, told)
  if variant.patched then return released == tonumber(told) end
  return tostring(released) == tostring(tonumber(told))
end

on("UnlockCollateral-Success", function(msg)
  if msg.From ~= Config.lockManagerProcess then return end
  local content = json.decode(msg.Data or "{}")
  local pending
  for _, burn in pairs(PendingBurns) do
    if burn.user == content.user and same(burn.collateralToRelease, content.unlockedAmount or "0") and burn.status == "pending-unlock" then
      pending = burn
      break
    end
  end
  if not pending then return end
  local user, amount, collateral = pending.user, pending.tim3Amount, pending.collateralToRelease
  local position = positionOf(user)
  position.collateral, position.tim3Minted = position.collateral - collateral, position.tim3Minted - amount
  position.collateralRatio = position.tim3Minted > 0 and position.collateral / position.tim3Minted or 0
  position.healthFactor = position.tim3Minted > 0 and position.collateralRatio / Config.collateralRatio or 0
  UserPositions[user] = position
  Config.totalCollateral, Config.totalTIM3Minted = Config.totalCollateral - collateral, Config.totalTIM3Minted - amount
  refreshInfo()
  updateState(user, "burn", "-", amount, collateral)
  PendingBurns[pending.burnId] = nil
  report(user, "BurnTIM3-Response", { name = "burnId", value = pending.burnId }, { tim3Burned = amount, collateralReleased = collateral }, position)
  say(ao.id, "BurnTIM3-Log", { burnId = pending.burnId, user = user, tim3Amount = amount, collateralReleased = collateral, timestamp = tostring(os.time()) })
end)
