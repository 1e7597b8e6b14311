--- Accounts: on AO 43 characters of base64url, which are 32 bytes; everywhere else in the protocol the word of those bytes.
local failures = require("tim3.failures")
local words = require("tim3.words")

local accounts = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local VALUES = {}
for i = 1, 64 do VALUES[ALPHABET:byte(i)] = i - 1 end

--- The word of an id, or nil where the text is none. Two ids never have one word: the last character's unused bits are zero.
function accounts.word(id)
  if type(id) ~= "string" or #id ~= 43 or not id:match("^[%w_-]+$") then return nil end
  local bytes, bits, held = {}, 0, 0
  for i = 1, 43 do
    held, bits = held << 6 | VALUES[id:byte(i)], bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(held >> bits)
      held = held & ((1 << bits) - 1)
    end
  end
  if held ~= 0 then return nil end
  return table.concat(bytes)
end

--- The id of a word.
function accounts.id(word)
  local characters, bits, held = {}, 0, 0
  for i = 1, 32 do
    held, bits = held << 8 | word:byte(i), bits + 8
    while bits >= 6 do
      bits = bits - 6
      local at = (held >> bits) + 1
      characters[#characters + 1] = ALPHABET:sub(at, at)
      held = held & ((1 << bits) - 1)
    end
  end
  local at = (held << (6 - bits)) + 1
  return table.concat(characters) .. ALPHABET:sub(at, at)
end

--- An account as a user writes it, an id or a word, as a word.
function accounts.parse(text, what)
  local word = accounts.word(text)
  if not word then
    word = words.bytes(text)
    failures.check(word and #word == 32, "InvalidAccount", { field = what, found = tostring(text) })
  end
  return word
end

--- Refuses what cannot be an account here. The gateway itself is nobody's account: what it holds is in custody.
function accounts.local_(word, self)
  failures.check(word ~= words.ZERO and word ~= self, "InvalidAccount", { found = words.hex(word) })
  return word
end

--- Refuses what cannot be an account at a peer.
function accounts.remote(word, evm)
  local valid = word ~= words.ZERO and (not evm or word:sub(1, 12) == ("\0"):rep(12))
  failures.check(valid, "InvalidAccount", { found = words.hex(word) })
  return word
end

return accounts
