//! The whole of the ports, and the collateral and synthetic sides of a gateway.

use async_trait::async_trait;
use serde::Deserialize;
use tim3_chain::{BlockRef, Chain, ChainError, Lock, MarketState, Overdue, PositionRecord, Token};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, ChainId, GatewayId, MarketId, MarketKind},
};

use crate::{
    assets::{AssetRecord, MarketRecord},
    connect::Ao,
    id::Id,
    link::Link,
    state::Position,
    units::compute::Trial,
    view::{Number, Query},
};

impl Chain for Ao {
    fn chain_id(&self) -> &ChainId {
        &self.link.config.chain
    }

    fn name(&self) -> &str {
        self.link.name()
    }

    fn gateway(&self) -> GatewayId {
        self.link.id
    }

    fn account(&self) -> Account {
        self.link.process().account()
    }

    fn display_account(&self, account: &Account) -> String {
        Id::from(*account).to_string()
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Found {
    Market(Box<MarketRecord>),
    Nothing { exists: bool },
}

#[derive(Debug, Deserialize)]
struct Supply {
    supply: Number<u128>,
}

#[async_trait]
impl Lock for Ao {
    async fn market(&self, id: MarketId) -> Result<Option<MarketState>, ChainError> {
        let Some(found) = self.link.market("market", id).await? else { return Ok(None) };
        Ok(Some(MarketState {
            id: found.id,
            kind: if found.kind == Number(1) { MarketKind::Vault } else { MarketKind::Reserve },
            synthetic: found.synthetic,
            collateral: found.collateral,
            collateral_decimals: found.collateral_decimals.0,
            max_ltv_bps: found.max_ltv.0,
            liquidation_threshold_bps: found.liquidation_threshold.0,
            bonus_bps: found.bonus.0,
            close_factor_bps: found.close_factor.0,
            debt_ceiling: found.ceiling.0,
            dust: found.dust.0,
            debt: found.total_debt.0,
            recorded: found.total_collateral.0,
        }))
    }

    async fn position(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let query = Query::new("Position").with("Market", market).with("Position-Owner", owner);
        Ok(self.link.view::<Position>("position", query).await?.into())
    }

    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError> {
        self.collateral_balance(collateral, self.account()).await
    }

    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError> {
        let record = self.link.registered("collateral balance", collateral).await?;
        let native = self.link.balance(record.token, account.into()).await?;
        scale(native, record.native_decimals.0, record.decimals.0, Rounding::Down)
            .map_err(|error| self.link.transient("collateral balance", error.to_string()))
    }

    async fn overdue(&self, block: &BlockRef, age: u64) -> Result<Overdue, ChainError> {
        self.overdue_payouts(block, age).await
    }
}

#[async_trait]
impl Token for Ao {
    async fn supply(&self, asset: AssetId) -> Result<u128, ChainError> {
        let query = Query::new("Asset").with("Asset", asset);
        Ok(self.link.view::<Supply>("supply", query).await?.supply.0)
    }

    async fn balance(&self, asset: AssetId, account: Account) -> Result<u128, ChainError> {
        let (asset, account) = (asset.to_string(), Id::from(account).to_string());
        let trial = Trial::new(&[("Action", "Balance"), ("Asset", &asset), ("Recipient", &account)]);
        let outcome = self.link.dry_run(self.link.process(), &trial).await?;
        crate::network::balance(&outcome).map_err(|error| self.link.transient("balance", format!("{error:?}")))
    }
}

impl Link {
    /// A market, or `None` where this is not its home.
    pub(crate) async fn market(&self, what: &'static str, id: MarketId) -> Result<Option<MarketRecord>, ChainError> {
        match self.view(what, Query::new("Market").with("Market", id)).await? {
            Found::Market(market) => Ok(Some(*market)),
            Found::Nothing { exists: false } => Ok(None),
            Found::Nothing { exists: true } => Err(self.transient(what, "a market without its terms")),
        }
    }

    /// An asset that the gateway must have.
    pub(crate) async fn registered(&self, what: &'static str, id: AssetId) -> Result<AssetRecord, ChainError> {
        self.view(what, Query::new("Asset").with("Asset", id)).await
    }
}
