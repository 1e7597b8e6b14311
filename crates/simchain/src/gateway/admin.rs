//! What the admin sets.

use std::sync::Arc;

use tim3_chain::{AttesterSet, Direction, RouteState};
use tim3_domain::{
    amount::SYNTHETIC_DECIMALS,
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind},
    market::{MarketParameters, MarketTerms, ONE_BPS},
    price::Price,
    protocol::{EventBody, Head, Window},
    word::{Word, keccak_words},
};

use super::{Admin, Asset, Market, Reject, Terms, session::Session};

/// How long level 3 lasts unless the admin renews it.
const FREEZE_SECONDS: u64 = 7 * 24 * 3_600;
const MAX_DECIMALS: u8 = 27;
const MAX_SIGNERS: usize = 32;

/// What a LimitsSet event is about.
const WINDOW: u8 = 1;
const ROUTE: u8 = 2;
const MARKET: u8 = 3;
const ASSET: u8 = 4;

/// Stands in LimitsSet for the oracle or token contract that is none here.
const NO_CONTRACT: u128 = 0;

impl Session {
    pub(super) fn administer(&mut self, admin: &Admin) -> Result<(), Reject> {
        match admin {
            Admin::AddSynthetic { symbol, target } => {
                let target = Price::new(*target).ok_or(Reject::InvalidValue("target"))?;
                self.add_asset(symbol, SYNTHETIC_DECIMALS, SYNTHETIC_DECIMALS, Some(target))
            }
            Admin::AddCollateral { symbol, decimals, native_decimals } => {
                self.add_asset(symbol, *decimals, *native_decimals, None)
            }
            Admin::SetMarket { synthetic, collateral, kind, terms } => {
                self.set_market(*synthetic, *collateral, *kind, *terms)
            }
            Admin::SetWindow { asset, direction, limit, period } => {
                self.set_window(*asset, *direction, *limit, *period)
            }
            Admin::SetRoute { asset, peer, route } => self.set_route(*asset, *peer, *route),
            Admin::SetAttesters { threshold, signers } => self.set_attesters(*threshold, signers),
            Admin::SetTreasury { treasury } => {
                self.gateway.treasury = self.payee(*treasury)?;
                self.append(EventBody::TreasurySet { treasury: *treasury })
            }
            Admin::SetPause { asset, level } => self.set_pause(*asset, *level),
            Admin::Tombstone { peer, count, hash } => self.tombstone(*peer, Head { count: *count, hash: *hash }),
        }
    }

    fn limits(&mut self, what: u8, subject: Word, peer: GatewayId, values: &[Word]) -> Result<(), Reject> {
        self.append(EventBody::LimitsSet { what, subject, peer, values: keccak_words(values) })
    }

    fn synthetic(&self, asset: AssetId) -> Result<Asset, Reject> {
        self.asset(asset).ok().filter(|asset| asset.target.is_some()).ok_or(Reject::UnknownAsset(asset))
    }

    fn add_asset(
        &mut self,
        symbol: &str,
        decimals: u8,
        native_decimals: u8,
        target: Option<Price>,
    ) -> Result<(), Reject> {
        let id = AssetId::from_symbol(symbol).map_err(|_| Reject::InvalidValue("symbol"))?;
        if self.gateway.assets.contains(&id) {
            return Err(Reject::InvalidValue("asset is registered already"));
        }
        if decimals > MAX_DECIMALS || native_decimals > MAX_DECIMALS {
            return Err(Reject::InvalidValue("decimals"));
        }
        let asset = Asset { target, decimals, native_decimals, level: 0, frozen_until: 0, backs: Vec::new() };
        self.gateway.assets.set(id, asset);
        let (kind, target) = target.map_or((2, 0), |target| (1, target.raw()));
        let values = [kind, NO_CONTRACT, decimals.into(), native_decimals.into(), target];
        self.limits(ASSET, id.0, GatewayId::ZERO, &values.map(Word::from_u128))
    }

