//! A local AO network: the fixture of `contracts/ao/devnet`, started, steered through its control port, and ended with its owner.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::process::{Output, on_path};

/// How long it may take to be ready; it takes two seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a network is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AoOptions {
    /// Port of the gateway on 127.0.0.1 below 65,000, followed by those of the other units; 0 takes free ones.
    pub port: u16,
    /// How many compute units there are, at least one.
    pub compute_units: u16,
    /// Where everything that was scheduled is kept; a network that was killed goes on from there.
    pub store: Option<PathBuf>,
    /// Whether the five V1 processes are on it, tied together as their operators tie them.
    pub v1: bool,
}

/// Ids of the five V1 processes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V1Ids {
    /// Takes `MintTIM3` and `BurnTIM3`.
    pub coordinator: String,
    /// Keeps locks.
    pub lock_manager: String,
    /// Is the TIM3 token.
    pub token_manager: String,
    /// Is told of positions.
    pub state_manager: String,
    /// Is the collateral token.
    pub usda: String,
}

/// What the network says of itself when it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Ready {
    ports: Ports,
    module: String,
    scheduler: String,
    authority: String,
    v1: Option<V1Ids>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Ports {
    gateway: u16,
    control: u16,
    mu: u16,
    su: u16,
    cu: Vec<u16>,
}

#[derive(Deserialize)]
struct State {
    held: Vec<Held>,
}

/// A message between processes that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Held {
    /// The process that sent it.
    pub from: String,
    /// Whom it is for.
    pub target: String,
    /// What it asks for.
    #[serde(default)]
    pub action: String,
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
        let mut options = options.clone();
        options.compute_units = options.compute_units.max(1);
        if options.port == 0 && options.store.is_some() {
            // It is to come back where it was.
            options.port = free_ports(options.compute_units.saturating_add(4))?;
        }
        let node = on_path("node").context("node is not on PATH: install it (20 or later)")?;
        let main = fixture()?;
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = Command::new(&node);
        command
            .arg("--no-warnings")
            .arg(&main)
            .arg("--attached")
            .args(["--port", &options.port.to_string(), "--cus", &options.compute_units.to_string()])
            .stdin(Stdio::null())
            .stderr(writer.try_clone().context("cannot share a pipe")?)
            .stdout(writer);
        if options.v1 {
            command.arg("--v1");
        }
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
        Ok(Self { child, options, output, ready, client: reqwest::Client::new() })
    }

    /// The gateway of Arweave.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn gateway(&self) -> Result<Url> {
        url(self.ready.ports.gateway)
    }

    /// What steers it: `contracts/ao/README.md` says how.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn control_url(&self) -> Result<Url> {
        url(self.ready.ports.control)
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

    /// The V1 processes, where it was started with them.
    #[must_use]
    pub fn v1(&self) -> Option<&V1Ids> {
        self.ready.v1.as_ref()
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
        let url = self.control_url()?.join("faults")?;
        let response = self.client.delete(url).send().await?;
        ensure!(response.status().is_success(), "the AO network does not clear its faults: {}", response.status());
        Ok(())
    }

    /// Adds a block to the base layer again and again, as a network that is alive does, until what it gives is dropped.
    ///
    /// # Errors
    /// Never: a port makes a URL.
    pub fn mine_every(&self, pause: Duration) -> Result<AbortOnDropHandle<()>> {
        let (client, url) = (self.client.clone(), self.control_url()?.join("mine")?);
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            let mut ticks = interval(pause);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // While the network is down there is nothing to do.
                let _ = client.post(url.clone()).body("{}").send().await;
            }
        })))
    }

    /// Lets messages between processes go that a fault held back.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn release(&self) -> Result<()> {
        self.control("release", &json!({})).await.map(|_| ())
    }

    /// The messages between processes that a fault holds back.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn held(&self) -> Result<Vec<Held>> {
        let text = self.client.get(self.control_url()?).send().await?.text().await?;
        let state: State = serde_json::from_str(&text).with_context(|| format!("the AO network says {text}"))?;
        Ok(state.held)
    }

    /// kill -9. What was about to be pushed is lost.
    ///
    /// # Errors
    /// Where it has no store, without which it could not come back.
    pub fn kill(&mut self) -> Result<()> {
        ensure!(self.options.store.is_some(), "only a network with a store comes back");
        self.end();
        Ok(())
    }

    /// Starts it again on the same ports with its store, after [`AoNetwork::kill`].
    ///
    /// # Errors
    /// As [`AoNetwork::start`].
    pub async fn revive(&mut self) -> Result<()> {
        *self = Self::start(&self.options.clone()).await?;
        Ok(())
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
        let url = self.control_url()?.join(what)?;
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

/// The first of so many ports on loopback, one after the other, that nobody listens on.
fn free_ports(count: u16) -> Result<u16> {
    const ATTEMPTS: usize = 100;
    for _ in 0..ATTEMPTS {
        let first = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
        let port = first.local_addr().context("a listener has no address")?.port();
        let rest = (1..count).map(|offset| {
            let port = port.checked_add(offset).filter(|port| *port <= 65_000)?;
            TcpListener::bind(("127.0.0.1", port)).ok()
        });
        if rest.collect::<Option<Vec<_>>>().is_some() {
            return Ok(port);
        }
    }
    bail!("there are no {count} free ports one after the other")
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
