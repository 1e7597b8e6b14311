//! A local AO network: the fixture of `contracts/ao/devnet`, started, steered through its control port, and ended with its owner.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::process::{Output, on_path};

/// How long it may take to be ready; it takes two seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a network is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AoOptions {
    /// Port of the gateway on 127.0.0.1, followed by those of the other units; 0 takes free ones.
    pub port: u16,
    /// How many compute units there are, at least one.
    pub compute_units: u16,
    /// Where everything that was scheduled is kept; a network that was killed goes on from there.
    pub store: Option<PathBuf>,
}

/// What the network says of itself when it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Ready {
    ports: Ports,
    module: String,
    scheduler: String,
    authority: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Ports {
    gateway: u16,
    control: u16,
    mu: u16,
    su: u16,
    cu: Vec<u16>,
}

/// A running network. Dropping it ends the process; the store stays.
#[derive(Debug)]
pub struct AoNetwork {
    child: Child,
    options: AoOptions,
    output: Output,
    ready: Ready,
    client: reqwest::Client,
}

impl AoNetwork {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// Says what is missing where it cannot be started, and what it wrote where it ends.
    pub async fn start(options: &AoOptions) -> Result<Self> {
        let node = on_path("node").context("node is not on PATH: install it (20 or later)")?;
        let main = fixture()?;
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = Command::new(&node);
        command
            .arg("--no-warnings")
            .arg(&main)
            .arg("--attached")
            .args(["--port", &options.port.to_string(), "--cus", &options.compute_units.max(1).to_string()])
            .stdin(Stdio::null())
            .stderr(writer.try_clone().context("cannot share a pipe")?)
            .stdout(writer);
        if let Some(store) = &options.store {
            command.arg("--store").arg(store);
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {}", node.display()))?;
        // It holds the writing ends, which would keep the pipe open after the process.
        drop(command);
        let output = Output::default();
        let ready = output.drain(reader, |line| serde_json::from_str::<Ready>(line).ok());
        let Ok(Ok(ready)) = timeout(PATIENCE, ready).await else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the AO network was not ready: {}", output.explain());
        };
        Ok(Self { child, options: options.clone(), output, ready, client: reqwest::Client::new() })
    }

    /// The gateway of Arweave.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn gateway(&self) -> Result<Url> {
        url(self.ready.ports.gateway)
    }

    /// The messenger.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn messenger(&self) -> Result<Url> {
        url(self.ready.ports.mu)
    }

    /// The scheduler.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn scheduler(&self) -> Result<Url> {
        url(self.ready.ports.su)
    }

    /// The compute units.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn compute_units(&self) -> Result<Vec<Url>> {
        self.ready.ports.cu.iter().map(|port| url(*port)).collect()
    }

    /// The id of the module that its processes run in.
    #[must_use]
    pub fn module_id(&self) -> &str {
        &self.ready.module
    }

    /// The id of its scheduler.
    #[must_use]
    pub fn scheduler_id(&self) -> &str {
        &self.ready.scheduler
    }

    /// The id of whoever signs for processes.
    #[must_use]
    pub fn authority_id(&self) -> &str {
        &self.ready.authority
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until no message is on its way.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn idle(&self) -> Result<()> {
        self.control("idle", &json!({})).await.map(|_| ())
    }

    /// Adds blocks to the base layer.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn mine(&self, blocks: u64) -> Result<()> {
        self.control("mine", &json!({ "blocks": blocks })).await.map(|_| ())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn advance(&self, seconds: u64) -> Result<()> {
        self.control("clock", &json!({ "advance": seconds })).await.map(|_| ())
    }

    /// Makes a fault, as `contracts/ao/README.md` says.
    ///
    /// # Errors
    /// Where it does not know the fault.
    pub async fn fault(&self, fault: &Value) -> Result<()> {
        self.control("faults", fault).await.map(|_| ())
    }

    /// Ends all faults.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn clear_faults(&self) -> Result<()> {
        let url = url(self.ready.ports.control)?.join("faults")?;
        let response = self.client.delete(url).send().await?;
        ensure!(response.status().is_success(), "the AO network does not clear its faults: {}", response.status());
        Ok(())
    }

    /// Kills it and starts it again on the same ports with its store.
    ///
    /// # Errors
    /// As [`AoNetwork::start`], and where it has no store, or was not given its port.
    pub async fn restart(mut self) -> Result<Self> {
        let AoOptions { port, store, .. } = &self.options;
        ensure!(*port != 0 && store.is_some(), "only a network with a port and a store of its own comes back");
        self.end();
        Self::start(&self.options.clone()).await
    }

    /// Fails when the process has ended, with its last words.
    ///
    /// # Errors
    /// See above.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot ask for the state of the AO network")? {
            None => Ok(()),
            Some(status) => bail!("the AO network ended ({status}): {}", self.output.explain()),
        }
    }

    async fn control(&self, what: &str, body: &Value) -> Result<Value> {
        let url = url(self.ready.ports.control)?.join(what)?;
        let response = self.client.post(url).body(body.to_string()).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "the AO network refuses {what}: {text}");
        serde_json::from_str(&text).with_context(|| format!("the AO network answers {what} with {text}"))
    }

    fn end(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for AoNetwork {
    fn drop(&mut self) {
        self.end();
    }
}

fn url(port: u16) -> Result<Url> {
    Ok(Url::parse(&format!("http://127.0.0.1:{port}/"))?)
}

/// The fixture with its packages.
fn fixture() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/ao/devnet");
    ensure!(
        folder.join("node_modules").is_dir(),
        "the packages of the AO network are missing: run tests/setup.sh --only ao"
    );
    Ok(folder.join("main.mjs"))
}
