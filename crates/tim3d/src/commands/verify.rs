//! `tim3d audit --verify`: a reserve report from Arweave, and whether it is what it says.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tim3_api::view::{AnchorView, CheckView};
use tim3_arweave::{Gateways, Id, gateways::Status};
use tim3_coordinator::Report;
use tim3_domain::{amount::SYNTHETIC_DECIMALS, clock::utc, word::keccak_bytes};
use tim3_rpc::EndpointConfig;

use super::{Verdict, block_on, query::Source};
use crate::{
    chains,
    cli::{self, Global, Query},
    output::{self, Table},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// What is known of a report.
#[derive(Serialize)]
struct Verified {
    transaction: Id,
    /// Height and confirmations of its block, where it is in one.
    block: Option<(u64, u64)>,
    /// Whether every check held.
    valid: bool,
    checks: Vec<CheckView>,
    /// Why it was not compared with what this daemon has signed.
    not_compared: Option<String>,
    report: Report,
}

pub(super) fn verify(global: &Global, args: &cli::Audit, transaction: Id, query: &Query) -> Result<()> {
    let source = Source::new(global, &query.api)?;
    let gateways = gateways(&source, args)?;
    let (found, fate) = block_on(async {
        let found = gateways.transaction(transaction).await?;
        Ok((found, gateways.fate(transaction).await?))
    })
    .context("Arweave; is it a transaction of another network?")?;
    // What was read is what its owner signed; whether that is a report is the first thing to see.
    let report = match Report::decode(found.data()) {
        Ok(report) => report,
        Err(error) => return Err(Verdict(format!("{transaction}, signed by {}: {error}", found.owner())).into()),
    };
    let mut checks = vec![CheckView {
        name: "it is signed by the auditor that it names".to_owned(),
        held: report.auditor == found.owner().to_string(),
        detail: format!("signed by {}", found.owner()),
    }];
    let view =
        |check: tim3_coordinator::audit::Check| CheckView { name: check.law, held: check.held, detail: check.detail };
    checks.extend(report.check().into_iter().map(view));
    let not_compared = match known(&source, report.period_ms) {
        Ok(known) => {
            checks.push(same(&known, transaction, &keccak_bytes(found.data()).to_string()));
            None
        }
        Err(why) => Some(format!("{why:#}")),
    };
    let block = match fate.status {
        Status::Included { height, confirmations } => Some((height, confirmations)),
        Status::Unknown | Status::Pending => None,
    };
    let valid = checks.iter().all(|check| check.held);
    let verified = Verified { transaction, block, valid, checks, not_compared, report };
    if query.json {
        output::json(&verified)?
    } else {
        output::text(&text(&verified))?
    }
    if valid { Ok(()) } else { Err(Verdict("the report is not what it says".to_owned()).into()) }
}

fn gateways(source: &Source, args: &cli::Audit) -> Result<Gateways> {
    let (endpoints, timeout) = match (&args.gateway, source.config().and_then(|config| config.anchor.as_ref())) {
        (Some(url), _) => (vec![EndpointConfig::new(url.clone().into())], TIMEOUT),
        (None, Some(settings)) => (chains::gateways(settings)?, settings.request_timeout),
        (None, None) => {
            anyhow::bail!("no gateway of Arweave is known: give --gateway, or [anchor] in the configuration")
        }
    };
    Ok(Gateways::new("arweave", &endpoints, timeout, None)?)
}

/// What this daemon, or its journal, has signed for a period.
fn known(source: &Source, period_ms: u64) -> Result<AnchorView> {
    source.ask(&format!("/api/v1/anchors/{period_ms}"), &(), |books| books.anchor(period_ms))
}

fn same(known: &AnchorView, transaction: Id, digest: &str) -> CheckView {
    CheckView {
        name: "it is the report that this daemon signed for the period".to_owned(),
        held: known.digest == digest && known.transactions.contains(&transaction.to_string()),
        detail: format!("the journal has {} in {}", known.digest, known.transactions.join(", ")),
    }
}

fn text(verified: &Verified) -> String {
    let Verified { transaction, block, valid, checks, not_compared, report } = verified;
    let mut table = Table::pairs();
    table.row([transaction.to_string(), if *valid { "valid" } else { "NOT VALID" }.to_owned()]);
    table.row(["signed by".into(), report.auditor.clone()]);
    table.row(["attesters".into(), report.attesters.join(", ")]);
    table.row(["made".into(), utc(report.made_ms)]);
    let block = block.map(|(height, confirmations)| format!("{height}, {confirmations} blocks deep"));
    table.row(["block".into(), block.unwrap_or_else(|| "none yet".to_owned())]);
    table.row(["journal".into(), format!("{}, {} operations open", report.journal.digest, report.journal.open)]);
    for asset in &report.assets {
        let amount =
            |amount: tim3_coordinator::report::Amount| tim3_api::view::Units(amount.0).display(SYNTHETIC_DECIMALS);
        table.row([asset.symbol.clone(), format!("read {}", utc(asset.audited_ms))]);
        for (name, found) in [
            ("locked", asset.locked),
            ("bad debt", asset.bad_debt),
            ("minted", asset.minted),
            ("in flight", asset.in_flight),
        ] {
            table.row([format!("  {name}"), amount(found)]);
        }
        for chain in &asset.chains {
            table.row([format!("  {}", chain.chain), format!("block {} {}", chain.block.height, chain.block.hash)]);
        }
    }
    for check in checks {
        let mark = if check.held { "held" } else { "BROKEN" };
        table.row([mark.to_owned(), format!("{}: {}", check.name, check.detail)]);
    }
    if let Some(why) = not_compared {
        table.row(["not compared".into(), why.clone()]);
    }
    table.render()
}
