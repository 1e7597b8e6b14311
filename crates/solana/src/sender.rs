//! One account that sends: its key, blockhashes, and what it pays.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;
use solana_client::rpc_response::Response;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, Hash, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use tim3_chain::{ChainError, Transaction, TxId};
use tim3_rpc::{Answer, Call, CallError, PoolError, Request};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{
    config::FeePolicy,
    failure::Failure,
    fault::Refusal,
    fees,
    link::{Network, lock},
    message::{self, Budget, MAX_UNITS, Signed},
    node::{self, Commitment, Node, NodeError, Recent, Status},
};

/// How long a blockhash is used for new transactions.
const RECENT_FOR: Duration = Duration::from_secs(1);
/// How long what others paid is used.
const PRICES_FOR: Duration = Duration::from_secs(5);
/// Blocks in which a transaction may be included: those after the one with its blockhash.
const LIFE: u64 = 150;
/// Transactions that are known to have been sent: more than are ever on their way at once.
const SENT: usize = 1_024;
/// Prices of so many accounts are asked for, at most.
const PRICED: usize = 128;

/// What simulation says about a transaction as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Simulated {
    pub(crate) units: u32,
    /// What the program returned.
    pub(crate) returned: Vec<u8>,
}

pub(crate) struct Sender {
    pub(crate) network: Arc<Network>,
    signer: Keypair,
    tables: Vec<AddressLookupTableAccount>,
    recent: Mutex<Option<(Recent, Instant)>>,
    prices: Mutex<Option<(Vec<u64>, Instant)>>,
    /// The beginnings of the newest transactions that were sent.
    sent: Mutex<VecDeque<Vec<u8>>>,
    /// Makes transactions differ that do the same: one that is the same would be taken for one that was executed.
    serial: AtomicU32,
    /// Transactions in a row that were not included.
    missed: AtomicU32,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Sender {
    /// `tables` are what accounts may be named by.
    pub(crate) fn new(network: Arc<Network>, signer: Keypair, tables: Vec<AddressLookupTableAccount>) -> Self {
        Self {
            network,
            signer,
            tables,
            recent: Mutex::default(),
            prices: Mutex::default(),
            sent: Mutex::default(),
            serial: AtomicU32::new(0),
            missed: AtomicU32::new(0),
        }
    }

    pub(crate) fn address(&self) -> Pubkey {
        self.signer.pubkey()
    }

    // ------------------------------------------------------------------------------------------------------------------ fees

    /// A transaction was not included in its time.
    pub(crate) fn missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// One was.
    pub(crate) fn included(&self) {
        self.missed.store(0, Ordering::Relaxed);
    }

    /// What a transaction that writes to `accounts` offers.
    pub(crate) async fn price(&self, accounts: &[Pubkey], policy: &FeePolicy) -> u64 {
        let missed = self.missed.load(Ordering::Relaxed);
        let known = lock(&self.prices).clone().filter(|(_, at)| at.elapsed() < PRICES_FOR);
        if let Some((paid, _)) = known {
            return fees::price(&paid, missed, policy);
        }
        let paid = self.network.paid(accounts).await;
        let price = fees::price(&paid, missed, policy);
        *lock(&self.prices) = Some((paid, Instant::now()));
        price
    }

    // --------------------------------------------------------------------------------------------------------------- blockhash

    pub(crate) async fn recent(&self) -> Result<Recent, ChainError> {
        let known = lock(&self.recent).clone().filter(|(_, at)| at.elapsed() < RECENT_FOR);
        if let Some((recent, _)) = known {
            return Ok(recent);
        }
        let recent =
            if self.network.pool.quorum_size() > 1 { self.vouched().await? } else { self.newest().await?.value };
        *lock(&self.recent) = Some((recent.clone(), Instant::now()));
        Ok(recent)
    }

    async fn newest(&self) -> Result<Answer<Recent>, ChainError> {
        // What others are to vouch for they must know: final blocks they do.
        let commitment =
            if self.network.pool.quorum_size() > 1 { Commitment::Finalized } else { Commitment::Confirmed };
        let ask = |node: Arc<Node>| async move { node.one(node::recent(commitment)).await?.recent() };
        self.network.pool.call("blockhash", ask).await.map_err(|error| self.network.error("blockhash", error))
    }

    /// A blockhash that a quorum knows. One endpoint alone could keep every transaction from ever being included with one that is no
    /// more, or from ever being given up with one that it says is valid for ever.
    async fn vouched(&self) -> Result<Recent, ChainError> {
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            let Answer { value: recent, endpoint } = self.newest().await?;
            // Whoever is not even there does not know, and has no vote.
            let least = self.network.blocks.floor();
            let ask = |node: Arc<Node>| {
                let Recent { hash, last_valid } = recent.clone();
                async move {
                    let requests = [node::is_recent(&hash, least), node::block_height(Commitment::Confirmed)];
                    let mut results = node.batch(&requests).await?;
                    let (valid, height): (bool, u64) = (results.is_recent(least)?, results.read("block height")?);
                    Ok(valid && last_valid <= height.saturating_add(LIFE))
                }
            };
            let known = self.network.pool.quorum(Call::new("blockhash known").weight(2).moving(), ask).await;
            if known.map_err(|error| self.network.error("blockhash", error))?.value {
                return Ok(recent);
            }
            let why = format!("gave blockhash {} until height {}", recent.hash, recent.last_valid);
            self.network.pool.distrust(endpoint, &why);
        }
        Err(self.network.transient("blockhash", "no endpoint gives one that a quorum knows"))
    }

