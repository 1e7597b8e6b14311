--- Words: 32 bytes, kept as Lua strings of that length; hexadecimal only where something comes in or goes out.
local failures = require("tim3.failures")
local keccak256 = require(".crypto").digest.keccak256

local words = {}

words.ZERO = ("\0"):rep(32)

--- Keccak-256. The module's own pads wrongly when the length is 135 modulo 136; no preimage of the protocol is that long.
function words.keccak(bytes)
  failures.check(#bytes % 136 ~= 135, "Unhashable", { length = #bytes })
  return keccak256(bytes).asString()
end

function words.hex(bytes)
  return "0x" .. bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end

--- The bytes of a text `0x…`, or nil.
function words.bytes(text)
  if type(text) ~= "string" or #text % 2 ~= 0 or not text:match("^0x%x*$") then return nil end
  return (text:sub(3):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- The word behind a text of 64 hexadecimal digits; refuses everything else.
function words.parse(text, what)
  local bytes = words.bytes(text)
  failures.check(bytes and #bytes == 32, "InvalidWord", { field = what, found = tostring(text) })
  return bytes
end

--- A word of a Lua integer, which is never negative.
function words.integer(value)
  return ("\0"):rep(24) .. string.pack(">I8", value)
end

function words.boolean(value)
  return words.integer(value and 1 or 0)
end

--- Whether a word is a number below 2^bits, for bits 8, 64 and 128.
function words.fits(word, bits)
  local zeros = 32 - bits // 8
  return word:sub(1, zeros) == ("\0"):rep(zeros)
end

--- A word of less than 2^63 as a Lua integer.
function words.tointeger(word)
  failures.check(words.fits(word, 64) and word:byte(25) < 128, "MalformedContent", { word = words.hex(word) })
  return (string.unpack(">I8", word, 25))
end

--- The words of a text of whole words.
function words.split(bytes)
  local list = {}
  for at = 1, #bytes, 32 do list[#list + 1] = bytes:sub(at, at + 31) end
  return list
end

return words
