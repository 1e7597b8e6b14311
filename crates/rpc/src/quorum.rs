//! Counting who said what.

use std::sync::Arc;

/// Votes for values. Only values count: an error is no vote.
#[derive(Clone, Debug)]
pub struct Tally<T> {
    need: usize,
    groups: Vec<(T, Vec<usize>)>,
}

impl<T: PartialEq> Tally<T> {
    /// A count that ends when `need` distinct endpoints gave the same value; 0 counts as 1.
    #[must_use]
    pub fn new(need: usize) -> Self {
        Self { need: need.max(1), groups: Vec::new() }
    }

    /// Counts what `endpoint` said. Its first word counts, any further one does not.
    pub fn vote(&mut self, endpoint: usize, value: T) {
        if self.groups.iter().any(|(_, who)| who.contains(&endpoint)) {
            return;
        }
        match self.groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, who)) => who.push(endpoint),
            None => self.groups.push((value, vec![endpoint])),
        }
    }

    /// How many more equal votes the best value needs.
    #[must_use]
    pub fn missing(&self) -> usize {
        let best = self.groups.iter().map(|(_, who)| who.len()).max().unwrap_or_default();
        self.need.saturating_sub(best)
    }

    /// Every value that was given and who gave it; the one that reached the quorum, if any, first.
    #[must_use]
    pub fn into_groups(mut self) -> Vec<(T, Vec<usize>)> {
        self.groups.sort_by_key(|(_, who)| std::cmp::Reverse(who.len()));
        self.groups
    }
}

/// Everything that endpoints said in several rounds about what moves on while it is asked for.
#[derive(Debug)]
pub(crate) struct Rounds<C, T>(Vec<(Arc<C>, Vec<T>)>);

impl<C, T: PartialEq> Rounds<C, T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds what `endpoint` said.
    pub(crate) fn add(&mut self, endpoint: Arc<C>, value: T) {
        match self.0.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &endpoint)) {
            Some((_, values)) => values.push(value),
            None => self.0.push((endpoint, vec![value])),
        }
    }

    /// What `need` of the endpoints have said, each in any round.
    pub(crate) fn common(&self, need: usize) -> Option<&T> {
        let count = |value: &T| self.0.iter().filter(|(_, values)| values.contains(value)).count();
        self.0.iter().flat_map(|(_, values)| values).find(|value| count(value) >= need)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_values_of_distinct_endpoints_agree() {
        let mut tally = Tally::new(2);
        tally.vote(0, "a");
        assert_eq!(tally.missing(), 1);
        tally.vote(0, "a");
        assert_eq!(tally.missing(), 1, "an endpoint has one vote");
        tally.vote(1, "b");
        assert_eq!(tally.missing(), 1);
        tally.vote(2, "a");
        assert_eq!(tally.missing(), 0);
        assert_eq!(tally.into_groups(), [("a", vec![0, 2]), ("b", vec![1])]);
    }

    #[test]
    fn what_enough_endpoints_said_in_any_round_is_common() {
        let said = |values: &[&[u8]]| {
            let mut rounds = Rounds::new();
            for values in values {
                let endpoint = Arc::new(());
                values.iter().for_each(|value| rounds.add(Arc::clone(&endpoint), *value));
            }
            rounds.common(2).copied()
        };
        assert_eq!(said(&[&[1, 2], &[2, 3]]), Some(2));
        assert_eq!(said(&[&[1, 1], &[2, 3]]), None, "an endpoint has one vote");
        assert_eq!(said(&[&[1], &[], &[1]]), Some(1));
    }

    proptest! {
        #[test]
        fn a_value_needs_as_many_distinct_endpoints_as_the_quorum(need in 1_usize..6, votes in prop::collection::vec((0_usize..8, 0_u8..3), 0..24)) {
            let mut tally = Tally::new(need);
            let mut first = std::collections::BTreeMap::new();
            for (endpoint, value) in votes {
                tally.vote(endpoint, value);
                first.entry(endpoint).or_insert(value);
            }
            let best = (0..3).map(|value| first.values().filter(|said| **said == value).count()).max().unwrap_or_default();
            prop_assert_eq!(tally.missing() == 0, best >= need);
            let total: usize = tally.into_groups().iter().map(|(_, who)| who.len()).sum();
            prop_assert_eq!(total, first.len());
        }
    }
}
