//! What the gateway has recorded. What signatures rest on is read from a quorum, pinned to a block hash.

use async_trait::async_trait;
use tim3_chain::{AttesterSet, BlockRef, Books, ChainError, Direction, PositionRecord, RouteState, Slot, State};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{RouteFee, Window},
};

use crate::{
    abi::{self, Gateway, MINT_WINDOW, RELEASE_WINDOW, call_data},
    connect::Ethereum,
};

#[async_trait]
impl State for Ethereum {
    async fn slots(&self, keys: &[(GatewayId, u64)], block: &BlockRef) -> Result<Vec<Slot>, ChainError> {
        let calls: Vec<_> = keys
            .iter()
            .map(|(origin, nonce)| call_data(&Gateway::slotCall { origin: abi::b256(*origin), nonce: *nonce }))
            .collect();
        let answers = self.link.agreed("slots", &calls, block).await?;
        let slot = |bytes| match self.link.decode::<Gateway::slotCall>("slots", bytes)? {
            0 => Ok(Slot::None),
            1 => Ok(Slot::Done),
            2 => Ok(Slot::Void),
            other => Err(self.link.transient("slots", format!("{other} is no outcome"))),
        };
        answers.iter().map(slot).collect()
    }

    async fn refunded(&self, destination: GatewayId, nonce: u64) -> Result<bool, ChainError> {
        self.link.view("refunded", &Gateway::refundedCall { destination: abi::b256(destination), nonce }).await
    }

    async fn mirror(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let call = Gateway::mirrorCall { marketId: abi::b256(market), owner: abi::b256(owner) };
        let found = self.link.view("mirror", &call).await?;
        Ok(PositionRecord { collateral: found.collateral, debt: found.debt, version: found.version })
    }

    async fn books(&self, asset: AssetId, peers: &[GatewayId], block: &BlockRef) -> Result<Books, ChainError> {
        self.link.read_books(asset, peers, block).await
    }

    async fn window(&self, asset: AssetId, direction: Direction) -> Result<Window, ChainError> {
        let kind = match direction {
            Direction::Mint => MINT_WINDOW,
            Direction::Release => RELEASE_WINDOW,
        };
        let found = self.link.view("window", &Gateway::windowCall { asset: abi::b256(asset), kind }).await?;
        let Gateway::Window { limit, available, period, updated } = found;
        Ok(Window { limit, available, period, updated })
    }

    async fn route(&self, asset: AssetId, peer: GatewayId) -> Result<RouteState, ChainError> {
        let call = Gateway::routeCall { asset: abi::b256(asset), peer: abi::b256(peer) };
        let found = self.link.view("route", &call).await?;
        let fee = RouteFee { flat: found.flatFee, bps: found.feeBps };
        Ok(RouteState { enabled: found.enabled, min: found.min, max: found.max, fee })
    }

    async fn pause_level(&self, asset: AssetId) -> Result<u8, ChainError> {
        self.link.view("pause level", &Gateway::pauseLevelCall { asset: abi::b256(asset) }).await
    }

    async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        let Gateway::attestersReturn { epoch, threshold, signers } =
            self.link.view("attesters", &Gateway::attestersCall {}).await?;
        let mut signers: Vec<_> = signers.into_iter().map(|signer| signer.into_array()).collect();
        signers.sort_unstable();
        Ok(AttesterSet { epoch, threshold, signers })
    }

    async fn claimable(&self, account: Account, asset: AssetId) -> Result<u128, ChainError> {
        let call = Gateway::claimableCall { account: abi::b256(account), asset: abi::b256(asset) };
        self.link.view("claimable", &call).await
    }
}
