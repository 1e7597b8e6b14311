//! What the daemon's bus tells, in the words of the API.

use tim3_api::view::{EventBody, EventView};
use tim3_coordinator::Notice;

use crate::directory::Directory;

/// A notice that came at `now_ms`.
pub(crate) fn view(notice: &Notice, names: &Directory, now_ms: u64) -> EventView {
    let owned = |text: &str| text.to_owned();
    let mut at = now_ms;
    let body = match notice {
        Notice::OperationChanged { operation, asset, kind, phase, at_ms } => {
            at = *at_ms;
            EventBody::OperationChanged {
                operation: operation.to_string(),
                asset: names.asset(*asset),
                kind: owned(kind),
                phase: owned(phase),
            }
        }
        Notice::PositionChanged { record } => EventBody::PositionChanged {
            market: names.market(record.position.market),
            owner: record.position.owner.to_string(),
            version: record.version,
        },
        Notice::MirrorDelivered { peer, record } => EventBody::MirrorDelivered {
            chain: names.chain(*peer),
            market: names.market(record.position.market),
            owner: record.position.owner.to_string(),
            version: record.version,
        },
        Notice::TransactionChanged { chain, transaction, state, orders } => EventBody::TransactionChanged {
            chain: chain.clone(),
            transaction: transaction.clone(),
            state: owned(state),
            orders: *orders,
        },
        Notice::ChainAdvanced { chain, head, finalized } => {
            EventBody::ChainAdvanced { chain: chain.clone(), head: *head, finalized: *finalized }
        }
        Notice::Reorg { chain, events } => EventBody::Reorg { chain: chain.clone(), events: *events },
        Notice::Audited { asset, holds, breaches } => {
            EventBody::Audited { asset: names.asset(*asset), exact: *holds, breaches: breaches.clone() }
        }
        Notice::Paused { asset, why } => EventBody::Paused { asset: names.asset(*asset), reason: why.clone() },
        Notice::KeeperActed { decision, subject, state } => {
            EventBody::KeeperActed { decision: *decision, subject: subject.clone(), state: owned(state) }
        }
        Notice::ErrorOccurred { subject, message } => {
            EventBody::ErrorOccurred { subject: subject.clone(), message: message.clone() }
        }
    };
    EventView { at_ms: at, body }
}

/// A reader was too slow for `count` notices.
pub(crate) fn missed(count: u64, now_ms: u64) -> EventView {
    EventView { at_ms: now_ms, body: EventBody::Missed { count } }
}
