//! `tim3d keeper`.

mod ladder;

use std::{collections::BTreeMap, ops::RangeInclusive};

use anyhow::{Context as _, Result, bail};
use tim3_api::{
    ControlError, LedgerQuery, RecordQuery,
    control::MAX_PAGE,
    view::{KeeperLedgerView, KeeperRecordView, KeeperView},
};
use tim3_domain::clock::{parse_utc, utc};
use tim3_keeper::{
    Config, Mode,
    ledger::Entry,
    replay::{Line, restore},
};
use tokio_util::sync::CancellationToken;

pub(crate) use ladder::WhatIf;

use super::{Verdict, block_on, inputs, load, query::Source};
use crate::{
    cli::{Global, KeeperCommand, KeeperSwitch, LadderArgs, Span},
    keeper::{Item, Learned, RehearsalArgs, assemble, line_view, rehearse},
    output::{self, Table},
    process, supervise,
};

const NO_RECORD: &str = "there is no record of keepers yet";

/// What is logged of a rehearsal: what goes wrong, and how far reading has come.
const LOG: &str = "warn,tim3_coordinator::watcher=info";

pub(super) fn dispatch(global: &Global, command: KeeperCommand) -> Result<()> {
    match command {
        KeeperCommand::Status(query) => {
            let source = Source::new(global, &query.api)?;
            let view: KeeperView = block_on(source.api().get("/api/v1/keeper", &()))?.required()?;
            if query.json { output::json(&view) } else { output::text(&status(&view)) }
        }
        KeeperCommand::Pause(switch) => set_pause(global, &switch, "pause"),
        KeeperCommand::Resume(switch) => set_pause(global, &switch, "resume"),
        KeeperCommand::Ladder(args) => show_ladder(global, &args),
        KeeperCommand::Ledger { csv: _, json, span, api } => {
            let range = range(&span)?;
            ledger(&Source::new(global, &api)?, &range, json)
        }
        KeeperCommand::Explain { decision, query } => {
            let items = readable(&Source::new(global, &query.api)?)?;
            explain(&items, decision, query.json)
        }
        KeeperCommand::Rehearse(args) => rehearsal(global, &args),
        KeeperCommand::Replay { span, with, query } => {
            let range = range(&span)?;
            let items = record(&Source::new(global, &query.api)?, span.from.is_some().then_some(*range.start()))?;
            replay(global, items, &range, with, query.json)
        }
    }
}

fn rehearsal(global: &Global, args: &RehearsalArgs) -> Result<()> {
    process::keep_to_itself()?;
    let config = load(global)?.config;
    // What an operator can do something about; the report has the rest.
    tim3_telemetry::log::init(config.log.format, LOG)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(async {
        let stop = CancellationToken::new();
        supervise::watch_signals(stop.clone())?;
        rehearse(&config, args, stop).await
    });
    runtime.shutdown_background();
    let report = report?;
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&report.render())?;
    }
    if report.is_good() { Ok(()) } else { Err(Verdict("not everything was liquidated".to_owned()).into()) }
}

fn range(span: &Span) -> Result<RangeInclusive<u64>> {
    let time = |text: &Option<String>| text.as_deref().map(point).transpose();
    Ok(time(&span.from)?.unwrap_or(0)..=time(&span.to)?.unwrap_or(u64::MAX))
}

fn point(text: &str) -> Result<u64> {
    parse_utc(text).with_context(|| format!("{text:?} is no time such as 2026-11-23T04:00:00Z"))
}

/// The record from the page on that holds a point in time, from the running daemon or from its journal.
fn record(source: &Source, at_ms: Option<u64>) -> Result<Vec<Item>> {
    let decoded = |(number, text): (u64, String)| {
        let reason =
            || format!("line {number} of the keepers' record is of another version of tim3d: begin later, with --from");
        serde_json::from_str(&text).with_context(reason)
    };
    texts(source, at_ms)?.into_iter().map(decoded).collect()
}

/// All of the record that this version can read.
fn readable(source: &Source) -> Result<Vec<Item>> {
    let texts = texts(source, None)?;
    let items: Vec<Item> = texts.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
    let unread = texts.len().saturating_sub(items.len());
    if unread != 0 {
        output::note(&format!("{unread} lines of the record are of another version of tim3d, and were left out"));
    }
    Ok(items)
}

fn texts(source: &Source, at_ms: Option<u64>) -> Result<Vec<(u64, String)>> {
    let mut texts = Vec::new();
    let mut query = RecordQuery { from: None, at_ms: at_ms.or(Some(0)), limit: MAX_PAGE };
    loop {
        let page: KeeperRecordView =
            source.ask("/api/v1/keeper/record", &query, |books| books.keeper_record(&query))?;
        let Some((last, _)) = page.lines.last() else { return Ok(texts) };
        query = RecordQuery { from: Some(last.saturating_add(1)), at_ms: None, limit: MAX_PAGE };
        texts.extend(page.lines);
    }
}

