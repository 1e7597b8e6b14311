//! What the operating system is told about this process before it holds a secret.

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// From now on nothing of this process's memory ends in a core dump, and no other process of its user can look into it.
///
/// # Errors
/// What the operating system says, with what is refused.
pub(crate) fn keep_to_itself() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if getrlimit(Resource::Core) != none {
        setrlimit(Resource::Core, none).context("cannot forbid core dumps")?;
    }
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .context("cannot forbid others to look into this process")?;
    Ok(())
}
