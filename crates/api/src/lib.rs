//! The daemon's HTTP surface: health, readiness, metrics, the REST API under `/api/v1`, and events as they happen.
//!
//! Everything it says comes from a [`Control`], which whoever runs the daemon implements; everything it answers with is a type of [`view`], so that
//! the CLI reads what the server writes. [`routes`] makes the router of a [`Surface`], [`serve`] runs it until it is told to stop.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /healthz` | 200 while the process serves |
//! | `GET /readyz` | 200 or 503 with a [`view::ReadinessView`] |
//! | `GET /metrics` | Prometheus text |
//! | `GET /api/v1/status` | [`view::StatusView`] |
//! | `GET /api/v1/chains` | list of [`view::ChainView`] |
//! | `GET /api/v1/chains/{name}/v1` | list of [`view::V1OperationView`], for V1 processes on AO |
//! | `GET /api/v1/operations` | [`view::Page`] of [`view::OperationView`], filtered by [`OperationQuery`] |
//! | `GET /api/v1/operations/{id}` | [`view::OperationView`] |
//! | `GET /api/v1/operations/{id}/explain` | [`view::TimelineView`] |
//! | `POST /api/v1/operations/{id}/{retry,approve,void,conflict}` | [`view::OperationView`]; body [`Reason`] |
//! | `GET /api/v1/positions` | [`view::Page`] of [`view::PositionView`], filtered by [`PositionQuery`] |
//! | `GET /api/v1/audit` | [`view::AuditView`] |
//! | `GET /api/v1/anchors/{period}` | [`view::AnchorView`] |
//! | `POST /api/v1/assets/{symbol}/{pause,resume}` | [`view::AssetView`]; body [`Reason`] |
//! | `GET /api/v1/keeper` | [`view::KeeperView`] |
//! | `GET /api/v1/keeper/ledger?…` | [`view::KeeperLedgerView`]; [`LedgerQuery`] |
//! | `GET /api/v1/keeper/record?…` | [`view::KeeperRecordView`]; [`RecordQuery`] |
//! | `POST /api/v1/keeper/{pause,resume}` | [`view::KeeperView`]; body [`Reason`] |
//! | `POST /api/v1/config/reload` | [`view::ReloadView`]; body [`Reason`] |
//! | `GET /api/v1/events` | server-sent events, each a [`view::EventView`]; not replayed |
//!
//! Whatever is not answered so is an [`ErrorBody`]. `POST` needs the bearer token always, reading only where [`Access`] says so; `/healthz` and
//! `/readyz` never do.
//!
//! What does not live here: any decision about operations, and any knowledge of chains, the journal or configuration.

mod access;
pub mod control;
mod error;
mod events;
mod handlers;
mod limits;
mod listener;
mod server;
pub mod view;

pub use access::Access;
pub use control::{
    Control, ControlError, LedgerQuery, OperationQuery, OperatorAction, PositionQuery, RecordQuery, no_keepers,
};
pub use error::{ErrorBody, ErrorDetail};
pub use handlers::Reason;
pub use limits::Limits;
pub use server::{Metrics, Surface, routes, serve};
