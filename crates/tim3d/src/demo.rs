//! `tim3d demo`: the real coordinator and journal over three simulated chains, with scripted users, a price that falls, faults from a seed,
//! and a daemon that is killed half-way; in the end a proof, read from the gateways, that nothing was minted twice and nothing lost.
//!
//! * [`world`]: the chains and their faults. [`plan`]: who does what, from the seed. [`users`] and [`scenes`] play it.
//! * [`relay`]: the daemon with its lives. [`view`] and [`mod@frame`]: what one sees meanwhile.
//! * [`ledger`]: what users' own records lead to. [`proof`]: what the gateways say. [`summary`]: both, for people and programs.
//!
//! The seed repeats the script and the faults' generators; how tasks interleave is the machine's.

mod frame;
mod ledger;
mod plan;
mod proof;
mod relay;
mod scenes;
mod stage;
mod summary;
mod users;
mod view;
mod world;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tim3_coordinator::Handle;
use tim3_journal::{Journal, RedbJournal};
use tim3_telemetry::LogFormat;
use tokio::{
    sync::{Semaphore, watch},
    task::{AbortHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use frame::{Title, frame};
use ledger::Ledger;
use plan::Plan;
use relay::Relay;
use stage::Stage;
use summary::{Journaled, Summary};
use view::View;
use world::{FaultLevel, Site, World};

use crate::{commands::Verdict, output};

/// How long everything that is on its way may take to end after the script did; and where the script did not end, so that something may
/// wait for ever.
const SETTLE: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(5)];
/// How long the daemon stays dead.
const DEAD: Duration = Duration::from_millis(1_500);

/// Options of `tim3d demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Decides the users' script and the faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cross-chain operations
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(i64::from(plan::FEWEST)..=5_000))]
    operations: u32,
    /// How much goes wrong
    #[arg(long, value_enum, default_value_t = FaultLevel::Some)]
    faults: FaultLevel,
    /// Seconds after which what is not done is given up, and the exit code says so
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    duration: u64,
    /// Where the API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Directory to keep the journal in; without it the journal is temporary
    #[arg(long, value_name = "DIRECTORY")]
    journal: Option<PathBuf>,
    /// Stay up after the summary, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Lines instead of a frame that is redrawn; so it is anyway where standard output is no terminal
    #[arg(long)]
    plain: bool,
    /// Print the summary as JSON; the lines go to standard error
    #[arg(long)]
    json: bool,
    /// Log to standard error what this filter lets through, for example info or tim3_coordinator=debug
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Plays the demo to its end, or until Ctrl-C.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    if let Some(filter) = &args.log {
        tim3_telemetry::log::init(LogFormat::Auto, filter)?;
    }
    let temporary = tempfile::tempdir().context("a temporary directory for the journal")?;
    let file = journal_file(args.journal.as_deref(), temporary.path())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let played = runtime.block_on(async { Demo::new(args, file)?.play().await });
    // Simulated blocks would come for ever.
    runtime.shutdown_background();
    played
}

/// The journal must be new: it would remember chains that are gone.
fn journal_file(kept: Option<&Path>, temporary: &Path) -> anyhow::Result<PathBuf> {
    let directory = kept.unwrap_or(temporary);
    std::fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    let file = directory.join("journal.redb");
    if file.exists() {
        bail!(
            "{}: a journal is there already, and the simulated chains it is about are gone; name another directory",
            file.display()
        );
    }
    Ok(file)
}

struct Demo {
    args: Args,
    begun: Instant,
    plan: Plan,
    stage: Arc<Stage>,
    relay: Relay,
    title: Title,
    /// Blocks, and the clock.
    background: JoinSet<()>,
}

impl Demo {
    fn new(args: Args, file: PathBuf) -> anyhow::Result<Self> {
        let plan = Plan::new(args.seed, args.operations);
        let signers = relay::signers(&(Arc::new(RedbJournal::open(&file)?) as Arc<dyn Journal>))?;
        let (current, relay) = watch::channel::<Option<Handle>>(None);
        let stage = Arc::new(Stage {
            world: World::new(args.seed, relay::THRESHOLD, signers, plan.funded())?,
            view: View::new(args.plain || args.log.is_some(), args.json),
            ledger: Ledger::default(),
            relay,
            out_of_time: CancellationToken::new(),
        });
        let relay = Relay::new(Arc::clone(&stage), file, args.listen, current);
        let title = Title { seed: args.seed, operations: args.operations, url: String::new() };
        Ok(Self { args, begun: Instant::now(), plan, stage, relay, title, background: JoinSet::new() })
    }

