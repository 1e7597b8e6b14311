//! From identities to the names an operator gave.

use std::collections::BTreeMap;

use tim3_domain::identity::{Account, AccountId, AssetId, ChainId, GatewayId, MarketId, MarketKind};

use crate::config::Config;

/// What is known of identities. What is not known is shown as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    chains: BTreeMap<GatewayId, ChainEntry>,
    assets: BTreeMap<AssetId, String>,
    markets: BTreeMap<MarketId, MarketEntry>,
}

/// A chain.
#[derive(Clone, Debug)]
pub(crate) struct ChainEntry {
    /// Configured name.
    pub(crate) name: String,
    /// CAIP-2 name.
    pub(crate) chain: ChainId,
    /// Whether positions of others are mirrored there.
    pub(crate) mirror: bool,
}

/// A market.
#[derive(Clone, Debug)]
pub(crate) struct MarketEntry {
    /// Configured name.
    pub(crate) name: String,
    /// Reserve or vault.
    pub(crate) kind: MarketKind,
    /// Canonical decimals of its collateral.
    pub(crate) collateral_decimals: u8,
}

impl Directory {
    /// What a configuration names.
    pub(crate) fn new(config: &Config) -> Self {
        let mut directory = Self::default();
        for chain in &config.chains {
            let entry = ChainEntry { name: chain.name.clone(), chain: chain.chain.clone(), mirror: chain.mirror };
            directory.add_chain(chain.gateway, entry);
        }
        for asset in &config.assets {
            directory.add_asset(asset.id, asset.symbol.clone());
        }
        for market in &config.markets {
            let entry = MarketEntry {
                name: market.name.clone(),
                kind: market.kind,
                collateral_decimals: market.collateral_decimals,
            };
            directory.add_market(market.id, entry);
        }
        directory
    }

    pub(crate) fn add_chain(&mut self, gateway: GatewayId, entry: ChainEntry) {
        self.chains.insert(gateway, entry);
    }

    pub(crate) fn add_asset(&mut self, asset: AssetId, symbol: String) {
        self.assets.insert(asset, symbol);
    }

    pub(crate) fn add_market(&mut self, market: MarketId, entry: MarketEntry) {
        self.markets.insert(market, entry);
    }

    /// Every chain.
    pub(crate) fn chains(&self) -> impl Iterator<Item = (GatewayId, &ChainEntry)> {
        self.chains.iter().map(|(gateway, entry)| (*gateway, entry))
    }

    /// The name of a gateway's chain.
    pub(crate) fn chain(&self, gateway: GatewayId) -> String {
        self.chains.get(&gateway).map_or_else(|| gateway.to_string(), |entry| entry.name.clone())
    }

    /// The symbol of an asset.
    pub(crate) fn asset(&self, asset: AssetId) -> String {
        self.assets.get(&asset).cloned().unwrap_or_else(|| asset.to_string())
    }

    /// The asset of a symbol.
    pub(crate) fn asset_of(&self, symbol: &str) -> Option<AssetId> {
        self.assets.iter().find(|(_, known)| *known == symbol).map(|(asset, _)| *asset)
    }

    /// The name of a market.
    pub(crate) fn market(&self, market: MarketId) -> String {
        self.markets.get(&market).map_or_else(|| market.to_string(), |entry| entry.name.clone())
    }

    /// Decimals of a market's collateral, where they are known.
    pub(crate) fn collateral_decimals(&self, market: MarketId) -> Option<u8> {
        self.markets.get(&market).map(|entry| entry.collateral_decimals)
    }

    /// The owner of a position, or none where the market itself owns it.
    pub(crate) fn owner(&self, home: GatewayId, market: MarketId, owner: Account) -> Option<String> {
        let is_reserve = self.markets.get(&market).is_some_and(|entry| entry.kind == MarketKind::Reserve);
        (!is_reserve && owner != market.reserve_owner() && !owner.is_zero()).then(|| self.account(home, owner))
    }

    /// An account of a gateway's chain, CAIP-10.
    pub(crate) fn account(&self, gateway: GatewayId, account: Account) -> String {
        let Some(ChainEntry { chain, .. }) = self.chains.get(&gateway) else { return account.to_string() };
        // What has not the form of an address is shown as the word it is.
        AccountId::evm(chain.clone(), account)
            .map_or_else(|| format!("{chain}:{account}"), |account| account.to_string())
    }
}
