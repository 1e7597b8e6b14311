//! What the API answers with.
//!
//! Amounts are decimal strings of canonical base units ([`Units`]) and carry their decimals beside them. Accounts are CAIP-10, chains CAIP-2 beside the short
//! configured name. Times with `_ms` are milliseconds since 1970 by the daemon's clock, the others are seconds by the chain's.

mod audit;
mod chain;
mod event;
mod keeper;
mod operation;
mod position;
mod reload;
mod status;
mod units;
mod v1;

pub use audit::{AnchorView, AssetAudit, AuditView, CheckView};
pub use chain::{BlockView, ChainView, EndpointView, SubmitterView};
pub use event::{EventBody, EventView};
pub use keeper::{
    KeeperLedgerView, KeeperMarketView, KeeperRecordView, KeeperTradeView, KeeperVenueView, KeeperView, KeeperWaitView,
};
pub use operation::{EntryView, OperationView, PlaceView, TimelineView};
pub use position::{MirrorView, PositionView};
pub use reload::{ChangeView, ReloadView};
pub use status::{AssetView, ReadinessView, ReasonView, StatusView};
pub use units::{SignedUnits, Units};
pub use v1::{V1Books, V1OperationView, V1View};

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
