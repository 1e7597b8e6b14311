//! The rehearsal itself: positions are read, the account is supplied, prices fall, and the keepers work until nothing more happens.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Error, Result, bail, ensure};
use tim3_chain::{Attempt, Transaction};
use tim3_coordinator::Handle;
use tim3_domain::identity::Account;
use tim3_ethereum::Fork;
use tim3_keeper::replay::Line;
use tim3_telemetry::Metrics;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Args,
    plan::Plan,
    prices::{self, Prices},
    report,
    view::{self, Report},
};
use crate::{
    keeper::{
        Board, Item, Learned, Service, Site, assemble,
        record::lines,
        service,
        trading::Trading,
        world::{holding, scopes, terms},
    },
    output, run,
};

/// How often something awaited is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Rounds of the keeper in which nothing has to happen until it is taken to be done.
const QUIET: u32 = 4;
/// How often what fails is tried.
const TRIES: u32 = 3;
/// Wei for more transactions than anybody sends.
const PLENTY: u128 = 1_000_000_000_000_000_000_000_000;

/// Where it is played.
pub(super) struct Stage {
    pub(super) plan: Plan,
    pub(super) prices: Prices,
    /// Whose inventory it is.
    pub(super) owner: Account,
    pub(super) fork: Fork,
    pub(super) site: Site,
    pub(super) handle: Handle,
    pub(super) metrics: Metrics,
    /// Ends everything.
    pub(super) end: CancellationToken,
}

impl Stage {
    /// Plays all of it. `copied` is the height after which the chain was copied.
    pub(super) async fn play(mut self, args: &Args, copied: u64) -> Result<Report> {
        self.read(copied).await?;
        let positions = prices::positions(&self.plan, self.handle.journal().as_ref())?;
        output::note(&format!("{} positions are read", positions.len()));
        self.supply(args.unlimited, &positions).await?;
        let sites = BTreeMap::from([(self.plan.original.name.clone(), self.site.clone())]);
        let terms = terms(&self.plan.config, &self.plan.keeper, &sites).await.map_err(Error::msg)?;
        let learned = Learned { terms, ..Learned::default() };
        let core = assemble(&self.plan.config, &self.plan.keeper, &learned)?;
        self.prices.fall(&self.fork, &self.plan, &core, &positions).await?;
        self.plan.state(&self.prices.after());
        for (symbol, [before, after]) in self.prices.collaterals() {
            let news = if before == after { "stays at".to_owned() } else { format!("goes from {before} to") };
            output::note(&format!("{symbol} {news} {after} USD"));
        }
        let finished = self.liquidate(sites, Duration::from_secs(args.patience.saturating_mul(60))).await?;
        self.report(args, copied, finished).await
    }

    /// Until every event that the chain had is proved, and what follows from it is in the journal.
    async fn read(&self, copied: u64) -> Result<()> {
        let gateway = self.site.chain.gateway();
        loop {
            let board = self.handle.chains().find(|(id, _, _)| *id == gateway).map(|(_, _, board)| board);
            let board = board.unwrap_or_default();
            // The board is ahead of the journal, in which the positions have their place before the cursor.
            let kept = self.handle.journal().cursor(gateway)?.map(|cursor| cursor.head);
            if board.cursor.is_some_and(|cursor| cursor.height >= copied && kept == Some(cursor.head)) {
                return Ok(());
            }
            if board.tips.is_none_or(|tips| tips.finalized.height < copied) {
                self.fork.mine(None).await?;
            }
            self.pause().await?;
        }
    }

    /// Gives the account what the keeper has, or what it could ever need.
    async fn supply(&self, unlimited: bool, positions: &[prices::Position]) -> Result<()> {
        let account = self.site.hands.account();
        let coins = if unlimited { PLENTY } else { self.fork.coins(self.owner).await? };
        self.fork.set_coins(account, coins).await?;
        let mut supplied: BTreeMap<_, u128> = BTreeMap::new();
        for market in self.plan.markets() {
            let owed = positions.iter().filter(|position| position.market == market.name);
            let owed = owed.fold(0_u128, |sum, position| sum.saturating_add(position.balances.debt));
            let sum = supplied.entry(market.synthetic).or_default();
            *sum = sum.saturating_add(owed);
        }
        for (synthetic, owed) in supplied {
            if unlimited {
                self.fork.mint(synthetic, account, owed).await?;
            } else {
                self.fork.hand_over(synthetic, self.owner, account).await?;
            }
        }
        Ok(())
    }

