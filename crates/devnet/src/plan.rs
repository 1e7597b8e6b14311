//! What is deployed: the same on both chains, so that each is home to markets whose tokens go to the other.

use alloy::primitives::Address;
use anyhow::Result;
use tim3_chain::plan;
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketKind},
    word::Word,
};
use tim3_ethereum::deploy::plan::{
    CollateralPlan, GatewayPlan, MarketPlan, OraclePlan, RoutePlan, SyntheticPlan, TokenPlan, WindowPlan,
};

use crate::accounts;

/// The synthetic.
pub const SYNTHETIC: &str = "TIM3";
/// Collateral of the reserve markets; 18 decimals in its contract, 6 canonical ones.
pub const STABLE: &str = "USDA";
/// Canonical decimals of [`STABLE`].
pub const STABLE_DECIMALS: u8 = 6;
/// Collateral of the vault markets; 18 decimals in both.
pub const VOLATILE: &str = "WETH";
/// Decimals of both tokens' contracts.
pub const TOKEN_DECIMALS: u8 = 18;
/// One TIM3, and one USD of value, in base units.
pub const UNIT: u128 = 1_000_000;

/// The highest debt of a market.
pub(crate) const CEILING: u128 = 1_000_000_000 * UNIT;

/// A price that no devnet lives long enough to see stale.
pub(crate) const TEN_YEARS: u64 = 10 * 365 * 86_400;

/// The vault market of every chain: minted up to 75 %, liquidatable from 80 %.
pub(crate) fn vault<Oracle>(collateral: &str, oracle: Oracle) -> plan::MarketPlan<Oracle> {
    plan::MarketPlan {
        kind: MarketKind::Vault,
        oracle: Some(oracle),
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_000,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        dust: 100 * UNIT,
        ..plan::MarketPlan::reserve(SYNTHETIC, collateral, CEILING)
    }
}

/// What users are told about a chain's gateway.
pub(crate) fn gateway(window: WindowPlan) -> Result<GatewayPlan> {
    let attesters = accounts::ATTESTERS.into_iter().map(accounts::address).collect::<Result<Vec<Address>>>()?;
    let oracle = |answer| OraclePlan::Test { decimals: 8, answer, max_age_seconds: TEN_YEARS };
    let collateral = |symbol: &str, name: &str, decimals| CollateralPlan {
        symbol: symbol.to_owned(),
        decimals,
        token: TokenPlan::Test { name: name.to_owned(), decimals: TOKEN_DECIMALS },
    };
    Ok(GatewayPlan {
        salt: Word(rand::random()),
        guardian: accounts::address(accounts::GUARDIAN)?,
        treasury: accounts::address(accounts::TREASURY)?,
        delay_seconds: 60,
        threshold: 2,
        attesters,
        synthetics: vec![SyntheticPlan {
            symbol: SYNTHETIC.to_owned(),
            name: "TIM3".to_owned(),
            target: 10_u128.pow(18),
            mint_window: window,
            release_window: window,
        }],
        collaterals: vec![
            collateral(STABLE, "Astro USD", STABLE_DECIMALS),
            collateral(VOLATILE, "Wrapped Ether", TOKEN_DECIMALS),
        ],
        markets: vec![
            MarketPlan {
                oracle: Some(oracle(100_000_000)),
                depeg_bps: 100,
                ..MarketPlan::reserve(SYNTHETIC, STABLE, CEILING)
            },
            vault(VOLATILE, oracle(2_000 * 100_000_000)),
        ],
    })
}

/// What may go from a gateway to each peer, given with whether it is on an EVM chain: anything its window can take, for free.
pub(crate) fn routes(peers: impl IntoIterator<Item = (GatewayId, bool)>, window: WindowPlan) -> Result<Vec<RoutePlan>> {
    let asset = AssetId::from_symbol(SYNTHETIC)?;
    let route = |(peer, evm)| RoutePlan {
        asset,
        peer,
        min: UNIT,
        max: window.limit,
        flat_fee: 0,
        fee_bps: 0,
        enabled: true,
        evm,
    };
    Ok(peers.into_iter().map(route).collect())
}
