//! Orders of the attesters, one at a time. The checks that need no signature come first, as on every gateway.

use tim3_chain::{Direction, PeerBooks, Slot};
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketId, OperationId},
    protocol::{
        Action, EventBody, MirrorRecord, Operation, OperationKind, Order, OrderCode, OrderContent, Outcome,
        PositionState, SignedOrder,
    },
};

use super::{
    Answer, Reject,
    positions::{Release, Undone},
    reject::{add, sub},
    session::Session,
    signatures,
};

/// Executes a batch: an order that fails changes nothing and fails no neighbour.
pub(super) fn execute(session: &mut Session, batch: &[SignedOrder]) -> Result<Vec<Answer>, Reject> {
    if session.gateway.retired {
        return Err(Reject::Retired);
    }
    Ok(batch.iter().map(|signed| attempt(session, signed)).collect())
}

fn attempt(session: &mut Session, signed: &SignedOrder) -> Answer {
    let (before, events) = (session.gateway.clone(), session.events.len());
    match session.order(signed) {
        Ok(()) => Answer { code: OrderCode::Done, reason: None },
        Err(reason) => {
            session.gateway = before;
            session.events.truncate(events);
            Answer { code: reason.code(), reason: Some(reason) }
        }
    }
}

impl Session {
    fn order(&mut self, signed: &SignedOrder) -> Result<(), Reject> {
        let action = signed.order.action;
        match (action, &signed.order.content) {
            (Action::Resend, _) => Err(Reject::UnknownAction(action.code())),
            (Action::Mirror, OrderContent::Mirror(record)) => self.mirror(signed, record),
            (Action::Refund, OrderContent::Operation(operation)) => {
                self.check_origin(operation)?;
                self.check_signatures(signed)?;
                self.refund(operation)
            }
            (Action::Conflict, OrderContent::Conflict { operation, orphan, market, orphan_amount }) => {
                self.check_origin(operation)?;
                self.check_signatures(signed)?;
                self.refund(operation)?;
                self.orphan(operation, *orphan, *market, *orphan_amount)
            }
            (Action::Mint | Action::Release | Action::Void, OrderContent::Operation(operation)) => {
                self.check_destination(operation, action)?;
                self.check_signatures(signed)?;
                match action {
                    Action::Mint => self.settle_mint(operation),
                    Action::Release => self.settle_release(operation),
                    _ => self.void(operation),
                }
            }
            _ => Err(Reject::MalformedContent),
        }
    }

    /// The digest is made from this gateway's own identity and epoch: a signature for another gateway or epoch is one by nobody.
    fn check_signatures(&self, signed: &SignedOrder) -> Result<(), Reject> {
        let set = &self.gateway.attesters;
        let order = Order { gateway: self.gateway.id, epoch: set.epoch, ..signed.order.clone() };
        signatures::check(set, &self.gateway.memo, order.digest(), &signed.signatures)
    }

    fn check_destination(&self, operation: &Operation, action: Action) -> Result<(), Reject> {
        check_amount(operation)?;
        if operation.destination != self.gateway.id {
            return Err(Reject::WrongGateway(operation.destination));
        }
        if operation.origin == self.gateway.id || operation.origin.is_zero() {
            return Err(Reject::WrongGateway(operation.origin));
        }
        let wanted = if action == Action::Void { Slot::Void } else { Slot::Done };
        match self.gateway.slot(operation.origin, operation.nonce) {
            Slot::None => Ok(()),
            slot if slot == wanted => Err(Reject::AlreadyDone),
            _ => Err(Reject::SlotTaken),
        }
    }

    fn update_peer(
        &mut self,
        asset: AssetId,
        peer: GatewayId,
        change: impl FnOnce(&mut PeerBooks) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        let mut books = self.gateway.peers.read(&(asset, peer));
        change(&mut books)?;
        self.gateway.peers.set((asset, peer), books);
        Ok(())
    }

    /// Closes the slot as settled and counts it.
    fn settle(&mut self, operation: &Operation) -> Result<(), Reject> {
        self.gateway.slots.set((operation.origin, operation.nonce), Slot::Done);
        self.update_peer(operation.asset, operation.origin, |books| {
            books.settled = add(books.settled, operation.amount)?;
            Ok(())
        })
    }

    fn settle_mint(&mut self, operation: &Operation) -> Result<(), Reject> {
        if operation.kind == OperationKind::Redeem {
            return Err(Reject::WrongKind(operation.kind.code()));
        }
        let (asset, cause) = (operation.asset, operation.id());
        self.check_pause(asset, 1)?;
        let recipient = self.payee(operation.recipient)?;
        self.take_window(asset, Direction::Mint, operation.amount)?;
        self.settle(operation)?;
        let paid = sub(operation.amount, operation.fee)?;
        let outcome = Outcome { fee: operation.fee, paid, ..outcome(operation, operation.origin) };
        self.append(EventBody::Minted { outcome, recipient })?;
        self.mint(asset, recipient, paid, cause)?;
        self.mint(asset, self.gateway.treasury, operation.fee, cause)
    }

