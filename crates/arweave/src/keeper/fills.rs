//! What became of trades and transfers: each message on the way of a swap is looked for in the history of the process that it is for, and what it did there is the
//! word of a quorum of compute units.
//!
//! A swap is done once the second token has paid, or the first one has paid back. Anybody can write a message into a history that claims to be another process's; the process
//! does not believe it, so that what such a message did is nothing, and the search goes on behind it.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use futures::future::try_join_all;
use serde::Deserialize;
use tim3_chain::{Attempt, BlockRef, ChainError, Traded, Transaction, Undone};
use tim3_domain::{
    identity::{AssetId, OperationId},
    word::Word,
};
use tim3_rpc::{Call, CallError, Http};
use tracing::{debug, warn};

use super::{
    Keeper,
    outcomes::Status,
    par::{self, Redeemed},
    pool::{self, Payment},
};
use crate::{
    ans104::DataItem,
    id::Id,
    link::lock,
    payouts::SKEW,
    units::{
        compute::{self, Outcome},
        scheduler::{PAGE, Scheduled},
    },
    view::{Number, Query, view},
};

/// Seconds after which a message between processes that did not come is taken for lost: longer than any messenger tries.
const LOST_AFTER: u64 = 3_600;

/// What a message of this account asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// A swap, by a transfer of a token to a pool.
    Swap { token: Id, pool: Id },
    /// Minting at par, by a transfer of a token to the gateway.
    Mint { token: Id },
    /// Redeeming at par.
    Redeem,
    /// A Transfer operation of so much.
    Move { amount: u128 },
}

/// How far a trade has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// At `since` its token sent so much to the pool, whose history is to be read from this number on.
    Sent { since: u64, message: BlockRef, quantity: u128, next: u64 },
    /// At `since` the pool answered to the notice: it has a token pay, whose history is to be read from this number on.
    Answered { since: u64, message: BlockRef, quantity: u128, notice: Id, payment: Payment, next: u64 },
    /// The gateway redeemed so much, and has the token pay.
    Owed { message: BlockRef, paid: u128, payout: Word },
    /// It is over.
    Ended(Attempt<Traded>),
}

impl Asked {
    /// Whom it is for, where the gateway is `gateway`.
    fn process(self, gateway: Id) -> Id {
        match self {
            Self::Swap { token, .. } | Self::Mint { token } => token,
            Self::Redeem | Self::Move { .. } => gateway,
        }
    }
}

#[derive(Deserialize)]
struct Burned {
    operation: Word,
}

/// What became of what the gateway has a token pay, in the token's units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Payout {
    status: Status,
    quantity: Number<u128>,
    /// Symbol of the token.
    asset: String,
}

impl Keeper {
    pub(super) async fn read_trades(&self, transactions: &[Transaction]) -> Result<Vec<Attempt<Traded>>, ChainError> {
        lock(&self.fills).retain(|id, _| transactions.iter().any(|transaction| transaction.id == *id));
        if transactions.is_empty() {
            return Ok(Vec::new());
        }
        let head = self.link.latest(self.link.process()).await?.block();
        self.link.blocks.keep(head);
        try_join_all(transactions.iter().map(|transaction| self.follow(transaction, head))).await
    }

    /// Goes on with one of them as far as there is news.
    async fn follow(&self, transaction: &Transaction, head: BlockRef) -> Result<Attempt<Traded>, ChainError> {
        let id = &transaction.id;
        let Some((message, asked)) = read(&transaction.raw) else { return Ok(Attempt::Dead) };
        loop {
            let known = lock(&self.fills).get(id).cloned();
            let before = known.clone();
            let next = match (known, asked) {
                (Some(Progress::Ended(attempt)), _) => return Ok(attempt),
                (None, _) => {
                    let process = asked.process(self.link.process());
                    let scheduled = self.link.scheduled(process, message).await?;
                    let Some(scheduled) = scheduled else { return Ok(Attempt::Unknown) };
                    let begun = self.begin(asked, &scheduled, head).await?;
                    let Some(begun) = begun else { return Ok(Attempt::Pending) };
                    begun
                }
                (Some(Progress::Owed { message, paid, payout }), _) => self.collect(message, paid, payout).await?,
                (Some(progress), Asked::Swap { token, pool }) => {
                    self.go_on(Trail { cause: message, token, pool, head }, progress).await?
                }
                (Some(progress), Asked::Mint { token }) => {
                    self.hear(Trail { cause: message, token, pool: self.link.process(), head }, progress).await?
                }
                (Some(_), Asked::Redeem | Asked::Move { .. }) => return Ok(Attempt::Pending),
            };
            let is_news = before.as_ref() != Some(&next);
            lock(&self.fills).insert(id.clone(), next);
            if !is_news {
                return Ok(Attempt::Pending);
            }
        }
    }

