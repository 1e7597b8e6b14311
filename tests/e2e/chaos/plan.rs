//! Who does what when, and what fails when: a function of the seed.

use alloy::primitives::{Address, B256, keccak256};
use anyhow::{Context as _, Result};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tim3_devnet::plan::UNIT;
use tim3_domain::{identity::Account, protocol::OperationKind};
use tim3_solana::{Keypair, Signer as _};

/// The two EVM chains are 0 and 1.
pub(super) const EVM: usize = 2;
/// The Solana chain.
pub(super) const SOLANA: usize = 2;
const CHAINS: usize = 3;

/// How long things happen, in milliseconds.
const SPAN: u64 = 40_000;
const USERS: usize = 200;
const KILLS: usize = 20;
const REORGS: usize = 8;
/// How long the validator is down at least, and when within that the daemon has to start without it.
const DOWN: u64 = 3_000;
const KILLED_MEANWHILE: u64 = 1_000;
/// How long every endpoint of Solana swallows transactions at least.
const SWALLOWED: u64 = 4_000;

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
    pub(super) who: Someone,
    /// Somebody of its own, so that its balance tells what became of the operation.
    pub(super) recipient: Someone,
    /// Whole tokens, in canonical units.
    pub(super) amount: u128,
    /// Which of the chains it is on.
    pub(super) origin: usize,
    /// Another one.
    pub(super) destination: usize,
    pub(super) kind: OperationKind,
}

/// A secret, and the account on each kind of chain that it makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Someone(pub(super) B256);

impl Someone {
    pub(super) fn address(self) -> Address {
        Address::from_word(self.0)
    }

    pub(super) fn key(self) -> Keypair {
        Keypair::new_from_array(self.0.0)
    }

    pub(super) fn on(self, chain: usize) -> Account {
        if chain == SOLANA {
            tim3_solana::address::account(&self.key().pubkey())
        } else {
            Account::from_evm(self.address().into_array())
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// kill -9 of the daemon, and its start.
    Kill,
    /// The newest `depth` blocks of an EVM chain are taken back.
    Reorg { chain: usize, depth: u64 },
    /// The validator ends.
    Down,
    /// The validator starts again from its ledger.
    Up,
    /// Every endpoint of Solana swallows transactions.
    Swallow,
    /// They pass them on again, when a blockhash has expired meanwhile.
    Pass,
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
    let users = (0..USERS).map(|index| user(seed, index, &mut random)).collect();
    let mut happenings = Vec::new();
    for index in 0..USERS {
        happenings.push((random.random_range(0..SPAN), Happening::Act(index)));
    }
    let down = random.random_range(SPAN / 5..SPAN / 3);
    happenings.extend([(down, Happening::Down), (down + DOWN, Happening::Up)]);
    happenings.push((down + KILLED_MEANWHILE, Happening::Kill));
    for _ in 1..KILLS {
        happenings.push((random.random_range(0..SPAN), Happening::Kill));
    }
    let swallow = random.random_range(SPAN / 2..SPAN * 3 / 4);
    happenings.extend([(swallow, Happening::Swallow), (swallow + SWALLOWED, Happening::Pass)]);
    for _ in 0..REORGS {
        let (chain, depth) = (random.random_range(0..EVM), random.random_range(1..=3));
        happenings.push((random.random_range(0..SPAN), Happening::Reorg { chain, depth }));
    }
    happenings.sort_by_key(|(at, _)| *at);
    Chaos { users, happenings }
}

fn user(seed: u64, index: usize, random: &mut StdRng) -> User {
    let kinds = [OperationKind::Mint, OperationKind::Redeem, OperationKind::Transfer];
    let someone = |role: &str| Someone(keccak256(format!("{seed} {role} {index}")));
    let origin = random.random_range(0..CHAINS);
    User {
        who: someone("user"),
        recipient: someone("recipient"),
        amount: match index % 20 {
            0 => APPROVED,
            10 => VOIDED,
            _ => random.random_range(1..=100) * UNIT,
        },
        origin,
        destination: (origin + random.random_range(1..CHAINS)) % CHAINS,
        kind: kinds[random.random_range(0..kinds.len())],
    }
}
