//! How far a chain has come.

pub use tim3_domain::place::{BlockRef, Located, TxId};

/// How far a chain has come, in one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tips {
    /// The newest block.
    pub head: BlockRef,
    /// The newest block that is final under the chain's policy: nothing above it is ever signed for.
    pub finalized: BlockRef,
    /// For amounts of at least the first member, the newest block that counts as final; ascending by amount, heights falling.
    pub tiers: Vec<(u128, BlockRef)>,
}

impl Tips {
    /// The newest block that is final for an operation of `amount`: tiers only ever add waiting.
    #[must_use]
    pub fn final_for(&self, amount: u128) -> &BlockRef {
        let tier = self.tiers.iter().rev().find(|(from, _)| amount >= *from).map(|(_, block)| block);
        tier.filter(|block| block.height < self.finalized.height).unwrap_or(&self.finalized)
    }
}