    async fn play(mut self) -> anyhow::Result<()> {
        let (showing, summary) = tokio::select! {
            summed_up = self.sum_up() => summed_up?,
            _ = tokio::signal::ctrl_c() => {
                self.background.abort_all();
                self.stage.view.end();
                bail!("interrupted; nothing was proved");
            }
        };
        showing.abort();
        self.stage.view.end();
        if self.args.json {
            output::json(&summary)?;
        } else {
            self.stage.view.print(&summary.text());
        }
        if self.args.keep {
            self.stage.view.say("staying up until Ctrl-C");
            if self.stage.view.is_live() {
                self.show();
            }
            tokio::select! {
                error = self.relay.death() => return Err(error),
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        self.relay.stop().await?;
        if summary.holds { Ok(()) } else { Err(Verdict("the proof fails, as the summary says".to_owned()).into()) }
    }

    /// The play itself. Gives what shows it, too.
    async fn sum_up(&mut self) -> anyhow::Result<(AbortHandle, Summary)> {
        self.open().await?;
        let showing = self.show();
        let unfinished = self.perform().await?;
        Ok((showing, self.close(unfinished).await?))
    }

    /// Blocks come, the daemon runs, things go wrong.
    async fn open(&mut self) -> anyhow::Result<()> {
        let Args { seed, operations, faults, duration, .. } = self.args;
        let view = &self.stage.view;
        view.print("tim3d demo: everything here is SIMULATED. Three chains in memory, no network, no money.");
        view.print("The coordinator, its journal, the attesters (2 of 3), the auditor and the API are the real ones.");
        view.print(&format!("Seed {seed}, {operations} operations, faults {faults:?}."));
        for site in Site::ALL {
            let node = self.stage.world.chain(site).node.clone();
            self.background.spawn(async move { node.produce(World::pace(site)).await });
        }
        self.relay.start().await?;
        self.stage.world.set_faults(faults);
        let address = self.relay.listens();
        self.title.url = format!("API: http://{address}/api/v1/status, metrics: http://{address}/metrics");
        view.print(&format!("{}\n", self.title.url));
        let out_of_time = self.stage.out_of_time.clone();
        self.background.spawn(async move {
            tokio::time::sleep(Duration::from_secs(duration)).await;
            out_of_time.cancel();
        });
        Ok(())
    }

    /// Shows how things are, in a frame or now and then in a line, until that is aborted.
    fn show(&mut self) -> AbortHandle {
        let (stage, plan, title) = (Arc::clone(&self.stage), self.plan.clone(), self.title.clone());
        self.background.spawn(async move {
            let live = stage.view.is_live();
            loop {
                tokio::time::sleep(Duration::from_millis(if live { 150 } else { 5_000 })).await;
                if live {
                    stage.view.frame(&frame(&stage, &plan, &title));
                } else {
                    stage.view.say(&frame::operations(&stage, title.operations));
                }
            }
        })
    }

    /// Lets everybody act, and kills the daemon half-way. Gives what did not come to its end.
    async fn perform(&mut self) -> anyhow::Result<Vec<String>> {
        let mut acting: JoinSet<anyhow::Result<()>> = JoinSet::new();
        acting.spawn(scenes::desk(Arc::clone(&self.stage), self.plan.clone()));
        acting.spawn(scenes::vaults(Arc::clone(&self.stage), self.plan.clone()));
        let abreast = Arc::new(Semaphore::new(self.plan.abreast()));
        for trip in self.plan.trips.clone() {
            let (stage, abreast) = (Arc::clone(&self.stage), Arc::clone(&abreast));
            acting.spawn(async move {
                let _turn = abreast.acquire().await?;
                users::travel(stage, trip).await
            });
        }
        let (mut unfinished, mut over) = (Vec::new(), false);
        let half = usize::try_from(self.args.operations / 2).unwrap_or_default();
        let stage = Arc::clone(&self.stage);
        let half_way = async {
            stage.until("half of the operations", || (stage.view.seen().finished() >= half).then_some(())).await
        };
        tokio::pin!(half_way);
        loop {
            tokio::select! {
                ended = acting.join_next() => match ended {
                    None => return Ok(unfinished),
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(error))) => unfinished.push(format!("{error:#}")),
                    Some(Err(error)) => unfinished.push(error.to_string()),
                },
                reached = &mut half_way, if !over => {
                    over = true;
                    if reached.is_ok() {
                        self.kill().await?;
                    }
                }
                error = self.relay.death() => return Err(error),
            }
        }
    }

    async fn kill(&mut self) -> anyhow::Result<()> {
        self.relay.kill().await?;
        self.stage.view.say("daemon: KILLED in the middle of its work; users and chains go on without it");
        tokio::time::sleep(DEAD).await;
        self.relay.start().await?;
        let open = self.stage.handle()?.journal().open_operations()?.len();
        self.stage.view.say(&format!("daemon: started again over its journal, takes up {open} open operations"));
        Ok(())
    }

    /// Lets everything that is on its way end, and has it all proved.
    async fn close(&mut self, mut unfinished: Vec<String>) -> anyhow::Result<Summary> {
        self.stage.world.set_faults(FaultLevel::None);
        self.stage.view.say("script: everybody has acted, nothing goes wrong any more; what is on its way ends");
        let [patience, little] = SETTLE;
        let patience = if unfinished.is_empty() { patience } else { little };
        tokio::select! {
            () = self.stage.quiet() => {}
            () = tokio::time::sleep(patience) => unfinished.extend(self.stage.unrest()),
            error = self.relay.death() => return Err(error),
        }
        let proof = proof::prove(&self.stage);
        let journal = Journaled::read(&self.stage.handle()?, &self.stage)?;
        let planned = usize::try_from(self.args.operations).unwrap_or(usize::MAX);
        if journal.ended() < planned {
            unfinished.push(format!("{} of {planned} operations ended", journal.ended()));
        }
        Ok(Summary {
            simulated: true,
            holds: unfinished.is_empty() && proof.holds() && journal.holds(),
            seed: self.args.seed,
            faults: self.args.faults,
            planned: self.args.operations,
            seconds: self.begun.elapsed().as_secs(),
            kills: self.relay.kills(),
            journal,
            struck: summary::struck(&self.stage),
            proof,
            unfinished,
        })
    }
}