    /// What the message itself did; `None` while that is not known.
    async fn begin(&self, asked: Asked, scheduled: &Scheduled, head: BlockRef) -> Result<Option<Progress>, ChainError> {
        let (own, process) = (self.address, asked.process(self.link.process()));
        let message = self.place(process, scheduled).unwrap_or(head);
        let ended = |result| Ok(Some(Progress::Ended(Attempt::Included { block: message, cost: 0, result })));
        match asked {
            Asked::Move { amount } => {
                let done = self.evaluated(process, scheduled.id, |outcome| operation(outcome, own)).await;
                let Some(done) = done else { return Ok(None) };
                ended(done.map_err(Undone::Failed).and_then(|operation| {
                    Ok(Traded { operation: Some(operation), ..traded(&[(process, amount, true)])? })
                }))
            }
            Asked::Redeem => {
                let done = self.evaluated(process, scheduled.id, |outcome| par::redeemed(outcome, own)).await;
                match done {
                    None => Ok(None),
                    Some(Err(reason)) => ended(Err(Undone::Failed(reason))),
                    Some(Ok(Redeemed { paid, payout: Some(payout) })) => {
                        Ok(Some(Progress::Owed { message, paid: paid.0, payout }))
                    }
                    Some(Ok(Redeemed { paid, payout: None })) => ended(traded(&[(process, paid.0, true)])),
                }
            }
            Asked::Swap { .. } | Asked::Mint { .. } => {
                let pool = if let Asked::Swap { pool, .. } = asked { pool } else { self.link.process() };
                let sent = |outcome: &Outcome| pool::credited(outcome, pool).ok_or_else(|| pool::refusal(outcome));
                let Some(sent) = self.evaluated(process, scheduled.id, sent).await else { return Ok(None) };
                let quantity = match sent {
                    Ok(quantity) => quantity,
                    Err(reason) => return ended(Err(Undone::Failed(reason))),
                };
                let since = scheduled.block().timestamp;
                let next = self.link.first_since(pool, since.saturating_sub(SKEW), &head).await?;
                Ok(Some(Progress::Sent { since, message, quantity, next }))
            }
        }
    }

    async fn go_on(&self, trail: Trail, progress: Progress) -> Result<Progress, ChainError> {
        let Trail { cause, token, pool, .. } = trail;
        match progress {
            Progress::Sent { since, message, quantity, mut next } => {
                let cause = cause.to_string();
                let wanted =
                    |found: &Scheduled| is_of(found, token, "Credit-Notice") && found.tag("Pushed-For") == Some(&cause);
                let paid = |outcome: &Outcome| pool::payment(outcome, self.address);
                match self.search(pool, &mut next, trail.head, wanted, paid).await? {
                    Sought::Found(notice, payment) => {
                        let since = notice.block().timestamp.max(since);
                        let next =
                            self.link.first_since(payment.token, since.saturating_sub(SKEW), &trail.head).await?;
                        let notice = notice.id;
                        Ok(Progress::Answered { since, message, quantity, notice, payment, next })
                    }
                    Sought::Unevaluated => Ok(Progress::Sent { since, message, quantity, next }),
                    Sought::Nothing => self.or_lost(trail, Progress::Sent { since, message, quantity, next }).await,
                }
            }
            Progress::Answered { since, message, quantity, notice, payment, mut next } => {
                let (own, paid) = (self.address.to_string(), payment.quantity.to_string());
                let causes = [cause.to_string(), notice.to_string()];
                let wanted = |found: &Scheduled| {
                    is_of(found, pool, "Transfer")
                        && found.tag("Recipient") == Some(&own)
                        && found.tag("Quantity") == Some(&paid)
                        && causes.iter().any(|cause| found.tag("Pushed-For") == Some(cause))
                };
                let come = |outcome: &Outcome| pool::credited(outcome, self.address);
                let sought = self.search(payment.token, &mut next, trail.head, wanted, come).await?;
                if let Sought::Found(found, come) = sought {
                    let there = self.place(payment.token, &found);
                    let block = there.map_or(message, |there| there.max(message));
                    return Ok(ended(block, token, quantity, come, &payment));
                }
                let progress = Progress::Answered { since, message, quantity, notice, payment, next };
                if matches!(sought, Sought::Unevaluated) { Ok(progress) } else { self.or_lost(trail, progress).await }
            }
            other => Ok(other),
        }
    }

