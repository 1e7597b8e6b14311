//! What a user does at a gateway: for tests, the demo, keepers and `tim3-devnet`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tim3_domain::identity::{Account, AssetId, GatewayId, MarketId};

use crate::{ChainError, TxId};

/// One thing a user does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the protocol's calls, amounts in canonical units")]
pub enum Action {
    /// Locks collateral and draws debt, here or elsewhere.
    Lock {
        market: MarketId,
        collateral: u128,
        debt: u128,
        destination: GatewayId,
        recipient: Account,
        refund_to: Account,
        max_fee: u128,
    },
    /// Burns here for synthetic elsewhere.
    Transfer {
        asset: AssetId,
        amount: u128,
        destination: GatewayId,
        recipient: Account,
        refund_to: Account,
        max_fee: u128,
    },
    /// Burns here to release collateral at a market's home.
    Redeem {
        asset: AssetId,
        amount: u128,
        home: GatewayId,
        market: MarketId,
        owner: Account,
        recipient: Account,
        wanted: u128,
        refund_to: Account,
        max_fee: u128,
    },
    /// Repays debt at home.
    Repay { market: MarketId, owner: Account, amount: u128 },
    /// Takes collateral out at home.
    Withdraw { market: MarketId, collateral: u128, to: Account },
    /// Collects a payout that could not be delivered.
    Claim { asset: AssetId, to: Account },
    /// Raises the pause level; for the guardian only.
    RaisePause { asset: AssetId, level: u8 },
}

/// A user with a key of its own.
#[async_trait]
pub trait Actor: Send + Sync {
    /// The user's account.
    fn account(&self) -> Account;

    /// Acts, waits until it is included, and gives the transaction.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] with the gateway's reason where it refuses.
    async fn act(&self, action: Action) -> Result<TxId, ChainError>;
}
