//! What a gateway is, read back from the chain, and whether that is what was planned.

use alloy::primitives::{Address, Bytes};
use serde_json::json;
pub use tim3_chain::findings::{Finding, Report};
use tim3_domain::identity::{AssetId, MarketId};
use tim3_rpc::Request;

use super::{
    artifact::Artifact,
    plan::{self, GatewayPlan, RoutePlan, WindowPlan},
};
use crate::{
    Ethereum, EthereumError,
    abi::{Gateway, MINT_WINDOW, RELEASE_WINDOW, b256},
};

/// What a gateway should be, as far as somebody says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The plan it was deployed from.
    pub plan: Option<GatewayPlan>,
    /// Its routes.
    pub routes: Vec<RoutePlan>,
    /// Its admin.
    pub admin: Option<Address>,
}

const NOBODY: Option<&str> = None;

impl Ethereum {
    /// Reads the gateway back and compares it with what is expected. That its id is right was verified when connecting.
    ///
    /// # Errors
    /// What the chain says; a difference is a finding, not an error.
    pub async fn check(&self, expected: &Expected) -> Result<Report, EthereumError> {
        let mut report = Report::default();
        report.add("id", self.link.id, Some(self.link.id));
        self.check_code(&mut report).await?;
        self.check_people(&mut report, expected).await?;
        if let Some(plan) = &expected.plan {
            self.check_plan(&mut report, plan).await?;
        }
        for route in &expected.routes {
            let call = Gateway::routeCall { asset: b256(route.asset), peer: b256(route.peer) };
            let found = self.link.view("route", &call).await?;
            let what = format!("route of {} to {}", route.asset.short(), route.peer.short());
            report.add(what, route_text(&found), Some(route_text(&plan::route(route))));
        }
        Ok(report)
    }

    async fn check_code(&self, report: &mut Report) -> Result<(), EthereumError> {
        let same = |matches: bool| if matches { "as built into this program" } else { "other code" };
        let right = Some(same(true));
        let code = self.code(self.link.config.gateway).await?;
        let libraries = Artifact::gateway()?.matches(&code);
        report.add("code of the gateway", same(libraries.is_some()), right);
        for (name, library) in libraries.into_iter().flatten() {
            let code = self.code(library).await?;
            let matches = Artifact::named(&name)?.matches(&code).is_some();
            report.add(format!("code of library {name} at {library}"), same(matches), right);
        }
        Ok(())
    }

    async fn check_people(&self, report: &mut Report, expected: &Expected) -> Result<(), EthereumError> {
        let plan = expected.plan.as_ref();
        let link = &self.link;
        report.add("salt", link.view("salt", &Gateway::saltCall {}).await?, plan.map(|plan| b256(plan.salt)));
        report.add("active", link.view("active", &Gateway::activeCall {}).await?, Some(true));
        report.add("retired", link.view("retired", &Gateway::retiredCall {}).await?, Some(false));
        report.add("admin", link.view("admin", &Gateway::adminCall {}).await?, expected.admin);
        report.add("pending admin", link.view("pending admin", &Gateway::pendingAdminCall {}).await?, NOBODY);
        let guardian = link.view("guardian", &Gateway::guardianCall {}).await?;
        report.add("guardian", guardian, plan.map(|plan| plan.guardian));
        let treasury = link.view("treasury", &Gateway::treasuryCall {}).await?;
        report.add("treasury", treasury, plan.map(|plan| plan.treasury));
        let delay = link.view("delay", &Gateway::delayCall {}).await?;
        report.add("delay in seconds", delay, plan.map(|plan| plan.delay_seconds));
        let Gateway::attestersReturn { epoch, threshold, signers } =
            link.view("attesters", &Gateway::attestersCall {}).await?;
        report.add("attester epoch", epoch, NOBODY);
        report.add("attesters", people(threshold, &signers), plan.map(|plan| people(plan.threshold, &plan.attesters)));
        let Gateway::headReturn { count, hash } = link.view("head", &Gateway::headCall {}).await?;
        report.add("events", format!("{count}, running hash {hash}"), NOBODY);
        Ok(())
    }

