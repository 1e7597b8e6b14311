//! The task: look, tell the core, make durable what it decided, act, and follow what is under way.

mod offers;
mod order;
mod positions;
mod review;
mod round;
mod show;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Error, Result};
use tim3_coordinator::{Handle, Notice};
use tim3_domain::identity::{Account, MarketId};
use tim3_keeper::{Decision, Input, Subject, input::Outcome, keeper::Step};
use tim3_telemetry::Metrics;
use tokio::{
    sync::{broadcast, mpsc},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Board, Command, Site,
    assemble::{Learned, assemble},
    flight::{Flights, Names, Naming},
    prices::Prices,
    record::Record,
    session::{Resumed, Session},
    trading::Trading,
    world::{self, Scope, Sight},
};
use crate::{
    config::{self, Config},
    output::now_ms,
};
use positions::Positions;
use review::Review;

/// A page that is longer is turned as soon as nothing is under way.
const PAGE_LINES: u64 = 50_000;
/// Between two attempts to begin.
const PAUSE: Duration = Duration::from_secs(1);

/// What the task is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) keeper: config::Keeper,
    /// By name of the chain.
    pub(super) sites: BTreeMap<String, Site>,
    pub(super) handle: Handle,
    pub(super) metrics: Metrics,
    pub(super) board: Board,
    pub(super) asked: mpsc::Receiver<Command>,
}

/// The keepers, before they run.
pub(crate) struct Service {
    parts: Parts,
    notices: broadcast::Receiver<Notice>,
    prices: Prices,
}

impl Service {
    pub(super) fn new(parts: Parts) -> Result<Self> {
        // From here on no position changes unseen.
        let notices = parts.handle.notices();
        let prices = Prices::new(&parts.keeper)?;
        Ok(Self { parts, notices, prices })
    }

