--- The state, and how it changes: every write is remembered until its message is done, so that a refusal takes all of it back, whether
--- or not the compute unit would. Messages leave only when their message is done.
local failures = require("tim3.failures")
local json = require("json")

local store = {}

local undo, outbox = {}, {}

--- The one table that holds everything. It survives loading the code anew.
function store.state()
  return Tim3
end

function store.set(table, key, value)
  undo[#undo + 1] = { table, key, table[key] }
  table[key] = value
end

function store.append(table, value)
  store.set(table, #table + 1, value)
end

--- The table at `key`, made where there is none.
function store.child(table, key)
  if table[key] == nil then store.set(table, key, {}) end
  return table[key]
end

--- Sends when the message ends well; `sent` is then told the reference that an answer names.
function store.send(message, sent)
  outbox[#outbox + 1] = { message, sent }
end

--- Runs `action`; what it did is undone when it fails. Gives whether it succeeded and its result, or name and detail of the failure.
function store.atomically(action, ...)
  local writes, sends = #undo, #outbox
  local ok, result = pcall(action, ...)
  if ok then return true, result end
  for i = #undo, writes + 1, -1 do
    local entry = undo[i]
    entry[1][entry[2]] = entry[3]
    undo[i] = nil
  end
  for i = #outbox, sends + 1, -1 do outbox[i] = nil end
  return false, failures.describe(result)
end

--- Tells somebody, in JSON. `tags` may hold an Error, and the Reference that the answer is to.
function store.tell(target, action, answer, tags)
  store.send({
    Target = target, Action = action, Data = json.encode(answer), Error = tags.Error, Repeated = tags.Repeated,
    ["X-Reference"] = tags.Reference,
  })
end

--- Ends a message: what was written stays, what was sent goes.
function store.commit()
  undo = {}
  local sending = outbox
  outbox = {}
  for _, entry in ipairs(sending) do
    ao.send(entry[1])
    if entry[2] then entry[2](tostring(ao.reference)) end
  end
end

return store
