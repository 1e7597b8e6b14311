//! Random numbers that are the same everywhere.

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }

    /// Up to `most`, and now and then an odd one.
    pub(crate) fn amount(&mut self, most: u128) -> u128 {
        match self.below(12) {
            0 => 0,
            1 => 1,
            2 => most,
            3 => most.saturating_add(1),
            4 => u128::MAX,
            5 => u128::from(u64::MAX) + 1,
            _ => (u128::from(self.next()) << 64 | u128::from(self.next())) % most.max(1),
        }
    }
}