    /// Runs until `stop`.
    ///
    /// # Errors
    /// Where the record cannot be read or written.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Vec<Error>> {
        let started = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            started = self.start() => started,
        };
        let mut running = started.map_err(|error| vec![error])?;
        running.run(stop).await.map_err(|error| vec![error])
    }

    async fn start(self) -> Result<Running> {
        let Self { parts, notices, prices } = self;
        let Parts { config, keeper, sites, handle, metrics, board, asked } = parts;
        metrics.keepers_begin(sites.keys().map(String::as_str));
        let (learned, trading) = loop {
            match learn(&config, &keeper, &sites).await {
                Ok(learned) => break learned,
                Err(why) => {
                    board.starting(&why);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let wanted = assemble(&config, &keeper, &learned)?;
        let (record, page) = Record::open(Arc::clone(handle.journal()))?;
        let Resumed { mut session, unfinished, unsigned, is_current } = Session::resume(record, page, &wanted)?;
        let mut flights = Flights::new(unfinished, |decision| session.action_of(decision).cloned());
        for (decision, outcome) in flights.lost(|chain| sites.contains_key(chain)) {
            session.outcome(now_ms(), decision, outcome)?;
        }
        for decision in unsigned {
            let reason = "the daemon stopped before it was signed".to_owned();
            session.outcome(now_ms(), decision, Outcome::Refused { reason })?;
        }
        if is_current && session.keeper.config().parameters() != wanted.parameters() {
            session.give(now_ms(), Input::Parameters(Box::new(wanted.parameters())))?;
        }
        session.record.commit().await?;
        if !flights.is_empty() {
            info!(flights = ?flights, "what was under way is followed");
        }
        let markets = world::vaults(&config, &keeper).map(|market| {
            let (synthetic, collateral) = (market.synthetic_symbol.clone(), market.collateral_symbol.clone());
            let naming = Naming { market: market.id, chain: market.home.clone(), synthetic, collateral };
            (market.name.clone(), naming)
        });
        let names = Names {
            markets: markets.inspect(|(name, _)| metrics.keeper_disorder(name, 0)).collect(),
            gas: keeper
                .chains
                .iter()
                .filter_map(|(name, chain)| Some((name.clone(), chain.gas_asset.clone()?)))
                .collect(),
            trading,
        };
        Ok(Running {
            markets: names.markets.iter().map(|(name, naming)| (naming.market, name.clone())).collect(),
            scopes: world::scopes(&config, &keeper, &names.trading),
            executors: keeper.chains.iter().map(|(name, chain)| (name.clone(), chain.executor)).collect(),
            set_up: BTreeSet::new(),
            quotas: BTreeMap::new(),
            costs: BTreeMap::new(),
            names,
            positions: Positions::default(),
            unrestored: sites.keys().filter(|chain| flights.count(chain) > 0).cloned().collect(),
            turn_to: (!is_current).then_some(wanted),
            keep_record: keeper.keep_record,
            poll_interval: keeper.poll_interval,
            review: Review::new(config, keeper, learned),
            checked_ms: 0,
            disordered: BTreeMap::new(),
            sights: BTreeMap::new(),
            problems: BTreeMap::new(),
            thought: 0,
            decided: Vec::new(),
            session,
            flights,
            sites,
            handle,
            metrics,
            board,
            asked,
            notices,
            prices,
        })
    }
}

/// What only the chains know.
async fn learn(
    config: &Config,
    keeper: &config::Keeper,
    sites: &BTreeMap<String, Site>,
) -> Result<(Learned, Trading), String> {
    let terms = world::terms(config, keeper, sites).await?;
    let trading = Trading::learn(config, keeper, sites).await?;
    Ok((Learned { terms, decimals: trading.decimals.clone() }, trading))
}

/// The keepers, running.
struct Running {
    session: Session,
    flights: Flights,
    sites: BTreeMap<String, Site>,
    names: Names,
    /// Names of vault markets.
    markets: BTreeMap<MarketId, String>,
    /// What makes the calls of a trade one transaction, by chain.
    executors: BTreeMap<String, Option<Account>>,
    /// Chains on which trading was made possible.
    set_up: BTreeSet<String>,
    /// What the core was told may leave a chain, by chain and synthetic.
    quotas: BTreeMap<(String, String), u128>,
    /// What it was told transactions cost, by chain.
    costs: BTreeMap<String, round::Cost>,
    scopes: BTreeMap<String, Scope>,
    positions: Positions,
    /// Chains whose signer has not been told yet what may be on its way.
    unrestored: BTreeSet<String>,
    /// Under which configuration the next page begins. Until then nothing is decided, only finished.
    turn_to: Option<tim3_keeper::Config>,
    keep_record: Duration,
    poll_interval: Duration,
    /// What markets' terms are made into a configuration with.
    review: Review,
    /// When the order of positions was last checked; 0 where it was not on this page.
    checked_ms: u64,
    /// What was wrong with it then, by name of the market.
    disordered: BTreeMap<String, String>,
    /// What each chain showed last.
    sights: BTreeMap<String, Sight>,
    /// What could not be read in this round, by subject.
    problems: BTreeMap<String, String>,
    /// Up to which line of the record the core has looked at everything.
    thought: u64,
    /// Decisions to act that are not acted on yet.
    decided: Vec<Decision>,
    handle: Handle,
    metrics: Metrics,
    board: Board,
    asked: mpsc::Receiver<Command>,
    notices: broadcast::Receiver<Notice>,
    prices: Prices,
}

impl Running {
    async fn run(&mut self, stop: CancellationToken) -> Result<()> {
        let mut ticks = interval(self.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(command) = self.asked.recv() => self.obey(command).await?,
                // What is begun is ended: between signing and sending nothing is lost by a stop, but it is quicker not to have to find out.
                _ = ticks.tick() => self.round().await?,
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<()> {
        let done = match command {
            Command::Pause(paused, reason, done) => {
                info!(paused, reason, "keepers");
                self.give(Input::Pause { paused })?;
                done
            }
            Command::Parameters(parameters, done) => {
                self.turn_to = self.turn_to.take().map(|config| config.with((*parameters).clone()));
                self.give(Input::Parameters(parameters))?;
                done
            }
        };
        self.session.record.commit().await?;
        self.show();
        // Whoever asked may have gone away.
        let _ = done.send(());
        Ok(())
    }

    /// Tells the core something, and keeps what it wants done. While another configuration waits for the next page, names of that one alone say
    /// nothing to it.
    fn give(&mut self, input: Input) -> Result<()> {
        if self.turn_to.is_some() && self.session.keeper.check(&input).is_err() {
            return Ok(());
        }
        let step = self.session.give(now_ms(), input)?;
        self.take(step);
        Ok(())
    }

    fn outcome(&mut self, decision: u64, outcome: Outcome) -> Result<()> {
        let state = match &outcome {
            Outcome::Refused { reason } => {
                self.review.hurry();
                warn!(decision, reason, "an action was refused");
                "refused"
            }
            Outcome::Failed { reason, .. } => {
                self.review.hurry();
                warn!(decision, reason, "an action failed");
                "failed"
            }
            Outcome::Lost { .. } => {
                self.review.hurry();
                "lost"
            }
            Outcome::Done { .. } => "done",
        };
        if let Some((_, chain)) = self.session.keeper.place_of(decision) {
            self.metrics.keeper_attempt(chain, state);
        }
        self.tell(decision, state);
        self.flights.end(decision);
        let step = self.session.outcome(now_ms(), decision, outcome)?;
        self.take(step);
        Ok(())
    }

    fn take(&mut self, step: Step) {
        for difference in &step.differences {
            let tim3_keeper::ledger::Difference { chain, asset, ledger, chain_has } = difference;
            warn!(chain, asset, ledger, chain_has, "the inventory is not what the ledger says; it is counted anew");
            self.metrics.keeper_difference(chain);
        }
        for decision in &step.decisions {
            let mode = decision.mode.to_string();
            self.metrics.keeper_decided(&mode, decision.action.is_some());
            if let Some(action) = &decision.action {
                info!(decision = decision.number, mode, subject = %decision.subject, %action, "decided");
                self.tell_of(decision.number, &decision.subject, "decided");
            }
        }
        let live = |decision: &Decision| decision.mode == tim3_keeper::Mode::Live && decision.action.is_some();
        self.decided.extend(step.decisions.into_iter().filter(live));
    }

    /// Tells of a decision without an outcome.
    fn tell(&self, decision: u64, state: &'static str) {
        if let Some((subject, _)) = self.session.keeper.place_of(decision) {
            self.tell_of(decision, subject, state);
        }
    }

    fn tell_of(&self, decision: u64, subject: &Subject, state: &'static str) {
        self.handle.tell(Notice::KeeperActed { decision, subject: subject.to_string(), state });
    }
}
