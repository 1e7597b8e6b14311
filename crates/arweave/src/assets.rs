//! Assets and markets as the gateway's views have them.

use serde::Deserialize;
use tim3_domain::identity::{AssetId, MarketId};

use crate::{id::Id, view::Number};

/// A synthetic or a collateral.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetRecord {
    pub(crate) id: AssetId,
    pub(crate) symbol: String,
    pub(crate) decimals: Number<u8>,
    pub(crate) native_decimals: Number<u8>,
    pub(crate) token: Id,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Assets {
    pub(crate) assets: Vec<AssetRecord>,
}

impl Assets {
    /// Those with these ids.
    pub(crate) fn of<'a>(&'a self, ids: &'a [AssetId]) -> impl Iterator<Item = &'a AssetRecord> {
        self.assets.iter().filter(|asset| ids.contains(&asset.id))
    }
}

/// A market.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MarketRecord {
    pub(crate) id: MarketId,
    pub(crate) kind: Number<u8>,
    pub(crate) synthetic: AssetId,
    pub(crate) collateral: AssetId,
    pub(crate) collateral_decimals: Number<u8>,
    pub(crate) max_ltv: Number<u16>,
    pub(crate) liquidation_threshold: Number<u16>,
    pub(crate) bonus: Number<u16>,
    pub(crate) close_factor: Number<u16>,
    pub(crate) ceiling: Number<u128>,
    pub(crate) dust: Number<u128>,
    pub(crate) total_collateral: Number<u128>,
    pub(crate) total_debt: Number<u128>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Markets {
    pub(crate) markets: Vec<MarketRecord>,
}

impl Markets {
    /// The collaterals that back a synthetic, ascending.
    pub(crate) fn collaterals_of(&self, synthetic: AssetId) -> Vec<AssetId> {
        let of = self.markets.iter().filter(|market| market.synthetic == synthetic);
        let mut collaterals: Vec<_> = of.map(|market| market.collateral).collect();
        collaterals.sort_unstable();
        collaterals.dedup();
        collaterals
    }
}
