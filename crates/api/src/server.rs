//! The router, and running it.

use std::{fmt, io, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Access, Control, Limits, access,
    error::Failure,
    events, handlers,
    limits::{self, Slots},
};

/// Gives the metrics in Prometheus' text form.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the API stands in front of.
pub struct Surface {
    /// The daemon.
    pub control: Arc<dyn Control>,
    /// Its metrics.
    pub metrics: Metrics,
    /// Who may do what.
    pub access: Access,
    /// What one client can take.
    pub limits: Limits,
    /// Cancelled when the daemon stops: event streams end.
    pub stop: CancellationToken,
}

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) metrics: Metrics,
    pub(crate) access: Access,
    pub(crate) slots: Arc<Slots>,
    pub(crate) stop: CancellationToken,
}

/// The router of `surface`.
pub fn routes(surface: Surface) -> Router {
    let shared = Shared {
        control: surface.control,
        metrics: surface.metrics,
        access: surface.access,
        slots: Arc::new(Slots::new(&surface.limits)),
        stop: surface.stop,
    };
    let guarded = Router::new()
        .route("/metrics", get(handlers::metrics))
        .route("/api/v1/status", get(handlers::status))
        .route("/api/v1/chains", get(handlers::chains))
        .route("/api/v1/chains/{name}/v1", get(handlers::v1_operations))
        .route("/api/v1/operations", get(handlers::operations))
        .route("/api/v1/operations/{id}", get(handlers::operation))
        .route("/api/v1/operations/{id}/explain", get(handlers::explain))
        .route("/api/v1/operations/{id}/retry", post(handlers::retry))
        .route("/api/v1/operations/{id}/approve", post(handlers::approve))
        .route("/api/v1/operations/{id}/void", post(handlers::void))
        .route("/api/v1/operations/{id}/conflict", post(handlers::conflict))
        .route("/api/v1/positions", get(handlers::positions))
        .route("/api/v1/audit", get(handlers::audit))
        .route("/api/v1/anchors/{period}", get(handlers::anchor))
        .route("/api/v1/assets/{symbol}/pause", post(handlers::pause))
        .route("/api/v1/assets/{symbol}/resume", post(handlers::resume))
        .route("/api/v1/keeper", get(handlers::keeper))
        .route("/api/v1/keeper/ledger", get(handlers::keeper_ledger))
        .route("/api/v1/keeper/record", get(handlers::keeper_record))
        .route("/api/v1/keeper/pause", post(handlers::keeper_pause))
        .route("/api/v1/keeper/resume", post(handlers::keeper_resume))
        .route("/api/v1/config/reload", post(handlers::reload))
        .route("/api/v1/events", get(events::stream))
        .route_layer(middleware::from_fn_with_state(shared.clone(), access::guard));
    Router::new()
        .route("/healthz", get(handlers::healthz))
        .route("/readyz", get(handlers::readyz))
        .merge(guarded)
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", "this path does not answer that method")
        })
        .layer(middleware::from_fn_with_state(shared.clone(), limits::bound))
        .layer(DefaultBodyLimit::max(surface.limits.body))
        .with_state(shared)
}

/// Serves `surface` on `listener` until its `stop` is cancelled, then finishes what is being answered.
///
/// # Errors
/// What the operating system says about the listener.
pub async fn serve(listener: TcpListener, surface: Surface) -> io::Result<()> {
    let stop = surface.stop.clone();
    let listener = crate::listener::BoundedListener::new(listener, surface.limits.connections, surface.limits.idle);
    axum::serve(listener, routes(surface)).with_graceful_shutdown(stop.cancelled_owned()).await
}
