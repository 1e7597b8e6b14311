//! Slots ordered by critical price: sorted runs of bounded length, so that an insertion moves little and a walk is sequential.

/// Entries of a full run.
const FULL: usize = 512;

/// Slots in ascending order of (critical price, slot).
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Sorted within and among themselves; none is empty.
    runs: Vec<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    keys: Vec<u128>,
    slots: Vec<u32>,
}

impl Run {
    fn new() -> Self {
        Self { keys: Vec::with_capacity(FULL), slots: Vec::with_capacity(FULL) }
    }

    fn last(&self) -> Option<(u128, u32)> {
        Some((*self.keys.last()?, *self.slots.last()?))
    }

    /// Where `entry` is or belongs.
    fn position(&self, (key, slot): (u128, u32)) -> usize {
        let from = self.keys.partition_point(|other| *other < key);
        let to = self.keys.partition_point(|other| *other <= key);
        let equal = self.slots.get(from..to).unwrap_or_default();
        from.saturating_add(equal.partition_point(|other| *other < slot))
    }
}

impl Index {
    /// The index of `entries`, in any order.
    pub(super) fn build(mut entries: Vec<(u128, u32)>) -> Self {
        entries.sort_unstable();
        // An eighth is left free, so that the first insertions do not split every run.
        let runs = entries
            .chunks(FULL - FULL / 8)
            .map(|entries| {
                let mut run = Run::new();
                run.keys.extend(entries.iter().map(|entry| entry.0));
                run.slots.extend(entries.iter().map(|entry| entry.1));
                run
            })
            .collect();
        Self { runs }
    }

    pub(super) fn insert(&mut self, key: u128, slot: u32) {
        let entry = (key, slot);
        let at = self.runs.partition_point(|run| run.last().is_some_and(|last| last < entry));
        let at = at.min(self.runs.len().saturating_sub(1));
        if self.runs.is_empty() {
            self.runs.push(Run::new());
        }
        let Some(run) = self.runs.get_mut(at) else { return };
        let position = run.position(entry);
        run.keys.insert(position, key);
        run.slots.insert(position, slot);
        if run.keys.len() >= FULL {
            let mut upper = Run::new();
            upper.keys.extend(run.keys.drain(FULL / 2..));
            upper.slots.extend(run.slots.drain(FULL / 2..));
            self.runs.insert(at.saturating_add(1), upper);
        }
    }

    pub(super) fn remove(&mut self, key: u128, slot: u32) {
        let entry = (key, slot);
        let at = self.runs.partition_point(|run| run.last().is_some_and(|last| last < entry));
        let Some(run) = self.runs.get_mut(at) else { return };
        let position = run.position(entry);
        if run.keys.get(position) != Some(&key) || run.slots.get(position) != Some(&slot) {
            return;
        }
        run.keys.remove(position);
        run.slots.remove(position);
        let is_small = run.keys.len() < FULL / 8;
        if is_small {
            self.merge(at);
        }
    }

    /// Joins the run with the one after it, or before it, where both fit in half a run; an empty one goes.
    fn merge(&mut self, at: usize) {
        if self.runs.get(at).is_some_and(|run| run.keys.is_empty()) {
            self.runs.remove(at);
            return;
        }
        for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            let right = left.saturating_add(1);
            let length = |at: usize| self.runs.get(at).map(|run| run.keys.len());
            let (Some(a), Some(b)) = (length(left), length(right)) else { continue };
            if a.saturating_add(b) <= FULL / 2 {
                let upper = self.runs.remove(right);
                if let Some(lower) = self.runs.get_mut(left) {
                    lower.keys.extend(upper.keys);
                    lower.slots.extend(upper.slots);
                }
                return;
            }
        }
    }

    /// From the highest key down to the first that is not above `key`, exclusive.
    pub(super) fn above(&self, key: u128) -> impl Iterator<Item = (u128, u32)> {
        self.descending().take_while(move |entry| entry.0 > key)
    }

    /// Entries with `low < key ≤ high`, descending.
    pub(super) fn between(&self, low: u128, high: u128) -> impl Iterator<Item = (u128, u32)> {
        let to = self.runs.partition_point(|run| run.keys.first().is_some_and(|first| *first <= high));
        self.runs
            .get(..to)
            .unwrap_or_default()
            .iter()
            .rev()
            .flat_map(move |run| {
                let end = run.keys.partition_point(|key| *key <= high);
                entries(run, end)
            })
            .take_while(move |entry| entry.0 > low)
    }

    /// All entries, descending.
    pub(super) fn descending(&self) -> impl Iterator<Item = (u128, u32)> {
        self.runs.iter().rev().flat_map(|run| entries(run, run.keys.len()))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let run = size_of::<Run>().saturating_mul(self.runs.capacity());
        self.runs.iter().fold(run, |bytes, run| {
            bytes
                .saturating_add(run.keys.capacity().saturating_mul(size_of::<u128>()))
                .saturating_add(run.slots.capacity().saturating_mul(size_of::<u32>()))
        })
    }
}

/// The first `end` entries of a run, descending.
fn entries(run: &Run, end: usize) -> impl Iterator<Item = (u128, u32)> {
    let keys = run.keys.iter().take(end).rev().copied();
    keys.zip(run.slots.iter().take(end).rev().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(index: &Index, model: &BTreeSet<(u128, u32)>) -> Result<(), TestCaseError> {
        prop_assert!(index.descending().eq(model.iter().rev().copied()));
        prop_assert!(index.runs.iter().all(|run| !run.keys.is_empty() && run.keys.len() < FULL));
        for (low, high) in [(0, 10), (5, 5), (3, 40), (60, u128::MAX)] {
            let expected = model.iter().rev().filter(|entry| low < entry.0 && entry.0 <= high).copied();
            prop_assert!(index.between(low, high).eq(expected));
            prop_assert!(index.above(low).eq(index.between(low, u128::MAX)));
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_is_a_sorted_set(
            built in prop::collection::btree_set((0..100_u128, 0..2_000_u32), 0..1_500),
            steps in prop::collection::vec((any::<bool>(), 0..100_u128, 0..2_000_u32), 0..3_000),
            empty: bool,
        ) {
            let mut model = built;
            let mut index = Index::build(model.iter().copied().collect());
            check(&index, &model)?;
            for (insert, key, slot) in steps {
                if insert && model.insert((key, slot)) {
                    index.insert(key, slot);
                } else if !insert {
                    model.remove(&(key, slot));
                    index.remove(key, slot);
                }
            }
            check(&index, &model)?;
            if empty {
                for (key, slot) in std::mem::take(&mut model) {
                    index.remove(key, slot);
                }
                check(&index, &model)?;
            }
        }
    }
}
