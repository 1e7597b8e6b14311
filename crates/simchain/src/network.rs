//! Some gateways that know each other.

use tim3_chain::{Direction, RouteState};
use tim3_domain::{
    DomainError,
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind},
    price::Price,
    protocol::RouteFee,
};

use crate::{
    Config, SimNode,
    gateway::{Admin, Call, Outside, Reject, Terms},
};

/// What every gateway of a network has.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many attesters must sign.
    pub threshold: u8,
    /// Their addresses, ascending.
    pub signers: Vec<[u8; 20]>,
    /// Who gets the fees.
    pub treasury: Account,
    /// Limit of both windows, and the largest amount of a route.
    pub limit: u128,
    /// Seconds in which a window refills.
    pub period: u64,
    /// Fee of every route.
    pub fee: RouteFee,
    /// Smallest amount of a route.
    pub min: u128,
    /// Native decimals of USDA, whose canonical decimals are 6.
    pub usda_native_decimals: u8,
    /// Price of one WETH, with 18 decimals. It is stated once, at genesis, and stale an hour of chain time later unless
    /// [`Outside::SetPrice`] states another.
    pub weth_price: u128,
    /// Accounts that have collateral from the beginning, with USDA and WETH in canonical units.
    pub funded: Vec<(Account, u128, u128)>,
}

impl Setup {
    /// Windows of a million TIM3 an hour, routes from one unit and without a fee, WETH at 2,000.
    #[must_use]
    pub fn new(threshold: u8, signers: Vec<[u8; 20]>, treasury: Account) -> Self {
        Self {
            threshold,
            signers,
            treasury,
            limit: 1_000_000_000_000,
            period: 3_600,
            fee: RouteFee::default(),
            min: 1,
            usda_native_decimals: 18,
            weth_price: 2_000_000_000_000_000_000_000,
            funded: Vec::new(),
        }
    }
}

/// The assets of a network, and their markets on one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assets {
    /// The synthetic, TIM3.
    pub tim3: AssetId,
    /// Collateral of the reserve markets.
    pub usda: AssetId,
    /// Collateral of the vault markets.
    pub weth: AssetId,
}

impl Assets {
    /// Their identities.
    ///
    /// # Errors
    /// Never: the symbols are right.
    pub fn new() -> Result<Self, DomainError> {
        Ok(Self {
            tim3: AssetId::from_symbol("TIM3")?,
            usda: AssetId::from_symbol("USDA")?,
            weth: AssetId::from_symbol("WETH")?,
        })
    }

    /// The reserve market TIM3 against USDA at home in `gateway`.
    #[must_use]
    pub fn reserve(&self, gateway: GatewayId) -> MarketId {
        MarketId::derive(gateway, self.tim3, self.usda, MarketKind::Reserve)
    }

    /// The vault market TIM3 against WETH at home in `gateway`.
    #[must_use]
    pub fn vault(&self, gateway: GatewayId) -> MarketId {
        MarketId::derive(gateway, self.tim3, self.weth, MarketKind::Vault)
    }
}

/// One chain for each configuration, each home of a reserve market (USDA) and a vault market (WETH), with routes between all of them and to
/// the `foreign` gateways.
///
/// # Errors
/// The first refusal: the set-up is not consistent.
pub fn network(configs: Vec<Config>, setup: &Setup, foreign: &[GatewayId]) -> Result<Vec<SimNode>, Reject> {
    let gateways: Vec<GatewayId> = configs.iter().map(Config::gateway).chain(foreign.iter().copied()).collect();
    configs
        .into_iter()
        .map(|config| {
            let peers = gateways.iter().copied().filter(|gateway| *gateway != config.gateway());
            let genesis = genesis(&config, setup, peers)?;
            SimNode::new(config, &genesis)
        })
        .collect()
}

fn genesis(
    config: &Config,
    setup: &Setup,
    peers: impl Iterator<Item = GatewayId>,
) -> Result<Vec<(Account, Call)>, Reject> {
    let Assets { tim3, usda, weth } = Assets::new()?;
    let ceiling = u128::MAX;
    let window = |direction| Admin::SetWindow { asset: tim3, direction, limit: setup.limit, period: setup.period };
    let market = |collateral, kind, terms| Admin::SetMarket { synthetic: tim3, collateral, kind, terms };
    let mut admin = vec![
        Admin::SetAttesters { threshold: setup.threshold, signers: setup.signers.clone() },
        Admin::SetTreasury { treasury: setup.treasury },
        Admin::AddSynthetic { symbol: "TIM3".to_owned(), target: Price::ONE.raw() },
        Admin::AddCollateral { symbol: "USDA".to_owned(), decimals: 6, native_decimals: setup.usda_native_decimals },
        Admin::AddCollateral { symbol: "WETH".to_owned(), decimals: 18, native_decimals: 18 },
        market(usda, MarketKind::Reserve, Terms::reserve(ceiling)),
        market(weth, MarketKind::Vault, Terms::vault(ceiling)),
        window(Direction::Mint),
        window(Direction::Release),
    ];
    let route = RouteState { enabled: true, min: setup.min, max: setup.limit, fee: setup.fee };
    admin.extend(peers.map(|peer| Admin::SetRoute { asset: tim3, peer, route }));
    let mut outside = vec![Outside::SetPrice { asset: weth, lower: setup.weth_price, higher: setup.weth_price }];
    for (account, usda_amount, weth_amount) in setup.funded.iter().copied() {
        outside.push(Outside::Fund { asset: usda, account, amount: usda_amount });
        outside.push(Outside::Fund { asset: weth, account, amount: weth_amount });
    }
    let admin = admin.into_iter().map(Call::Admin);
    Ok(admin.chain(outside.into_iter().map(Call::Outside)).map(|call| (config.admin, call)).collect())
}
