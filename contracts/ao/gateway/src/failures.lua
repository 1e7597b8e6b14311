--- How anything is refused: an error that has a name and says what was found.
local failures = {}

local meta = { __tostring = function(failure) return failure.name end }

function failures.fail(name, detail)
  error(setmetatable({ name = name, detail = detail or {} }, meta), 0)
end

function failures.check(condition, name, detail)
  if not condition then failures.fail(name, detail) end
end

--- Name and detail of whatever `pcall` caught. A fault of the program itself is called Internal.
function failures.describe(caught)
  if getmetatable(caught) == meta then return caught.name, caught.detail end
  return "Internal", { message = tostring(caught) }
end

return failures