    async fn blockhash(&self) -> Result<(Hash, u64), ChainError> {
        let Recent { hash, last_valid } = self.recent().await?;
        let hash = hash.parse().map_err(|_| self.network.transient("blockhash", "not a hash"))?;
        Ok((hash, last_valid))
    }

    // ----------------------------------------------------------------------------------------------------------------- signing

    /// Signs with a fresh blockhash. Without effect on the chain.
    pub(crate) async fn sign(
        &self,
        instructions: &[Instruction],
        budget: Budget,
        more: &[&Keypair],
    ) -> Result<Signed, ChainError> {
        let (hash, last_valid) = self.blockhash().await?;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let budget = Budget { units: distinct(budget.units, serial), ..budget };
        let message = message::message(&self.address(), instructions, budget, hash, &self.tables);
        let message = message.ok_or_else(|| self.network.rejected("sign", "too many accounts"))?;
        self.signed(message, last_valid, more)
    }

    /// What a journaled transaction would do, if it was signed here.
    pub(crate) fn journaled(&self, transaction: &Transaction) -> Option<VersionedMessage> {
        message::verified(&transaction.raw, &self.address()).map(|read| read.message)
    }

    /// Tells of journaled transactions that were not signed here. There are no nonces to keep free: whatever one of them can still do it does
    /// beside new ones.
    pub(crate) fn restore(&self, transactions: &[Transaction]) {
        for journaled in transactions.iter().filter(|journaled| self.journaled(journaled).is_none()) {
            let detail = "not signed by the key here";
            warn!(chain = self.network.name, id = %journaled.id, detail, "transaction not restored");
        }
    }

    /// Signs a message again, with a fresh blockhash and another price.
    pub(crate) async fn renew(&self, message: VersionedMessage, price: u64) -> Result<Signed, ChainError> {
        let (hash, last_valid) = self.blockhash().await?;
        self.signed(message::renewed(message, hash, price), last_valid, &[])
    }

    fn signed(&self, message: VersionedMessage, last_valid: u64, more: &[&Keypair]) -> Result<Signed, ChainError> {
        let signers: Vec<_> = std::iter::once(&self.signer).chain(more.iter().copied()).collect();
        let signed = message::sign(message, &signers, last_valid);
        let signed = signed.ok_or_else(|| self.network.rejected("sign", "the message needs other signers"))?;
        if signed.raw.len() > message::PACKET {
            let detail = format!("{} bytes do not fit in a transaction of {}", signed.raw.len(), message::PACKET);
            return Err(self.network.rejected("sign", detail));
        }
        Ok(signed)
    }

    /// Whether `instructions` fit in one transaction.
    pub(crate) fn fits(&self, instructions: &[Instruction]) -> bool {
        message::fits(&self.address(), instructions, &self.tables)
    }

