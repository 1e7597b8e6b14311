//! The five processes through the ports of a gateway, to be read as any chain is: one vault market whose loan to value is 100 %, with the
//! Coordinator's positions, and no other gateway that anything comes from or goes to.
//!
//! The State Manager is not asked, because its positions are overwritten by whoever reports last (D5).

use async_trait::async_trait;
use tim3_chain::{
    AttesterSet, BlockRef, Books, ChainError, Direction, Holding, Lock, MarketState, PeerBooks, PositionRecord,
    RouteState, Slot, State, Token,
};
use tim3_domain::{
    amount::{Rounding, SYNTHETIC_DECIMALS, scale},
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind},
    protocol::{RouteFee, Window},
};

use super::{
    Role,
    adopt::{LookUp, Seen},
    coordinator::Says,
    network::Processes,
    probe::Decimals,
    quantity::Quantity,
    usda,
};
use crate::id::Id;

/// 100 %.
const WHOLE: u16 = 10_000;

/// The processes as a gateway. Their quantities are taken for base units of their tokens, as amounts on AO are; fractions of one (H10) are rounded down.
#[derive(Clone, Debug)]
pub struct Ports {
    processes: Processes,
    market: MarketId,
    synthetic: AssetId,
    collateral: AssetId,
    decimals: Decimals,
}

impl Ports {
    /// `processes` with the names that their market and its two tokens are to have.
    #[must_use]
    pub const fn new(
        processes: Processes,
        market: MarketId,
        synthetic: AssetId,
        collateral: AssetId,
        decimals: Decimals,
    ) -> Self {
        Self { processes, market, synthetic, collateral, decimals }
    }

    /// An amount of the synthetic, in canonical units.
    fn tokens(&self, quantity: Quantity) -> Result<u128, ChainError> {
        let base = self.base(quantity)?;
        scale(base, self.decimals.token, SYNTHETIC_DECIMALS, Rounding::Down)
            .map_err(|error| self.processes.strange(error))
    }

    /// An amount in base units.
    fn base(&self, quantity: Quantity) -> Result<u128, ChainError> {
        let millionths = u128::try_from(quantity.millionths());
        let base = millionths.ok().and_then(|millionths| millionths.checked_div(1_000_000));
        base.ok_or_else(|| self.processes.strange(format!("an amount below zero: {quantity}")))
    }

    fn known(&self, what: &'static str, asset: AssetId, expected: AssetId) -> Result<(), ChainError> {
        if asset == expected {
            return Ok(());
        }
        Err(self
            .processes
            .network()
            .rejected(what, format!("V1 processes have no asset {asset} there, only {expected}")))
    }

    /// What is locked at the collateral token, of all its holders.
    async fn held(&self) -> Result<u128, ChainError> {
        let balances = match usda::Says::decode(&self.processes.ask(Role::Usda, "Balances", &[]).await?) {
            Ok(usda::Says::Balances(balances)) => balances,
            other => return Err(self.processes.strange(format!("answered with {other:?}"))),
        };
        let mut held = Quantity::ZERO;
        for user in balances.keys() {
            let locked = self.processes.usda_balance(user).await?.locked;
            held = held.checked_add(locked).ok_or_else(|| self.processes.strange("a sum beyond 2^53"))?;
        }
        self.base(held)
    }
}

#[async_trait]
impl Lock for Ports {
    async fn market(&self, market: MarketId) -> Result<Option<MarketState>, ChainError> {
        if market != self.market {
            return Ok(None);
        }
        let (token, coordinator) = (self.processes.token().await?, self.processes.coordinator().await?);
        Ok(Some(MarketState {
            id: market,
            kind: MarketKind::Vault,
            synthetic: self.synthetic,
            collateral: self.collateral,
            collateral_decimals: self.decimals.usda,
            // One to one, and there is no action that liquidates.
            max_ltv_bps: WHOLE,
            liquidation_threshold_bps: WHOLE,
            bonus_bps: 0,
            close_factor_bps: 0,
            debt_ceiling: self.tokens(token.max_supply)?,
            dust: 0,
            debt: self.tokens(coordinator.total_tim3_minted)?,
            recorded: self.base(coordinator.total_collateral)?,
        }))
    }

