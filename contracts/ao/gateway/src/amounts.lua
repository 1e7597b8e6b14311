--- Amounts: big integers, below 2^128 wherever they are kept. Decimal texts outside, never a Lua number.
local failures = require("tim3.failures")
local words = require("tim3.words")

-- 512 bits hold every product of the protocol: the largest is below 2^341. Kept in a global, because numbers made before the code
-- was loaded anew must be of the same class as those made after it.
Tim3Integers = Tim3Integers or require(".bint")(512)
local bint = Tim3Integers

local amounts = {}

amounts.ZERO = bint(0)
amounts.BPS = bint(10000)
amounts.SYNTHETIC_DECIMALS = 6
local LIMIT = bint.frombe("\1" .. ("\0"):rep(16))

amounts.MAX = LIMIT - 1
local powers = {}

--- Makes a number of a Lua integer; passes numbers through.
function amounts.of(value)
  return bint(value)
end

--- The number of a decimal text: digits only, no leading zero, below 2^128.
function amounts.parse(text, what)
  local well = type(text) == "string" and #text <= 39 and (text == "0" or text:match("^[1-9]%d*$"))
  local value = well and bint.fromstring(text)
  failures.check(value and value < LIMIT, "InvalidAmount", { field = what, found = tostring(text) })
  return value
end

--- A small whole number (decimals, basis points, seconds, levels) as a Lua integer.
function amounts.parseInteger(text, what, max)
  text = math.type(text) == "integer" and tostring(text) or text
  local well = type(text) == "string" and #text <= 15 and (text == "0" or text:match("^[1-9]%d*$"))
  local value = well and math.tointeger(tonumber(text))
  failures.check(value and value <= (max or value), "InvalidInteger", { field = what, found = tostring(text), max = max })
  return value
end

function amounts.text(value)
  return tostring(value)
end

--- Refuses what does not fit 128 bits.
function amounts.fit(value)
  failures.check(value < LIMIT and not bint.isneg(value), "AmountOverflow", { found = tostring(value) })
  return value
end

function amounts.word(value)
  return bint.tobe(amounts.fit(value)):sub(-32)
end

--- The number of a word that fits 128 bits.
function amounts.fromWord(word)
  failures.check(words.fits(word, 128), "MalformedContent", { word = words.hex(word) })
  return bint.frombe(word)
end

function amounts.min(a, b)
  return a < b and a or b
end

--- Quotients of numbers that are not negative.
function amounts.floor(a, b)
  return (bint.udivmod(a, b))
end

function amounts.ceil(a, b)
  local quotient, rest = bint.udivmod(a, b)
  return bint.iszero(rest) and quotient or quotient + 1
end

function amounts.isZero(value)
  return bint.iszero(value)
end

function amounts.power(exponent)
  if not powers[exponent] then powers[exponent] = bint.ipow(bint(10), bint(exponent)) end
  return powers[exponent]
end

--- `value` at `from` decimals, expressed at `to` decimals, rounded down.
function amounts.scale(value, from, to)
  if to >= from then return value * amounts.power(to - from) end
  return amounts.floor(value, amounts.power(from - to))
end

--- What a token of `native` decimals can pay of an amount in canonical `decimals`.
function amounts.payable(value, decimals, native)
  return amounts.scale(amounts.scale(value, decimals, native), native, decimals)
end

--- Flat plus basis points, rounded down. Whether it is acceptable is the caller's question.
function amounts.routeFee(value, flat, bps)
  return flat + amounts.floor(value * bint(bps), amounts.BPS)
end

return amounts
