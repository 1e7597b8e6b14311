//! One function a path.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tim3_domain::identity::OperationId;

use crate::{
    LedgerQuery, OperationQuery, OperatorAction, PositionQuery, RecordQuery,
    control::MAX_PAGE,
    error::Failure,
    server::Shared,
    view::{
        AnchorView, AssetView, AuditView, ChainView, KeeperLedgerView, KeeperRecordView, KeeperView, OperationView,
        Page, PositionView, ReloadView, StatusView, TimelineView, V1OperationView,
    },
};

/// Why an operator does something; kept in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In words, 1 to 500 characters on one line.
    pub reason: String,
}

type Answer<T> = Result<Json<T>, Failure>;

pub(crate) async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "alive": true }))
}

pub(crate) async fn readyz(State(shared): State<Shared>) -> Response {
    let readiness = shared.control.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (shared.metrics)()).into_response()
}

pub(crate) async fn status(State(shared): State<Shared>) -> Answer<StatusView> {
    Ok(Json(shared.control.status().await?))
}

pub(crate) async fn chains(State(shared): State<Shared>) -> Answer<Vec<ChainView>> {
    Ok(Json(shared.control.chains().await?))
}

pub(crate) async fn operations(
    State(shared): State<Shared>,
    query: Result<Query<OperationQuery>, QueryRejection>,
) -> Answer<Page<OperationView>> {
    let Query(query) = query.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    page_size(query.limit)?;
    Ok(Json(shared.control.operations(&query).await?))
}

pub(crate) async fn operation(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<OperationView> {
    Ok(Json(shared.control.operation(operation_id(&id)?).await?))
}

pub(crate) async fn explain(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<TimelineView> {
    Ok(Json(shared.control.explain(operation_id(&id)?).await?))
}

pub(crate) async fn positions(
    State(shared): State<Shared>,
    query: Result<Query<PositionQuery>, QueryRejection>,
) -> Answer<Page<PositionView>> {
    let Query(query) = query.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    page_size(query.limit)?;
    Ok(Json(shared.control.positions(&query).await?))
}

pub(crate) async fn audit(State(shared): State<Shared>) -> Answer<AuditView> {
    Ok(Json(shared.control.audit().await?))
}

pub(crate) async fn anchor(State(shared): State<Shared>, Path(period): Path<String>) -> Answer<AnchorView> {
    let period =
        period.parse().map_err(|_| Failure::invalid("a period is the milliseconds since 1970 at which it begins"))?;
    Ok(Json(shared.control.anchor(period).await?))
}

pub(crate) async fn v1_operations(
    State(shared): State<Shared>,
    Path(chain): Path<String>,
) -> Answer<Vec<V1OperationView>> {
    Ok(Json(shared.control.v1_operations(&chain).await?))
}

pub(crate) async fn retry(shared: State<Shared>, id: Path<String>, body: Body) -> Answer<OperationView> {
    act(shared, id, OperatorAction::Retry, body).await
}

pub(crate) async fn approve(shared: State<Shared>, id: Path<String>, body: Body) -> Answer<OperationView> {
    act(shared, id, OperatorAction::Approve, body).await
}

pub(crate) async fn void(shared: State<Shared>, id: Path<String>, body: Body) -> Answer<OperationView> {
    act(shared, id, OperatorAction::Void, body).await
}

pub(crate) async fn conflict(shared: State<Shared>, id: Path<String>, body: Body) -> Answer<OperationView> {
    act(shared, id, OperatorAction::Conflict, body).await
}

pub(crate) async fn pause(shared: State<Shared>, symbol: Path<String>, body: Body) -> Answer<AssetView> {
    set_pause(shared, symbol, true, body).await
}

pub(crate) async fn resume(shared: State<Shared>, symbol: Path<String>, body: Body) -> Answer<AssetView> {
    set_pause(shared, symbol, false, body).await
}

pub(crate) async fn reload(State(shared): State<Shared>, body: Body) -> Answer<ReloadView> {
    let reason = reason(body)?;
    tracing::info!(reason, "operator reload");
    Ok(Json(shared.control.reload().await?))
}

pub(crate) async fn keeper(State(shared): State<Shared>) -> Answer<KeeperView> {
    Ok(Json(shared.control.keeper().await?))
}

pub(crate) async fn keeper_ledger(
    State(shared): State<Shared>,
    query: Result<Query<LedgerQuery>, QueryRejection>,
) -> Answer<KeeperLedgerView> {
    let Query(query) = query.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    page_size(query.limit)?;
    Ok(Json(shared.control.keeper_ledger(&query).await?))
}

pub(crate) async fn keeper_record(
    State(shared): State<Shared>,
    query: Result<Query<RecordQuery>, QueryRejection>,
) -> Answer<KeeperRecordView> {
    let Query(query) = query.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    page_size(query.limit)?;
    Ok(Json(shared.control.keeper_record(&query).await?))
}

pub(crate) async fn keeper_pause(shared: State<Shared>, body: Body) -> Answer<KeeperView> {
    set_keeper_pause(shared, true, body).await
}

pub(crate) async fn keeper_resume(shared: State<Shared>, body: Body) -> Answer<KeeperView> {
    set_keeper_pause(shared, false, body).await
}

async fn set_keeper_pause(State(shared): State<Shared>, paused: bool, body: Body) -> Answer<KeeperView> {
    let reason = reason(body)?;
    tracing::info!(paused, reason, "operator pause of the keepers");
    Ok(Json(shared.control.pause_keeper(paused, &reason).await?))
}

type Body = Result<Json<Reason>, JsonRejection>;

async fn act(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    action: OperatorAction,
    body: Body,
) -> Answer<OperationView> {
    let (id, reason) = (operation_id(&id)?, reason(body)?);
    tracing::info!(operation = %id, action = action.name(), reason, "operator action");
    Ok(Json(shared.control.act(id, action, &reason).await?))
}

async fn set_pause(
    State(shared): State<Shared>,
    Path(symbol): Path<String>,
    paused: bool,
    body: Body,
) -> Answer<AssetView> {
    let reason = reason(body)?;
    tracing::info!(asset = symbol, paused, reason, "operator pause");
    Ok(Json(shared.control.pause(&symbol, paused, &reason).await?))
}

fn operation_id(text: &str) -> Result<OperationId, Failure> {
    text.parse().map_err(|error| Failure::invalid(format!("operation id: {error}")))
}

fn page_size(limit: usize) -> Result<(), Failure> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(Failure::invalid(format!("limit is {limit}, expected 1 to {MAX_PAGE}; ask for further pages with `next`")))
}

fn reason(body: Body) -> Result<String, Failure> {
    let Json(Reason { reason }) = body.map_err(|rejection| match rejection.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => Failure::new(status, "too_large", rejection.body_text()),
        _ => Failure::invalid(format!("expected a body such as {{\"reason\": \"…\"}}: {}", rejection.body_text())),
    })?;
    let reason = reason.trim();
    // Reasons end up in logs, one line each.
    if reason.is_empty() || reason.chars().count() > 500 || reason.chars().any(char::is_control) {
        return Err(Failure::invalid("reason must be 1 to 500 characters on one line"));
    }
    Ok(reason.to_owned())
}
