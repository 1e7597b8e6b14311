--- The State Manager: positions as others report them, and what follows from those.
Name = Name or "TIM3 State Manager"
Ticker = Ticker or "TIM3-STATE"
Version = Version or "1.0.0"

SystemState = SystemState or {
  totalCollateral = 0, totalTIM3Supply = 0, globalCollateralRatio = 0, targetCollateralRatio = 1.0, activePositions = 0, systemHealthScore = 100,
}
UserPositions = UserPositions or {}
RiskMetrics = RiskMetrics or { underCollateralizedPositions = 0, atRiskPositions = 0, healthyPositions = 0, averageHealthFactor = 0 }
Config = Config or {}

local LEVELS = { { 1.0, "healthy" }, { 0.95, "warning" }, { 0.90, "danger" } }

local function config() return Config end
local function system() return SystemState end

configurable({
  CoordinatorProcess = field(config, "coordinatorProcess"), LockManagerProcess = field(config, "lockManagerProcess"),
  TokenManagerProcess = field(config, "tokenManagerProcess"), TargetCollateralRatio = number(system, "targetCollateralRatio"),
  LiquidationThreshold = number(system, "liquidationThreshold"),
})

local function health(position) return position.tim3Balance <= 0 and 999.0 or position.collateral / position.tim3Balance end

local function riskLevel(factor)
  for _, level in ipairs(LEVELS) do
    if factor >= level[1] then return level[2] end
  end
  return "critical"
end

local function recompute()
  local s, risk, sum = SystemState, RiskMetrics, 0
  s.globalCollateralRatio = s.totalTIM3Supply > 0 and s.totalCollateral / s.totalTIM3Supply or 0
  local byLevel = { healthy = 0, warning = 0, danger = 0, critical = 0 }
  s.activePositions = 0
  for _, position in pairs(UserPositions) do
    if position.tim3Balance > 0 then
      position.healthFactor = health(position)
      position.riskLevel = riskLevel(position.healthFactor)
      byLevel[position.riskLevel] = byLevel[position.riskLevel] + 1
      s.activePositions, sum = s.activePositions + 1, sum + position.healthFactor
    end
  end
  risk.underCollateralizedPositions, risk.atRiskPositions = byLevel.critical, byLevel.warning + byLevel.danger
  risk.healthyPositions = byLevel.healthy
  risk.averageHealthFactor = s.activePositions > 0 and sum / s.activePositions or 0
  local below = s.globalCollateralRatio < s.targetCollateralRatio and 15 or 0
  s.systemHealthScore = math.max(0, 100 - 20 * risk.underCollateralizedPositions - 10 * risk.atRiskPositions - below)
end

on("Info", function(msg)
  recompute()
  say(msg.From, "Info-Response", { name = Name, ticker = Ticker, version = Version, systemState = SystemState, riskMetrics = RiskMetrics })
end)

local function shown(position, lastUpdate)
  return {
    collateral = text(position.collateral), tim3Balance = text(position.tim3Balance), healthFactor = text(position.healthFactor),
    riskLevel = position.riskLevel, lastUpdate = lastUpdate,
  }
end

--- From anybody; an Operation that it does not know overwrites, with zero for what is not there (D5).
on("UpdatePosition", function(msg)
  local user, operation = msg.Tags.User, msg.Tags.Operation
  local collateral, balance = tonumber(msg.Tags.Collateral or "0"), tonumber(msg.Tags.TIM3Balance or "0")
  if not user then return refuse(msg, "UpdatePosition", "User required") end
  UserPositions[user] = UserPositions[user] or { collateral = 0, tim3Balance = 0, healthFactor = 0, riskLevel = "healthy", lastUpdate = os.time() }
  local position, s = UserPositions[user], SystemState
  local collateralBefore, balanceBefore = position.collateral, position.tim3Balance
  if operation == "add" then
    position.collateral, position.tim3Balance = collateralBefore + collateral, balanceBefore + balance
  elseif operation == "subtract" then
    position.collateral, position.tim3Balance = collateralBefore - collateral, balanceBefore - balance
  else
    position.collateral, position.tim3Balance = collateral, balance
  end
  position.lastUpdate = os.time()
  s.totalCollateral = s.totalCollateral + (position.collateral - collateralBefore)
  s.totalTIM3Supply = s.totalTIM3Supply + (position.tim3Balance - balanceBefore)
  recompute()
  say(msg.From, "UpdatePosition-Response", {
    user = user, position = shown(position),
    systemState = {
      totalCollateral = text(s.totalCollateral), totalTIM3Supply = text(s.totalTIM3Supply), globalCollateralRatio = text(s.globalCollateralRatio),
    },
  })
end)

on("GetPosition", function(msg)
  local user = msg.Tags.User or msg.From
  local position = UserPositions[user]
  if position then
    position.healthFactor = health(position)
    position.riskLevel = riskLevel(position.healthFactor)
  else
    position = { collateral = 0, tim3Balance = 0, healthFactor = 0, riskLevel = "healthy", lastUpdate = 0 }
  end
  say(msg.From, "Position-Response", { user = user, position = shown(position, position.lastUpdate) })
end)

on("SystemHealth", function(msg)
  recompute()
  local s, risk = SystemState, RiskMetrics
  say(msg.From, "SystemHealth-Response", {
    systemState = {
      totalCollateral = text(s.totalCollateral), totalTIM3Supply = text(s.totalTIM3Supply), globalCollateralRatio = text(s.globalCollateralRatio),
      targetCollateralRatio = text(s.targetCollateralRatio), liquidationThreshold = text(s.liquidationThreshold or 0),
      activePositions = s.activePositions, systemHealthScore = s.systemHealthScore,
    },
    riskMetrics = {
      underCollateralizedPositions = risk.underCollateralizedPositions, atRiskPositions = risk.atRiskPositions,
      healthyPositions = risk.healthyPositions, averageHealthFactor = text(risk.averageHealthFactor),
    },
  })
end)

--- Positions with debt for which `worth` holds.
local function listed(worth, more)
  local list = {}
  for user, position in pairs(UserPositions) do
    if position.tim3Balance > 0 and worth(position) then
      local entry = {
        user = user, healthFactor = plain(position.healthFactor), collateral = plain(position.collateral), tim3Balance = plain(position.tim3Balance),
      }
      more(entry, position)
      list[#list + 1] = entry
    end
  end
  return list
end

on("CheckRiskAlerts", function(msg)
  recompute()
  local alerts = listed(function(position) return position.riskLevel == "critical" end, function(entry, position) entry.riskLevel = position.riskLevel end)
  say(msg.From, "RiskAlerts-Response", { alertCount = #alerts, alerts = alerts, systemHealthScore = SystemState.systemHealthScore })
  if #alerts > 0 and Config.coordinatorProcess then
    say(Config.coordinatorProcess, "Risk-Alert", { alertCount = #alerts, criticalAlerts = alerts })
  end
end)

--- Fails when there is debt and no threshold was ever set (D7).
on("CheckLiquidations", function(msg)
  recompute()
  local positions = listed(
    function(position) return position.healthFactor < SystemState.liquidationThreshold end,
    function(entry, position) entry.liquidationValue = plain(position.tim3Balance * 0.9) end
  )
  say(msg.From, "Liquidations-Response", { liquidatableCount = #positions, positions = positions })
end)
