--- A Lock Manager as some operators changed theirs (H17): evaluated after lock-manager.lua, it waits for the user's own transfer.
local function mayCall(caller)
  return not Config.requireConfirmation or caller == Config.coordinatorProcess or caller == Config.stateManagerProcess
end

on("LockCollateral", function(msg)
  local user, amount = msg.Tags.User or msg.From, tonumber(msg.Tags.Amount or msg.Tags.Quantity)
  local why = not mayCall(msg.From) and "Unauthorized caller" or outside(amount, Config.minLockAmount, Config.maxLockAmount)
    or not Config.mockUsdaProcess and "USDA process not configured"
  if why then return refuse(msg, "LockCollateral", why) end
  local id = newId(user, "lock")
  local lock = {
    lockId = id, user = user, amount = amount, purpose = msg.Tags.Purpose or "TIM3-mint", status = "awaiting-transfer", requestor = msg.From,
    timestamp = os.time(),
  }
  CollateralLocks[id], PendingOps[id] = lock, lock
  say(msg.From, "LockCollateral-Pending", {
    lockId = id, user = user, amount = text(amount), status = "awaiting-transfer", lockManagerAddress = ao.id,
    message = "Please transfer " .. text(amount) .. " USDA to Lock Manager address: " .. ao.id,
  })
  say(user, "Transfer-Required", {
    lockId = id, amount = text(amount), lockManagerAddress = ao.id, usdaProcess = Config.mockUsdaProcess,
    instructions = "Transfer " .. text(amount) .. " USDA to complete TIM3 mint",
  })
end)

on("Credit-Notice", function(msg)
  if msg.From ~= Config.mockUsdaProcess then return end
  local content = json.decode(msg.Data or "{}")
  local user, amount = content.from, tonumber(content.amount or "0")
  if not user or amount <= 0 then return end
  for id, lock in pairs(PendingOps) do
    if lock.user == user and lock.status == "awaiting-transfer" and lock.amount == amount then
      lock.status, PendingOps[id] = "locked", nil
      LockStats.totalLocked = LockStats.totalLocked + amount
      LockStats.totalLocks, LockStats.activeLocks = LockStats.totalLocks + 1, LockStats.activeLocks + 1
      say(lock.requestor, "LockCollateral-Success", { lockId = id, user = user, amount = text(amount), status = "locked" })
      if Config.stateManagerProcess then
        ask(Config.stateManagerProcess, "UpdatePosition", { User = user, Collateral = tostring(amount), Operation = "add" })
      end
      say(user, "Lock-Confirmed", { lockId = id, amount = text(amount), status = "locked", message = "USDA successfully locked. TIM3 mint proceeding." })
      return
    end
  end
  say(user, "Unexpected-Transfer", { amount = text(amount), message = "Received USDA transfer but no matching mint operation found" })
end, "USDA-Credit-Notice")
