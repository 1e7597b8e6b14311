//! Two chains, a counting proxy in front of each, and the daemon between them.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use tim3_devnet::{
    Devnet, Options, Site,
    anvil::Mining,
    daemon::{Daemon, Program, free_port},
    plan,
    proxy::{Fault, Plan, Proxy},
};
use tokio::time::Instant;

use crate::{
    heads::Heads,
    ledger::sent_and_settled,
    process,
    run::{self, Kind},
};

/// Blocks that must be on top of an event before the daemon acts on it. On automine further transactions make them.
pub(crate) const DEPTH: u64 = 1;
/// Transactions that the daemon may have on their way: a local node keeps more of one account than the 16 that public ones promise.
const IN_FLIGHT: u64 = 64;
/// How long nothing may happen before a run has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// What a run acts on.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) devnet: Devnet,
    pub(crate) proxies: [Proxy; 2],
    pub(crate) heads: [Heads; 2],
    program: Program,
    daemon: Option<Daemon>,
}

/// What was used so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// JSON-RPC calls of the daemon by method.
    pub(crate) calls: BTreeMap<String, u64>,
    /// HTTP requests of the daemon.
    pub(crate) requests: u64,
    /// Processor time of the daemon.
    pub(crate) daemon: Duration,
    /// Processor time of chains a and b.
    pub(crate) anvils: [Duration; 2],
    /// Processor time of this program, which is also the proxies.
    pub(crate) own: Duration,
}

impl Stage {
    /// Chains and proxies; no daemon yet.
    pub(crate) async fn set(kind: Kind, plan: &run::Plan) -> Result<Self> {
        let directory = plan.directory.join(kind.name());
        let mining = match kind {
            Kind::Automine => Mining::Auto,
            Kind::Second => Mining::Every(Duration::from_secs(1)),
        };
        let options = Options { mining, ..Options::new(directory.clone(), free_port()?) };
        let devnet = Devnet::start(&options).await?;
        let none = || Plan::Always(Fault::None);
        let proxies = [
            Proxy::start(devnet.a.anvil().url().clone(), none()).await?,
            Proxy::start(devnet.b.anvil().url().clone(), none()).await?,
        ];
        let overlay = directory.join("load.toml");
        fs::write(&overlay, overlay_text(&devnet, &proxies)).context("cannot write the configuration")?;
        let mut program = Program::new(&plan.tim3d, devnet.configuration()).with_file(overlay);
        for set in &plan.set {
            program = program.with_set(set);
        }
        let heads = [Heads::listen(&devnet.a).await?, Heads::listen(&devnet.b).await?];
        Ok(Self { devnet, proxies, heads, program, daemon: None })
    }

    pub(crate) fn a(&self) -> &Site {
        &self.devnet.a
    }

    pub(crate) fn b(&self) -> &Site {
        &self.devnet.b
    }

    /// Starts the daemon and waits until it works.
    pub(crate) async fn start_daemon(&mut self) -> Result<()> {
        let mut daemon = self.program.run(&self.log())?;
        daemon.ready(&self.program, PATIENCE).await?;
        self.daemon = Some(daemon);
        Ok(())
    }

    fn log(&self) -> std::path::PathBuf {
        self.devnet.directory.join("tim3d.log")
    }

    fn daemon(&self) -> Result<&Daemon> {
        self.daemon.as_ref().context("no daemon runs")
    }

    /// The largest memory that the daemon had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        process::peak_memory(self.daemon()?.pid())
    }

    /// What was used until now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let mut usage = Usage {
            daemon: process::cpu(self.daemon()?.pid())?,
            anvils: [process::cpu(self.a().anvil().pid())?, process::cpu(self.b().anvil().pid())?],
            own: process::cpu(std::process::id())?,
            ..Usage::default()
        };
        for proxy in &self.proxies {
            usage.requests = usage.requests.saturating_add(proxy.requests());
            for (method, count) in proxy.calls() {
                let sum = usage.calls.entry(method).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        Ok(usage)
    }

    /// Waits until chain b has settled what chain a has sent.
    pub(crate) async fn settled(&mut self) -> Result<()> {
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            let (sent, settled) = sent_and_settled(self.a(), self.b(), plan::UNIT).await?;
            if sent == settled {
                return Ok(());
            }
            self.devnet.check()?;
            if settled > last {
                (last, moved) = (settled, Instant::now());
            }
            if moved.elapsed() >= PATIENCE {
                let words = self.daemon.as_ref().map(Daemon::last_words).unwrap_or_default();
                bail!(
                    "{settled} of {sent} operations were settled, and no more for {PATIENCE:?}; tim3d says:\n{words}"
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends the daemon as an operator does.
    pub(crate) async fn end(mut self) -> Result<()> {
        let daemon = self.daemon.take().context("no daemon runs")?;
        let status = daemon.terminate(PATIENCE).await?;
        ensure!(status.success(), "tim3d ended with {status}");
        Ok(())
    }
}

/// The endpoints are the proxies; websockets, which only announce blocks, go to the chains.
fn overlay_text(devnet: &Devnet, proxies: &[Proxy; 2]) -> String {
    let chain = |(site, proxy): (&Site, &Proxy)| {
        let (name, url, ws) = (site.name, proxy.url(), site.anvil().websocket());
        format!(
            "[chains.{name}]\nendpoints = [{{ url = \"{url}\", ws = \"{ws}\" }}]\n\
             finality = {{ policy = \"depth\", depth = {DEPTH} }}\nsubmit.max_in_flight = {IN_FLIGHT}\n\n"
        )
    };
    devnet.sites().into_iter().zip(proxies).map(chain).collect()
}

/// What was used between two looks.
pub(crate) fn between(before: &Usage, after: &Usage) -> Usage {
    let calls = after.calls.iter().map(|(method, count)| {
        let earlier = before.calls.get(method).copied().unwrap_or_default();
        (method.clone(), count.saturating_sub(earlier))
    });
    let [a, b] = after.anvils;
    let [earlier_a, earlier_b] = before.anvils;
    Usage {
        calls: calls.filter(|(_, count)| *count > 0).collect(),
        requests: after.requests.saturating_sub(before.requests),
        daemon: after.daemon.saturating_sub(before.daemon),
        anvils: [a.saturating_sub(earlier_a), b.saturating_sub(earlier_b)],
        own: after.own.saturating_sub(before.own),
    }
}

/// A version line, as a program prints it.
pub(crate) fn version(program: &Path) -> Result<String> {
    let output = std::process::Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}