    async fn position(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        if market != self.market {
            return Ok(PositionRecord::default());
        }
        let user = Id::from(owner).to_string();
        match Says::decode(&self.processes.ask(Role::Coordinator, "GetPosition", &[("User", &user)]).await?) {
            Ok(Says::Position { position, .. }) => Ok(PositionRecord {
                collateral: self.base(position.collateral)?,
                debt: self.tokens(position.tim3_minted)?,
                // The processes number nothing.
                version: 0,
            }),
            other => Err(self.processes.strange(format!("answered with {other:?}"))),
        }
    }

    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError> {
        self.known("collateral held", collateral, self.collateral)?;
        self.held().await
    }

    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError> {
        self.known("collateral balance", collateral, self.collateral)?;
        self.base(self.processes.usda_balance(&Id::from(account).to_string()).await?.available)
    }
}

#[async_trait]
impl Token for Ports {
    async fn supply(&self, asset: AssetId) -> Result<u128, ChainError> {
        self.known("supply", asset, self.synthetic)?;
        self.tokens(self.processes.token().await?.total_supply)
    }

    async fn balance(&self, asset: AssetId, account: Account) -> Result<u128, ChainError> {
        self.known("balance", asset, self.synthetic)?;
        match self.processes.look_up(LookUp::Balance(Id::from(account).to_string())).await? {
            Seen::Balance(_, balance) => self.tokens(balance),
            other => Err(self.processes.strange(format!("answered with {other:?}"))),
        }
    }
}

#[async_trait]
impl State for Ports {
    async fn slots(&self, keys: &[(GatewayId, u64)], _: &BlockRef) -> Result<Vec<Slot>, ChainError> {
        Ok(vec![Slot::None; keys.len()])
    }

    async fn refunded(&self, _: GatewayId, _: u64) -> Result<bool, ChainError> {
        Ok(false)
    }

    async fn mirror(&self, _: MarketId, _: Account) -> Result<PositionRecord, ChainError> {
        Ok(PositionRecord::default())
    }

    /// What was burned is taken off what was minted, because the books of V1 are not cumulative.
    async fn books(&self, asset: AssetId, peers: &[GatewayId], _: &BlockRef) -> Result<Books, ChainError> {
        self.known("books", asset, self.synthetic)?;
        let heads = self.processes.heads().await?;
        let (supply, coordinator) = (self.supply(asset).await?, self.processes.coordinator().await?);
        let held = self.held().await?;
        if self.processes.heads().await? != heads {
            return Err(self.processes.strange("the processes moved while their books were read"));
        }
        let recorded = self.base(coordinator.total_collateral)?;
        let holding = Holding { collateral: self.collateral, held, recorded, claimable: 0, pending: 0, undebited: 0 };
        Ok(Books {
            minted: supply,
            debt: self.tokens(coordinator.total_tim3_minted)?,
            supply,
            holdings: vec![holding],
            peers: vec![PeerBooks::default(); peers.len()],
            ..Books::default()
        })
    }

    /// One that lets nothing pass: nothing comes from other gateways.
    async fn window(&self, _: AssetId, _: Direction) -> Result<Window, ChainError> {
        Ok(Window { limit: 0, period: 0, available: 0, updated: 0 })
    }

    async fn route(&self, _: AssetId, _: GatewayId) -> Result<RouteState, ChainError> {
        Ok(RouteState { enabled: false, min: 0, max: 0, fee: RouteFee { flat: 0, bps: 0 } })
    }

    /// 2, nothing is minted, where the Coordinator or the Token Manager is switched off; an emergency pause switches off the former.
    async fn pause_level(&self, asset: AssetId) -> Result<u8, ChainError> {
        self.known("pause level", asset, self.synthetic)?;
        let (token, coordinator) = (self.processes.token().await?, self.processes.coordinator().await?);
        Ok(if coordinator.system_active && token.minting_enabled { 0 } else { 2 })
    }

    /// None: whoever sits in the managers' slots needs no signature.
    async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        Ok(AttesterSet { epoch: 0, threshold: 0, signers: Vec::new() })
    }

    async fn claimable(&self, _: Account, _: AssetId) -> Result<u128, ChainError> {
        Ok(0)
    }
}
