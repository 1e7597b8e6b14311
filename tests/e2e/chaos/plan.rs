//! Who does what when, and what fails when: a function of the seed.

use alloy::primitives::{Address, keccak256};
use anyhow::{Context as _, Result};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tim3_devnet::plan::UNIT;
use tim3_domain::protocol::OperationKind;

/// How long things happen, in milliseconds.
const SPAN: u64 = 30_000;
const USERS: usize = 200;
const KILLS: usize = 20;
const REORGS: usize = 8;

/// Gross amount from which an operation waits for the operator, in whole tokens.
pub(super) const HOLD: u128 = 150;
/// Amounts above it, which the operator approves and voids.
const APPROVED: u128 = 200 * UNIT;
const VOIDED: u128 = 300 * UNIT;

/// What happens, in order, in milliseconds from the start.
pub(super) struct Chaos {
    pub(super) users: Vec<User>,
    pub(super) happenings: Vec<(u64, Happening)>,
}

/// Somebody with one operation.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) account: Address,
    /// An account of its own, so that its balance tells what became of the operation.
    pub(super) recipient: Address,
    /// Whole tokens, in canonical units.
    pub(super) amount: u128,
    /// Which of the two chains it is on.
    pub(super) origin: usize,
    pub(super) kind: OperationKind,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// kill -9 of the daemon, and its start.
    Kill,
    /// The newest `depth` blocks of a chain are taken back.
    Reorg { chain: usize, depth: u64 },
    /// The user with this index sends its transaction.
    Act(usize),
}

/// What the operator decides about an operation of this amount, where it is asked at all.
pub(super) fn is_voided(amount: u128) -> bool {
    amount == VOIDED
}

/// `TIM3_SEED`, or another one each time.
pub(super) fn seed() -> Result<u64> {
    match std::env::var("TIM3_SEED") {
        Ok(text) => text.parse().with_context(|| format!("TIM3_SEED={text} is no number")),
        Err(_) => Ok(rand::rng().random_range(0..1_000_000)),
    }
}

pub(super) fn make(seed: u64) -> Chaos {
    let mut random = StdRng::seed_from_u64(seed);
    let kinds = [OperationKind::Mint, OperationKind::Redeem, OperationKind::Transfer];
    let account = |role: &str, index| Address::from_word(keccak256(format!("{seed} {role} {index}")));
    let users = (0..USERS)
        .map(|index| User {
            account: account("user", index),
            recipient: account("recipient", index),
            amount: match index % 20 {
                0 => APPROVED,
                10 => VOIDED,
                _ => random.random_range(1..=100) * UNIT,
            },
            origin: random.random_range(0..2),
            kind: kinds[random.random_range(0..kinds.len())],
        })
        .collect();
    let mut happenings = Vec::new();
    for index in 0..USERS {
        happenings.push((random.random_range(0..SPAN), Happening::Act(index)));
    }
    for _ in 0..KILLS {
        happenings.push((random.random_range(0..SPAN), Happening::Kill));
    }
    for _ in 0..REORGS {
        let (chain, depth) = (random.random_range(0..2), random.random_range(1..=3));
        happenings.push((random.random_range(0..SPAN), Happening::Reorg { chain, depth }));
    }
    happenings.sort_by_key(|(at, _)| *at);
    Chaos { users, happenings }
}
