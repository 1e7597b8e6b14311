//! What the daemon tells people and machines about itself: [`Metrics`] (`tim3_*`, in the text format of Prometheus) and [`log`] (tracing to
//! standard error, as text or JSON lines, with a filter that can be changed while it runs).
//!
//! Each metric answers a question that an operator asks, and its help text asks it. Labels take few values: names from the configuration
//! (chains, endpoints, assets; see [`Metrics`] for what bounds them) and words of the program (phases, kinds, classes). Operations are never
//! labels; they are the field `op` of log lines.
//!
//! What does not live here: who serves `/metrics`, and anything that decides.

pub mod error;
pub mod log;
mod metrics;

pub use error::TelemetryError;
pub use log::{LogControl, LogFormat};
pub use metrics::{Metrics, V1Findings, V1Operations};
