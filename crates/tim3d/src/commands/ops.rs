//! `tim3d ops`, `pause` and `resume`.

use anyhow::Result;
use tim3_api::{
    OperationQuery, OperatorAction,
    view::{AssetView, OperationView, Page, TimelineView, V1OperationView},
};
use tim3_domain::clock::utc;

use super::{
    block_on,
    query::{Source, more, pages},
};
use crate::{
    cli::{Decision, Global, OpsCommand, Query, Switch},
    output::{self, Table},
};

pub(super) fn dispatch(global: &Global, command: OpsCommand) -> Result<()> {
    match command {
        OpsCommand::List { phase, open, asset, chain, page, query } => {
            let source = Source::new(global, &query.api)?;
            let operations = pages(page.limit, |limit, before| {
                let before = before.map(|id| id.parse()).transpose()?;
                let (phase, asset, chain) = (phase.clone(), asset.clone(), chain.clone());
                let query = OperationQuery { phase, open, asset, chain, before, limit };
                source.ask("/api/v1/operations", &query, |books| books.operations(&query))
            })?;
            list(&operations, query.json)
        }
        OpsCommand::Show { id, query } => {
            let source = Source::new(global, &query.api)?;
            let operation = source.ask(&format!("/api/v1/operations/{id}"), &(), |books| books.operation(id))?;
            show(&operation, &query)
        }
        OpsCommand::Explain { id, query } => {
            let source = Source::new(global, &query.api)?;
            let story = source.ask(&format!("/api/v1/operations/{id}/explain"), &(), |books| books.explain(id))?;
            explain(&story, &query)
        }
        OpsCommand::V1 { chain, open, query } => {
            let source = Source::new(global, &query.api)?;
            let path = format!("/api/v1/chains/{chain}/v1");
            let mut operations: Vec<V1OperationView> = block_on(source.api().get(&path, &()))?.required()?;
            operations.retain(|operation| !open || operation.state == "open");
            v1(&operations, query.json)
        }
        OpsCommand::Retry(decision) => decide(global, &decision, OperatorAction::Retry),
        OpsCommand::Approve(decision) => decide(global, &decision, OperatorAction::Approve),
        OpsCommand::Void(decision) => decide(global, &decision, OperatorAction::Void),
        OpsCommand::Conflict(decision) => decide(global, &decision, OperatorAction::Conflict),
    }
}

fn v1(operations: &[V1OperationView], as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&operations);
    }
    let mut table = Table::new(&["KIND", "STATE", "AMOUNT", "SINCE", "PURPOSE", "REASON"]);
    for operation in operations {
        let stranded = if operation.stranded { " (stranded)" } else { "" };
        table.row([
            operation.kind.clone(),
            format!("{}{stranded}", operation.state),
            operation.amount.clone().unwrap_or_else(|| "–".to_owned()),
            utc(operation.since_ms),
            operation.purpose.clone(),
            operation.reason.clone().unwrap_or_default(),
        ]);
    }
    output::text(&table.render())
}

fn list(operations: &Page<OperationView>, as_json: bool) -> Result<()> {
    if as_json {
        return output::json(operations);
    }
    let mut table = Table::new(&["ID", "KIND", "PHASE", "AMOUNT", "ROUTE", "UPDATED", "REASON"]);
    for operation in &operations.items {
        table.row([
            operation.id.clone(),
            operation.kind.clone(),
            operation.phase.clone(),
            amount(operation),
            route(operation),
            utc(operation.updated_ms),
            operation.reason.clone().unwrap_or_default(),
        ]);
    }
    output::text(&table.render())?;
    more(operations.next.is_some());
    Ok(())
}

fn amount(operation: &OperationView) -> String {
    format!("{} {}", operation.amount.display(operation.decimals), operation.asset)
}

fn route(operation: &OperationView) -> String {
    format!("{} → {}", operation.origin.chain, operation.destination)
}

fn show(operation: &OperationView, query: &Query) -> Result<()> {
    if query.json { output::json(operation) } else { output::text(&operation_text(operation)) }
}

