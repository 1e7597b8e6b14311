//! What a gateway is, read back from the network, and whether that is what was planned.

use tim3_chain::{ChainError, findings::Report, plan::RoutePlan};
use tim3_domain::{amount::display, identity::AssetId, word::Word};

use super::{
    GATEWAY, Ground, RENOUNCED, number,
    origin::Origin,
    plan::{GatewayPlan, TokenPlan, WindowPlan},
};
use crate::{
    Ao, AoError,
    assets::{Assets, Markets},
    connect::identity,
    id::Id,
    state::{Attesters, RouteView},
    view::Query,
};

/// What a gateway should be, as far as somebody says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The plan it was deployed from.
    pub plan: Option<GatewayPlan>,
    /// Its routes.
    pub routes: Vec<RoutePlan>,
    /// Its admin.
    pub admin: Option<Id>,
    /// What its process should be made of. The authority's key could forge a deposit.
    pub ground: Option<Ground>,
}

fn id(word: Word) -> String {
    Id::from(word).to_string()
}

fn join(ids: Vec<Id>) -> String {
    ids.iter().map(Id::to_string).collect::<Vec<_>>().join(", ")
}

fn window_text(window: WindowPlan) -> String {
    format!("{} in {} s", display(window.limit, 6), window.period_seconds)
}

fn route_text(route: &RoutePlan) -> String {
    let RoutePlan { min, max, flat_fee, fee_bps, enabled, evm, .. } = route;
    format!("enabled {enabled}, {min} to {max}, fee {flat_fee} and {fee_bps}/10000, accounts of EVM {evm}")
}

impl Ao {
    /// Reads the gateway back and compares it with what is expected. That its id and process are right was verified when connecting.
    ///
    /// # Errors
    /// What the network says; a difference is a finding, not an error.
    pub async fn check(&self, expected: &Expected) -> Result<Report, AoError> {
        let mut report = Report::default();
        let link = &self.link;
        let found = identity(link, link.process()).await.map_err(|error| link.error("check", error))?;
        report.add("id", found.id, Some(link.id));
        let plan = expected.plan.as_ref();
        report.add("salt", found.salt, plan.map(|plan| plan.salt));
        report.add("active", found.active, Some(true));
        report.add("admin", id(found.admin), expected.admin);
        report.add("guardian", id(found.guardian), plan.map(|plan| plan.guardian));
        let treasury = found.treasury.map_or_else(|| "none".to_owned(), id);
        report.add("treasury", treasury, plan.map(|plan| plan.treasury));
        report.add("delay in seconds", &found.delay, plan.map(|plan| plan.delay_seconds));
        // Whoever owns the process could evaluate any code in it.
        let right = if found.ownership == RENOUNCED { RENOUNCED } else { "admin" };
        report.add("who owns the process", &found.ownership, Some(right));
        let ground = expected.ground;
        report.add("authorities", found.authorities.join(", "), ground.map(|ground| ground.authority));
        let origin = Origin::of(link, link.process()).await?;
        report.add("module", origin.module, ground.map(|ground| ground.module));
        report.add("scheduler", origin.scheduler, ground.map(|ground| ground.scheduler));
        report.add("authority it was made with", origin.authority, ground.map(|ground| ground.authority));
        report.add("code that was evaluated, by its SHA-256", join(origin.code), Some(Id::of(GATEWAY.as_bytes())));
        let attesters: Attesters = link.view("check", Query::new("Attesters")).await?;
        self.check_attesters(&mut report, &attesters, plan);
        if let Some(plan) = plan {
            self.check_assets(&mut report, plan).await?;
        }
        for route in &expected.routes {
            let found: RouteView =
                link.view("check", Query::new("Route").with("Asset", route.asset).with("Gateway", route.peer)).await?;
            let RouteView { enabled, min, max, flat_fee, fee_bps, evm } = found;
            let found =
                RoutePlan { enabled, min: min.0, max: max.0, flat_fee: flat_fee.0, fee_bps: fee_bps.0, evm, ..*route };
            let what = format!("route of {} to {}", route.asset.short(), route.peer.short());
            report.add(what, route_text(&found), Some(route_text(route)));
        }
        Ok(report)
    }

