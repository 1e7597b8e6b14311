//! Reads the books of every gateway, has them audited, and stops signing when a law does not hold.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tim3_chain::{Actor, Books, ChainError, Direction, UserAction};
use tim3_domain::{
    identity::{AssetId, GatewayId},
    place::BlockRef,
};
use tim3_telemetry::Metrics;
use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    audit::{Reading, Verdict, audit},
    board::Board,
    bus::{Bus, Notice},
    coordinator::{Command, Links, Message, now_ms},
    error::CoordinatorError,
};

/// The pause level a breach raises on every gateway.
const FROZEN: u8 = 3;

/// Guardian keys, by gateway: those that are configured raise the pause level there.
pub type Guardians = BTreeMap<GatewayId, Arc<dyn Actor>>;

/// The auditor of one synthetic.
pub struct Auditor {
    asset: AssetId,
    symbol: String,
    symbols: BTreeMap<AssetId, String>,
    links: Links,
    guardians: Guardians,
    coordinator: mpsc::Sender<Message>,
    board: Board,
    bus: Bus,
    metrics: Metrics,
    interval: Duration,
}

impl std::fmt::Debug for Auditor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auditor").field("asset", &self.symbol).finish_non_exhaustive()
    }
}

impl Auditor {
    /// The auditor of `asset`, not yet running. `symbols` name collaterals.
    #[expect(clippy::too_many_arguments, reason = "pure wiring, called once")]
    #[must_use]
    pub fn new(
        asset: AssetId,
        symbol: String,
        symbols: BTreeMap<AssetId, String>,
        links: Links,
        guardians: Guardians,
        coordinator: mpsc::Sender<Message>,
        board: Board,
        bus: Bus,
        metrics: Metrics,
        interval: Duration,
    ) -> Self {
        Self { asset, symbol, symbols, links, guardians, coordinator, board, bus, metrics, interval }
    }

    /// Audits until cancelled; `now` asks for one at once.
    ///
    /// # Errors
    /// None: what cannot be read is unknown, is shown as such, and is tried again.
    pub async fn run(self, mut now: mpsc::Receiver<()>, cancel: CancellationToken) -> Result<(), CoordinatorError> {
        let mut interval = tokio::time::interval(self.interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut frozen = false;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = interval.tick() => {}
                Some(()) = now.recv() => {}
            }
            match read(self.asset, &self.links).await {
                Ok(readings) => {
                    self.board.update_asset(self.asset, |board| {
                        board.audit.readings = Some((now_ms(), Arc::from(readings.as_slice())));
                    });
                    frozen = self.judge(self.audit(&readings), frozen).await;
                    self.windows().await;
                }
                Err(error) => {
                    warn!(asset = self.symbol, %error, "the books could not be read");
                    self.board.audit_unknown(self.asset, error.to_string());
                }
            }
        }
    }

    fn audit(&self, readings: &[Reading]) -> Verdict {
        audit(readings, &self.board.asset(self.asset).conflicts, |asset| {
            self.symbols.get(&asset).cloned().unwrap_or_else(|| asset.to_string())
        })
    }

    async fn judge(&self, verdict: Verdict, frozen: bool) -> bool {
        let breaches: Vec<String> =
            verdict.breaches().map(|check| format!("{} ({})", check.law, check.detail)).collect();
        let holds = breaches.is_empty();
        self.metrics.audited(&self.symbol, holds, verdict.supply, verdict.in_flight, verdict.debt, verdict.bad_debt);
        self.board.audited(self.asset, verdict);
        self.bus.send(Notice::Audited { asset: self.asset, holds, breaches: breaches.clone() });
        if holds {
            return false;
        }
        // Whoever resumes during a breach has signing until the next audit.
        if self.board.asset(self.asset).paused.is_none() {
            let why = format!("audit breach: {}", breaches.join("; "));
            error!(asset = self.symbol, why, "signing stops");
            let (reply, _) = oneshot::channel();
            let _ = self.coordinator.send(Message::Command(Command::Pause(why), reply)).await;
        }
        if !frozen {
            self.freeze().await;
        }
        true
    }

    /// Measures the room in every window, for whoever watches: nothing is decided by it.
    async fn windows(&self) {
        for (gateway, link) in self.links.iter() {
            let clock = self.board.chain(*gateway).tips.map_or(0, |tips| tips.head.timestamp);
            for (direction, name) in [(Direction::Mint, "mint"), (Direction::Release, "release")] {
                match link.chain.window(self.asset, direction).await {
                    Ok(window) => {
                        let available = window.available_at(clock.max(window.updated));
                        self.metrics.window(link.chain.name(), &self.symbol, name, available, window.limit);
                    }
                    Err(error) => debug!(chain = link.chain.name(), %error, name, "a window could not be read"),
                }
            }
        }
    }

    async fn freeze(&self) {
        for (gateway, link) in self.links.iter() {
            let Some(guardian) = self.guardians.get(gateway) else {
                warn!(
                    chain = link.chain.name(),
                    "no guardian key is configured: its gateway is not frozen by this daemon"
                );
                continue;
            };
            match guardian.act(UserAction::RaisePause { asset: self.asset, level: FROZEN }).await {
                Ok(transaction) => info!(chain = link.chain.name(), %transaction, "gateway frozen"),
                Err(error) => error!(chain = link.chain.name(), %error, "the gateway could not be frozen"),
            }
        }
    }
}

/// Reads the books of every gateway twice, as the law wants it: all of the first readings end before any of the second begins.
///
/// # Errors
/// [`ChainError`] of the first chain that did not answer.
pub async fn read(asset: AssetId, links: &Links) -> Result<Vec<Reading>, ChainError> {
    let first = read_once(asset, links).await?;
    let second = read_once(asset, links).await?;
    let readings = links.iter().zip(first).zip(second).map(|(((gateway, link), (first, _)), (second, block))| {
        Reading { gateway: *gateway, chain: link.chain.name().to_owned(), first, second, block }
    });
    Ok(readings.collect())
}

/// Books with the final block that they are of.
async fn read_once(asset: AssetId, links: &Links) -> Result<Vec<(Books, BlockRef)>, ChainError> {
    let peers: Vec<GatewayId> = links.keys().copied().collect();
    let reads = links.values().map(|link| async {
        let tips = link.chain.tips().await?;
        Ok((link.chain.books(asset, &peers, &tips.finalized).await?, tips.finalized))
    });
    futures::future::try_join_all(reads).await
}

#[cfg(test)]
mod tests;
