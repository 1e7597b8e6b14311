//! One local Solana validator: found, started, watched until it makes blocks, restarted from its ledger, and ended with its owner.

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tim3_rpc::{JsonRpc, Request};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::process::{Output, cache, on_path};

const PROGRAM: &str = "solana-test-validator";
/// How long it may take to make its first block; it takes a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long it may take to end after SIGTERM.
const LAST_WILL: Duration = Duration::from_secs(30);
/// RPC, websocket, faucet, gossip, and what the validator takes for its own talk: it wants 25 at least.
const PORTS: u16 = 44;
/// Where ports are looked for: below those that the system gives to whoever asks for any.
const RANGE: Range<u16> = 10_000..32_000;
const ATTEMPTS: usize = 3;

/// What a validator is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorOptions {
    /// Where its ledger is. Made if need be; one that is there is gone on with.
    pub ledger: PathBuf,
    /// Port of JSON-RPC on 127.0.0.1, followed by that of the websocket and those of the rest; 0 takes free ones.
    pub port: u16,
    /// The account that owns all the coins, as base58.
    pub mint: String,
    /// A directory of accounts, as `solana account --output json` writes them, that are in the chain from its first block on.
    pub accounts: Option<PathBuf>,
    /// Programs that are in the chain from its first block on: addresses as base58, and files.
    pub programs: Vec<(String, PathBuf)>,
    /// Ticks in a slot, of 6.25 ms each: 16 make a slot 100 ms, and finality 3.8 s.
    pub ticks_per_slot: u32,
}

impl ValidatorOptions {
    /// A validator of short slots on free ports.
    #[must_use]
    pub fn new(ledger: impl Into<PathBuf>, mint: impl Into<String>) -> Self {
        Self {
            ledger: ledger.into(),
            port: 0,
            mint: mint.into(),
            accounts: None,
            programs: Vec::new(),
            ticks_per_slot: 16,
        }
    }
}

/// A running validator. Dropping it ends the process; the ledger stays.
#[derive(Debug)]
pub struct Validator {
    child: Child,
    options: ValidatorOptions,
    output: Output,
}

impl Validator {
    /// Starts one and waits until it makes blocks.
    ///
    /// # Errors
    /// Says what is missing where there is no validator, and what it wrote where it ends or makes no block.
    pub async fn start(options: &ValidatorOptions) -> Result<Self> {
        let program = find()?;
        if options.port != 0 {
            return Self::run(&program, options.clone()).await;
        }
        for _ in 1..ATTEMPTS {
            if let Ok(started) = Self::run(&program, ValidatorOptions { port: free_ports()?, ..options.clone() }).await
            {
                return Ok(started);
            }
            // Between finding ports and using them somebody else may have taken one.
        }
        Self::run(&program, ValidatorOptions { port: free_ports()?, ..options.clone() }).await
    }

    async fn run(program: &Path, options: ValidatorOptions) -> Result<Self> {
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = Command::new(program);
        command
            .args(arguments(&options))
            .stdin(Stdio::null())
            .stderr(writer.try_clone().context("cannot share a pipe")?)
            .stdout(writer);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        // It holds the writing ends, which would keep the pipe open after the process.
        drop(command);
        let output = Output::default();
        drop(output.drain(reader, |_| None::<()>));
        let mut validator = Self { child, options, output };
        validator.ready().await?;
        Ok(validator)
    }

    /// Waits for a block: it answers before there is one.
    async fn ready(&mut self) -> Result<()> {
        let client = JsonRpc::new(self.url()?.into())?;
        let slot = [Request::new("getSlot", json!([{"commitment": "confirmed"}]))];
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.check()?;
            if let Ok(answers) = client.batch::<()>(&slot).await
                && let Some(Ok(slot)) = answers.first()
                && slot.as_u64().is_some_and(|slot| slot > 0)
            {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("{PROGRAM} made no block within {PATIENCE:?}: {}", self.output.explain())
    }

    /// Where it answers JSON-RPC over HTTP.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn url(&self) -> Result<Url> {
        Ok(Url::parse(&format!("http://127.0.0.1:{}", self.options.port))?)
    }

