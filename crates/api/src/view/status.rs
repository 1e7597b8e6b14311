//! The whole at a glance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ChainView, V1View};

/// `GET /api/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Version of the daemon.
    pub version: String,
    /// When it started.
    pub started_ms: u64,
    /// Whether it works.
    pub readiness: ReadinessView,
    /// Operations that have not ended, by phase.
    pub open: BTreeMap<String, u64>,
    /// The synthetics.
    pub assets: Vec<AssetView>,
    /// The chains.
    pub chains: Vec<ChainView>,
    /// V1 processes on AO.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub v1: Vec<V1View>,
}

/// `GET /readyz`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadinessView {
    /// Whether the daemon does its work now.
    pub ready: bool,
    /// Why not; empty when ready.
    pub reasons: Vec<ReasonView>,
}

impl ReadinessView {
    /// Ready exactly when there is no reason against it.
    #[must_use]
    pub fn from_reasons(reasons: Vec<ReasonView>) -> Self {
        Self { ready: reasons.is_empty(), reasons }
    }
}

/// One reason why the daemon is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonView {
    /// What it is about: a chain, an asset, `daemon`.
    pub subject: String,
    /// What is wrong, in words.
    pub reason: String,
}

/// A synthetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetView {
    /// Its symbol.
    pub symbol: String,
    /// Its identity on every gateway.
    pub id: String,
    /// Why nothing is signed for it, if nothing is: an operator's pause or an audit breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
}