fn operation_text(operation: &OperationView) -> String {
    let mut table = Table::pairs();
    let place = |place: &tim3_api::view::PlaceView| {
        format!("{} block {}, transaction {}", place.chain, place.block.height, place.transaction)
    };
    table.row(["operation".into(), operation.id.clone()]);
    table.row(["kind".into(), format!("{}, {} #{}", operation.kind, route(operation), operation.nonce)]);
    table.row(["amount".into(), format!("{} (fee {})", amount(operation), operation.fee.display(operation.decimals))]);
    let step = operation.step.as_ref().map_or_else(String::new, |step| format!(", its order is {}", stands(step)));
    table.row(["phase".into(), format!("{}{step}", operation.phase)]);
    for (name, value) in [("reason", &operation.reason), ("market", &operation.market), ("owner", &operation.owner)] {
        if let Some(value) = value {
            table.row([name.into(), value.clone()]);
        }
    }
    table.row(["from".into(), operation.actor.clone()]);
    table.row(["to".into(), operation.recipient.clone()]);
    table.row(["refund to".into(), operation.refund_to.clone()]);
    table.row(["began".into(), place(&operation.origin)]);
    if let Some(outcome) = &operation.outcome {
        table.row(["outcome".into(), place(outcome)]);
    }
    if operation.attempts > 0 {
        table.row(["refused".into(), format!("{} times in a row", operation.attempts)]);
    }
    table.row(["updated".into(), utc(operation.updated_ms)]);
    if !operation.actions.is_empty() {
        table.row(["possible".into(), operation.actions.join(", ")]);
    }
    table.render()
}

/// How far an order is, in words.
fn stands(step: &str) -> &str {
    match step {
        "signing" => "waiting for signatures",
        "authorized" => "signed and waiting for a transaction",
        "submitted" => "in a transaction that is not included yet",
        other => other,
    }
}

fn explain(story: &TimelineView, query: &Query) -> Result<()> {
    if query.json {
        return output::json(story);
    }
    let mut table = Table::new(&["WHEN", "AFTER", "PHASE", "CHAIN", "BLOCK", "WHAT"]);
    let mut before = None;
    for entry in &story.entries {
        let waited = before.replace(entry.at_ms).map(|before: u64| entry.at_ms.saturating_sub(before));
        let what = match &entry.transaction {
            Some(transaction) => format!("{} (transaction {transaction})", entry.what),
            None => entry.what.clone(),
        };
        table.row([
            utc(entry.at_ms),
            waited.map_or_else(String::new, |ms| format!("+{}.{:03}s", ms / 1_000, ms % 1_000)),
            entry.phase.clone(),
            entry.chain.clone().unwrap_or_default(),
            entry.block.as_ref().map_or_else(String::new, |block| block.height.to_string()),
            what,
        ]);
    }
    let waits = story.waits_for.as_ref().map_or_else(|| "it ended".to_owned(), |what| format!("it waits for {what}"));
    output::text(&format!("{}\n{}\n{waits}\n", operation_text(&story.operation), table.render()))
}

fn decide(global: &Global, decision: &Decision, action: OperatorAction) -> Result<()> {
    let source = Source::new(global, &decision.query.api)?;
    let path = format!("/api/v1/operations/{}/{}", decision.id, action.name());
    let operation: OperationView = block_on(source.api().post(&path, &decision.reason))?;
    show(&operation, &decision.query)
}

pub(super) fn pause(global: &Global, switch: &Switch, paused: bool) -> Result<()> {
    let source = Source::new(global, &switch.query.api)?;
    let path = format!("/api/v1/assets/{}/{}", switch.asset, if paused { "pause" } else { "resume" });
    let asset: AssetView = block_on(source.api().post(&path, &switch.reason))?;
    if switch.query.json {
        return output::json(&asset);
    }
    let state = asset.halted.map_or_else(|| "signing".to_owned(), |why| format!("stopped: {why}"));
    output::text(&format!("{}: {state}", asset.symbol))
}
