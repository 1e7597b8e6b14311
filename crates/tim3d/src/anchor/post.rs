//! What became of a report, and what is to be done about it next. Pure.

use serde::{Deserialize, Serialize};
use tim3_arweave::{
    Id, Transaction,
    gateways::{Fate, Status},
};
use tim3_domain::word::Word;

/// Blocks after which a transaction that named the newest one is not valid any more.
const VALID: u64 = 50;
/// So many more must lie on these before it counts as gone: another branch may have been longer for a while.
const MARGIN: u64 = 50;

/// A report that was signed. It is in the journal before anybody else hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Post {
    /// Where its period begins, in milliseconds since 1970.
    pub(crate) period_ms: u64,
    /// When it was made.
    pub(crate) made_ms: u64,
    /// Keccak-256 of the report.
    pub(crate) digest: Word,
    /// Transactions that carry it, oldest first.
    pub(crate) transactions: Vec<Id>,
    /// The last of them, until it is settled.
    pub(crate) open: Option<Open>,
    /// The height of its block, once that is buried deep enough.
    pub(crate) height: Option<u64>,
    /// The report before it that was settled.
    pub(crate) before: Option<Settled>,
}

/// A transaction that may be on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// The only bytes that are ever sent for it.
    pub(crate) transaction: Transaction,
    /// How many blocks there were when it was signed.
    pub(crate) signed_at: u64,
}

/// A report that Arweave has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) transaction: Id,
    pub(crate) made_ms: u64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A report of the period.
    Make,
    /// Ask what became of this transaction.
    Follow,
    /// Nothing before the next period.
    Rest,
}

/// What is to be done in the period that begins at `period_ms`, where `newest` is the newest report that was signed. At most one report
/// is open, and none is made for a period that has one, also after the clock was set back.
pub(crate) fn next(newest: Option<&Post>, period_ms: u64) -> Next {
    match newest {
        Some(Post { open: Some(_), .. }) => Next::Follow,
        Some(post) if post.period_ms >= period_ms => Next::Rest,
        _ => Next::Make,
    }
}

/// What is to be done about a transaction that was posted, or was about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It is there for good, in the block at this height.
    Settle(u64),
    /// It waits for blocks.
    Wait,
    /// Nobody knows it: the same bytes are posted again.
    Again,
    /// Nobody knows it, and no block can take it any more: the report is signed anew.
    Renew,
}

/// See [`After`]; `confirmations` is how deep a block must be buried.
pub(crate) fn after(open: &Open, fate: Fate, confirmations: u64) -> After {
    match fate.status {
        Status::Included { height, confirmations: found } if found >= confirmations => After::Settle(height),
        Status::Included { .. } | Status::Pending => After::Wait,
        Status::Unknown if fate.height > open.signed_at.saturating_add(VALID).saturating_add(MARGIN) => After::Renew,
        Status::Unknown => After::Again,
    }
}

impl Post {
    /// The same with its transaction in a block.
    pub(crate) fn settled(mut self, height: u64) -> Self {
        (self.open, self.height) = (None, Some(height));
        self
    }

    /// The newest report that Arweave has, as far as this one knows.
    pub(crate) fn newest_settled(&self) -> Option<Settled> {
        let this = self.height.and(self.transactions.last());
        this.map(|transaction| Settled { transaction: *transaction, made_ms: self.made_ms }).or(self.before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tim3_arweave::{Wallet, transaction::Draft};

    use super::*;

    const JWK: &str = include_str!("../../../arweave/tests/wallet.json");

    fn open() -> Open {
        let draft = Draft { tags: Vec::new(), data: vec![1], anchor: vec![0; 48], reward: 0 };
        Open { transaction: Transaction::sign(draft, &Wallet::from_jwk(JWK).unwrap()).unwrap(), signed_at: 1_000 }
    }

    fn post(period_ms: u64) -> Post {
        let open = open();
        Post {
            period_ms,
            made_ms: period_ms.saturating_add(5),
            digest: Word([1; 32]),
            transactions: vec![open.transaction.id()],
            open: Some(open),
            height: None,
            before: None,
        }
    }

    #[test]
    fn a_period_has_one_report_and_one_report_is_open_at_a_time() {
        assert_eq!(next(None, 100), Next::Make);
        assert_eq!(next(Some(&post(100)), 100), Next::Follow);
        assert_eq!(next(Some(&post(100)), 900), Next::Follow);
        let settled = post(100).settled(7);
        assert_eq!(next(Some(&settled), 100), Next::Rest);
        assert_eq!(next(Some(&settled), 0), Next::Rest, "the clock was set back");
        assert_eq!(next(Some(&settled), 200), Next::Make);
    }

    #[test]
    fn what_is_settled_is_told_and_what_is_not_does_not_hide_it() {
        let first = post(100).settled(7);
        let settled = first.newest_settled();
        assert_eq!(settled.map(|it| it.made_ms), Some(105));
        let second = Post { before: settled, ..post(200) };
        assert_eq!(second.newest_settled(), settled);
        assert_eq!(serde_json::from_str::<Post>(&serde_json::to_string(&second).unwrap()).unwrap(), second);
    }

    #[test]
    fn a_transaction_is_signed_anew_only_when_it_cannot_be_included_any_more() {
        let (open, unknown) = (open(), |height| Fate { height, status: Status::Unknown });
        assert_eq!(after(&open, unknown(1_000), 10), After::Again);
        assert_eq!(after(&open, unknown(1_100), 10), After::Again);
        assert_eq!(after(&open, unknown(1_101), 10), After::Renew);
        assert_eq!(after(&open, Fate { height: 9_999, status: Status::Pending }, 10), After::Wait);
        let included =
            |confirmations| Fate { height: 9_999, status: Status::Included { height: 1_001, confirmations } };
        assert_eq!(after(&open, included(9), 10), After::Wait);
        assert_eq!(after(&open, included(10), 10), After::Settle(1_001));
    }

    proptest! {
        /// A gateway that lags, or has forgotten, never has a second transaction signed while the first is still valid.
        #[test]
        fn no_answer_has_a_valid_transaction_replaced(height in 0_u64..1_100, status in 0..3, deep in 0_u64..20) {
            let status = match status {
                0 => Status::Unknown,
                1 => Status::Pending,
                _ => Status::Included { height, confirmations: deep },
            };
            prop_assert_ne!(after(&open(), Fate { height, status }, 10), After::Renew);
        }
    }
}
