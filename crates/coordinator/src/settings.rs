//! What the daemon is told to do, already checked: the binary makes it from configuration.

use std::{collections::BTreeMap, time::Duration};

use tim3_domain::identity::AssetId;

/// Everything the daemon needs beside its chains, attesters and journal.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One entry a synthetic.
    pub assets: Vec<AssetSettings>,
    /// One entry a chain, in the order of the chains handed to the daemon.
    pub chains: Vec<ChainSettings>,
    /// Symbols of the collaterals, for logs and audits.
    pub collaterals: BTreeMap<AssetId, String>,
    /// How long a start waits for chains that do not answer.
    pub start_patience: Duration,
    /// Pause between two audits.
    pub audit_interval: Duration,
}

/// What is told about one synthetic.
#[derive(Clone, Debug)]
pub struct AssetSettings {
    /// Its identity.
    pub asset: AssetId,
    /// Its symbol: label of metrics and logs.
    pub symbol: String,
    /// Gross amount from which an operation waits for an operator, if any.
    pub value_hold: Option<u128>,
    /// Rolling limit over all routes of the daemon, if any.
    pub limit: Option<RollingLimit>,
    /// Age in seconds, by the destination's final clock, from which an operation is voided instead of delivered.
    pub t_max: u64,
}

/// At most `amount` in `period` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingLimit {
    /// Gross amount.
    pub amount: u128,
    /// Seconds in which an empty allowance becomes full.
    pub period: u64,
}

/// What is told about one chain.
#[derive(Clone, Debug)]
pub struct ChainSettings {
    /// Whether positions of other chains are mirrored here.
    pub mirror: bool,
    /// Shortest pause between two mirrors of one position.
    pub mirror_interval: Duration,
    /// How long a transaction may stay out of a block before its fate is asked for and its fee raised.
    pub escalate_after: Duration,
    /// How long a payout may wait for its token before it is looked for in the token's history, and sent again where that does not have it.
    /// For chains where paying is a message to another process.
    pub resend_after: Option<Duration>,
}

impl Default for ChainSettings {
    fn default() -> Self {
        Self {
            mirror: true,
            mirror_interval: Duration::from_secs(5),
            escalate_after: Duration::from_secs(30),
            resend_after: None,
        }
    }
}
