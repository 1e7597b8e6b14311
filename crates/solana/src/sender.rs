//! One account that sends: its key, blockhashes, and what it pays.

use std::{
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
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Hash, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use tim3_chain::{ChainError, TxId};
use tim3_rpc::{CallError, PoolError};
use tokio::time::{Instant, sleep};

use crate::{
    config::FeePolicy,
    failure::Failure,
    fault::Refusal,
    fees,
    link::{Network, lock},
    message::{self, Budget, MAX_UNITS, Signed},
    node::{self, Commitment, Recent, Status},
};

/// How long a blockhash is used for new transactions.
const RECENT_FOR: Duration = Duration::from_secs(1);
/// How long what others paid is used.
const PRICES_FOR: Duration = Duration::from_secs(5);
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
    recent: Mutex<Option<(Recent, Instant)>>,
    prices: Mutex<Option<(Vec<u64>, Instant)>>,
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
    pub(crate) fn new(network: Arc<Network>, signer: Keypair) -> Self {
        Self {
            network,
            signer,
            recent: Mutex::default(),
            prices: Mutex::default(),
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
        let accounts: Vec<_> = accounts.iter().copied().take(PRICED).collect();
        let paid = self
            .network
            .ask("fees", |node| {
                let request = node::prices(&accounts);
                async move { node.one(request).await?.prices() }
            })
            .await;
        // Without an answer the policy's least is offered, and more when it is not enough.
        let paid = paid.unwrap_or_default();
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
            self.network.ask("blockhash", |node| async move { node.one(node::recent()).await?.recent() }).await?;
        *lock(&self.recent) = Some((recent.clone(), Instant::now()));
        Ok(recent)
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
        let serial = self.serial.fetch_add(1, Ordering::Relaxed) & 0xfff;
        let budget = Budget { units: budget.units.saturating_add(serial).min(MAX_UNITS), ..budget };
        let message = message::message(&self.address(), instructions, budget, hash);
        let message = message.ok_or_else(|| self.network.rejected("sign", "too many accounts"))?;
        self.signed(message, last_valid, more)
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

    /// What would become of `instructions`, and what they use. A failure is an answer, too.
    pub(crate) async fn simulate(
        &self,
        instructions: &[Instruction],
    ) -> Result<Result<Simulated, Failure>, ChainError> {
        let budget = Budget { units: MAX_UNITS, price: 0 };
        let message = message::message(&self.address(), instructions, budget, Hash::default());
        let message = message.ok_or_else(|| self.network.rejected("simulate", "too many accounts"))?;
        let request = node::simulate(&message::unsigned(message));
        self.network
            .ask("simulate", |node| {
                let request = request.clone();
                async move { Ok(simulated(node.one(request).await?.read("simulation")?)) }
            })
            .await
    }

    // ----------------------------------------------------------------------------------------------------------------- sending

    /// Sends signed bytes. That the chain has executed them already is success.
    pub(crate) async fn send(&self, raw: &[u8]) -> Result<(), ChainError> {
        let request = node::send(raw);
        let sent = self
            .network
            .pool
            .call("send", |node| {
                let request = request.clone();
                async move { node.one(request).await?.value() }
            })
            .await;
        match sent {
            Ok(_) | Err(PoolError::Refused { reason: Refusal::Transaction(Failure::AlreadyProcessed), .. }) => Ok(()),
            Err(error) => Err(self.network.error("send", error)),
        }
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

    /// What the sender has, in lamports.
    pub(crate) async fn balance(&self) -> Result<u64, ChainError> {
        let address = self.address();
        self.network
            .ask("balance", |node| async move {
                let found: Value = node.one(node::balance(&address)).await?.value()?;
                let lamports = found.get("value").and_then(Value::as_u64);
                lamports.ok_or_else(|| CallError::Garbage("balance: no amount".to_owned()))
            })
            .await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSimulation {
    value: RawOutcome,
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

fn simulated(RawSimulation { value }: RawSimulation) -> Result<Simulated, Failure> {
    if let Some(error) = value.err {
        return Err(Failure::of(&error));
    }
    let units = value.units_consumed.and_then(|units| u32::try_from(units).ok()).unwrap_or(MAX_UNITS);
    let returned = value.return_data.and_then(|returned| BASE64_STANDARD.decode(returned.data.0).ok());
    Ok(Simulated { units, returned: returned.unwrap_or_default() })
}

/// Compute units to ask for where simulation used `used`: what others do before can make it dearer.
pub(crate) fn margin(used: u32) -> u32 {
    used.saturating_add(used.div_ceil(4)).saturating_add(20_000).min(MAX_UNITS)
}
