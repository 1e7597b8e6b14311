//! Taking up a changed configuration.

use serde::{Deserialize, Serialize};

/// `POST /api/v1/config/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// Hash of the configuration that is in force now.
    pub hash: String,
    /// Every key whose value on disk differs from what was in force.
    pub changes: Vec<ChangeView>,
}

/// A key that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    /// Path of the key.
    pub key: String,
    /// What was in force, as `tim3d config show` prints it; absent where it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is on disk; absent where it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether it is in force now; otherwise it waits for a restart.
    pub applied: bool,
}
