//! Orders in batches: as many as one transaction takes. A transaction lives as long as its blockhash, and none takes the place of another
//! that could still be included.

mod states;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use tim3_chain::{Capacity, ChainError, Prepared, Submitter, Transaction, TransactionState, Verdict};
use tim3_domain::protocol::{OrderCode, SignedOrder};
use tim3_solana_interface::{GatewayError, instruction::OrderResult};
use tracing::{debug, warn};

use crate::{
    config::SolanaConfig,
    connect::Solana,
    failure::{Failure, is_permanent},
    link::{Link, Snapshot},
    message::{self, Budget, Signed},
    node::Found,
    orders::{self, Placed, Placing},
    pack::{Packed, Packing, Tried},
    sender::{Sender, Simulated, margin},
};

/// Orders that surely fit in one transaction, before it is known how many do.
const FIRST_GUESS: usize = 2;

/// The sender of batches.
#[derive(Debug)]
pub(crate) struct Batches {
    pub(crate) sender: Sender,
    capacity: Capacity,
    /// How many orders fitted lately.
    fitting: AtomicUsize,
}

impl Batches {
    pub(crate) fn new(sender: Sender, config: &SolanaConfig) -> Self {
        let capacity = Capacity { orders: config.max_orders.max(1), in_flight: config.max_in_flight.max(1) };
        Self { sender, capacity, fitting: AtomicUsize::new(FIRST_GUESS) }
    }

    /// What one transaction takes as it is known now: what is handed in above that only comes back later.
    fn capacity(&self) -> Capacity {
        Capacity { orders: self.fitting.load(Ordering::Relaxed).clamp(1, self.capacity.orders), ..self.capacity }
    }

    /// Of so many orders that were handed in, so many found no room: one more is tried when all did.
    fn learn(&self, handed_in: usize, later: usize) {
        let fitted = handed_in.saturating_sub(later);
        let full = handed_in >= self.fitting.load(Ordering::Relaxed);
        match later {
            0 if full => self.fitting.store(fitted.saturating_add(1), Ordering::Relaxed),
            0 => {}
            _ => self.fitting.store(fitted.max(1), Ordering::Relaxed),
        }
    }
}

/// A transaction as the ports know it.
fn transaction(signed: Signed, replaces: Option<&Transaction>) -> Transaction {
    let Signed { id, raw, last_valid } = signed;
    Transaction { id, raw, nonce: last_valid, replaces: replaces.map(|old| old.id.clone()) }
}

#[async_trait]
impl Submitter for Solana {
    fn capacity(&self) -> Capacity {
        self.batches.as_ref().map_or(Capacity { orders: 0, in_flight: 0 }, Batches::capacity)
    }

    async fn prepare(&self, orders: &[SignedOrder]) -> Result<Prepared, ChainError> {
        let batches = self.batches()?;
        if orders.is_empty() {
            return Ok(Prepared { transaction: None, left_out: Vec::new() });
        }
        let (gateway, placed) = self.link.place(orders).await?;
        let (packed, units) = self.pack(batches, &gateway, &placed).await?;
        batches.learn(orders.len(), packed.later.len());
        let later = packed.later.iter().map(|index| Verdict {
            index: *index,
            code: OrderCode::Delayed,
            reason: "does not fit in this transaction".to_owned(),
            permanent: false,
        });
        let mut left_out: Vec<_> =
            packed.out.into_iter().map(|(index, verdict)| Verdict { index, ..verdict }).chain(later).collect();
        left_out.sort_by_key(|verdict| verdict.index);
        let chosen = packed.pack.iter().filter_map(|index| placed.get(*index));
        if packed.pack.is_empty() {
            return Ok(Prepared { transaction: None, left_out });
        }
        let instruction = self.link.execute(&gateway, &batches.sender.address(), chosen)?;
        let writes: Vec<Pubkey> =
            instruction.accounts.iter().filter(|meta| meta.is_writable).map(|meta| meta.pubkey).collect();
        let price = batches.sender.price(&writes, &self.link.config.fees).await;
        let signed = batches.sender.sign(&[instruction], Budget { units: margin(units), price }, &[]).await?;
        Ok(Prepared { transaction: Some(transaction(signed, None)), left_out })
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        self.batches()?.sender.send(&transaction.raw).await
    }

    async fn states(&self, transactions: &[Transaction]) -> Result<Vec<TransactionState>, ChainError> {
        self.read_states(self.batches()?, transactions).await
    }

    async fn escalate(&self, old: &Transaction) -> Result<Option<Transaction>, ChainError> {
        let batches = self.batches()?;
        let state = self.read_states(batches, std::slice::from_ref(old)).await?.into_iter().next();
        if state != Some(TransactionState::Dead) {
            return Ok(None);
        }
        let Some(read) = message::verified(&old.raw, &batches.sender.address()) else { return Ok(None) };
        let price = batches.sender.price(read.message.static_account_keys(), &self.link.config.fees).await;
        let signed = batches.sender.renew(read.message, price).await?;
        Ok(Some(transaction(signed, Some(old))))
    }

