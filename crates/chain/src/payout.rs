//! Payouts that are messages to a token in another process (AO), and what becomes of one that is lost on its way.

use tim3_domain::{identity::GatewayId, word::Word};

/// A payout that a quorum says is pending, and of whose newest attempt the token's history knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostPayout {
    gateway: GatewayId,
    payout: Word,
    attempt: u64,
}

impl LostPayout {
    /// For adapters, in their implementation of `Lock::overdue` and nowhere else: states that a quorum agreed and the history is silent.
    #[must_use]
    pub fn agreed(gateway: GatewayId, payout: Word, attempt: u64) -> Self {
        Self { gateway, payout, attempt }
    }

    /// The payout.
    #[must_use]
    pub fn payout(&self) -> Word {
        self.payout
    }

    /// The attempt that comes after the one that was lost; `None` after the last of 2^64.
    #[must_use]
    pub fn next_attempt(&self) -> Option<u64> {
        self.attempt.checked_add(1)
    }

    /// Whether `gateway` may be told to send `payout` again as `attempt`.
    #[must_use]
    pub fn allows(&self, gateway: GatewayId, payout: Word, attempt: u64) -> bool {
        (self.gateway, self.payout, self.next_attempt()) == (gateway, payout, Some(attempt))
    }
}

/// Payouts that have been pending for longer than they should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// Their tokens were never told to pay: they may be sent again.
    pub lost: Vec<LostPayout>,
    /// Their tokens were told, and the answer was lost or was a refusal: nobody may send them again, and the gateway's admin has to record
    /// what the token's history says.
    pub unanswered: Vec<Word>,
}
