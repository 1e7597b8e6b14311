//! The whole of the ports, and the collateral and synthetic sides of a gateway.

use alloy::primitives::{Address, U256};
use async_trait::async_trait;
use tim3_chain::{Chain, ChainError, Lock, MarketState, PositionRecord, Token};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, ChainId, GatewayId, MarketId, MarketKind},
};

use crate::{
    abi::{self, Gateway},
    connect::Ethereum,
    link::{Link, Registered},
};

impl Chain for Ethereum {
    fn chain_id(&self) -> &ChainId {
        &self.link.chain
    }

    fn name(&self) -> &str {
        &self.link.name
    }

    fn gateway(&self) -> GatewayId {
        self.link.id
    }

    fn account(&self) -> Account {
        abi::account(self.link.config.gateway)
    }

    fn display_account(&self, account: &Account) -> String {
        // What has not the form of an address is shown as the word it is.
        abi::address(account).map_or_else(|| account.to_string(), |address| address.to_checksum(None))
    }
}

#[async_trait]
impl Lock for Ethereum {
    async fn market(&self, market: MarketId) -> Result<Option<MarketState>, ChainError> {
        let found = self.link.view("market", &Gateway::marketCall { marketId: abi::b256(market) }).await?;
        if found.synthetic.is_zero() {
            return Ok(None);
        }
        let kind = match found.kind {
            0 => MarketKind::Reserve,
            1 => MarketKind::Vault,
            other => return Err(self.link.transient("market", format!("{other} is no market kind"))),
        };
        let collateral = AssetId(abi::word(found.collateral));
        Ok(Some(MarketState {
            id: market,
            kind,
            synthetic: AssetId(abi::word(found.synthetic)),
            collateral,
            collateral_decimals: self.link.known_asset("market", collateral).await?.decimals,
            max_ltv_bps: found.terms.maxLtv,
            liquidation_threshold_bps: found.terms.liquidationThreshold,
            bonus_bps: found.terms.bonus,
            close_factor_bps: found.terms.closeFactor,
            debt_ceiling: found.terms.ceiling,
            dust: found.terms.dust,
            debt: found.totalDebt,
            recorded: found.totalCollateral,
        }))
    }

    async fn position(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let call = Gateway::positionCall { marketId: abi::b256(market), owner: abi::b256(owner) };
        let Gateway::positionReturn { collateral, debt, version } = self.link.view("position", &call).await?;
        Ok(PositionRecord { collateral, debt, version })
    }

    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError> {
        self.link.balance("collateral held", collateral, self.link.config.gateway).await
    }

    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError> {
        self.balance(collateral, account).await
    }
}

#[async_trait]
impl Token for Ethereum {
    async fn supply(&self, asset: AssetId) -> Result<u128, ChainError> {
        let registered = self.link.known_asset("supply", asset).await?;
        let supply = self.link.view_of("supply", registered.token, &abi::Token::totalSupplyCall {}).await?;
        self.link.canonical("supply", registered, supply)
    }

    async fn balance(&self, asset: AssetId, account: Account) -> Result<u128, ChainError> {
        match abi::address(&account) {
            Some(address) => self.link.balance("balance", asset, address).await,
            None => Ok(0),
        }
    }
}

impl Link {
    /// The balance of `holder`, in canonical units, rounded down.
    pub(crate) async fn balance(
        &self,
        what: &'static str,
        asset: AssetId,
        holder: Address,
    ) -> Result<u128, ChainError> {
        let registered = self.known_asset(what, asset).await?;
        let balance = self.view_of(what, registered.token, &abi::Token::balanceOfCall { account: holder }).await?;
        self.canonical(what, registered, balance)
    }

    pub(crate) fn canonical(&self, what: &'static str, asset: Registered, native: U256) -> Result<u128, ChainError> {
        abi::amount(native)
            .and_then(|native| scale(native, asset.native_decimals, asset.decimals, Rounding::Down).ok())
            .ok_or_else(|| self.transient(what, format!("{native} is above 128 bits in canonical units")))
    }
}
