//! What can go wrong with telemetry, all of it at the start or on an operator's wish.

use thiserror::Error;

/// Telemetry that could not be set up or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TelemetryError {
    /// A filter that does not say what it means.
    #[error("log filter {found:?}: {detail}; expected levels by module, for example info,tim3_ethereum=debug")]
    Filter {
        /// The filter.
        found: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Logging was set up before, or its subscriber is gone.
    #[error("logging cannot be set up or changed: {0}")]
    Log(String),
    /// Two metrics of one name, or a name that Prometheus does not allow.
    #[error("metrics cannot be registered: {0}")]
    Metrics(String),
}
