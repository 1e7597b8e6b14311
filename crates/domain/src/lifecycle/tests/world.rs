//! Two honest chains with reorgs, other daemons, and a daemon that loses its memory: what a history of facts can really look like.

use std::collections::VecDeque;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Gone,
    Seen,
    Final,
    Replaced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Open,
    Settled,
    Voided,
}

/// What may happen next in the world or to the daemon; what is impossible at that moment does not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    OriginReorg,
    OriginIncluded,
    OriginFinal,
    OriginReplaced,
    /// Somebody, this daemon's transaction or another daemon's, gets the leg's order executed.
    Executed(Leg),
    SlotReorg,
    SlotFinal,
    RefundReorg,
    RefundFinal,
    /// The daemon hears the next fact of the origin, and forgets nothing.
    HearOrigin,
    HearDestination,
    /// The daemon hears the next fact, which will be told again.
    HearOriginTwice,
    HearDestinationTwice,
    /// The daemon carries out the n-th of its pending effects.
    Work(usize),
    Dropped(Leg),
    Deferred(Leg),
    Epoch,
    Admit,
    Hold,
    Refuse,
    Fail,
    Retry,
    /// kill -9, and a start that reads the chains anew.
    Crash,
}

#[derive(Debug)]
pub(super) struct World {
    origin: Origin,
    slot: Slot,
    slot_final: bool,
    refunded: bool,
    refund_final: bool,
    origin_news: VecDeque<Fact>,
    destination_news: VecDeque<Fact>,
    /// Transactions of this daemon that may still be included.
    sent: Vec<Leg>,
    pub(super) phase: Phase,
    pending: Vec<Effect>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            origin: Origin::Seen,
            slot: Slot::Open,
            slot_final: false,
            refunded: false,
            refund_final: false,
            origin_news: VecDeque::new(),
            destination_news: VecDeque::new(),
            sent: Vec::new(),
            phase: Phase::Observed,
            pending: Vec::new(),
        }
    }

    /// Whether honest attesters sign the leg's order; once they do, they always will.
    fn is_earned(&self, leg: Leg) -> bool {
        match leg {
            Leg::Settle | Leg::Void => self.origin == Origin::Final,
            Leg::Refund => self.slot == Slot::Voided && self.slot_final,
        }
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        use Happening as H;
        match happening {
            H::OriginReorg | H::OriginIncluded | H::OriginFinal | H::OriginReplaced => self.move_origin(happening),
            H::Executed(leg) => self.execute(leg),
            H::SlotReorg | H::SlotFinal => self.move_slot(happening == H::SlotFinal),
            H::RefundReorg | H::RefundFinal => self.move_refund(happening == H::RefundFinal),
            H::HearOrigin => self.hear(|world| world.origin_news.pop_front()),
            H::HearDestination => self.hear(|world| world.destination_news.pop_front()),
            H::HearOriginTwice => self.hear(|world| world.origin_news.front().copied()),
            H::HearDestinationTwice => self.hear(|world| world.destination_news.front().copied()),
            H::Work(index) => self.work(index),
            H::Dropped(leg) => self.lose(leg, &Input::Dropped(leg)),
            H::Deferred(leg) => self.lose(leg, &Input::Deferred(leg)),
            H::Epoch => {
                // What was signed for the old epoch is refused now.
                self.sent.clear();
                self.step(&Input::EpochChanged);
            }
            H::Admit => self.step(&Input::Admit),
            H::Hold => self.step(&Input::Hold(Hold::Limit)),
            H::Refuse => self.step(&Input::Refuse(Refusal::TooOld)),
            H::Fail => self.step(&Input::Fail("it reverts".into())),
            H::Retry => self.step(&Input::Retry),
            H::Crash => self.crash(),
        }
    }

    fn move_origin(&mut self, happening: Happening) {
        let (next, fact) = match (self.origin, happening) {
            (Origin::Seen, Happening::OriginReorg) => (Origin::Gone, Fact::OriginGone),
            (Origin::Gone, Happening::OriginIncluded) => (Origin::Seen, Fact::OriginSeen),
            (Origin::Seen, Happening::OriginFinal) => (Origin::Final, Fact::OriginFinal),
            (Origin::Gone, Happening::OriginReplaced) => (Origin::Replaced, Fact::OriginReplaced),
            _ => return,
        };
        self.origin = next;
        self.origin_news.push_back(fact);
    }

    fn execute(&mut self, leg: Leg) {
        if !self.is_earned(leg) {
            return;
        }
        match leg {
            Leg::Settle if self.slot == Slot::Open => {
                self.slot = Slot::Settled;
                self.destination_news.push_back(Fact::SettledSeen);
            }
            Leg::Void if self.slot == Slot::Open => {
                self.slot = Slot::Voided;
                self.destination_news.push_back(Fact::VoidedSeen);
            }
            Leg::Refund if !self.refunded => {
                self.refunded = true;
                self.origin_news.push_back(Fact::RefundedSeen);
            }
            _ => {}
        }
    }

    fn move_slot(&mut self, to_final: bool) {
        let (finals, gone) = match self.slot {
            Slot::Open => return,
            Slot::Settled => (Fact::SettledFinal, Fact::SettledGone),
            Slot::Voided => (Fact::VoidedFinal, Fact::VoidedGone),
        };
        if self.slot_final {
            return;
        }
        if to_final {
            self.slot_final = true;
            self.destination_news.push_back(finals);
        } else {
            self.slot = Slot::Open;
            self.destination_news.push_back(gone);
        }
    }

    fn move_refund(&mut self, to_final: bool) {
        if !self.refunded || self.refund_final {
            return;
        }
        if to_final {
            self.refund_final = true;
            self.origin_news.push_back(Fact::RefundedFinal);
        } else {
            self.refunded = false;
            self.origin_news.push_back(Fact::RefundedGone);
        }
    }

    fn hear(&mut self, next: impl FnOnce(&mut Self) -> Option<Fact>) {
        if let Some(fact) = next(self) {
            self.step(&Input::Fact(fact));
        }
    }

    /// A transaction of this daemon ends without an outcome of its leg; one that is in a block cannot.
    fn lose(&mut self, leg: Leg, told: &Input) {
        let included = match leg {
            Leg::Settle => self.slot == Slot::Settled,
            Leg::Void => self.slot == Slot::Voided,
            Leg::Refund => self.refunded,
        };
        if let Some(index) = self.sent.iter().position(|sent| *sent == leg).filter(|_| !included) {
            self.sent.swap_remove(index);
            // An older transaction of the same leg may still be on its way; the submitter tells the fate of the last.
            if !self.sent.contains(&leg) {
                self.step(told);
            }
        }
    }

    fn work(&mut self, index: usize) {
        let Some(index) = index.checked_rem(self.pending.len()) else { return };
        match self.pending.remove(index) {
            Effect::Sign(leg) if self.is_earned(leg) => self.step(&Input::Signed(leg)),
            // The attester does not see it yet and is asked again.
            Effect::Sign(leg) => self.pending.push(Effect::Sign(leg)),
            Effect::Submit(leg) | Effect::SubmitLater(leg) => {
                assert!(self.is_earned(leg), "{leg:?} was submitted and nobody can have signed it");
                self.sent.push(leg);
                self.step(&Input::Sent(leg));
            }
            other => panic!("{other:?} does not wait to be carried out"),
        }
    }

    fn crash(&mut self) {
        self.pending.clear();
        if let Some((leg, step)) = self.phase.leg()
            && (step != Step::Submitted || !self.sent.contains(&leg))
        {
            self.pending.push(Effect::Sign(leg));
        }
        self.origin_news = match self.origin {
            Origin::Gone => [Fact::OriginGone].into(),
            Origin::Seen => [Fact::OriginSeen].into(),
            Origin::Final => [Fact::OriginSeen, Fact::OriginFinal].into(),
            Origin::Replaced => [Fact::OriginReplaced].into(),
        };
        self.origin_news.extend(match (self.refunded, self.refund_final) {
            (false, _) => &[Fact::RefundedGone][..],
            (true, false) => &[Fact::RefundedSeen],
            (true, true) => &[Fact::RefundedSeen, Fact::RefundedFinal],
        });
        self.destination_news = match (self.slot, self.slot_final) {
            (Slot::Open, _) => [Fact::SettledGone, Fact::VoidedGone].into(),
            (Slot::Settled, false) => [Fact::SettledSeen].into(),
            (Slot::Settled, true) => [Fact::SettledSeen, Fact::SettledFinal].into(),
            (Slot::Voided, false) => [Fact::VoidedSeen].into(),
            (Slot::Voided, true) => [Fact::VoidedSeen, Fact::VoidedFinal].into(),
        };
    }

    fn step(&mut self, input: &Input) {
        let (next, effects) = run(self.phase.clone(), [input.clone()]);
        for effect in effects {
            match effect {
                Effect::Halt(breach) => panic!("an honest world was called a breach: {breach:?}"),
                // Carried out at once, so that it cannot take back what is asked for after it.
                Effect::Withdraw(leg) => {
                    self.pending.retain(|other| *other != Effect::Submit(leg) && *other != Effect::SubmitLater(leg));
                }
                other => self.pending.push(other),
            }
        }
        self.phase = next;
        self.assert_goes_on();
    }

    /// Whatever the phase, something is on its way that will change it.
    fn assert_goes_on(&self) {
        let waits_for = match self.phase.leg() {
            Some((leg, Step::Signing)) => self.pending.contains(&Effect::Sign(leg)),
            Some((leg, Step::Authorized)) => {
                // A signature asked for after a crash submits it again.
                [Effect::Submit(leg), Effect::SubmitLater(leg), Effect::Sign(leg)]
                    .iter()
                    .any(|effect| self.pending.contains(effect))
            }
            Some((leg, Step::Submitted)) => self.sent.contains(&leg) || self.pending.contains(&Effect::Sign(leg)),
            None => true,
        };
        assert!(waits_for, "{:?} waits for nothing: pending {:?}, sent {:?}", self.phase, self.pending, self.sent);
    }

    /// Faults stop: chains include and finalise, facts arrive, effects are carried out, somebody answers what is held.
    pub(super) fn calm_down(&mut self, event_comes_back: bool) {
        use Happening as H;
        let event = if event_comes_back { H::OriginIncluded } else { H::OriginReplaced };
        for _ in 0..40 {
            let round = [event, H::OriginFinal, H::Admit, H::Retry, H::SlotFinal, H::RefundFinal];
            round.into_iter().for_each(|happening| self.happen(happening));
            for leg in self.sent.clone() {
                self.execute(leg);
                // The slot is closed for ever against this one: the gateway rejects it.
                self.lose(leg, &Input::Deferred(leg));
            }
            for _ in 0..self.pending.len() {
                self.work(0);
            }
            while !self.origin_news.is_empty() || !self.destination_news.is_empty() {
                self.happen(H::HearOrigin);
                self.happen(H::HearDestination);
            }
            if self.phase.is_terminal() {
                break;
            }
        }
    }

    /// What the chains say the end must be, once both are final.
    pub(super) fn end(&self) -> Option<Phase> {
        match (self.origin, self.slot, self.slot_final, self.refund_final) {
            (Origin::Replaced, Slot::Open, ..) => Some(Phase::Orphaned { replaced: true }),
            (Origin::Final, Slot::Settled, true, false) => Some(Phase::Completed),
            (Origin::Final, Slot::Voided, true, true) => Some(Phase::Refunded),
            _ => None,
        }
    }
}