    /// There are no nonces to keep free: whatever a journaled transaction can still do it does beside new ones.
    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        let own = self.batches()?.sender.address();
        for journaled in transactions {
            if message::verified(&journaled.raw, &own).is_none() {
                let detail = "not signed by the key here";
                warn!(chain = self.link.name, id = %journaled.id, detail, "transaction not restored");
            }
        }
        Ok(())
    }

    async fn funds(&self) -> Result<(String, bool), ChainError> {
        /// Rent of ten pages of events, in lamports; each takes some hundred.
        const NEEDED: u64 = 10 * (10_240 + 128) * 6_960;
        let lamports = self.batches()?.sender.balance().await?;
        let (whole, rest) = (lamports / LAMPORTS, lamports % LAMPORTS);
        Ok((format!("{whole}.{rest:09} SOL"), lamports < NEEDED))
    }
}

/// Lamports in a SOL.
const LAMPORTS: u64 = 1_000_000_000;

impl Solana {
    fn batches(&self) -> Result<&Batches, ChainError> {
        self.batches.as_ref().ok_or_else(|| self.link.rejected("submit", "no key to pay for orders is configured"))
    }

    /// Which of the orders go into the transaction, and what they use.
    async fn pack(
        &self,
        batches: &Batches,
        gateway: &Snapshot,
        placed: &[Placed],
    ) -> Result<(Packed<Verdict>, u32), ChainError> {
        let payer = batches.sender.address();
        let instruction =
            |pack: &[usize]| self.link.execute(gateway, &payer, pack.iter().filter_map(|index| placed.get(*index)));
        let fits = |pack: &[usize]| {
            instruction(pack).is_ok_and(|instruction| message::fits(&payer, std::slice::from_ref(&instruction)))
        };
        let mut packing = Packing::new(placed.len(), batches.capacity.orders);
        let mut units = 0;
        while let Some(pack) = packing.next(fits) {
            let (count, instruction) = (pack.len(), instruction(pack)?);
            let tried = if count == 1 && !message::fits(&payer, std::slice::from_ref(&instruction)) {
                Tried::Failed(rejected("does not fit in a transaction".to_owned(), false))
            } else {
                match batches.sender.simulate(&[instruction]).await? {
                    Ok(simulated) => {
                        units = simulated.units;
                        Tried::Judged(judged(&simulated, count))
                    }
                    Err(failure) => self.aborted(failure, count)?,
                }
            };
            packing.tried(tried);
        }
        Ok((packing.finish(), units))
    }

    /// What it means that the transaction as a whole would fail.
    fn aborted(&self, failure: Failure, orders: usize) -> Result<Tried<Verdict>, ChainError> {
        debug!(chain = self.link.name, %failure, orders, "a transaction would fail as a whole");
        match failure {
            // The gateway moved on, or an endpoint is behind: the orders have nothing to do with it.
            Failure::Gateway(GatewayError::PageMissing) | Failure::Blockhash | Failure::AlreadyProcessed => {
                Err(self.link.transient("simulate", failure.to_string()))
            }
            Failure::Transaction(reason) => {
                let detail = format!("{reason}; check the balance of {}", self.signer().unwrap_or_default());
                Err(self.link.transient("simulate", detail))
            }
            Failure::Gateway(error) => Ok(Tried::Failed(rejected(error.name().to_owned(), is_permanent(error)))),
            Failure::Instruction { .. } => Ok(Tried::Failed(rejected(failure.to_string(), false))),
        }
    }
}

fn judged(simulated: &Simulated, orders: usize) -> Vec<Option<Verdict>> {
    (0..orders).map(|index| verdict(&OrderResult::at(&simulated.returned, index))).collect()
}

fn rejected(reason: String, permanent: bool) -> Verdict {
    Verdict { index: 0, code: OrderCode::Rejected, reason, permanent }
}

fn verdict(result: &OrderResult) -> Option<Verdict> {
    let code = OrderCode::from_code(result.code).unwrap_or(OrderCode::Rejected);
    if code == OrderCode::Done {
        return None;
    }
    let permanent = code == OrderCode::Rejected && result.reason.is_some_and(is_permanent);
    let reason = result.reason.map_or_else(|| code.name().to_owned(), |reason| reason.name().to_owned());
    Some(Verdict { index: 0, code, reason, permanent })
}

impl Link {
    /// The gateway, and the orders with the accounts they need there.
    pub(crate) async fn place(&self, orders: &[SignedOrder]) -> Result<(Snapshot, Vec<Placed>), ChainError> {
        let gateway = self.gateway("orders").await?;
        let keys: Vec<Pubkey> = orders::payees(&gateway, orders).into_iter().collect();
        let found = self.accounts("token accounts", &keys).await?;
        let found: BTreeMap<Pubkey, Found> =
            keys.into_iter().zip(found).filter_map(|(key, found)| Some((key, found?))).collect();
        let placing = Placing::new(self.addresses, &gateway, &found);
        let placed = orders.iter().map(|order| placing.place(order)).collect();
        Ok((gateway, placed))
    }

    pub(crate) fn execute<'a>(
        &self,
        gateway: &Snapshot,
        payer: &Pubkey,
        placed: impl IntoIterator<Item = &'a Placed>,
    ) -> Result<Instruction, ChainError> {
        orders::execute(&self.addresses, gateway, payer, placed)
            .ok_or_else(|| self.rejected("execute", "more accounts or bytes than an instruction takes"))
    }
}
