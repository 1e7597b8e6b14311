//! What everybody in the script shares: the world, the daemon as it is now, the view, and the record of what was done.

use std::time::Duration;

use anyhow::{anyhow, bail};
use tim3_chain::TxId;
use tim3_coordinator::{Command, Handle};
use tim3_domain::{identity::OperationId, protocol::Operation};
use tim3_journal::OperationRecord;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    ledger::Ledger,
    view::View,
    world::{Site, World},
};

/// How often something awaited is looked at: several times a block.
const LOOK: Duration = Duration::from_millis(40);
/// How long nothing must be on its way: longer than anything of the daemon waits before its next step.
const QUIET: Duration = Duration::from_secs(1);
/// More operations than any demo has.
pub(super) const ALL: usize = 100_000;

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) view: View,
    pub(super) ledger: Ledger,
    /// The running daemon; `None` between its lives.
    pub(super) relay: watch::Receiver<Option<Handle>>,
    pub(super) out_of_time: CancellationToken,
}

impl Stage {
    /// Waits until `found` gives something; `what` is said when time runs out before.
    pub(super) async fn until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
        loop {
            if let Some(found) = found() {
                return Ok(found);
            }
            tokio::select! {
                () = self.out_of_time.cancelled() => bail!("out of time: {what}"),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Waits until the daemon knows the operation that this final transaction started. Before it was final, a reorg may have made it
    /// start another one.
    pub(super) async fn operation(&self, site: Site, tx: &TxId) -> anyhow::Result<OperationId> {
        let node = &self.world.chain(site).node;
        self.until("the daemon has not seen an operation", || {
            let block = node.inclusion(tx)?.ok()?;
            let events = node.events(block.height..=block.height);
            let started = events.iter().filter(|located| located.transaction == *tx);
            let id = started.filter_map(|located| located.event.body.started()).map(Operation::id).next()?;
            self.record(id).map(|_| id)
        })
        .await
    }

    /// The journal's record of an operation, while the daemon runs.
    pub(super) fn record(&self, id: OperationId) -> Option<OperationRecord> {
        let handle = self.relay.borrow().clone()?;
        handle.journal().operation(id).ok().flatten()
    }

    /// Waits until the daemon's record of an operation is as `test` wants it.
    pub(super) async fn reaches(
        &self,
        id: OperationId,
        what: &str,
        test: impl Fn(&OperationRecord) -> bool,
    ) -> anyhow::Result<()> {
        self.until(what, || self.record(id).filter(|record| test(record)).map(|_| ())).await
    }

    /// Gives the daemon an operator's word about an operation, again after a restart, until `done` says that it was heard.
    pub(super) async fn operate(
        &self,
        id: OperationId,
        command: Command,
        done: impl Fn(&OperationRecord) -> bool,
    ) -> anyhow::Result<()> {
        while !self.record(id).is_some_and(|record| done(&record)) {
            let running = self.relay.borrow().clone();
            if let Some(handle) = running {
                // A refusal shows in the record: the daemon may have stopped, or been quicker.
                let _ = handle.operate(id, command.clone()).await;
            }
            tokio::select! {
                () = self.out_of_time.cancelled() => bail!("out of time: the daemon does not take an operator's command"),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// Returns when nothing has been on its way for a while: no transaction, no operation, no mirror; and an audit after that has ended.
    pub(super) async fn quiet(&self) {
        let (mut quiet, mut audits) = (Duration::ZERO, self.view.seen().audits);
        loop {
            tokio::time::sleep(LOOK).await;
            let before = quiet;
            quiet = if self.unrest().is_empty() { quiet.saturating_add(LOOK) } else { Duration::ZERO };
            if before < QUIET && quiet >= QUIET {
                audits = self.view.seen().audits;
                if let Some(handle) = self.relay.borrow().as_ref() {
                    handle.audit_now();
                }
            }
            // One that was under way may have begun before it was quiet.
            if quiet >= QUIET && self.view.seen().audits >= audits.saturating_add(2) {
                return;
            }
        }
    }

    /// What is still on its way; nothing when it is quiet.
    pub(super) fn unrest(&self) -> Vec<String> {
        let Some(handle) = self.relay.borrow().clone() else { return vec!["the daemon is down".to_owned()] };
        let mut unrest = Vec::new();
        let mut count = |chain: &str, what: &str, count: usize| {
            if count > 0 {
                unrest.push(format!("{chain}: {count} {what}"));
            }
        };
        for (_, chain, board) in handle.chains() {
            count(chain.name(), "orders wait", board.waiting);
            count(chain.name(), "transactions in flight", board.in_flight);
            count(chain.name(), "mirrors behind", board.mirrors_behind);
            count(chain.name(), "errors", usize::from(board.error.is_some()));
        }
        for chain in self.world.chains() {
            count(chain.name, "transactions in the mempool", chain.node.waiting());
        }
        count("journal", "open operations", handle.journal().open_operations().map_or(1, |open| open.len()));
        unrest
    }

    /// The running daemon.
    pub(super) fn handle(&self) -> anyhow::Result<Handle> {
        self.relay.borrow().clone().ok_or_else(|| anyhow!("the daemon is not running"))
    }
}