    /// What the gateway answered to a lock.
    async fn hear(&self, trail: Trail, progress: Progress) -> Result<Progress, ChainError> {
        let Progress::Sent { since, message, quantity, mut next } = progress else { return Ok(progress) };
        let (token, cause) = (trail.token, trail.cause.to_string());
        let wanted =
            |found: &Scheduled| is_of(found, token, "Credit-Notice") && found.tag("Pushed-For") == Some(&cause);
        let locked = |outcome: &Outcome| par::locked(outcome, self.address);
        let (notice, locked) = match self.search(trail.pool, &mut next, trail.head, wanted, locked).await? {
            Sought::Found(notice, locked) => (notice, locked),
            Sought::Unevaluated => return Ok(Progress::Sent { since, message, quantity, next }),
            Sought::Nothing => {
                return self.or_lost(trail, Progress::Sent { since, message, quantity, next }).await;
            }
        };
        let block = self.place(trail.pool, &notice).unwrap_or(message);
        let minted = locked.unwrap_or_else(|reason| {
            warn!(chain = self.link.name(), message = %trail.cause, %token, quantity, reason, "the gateway mints nothing for what was sent: claim it");
            0
        });
        let result = traded(&[(token, quantity, true), (trail.pool, minted, false)]);
        Ok(Progress::Ended(Attempt::Included { block, cost: 0, result }))
    }

    /// Whether the token has paid what the gateway owes.
    async fn collect(&self, message: BlockRef, paid: u128, payout: Word) -> Result<Progress, ChainError> {
        const WHAT: &str = "payout";
        let query = &Query::new("Payout").with("Payout", payout);
        let ask = |cu: Arc<Http>, least: u64| async move {
            view::<Payout>(&cu, self.link.process(), query).await?.since(least)
        };
        let found = self.link.agreed(Call::new(WHAT).moving(), &message, ask).await?;
        let quantity = match found.status {
            Status::Pending => return Ok(Progress::Owed { message, paid, payout }),
            Status::Paid => found.quantity.0,
            Status::Failed => {
                warn!(chain = self.link.name(), %payout, "the token does not pay what was redeemed: claim it");
                0
            }
        };
        let asset = AssetId::from_symbol(&found.asset);
        let asset = asset.map_err(|error| self.link.transient(WHAT, error.to_string()))?;
        let token = self.link.registered(WHAT, asset).await?.token;
        let result = traded(&[(self.link.process(), paid, true), (token, quantity, false)]);
        Ok(Progress::Ended(Attempt::Included { block: message, cost: 0, result }))
    }

    /// The same, or its end where a message between processes is lost: what was sent is gone, and nothing came for it.
    async fn or_lost(&self, trail: Trail, progress: Progress) -> Result<Progress, ChainError> {
        let (since, block, quantity) = match progress {
            Progress::Sent { since, message, quantity, .. } | Progress::Answered { since, message, quantity, .. } => {
                (since, message, quantity)
            }
            Progress::Owed { .. } | Progress::Ended(_) => return Ok(progress),
        };
        if self.link.at_least().await?.saturating_sub(since) <= LOST_AFTER {
            return Ok(progress);
        }
        let Trail { cause, token, pool, .. } = trail;
        warn!(chain = self.link.name(), message = %cause, %pool, %token, quantity, "a swap was not answered, and what was sent is lost");
        let result = traded(&[(token, quantity, true)]);
        Ok(Progress::Ended(Attempt::Included { block, cost: 0, result }))
    }

    /// The first message of `process` from `next` on that is `wanted` and did what `read` reads; `next` becomes its number, or that of the one to come.
    async fn search<T>(
        &self,
        process: Id,
        next: &mut u64,
        head: BlockRef,
        wanted: impl Fn(&Scheduled) -> bool,
        read: impl Fn(&Outcome) -> Option<T> + Sync,
    ) -> Result<Sought<T>, ChainError>
    where
        T: Clone + PartialEq + Debug + Send,
    {
        loop {
            let last = next.saturating_add(PAGE).saturating_sub(1);
            let page = self.link.recent(process, *next, last, &head).await?;
            let is_whole = u64::try_from(page.len()).is_ok_and(|length| length == PAGE);
            for message in page {
                *next = message.nonce;
                if wanted(&message) {
                    match self.evaluated(process, message.id, &read).await {
                        None => return Ok(Sought::Unevaluated),
                        Some(Some(found)) => return Ok(Sought::Found(message, found)),
                        // The process did not believe it.
                        Some(None) => {}
                    }
                }
                *next = message.nonce.saturating_add(1);
            }
            if !is_whole {
                return Ok(Sought::Nothing);
            }
        }
    }

