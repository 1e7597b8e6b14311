//! Who does what when, and what fails when: a function of the seed.

use alloy::primitives::{Address, B256, keccak256};
use anyhow::{Context as _, Result};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tim3_arweave::{Id, Wallet};
use tim3_devnet::plan::UNIT;
use tim3_domain::{identity::Account, protocol::OperationKind};
use tim3_solana::{Keypair, Signer as _};

/// The two EVM chains are 0 and 1.
pub(super) const EVM: usize = 2;
/// The Solana chain.
pub(super) const SOLANA: usize = 2;
/// The AO network.
pub(super) const AO: usize = 3;
const CHAINS: usize = 4;

/// How long things happen, in milliseconds.
const SPAN: u64 = 40_000;
const USERS: usize = 200;
const KILLS: usize = 20;
const REORGS: usize = 8;
/// How long the validator, or the AO network, is down at least, and when within that the daemon has to start without it.
const DOWN: u64 = 3_000;
const KILLED_MEANWHILE: u64 = 1_000;
/// How long messages between processes of AO are held at least before the network is killed, and by when users act whose messages those are.
const HELD: u64 = 3_000;
const HELD_USERS: usize = 3;
/// Requests to units of AO that go wrong one way or another, and how long one of its compute units is out of date.
const FAULTS: usize = 40;
const LAGS: u64 = 6_000;
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
pub(super) struct Someone {
    secret: B256,
    pub(super) ao: Id,
}

impl Someone {
    fn new(name: &str) -> Result<Self> {
        let secret = keccak256(name);
        Ok(Self { secret, ao: Wallet::from_seed(&secret.0)?.address() })
    }

    pub(super) fn address(self) -> Address {
        Address::from_word(self.secret)
    }

    pub(super) fn key(self) -> Keypair {
        Keypair::new_from_array(self.secret.0)
    }

    pub(super) fn wallet(self) -> Result<Wallet> {
        Ok(Wallet::from_seed(&self.secret.0)?)
    }

    pub(super) fn on(self, chain: usize) -> Account {
        match chain {
            SOLANA => tim3_solana::address::account(&self.key().pubkey()),
            AO => self.ao.account(),
            _ => Account::from_evm(self.address().into_array()),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// kill -9 of the daemon, and its start.
    Kill,
    /// The newest `depth` blocks of an EVM chain are taken back.
    Reorg { chain: usize, depth: u64 },
    /// The validator ends, or the AO network is killed.
    Down(usize),
    /// It starts again from what it has on disk.
    Up(usize),
    /// No message between processes of AO arrives any more.
    Hold,
    /// The AO network is killed when a deposit and a payout are among them.
    Crash,
    /// Requests to a unit of AO go wrong.
    Fault(Value),
    /// Requests to units of AO go wrong no more.
    Clear,
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

pub(super) fn make(seed: u64) -> Result<Chaos> {
    let mut random = StdRng::seed_from_u64(seed);
    let users = (0..USERS).map(|index| user(seed, index, &mut random)).collect::<Result<Vec<_>>>()?;
    let mut acts: Vec<u64> = (0..USERS).map(|_| random.random_range(0..SPAN)).collect();
    let mut happenings = ao(&users, &mut acts, &mut random);
    happenings.extend(acts.into_iter().zip((0..).map(Happening::Act)));
    let down = random.random_range(SPAN / 5..SPAN / 3);
    happenings.extend([(down, Happening::Down(SOLANA)), (down + DOWN, Happening::Up(SOLANA))]);
    happenings.push((down + KILLED_MEANWHILE, Happening::Kill));
    for _ in happenings.iter().filter(|(_, happening)| matches!(happening, Happening::Kill)).count()..KILLS {
        happenings.push((random.random_range(0..SPAN), Happening::Kill));
    }
    let swallow = random.random_range(SPAN / 2..SPAN * 3 / 4);
    happenings.extend([(swallow, Happening::Swallow), (swallow + SWALLOWED, Happening::Pass)]);
    for _ in 0..REORGS {
        let (chain, depth) = (random.random_range(0..EVM), random.random_range(1..=3));
        happenings.push((random.random_range(0..SPAN), Happening::Reorg { chain, depth }));
    }
    happenings.sort_by_key(|(at, _)| *at);
    Ok(Chaos { users, happenings })
}

/// What happens to the AO network: it is killed once at any moment and once with deposits and payouts on their way, for which some users act
/// just then; its units fail; and for a while one that computes is out of date.
fn ao(users: &[User], acts: &mut [u64], random: &mut StdRng) -> Vec<(u64, Happening)> {
    let down = random.random_range(SPAN / 8..SPAN / 5);
    let hold = random.random_range(SPAN * 2 / 5..SPAN / 2);
    let lag = random.random_range(SPAN * 3 / 4..SPAN - LAGS);
    let crash = hold + HELD;
    let mut happenings = vec![
        (down, Happening::Down(AO)),
        (down + DOWN, Happening::Up(AO)),
        (hold, Happening::Hold),
        (crash, Happening::Crash),
        (crash + KILLED_MEANWHILE, Happening::Kill),
        (crash + DOWN, Happening::Up(AO)),
        (lag, Happening::Fault(json!({"unit": "cu", "kind": "stale", "index": 0, "times": -1}))),
        (lag + LAGS, Happening::Clear),
    ];
    let deposits = |user: &User| user.origin == AO && user.kind == OperationKind::Mint;
    let payouts = |user: &User| user.origin < EVM && user.destination == AO && user.kind == OperationKind::Redeem;
    for (is_one, at) in [(&deposits as &dyn Fn(&User) -> bool, hold + 500), (&payouts, hold - 500)] {
        let is_one = |(user, _): &(&User, &mut u64)| is_one(user) && user.amount < HOLD * UNIT;
        for (_, act) in users.iter().zip(acts.iter_mut()).filter(is_one).take(HELD_USERS) {
            *act = at;
        }
    }
    for _ in 0..FAULTS {
        happenings.push((random.random_range(0..SPAN), Happening::Fault(fault(random))));
    }
    happenings
}

/// One way in which a unit of AO fails for some requests. A message of a process may be pushed twice where it is to the gateway; no token keeps
/// two payments apart.
fn fault(random: &mut StdRng) -> Value {
    const KINDS: [&str; 4] = ["error", "drop", "lost-reply", "delay"];
    const TWICE: [&str; 2] = ["Credit-Notice", "Debit-Notice"];
    let (unit, times) = (random.random_range(0..5), random.random_range(1..5));
    let kind = KINDS[random.random_range(0..KINDS.len())];
    match ["mu", "su", "cu", "gateway"].get(unit) {
        Some(unit) => json!({"unit": unit, "kind": kind, "times": times, "ms": 800}),
        None => {
            let action = TWICE[random.random_range(0..TWICE.len())];
            json!({"unit": "push", "kind": "duplicate", "times": times, "match": {"Action": action}})
        }
    }
}

fn user(seed: u64, index: usize, random: &mut StdRng) -> Result<User> {
    let kinds = [OperationKind::Mint, OperationKind::Redeem, OperationKind::Transfer];
    let someone = |role: &str| Someone::new(&format!("{seed} {role} {index}"));
    let origin = random.random_range(0..CHAINS);
    Ok(User {
        who: someone("user")?,
        recipient: someone("recipient")?,
        amount: match index % 20 {
            0 => APPROVED,
            10 => VOIDED,
            _ => random.random_range(1..=100) * UNIT,
        },
        origin,
        destination: (origin + random.random_range(1..CHAINS)) % CHAINS,
        kind: kinds[random.random_range(0..kinds.len())],
    })
}
