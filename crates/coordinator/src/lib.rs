//! The daemon's inside: from what chains state to what is signed and sent.
//!
//! ```text
//! chain ─▶ watcher ─▶ coordinator (per asset) ─▶ attesters ─▶ submitter (per chain) ─▶ chain
//!             │            │ journal                              │
//!             ├─▶ mirrors ─┼──────────────────────────────────────┤
//!             └────────────┴──────▶ bus ◀── auditor ◀─────────────┘
//! ```
//!
//! Decisions are pure and live in [`operations`] (what becomes of each operation), [`admission`] (limits and holds), [`audit`] (conservation), [`report`] (what is said of it in public),
//! `watcher::follow` (reorgs and gaps) and `submitter::queue` (batching). Around each is a thin asynchronous shell. [`Daemon`] wires the
//! shells and owns their tasks; [`Handle`] is what an operator's surface talks to.
//!
//! What does not live here: configuration files, HTTP, any chain's own ideas, and the keepers.

pub mod admission;
pub mod attestation;
pub mod attester;
pub mod audit;
pub mod auditor;
pub mod board;
pub mod bus;
pub mod coordinator;
pub mod daemon;
pub mod error;
pub mod handle;
pub mod mirror;
pub mod news;
pub mod operations;
mod outbox;
mod patience;
pub mod payouts;
pub mod report;
mod router;
pub mod settings;
pub mod submitter;
pub mod watcher;

pub use attester::LocalAttester;
pub use auditor::Guardians;
pub use board::{AssetBoard, AuditBoard, Board, ChainBoard};
pub use bus::{Bus, Notice};
pub use coordinator::Command;
pub use daemon::Daemon;
pub use error::CoordinatorError;
pub use handle::Handle;
pub use patience::patiently;
pub use report::Report;
pub use settings::{AssetSettings, ChainSettings, Settings};