fn set_pause(global: &Global, switch: &KeeperSwitch, verb: &str) -> Result<()> {
    let source = Source::new(global, &switch.query.api)?;
    let view: KeeperView = block_on(source.api().post(&format!("/api/v1/keeper/{verb}"), &switch.reason))?;
    if switch.query.json {
        return output::json(&view);
    }
    output::text(if view.paused { "the keepers are paused" } else { "the keepers go on" })
}

fn status(view: &KeeperView) -> String {
    let mut about = Table::pairs();
    let state = if view.paused { format!("{}, paused", view.mode) } else { view.mode.clone() };
    about.row(["mode".into(), state]);
    for (mode, result) in &view.results {
        about.row([format!("result {mode}"), format!("{result} USD")]);
    }
    about.row(["today".into(), format!("{} USD", view.today)]);
    about.row(["entries".into(), view.entries.to_string()]);
    about.row(["lost".into(), view.lost.to_string()]);
    for (rule, count) in &view.missed {
        about.row(["missed".into(), format!("{count} because of {rule}")]);
    }
    for trade in &view.open_trades {
        about.row([
            "open trade".into(),
            format!("decision {} since {}: {}", trade.decision, utc(trade.since_ms), trade.summary),
        ]);
    }
    for (decision, subject) in &view.in_flight {
        about.row(["in flight".into(), format!("decision {decision}: {subject}")]);
    }
    for wait in &view.waiting {
        about.row(["waits".into(), format!("{} until {}: {}", wait.subject, utc(wait.until_ms), wait.reason)]);
    }
    for problem in &view.problems {
        about.row(["problem".into(), format!("{}: {}", problem.subject, problem.reason)]);
    }
    let mut markets = Table::new(&["MARKET", "CHAIN", "PRICE", "VERDICT", "POSITIONS", "LIQUIDATABLE", "UNKNOWN"]);
    for market in &view.markets {
        markets.row([
            market.name.clone(),
            market.chain.clone(),
            market.price.clone().unwrap_or_default(),
            market.verdict.clone(),
            market.positions.to_string(),
            market.liquidatable.to_string(),
            market.unknown.to_string(),
        ]);
    }
    let mut venues = Table::new(&["VENUE", "CHAIN", "PRICE", "HOLDS"]);
    for venue in &view.venues {
        let holds = venue.holds.iter().map(|(asset, amount)| format!("{amount} {asset}")).collect::<Vec<_>>();
        venues.row([
            venue.name.clone(),
            venue.chain.clone(),
            venue.price.clone().unwrap_or_default(),
            holds.join(", "),
        ]);
    }
    format!("{}\n{}\n{}", about.render(), markets.render(), venues.render())
}

fn show_ladder(global: &Global, args: &LadderArgs) -> Result<()> {
    let source = Source::new(global, &args.query.api)?;
    // The page that the record ends with.
    let lines: Vec<Line> = lines_of(record(&source, Some(u64::MAX))?).collect();
    let (keeper, _) = restore(&lines)?;
    let keeper = keeper.context(NO_RECORD)?;
    let names = ladder::Names(source.config());
    let limit = usize::try_from(args.limit)?;
    let ladders = ladder::ladders(&keeper, args.market.as_deref(), &args.what_if, limit, &names)?;
    if args.query.json { output::json(&ladders) } else { output::text(&ladders.render()?) }
}

/// What the core was told and decided.
fn lines_of(items: Vec<Item>) -> impl Iterator<Item = Line> {
    items.into_iter().filter_map(|item| match item {
        Item::Line(line) => Some(*line),
        Item::Sent(_) => None,
    })
}

fn ledger(source: &Source, range: &RangeInclusive<u64>, as_json: bool) -> Result<()> {
    let mut text = String::new();
    if !as_json {
        text.push_str(Entry::CSV_HEADER);
        text.push('\n');
    }
    let mut query = LedgerQuery { from: 0, limit: MAX_PAGE };
    loop {
        let page: KeeperLedgerView =
            source.ask("/api/v1/keeper/ledger", &query, |books| books.keeper_ledger(&query))?;
        let Some((last, _)) = page.entries.last() else { break };
        query.from = last.saturating_add(1);
        for (number, line) in &page.entries {
            let entry: Entry =
                serde_json::from_str(line).with_context(|| format!("entry {number} of the keepers' ledger"))?;
            if range.contains(&entry.at_ms) {
                text.push_str(&if as_json { line.clone() } else { entry.csv() });
                text.push('\n');
            }
        }
    }
    // Nothing is no line.
    if text.is_empty() { Ok(()) } else { output::text(&text) }
}

