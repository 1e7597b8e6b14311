//! One anvil process: found, started, watched until it answers, and ended with its owner.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy::providers::{Provider as _, ProviderBuilder, RootProvider};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::MutexGuard, time::timeout};
use url::Url;

use crate::{
    miner::Miner,
    process::{Output, cache, on_path},
};

/// How long anvil may take to answer; it takes a tenth of a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// One after each interval, with or without transactions.
    Every(Duration),
    /// One for each transaction, at once. Finality moves only with further transactions.
    Auto,
}

/// What an anvil is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnvilOptions {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// When blocks are made.
    pub mining: Mining,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// `safe` is this many blocks below the head, `finalized` twice as many.
    pub slots_in_an_epoch: u64,
}

/// A running anvil. Dropping it ends the process.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    url: Url,
    output: Output,
    /// With [`Mining::Every`].
    miner: Option<Miner>,
    /// Where it keeps the states of old blocks; it leaves them behind when it is killed.
    _states: TempDir,
}

impl Anvil {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// Says what is missing where there is no anvil, and what anvil wrote where it ends or does not answer.
    pub async fn start(options: &AnvilOptions) -> Result<Self> {
        let program = find()?;
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let states = tempfile::Builder::new().prefix("tim3-anvil").tempdir().context("cannot make a directory")?;
        let mut command = Command::new(&program);
        command
            .args(arguments(options))
            .arg("--cache-path")
            .arg(states.path())
            .stdin(Stdio::null())
            .stderr(writer.try_clone().context("cannot share a pipe")?)
            .stdout(writer);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        // It holds the writing ends, which would keep the pipe open after the process.
        drop(command);
        let output = Output::default();
        let listening = output.drain(reader, announced);
        // From here on, every way out ends the process.
        let mut anvil = Self { child, url: local(options.port)?, output, miner: None, _states: states };
        match timeout(PATIENCE, listening).await {
            Ok(Ok(port)) => anvil.url = local(port)?,
            Ok(Err(_)) => bail!("anvil for chain {} ended: {}", options.chain_id, anvil.output.explain()),
            Err(_) => bail!("anvil for chain {} did not listen within {PATIENCE:?}", options.chain_id),
        }
        if let Mining::Every(interval) = options.mining {
            anvil.miner = Some(Miner::start(&anvil.url, interval)?);
        }
        Ok(anvil)
    }

    /// Takes the newest `depth` blocks away, with their transactions, and makes as many empty ones.
    ///
    /// # Errors
    /// What the node says.
    pub async fn reorg(&self, depth: u64) -> Result<()> {
        let _held = self.hold().await;
        let provider: RootProvider = ProviderBuilder::default().connect_http(self.url.clone());
        let _: Value = provider.raw_request("anvil_reorg".into(), (depth, Vec::<Value>::new())).await?;
        Ok(())
    }

    /// No block is made at the interval for as long as what this gives is held.
    pub async fn hold(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.miner {
            Some(miner) => Some(miner.hold().await),
            None => None,
        }
    }

    /// Where it answers JSON-RPC over HTTP.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where it answers over websocket: the same port.
    #[must_use]
    pub fn websocket(&self) -> Url {
        let mut url = self.url.clone();
        // An http URL always takes this scheme.
        let _ = url.set_scheme("ws");
        url
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended, with its last words.
    ///
    /// # Errors
    /// See above.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot ask for the state of anvil")? {
            None => Ok(()),
            Some(status) => bail!("anvil at {} ended ({status}): {}", self.url, self.output.explain()),
        }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port in `Listening on 127.0.0.1:8545`.
fn announced(line: &str) -> Option<u16> {
    line.trim().strip_prefix("Listening on ")?.rsplit_once(':')?.1.parse().ok()
}

fn local(port: u16) -> Result<Url> {
    Ok(Url::parse(&format!("http://127.0.0.1:{port}"))?)
}

fn arguments(options: &AnvilOptions) -> Vec<String> {
    let mut arguments = vec![
        format!("--port={}", options.port),
        format!("--chain-id={}", options.chain_id),
        format!("--gas-limit={}", options.gas_limit),
        format!("--slots-in-an-epoch={}", options.slots_in_an_epoch),
        // Accounts have names of their own, and the node sends for whoever it is asked to.
        "--accounts=1".to_owned(),
        "--auto-impersonate".to_owned(),
    ];
    match options.mining {
        Mining::Every(_) => arguments.push("--no-mining".to_owned()),
        Mining::Auto => {}
    }
    arguments
}

/// The anvil on PATH, or the one that tests/setup.sh installed.
///
/// # Errors
/// Where there is none.
pub fn find() -> Result<PathBuf> {
    if let Some(found) = on_path("anvil") {
        return Ok(found);
    }
    cache()
        .and_then(|cache| installed(&cache.join("env.sh")))
        .context("anvil is not installed: run tests/setup.sh --only ethereum, or put anvil on PATH")
}

/// The anvil that `env.sh` puts on PATH.
fn installed(env: &Path) -> Option<PathBuf> {
    let output = Command::new("sh").args(["-c", ". \"$1\" && command -v anvil", "sh"]).arg(env).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_off_the_line_that_announces_it() {
        assert_eq!(announced("Listening on 127.0.0.1:35097"), Some(35097));
        assert_eq!(announced("2026-11-22T16:13:12Z  INFO node::user: eth_getBlockByNumber"), None);
        assert_eq!(announced("Listening on "), None);
    }
}
