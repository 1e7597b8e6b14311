//! Orders in batches: as many as one transaction takes. A transaction lives as long as its blockhash, and none takes the place of another
//! that could still be included.

mod states;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use tim3_chain::{Capacity, ChainError, Prepared, Submitter, Transaction, TransactionState, Verdict};
use tim3_domain::protocol::{OrderCode, SignedOrder};
use tim3_solana_interface::{GatewayError, instruction::OrderResult, limits::EVENT_PAGE_BYTES};
use tracing::{debug, info, warn};

use crate::{
    allowance::Allowance,
    config::SolanaConfig,
    connect::Solana,
    failure::{Failure, is_permanent},
    fees::rent,
    link::{Link, Snapshot, lock},
    message::Budget,
    node::Found,
    orders::{self, Placed, Placing},
    pack::{Packed, Packing, Tried},
    sender::{Sender, Simulated, margin},
    user::open,
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
    /// Token accounts that may still be made for recipients.
    allowance: Mutex<Allowance>,
}

impl Batches {
    pub(crate) fn new(sender: Sender, config: &SolanaConfig) -> Self {
        let capacity = Capacity { orders: config.max_orders.max(1), in_flight: config.max_in_flight.max(1) };
        let allowance = Mutex::new(Allowance::new(config.create_accounts));
        Self { sender, capacity, fitting: AtomicUsize::new(FIRST_GUESS), allowance }
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

impl Batches {
    /// The token accounts that these orders need are made with them. Of what `left` allowed.
    fn made<'a>(&self, orders: impl IntoIterator<Item = &'a Placed>, left: u32, chain: &str) {
        let count = u32::try_from(orders::opened(orders).len()).unwrap_or(u32::MAX);
        lock(&self.allowance).spend(count, now());
        if count > 0 {
            info!(chain, count, left = left.saturating_sub(count), "making token accounts of recipients");
        }
    }
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
        let left = lock(&batches.allowance).left(now());
        let (gateway, placed) = self.link.place(orders, left).await?;
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
        for verdict in left_out.iter_mut().filter(|verdict| verdict.permanent) {
            // What is given up is voided, so one endpoint's word is not enough.
            let order = placed.get(verdict.index).into_iter();
            verdict.permanent = self.is_refused_for_good(batches, &gateway, order).await;
        }
        let chosen: Vec<&Placed> = packed.pack.iter().filter_map(|index| placed.get(*index)).collect();
        if packed.pack.is_empty() {
            return Ok(Prepared { transaction: None, left_out });
        }
        let instructions = self.link.execute(&gateway, &batches.sender.address(), chosen.iter().copied())?;
        let price = batches.sender.price(&written(&instructions), &self.link.config.fees).await;
        let signed = batches.sender.sign(&instructions, Budget { units: margin(units), price }, &[]).await?;
        batches.made(chosen, left, &self.link.name);
        Ok(Prepared { transaction: Some(signed.transaction(None)), left_out })
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
        let Some(message) = batches.sender.journaled(old) else { return Ok(None) };
        let price = batches.sender.price(message.static_account_keys(), &self.link.config.fees).await;
        Ok(Some(batches.sender.renew(message, price).await?.transaction(Some(old))))
    }

    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        self.batches()?.sender.restore(transactions);
        Ok(())
    }

    fn kept(&self) -> Option<String> {
        lock(&self.batches.as_ref()?.allowance).kept()
    }

    fn take_up(&self, kept: &str) {
        let taken = self.batches.as_ref().is_none_or(|batches| lock(&batches.allowance).take_up(kept));
        if !taken {
            warn!(chain = self.link.name, kept, "how many token accounts were made today is not known");
        }
    }

    async fn funds(&self) -> Result<(String, bool), ChainError> {
        /// Pages of events that it can pay the rent of; each takes some hundred.
        const PAGES: u64 = 10;
        let lamports = self.link.lamports(self.batches()?.sender.address()).await?;
        Ok((sol(lamports), lamports < rent(EVENT_PAGE_BYTES).saturating_mul(PAGES)))
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The accounts that instructions write to.
pub(crate) fn written(instructions: &[Instruction]) -> Vec<Pubkey> {
    let metas = instructions.iter().flat_map(|instruction| &instruction.accounts);
    metas.filter(|meta| meta.is_writable).map(|meta| meta.pubkey).collect()
}

/// Lamports for people.
pub(crate) fn sol(lamports: u64) -> String {
    /// In a SOL.
    const LAMPORTS: u64 = 1_000_000_000;
    let (whole, rest) = (lamports / LAMPORTS, lamports % LAMPORTS);
    format!("{whole}.{rest:09} SOL")
}

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
        let instructions =
            |pack: &[usize]| self.link.execute(gateway, &payer, pack.iter().filter_map(|index| placed.get(*index)));
        let fits = |pack: &[usize]| instructions(pack).is_ok_and(|instructions| batches.sender.fits(&instructions));
        let mut packing = Packing::new(placed.len(), batches.capacity.orders);
        let mut units = 0;
        while let Some(pack) = packing.next(fits) {
            let (count, instructions) = (pack.len(), instructions(pack)?);
            let tried = if count == 1 && !batches.sender.fits(&instructions) {
                Tried::Failed(rejected("does not fit in a transaction".to_owned(), false))
            } else {
                match batches.sender.simulate(&instructions).await? {
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

    /// Whether a quorum says, too, that an order can never be done.
    async fn is_refused_for_good<'a>(
        &self,
        batches: &Batches,
        gateway: &Snapshot,
        order: impl Iterator<Item = &'a Placed>,
    ) -> bool {
        let confirmed = match self.link.execute(gateway, &batches.sender.address(), order) {
            Ok(instructions) => batches.sender.simulate_by_quorum(&instructions, is_hopeless).await,
            Err(error) => Err(error),
        };
        confirmed.unwrap_or_else(|error| {
            warn!(chain = self.link.name, %error, "a refusal is not confirmed, its order is tried again");
            false
        })
    }

    /// What it means that the transaction as a whole would fail.
    fn aborted(&self, failure: Failure, orders: usize) -> Result<Tried<Verdict>, ChainError> {
        debug!(chain = self.link.name, %failure, orders, "a transaction would fail as a whole");
        match failure {
            // The gateway moved on, or an endpoint is behind: the orders have nothing to do with it.
            Failure::Gateway(GatewayError::PageMissing) | Failure::Blockhash | Failure::AlreadyProcessed => {
                Err(self.link.transient("simulate", failure.to_string()))
            }
            Failure::Transaction(reason) if reason.contains("LookupTable") => {
                let detail = format!("{reason}; correct lookup_table, or remove it, and start again");
                Err(self.link.transient("simulate", detail))
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

/// Whether a transaction of one order shows that it can never be done.
fn is_hopeless(outcome: Result<Simulated, Failure>) -> bool {
    match outcome {
        Ok(simulated) => judged(&simulated, 1).into_iter().flatten().any(|verdict| verdict.permanent),
        Err(Failure::Gateway(error)) => is_permanent(error),
        Err(_) => false,
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
    /// The gateway, and the orders with the accounts they need there. For as many as `opening` recipients without a token account it is made;
    /// what is for others waits to be claimed.
    pub(crate) async fn place(
        &self,
        orders: &[SignedOrder],
        opening: u32,
    ) -> Result<(Snapshot, Vec<Placed>), ChainError> {
        let gateway = self.gateway("orders").await?;
        let keys: Vec<Pubkey> = orders::payees(&gateway, orders).into_iter().collect();
        let found = self.accounts("token accounts", &keys).await?;
        let found: BTreeMap<Pubkey, Option<Found>> = keys.into_iter().zip(found).collect();
        let placing = Placing::new(self.addresses, &gateway, &found);
        let mut left = usize::try_from(opening).unwrap_or(usize::MAX);
        let mut placed = Vec::with_capacity(orders.len());
        for order in orders {
            let one = placing.place(order, left);
            left = left.saturating_sub(orders::opened([&one]).len());
            placed.push(one);
        }
        Ok((gateway, placed))
    }

    /// What executes the orders, after making the token accounts that they need.
    pub(crate) fn execute<'a>(
        &self,
        gateway: &Snapshot,
        payer: &Pubkey,
        placed: impl IntoIterator<Item = &'a Placed>,
    ) -> Result<Vec<Instruction>, ChainError> {
        let placed: Vec<&Placed> = placed.into_iter().collect();
        let opened = orders::opened(placed.iter().copied());
        let execute = orders::execute(&self.addresses, gateway, payer, placed)
            .ok_or_else(|| self.rejected("execute", "more accounts or bytes than an instruction takes"))?;
        Ok(opened.iter().map(|(wallet, mint)| open(payer, wallet, mint)).chain([execute]).collect())
    }
}
