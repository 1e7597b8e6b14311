//! What stands between planner and processes: a journal, and posts and replies that get lost.

use std::collections::{BTreeMap, BTreeSet};

use tim3_arweave::v1::Role;
use tim3_arweave::v1::adopt::{End, Intent, LookUp, Patience, Planner, Seen, Step};
use tim3_arweave::v1::message::Message;

use super::processes::{World, deployment};

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }
}

const PATIENCE: Patience = Patience { report_after: 600_000, stranded_after: 1000 };

pub(crate) struct Daemon {
    pub(crate) planner: Planner,
    pub(crate) journal: Vec<(Step, Message)>,
    outbox: usize,
    histories: BTreeMap<Role, usize>,
    purposes: BTreeSet<tim3_arweave::v1::name::Purpose>,
}

impl Daemon {
    pub(crate) fn new() -> Self {
        Self {
            planner: Planner::new(deployment(), PATIENCE),
            journal: Vec::new(),
            outbox: 0,
            histories: BTreeMap::new(),
            purposes: BTreeSet::new(),
        }
    }

    /// Forgets everything but the journal, and reads everything again.
    pub(crate) fn restart(&mut self, world: &World) {
        self.planner = Planner::new(deployment(), PATIENCE);
        (self.outbox, self.histories) = (0, BTreeMap::new());
        for (step, message) in self.journal.clone() {
            self.planner.observe(world.time, Seen::Signed(step, message));
        }
        self.observe(world);
    }

    /// Outbox and histories up to now.
    pub(crate) fn observe(&mut self, world: &World) {
        for message in &world.outbox[self.outbox..] {
            self.purposes.extend(message.tag("Purpose").and_then(|purpose| purpose.parse().ok()));
            self.planner.observe(world.time, Seen::Sent(message.clone()));
        }
        self.outbox = world.outbox.len();
        for (role, history) in &world.histories {
            let seen = self.histories.entry(*role).or_default();
            for received in &history[*seen..] {
                self.planner.observe(world.time, Seen::Received(*role, received.clone()));
            }
            *seen = history.len();
        }
        self.planner.observe(world.time, Seen::Config(world.processes()));
        self.planner.observe(world.time, Seen::CaughtUp);
    }

    pub(crate) fn read_books(&mut self, world: &World) {
        self.planner.observe(world.time, Seen::Books(world.books()));
    }

    /// Reads, and does some of what is to be done; with `lossy`, posts and replies get lost.
    pub(crate) fn round(&mut self, world: &mut World, random: &mut Random, lossy: bool) {
        let mut lose = |of: usize| lossy && random.below(of) == 0;
        if !lose(3) {
            self.observe(world);
        }
        for intent in self.planner.next(world.time) {
            if lose(3) {
                continue;
            }
            match intent {
                Intent::Send { step, message, .. } => {
                    assert!(!self.journal.iter().any(|(known, _)| *known == step), "{step} is signed twice");
                    self.journal.push((step.clone(), message.clone()));
                    // A crash here: signed, journaled, and not known to the planner of before.
                    if !lose(5) {
                        self.planner.observe(world.time, Seen::Signed(step.clone(), message.clone()));
                    } else {
                        self.restart(world);
                        return;
                    }
                    if !lose(3) {
                        Self::post(world, &step, &message);
                    }
                }
                Intent::Settle(step) => match world.result(&step.to_string()) {
                    Some(outcome) if !lose(3) => self.planner.observe(world.time, Seen::Answered(step, outcome)),
                    Some(_) => {}
                    None => {
                        if let Some((_, message)) = self.journal.iter().find(|(known, _)| *known == step) {
                            Self::post(world, &step, message);
                        }
                    }
                },
                Intent::LookUp(look_up) => {
                    let seen = match look_up {
                        LookUp::Locks(user) => Seen::Locks(user.clone(), world.locks_of(&user)),
                        LookUp::Mints(user) => Seen::Mints(user.clone(), world.operations_of(&user, false)),
                        LookUp::Burns(user) => Seen::Burns(user.clone(), world.operations_of(&user, true)),
                        LookUp::Balance(user) => Seen::Balance(user.clone(), world.balance_of(&user)),
                        LookUp::Held(user) => Seen::Held(user.clone(), world.held_of(&user)),
                    };
                    self.planner.observe(world.time, seen);
                }
            }
        }
    }

    fn post(world: &mut World, step: &Step, message: &Message) {
        let role = Role::ALL
            .into_iter()
            .find(|role| deployment().process(*role) == message.target)
            .expect("one of the processes");
        world.post_item("daemon", &step.to_string(), role, message);
    }

    /// Goes on until nothing changes any more.
    pub(crate) fn rest(&mut self, world: &mut World) {
        let mut random = Random(1);
        let mut quiet = 0;
        for _ in 0..1000 {
            let before = (self.journal.len(), world.taken_in());
            self.round(world, &mut random, false);
            world.settle();
            world.time += 500;
            quiet = if before == (self.journal.len(), world.taken_in()) { quiet + 1 } else { 0 };
            if quiet == 8 {
                break;
            }
        }
        self.observe(world);
    }

    /// How the operations ended that it knows.
    pub(crate) fn ends(&self) -> Vec<End> {
        self.purposes.iter().filter_map(|purpose| self.planner.end(purpose).cloned()).collect()
    }
}