    /// Where it answers over websocket: the next port.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn websocket(&self) -> Result<Url> {
        Ok(Url::parse(&format!("ws://127.0.0.1:{}", self.options.port.saturating_add(1)))?)
    }

    /// What it was started with, the port included: with these it goes on from its ledger.
    #[must_use]
    pub fn options(&self) -> &ValidatorOptions {
        &self.options
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
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{PROGRAM} ended ({status}): {}", self.output.explain()),
        }
    }

    /// Ends it with SIGTERM; its ledger stays.
    ///
    /// # Errors
    /// Where it goes on.
    pub async fn stop(mut self) -> Result<()> {
        self.terminate()?;
        let begun = Instant::now();
        while self.ended()?.is_none() {
            ensure!(begun.elapsed() < LAST_WILL, "{PROGRAM} goes on {LAST_WILL:?} after SIGTERM");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot ask for the state of {PROGRAM}"))
    }

    fn terminate(&self) -> Result<()> {
        let pid = self.child.id().to_string();
        // The shell's own `kill`: signals other than SIGKILL are not in the standard library.
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status()?;
        ensure!(sent.success(), "cannot send SIGTERM to {PROGRAM}");
        Ok(())
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(options: &ValidatorOptions) -> Vec<String> {
    let ValidatorOptions { ledger, port, mint, accounts, programs, ticks_per_slot } = options;
    let next = |offset: u16| port.saturating_add(offset);
    [
        ("--ledger", ledger.display().to_string()),
        ("--bind-address", Ipv4Addr::LOCALHOST.to_string()),
        ("--rpc-port", port.to_string()),
        ("--faucet-port", next(2).to_string()),
        ("--gossip-port", next(3).to_string()),
        ("--dynamic-port-range", format!("{}-{}", next(4), next(PORTS))),
        ("--ticks-per-slot", ticks_per_slot.to_string()),
        ("--mint", mint.clone()),
        // A devnet is read back to its first block.
        ("--limit-ledger-size", "50000000".to_owned()),
    ]
    .into_iter()
    .chain(accounts.iter().map(|directory| ("--account-dir", directory.display().to_string())))
    .flat_map(|(name, value)| [name.to_owned(), value])
    .chain(
        programs
            .iter()
            .flat_map(|(address, file)| ["--bpf-program".to_owned(), address.clone(), file.display().to_string()]),
    )
    .chain(["--quiet".to_owned()])
    .collect()
}

/// The first of so many ports in a row that nobody uses.
fn free_ports() -> Result<u16> {
    for _ in 0..100 {
        let first = rand::random_range(RANGE.start..RANGE.end.saturating_sub(PORTS));
        if (first..=first.saturating_add(PORTS)).all(is_free) {
            return Ok(first);
        }
    }
    bail!("no {PORTS} free ports in a row between {} and {}", RANGE.start, RANGE.end)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The validator on PATH, or the one in the cache.
fn find() -> Result<PathBuf> {
    on_path(PROGRAM)
        .or_else(|| cache().map(|cache| cache.join("bin").join(PROGRAM)).filter(|file| file.is_file()))
        .with_context(|| {
            format!("{PROGRAM} is not installed: run tests/setup.sh --only solana, or put {PROGRAM} on PATH")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_goes_on_from_its_ledger_after_a_restart() {
        let ledger = tempfile::tempdir().unwrap();
        let mint = "Bfth1yxA7wtCwhTSg72VChFxY9wEuMLhzWhcRbKMVdqP";
        let validator = Validator::start(&ValidatorOptions::new(ledger.path(), mint)).await.unwrap();
        let client = JsonRpc::new(validator.url().unwrap().into()).unwrap();
        let state = async || {
            let requests = [
                Request::new("getGenesisHash", json!([])),
                Request::new("getSlot", json!([{"commitment": "finalized"}])),
            ];
            let answers = client.batch::<()>(&requests).await.unwrap();
            let [Ok(genesis), Ok(slot)] = answers.as_slice() else { panic!("{answers:?}") };
            (genesis.clone(), slot.as_u64().unwrap())
        };
        let before = state().await;
        let balance = [Request::new("getBalance", json!([mint, {"commitment": "confirmed"}]))];
        assert!(client.batch::<()>(&balance).await.unwrap()[0].as_ref().unwrap()["value"].as_u64().unwrap() > 0);
        let options = validator.options().clone();
        validator.stop().await.unwrap();
        let mut validator = Validator::start(&options).await.unwrap();
        let after = state().await;
        assert_eq!(after.0, before.0, "another chain");
        assert!(after.1 >= before.1, "{after:?} after {before:?}");
        validator.check().unwrap();
    }

    #[test]
    fn ports_that_somebody_uses_are_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
        assert!(RANGE.contains(&free_ports().unwrap()));
    }
}