    async fn check_plan(&self, report: &mut Report, plan: &GatewayPlan) -> Result<(), EthereumError> {
        for synthetic in &plan.synthetics {
            let asset = AssetId::from_symbol(&synthetic.symbol)?;
            let symbol = &synthetic.symbol;
            let found = self.link.view("asset", &Gateway::assetCall { assetId: b256(asset) }).await?;
            report.add(format!("{symbol}: token"), found.token, NOBODY);
            report.add(format!("{symbol}: target price"), found.target, Some(synthetic.target));
            let level = self.link.view("pause level", &Gateway::pauseLevelCall { asset: b256(asset) }).await?;
            report.add(format!("{symbol}: pause level"), level, Some(0));
            let windows =
                [("mint", MINT_WINDOW, synthetic.mint_window), ("release", RELEASE_WINDOW, synthetic.release_window)];
            for (name, kind, planned) in windows {
                let found = self.link.view("window", &Gateway::windowCall { asset: b256(asset), kind }).await?;
                let found = WindowPlan { limit: found.limit, period_seconds: found.period };
                report.add(format!("{symbol}: {name} window"), window_text(found), Some(window_text(planned)));
            }
        }
        for collateral in &plan.collaterals {
            let asset = AssetId::from_symbol(&collateral.symbol)?;
            let found = self.link.view("asset", &Gateway::assetCall { assetId: b256(asset) }).await?;
            report.add(format!("{}: token", collateral.symbol), found.token, NOBODY);
            report.add(format!("{}: decimals", collateral.symbol), found.decimals, Some(collateral.decimals));
        }
        for market in &plan.markets {
            let (synthetic, collateral) =
                (AssetId::from_symbol(&market.synthetic)?, AssetId::from_symbol(&market.collateral)?);
            let id = MarketId::derive(self.link.id, synthetic, collateral, market.kind);
            let found = self.link.view("market", &Gateway::marketCall { marketId: b256(id) }).await?;
            let what = format!("market {}/{} {}", market.synthetic, market.collateral, id.short());
            let planned = terms_text(&super::plan::terms(market, found.terms.oracle));
            report.add(what, terms_text(&found.terms), Some(planned));
        }
        Ok(())
    }

    async fn code(&self, contract: Address) -> Result<Bytes, EthereumError> {
        let request = Request::new("eth_getCode", json!([contract, "latest"]));
        let code = self.link.ask("code", |node| {
            let request = request.clone();
            async move { node.one(request).await?.bytes() }
        });
        Ok(code.await?)
    }
}

fn people(threshold: u8, signers: &[Address]) -> String {
    let mut signers = signers.to_vec();
    signers.sort_unstable();
    let names: Vec<_> = signers.iter().map(ToString::to_string).collect();
    format!("{threshold} of {}: {}", signers.len(), names.join(", "))
}

fn window_text(window: WindowPlan) -> String {
    format!("{} in {} s", window.limit, window.period_seconds)
}

fn route_text(route: &Gateway::Route) -> String {
    let Gateway::Route { min, max, flatFee, feeBps, enabled, evm } = route;
    format!("enabled {enabled}, {min} to {max}, fee {flatFee} and {feeBps} bp, EVM accounts {evm}")
}

fn terms_text(terms: &Gateway::Terms) -> String {
    let Gateway::Terms { oracle, maxLtv, liquidationThreshold, bonus, closeFactor, depeg, ceiling, dust } = terms;
    format!(
        "oracle {oracle}, max LTV {maxLtv}, liquidation at {liquidationThreshold}, bonus {bonus}, close factor {closeFactor}, depeg {depeg}, \
         ceiling {ceiling}, dust {dust}"
    )
}