    /// Lets the keepers work, and makes their blocks. Gives whether they were done before their time was over.
    async fn liquidate(&self, sites: BTreeMap<String, Site>, patience: Duration) -> Result<bool> {
        // Before anybody looks.
        self.prices.publish(&self.fork, &self.fork.mine(None).await?).await?;
        let board = Board::default();
        // Nobody asks anything.
        let (_asking, asked) = mpsc::channel(1);
        let parts = service::Parts {
            config: self.plan.config.clone(),
            keeper: self.plan.keeper.clone(),
            sites,
            handle: self.handle.clone(),
            metrics: self.metrics.clone(),
            board: board.clone(),
            asked,
        };
        let work = self.end.child_token();
        let service = Service::new(parts)?;
        let kept = async {
            let ended = service.run(work.clone()).await;
            work.cancel();
            ended
        };
        let made = async {
            let made = self.blocks(&board, patience, &work).await;
            work.cancel();
            made
        };
        let (kept, made) = tokio::join!(kept, made);
        kept.map_err(run::Failures)?;
        made
    }

    /// Makes blocks, each once the keeper has looked at the one before, until nothing more happens.
    async fn blocks(&self, board: &Board, patience: Duration, work: &CancellationToken) -> Result<bool> {
        let begun = Instant::now();
        let (mut quiet, mut entries) = (0_u32, 0);
        let mut before = None;
        while begun.elapsed() < patience {
            let block = self.fork.mine(None).await?;
            self.prices.publish(&self.fork, &block).await?;
            let rounds = board.rounds();
            // The round that is under way may have looked before.
            while board.rounds() < rounds.saturating_add(2) {
                ensure!(!work.is_cancelled(), "the keepers ended");
                if begun.elapsed() >= patience {
                    ensure!(rounds != 0, "the keepers did not get to work: {}", reasons(board));
                    return Ok(false);
                }
                self.pause().await?;
            }
            let view = board.view();
            if view.entries != entries {
                entries = view.entries;
                let open: u64 = view.markets.iter().map(|market| market.liquidatable).fold(0, u64::saturating_add);
                output::note(&format!("block {}: {entries} done, {open} positions are unhealthy", block.height));
            }
            let is_idle = view.in_flight.is_empty() && view.waiting.iter().all(|waiting| waiting.failures >= TRIES);
            let now = (view.entries, view.missed, view.waiting, view.problems);
            quiet = if is_idle && before.as_ref() == Some(&now) { quiet.saturating_add(1) } else { 0 };
            before = Some(now);
            if quiet >= QUIET {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn report(&self, args: &Args, copied: u64, finished: bool) -> Result<Report> {
        let (mut record, mut sent): (Vec<Line>, Vec<Transaction>) = (Vec::new(), Vec::new());
        for (_, item) in lines(self.handle.journal().as_ref(), 0)? {
            match item {
                Item::Line(line) => record.push(*line),
                Item::Sent(one) => sent.push(one.transaction),
            }
        }
        let after = self.prices.after();
        let aftermath = report::judge(&record, &after)?;
        let ids: Vec<_> = sent.iter().map(|transaction| transaction.id.clone()).collect();
        let gas = self.fork.gas_used(&ids).await?;
        let attempts: Vec<Attempt> = if sent.is_empty() { Vec::new() } else { self.site.hands.attempts(&sent).await? };
        let chain = &self.plan.original.name;
        let scopes = scopes(&self.plan.config, &self.plan.keeper, &Trading::default());
        let mut balances = BTreeMap::new();
        for (symbol, held) in &scopes.get(chain).context("nothing is looked at")?.held {
            balances.insert(symbol.clone(), holding(&self.site, held).await?);
        }
        Ok(view::report(&view::Facts {
            plan: &self.plan,
            prices: self.prices.collaterals(),
            copied,
            finished,
            unlimited: args.unlimited,
            aftermath: &aftermath,
            attempts: &attempts,
            gas,
            balances: &balances,
            shown: &|account: &Account| self.site.chain.display_account(account),
        }))
    }

    async fn pause(&self) -> Result<()> {
        tokio::select! {
            () = self.end.cancelled() => bail!("interrupted"),
            () = tokio::time::sleep(LOOK) => Ok(()),
        }
    }
}

/// Why the keepers do not do their work.
fn reasons(board: &Board) -> String {
    board
        .reasons()
        .into_iter()
        .map(|reason| format!("{}: {}", reason.subject, reason.reason))
        .collect::<Vec<_>>()
        .join("; ")
}