    /// What would become of `instructions`, and what they use. A failure is an answer, too.
    pub(crate) async fn simulate(
        &self,
        instructions: &[Instruction],
    ) -> Result<Result<Simulated, Failure>, ChainError> {
        self.simulate_message(self.for_simulation(instructions)?).await
    }

    /// The same for a message.
    pub(crate) async fn simulate_message(
        &self,
        message: VersionedMessage,
    ) -> Result<Result<Simulated, Failure>, ChainError> {
        let (request, least) = self.simulation(message);
        self.network.ask("simulate", |node| outcome(node, request.clone(), least)).await
    }

    /// What a quorum makes of what would become of `instructions`, by `judge`.
    pub(crate) async fn simulate_by_quorum(
        &self,
        instructions: &[Instruction],
        judge: fn(Result<Simulated, Failure>) -> bool,
    ) -> Result<bool, ChainError> {
        const WHAT: &str = "simulate by quorum";
        let (request, least) = self.simulation(self.for_simulation(instructions)?);
        let ask = |node: Arc<Node>| {
            let outcome = outcome(node, request.clone(), least);
            async move { Ok(judge(outcome.await?)) }
        };
        let agreed = self.network.pool.quorum(Call::new(WHAT).moving(), ask).await;
        Ok(agreed.map_err(|error| self.network.error(WHAT, error))?.value)
    }

    fn for_simulation(&self, instructions: &[Instruction]) -> Result<VersionedMessage, ChainError> {
        let budget = Budget { units: MAX_UNITS, price: 0 };
        let message = message::message(&self.address(), instructions, budget, Hash::default(), &self.tables);
        message.ok_or_else(|| self.network.rejected("simulate", "too many accounts"))
    }

    /// The call for a simulation, and the slot that whoever answers must have reached.
    fn simulation(&self, message: VersionedMessage) -> (Request, u64) {
        let least = self.network.blocks.floor();
        (node::simulate(&message::unsigned(message), least), least)
    }

    // ----------------------------------------------------------------------------------------------------------------- sending

    /// Sends signed bytes. That the chain has executed them already is success. An endpoint may take a transaction and do nothing with it;
    /// so what is sent again is sent to everyone.
    pub(crate) async fn send(&self, raw: &[u8]) -> Result<(), ChainError> {
        let request = node::send(raw);
        let ask = |node: Arc<Node>| {
            let request = request.clone();
            async move { node.one(request).await?.value() }
        };
        let pool = &self.network.pool;
        let sent = if self.is_sent(raw) {
            pool.everyone("send", ask).await.map(drop)
        } else {
            pool.call("send", ask).await.map(drop)
        };
        match sent {
            Ok(()) | Err(PoolError::Refused { reason: Refusal::Transaction(Failure::AlreadyProcessed), .. }) => Ok(()),
            Err(error) => Err(self.network.error("send", error)),
        }
    }

    /// Whether these bytes were sent before; from now on they were.
    fn is_sent(&self, raw: &[u8]) -> bool {
        // They begin with their signatures, which tell transactions apart.
        let id: Vec<u8> = raw.iter().copied().take(65).collect();
        let mut sent = lock(&self.sent);
        let known = sent.contains(&id);
        if !known {
            sent.push_back(id);
            if sent.len() > SENT {
                sent.pop_front();
            }
        }
        known
    }