    fn check_attesters(&self, report: &mut Report, found: &Attesters, plan: Option<&GatewayPlan>) {
        report.add("threshold", number(&found.threshold), plan.map(|plan| plan.threshold));
        let mut planned: Option<Vec<Id>> = plan.map(|plan| plan.attesters.clone());
        if let Some(planned) = &mut planned {
            planned.sort_unstable();
        }
        report.add("attesters", join(found.signers.iter().copied().map(Id::from).collect()), planned.map(join));
        let known = |wallet: &Word| self.link.config.voters.iter().any(|voter| voter.wallet.word() == *wallet);
        let strangers = found.signers.iter().filter(|wallet| !known(wallet)).count();
        report.add("attesters whose wallet no voter names", strangers, Some(0));
    }

    async fn check_assets(&self, report: &mut Report, plan: &GatewayPlan) -> Result<(), AoError> {
        let link = &self.link;
        let Assets { assets } = link.view("check", Query::new("Assets")).await?;
        let find = |symbol: &str| assets.iter().find(|asset| asset.symbol == symbol);
        for synthetic in &plan.synthetics {
            let symbol = &synthetic.symbol;
            let there = if find(symbol).is_some() { "there" } else { "none" };
            report.add(format!("{symbol}: synthetic"), there, Some("there"));
            for (what, direction, planned) in [
                ("Mint window", tim3_chain::Direction::Mint, synthetic.mint_window),
                ("Release window", tim3_chain::Direction::Release, synthetic.release_window),
            ] {
                let found = tim3_chain::State::window(self, AssetId::from_symbol(symbol)?, direction).await?;
                let found = WindowPlan { limit: found.limit, period_seconds: found.period };
                report.add(format!("{symbol}: {what}"), window_text(found), Some(window_text(planned)));
            }
        }
        for collateral in &plan.collaterals {
            let symbol = &collateral.symbol;
            let Some(found) = find(symbol) else {
                report.add(format!("{symbol}: collateral"), "none", Some("there"));
                continue;
            };
            let token = match collateral.token {
                TokenPlan::Existing(token) => Some(token),
                TokenPlan::Test { .. } => None,
            };
            report.add(format!("{symbol}: token"), found.token, token);
            report.add(format!("{symbol}: decimals"), number(&found.decimals), Some(collateral.decimals));
            // The admin's word at deployment; the token says it itself.
            let said = self.denomination(found.token).await?;
            report.add(format!("{symbol}: decimals of the token"), number(&found.native_decimals), Some(said));
        }
        self.check_markets(report, plan, &assets).await
    }

    async fn check_markets(
        &self,
        report: &mut Report,
        plan: &GatewayPlan,
        assets: &[crate::assets::AssetRecord],
    ) -> Result<(), AoError> {
        let Markets { markets } = self.link.view("check", Query::new("Markets")).await?;
        let symbol = |asset: AssetId| assets.iter().find(|known| known.id == asset).map_or("", |known| &known.symbol);
        for planned in &plan.markets {
            let name = format!("{}/{}", planned.synthetic, planned.collateral);
            let of = |market: &&crate::assets::MarketRecord| {
                (symbol(market.synthetic), symbol(market.collateral)) == (&planned.synthetic, &planned.collateral)
            };
            let Some(found) = markets.iter().find(of) else {
                report.add(format!("market {name}"), "none", Some("there"));
                continue;
            };
            let terms = [
                ("max LTV", number(&found.max_ltv), planned.max_ltv_bps.to_string()),
                ("threshold", number(&found.liquidation_threshold), planned.liquidation_threshold_bps.to_string()),
                ("bonus", number(&found.bonus), planned.bonus_bps.to_string()),
                ("close factor", number(&found.close_factor), planned.close_factor_bps.to_string()),
                ("debt ceiling", number(&found.ceiling), planned.debt_ceiling.to_string()),
                ("dust", number(&found.dust), planned.dust.to_string()),
            ];
            for (what, found, planned) in terms {
                report.add(format!("market {name}: {what}"), found, Some(planned));
            }
        }
        Ok(())
    }

    async fn denomination(&self, token: Id) -> Result<String, ChainError> {
        let trial = crate::units::compute::Trial::new(&[("Action", "Info")]);
        let outcome = self.link.dry_run(token, &trial).await?;
        let text = outcome.messages.iter().find_map(|message| message.tag("Denomination")).map(str::to_owned);
        Ok(text.unwrap_or_else(|| "not said".to_owned()))
    }
}
