//! What a gateway is, read back from the chain, and whether that is what was planned.

use solana_loader_v3_interface::{get_program_data_address, state::UpgradeableLoaderState};
use solana_pubkey::Pubkey;
use tim3_chain::findings::Report;
use tim3_domain::{
    identity::{AssetId, MarketId},
    word::keccak_bytes,
};
use tim3_solana_interface::accounts::{Route, WINDOW_MINT, WINDOW_RELEASE};

use super::plan::{GatewayPlan, RoutePlan, WindowPlan};
use crate::{
    Solana, SolanaError,
    link::{Snapshot, asset, market},
};

/// What a gateway should be, as far as somebody says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The plan it was deployed from.
    pub plan: Option<GatewayPlan>,
    /// Its routes.
    pub routes: Vec<RoutePlan>,
    /// Its admin.
    pub admin: Option<Pubkey>,
    /// The program, as it was built.
    pub program: Option<Vec<u8>>,
    /// Who may replace the program; `Some(None)`: nobody.
    pub upgrade_authority: Option<Option<Pubkey>>,
}

const NOBODY: Option<&str> = None;

impl Solana {
    /// Reads the gateway back and compares it with what is expected. That its id and address are right was verified when connecting.
    ///
    /// # Errors
    /// What the chain says; a difference is a finding, not an error.
    pub async fn check(&self, expected: &Expected) -> Result<Report, SolanaError> {
        let mut report = Report::default();
        let gateway = self.link.gateway("check").await?;
        report.add("id", self.link.id, Some(self.link.id));
        self.check_program(&mut report, expected).await?;
        check_people(&mut report, &gateway, expected);
        if let Some(plan) = &expected.plan {
            self.check_plan(&mut report, &gateway, plan)?;
        }
        for route in &expected.routes {
            let found = self.link.one("route", self.link.addresses.route(route.asset, route.peer)).await?;
            let found = found.and_then(|data| Route::new(data).ok()).map_or_else(
                || "none".to_owned(),
                |found| {
                    route_text(&RoutePlan {
                        min: found.min(),
                        max: found.max(),
                        flat_fee: found.flat_fee(),
                        fee_bps: found.fee_bps(),
                        enabled: found.enabled() == 1,
                        evm: found.evm() == 1,
                        ..*route
                    })
                },
            );
            let what = format!("route of {} to {}", route.asset.short(), route.peer.short());
            report.add(what, found, Some(route_text(route)));
        }
        Ok(report)
    }

    /// The program's bytes, and who may replace them.
    async fn check_program(&self, report: &mut Report, expected: &Expected) -> Result<(), SolanaError> {
        let program = self.link.config.program;
        let data = get_program_data_address(&program);
        let found = self.link.accounts("program", &[data]).await?.into_iter().next().flatten();
        let bytes = found.map(|found| found.data).unwrap_or_default();
        let header = UpgradeableLoaderState::size_of_programdata_metadata();
        let state = bytes.get(..header).and_then(|header| bincode::deserialize(header).ok());
        let authority = match state {
            Some(UpgradeableLoaderState::ProgramData { upgrade_authority_address: Some(authority), .. }) => {
                authority.to_string()
            }
            Some(UpgradeableLoaderState::ProgramData { .. }) => "nobody".to_owned(),
            _ => "unknown: the program is not one of the upgradeable loader".to_owned(),
        };
        let right = expected
            .upgrade_authority
            .map(|authority| authority.map_or_else(|| "nobody".to_owned(), |authority| authority.to_string()));
        report.add("who can replace the program", authority, right);
        if let Some(built) = &expected.program {
            // Room for upgrades is zeros behind the program.
            let held = bytes.get(header..).unwrap_or_default();
            let same = held.get(..built.len()) == Some(built.as_slice())
                && held.iter().skip(built.len()).all(|byte| *byte == 0);
            let found = if same { keccak_bytes(built).to_string() } else { "other bytes".to_owned() };
            report.add("program (Keccak-256)", found, Some(keccak_bytes(built)));
        }
        Ok(())
    }

