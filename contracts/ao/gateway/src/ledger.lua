--- The numbered events under the running hash (contracts/PROTOCOL.md section 4), each with the message that made it: on AO the nonce
--- that the scheduler gave a message stands for a block.
local store = require("tim3.store")
local words = require("tim3.words")

local ledger = {}

ledger.KIND = {
  LOCKED = 1, BURNED = 2, MINTED = 3, RELEASED = 4, VOIDED = 5, REFUNDED = 6, LIQUIDATED = 7, REPAID = 8, WITHDRAWN = 9, CLAIMABLE = 10,
  CLAIMED = 11, BAD_DEBT = 12, COVERED = 13, CONTROLLER_SET = 14, PAUSE_SET = 15, ATTESTERS_SET = 16, LIMITS_SET = 17, TREASURY_SET = 18,
  TOMBSTONED = 19,
}

--- The sequence of the next event: the version of a position that it moves.
function ledger.next()
  return #store.state().events
end

--- The running hash with an event folded in.
function ledger.fold(hash, sequence, kind, timestamp, body)
  return words.keccak(hash .. words.integer(sequence) .. words.integer(kind) .. words.integer(timestamp) .. body)
end

--- Appends an event. `body` is its words; gives its sequence.
function ledger.append(kind, body)
  local s = store.state()
  local sequence = ledger.next()
  store.set(s, "hash", ledger.fold(s.hash, sequence, kind, s.now, body))
  store.append(s.events, { kind = kind, timestamp = s.now, body = body, nonce = s.at.nonce, message = s.at.message })
  return sequence
end

--- At the end of a message: remembers the hash, if it made events.
function ledger.checkpoint()
  local s = store.state()
  local last = s.checkpoints[#s.checkpoints]
  if last.count ~= #s.events then
    store.append(s.checkpoints, { count = #s.events, hash = s.hash, nonce = s.at.nonce, message = s.at.message })
  end
end

--- The index of the last entry of `list`, ascending by `field`, whose field is at most `value`; 0 where there is none.
function ledger.search(list, field, value)
  local low, high = 0, #list
  while low < high do
    local middle = (low + high + 1) // 2
    if list[middle][field] <= value then low = middle else high = middle - 1 end
  end
  return low
end

return ledger
