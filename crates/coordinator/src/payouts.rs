//! Payouts that their token was never told of: where paying is a message to another process (AO), one can be lost on its way. What the token's
//! history does not have after a while, at two looks in a row, is signed and sent again under the next attempt, which the gateway takes once.

use std::{collections::BTreeSet, time::Duration};

use tim3_chain::{AttestRequest, ChainError, Evidence, LostPayout, Overdue};
use tim3_domain::{
    identity::GatewayId,
    protocol::{Action, Order, OrderCode, OrderContent},
    word::Word,
};
use tim3_journal::OrderRef;
use tim3_telemetry::Metrics;
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    attestation::Attesters,
    board::Board,
    bus::{Bus, Notice},
    coordinator::Link,
    error::CoordinatorError,
    outbox::Outbox,
    submitter::{Fate, Report, Request, queue::Job},
};

/// The task that looks after the payouts of one gateway.
pub struct Payouts {
    link: Link,
    age: Duration,
    attesters: Attesters,
    board: Board,
    bus: Bus,
    metrics: Metrics,
    reports: mpsc::Sender<Report>,
    outbox: Outbox,
    /// What was lost at the last look. A message follows what sends it, so that one look alone may come in between.
    missed: Vec<LostPayout>,
    /// What was handed in and is not decided.
    carried: BTreeSet<OrderRef>,
    /// What an operator was told of.
    unanswered: BTreeSet<Word>,
}

impl std::fmt::Debug for Payouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payouts").field("chain", &self.link.chain.name()).finish_non_exhaustive()
    }
}

impl Payouts {
    /// Looks for payouts of the gateway behind `link` that have waited for `age`.
    #[must_use]
    pub fn new(
        link: Link,
        age: Duration,
        attesters: Attesters,
        board: Board,
        bus: Bus,
        metrics: Metrics,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let outbox = Outbox::new([(link.chain.gateway(), link.submitter.clone())]);
        let (missed, carried, unanswered) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { link, age, attesters, board, bus, metrics, reports, outbox, missed, carried, unanswered }
    }

    /// Looks until cancelled.
    ///
    /// # Errors
    /// Never; it ends only when it is told to.
    pub async fn run(
        mut self,
        mut reports: mpsc::Receiver<Report>,
        cancel: CancellationToken,
    ) -> Result<(), CoordinatorError> {
        let mut look = tokio::time::interval(pause(self.age));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                Some(report) = reports.recv() => self.report(report),
                () = self.outbox.flow() => {}
                _ = look.tick() => tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    looked = self.look() => if let Err(error) = looked {
                        warn!(chain = self.link.chain.name(), %error, "payouts could not be looked after");
                        self.metrics.chain_error(self.link.chain.name(), error.class().name());
                    },
                },
            }
        }
    }

    async fn look(&mut self) -> Result<(), ChainError> {
        let Some(tips) = self.board.chain(self.gateway()).tips else { return Ok(()) };
        let Overdue { lost, unanswered } = self.link.chain.overdue(&tips.finalized, self.age.as_secs()).await?;
        self.metrics.payouts_overdue(self.link.chain.name(), lost.len(), unanswered.len());
        self.tell(unanswered);
        let still = lost.iter().filter(|payout| self.missed.contains(payout)).copied().collect();
        self.missed = lost;
        self.resend(still).await;
        Ok(())
    }

    /// Tells of payouts whose token was told and did not answer: each once.
    fn tell(&mut self, unanswered: Vec<Word>) {
        for payout in &unanswered {
            if !self.unanswered.contains(payout) {
                let chain = self.link.chain.name();
                let message = format!(
                    "{chain}: payout {payout} reached its token, whose answer did not come; its admin has to record what the token's history says"
                );
                error!(chain, %payout, "a payout reached its token, whose answer did not come");
                self.bus.send(Notice::ErrorOccurred { subject: "payout".into(), message });
            }
        }
        self.unanswered = unanswered.into_iter().collect();
    }

    /// Has the attesters sign what may be sent again, and hands it to the submitter.
    async fn resend(&mut self, lost: Vec<LostPayout>) {
        let set = self.link.attesters.read().await.clone();
        let (gateway, epoch) = (self.gateway(), set.epoch);
        let request = |lost: LostPayout| {
            let content = OrderContent::Resend { payout: lost.payout(), attempt: lost.next_attempt()? };
            let order = Order { action: Action::Resend, gateway, epoch, content };
            Some(AttestRequest { order, evidence: Evidence::Lost(lost) })
        };
        let requests = lost.into_iter().filter_map(request);
        let requests: Vec<_> = requests.filter(|request| !self.carried.contains(&name(&request.order))).collect();
        let results = self.attesters.sign(requests.clone(), &set).await;
        for (AttestRequest { order, .. }, result) in requests.into_iter().zip(results) {
            let chain = self.link.chain.name();
            match (result, &order.content) {
                (Ok(signed), OrderContent::Resend { payout, attempt }) => {
                    warn!(chain, %payout, attempt, "a payout never reached its token: it is sent again");
                    let job = Job { order: name(&order), signed, reply: self.reports.clone() };
                    self.carried.insert(job.order);
                    self.outbox.push(gateway, Request::Carry(Box::new(job)));
                }
                (Ok(_), _) => {}
                (Err(refused), _) => warn!(chain, %refused, "a payout's second attempt was not signed"),
            }
        }
    }

    /// Whatever became of an attempt, the gateway's record of the payout tells at the next look.
    fn report(&mut self, report: Report) {
        let Report { order: order @ OrderRef::Resend(_), fate, .. } = report else { return };
        let chain = self.link.chain.name();
        match fate {
            Fate::Sent(_) | Fate::Included(_) => return,
            Fate::Final(transaction) => info!(chain, %transaction, "a payout was sent again"),
            Fate::Refused { code: OrderCode::AlreadyDone, .. } => {}
            Fate::Refused { reason, .. } | Fate::Dropped(reason) => {
                warn!(chain, reason, "a payout was not sent again, it is looked for anew");
            }
        }
        self.carried.remove(&order);
    }

    fn gateway(&self) -> GatewayId {
        self.link.chain.gateway()
    }
}

fn name(order: &Order) -> OrderRef {
    OrderRef::Resend(order.content.hash())
}

/// Between two looks: not much later than a payout is overdue, and not all the time.
fn pause(age: Duration) -> Duration {
    age.checked_div(4).unwrap_or(age).clamp(Duration::from_secs(1), Duration::from_secs(60))
}
