//! What a gateway has recorded: outcomes, mirrors, books and limits.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{RouteFee, Window},
};

use crate::{BlockRef, ChainError};

/// The destination side of a replay key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Nothing was executed.
    None,
    /// Minted or released.
    Done,
    /// Closed for ever.
    Void,
}

/// A position or its mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PositionRecord {
    /// Collateral in its canonical units.
    pub collateral: u128,
    /// Debt in canonical units of the synthetic.
    pub debt: u128,
    /// Sequence of the event at home that made it so.
    pub version: u64,
}

/// Which of a gateway's two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Supply coming in.
    Mint,
    /// Value going out.
    Release,
}

/// The attesters whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttesterSet {
    /// Grows with each change.
    pub epoch: u64,
    /// How many must sign.
    pub threshold: u8,
    /// 20-byte addresses, ascending.
    pub signers: Vec<[u8; 20]>,
}

/// What a gateway allows towards one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteState {
    /// Whether operations may start.
    pub enabled: bool,
    /// Smallest gross amount.
    pub min: u128,
    /// Largest gross amount.
    pub max: u128,
    /// What it takes.
    pub fee: RouteFee,
}

/// A gateway's cumulative totals for one synthetic, with the tokens around them, in one reading (`contracts/PROTOCOL.md` section 7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Minted since the beginning.
    pub minted: u128,
    /// Burned since the beginning.
    pub burned: u128,
    /// Debt of the markets at home here.
    pub debt: u128,
    /// Debt whose collateral is gone.
    pub bad_debt: u128,
    /// Synthetic in the gateway's custody for accounts that could not receive it.
    pub claimable: u128,
    /// Payouts recorded and not yet made (AO).
    pub pending: u128,
    /// What the token itself counts as its supply. Below what the gateway counted where holders burned by themselves.
    pub supply: u128,
    /// One for each collateral of the synthetic's markets at home here, by identity.
    pub holdings: Vec<Holding>,
    /// Per peer, in the order asked for.
    pub peers: Vec<PeerBooks>,
}

/// What a gateway has of a collateral and what it owes of it, in canonical units, over all its markets and synthetics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The collateral.
    pub collateral: AssetId,
    /// What the token says the gateway holds, rounded down.
    pub held: u128,
    /// Collateral of all positions.
    pub recorded: u128,
    /// What waits for accounts that could not receive it.
    pub claimable: u128,
    /// Payouts recorded and not yet confirmed, where the token is paid by message (AO).
    pub pending: u128,
    /// The part of `pending` that the token has not debited yet: it is still in `held`.
    pub undebited: u128,
}

impl Holding {
    /// Whether what is held, or was on its way out when it was counted, covers what is owed.
    #[must_use]
    pub fn covers(&self) -> bool {
        let owed = self.recorded.checked_add(self.claimable).and_then(|owed| owed.checked_add(self.undebited));
        owed.is_some_and(|owed| self.held.saturating_add(self.pending) >= owed)
    }
}

/// A gateway's cumulative totals towards one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerBooks {
    /// Gross sent to the peer.
    pub sent: u128,
    /// Gross refunded of what was sent to the peer.
    pub refunded: u128,
    /// Gross settled of what came from the peer.
    pub settled: u128,
    /// Gross voided of what came from the peer.
    pub voided: u128,
}

/// The gateway's records.
#[async_trait]
pub trait State: Send + Sync {
    /// The destination slots of (origin, nonce) keys at `block`, agreed on by a quorum.
    async fn slots(&self, keys: &[(GatewayId, u64)], block: &BlockRef) -> Result<Vec<Slot>, ChainError>;

    /// Whether the operation to `destination` with `nonce` was refunded here.
    async fn refunded(&self, destination: GatewayId, nonce: u64) -> Result<bool, ChainError>;

    /// The mirrored position of another gateway's market; all zero where there is none.
    async fn mirror(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError>;

    /// The books of `asset` at `block`, agreed on by a quorum. All of it is one consistent reading of gateway and tokens, or the laws over it
    /// mean nothing; a chain without past states gives one that is at least as new as `block`.
    async fn books(&self, asset: AssetId, peers: &[GatewayId], block: &BlockRef) -> Result<Books, ChainError>;

    /// A window at the newest block.
    async fn window(&self, asset: AssetId, direction: Direction) -> Result<Window, ChainError>;

    /// What is allowed towards `peer`.
    async fn route(&self, asset: AssetId, peer: GatewayId) -> Result<RouteState, ChainError>;

    /// The pause level of `asset`, 0 to 3.
    async fn pause_level(&self, asset: AssetId) -> Result<u8, ChainError>;

    /// The current attesters.
    async fn attesters(&self) -> Result<AttesterSet, ChainError>;

    /// What waits for `account`, in canonical units of `asset`.
    async fn claimable(&self, account: Account, asset: AssetId) -> Result<u128, ChainError>;
}
