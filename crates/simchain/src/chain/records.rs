//! What the gateway and the tokens have recorded.

use async_trait::async_trait;
use tim3_chain::{
    AttesterSet, BlockRef, Books, ChainError, Direction, Lock, MarketState, PositionRecord, RouteState, Slot, State,
    Token,
};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::Window,
};

use super::SimChain;

#[async_trait]
impl Lock for SimChain {
    async fn market(&self, market: MarketId) -> Result<Option<MarketState>, ChainError> {
        Ok(self.newest("market")?.market(market))
    }

    async fn position(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        Ok(self.newest("position")?.position(market, owner))
    }

    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError> {
        let gateway = self.newest("collateral_held")?;
        Ok(gateway.balance(collateral, gateway.account()))
    }

    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError> {
        Ok(self.newest("collateral_balance")?.balance(collateral, account))
    }
}

#[async_trait]
impl Token for SimChain {
    async fn supply(&self, asset: AssetId) -> Result<u128, ChainError> {
        Ok(self.newest("supply")?.supply(asset))
    }

    async fn balance(&self, asset: AssetId, account: Account) -> Result<u128, ChainError> {
        Ok(self.newest("balance")?.balance(asset, account))
    }
}

#[async_trait]
impl State for SimChain {
    async fn slots(&self, keys: &[(GatewayId, u64)], block: &BlockRef) -> Result<Vec<Slot>, ChainError> {
        let gateway = self.at("slots", block)?;
        Ok(keys.iter().map(|(origin, nonce)| gateway.slot(*origin, *nonce)).collect())
    }

    async fn refunded(&self, destination: GatewayId, nonce: u64) -> Result<bool, ChainError> {
        Ok(self.newest("refunded")?.refunded(destination, nonce))
    }

    async fn mirror(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let mirror = self.newest("mirror")?.mirror(market, owner);
        Ok(mirror.map_or(PositionRecord::default(), |record| PositionRecord {
            collateral: record.position.collateral,
            debt: record.position.debt,
            version: record.version,
        }))
    }

    async fn books(&self, asset: AssetId, peers: &[GatewayId], block: &BlockRef) -> Result<Books, ChainError> {
        Ok(self.at("books", block)?.books(asset, peers))
    }

    async fn window(&self, asset: AssetId, direction: Direction) -> Result<Window, ChainError> {
        let window = self.newest("window")?.window(asset, direction);
        window.ok_or_else(|| self.unknown_asset("window", asset))
    }

    async fn route(&self, asset: AssetId, peer: GatewayId) -> Result<RouteState, ChainError> {
        Ok(self.newest("route")?.route(asset, peer))
    }

    async fn pause_level(&self, asset: AssetId) -> Result<u8, ChainError> {
        let level = self.newest("pause_level")?.pause_level(asset, self.node.head().timestamp);
        level.ok_or_else(|| self.unknown_asset("pause_level", asset))
    }

    async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        Ok(self.newest("attesters")?.attesters().clone())
    }

    async fn claimable(&self, account: Account, asset: AssetId) -> Result<u128, ChainError> {
        Ok(self.newest("claimable")?.claimable(account, asset))
    }
}

impl SimChain {
    fn unknown_asset(&self, what: &'static str, asset: AssetId) -> ChainError {
        ChainError::Rejected { chain: self.name.clone(), what, reason: format!("UnknownAsset({asset})") }
    }
}
