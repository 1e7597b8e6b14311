//! What goes wrong, and how often.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;
use tim3_domain::{identity::Account, place::Located, protocol::EventBody, word::Word};

/// Rates of faults in 1/10000 each time there is an occasion; all zero is a perfect chain. Two generators are made of the seed, one for the
/// making of blocks and one for answers, so that a further read does not change the blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Where the generators start.
    pub seed: u64,
    /// A waiting transaction is forgotten when its turn comes.
    pub drop: u16,
    /// A waiting transaction is passed over for one block.
    pub delay: u16,
    /// A stranger copies a batch of orders and is included first: the original finds everything done.
    pub copy: u16,
    /// The transactions of a block come in any order that keeps each sender's nonces.
    pub reorder: u16,
    /// Blocks are replaced before a new one is made.
    pub reorg: u16,
    /// How many blocks a reorg replaces, at most.
    pub reorg_depth: u64,
    /// Every endpoint stops seeing new blocks.
    pub stall: u16,
    /// For how many blocks, at most.
    pub stall_blocks: u64,
    /// A call fails as if no endpoint answered.
    pub transient: u16,
    /// A call fails as if every endpoint wanted fewer calls.
    pub rate_limit: u16,
    /// A lying endpoint states false events.
    pub lie: u16,
    /// How many of the endpoints lie.
    pub liars: usize,
    /// A broadcast is accepted, and its answer lost.
    pub lost_reply: u16,
}

impl Faults {
    /// Everything at once, at rates that a correct daemon lives with; reorgs stay below a finality depth of 4.
    #[must_use]
    pub fn rough(seed: u64) -> Self {
        Self {
            seed,
            drop: 300,
            delay: 1_000,
            copy: 300,
            reorder: 3_000,
            reorg: 500,
            reorg_depth: 3,
            stall: 100,
            stall_blocks: 5,
            transient: 200,
            rate_limit: 50,
            lie: 300,
            liars: 1,
            lost_reply: 500,
        }
    }
}

/// How often each fault really struck since the chain began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Struck {
    /// Transactions forgotten.
    pub dropped: u64,
    /// Transactions passed over for a block.
    pub delayed: u64,
    /// Batches that a stranger copied.
    pub copied: u64,
    /// Reorgs, those asked for by [`crate::SimNode::reorg`] included.
    pub reorgs: u64,
    /// Blocks that they replaced.
    pub replaced_blocks: u64,
    /// Times in which the endpoints saw nothing new.
    pub stalls: u64,
    /// Calls that failed, rate limits included.
    pub failed_calls: u64,
    /// False statements about events.
    pub lies: u64,
    /// Broadcasts whose answer was lost.
    pub lost_replies: u64,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noise {
    Transient,
    RateLimited,
}

/// The generators, and the rates they decide by.
#[derive(Debug)]
pub(super) struct Chance {
    pub(super) faults: Faults,
    pub(super) struck: Struck,
    blocks: StdRng,
    answers: StdRng,
}

impl Chance {
    /// Other faults from now on; `struck` counts on.
    pub(super) fn new(faults: Faults, struck: Struck) -> Self {
        let blocks = StdRng::seed_from_u64(faults.seed);
        let answers = StdRng::seed_from_u64(faults.seed.wrapping_add(1));
        Self { faults, struck, blocks, answers }
    }

    /// Whether something of this rate happens to a block or a transaction.
    pub(super) fn strikes(&mut self, rate: u16) -> bool {
        hit(&mut self.blocks, rate)
    }

    /// A number from 1 to `most`.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        self.blocks.random_range(1..=most.max(1))
    }

    /// A key for a random order.
    pub(super) fn key(&mut self) -> u64 {
        self.blocks.random()
    }

    pub(super) fn noise(&mut self) -> Option<Noise> {
        let noise = if hit(&mut self.answers, self.faults.transient) {
            Noise::Transient
        } else if hit(&mut self.answers, self.faults.rate_limit) {
            Noise::RateLimited
        } else {
            return None;
        };
        count(&mut self.struck.failed_calls);
        Some(noise)
    }

    pub(super) fn loses_reply(&mut self) -> bool {
        let lost = hit(&mut self.answers, self.faults.lost_reply);
        if lost {
            count(&mut self.struck.lost_replies);
        }
        lost
    }

    /// The lie that `endpoint` tells this time.
    pub(super) fn lie(&mut self, endpoint: usize) -> Option<Lie> {
        if endpoint >= self.faults.liars || !hit(&mut self.answers, self.faults.lie) {
            return None;
        }
        count(&mut self.struck.lies);
        let at = self.answers.random();
        Some(match self.answers.random_range(0..4_u8) {
            0 => Lie::Omit(at),
            1 => Lie::Repeat(at),
            2 => Lie::Alter(at),
            _ => Lie::Forge,
        })
    }
}

pub(super) fn count(struck: &mut u64) {
    *struck = struck.saturating_add(1);
}

fn hit(rng: &mut StdRng, rate: u16) -> bool {
    // A rate of zero draws nothing, so that faults which are off do not move the others.
    rate != 0 && rng.random_range(0..10_000) < rate
}

/// What a lying endpoint does to the events it states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Leaves one out.
    Omit(u64),
    /// States one twice.
    Repeat(u64),
    /// Changes when one happened.
    Alter(u64),
    /// Adds one that never was.
    Forge,
}

impl Lie {
    /// The events as the endpoint states them. Nothing can be made of none.
    pub(crate) fn tell(self, events: &mut Vec<Located>) {
        let Some(last) = events.last().cloned() else { return };
        let index = |at: u64| usize::try_from(at).ok().and_then(|at| at.checked_rem(events.len())).unwrap_or(0);
        match self {
            Self::Omit(at) => {
                events.remove(index(at));
            }
            Self::Repeat(at) => {
                let index = index(at);
                if let Some(event) = events.get(index).cloned() {
                    events.insert(index, event);
                }
            }
            Self::Alter(at) => {
                let index = index(at);
                if let Some(located) = events.get_mut(index) {
                    located.event.timestamp ^= 1;
                }
            }
            Self::Forge => {
                let mut forged = last;
                forged.event.sequence = forged.event.sequence.saturating_add(1);
                forged.event.body = EventBody::TreasurySet { treasury: Account(Word([0xbb; 32])) };
                events.push(forged);
            }
        }
    }
}