    fn set_market(
        &mut self,
        synthetic: AssetId,
        collateral: AssetId,
        kind: MarketKind,
        terms: Terms,
    ) -> Result<(), Reject> {
        self.synthetic(synthetic)?;
        let mut backing = self.asset(collateral)?;
        if backing.target.is_some() {
            return Err(Reject::UnknownAsset(collateral));
        }
        let depeg = terms.depeg_bps.unwrap_or(0);
        if depeg >= ONE_BPS || (kind == MarketKind::Vault && depeg != 0) {
            return Err(Reject::InvalidValue("depeg_bps"));
        }
        MarketParameters::check(kind, terms.market)?;
        let id = MarketId::derive(self.gateway.id, synthetic, collateral, kind);
        let fresh = Market { kind, synthetic, collateral, terms, recorded: 0, debt: 0 };
        let market = Market { terms, ..self.gateway.markets.get(&id).unwrap_or(fresh) };
        self.gateway.markets.set(id, market);
        if !backing.backs.contains(&synthetic) {
            backing.backs.push(synthetic);
            self.gateway.assets.set(collateral, backing);
        }
        let MarketTerms { max_ltv_bps, liquidation_threshold_bps, bonus_bps, close_factor_bps, debt_ceiling, dust } =
            terms.market;
        let values = [
            NO_CONTRACT,
            max_ltv_bps.into(),
            liquidation_threshold_bps.into(),
            bonus_bps.into(),
            close_factor_bps.into(),
            depeg.into(),
            debt_ceiling,
            dust,
        ];
        self.limits(MARKET, id.0, GatewayId::ZERO, &values.map(Word::from_u128))
    }

    fn set_window(&mut self, asset: AssetId, direction: Direction, limit: u128, period: u64) -> Result<(), Reject> {
        self.synthetic(asset)?;
        let full = i128::try_from(limit).map_err(|_| Reject::InvalidValue("window limit"))?;
        if limit == 0 || period == 0 {
            return Err(Reject::InvalidValue("window limit or period"));
        }
        // A new window is full; a changed one keeps what it has, as far as the new limit holds it.
        let known = self.gateway.windows.get(&(asset, direction));
        let available = known.map_or(full, |window| window.available_at(self.now).min(full));
        let window = Window { limit, period, available, updated: self.now };
        self.gateway.windows.set((asset, direction), window);
        let which: u8 = if direction == Direction::Mint { 1 } else { 2 };
        self.limits(WINDOW, asset.0, GatewayId::ZERO, &[which.into(), limit.into(), period.into()])
    }

    fn set_route(&mut self, asset: AssetId, peer: GatewayId, route: RouteState) -> Result<(), Reject> {
        self.synthetic(asset)?;
        if peer.is_zero() || peer == self.gateway.id {
            return Err(Reject::WrongGateway(peer));
        }
        if route.min == 0 || route.min > route.max || route.fee.bps >= ONE_BPS {
            return Err(Reject::InvalidValue("route"));
        }
        self.gateway.routes.set((asset, peer), route);
        let values = [u128::from(route.enabled), route.min, route.max, route.fee.flat, route.fee.bps.into(), 0];
        self.limits(ROUTE, asset.0, peer, &values.map(Word::from_u128))
    }

    fn set_attesters(&mut self, threshold: u8, signers: &[[u8; 20]]) -> Result<(), Reject> {
        if threshold == 0 || usize::from(threshold) > signers.len() || signers.len() > MAX_SIGNERS {
            return Err(Reject::InvalidValue("threshold or number of signers"));
        }
        if !signers.is_sorted_by(|a, b| a < b) {
            return Err(Reject::UnorderedSigners(0));
        }
        let epoch = self.gateway.attesters.epoch.checked_add(1).ok_or(Reject::Overflow)?;
        let words: Vec<Word> = signers.iter().map(|signer| Account::from_evm(*signer).0).collect();
        self.gateway.attesters = Arc::new(AttesterSet { epoch, threshold, signers: signers.to_vec() });
        let count = u8::try_from(signers.len()).map_err(|_| Reject::Overflow)?;
        self.append(EventBody::AttestersSet { epoch, threshold, count, signers: keccak_words(&words) })
    }

    /// The guardian raises, the admin sets any level.
    pub(super) fn set_pause(&mut self, id: AssetId, level: u8) -> Result<(), Reject> {
        let mut asset = self.synthetic(id)?;
        let current = self.gateway.pause_level(id, self.now).unwrap_or(0);
        if level > 3 {
            return Err(Reject::InvalidValue("pause level"));
        }
        if self.caller != self.gateway.admin && (self.caller != self.gateway.guardian || level <= current) {
            return Err(Reject::NotGuardian);
        }
        asset.level = level;
        asset.frozen_until = if level == 3 { self.now.saturating_add(FREEZE_SECONDS) } else { 0 };
        self.gateway.assets.set(id, asset);
        self.append(EventBody::PauseSet { asset: id, level, actor: self.caller })
    }

    fn tombstone(&mut self, peer: GatewayId, state: Head) -> Result<(), Reject> {
        if peer.is_zero() {
            return Err(Reject::WrongGateway(peer));
        }
        if self.gateway.tombstones.contains(&peer) {
            return Err(Reject::InvalidValue("gateway has a tombstone already"));
        }
        let own = peer == self.gateway.id;
        let state = if own { self.gateway.head } else { state };
        self.gateway.retired |= own;
        self.gateway.tombstones.set(peer, state);
        self.append(EventBody::Tombstoned { peer, count: state.count, hash: state.hash })
    }
}
