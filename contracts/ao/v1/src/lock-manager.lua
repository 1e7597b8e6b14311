--- The Lock Manager: a record for each lock of collateral, none ever deleted.
Name = Name or "TIM3 Lock Manager"
Ticker = Ticker or "TIM3-LOCK"
Version = Version or "1.0.0"

CollateralLocks = CollateralLocks or {}
PendingOps = PendingOps or {}
LockStats = LockStats or { totalLocked = 0, totalLocks = 0, activeLocks = 0, totalUnlocked = 0 }
Config = Config or { minLockAmount = 1, maxLockAmount = 1000000, lockDuration = 0, allowedCallers = {}, requireConfirmation = true }

local function config() return Config end

configurable({
  CoordinatorProcess = field(config, "coordinatorProcess"), StateManagerProcess = field(config, "stateManagerProcess"),
  MockUsdaProcess = field(config, "mockUsdaProcess"), MinLockAmount = number(config, "minLockAmount"),
  MaxLockAmount = number(config, "maxLockAmount"), RequireConfirmation = flag(config, "requireConfirmation"),
})

local function mayCall(caller)
  if not Config.requireConfirmation or caller == Config.coordinatorProcess or caller == Config.stateManagerProcess then return true end
  for _, allowed in ipairs(Config.allowedCallers) do
    if caller == allowed then return true end
  end
  return false
end

on("Info", function(msg)
  say(msg.From, "Info-Response", {
    name = Name, ticker = Ticker, version = Version, lockStats = LockStats,
    config = {
      minLockAmount = Config.minLockAmount, maxLockAmount = Config.maxLockAmount, requireConfirmation = Config.requireConfirmation,
      mockUsdaConfigured = Config.mockUsdaProcess ~= nil,
    },
  })
end)

local function tellState(user, amount)
  if Config.stateManagerProcess then
    ask(Config.stateManagerProcess, "UpdatePosition", { User = user, Collateral = tostring(amount), Operation = "add" })
  end
end

-- ---------------------------------------------------------------------------------------------------------------------------- lock

on("LockCollateral", function(msg)
  local user, amount = msg.Tags.User or msg.From, tonumber(msg.Tags.Amount or msg.Tags.Quantity)
  local why = not mayCall(msg.From) and "Unauthorized caller" or outside(amount, Config.minLockAmount, Config.maxLockAmount)
    or not Config.mockUsdaProcess and "Mock USDA process not configured"
  if why then return refuse(msg, "LockCollateral", why) end
  local id = newId(user, "lock")
  local lock = {
    lockId = id, user = user, amount = amount, purpose = msg.Tags.Purpose or "TIM3-mint", status = "pending", requestor = msg.From,
    timestamp = os.time(),
  }
  CollateralLocks[id], PendingOps[id] = lock, lock
  ask(Config.mockUsdaProcess, "Lock", { User = user, Amount = tostring(amount), Locker = ao.id, Purpose = lock.purpose, LockId = id })
  say(msg.From, "LockCollateral-Pending", { lockId = id, user = user, amount = text(amount), status = "pending" })
end)

on("Lock-Confirmed", function(msg)
  if msg.From ~= Config.mockUsdaProcess then return end
  local id = json.decode(msg.Data or "{}").lockId
  local lock = id and PendingOps[id] and CollateralLocks[id]
  if not lock then return end
  lock.status, lock.usdaLockId, PendingOps[id] = "locked", id, nil
  LockStats.totalLocked = LockStats.totalLocked + lock.amount
  LockStats.totalLocks, LockStats.activeLocks = LockStats.totalLocks + 1, LockStats.activeLocks + 1
  say(lock.requestor, "LockCollateral-Success", {
    lockId = id, user = lock.user, amount = text(lock.amount), status = "locked", usdaLockId = id,
    purpose = variant.patched and lock.purpose or nil, -- left out (D1)
  })
  tellState(lock.user, lock.amount)
end)

-- -------------------------------------------------------------------------------------------------------------------------- unlock

on("UnlockCollateral", function(msg)
  local id, user, amount = msg.Tags.LockId, msg.Tags.User, tonumber(msg.Tags.Amount or "0")
  if not mayCall(msg.From) then return refuse(msg, "UnlockCollateral", "Unauthorized caller") end
  local lock
  if id then
    lock = CollateralLocks[id]
  elseif user and amount > 0 then
    -- Any lock that is large enough, in no order.
    for other, candidate in pairs(CollateralLocks) do
      if candidate.user == user and candidate.amount >= amount and candidate.status == "locked" then
        id, lock = other, candidate
        break
      end
    end
  else
    return refuse(msg, "UnlockCollateral", "LockId or User+Amount required")
  end
  if not lock or lock.status ~= "locked" then return refuse(msg, "UnlockCollateral", "Lock not found or not in locked state") end
  if not Config.mockUsdaProcess then return refuse(msg, "UnlockCollateral", "Mock USDA process not configured") end
  lock.unlockAmount = amount > 0 and math.min(amount, lock.amount) or lock.amount
  lock.status, lock.unlockTimestamp = "unlocking", os.time()
  ask(Config.mockUsdaProcess, "Unlock", { User = lock.user, Amount = tostring(lock.unlockAmount), LockId = lock.usdaLockId or id })
  say(msg.From, "UnlockCollateral-Pending", { lockId = id, user = lock.user, unlockAmount = text(lock.unlockAmount), status = "unlocking" })
end)

on("Unlock-Response", function(msg)
  if msg.From ~= Config.mockUsdaProcess then return end
  local content = json.decode(msg.Data or "{}")
  local amount = tonumber(content.amount or "0")
  for id, lock in pairs(CollateralLocks) do
    if lock.user == content.user and lock.status == "unlocking" and lock.unlockAmount == amount then
      if amount >= lock.amount then
        lock.status, LockStats.activeLocks = "unlocked", LockStats.activeLocks - 1
      else
        lock.status, lock.amount = "locked", lock.amount - amount
      end
      LockStats.totalUnlocked = LockStats.totalUnlocked + amount
      say(lock.requestor, "UnlockCollateral-Success", {
        lockId = id, user = lock.user, unlockedAmount = text(amount), remainingLocked = text(lock.amount), status = lock.status,
      })
      tellState(lock.user, -amount)
      return
    end
  end
end)

-- -------------------------------------------------------------------------------------------------------------------------- reading

on("GetLockInfo", function(msg)
  local wanted, user, locks = msg.Tags.LockId, msg.Tags.User, {}
  if not wanted and not user then return refuse(msg, "GetLockInfo", "LockId or User required") end
  for id, lock in pairs(CollateralLocks) do
    if wanted and id == wanted or not wanted and lock.user == user then
      locks[id] = { lockId = id, user = lock.user, amount = text(lock.amount), status = lock.status, timestamp = lock.timestamp, purpose = lock.purpose }
    end
  end
  say(msg.From, "LockInfo-Response", { locks = locks, count = count(locks) })
end)

on("LockStats", function(msg)
  say(msg.From, "LockStats-Response", {
    totalLocked = text(LockStats.totalLocked), totalLocks = LockStats.totalLocks, activeLocks = LockStats.activeLocks,
    totalUnlocked = text(LockStats.totalUnlocked), pendingOperations = count(PendingOps),
  })
end)