    fn settle_release(&mut self, operation: &Operation) -> Result<(), Reject> {
        if operation.kind != OperationKind::Redeem {
            return Err(Reject::WrongKind(operation.kind.code()));
        }
        let recipient = self.payee(operation.recipient)?;
        self.settle(operation)?;
        self.release(Release {
            outcome: Outcome { fee: operation.fee, ..outcome(operation, operation.origin) },
            market: operation.market,
            owner: operation.owner,
            recipient,
            actor: operation.actor,
            wanted: operation.wanted,
        })
    }

    /// Needs nothing of the operation to be known here, so that whatever cannot be delivered can be voided, at every level.
    fn void(&mut self, operation: &Operation) -> Result<(), Reject> {
        self.gateway.slots.set((operation.origin, operation.nonce), Slot::Void);
        self.update_peer(operation.asset, operation.origin, |books| {
            books.voided = add(books.voided, operation.amount)?;
            Ok(())
        })?;
        let outcome = outcome(operation, operation.origin);
        self.append(EventBody::Voided { outcome, kind: operation.kind })
    }

    /// The operation is one that this gateway made, word for word, and it was not refunded.
    fn check_origin(&self, operation: &Operation) -> Result<(), Reject> {
        check_amount(operation)?;
        if operation.origin != self.gateway.id {
            return Err(Reject::WrongGateway(operation.origin));
        }
        let stored = self.gateway.outgoing(operation.destination, operation.nonce).unwrap_or_default();
        if stored != operation.id() {
            return Err(Reject::UnknownOperation(stored));
        }
        if self.gateway.refunded(operation.destination, operation.nonce) {
            return Err(Reject::AlreadyDone);
        }
        self.check_pause(operation.asset, 2).map(|_| ())
    }

    /// Gross, and outside the windows: it gives back what this gateway itself took.
    fn refund(&mut self, operation: &Operation) -> Result<(), Reject> {
        let (asset, cause) = (operation.asset, operation.id());
        self.gateway.refunds.set((operation.destination, operation.nonce), ());
        self.update_peer(asset, operation.destination, |books| {
            books.refunded = add(books.refunded, operation.amount)?;
            Ok(())
        })?;
        let undone = if operation.kind == OperationKind::Mint {
            self.undo(operation.market, operation.owner, operation.amount, operation.wanted)?
        } else {
            let nowhere = PositionState { market: MarketId::ZERO, owner: Default::default(), collateral: 0, debt: 0 };
            Undone { paid: 0, surplus: operation.amount, payout: 0, position: nowhere }
        };
        let refund_to = self.payee(operation.refund_to)?;
        self.append(EventBody::Refunded {
            outcome: Outcome {
                paid: undone.paid,
                surplus: undone.surplus,
                ..outcome(operation, operation.destination)
            },
            payout: undone.payout,
            refund_to,
            position: undone.position,
        })?;
        self.mint(asset, refund_to, undone.surplus, cause)?;
        if undone.payout == 0 {
            return Ok(());
        }
        let collateral = self.market(operation.market)?.collateral;
        self.push(collateral, refund_to, undone.payout, cause)
    }

    /// What an operation that no longer exists has minted at the destination: counted as sent, and as bad debt of a market.
    fn orphan(
        &mut self,
        operation: &Operation,
        orphan: OperationId,
        market: MarketId,
        amount: u128,
    ) -> Result<(), Reject> {
        if orphan.is_zero() || market.is_zero() || amount == 0 {
            return Err(Reject::MalformedContent);
        }
        let asset = operation.asset;
        self.add_bad_debt(market, asset, amount)?;
        self.update_peer(asset, operation.destination, |books| {
            books.sent = add(books.sent, amount)?;
            Ok(())
        })?;
        self.append(EventBody::BadDebt { market, asset, amount, cause: orphan })
    }

    /// The newest version wins; a market's mirrors all come from one home.
    fn mirror(&mut self, signed: &SignedOrder, record: &MirrorRecord) -> Result<(), Reject> {
        if record.home == self.gateway.id || record.home.is_zero() {
            return Err(Reject::WrongGateway(record.home));
        }
        let PositionState { market, owner, .. } = record.position;
        let home = self.gateway.mirror_homes.get(&market);
        let known = self.gateway.mirror(market, owner);
        if known.is_some_and(|known| record == &known || (record.home == known.home && record.version < known.version))
        {
            return Err(Reject::AlreadyDone);
        }
        // A conflict stops whoever sees it, so only the attesters can make one.
        self.check_signatures(signed)?;
        let other_home = home.is_some_and(|home| home != record.home);
        if other_home || known.is_some_and(|known| known.version == record.version) {
            return Err(Reject::MirrorConflict(record.version));
        }
        self.gateway.mirror_homes.set(market, record.home);
        self.gateway.mirrors.set((market, owner), *record);
        Ok(())
    }
}

fn check_amount(operation: &Operation) -> Result<(), Reject> {
    if operation.amount > operation.fee { Ok(()) } else { Err(Reject::MalformedContent) }
}

/// The outcome of an operation before fee, paid and surplus are known.
fn outcome(operation: &Operation, peer: GatewayId) -> Outcome {
    Outcome {
        operation: operation.id(),
        peer,
        nonce: operation.nonce,
        asset: operation.asset,
        gross: operation.amount,
        fee: 0,
        paid: 0,
        surplus: 0,
    }
}
