//! Which orders go into a transaction: pure. They are tried in their order; what simulation does not accept makes room for the next ones, and
//! where a transaction as a whole fails, halves of it are tried until the culprit stands alone.

use std::collections::VecDeque;

/// How a pack that was tried ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried<V> {
    /// Every order has a verdict; `None`: it would be executed.
    Judged(Vec<Option<V>>),
    /// The transaction as a whole would fail, for this reason.
    Failed(V),
}

/// Orders on their way into one transaction, by index.
#[derive(Clone, Debug)]
pub struct Packing<V> {
    waiting: VecDeque<usize>,
    pack: Vec<usize>,
    /// So many of the pack were accepted together.
    accepted: usize,
    out: Vec<(usize, V)>,
    limit: usize,
    most: usize,
}

/// What came of packing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed<V> {
    /// Orders that go into the transaction.
    pub pack: Vec<usize>,
    /// Orders that were left out, and why.
    pub out: Vec<(usize, V)>,
    /// Orders that found no room.
    pub later: Vec<usize>,
}

impl<V> Packing<V> {
    /// `count` orders, of which at most `limit` go together; at least one.
    #[must_use]
    pub fn new(count: usize, limit: usize) -> Self {
        let limit = limit.max(1);
        Self { waiting: (0..count).collect(), pack: Vec::new(), accepted: 0, out: Vec::new(), limit, most: limit }
    }

    /// The next pack to try, or `None` when what was accepted stands. `fits` says whether orders fit in one transaction.
    pub fn next(&mut self, fits: impl Fn(&[usize]) -> bool) -> Option<&[usize]> {
        while self.pack.len() < self.most
            && let Some(index) = self.waiting.pop_front()
        {
            self.pack.push(index);
            // One that does not even fit alone is tried, so that somebody says so.
            if self.pack.len() > 1 && !fits(&self.pack) {
                self.pack.pop();
                self.waiting.push_front(index);
                break;
            }
        }
        (self.pack.len() > self.accepted).then_some(&self.pack)
    }

    /// Takes how the pack ended. An order without a verdict is taken as accepted: simulation of the whole has the last word.
    pub fn tried(&mut self, tried: Tried<V>) {
        match tried {
            Tried::Judged(verdicts) => {
                let mut verdicts = verdicts.into_iter();
                for index in std::mem::take(&mut self.pack) {
                    match verdicts.next().flatten() {
                        None => self.pack.push(index),
                        Some(verdict) => self.out.push((index, verdict)),
                    }
                }
                self.accepted = self.pack.len();
            }
            Tried::Failed(reason) => {
                let tested = self.pack.len().saturating_sub(self.accepted);
                if let [only] = self.pack.as_slice() {
                    self.out.push((*only, reason));
                    self.pack.clear();
                    (self.accepted, self.most) = (0, self.limit);
                    return;
                }
                self.most = self.accepted.saturating_add(tested / 2);
                while self.pack.len() > self.most
                    && let Some(index) = self.pack.pop()
                {
                    self.waiting.push_front(index);
                }
            }
        }
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Packed<V> {
        Packed { pack: self.pack, out: self.out, later: self.waiting.into() }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What an order is: its size, whether it is done when executed, whether it fails whatever transaction it is in.
    type Kind = (usize, bool, bool);

    /// Packs `orders` as the submitter does; gives what came of it and the number of simulations.
    fn run(orders: &[Kind], room: usize, limit: usize) -> (Packed<&'static str>, usize) {
        let mut packing = Packing::new(orders.len(), limit);
        let mut rounds = 0;
        let size = |pack: &[usize]| pack.iter().map(|index| orders[*index].0).sum::<usize>();
        while let Some(pack) = packing.next(|pack| size(pack) <= room) {
            rounds += 1;
            assert!(rounds < 1_000, "it ends");
            let tried = if size(pack) > room {
                Tried::Failed("too large")
            } else if pack.iter().any(|index| orders[*index].2) {
                Tried::Failed("aborts")
            } else {
                Tried::Judged(pack.iter().map(|index| (!orders[*index].1).then_some("skipped")).collect())
            };
            packing.tried(tried);
        }
        (packing.finish(), rounds)
    }

    #[test]
    fn what_is_left_out_makes_room_for_the_next() {
        let (packed, rounds) = run(&[(1, true, false), (1, false, false), (1, true, false), (1, true, false)], 2, 8);
        assert_eq!(packed, Packed { pack: vec![0, 2], out: vec![(1, "skipped")], later: vec![3] });
        assert_eq!(rounds, 2);
    }

    #[test]
    fn the_culprit_is_found_and_its_neighbours_go_on() {
        let good = (1, true, false);
        let (packed, _) = run(&[good, good, (1, true, true), good], 9, 8);
        assert_eq!(packed.pack, [0, 1]);
        assert_eq!(packed.later, [2, 3], "at the front of the next transaction it stands alone soon");
        let (packed, _) = run(&[(1, true, true), good, good], 9, 8);
        assert_eq!(packed, Packed { pack: vec![1, 2], out: vec![(0, "aborts")], later: vec![] });
    }

    #[test]
    fn one_that_never_fits_is_told_so() {
        let (packed, _) = run(&[(10, true, false), (1, true, false)], 9, 8);
        assert_eq!(packed, Packed { pack: vec![1], out: vec![(0, "too large")], later: vec![] });
    }

    proptest! {
        #[test]
        fn every_order_ends_in_one_place_and_the_pack_would_be_executed(
            orders in prop::collection::vec((1_usize..5, prop::bool::weighted(0.7), prop::bool::weighted(0.2)), 0..12), room in 1_usize..12, limit in 0_usize..6
        ) {
            let (packed, rounds) = run(&orders, room, limit);
            let mut all: Vec<usize> = packed.pack.iter().chain(packed.out.iter().map(|(index, _)| index)).chain(&packed.later).copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..orders.len()).collect::<Vec<_>>());
            prop_assert!(packed.pack.iter().map(|index| orders[*index].0).sum::<usize>() <= room);
            prop_assert!(packed.pack.len() <= limit.max(1));
            prop_assert!(packed.pack.iter().all(|index| orders[*index].1 && !orders[*index].2));
            prop_assert!(packed.pack.is_sorted());
            prop_assert!(!packed.pack.is_empty() || packed.later.is_empty(), "orders wait for nothing");
            prop_assert!(rounds <= 4 * orders.len() + 1, "{} simulations", rounds);
        }
    }
}
