//! The synthetic on one chain.

use async_trait::async_trait;
use tim3_domain::identity::{Account, AssetId};

use crate::ChainError;

/// The synthetic token.
#[async_trait]
pub trait Token: Send + Sync {
    /// What the token itself counts as its supply, in canonical units.
    async fn supply(&self, asset: AssetId) -> Result<u128, ChainError>;

    /// An account's balance, in canonical units.
    async fn balance(&self, asset: AssetId, account: Account) -> Result<u128, ChainError>;
}