    /// What a message did, once a quorum says the same; `None` until then.
    async fn evaluated<T>(&self, process: Id, message: Id, read: impl Fn(&Outcome) -> T + Sync) -> Option<T>
    where
        T: Clone + PartialEq + Debug + Send,
    {
        let read = &read;
        let ask = |cu: Arc<Http>| async move {
            let found = compute::result(&cu, process, message).await?;
            found.as_ref().map(read).ok_or_else(|| CallError::Behind(format!("it has not evaluated {message}")))
        };
        match self.link.compute_units.quorum(Call::new("trade").moving(), ask).await {
            Ok(agreed) => Some(agreed.value),
            // Who is behind yet evaluates it a moment later.
            Err(error) => {
                debug!(chain = self.link.name(), %message, %error, "a message of a trade is not evaluated");
                None
            }
        }
    }

    /// Where a message is among those of the gateway, if it is one of them.
    fn place(&self, process: Id, found: &Scheduled) -> Option<BlockRef> {
        if process != self.link.process() {
            return None;
        }
        let block = found.block();
        self.link.blocks.keep(block);
        Some(block)
    }
}

/// Whether a message claims to be this one of a process.
fn is_of(found: &Scheduled, process: Id, action: &str) -> bool {
    found.tag("From-Process") == Some(&process.to_string()) && found.tag("Action") == Some(action)
}

/// What looking for a message comes to.
enum Sought<T> {
    Found(Scheduled, T),
    /// It is there, and it is not known what it did.
    Unevaluated,
    Nothing,
}

/// What a swap is followed by.
#[derive(Clone, Copy, Debug)]
struct Trail {
    /// Its message.
    cause: Id,
    /// The token that it sent.
    token: Id,
    pool: Id,
    /// The gateway's newest message.
    head: BlockRef,
}

/// A message of this account: its id, and what it asks for.
fn read(raw: &[u8]) -> Option<(Id, Asked)> {
    let item = DataItem::decode(raw).ok()?;
    let asked = match (item.tag("Action")?, item.tag("X-Action")) {
        ("Transfer", Some("Swap")) => {
            Asked::Swap { token: item.draft().target?, pool: item.tag("Recipient")?.parse().ok()? }
        }
        ("Transfer", Some("Lock")) => Asked::Mint { token: item.draft().target? },
        ("Redeem", _) => Asked::Redeem,
        ("Burn", _) => Asked::Move { amount: item.tag("Quantity")?.parse().ok()? },
        _ => return None,
    };
    Some((item.id(), asked))
}

/// The operation that a burn of `own` started; in words, why there is none.
pub(super) fn operation(outcome: &Outcome, own: Id) -> Result<OperationId, String> {
    let Burned { operation } = par::answered(outcome, own, "Burn")?;
    Ok(OperationId(operation))
}

/// The end of a swap of `quantity` of `token`, where `come` was paid.
fn ended(block: BlockRef, token: Id, quantity: u128, come: u128, payment: &Payment) -> Progress {
    let result = match &payment.refund {
        Some(reason) if payment.token == token && come == quantity => Err(if Payment::is_guard(reason) {
            Undone::Guarded(reason.clone())
        } else {
            Undone::Failed(reason.clone())
        }),
        _ => traded(&[(token, quantity, true), (payment.token, come, false)]),
    };
    Progress::Ended(Attempt::Included { block, cost: 0, result })
}

/// What was gained and, where so marked, lost of tokens.
fn traded(moved: &[(Id, u128, bool)]) -> Result<Traded, Undone> {
    let mut sums = BTreeMap::<Id, i128>::new();
    for (token, amount, is_loss) in moved {
        let sum = sums.entry(*token).or_default();
        let amount = i128::try_from(*amount).ok().map(|amount| if *is_loss { amount.saturating_neg() } else { amount });
        let beyond = || Undone::Failed(format!("amounts of {token} beyond what is counted"));
        *sum = amount.and_then(|amount| sum.checked_add(amount)).ok_or_else(beyond)?;
    }
    let changes = sums.into_iter().filter(|(_, sum)| *sum != 0).map(|(token, sum)| (token.account(), sum));
    Ok(Traded { changes: changes.collect(), ..Traded::default() })
}

#[cfg(test)]
mod tests;
