//! Operations that leave this gateway.

use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{Operation, OperationKind},
};

use super::{Reject, reject::add, session::Session};

/// What a user asks for, before it has a nonce, a fee and a time.
pub(super) struct Draft {
    pub(super) kind: OperationKind,
    pub(super) destination: GatewayId,
    pub(super) asset: AssetId,
    pub(super) market: MarketId,
    pub(super) owner: Account,
    pub(super) refund_to: Account,
    pub(super) recipient: Account,
    pub(super) amount: u128,
    pub(super) wanted: u128,
    pub(super) max_fee: u128,
}

impl Session {
    /// Completes an operation and records it.
    pub(super) fn dispatch(&mut self, draft: Draft) -> Result<Operation, Reject> {
        let Draft { kind, destination, asset, market, owner, refund_to, recipient, amount, wanted, max_fee } = draft;
        if self.gateway.retired {
            return Err(Reject::Retired);
        }
        let route = self.gateway.route(asset, destination);
        if !route.enabled || self.gateway.tombstones.contains(&destination) {
            return Err(Reject::RouteClosed(asset, destination));
        }
        if amount < route.min || amount > route.max {
            return Err(Reject::AmountOutOfRange { amount, min: route.min, max: route.max });
        }
        let fee = route.fee.of(amount).filter(|fee| *fee <= max_fee).ok_or(Reject::FeeTooHigh(max_fee))?;
        self.payee(refund_to)?;
        if recipient.is_zero() {
            return Err(Reject::InvalidAccount(recipient));
        }
        let nonce = self.gateway.next_nonce(destination);
        let operation = Operation {
            kind,
            origin: self.gateway.id,
            destination,
            nonce,
            asset,
            market,
            owner,
            actor: self.caller,
            refund_to,
            recipient,
            amount,
            fee,
            wanted,
            timestamp: self.now,
        };
        self.gateway.nonces.set(destination, nonce.checked_add(1).ok_or(Reject::Overflow)?);
        self.gateway.outgoing.set((destination, nonce), operation.id());
        let mut peer = self.gateway.peers.read(&(asset, destination));
        peer.sent = add(peer.sent, amount)?;
        self.gateway.peers.set((asset, destination), peer);
        Ok(operation)
    }
}
