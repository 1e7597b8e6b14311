--- Business keys: a request that names one is done once, and a repetition gets the first answer. A key belongs to its sender.
local failures = require("tim3.failures")
local store = require("tim3.store")

local keys = {}

--- Does `action` unless `actor` has used `key` for it; gives its answer, and whether it is that of an earlier time.
function keys.once(actor, key, name, action)
  if key == nil then return action(), false end
  failures.check(type(key) == "string" and #key >= 1 and #key <= 128, "InvalidKey")
  local of = store.child(store.state().keys, actor)
  local known = of[key]
  if known then
    failures.check(known.name == name, "KeyUsed", { action = known.name })
    return known.answer, true
  end
  local answer = action()
  store.set(of, key, { name = name, answer = answer })
  return answer, false
end

return keys
