-- What the five processes have in common; deploy.mjs puts it in front of each. `variant` is a local that deploy.mjs sets before this.
json = require("json")

--- A handler for an Action, which is compared exactly; `name` is what a later Handlers.add replaces it by.
local function on(action, handle, name)
  Handlers.add(name or action, Handlers.utils.hasMatchingTag("Action", action), handle)
end

--- Answers have JSON in Data, and neither the id nor the Reference of what they answer.
local function say(target, action, content)
  ao.send({ Target = target, Action = action, Data = json.encode(content) })
end

--- Errors are plain text.
local function refuse(msg, action, why)
  ao.send({ Target = msg.From, Action = action .. "-Error", Data = why })
end

--- Requests have everything in tags.
local function ask(target, action, tags)
  ao.send({ Target = target, Action = action, Tags = tags })
end

--- Integral numbers without a point, others cut to six places.
local function plain(number)
  if number == math.floor(number) then return math.floor(number) end
  return math.floor(number * 1000000) / 1000000
end

local function text(number) return tostring(plain(number)) end

local function usable(amount) return type(amount) == "number" and amount > 0 end

--- Why an amount is refused, if it is.
local function outside(amount, least, most)
  if not usable(amount) then return "Invalid amount" end
  if amount < least then return "Amount below minimum (" .. least .. ")" end
  if amount > most then return "Amount above maximum (" .. most .. ")" end
end

local function newId(user, kind)
  return user .. "-" .. kind .. "-" .. tostring(os.time()) .. "-" .. tostring(math.random(1000, 9999))
end

local function count(map)
  local n = 0
  for _ in pairs(map) do n = n + 1 end
  return n
end

--- `settings` maps a ConfigType to what stores its value. Nobody's authority is asked for.
local function configurable(settings, after)
  on("Configure", function(msg)
    local name, value = msg.Tags.ConfigType, msg.Tags.Value
    local set = name and settings[name]
    if not set then return refuse(msg, "Configure", "Unknown configuration type: " .. (name or "nil")) end
    set(value)
    if after then after() end
    say(msg.From, "Configure-Response", { configType = name, value = value, success = true })
  end)
end

--- Setters of fields of a table that is looked up late, because an evaluation may replace it.
local function field(of, name) return function(value) of()[name] = value end end
local function number(of, name) return function(value) of()[name] = tonumber(value) or of()[name] end end
local function flag(of, name) return function(value) of()[name] = value == "true" end end
