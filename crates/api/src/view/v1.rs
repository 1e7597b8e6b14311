//! V1 processes on AO that the daemon has adopted.

use serde::{Deserialize, Serialize};

use super::EndpointView;

/// The V1 processes of one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct V1View {
    /// Configured name.
    pub name: String,
    /// The process that users speak with.
    pub coordinator: String,
    /// The daemon's wallet, which stands in the managers' slots.
    pub daemon: String,
    /// Why everything is stopped, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    /// When everything new was last read and done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_ms: Option<u64>,
    /// What went wrong last, while it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Operations that have not ended.
    pub open: u64,
    /// Operations that completed.
    pub completed: u64,
    /// The books as they were read last while nothing was on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub books: Option<V1Books>,
    /// What somebody should know.
    pub findings: Vec<String>,
    /// The units that are asked.
    pub endpoints: Vec<EndpointView>,
}

/// What the processes' books say of the same thing, in their own decimals: A = B = C and D = E = F.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct V1Books {
    /// A: the Token Manager's supply.
    pub supply: String,
    /// B: the sum of its balances.
    pub balances: String,
    /// C: the Coordinator's tokens minted.
    pub minted: String,
    /// D: the Coordinator's collateral.
    pub collateral: String,
    /// E: what the Lock Manager's locks hold.
    pub locks: String,
    /// F: what the collateral token has locked.
    pub held: String,
}

/// A mint or burn through V1 processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct V1OperationView {
    /// Its name in all processes.
    pub purpose: String,
    /// `mint` or `burn`.
    pub kind: String,
    /// Whose.
    pub user: String,
    /// How much, in the processes' own decimals, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// Whether it was found stranded.
    pub stranded: bool,
    /// `open`, `completed`, `refused`, `cancelled` or `unbooked`.
    pub state: String,
    /// What an open one waits for, or why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since_ms: u64,
}