    fn check_plan(&self, report: &mut Report, gateway: &Snapshot, plan: &GatewayPlan) -> Result<(), SolanaError> {
        for synthetic in &plan.synthetics {
            let symbol = &synthetic.symbol;
            let Some((_, found)) = asset(gateway, AssetId::from_symbol(symbol)?) else {
                report.add(format!("{symbol}: token"), "none", Some("a mint"));
                continue;
            };
            report.add(format!("{symbol}: token"), Pubkey::new_from_array(found.mint()), NOBODY);
            report.add(format!("{symbol}: target price"), found.target(), Some(synthetic.target));
            report.add(format!("{symbol}: pause level"), found.level(), Some(0));
            for (name, place, planned) in
                [("mint", WINDOW_MINT, synthetic.mint_window), ("release", WINDOW_RELEASE, synthetic.release_window)]
            {
                let window = found.window(place);
                let window = WindowPlan { limit: window.limit(), period_seconds: window.period() };
                report.add(format!("{symbol}: {name} window"), window_text(window), Some(window_text(planned)));
            }
        }
        for collateral in &plan.collaterals {
            let found = asset(gateway, AssetId::from_symbol(&collateral.symbol)?);
            let token = found.map(|(_, found)| Pubkey::new_from_array(found.mint()).to_string());
            let decimals = found.map(|(_, found)| found.decimals().to_string());
            report.add(format!("{}: token", collateral.symbol), token.unwrap_or_else(|| "none".to_owned()), NOBODY);
            let decimals = decimals.unwrap_or_else(|| "none".to_owned());
            report.add(format!("{}: decimals", collateral.symbol), decimals, Some(collateral.decimals));
        }
        for planned in &plan.markets {
            let (synthetic, collateral) =
                (AssetId::from_symbol(&planned.synthetic)?, AssetId::from_symbol(&planned.collateral)?);
            let id = MarketId::derive(self.link.id, synthetic, collateral, planned.kind);
            let found = market(gateway, id).map_or_else(
                || "none".to_owned(),
                |(_, found)| {
                    let oracle = if found.has_oracle() == 1 { found.oracle_account() } else { [0; 32] };
                    terms_text(&[
                        ("oracle", Pubkey::new_from_array(oracle).to_string()),
                        ("max age", found.max_age().to_string()),
                        ("max confidence", found.max_confidence().to_string()),
                        ("max LTV", found.max_ltv().to_string()),
                        ("liquidation at", found.liquidation_threshold().to_string()),
                        ("bonus", found.bonus().to_string()),
                        ("close factor", found.close_factor().to_string()),
                        ("depeg", found.depeg().to_string()),
                        ("ceiling", found.ceiling().to_string()),
                        ("dust", found.dust().to_string()),
                    ])
                },
            );
            let terms = super::plan::terms(planned);
            let expected = terms_text(&[
                ("oracle", Pubkey::new_from_array(terms.oracle.account).to_string()),
                ("max age", terms.oracle.max_age.to_string()),
                ("max confidence", terms.oracle.max_confidence.to_string()),
                ("max LTV", terms.max_ltv.to_string()),
                ("liquidation at", terms.liquidation_threshold.to_string()),
                ("bonus", terms.bonus.to_string()),
                ("close factor", terms.close_factor.to_string()),
                ("depeg", terms.depeg.to_string()),
                ("ceiling", terms.ceiling.to_string()),
                ("dust", terms.dust.to_string()),
            ]);
            report.add(
                format!("market {}/{} {}", planned.synthetic, planned.collateral, id.short()),
                found,
                Some(expected),
            );
        }
        Ok(())
    }
}

fn check_people(report: &mut Report, gateway: &Snapshot, expected: &Expected) {
    let plan = expected.plan.as_ref();
    let key = Pubkey::new_from_array;
    report.add("salt", tim3_domain::word::Word(gateway.salt()), plan.map(|plan| plan.salt));
    report.add("active", gateway.active() == 1, Some(true));
    report.add("retired", gateway.retired() == 1, Some(false));
    report.add("admin", key(gateway.admin()), expected.admin);
    report.add("pending admin", key(gateway.pending_admin()), NOBODY);
    report.add("guardian", key(gateway.guardian()), plan.map(|plan| plan.guardian));
    report.add("treasury", key(gateway.treasury()), plan.map(|plan| plan.treasury));
    report.add("delay in seconds", gateway.delay(), plan.map(|plan| plan.delay_seconds));
    report.add("attester epoch", gateway.epoch(), NOBODY);
    let found = people(gateway.threshold(), gateway.signers());
    report.add("attesters", found, plan.map(|plan| people(plan.threshold, &plan.attesters)));
    let head = crate::records::head(gateway);
    report.add("events", format!("{}, running hash {}", head.count, head.hash), NOBODY);
}

fn people(threshold: u8, signers: &[[u8; 20]]) -> String {
    let mut signers = signers.to_vec();
    signers.sort_unstable();
    let names: Vec<_> = signers.iter().map(hexadecimal).collect();
    format!("{threshold} of {}: {}", signers.len(), names.join(", "))
}

pub(super) fn hexadecimal(signer: &[u8; 20]) -> String {
    let digits: String = signer.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

fn window_text(window: WindowPlan) -> String {
    format!("{} in {} s", window.limit, window.period_seconds)
}

fn route_text(route: &RoutePlan) -> String {
    let RoutePlan { min, max, flat_fee, fee_bps, enabled, evm, .. } = route;
    format!("enabled {enabled}, {min} to {max}, fee {flat_fee} and {fee_bps} bp, EVM accounts {evm}")
}

fn terms_text(terms: &[(&str, String)]) -> String {
    terms.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}