    /// Sends and waits until it is confirmed, with the same bytes again and again, and anew when they can no longer land: for users and
    /// deployments.
    pub(crate) async fn transact(
        &self,
        what: &'static str,
        instructions: &[Instruction],
        budget: Budget,
        more: &[&Keypair],
    ) -> Result<TxId, ChainError> {
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            let signed = self.sign(instructions, budget, more).await?;
            if let Some(outcome) = self.landed(&signed).await? {
                return match outcome.error {
                    None => Ok(signed.id),
                    Some(error) => Err(self.failed(what, &error)),
                };
            }
        }
        Err(self.network.transient(what, format!("{ATTEMPTS} transactions in a row were not included")))
    }

    pub(crate) fn failed(&self, what: &'static str, error: &Value) -> ChainError {
        Failure::of(error).into_chain_error(self.network.name.clone(), what)
    }

    /// What became of it, or `None` when it can no longer be included.
    async fn landed(&self, signed: &Signed) -> Result<Option<Status>, ChainError> {
        const PAUSE: Duration = Duration::from_millis(60);
        const AGAIN: Duration = Duration::from_millis(600);
        const PATIENCE: Duration = Duration::from_secs(180);
        let begun = Instant::now();
        let mut sent: Option<Instant> = None;
        while begun.elapsed() < PATIENCE {
            if sent.is_none_or(|sent| sent.elapsed() >= AGAIN) {
                match self.send(&signed.raw).await {
                    // It may have arrived; whether it is included is asked below.
                    Ok(()) | Err(ChainError::Transient { .. } | ChainError::RateLimited { .. }) => {}
                    Err(error) => return Err(error),
                }
                sent = Some(Instant::now());
            }
            sleep(PAUSE).await;
            let id = signed.id.0.as_str();
            let (status, height) = self
                .network
                .ask("status", |node| async move {
                    let mut results =
                        node.batch(&[node::block_height(Commitment::Finalized), node::statuses([id], false)]).await?;
                    let height: u64 = results.read("block height")?;
                    Ok((results.statuses(1)?.pop().flatten(), height))
                })
                .await?;
            match status {
                Some(status) if status.commitment.is_some() => return Ok(Some(status)),
                None if height > signed.last_valid => return Ok(None),
                _ => {}
            }
        }
        Err(self.network.transient("status", format!("{} has no fate after {} seconds", signed.id, PATIENCE.as_secs())))
    }
}

impl Network {
    /// What `account` has, in lamports.
    pub(crate) async fn lamports(&self, account: Pubkey) -> Result<u64, ChainError> {
        self.ask("balance", |node| async move {
            let found: Value = node.one(node::balance(&account)).await?.value()?;
            let lamports = found.get("value").and_then(Value::as_u64);
            lamports.ok_or_else(|| CallError::Garbage("balance: no amount".to_owned()))
        })
        .await
    }

    /// What others paid lately who write to `accounts`. Without an answer nothing: then the policy's least is offered, and more when it is
    /// not enough.
    pub(crate) async fn paid(&self, accounts: &[Pubkey]) -> Vec<u64> {
        let accounts: Vec<_> = accounts.iter().copied().take(PRICED).collect();
        let paid = self.ask("fees", |node| {
            let request = node::prices(&accounts);
            async move { node.one(request).await?.prices() }
        });
        paid.await.unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOutcome {
    err: Option<Value>,
    units_consumed: Option<u64>,
    return_data: Option<RawReturn>,
}

#[derive(Deserialize)]
struct RawReturn {
    data: (String, String),
}

async fn outcome(node: Arc<Node>, request: Request, least: u64) -> Result<Result<Simulated, Failure>, NodeError> {
    let found: Response<RawOutcome> = node.one(request).await?.read("simulation")?;
    node::reached(found.context.slot, least)?;
    Ok(simulated(found.value))
}

fn simulated(value: RawOutcome) -> Result<Simulated, Failure> {
    if let Some(error) = value.err {
        return Err(Failure::of(&error));
    }
    let units = value.units_consumed.and_then(|units| u32::try_from(units).ok()).unwrap_or(MAX_UNITS);
    let returned = value.return_data.and_then(|returned| BASE64_STANDARD.decode(returned.data.0).ok());
    Ok(Simulated { units, returned: returned.unwrap_or_default() })
}

/// Units that differ from those of the transactions before, which may do the same, and suffice as well.
fn distinct(units: u32, serial: u32) -> u32 {
    const SERIALS: u32 = 0xfff;
    units.min(MAX_UNITS.saturating_sub(SERIALS)).saturating_add(serial & SERIALS)
}

/// Compute units to ask for where simulation used `used`: what others do before can make it dearer.
pub(crate) fn margin(used: u32) -> u32 {
    used.saturating_add(used.div_ceil(4)).saturating_add(20_000).min(MAX_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_that_do_the_same_differ_whatever_they_may_use() {
        for units in [0, 200_000, MAX_UNITS] {
            assert_ne!(distinct(units, 7), distinct(units, 8), "{units}");
            assert!(distinct(units, u32::MAX) <= MAX_UNITS);
        }
    }
}