fn explain(items: &[Item], decision: u64, as_json: bool) -> Result<()> {
    let is_its = |item: &&Item| match item {
        Item::Sent(sent) => sent.decision == decision,
        Item::Line(line) => match line.as_ref() {
            Line::Decision(one) => one.number == decision,
            Line::Entry(entry) => entry.decision == decision,
            Line::Input(input) => {
                matches!(&input.input, tim3_keeper::Input::Outcome { decision: one, .. } if *one == decision)
            }
            Line::Header { .. } => false,
        },
    };
    let found: Vec<&Item> = items.iter().filter(is_its).collect();
    if found.is_empty() {
        let hint = "see `tim3d keeper status`, or keep the record for longer with keeper.keep_record".to_owned();
        return Err(ControlError::NotFound { what: "decision", name: decision.to_string(), hint }.into());
    }
    if as_json {
        return output::json(&found);
    }
    let lines: Vec<String> = found.into_iter().filter_map(line_view).collect();
    output::text(&lines.join("\n"))
}

fn replay(
    global: &Global,
    items: Vec<Item>,
    range: &RangeInclusive<u64>,
    with: Option<std::path::PathBuf>,
    as_json: bool,
) -> Result<()> {
    let lines: Vec<Line> =
        lines_of(items).take_while(|line| !matches!(line, Line::Input(input) if input.at_ms > *range.end())).collect();
    let Some(Line::Header { config, .. }) = lines.first() else { bail!(NO_RECORD) };
    let other = with.map(|file| other(global, file, config)).transpose()?;
    let times: BTreeMap<u64, u64> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Input(input) => Some((input.sequence, input.at_ms)),
            _ => None,
        })
        .collect();
    let mut report = tim3_keeper::replay(&lines, other.as_ref())?;
    report.differences.retain(|it| times.get(&it.input).is_none_or(|at| range.contains(at)));
    let count = report.differences.len();
    if as_json {
        let differences: Vec<_> = report
            .differences
            .iter()
            .map(|it| serde_json::json!({"input": it.input, "recorded": it.recorded.decisions, "replayed": it.replayed.decisions}))
            .collect();
        output::json(&serde_json::json!({
            "inputs": report.inputs, "decisions": report.decisions, "differences": differences,
            "assumed": report.assumed, "result": {"recorded": results(&report.recorded), "replayed": results(&report.replayed)},
        }))?;
    } else {
        let mut text = format!(
            "{} inputs, {} decisions, {count} inputs that lead to something else\n",
            report.inputs, report.decisions
        );
        if other.is_some() {
            let assumed = report.assumed;
            text.push_str(&format!(
                "{assumed} actions that the record has no fitting outcome of; taken to go as quoted\n"
            ));
        }
        for (word, sums) in [("recorded", &report.recorded), ("replayed", &report.replayed)] {
            for (mode, result) in results(sums) {
                text.push_str(&format!("{word}: {mode} came to {result} USD\n"));
            }
        }
        for difference in &report.differences {
            for (word, step) in [("recorded", &difference.recorded), ("replayed", &difference.replayed)] {
                for decision in &step.decisions {
                    text.push_str(&format!("input {}, {word}: {decision}\n", difference.input));
                }
            }
        }
        output::text(&text)?;
    }
    match (count, other) {
        (0, _) | (_, Some(_)) => Ok(()),
        _ => {
            Err(Verdict("the record does not replay to its own decisions: another program wrote it".to_owned()).into())
        }
    }
}

/// Results in US dollars, by mode.
fn results(sums: &BTreeMap<Mode, i128>) -> BTreeMap<String, String> {
    sums.iter().map(|(mode, result)| (mode.to_string(), output::usd(*result))).collect()
}

/// The keepers' configuration with a further file laid over those of the command line. Terms of markets and decimals of tokens are those of the record:
/// nothing is asked.
fn other(global: &Global, file: std::path::PathBuf, recorded: &Config) -> Result<Config> {
    let mut inputs = inputs(global);
    inputs.files.push(file);
    let config = super::load_from(&inputs)?.config;
    let keeper = config.keeper.as_ref().context("there is no section [keeper] in this configuration")?;
    let terms = recorded.markets.iter().map(|(name, market)| (name.clone(), (market.terms, market.target)));
    let decimals = recorded.assets.iter().map(|(symbol, asset)| (symbol.clone(), asset.decimals));
    assemble(&config, keeper, &Learned { terms: terms.collect(), decimals: decimals.collect() })
}
