--- Identifiers, content hashes and digests (contracts/PROTOCOL.md sections 2, 3 and 5).
local words = require("tim3.words")
local failures = require("tim3.failures")

local identity = {}

identity.KIND = { MINT = 1, REDEEM = 2, TRANSFER = 3 }
identity.ACTION = { MINT = 1, RELEASE = 2, VOID = 3, REFUND = 4, CONFLICT = 5, MIRROR = 6, RESEND = 7 }

--- The words that an action carries.
identity.CONTENT_WORDS = { 14, 14, 14, 14, 17, 6, 2 }

-- The index of each field of an operation.
local FIELDS = {
  "kind", "origin", "destination", "nonce", "asset", "market", "owner", "actor", "refundTo", "recipient", "amount", "fee", "wanted",
  "timestamp",
}
local BITS = { kind = 8, nonce = 64, amount = 128, fee = 128, wanted = 128, timestamp = 64 }

local K = words.keccak
local OPERATION = K(
  "Operation(uint8 kind,bytes32 origin,bytes32 destination,uint64 nonce,bytes32 asset,bytes32 market,bytes32 owner,bytes32 actor,bytes32 refundTo,bytes32 recipient,uint128 amount,uint128 fee,uint128 wanted,uint64 timestamp)"
)
local CONFLICT = K("Conflict(bytes32 operation,bytes32 orphan,bytes32 market,uint128 orphanAmount)")
local POSITION = K("Position(bytes32 home,bytes32 market,bytes32 owner,uint128 collateral,uint128 debt,uint64 version)")
local RESEND = K("Resend(bytes32 payout,uint64 attempt)")
local ORDER = K("Order(uint8 action,uint64 epoch,bytes32 content)")
local DOMAIN = K("EIP712Domain(string name,string version,bytes32 salt)")
local GATEWAY, MARKET = K("tim3/gateway/1"), K("tim3/market/1")
local PAYOUT, ORACLE = K("tim3/payout/1"), K("tim3/oracle/1")

--- `chain` is a CAIP-2 name.
function identity.gateway(chain, account, salt)
  return K(GATEWAY .. K(chain) .. account .. salt)
end

function identity.asset(symbol)
  return K("tim3/asset/" .. symbol)
end

function identity.market(home, synthetic, collateral, kind)
  return K(MARKET .. home .. synthetic .. collateral .. words.integer(kind))
end

--- A payout of this gateway. Only AO has payouts that are records.
function identity.payout(gateway, index)
  return K(PAYOUT .. gateway .. words.integer(index))
end

--- A source of prices, by everything that it is made of.
function identity.oracle(parts)
  return K(ORACLE .. parts)
end

function identity.domain(gateway)
  return K(DOMAIN .. K("TIM3") .. K("1") .. gateway)
end

--- The id of an operation by its fourteen words.
function identity.operation(content)
  return K(OPERATION .. content)
end

--- What in the digest stands for the content of an order.
function identity.content(action, content)
  if action == identity.ACTION.CONFLICT then
    return K(CONFLICT .. identity.operation(content:sub(1, 14 * 32)) .. content:sub(14 * 32 + 1))
  elseif action == identity.ACTION.MIRROR then
    return K(POSITION .. content)
  elseif action == identity.ACTION.RESEND then
    return K(RESEND .. content)
  end
  return identity.operation(content)
end

--- What the attesters are for; all members are words but the action.
function identity.digest(domain, action, epoch, contentHash)
  return K("\x19\x01" .. domain .. K(ORDER .. words.integer(action) .. epoch .. contentHash))
end

--- The fields of an operation as words, each checked to be in its range.
function identity.decode(content)
  local operation = {}
  for i, name in ipairs(FIELDS) do
    local word = content:sub((i - 1) * 32 + 1, i * 32)
    failures.check(not BITS[name] or words.fits(word, BITS[name]), "MalformedContent", { field = name, found = words.hex(word) })
    operation[name] = word
  end
  return operation
end

--- The fourteen words of an operation whose fields are words.
function identity.encode(operation)
  local parts = {}
  for i, name in ipairs(FIELDS) do parts[i] = operation[name] end
  return table.concat(parts)
end

return identity
