--- Operations that leave this gateway.
local accounts = require("tim3.accounts")
local amounts = require("tim3.amounts")
local failures = require("tim3.failures")
local identity = require("tim3.identity")
local store = require("tim3.store")
local synthetics = require("tim3.synthetics")
local words = require("tim3.words")

local outgoing = {}

--- A gateway this one knows as a peer.
function outgoing.peer(gateway)
  local peers = store.state().peers
  if not peers[gateway] then
    store.set(peers, gateway, { nextNonce = 0, tombstoned = false, finalCount = 0, finalHash = words.ZERO })
  end
  return peers[gateway]
end

--- Completes an operation with nonce, fee and time, and records it. `op` holds words, but for the numbers `amount` and `wanted`;
--- `maxFee` is the highest fee its user accepts. Gives its fourteen words, its id and its nonce.
function outgoing.dispatch(op, maxFee)
  local s = store.state()
  failures.check(not s.retired, "Retired")
  local route, peer = (s.routes[op.asset] or {})[op.destination], outgoing.peer(op.destination)
  local open = route and route.enabled and not peer.tombstoned
  failures.check(open, "RouteClosed", { peer = words.hex(op.destination) })
  local within = op.amount >= route.min and op.amount <= route.max
  failures.check(within, "AmountOutOfRange", {
    amount = amounts.text(op.amount), min = amounts.text(route.min), max = amounts.text(route.max),
  })
  local fee = amounts.routeFee(op.amount, route.flatFee, route.feeBps)
  failures.check(fee < op.amount and fee <= maxFee, "FeeTooHigh", { fee = amounts.text(fee), max = amounts.text(maxFee) })
  accounts.local_(op.refundTo, s.self)
  accounts.remote(op.recipient, route.evm)

  local nonce = peer.nextNonce
  store.set(peer, "nextNonce", nonce + 1)
  local encoded = identity.encode({
    kind = words.integer(op.kind), origin = s.id, destination = op.destination, nonce = words.integer(nonce), asset = op.asset,
    market = op.market, owner = op.owner, actor = op.actor, refundTo = op.refundTo, recipient = op.recipient,
    amount = amounts.word(op.amount), fee = amounts.word(fee), wanted = amounts.word(op.wanted), timestamp = words.integer(s.now),
  })
  local id = identity.operation(encoded)
  store.set(store.child(s.outgoing, op.destination), nonce, id)
  synthetics.countPeer(op.asset, op.destination, "sent", op.amount)
  return encoded, id, nonce
end

return outgoing
