//! What can be asked of the simulated chain: by users, keepers, attesters' submitters, the admin, and the world outside of TIM3.

use serde::{Deserialize, Serialize};
use tim3_chain::{Direction, RouteState, UserAction};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind},
    market::MarketTerms,
    protocol::SignedOrder,
};

/// One call, made by some account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// What every user does.
    User(UserAction),
    /// What keepers and position owners do besides.
    Keeper(KeeperAction),
    /// Orders of the attesters; anybody may bring them.
    Execute(Vec<SignedOrder>),
    /// What the admin sets. Not delayed: a simulation has nobody to warn.
    Admin(Admin),
    /// What happens around the gateway: other tokens, prices.
    Outside(Outside),
}

/// Calls that only some users need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the protocol's calls, amounts in canonical units")]
pub enum KeeperAction {
    /// Repays debt of an unhealthy vault position for its collateral.
    Liquidate { market: MarketId, owner: Account, max_repay: u128, min_seized: u128 },
    /// Burns synthetic against a market's bad debt.
    Cover { market: MarketId, amount: u128 },
    /// Names who may redeem the caller's collateral from another gateway; two zeros revoke it.
    SetController { market: MarketId, gateway: GatewayId, account: Account },
}

/// What a market's admin decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Ratios (of a vault), ceiling and dust.
    pub market: MarketTerms,
    /// How far below the target the collateral's lower price may be for a lock, in 1/10000; reserves only, `None` needs no price.
    pub depeg_bps: Option<u16>,
    /// Seconds after which a price is stale.
    pub max_price_age: u64,
}

impl Terms {
    /// A reserve market without an oracle.
    #[must_use]
    pub fn reserve(debt_ceiling: u128) -> Self {
        let market = MarketTerms { debt_ceiling, ..MarketTerms::default() };
        Self { market, depeg_bps: None, max_price_age: 3_600 }
    }

    /// A vault market: 70 % at mint, liquidatable from 80 %, 5 % bonus, half a debt at once, prices good for an hour.
    #[must_use]
    pub fn vault(debt_ceiling: u128) -> Self {
        let market = MarketTerms {
            max_ltv_bps: 7_000,
            liquidation_threshold_bps: 8_000,
            bonus_bps: 500,
            close_factor_bps: 5_000,
            debt_ceiling,
            dust: 0,
        };
        Self { market, depeg_bps: None, max_price_age: 3_600 }
    }
}

/// Calls of the admin, and of the guardian as far as it raises a pause level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the protocol's tables")]
pub enum Admin {
    /// Registers a synthetic; `target` is the price of one whole, with 18 decimals.
    AddSynthetic { symbol: String, target: u128 },
    /// Registers a collateral token.
    AddCollateral { symbol: String, decimals: u8, native_decimals: u8 },
    /// Opens a market or changes its terms.
    SetMarket { synthetic: AssetId, collateral: AssetId, kind: MarketKind, terms: Terms },
    /// Sets a window; a new one is full.
    SetWindow { asset: AssetId, direction: Direction, limit: u128, period: u64 },
    /// Sets what is allowed towards a peer.
    SetRoute { asset: AssetId, peer: GatewayId, route: RouteState },
    /// Starts a new attester epoch.
    SetAttesters { threshold: u8, signers: Vec<[u8; 20]> },
    /// Names who gets the fees.
    SetTreasury { treasury: Account },
    /// Sets a pause level.
    SetPause { asset: AssetId, level: u8 },
    /// Fixes the last state of a dead peer; naming the gateway itself retires it.
    Tombstone { peer: GatewayId, count: u64, hash: tim3_domain::word::Word },
}

/// What is not TIM3's doing. Makes no event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named after what they are")]
pub enum Outside {
    /// Gives an account collateral, in canonical units.
    Fund { asset: AssetId, account: Account, amount: u128 },
    /// Takes collateral from an account, as a token's issuer or a bug in it can, in canonical units.
    Seize { asset: AssetId, account: Account, amount: u128 },
    /// States the price of one whole collateral, with 18 decimals; zero makes it unavailable.
    SetPrice { asset: AssetId, lower: u128, higher: u128 },
    /// Makes a token refuse (or again accept) payments to an account.
    Refuse { asset: AssetId, account: Account, refuse: bool },
}
