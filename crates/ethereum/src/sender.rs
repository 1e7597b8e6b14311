//! One account that sends: its key, its nonces, and what it pays.

mod mined;
mod send;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::{
    consensus::{SignableTransaction, Transaction as _, TxEip1559, TxEnvelope, transaction::SignerRecoverable},
    eips::{
        BlockNumberOrTag,
        eip2718::{Decodable2718, Encodable2718},
    },
    primitives::{Address, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use serde_json::json;
use tim3_chain::{ChainError, TxId};
use tim3_rpc::{Call, CallError, Request};
use tokio::time::Instant;

use crate::{
    fees::{self, Fees, Market},
    link::{Network, lock},
    node::{self, Node, NodeError},
    nonces::{Answer, Kind, Pipeline},
};

/// How long a base fee is used without asking for a newer one; readings of the head bring one along.
const BASE_FOR: Duration = Duration::from_secs(3);
/// How long a suggested tip is used.
const TIP_FOR: Duration = Duration::from_secs(15);
/// The tip where an endpoint suggests none, in wei per gas.
const DEFAULT_TIP: u128 = 1_000_000_000;

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) to: TxKind,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) id: TxId,
    pub(crate) raw: Vec<u8>,
    pub(crate) nonce: u64,
    pub(crate) fees: Fees,
}

#[derive(Debug, Default)]
struct Prices {
    base: Option<(u128, Instant)>,
    tip: Option<(u128, Instant)>,
}

