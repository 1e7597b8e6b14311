//! How many blocks' logs are asked for at once: as many as the endpoints give.

/// A number of blocks that shrinks when an answer would be too large, and grows back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    blocks: u64,
    most: u64,
}

impl Span {
    /// Up to `most` blocks at once; 0 counts as 1.
    #[must_use]
    pub fn new(most: u64) -> Self {
        let most = most.max(1);
        Self { blocks: most, most }
    }

    /// The last height of a request from `from` that wants to reach `to`.
    #[must_use]
    pub fn last(&self, from: u64, to: u64) -> u64 {
        from.saturating_add(self.blocks.saturating_sub(1)).min(to)
    }

    /// A request for `asked` blocks was too large. `false` where one block already is.
    pub fn shrink(&mut self, asked: u64) -> bool {
        self.blocks = self.blocks.min(asked.max(1)).div_ceil(2);
        asked > 1
    }

    /// A request was answered. Growing by an eighth runs into a limit once in a while, not every other time.
    pub fn grow(&mut self) {
        self.blocks = self.blocks.saturating_add(self.blocks.div_ceil(8)).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_halves_down_to_one_block_and_grows_back() {
        let mut span = Span::new(1_000);
        assert_eq!(span.last(10, 5_000), 1_009);
        assert!(span.shrink(1_000));
        assert_eq!(span.last(10, 5_000), 509);
        assert!(span.shrink(20), "the request was shorter than the span");
        assert_eq!(span.last(10, 5_000), 19);
        assert!(!span.shrink(1));
        assert_eq!(span.last(10, 5_000), 10);
        for _ in 0..80 {
            span.grow();
        }
        assert_eq!(span, Span::new(1_000));
    }

    proptest! {
        #[test]
        fn every_range_is_covered_in_finitely_many_requests(most in 0_u64..5_000, limit in 1_u64..300, from in any::<u32>(), blocks in 1_u64..2_000) {
            let (mut span, mut next, mut requests) = (Span::new(most), u64::from(from), 0_u64);
            let end = next.saturating_add(blocks);
            while next < end {
                let last = span.last(next, end.saturating_sub(1));
                let asked = last.saturating_sub(next).saturating_add(1);
                if asked > limit {
                    prop_assert!(span.shrink(asked));
                } else {
                    span.grow();
                    next = last.saturating_add(1);
                }
                requests = requests.saturating_add(1);
                prop_assert!(requests < 10_000);
            }
        }
    }
}
