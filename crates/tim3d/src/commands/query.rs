//! `tim3d status`, `positions` and `audit`.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::{Serialize, de::DeserializeOwned};
use tim3_api::{
    ControlError, PositionQuery,
    control::MAX_PAGE,
    view::{AnchorView, AssetAudit, AuditView, Page, PositionView, StatusView, V1Books, V1View},
};
use tim3_domain::clock::utc;
use tim3_journal::{Journal, RedbJournal};

use super::{Verdict, block_on, load_optional};
use crate::{
    books::Books,
    cli::{self, Global, Query},
    client::{Answer, Api},
    config::Config,
    directory::Directory,
    output::{self, Table},
};

/// Where answers come from: the running daemon, or its journal when it is not running.
pub(super) struct Source {
    api: Api,
    config: Option<Config>,
}

/// The journal of a daemon that is not running.
pub(super) struct Offline {
    journal: Arc<dyn Journal>,
    directory: Directory,
}

impl Offline {
    pub(super) fn books(&self) -> Books<'_> {
        Books { journal: self.journal.as_ref(), directory: &self.directory }
    }
}

impl Source {
    pub(super) fn new(global: &Global, args: &cli::Api) -> Result<Self> {
        let config = load_optional(global)?.map(|loaded| loaded.config);
        Ok(Self { api: Api::new(args, config.as_ref())?, config })
    }

    pub(super) fn api(&self) -> &Api {
        &self.api
    }

    pub(super) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Asks the daemon, or reads the journal where none answers.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        offline: impl FnOnce(&Books<'_>) -> Result<T, ControlError>,
    ) -> Result<T> {
        let why = match block_on(self.api.get(path, query))? {
            Answer::Is(value) => return Ok(value),
            Answer::NotRunning(why) => why,
        };
        let journal = self.offline().with_context(|| why.clone())?;
        output::note(&format!("note: {why}; this is what its journal says"));
        Ok(offline(&journal.books())?)
    }

    fn offline(&self) -> Result<Offline> {
        let hint = "name its address with --url, or its configuration with --config";
        let config = self.config.as_ref().with_context(|| hint.to_owned())?;
        // Opening makes a journal where there is none, and looking must not.
        std::fs::metadata(&config.journal)
            .with_context(|| format!("and there is no journal at {}; {hint}", config.journal.display()))?;
        let journal = Arc::new(RedbJournal::open(&config.journal)?);
        Ok(Offline { journal, directory: Directory::new(config) })
    }
}

/// Every page of a list, up to `limit` entries.
pub(super) fn pages<T>(limit: u32, mut page: impl FnMut(usize, Option<String>) -> Result<Page<T>>) -> Result<Page<T>> {
    let limit = usize::try_from(limit)?;
    let mut all = Page { items: Vec::new(), next: None };
    loop {
        let left = limit.saturating_sub(all.items.len()).min(MAX_PAGE);
        let Page { items, next } = page(left, all.next.take())?;
        all.items.extend(items);
        all.next = next;
        if all.next.is_none() || all.items.len() >= limit {
            return Ok(all);
        }
    }
}

pub(super) fn status(global: &Global, query: &Query) -> Result<()> {
    let source = Source::new(global, &query.api)?;
    let status: StatusView = block_on(source.api.get("/api/v1/status", &()))?.required()?;
    if query.json {
        output::json(&status)?;
    } else {
        output::text(&status_text(&status))?;
    }
    if status.readiness.ready { Ok(()) } else { Err(Verdict("the daemon is not ready".to_owned()).into()) }
}

fn status_text(status: &StatusView) -> String {
    let mut about = Table::pairs();
    about.row(["tim3d".into(), status.version.clone()]);
    about.row(["since".into(), utc(status.started_ms)]);
    about.row(["ready".into(), if status.readiness.ready { "yes" } else { "no" }.into()]);
    for reason in &status.readiness.reasons {
        about.row([String::new(), format!("{}: {}", reason.subject, reason.reason)]);
    }
    let open: Vec<_> = status.open.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
    about.row(["open".into(), if open.is_empty() { "nothing".into() } else { open.join(", ") }]);
    for asset in &status.assets {
        let state = asset.halted.as_ref().map_or_else(|| "signing".to_owned(), |why| format!("stopped: {why}"));
        about.row([asset.symbol.clone(), state]);
    }
    let mut chains = Table::new(&[
        "CHAIN",
        "HEAD",
        "FINAL",
        "READ TO",
        "EVENTS",
        "WAITING",
        "IN FLIGHT",
        "MIRRORS BEHIND",
        "FUNDS",
        "PROBLEM",
    ]);
    for chain in &status.chains {
        let height = |block: &Option<tim3_api::view::BlockView>| {
            block.as_ref().map_or_else(|| "–".to_owned(), |block| block.height.to_string())
        };
        let low = if chain.submitter.funds_low { " LOW" } else { "" };
        chains.row([
            chain.name.clone(),
            height(&chain.head),
            height(&chain.finalized),
            chain.read_to.to_string(),
            chain.events.to_string(),
            chain.submitter.waiting.to_string(),
            chain.submitter.in_flight.to_string(),
            chain.mirrors_behind.to_string(),
            chain.submitter.funds.as_ref().map_or_else(|| "–".to_owned(), |funds| format!("{funds}{low}")),
            chain.error.clone().unwrap_or_default(),
        ]);
    }
    let mut endpoints = Table::new(&["CHAIN", "ENDPOINT", "STATE"]);
    let of_chains = status.chains.iter().map(|chain| (&chain.name, &chain.endpoints));
    for (chain, all) in of_chains.chain(status.v1.iter().map(|v1| (&v1.name, &v1.endpoints))) {
        for endpoint in all {
            let state = endpoint.problem.clone().unwrap_or_else(|| "healthy".to_owned());
            endpoints.row([chain.clone(), endpoint.name.clone(), state]);
        }
    }
    let v1: Vec<_> = status.v1.iter().map(v1_text).collect();
    let tables = [about.render(), chains.render(), endpoints.render()];
    tables.into_iter().chain(v1).collect::<Vec<_>>().join("\n")
}