pub(crate) struct Sender {
    pub(crate) network: Arc<Network>,
    signer: PrivateKeySigner,
    pipeline: Mutex<Pipeline>,
    prices: Mutex<Prices>,
    started: Instant,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Sender {
    pub(crate) fn new(network: Arc<Network>, signer: PrivateKeySigner) -> Self {
        let (pipeline, prices) = (Mutex::default(), Mutex::default());
        Self { network, signer, pipeline, prices, started: Instant::now() }
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    // ------------------------------------------------------------------------------------------------------------------ fees

    pub(crate) fn note_base_fee(&self, base: u128) {
        lock(&self.prices).base = Some((base, Instant::now()));
    }

    fn forget_base_fee(&self) {
        lock(&self.prices).base = None;
    }

    fn known_market(&self) -> Option<Market> {
        let prices = lock(&self.prices);
        let (base, base_at) = prices.base?;
        let (tip, tip_at) = match self.network.fees.tip {
            Some(tip) => (tip, Instant::now()),
            None => prices.tip?,
        };
        (base_at.elapsed() < BASE_FOR && tip_at.elapsed() < TIP_FOR).then_some(Market { base, tip })
    }

    /// What the chain asks for, not older than some seconds.
    pub(crate) async fn market(&self) -> Result<Market, ChainError> {
        if let Some(market) = self.known_market() {
            return Ok(market);
        }
        let fixed = self.network.fees.tip;
        let market = self.network.ask("fees", |node| async move { market(&node, fixed).await }).await?;
        let now = Instant::now();
        *lock(&self.prices) = Prices { base: Some((market.base, now)), tip: Some((market.tip, now)) };
        Ok(market)
    }

    // ---------------------------------------------------------------------------------------------------------------- nonces

    /// Reads the chain's nonce, and the pool's.
    pub(crate) async fn sync(&self) -> Result<(u64, u64), ChainError> {
        let address = self.address();
        let (mined, pooled) = self
            .network
            .ask(Call::new("nonce").weight(2), |node| async move {
                let count = |tag: &str| Request::new("eth_getTransactionCount", json!([address, tag]));
                let mut results = node.batch(&[count("latest"), count("pending")]).await?;
                Ok((results.quantity()?, results.quantity()?))
            })
            .await?;
        lock(&self.pipeline).observe(mined, pooled, self.now());
        Ok((mined, pooled))
    }

    pub(crate) async fn synced(&self) -> Result<(), ChainError> {
        let synced = lock(&self.pipeline).synced();
        if !synced {
            self.sync().await?;
        }
        Ok(())
    }

    /// Reads what signing needs and is not known: the nonce once, fees from time to time.
    pub(crate) async fn ready(&self) -> Result<(), ChainError> {
        tokio::try_join!(self.synced(), self.market()).map(|_| ())
    }

    /// Takes a nonce that was signed for before, so that none is allotted that it could still use.
    pub(crate) fn adopt(&self, nonce: u64, fees: Fees) {
        lock(&self.pipeline).sent(nonce, fees, Kind::Sent, self.now());
    }

    /// A pool has a transaction with this nonce.
    pub(crate) fn note_pooled(&self, nonce: u64) {
        lock(&self.pipeline).pooled(nonce);
    }

    /// Adopts a nonce that nothing is known about.
    pub(crate) fn adopt_unknown(&self, nonce: u64, fees: impl FnOnce() -> Option<Fees>) {
        let unknown = lock(&self.pipeline).get(nonce).is_none();
        if let (true, Some(fees)) = (unknown, fees()) {
            self.adopt(nonce, fees);
        }
    }

    // ----------------------------------------------------------------------------------------------------------------- signing

    /// Allots the next nonce and signs. Without effect on the chain; a transaction that is never sent leaves a gap that is filled later.
    pub(crate) async fn prepare(&self, draft: Draft) -> Result<Signed, ChainError> {
        self.synced().await?;
        let fees = fees::fresh(self.market().await?, &self.network.fees);
        let nonce = lock(&self.pipeline).allot(fees, self.now());
        self.sign(draft, nonce, fees).inspect_err(|_| lock(&self.pipeline).release(nonce))
    }

    fn sign(&self, draft: Draft, nonce: u64, fees: Fees) -> Result<Signed, ChainError> {
        let transaction = TxEip1559 {
            chain_id: self.network.chain_id,
            nonce,
            gas_limit: draft.gas,
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.tip,
            to: draft.to,
            value: draft.value,
            access_list: Default::default(),
            input: draft.input,
        };
        let signature = self
            .signer
            .sign_hash_sync(&transaction.signature_hash())
            .map_err(|error| self.network.transient("sign", error.to_string()))?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Ok(Signed { id: TxId(envelope.tx_hash().to_string()), raw: envelope.encoded_2718(), nonce, fees })
    }

    /// The same transaction with a higher fee, or `None` while it should only wait: no node took it for a reason that no fee cures, it was sent
    /// a moment ago, one before it holds it up, or no fee that the policy allows would be accepted.
    pub(crate) async fn escalate(&self, raw: &[u8]) -> Result<Option<Signed>, ChainError> {
        let old = self.read(raw)?;
        let paid = Fees { max: old.max_fee_per_gas, tip: old.max_priority_fee_per_gas };
        let (slot, first) = {
            let pipeline = lock(&self.pipeline);
            (pipeline.get(old.nonce), pipeline.floor() == old.nonce)
        };
        let Some(slot) = slot else { return Ok(None) };
        let underpriced = match slot.answer {
            Answer::Open | Answer::Refused => return Ok(None),
            Answer::Accepted => false,
            Answer::Underpriced => true,
        };
        // The caller keeps the time; half of it keeps apart callers that ask twice.
        let waited = self.now().saturating_sub(slot.since).saturating_mul(2);
        if !underpriced && waited < Duration::from_millis(self.network.fees.escalate_after_ms) {
            return Ok(None);
        }
        let market = self.market().await?;
        // Behind another one a higher fee changes nothing, unless the base fee has outgrown it.
        if !first && !underpriced && slot.fees.max > market.base {
            return Ok(None);
        }
        let dearest = Fees { max: slot.fees.max.max(paid.max), tip: slot.fees.tip.max(paid.tip) };
        let Some(fees) = fees::escalate(dearest, market, &self.network.fees) else { return Ok(None) };
        let draft = Draft { to: old.to, value: old.value, input: old.input, gas: old.gas_limit };
        let signed = self.sign(draft, old.nonce, fees)?;
        lock(&self.pipeline).replaced(old.nonce, fees, self.now());
        Ok(Some(signed))
    }

    /// What is in the bytes of a transaction that this sender signed.
    pub(crate) fn read(&self, raw: &[u8]) -> Result<TxEip1559, ChainError> {
        match TxEnvelope::decode_2718_exact(raw) {
            Ok(TxEnvelope::Eip1559(signed)) => Ok(signed.strip_signature()),
            Ok(_) => Err(self.network.rejected("journaled transaction", "not an EIP-1559 transaction")),
            Err(error) => Err(self.network.rejected("journaled transaction", error.to_string())),
        }
    }

    /// That a journaled transaction is one of this key and chain.
    pub(crate) fn verify(&self, raw: &[u8]) -> Result<(), ChainError> {
        let wrong = |what: String| self.network.rejected("journaled transaction", what);
        let envelope = TxEnvelope::decode_2718_exact(raw).map_err(|error| wrong(error.to_string()))?;
        let signer = envelope.recover_signer().map_err(|error| wrong(error.to_string()))?;
        let (chain, own) = (envelope.chain_id(), self.address());
        if signer == own && chain == Some(self.network.chain_id) {
            return Ok(());
        }
        Err(wrong(format!("signed by {signer} for chain {}; the key here is {own}", chain.unwrap_or_default())))
    }

    /// What the sender has, in wei.
    pub(crate) async fn balance(&self) -> Result<U256, ChainError> {
        let address = self.address();
        self.network
            .ask("balance", |node| async move {
                node.one(Request::new("eth_getBalance", json!([address, "latest"]))).await?.read("balance")
            })
            .await
    }
}

async fn market(node: &Node, fixed_tip: Option<u128>) -> Result<Market, NodeError> {
    let mut requests = vec![node::block(BlockNumberOrTag::Latest)];
    if fixed_tip.is_none() {
        requests.push(Request::new("eth_maxPriorityFeePerGas", json!([])));
    }
    let mut results = node.batch(&requests).await?;
    let base = results.known_block("latest")?.base_fee;
    let tip = match fixed_tip {
        Some(tip) => tip,
        None => match results.wide() {
            // Not every node suggests one.
            Err(CallError::Fault(_)) => DEFAULT_TIP,
            suggested => suggested?,
        },
    };
    Ok(Market { base, tip })
}
