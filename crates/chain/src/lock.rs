//! The collateral side of a gateway.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tim3_domain::identity::{Account, AssetId, MarketId, MarketKind};

use crate::{BlockRef, ChainError, Overdue, PositionRecord};

/// A market as its home gateway has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketState {
    /// Its identity.
    pub id: MarketId,
    /// Reserve or vault.
    pub kind: MarketKind,
    /// The synthetic.
    pub synthetic: AssetId,
    /// The collateral.
    pub collateral: AssetId,
    /// Canonical decimals of the collateral.
    pub collateral_decimals: u8,
    /// Highest loan to value at mint and withdraw, in 1/10000.
    pub max_ltv_bps: u16,
    /// Loan to value from which a position is liquidatable, in 1/10000.
    pub liquidation_threshold_bps: u16,
    /// What a liquidator gets above what it repays, in 1/10000.
    pub bonus_bps: u16,
    /// Share of a debt that one liquidation may repay, in 1/10000.
    pub close_factor_bps: u16,
    /// Highest debt of the market.
    pub debt_ceiling: u128,
    /// Smallest debt a position may be left with, other than 0.
    pub dust: u128,
    /// Debt of all positions.
    pub debt: u128,
    /// Collateral of all positions, in canonical units.
    pub recorded: u128,
}

/// Markets, positions and the collateral behind them.
#[async_trait]
pub trait Lock: Send + Sync {
    /// A market of this gateway, or `None` where it is not its home.
    async fn market(&self, market: MarketId) -> Result<Option<MarketState>, ChainError>;

    /// A position at its home; all zero where there is none.
    async fn position(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError>;

    /// Collateral that the gateway really holds, in canonical units, rounded down.
    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError>;

    /// An account's balance of a collateral token, in canonical units, rounded down.
    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError>;

    /// The oldest payouts whose newest attempt was made `age` seconds ago or earlier and that are still pending, as they are at the final
    /// `block` or later. There are none where paying is one transaction with what owes it.
    async fn overdue(&self, _block: &BlockRef, _age: u64) -> Result<Overdue, ChainError> {
        Ok(Overdue::default())
    }
}