pub(super) fn positions(global: &Global, behind: bool, page: &cli::Page, query: &Query) -> Result<()> {
    let source = Source::new(global, &query.api)?;
    let positions = pages(page.limit, |limit, after| {
        let query = PositionQuery { behind, after, limit };
        source.ask("/api/v1/positions", &query, |books| books.positions(&query))
    })?;
    if query.json {
        return output::json(&positions);
    }
    let mut table = Table::new(&["MARKET", "HOME", "OWNER", "COLLATERAL", "DEBT", "VERSION", "MIRRORS"]);
    for position in &positions.items {
        table.row([
            position.market.clone(),
            position.home.clone(),
            position.owner.clone().unwrap_or_else(|| "reserve".to_owned()),
            position
                .collateral_decimals
                .map_or_else(|| position.collateral.to_string(), |decimals| position.collateral.display(decimals)),
            position.debt.display(position.debt_decimals),
            position.version.to_string(),
            mirrors(position),
        ]);
    }
    output::text(&table.render())?;
    more(positions.next.is_some());
    Ok(())
}

fn mirrors(position: &PositionView) -> String {
    let mirror = |mirror: &tim3_api::view::MirrorView| match mirror.version {
        Some(_) if mirror.current => mirror.chain.clone(),
        Some(version) => format!("{} (at {version})", mirror.chain),
        None => format!("{} (missing)", mirror.chain),
    };
    position.mirrors.iter().map(mirror).collect::<Vec<_>>().join(", ")
}

/// Says that a list was cut.
pub(super) fn more(is_cut: bool) {
    if is_cut {
        output::note("note: there are more; raise --limit");
    }
}

pub(super) fn audit(global: &Global, args: &cli::Audit) -> Result<()> {
    let query = &args.query;
    if let Some(transaction) = args.verify {
        return super::verify::verify(global, args, transaction, query);
    }
    let source = Source::new(global, &query.api)?;
    let audit: AuditView = block_on(source.api.get("/api/v1/audit", &()))?.required()?;
    if query.json {
        output::json(&audit)?;
    } else {
        let texts = audit.assets.iter().map(audit_text).chain(audit.anchor.as_ref().map(anchor_text));
        output::text(&texts.collect::<Vec<_>>().join("\n"))?;
    }
    if audit.exact { Ok(()) } else { Err(Verdict("the books do not balance, or are not known".to_owned()).into()) }
}

fn v1_text(v1: &V1View) -> String {
    let mut table = Table::pairs();
    table.row([v1.name.clone(), format!("V1 processes of the Coordinator {}", v1.coordinator)]);
    let state = v1.halted.as_ref().map_or_else(|| "served".to_owned(), |why| format!("halted: {why}"));
    table.row(["state".into(), state]);
    table.row(["read".into(), v1.round_ms.map_or_else(|| "never".to_owned(), utc)]);
    if let Some(problem) = &v1.problem {
        table.row(["problem".into(), problem.clone()]);
    }
    table.row(["operations".into(), format!("{} open, {} completed", v1.open, v1.completed)]);
    if let Some(books) = &v1.books {
        let V1Books { supply, balances, minted, collateral, locks, held } = books;
        table.row(["tokens".into(), format!("supply {supply}, balances {balances}, minted {minted}")]);
        table.row(["collateral".into(), format!("counted {collateral}, in locks {locks}, held {held}")]);
    }
    for finding in &v1.findings {
        table.row(["finding".into(), finding.clone()]);
    }
    table.render()
}

fn anchor_text(anchor: &AnchorView) -> String {
    let mut table = Table::pairs();
    table.row(["reported for".into(), utc(anchor.period_ms)]);
    table.row(["transaction".into(), anchor.transactions.last().cloned().unwrap_or_default()]);
    let block = anchor.height.map_or_else(|| "not deep enough yet".to_owned(), |height| height.to_string());
    table.row(["block".into(), block]);
    if let Some(problem) = &anchor.problem {
        table.row(["problem".into(), problem.clone()]);
    }
    table.render()
}

fn audit_text(audit: &AssetAudit) -> String {
    let decimals = audit.decimals;
    let mut table = Table::pairs();
    table.row([audit.asset.clone(), if audit.exact { "exact" } else { "NOT EXACT" }.to_owned()]);
    table.row(["checked".into(), audit.at_ms.map_or_else(|| "never".to_owned(), utc)]);
    if let Some(why) = &audit.unknown {
        table.row(["unknown since".into(), why.clone()]);
    }
    table.row(["supply".into(), audit.supply.display(decimals)]);
    table.row(["+ in flight".into(), audit.in_flight.display(decimals)]);
    table.row(["= debt".into(), audit.debt.display(decimals)]);
    table.row(["+ bad debt".into(), audit.bad_debt.display(decimals)]);
    for check in &audit.checks {
        let mark = if check.held { "held" } else { "BROKEN" };
        table.row([mark.to_owned(), format!("{}: {}", check.name, check.detail)]);
    }
    table.render()
}
