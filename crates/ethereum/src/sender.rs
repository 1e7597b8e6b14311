//! One account that sends: its key, its nonces, and what it pays.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::SignerRecoverable},
    eips::{
        BlockNumberOrTag,
        eip2718::{Decodable2718, Encodable2718},
    },
    primitives::{Address, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use serde_json::json;
use tim3_chain::{ChainError, TxId};
use tim3_rpc::{Call, CallError, PoolError, Request};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    fault::FaultClass,
    fees::{self, Fees, Market},
    link::{Network, lock},
    node::{self, Node, NodeError, Receipt},
    nonces::{Kind, Pipeline},
};

/// How long a base fee is used without asking for a newer one; readings of the head bring one along.
const BASE_FOR: Duration = Duration::from_secs(3);
/// How long a suggested tip is used.
const TIP_FOR: Duration = Duration::from_secs(15);
/// The tip where an endpoint suggests none, in wei per gas.
const DEFAULT_TIP: u128 = 1_000_000_000;
/// Gas of a transfer without data.
const TRANSFER_GAS: u64 = 21_000;

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

    /// Takes a nonce that was signed for before, so that none is allotted that it could still use.
    pub(crate) fn adopt(&self, nonce: u64, fees: Fees) {
        lock(&self.pipeline).sent(nonce, fees, Kind::Sent, self.now());
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

    /// The same transaction with a higher fee, or `None` while it should only wait: it was sent a moment ago, one before it holds it up, or no
    /// fee that the policy allows would be accepted.
    pub(crate) async fn escalate(&self, raw: &[u8]) -> Result<Option<Signed>, ChainError> {
        let old = self.read(raw)?;
        let paid = Fees { max: old.max_fee_per_gas, tip: old.max_priority_fee_per_gas };
        let (slot, first) = {
            let pipeline = lock(&self.pipeline);
            (pipeline.get(old.nonce), pipeline.floor() == old.nonce)
        };
        let Some(slot) = slot else { return Ok(None) };
        // The caller keeps the time; half of it keeps apart callers that ask twice.
        let waited = self.now().saturating_sub(slot.since).saturating_mul(2);
        if !slot.underpriced && waited < Duration::from_millis(self.network.fees.escalate_after_ms) {
            return Ok(None);
        }
        let market = self.market().await?;
        // Behind another one a higher fee changes nothing, unless the base fee has outgrown it.
        if !first && !slot.underpriced && slot.fees.max > market.base {
            return Ok(None);
        }
        let dearest = Fees { max: slot.fees.max.max(paid.max), tip: slot.fees.tip.max(paid.tip) };
        let Some(fees) = fees::escalate(dearest, market, &self.network.fees) else { return Ok(None) };
        let draft = Draft { to: old.to, value: old.value, input: old.input, gas: old.gas_limit };
        let signed = self.sign(draft, old.nonce, fees)?;
        lock(&self.pipeline).replaced(old.nonce, fees, self.now());
        Ok(Some(signed))
    }

    /// What is in the bytes of a transaction of this sender.
    pub(crate) fn read(&self, raw: &[u8]) -> Result<TxEip1559, ChainError> {
        let wrong = |what: String| self.network.rejected("journaled transaction", what);
        let envelope = TxEnvelope::decode_2718_exact(raw).map_err(|error| wrong(error.to_string()))?;
        let signer = envelope.recover_signer().map_err(|error| wrong(error.to_string()))?;
        let TxEnvelope::Eip1559(signed) = envelope else { return Err(wrong("not an EIP-1559 transaction".to_owned())) };
        let transaction = signed.strip_signature();
        if signer != self.address() || transaction.chain_id != self.network.chain_id {
            let (chain, own) = (transaction.chain_id, self.address());
            return Err(wrong(format!("signed by {signer} for chain {chain}; the key here is {own}")));
        }
        Ok(transaction)
    }

    // ----------------------------------------------------------------------------------------------------------------- sending

    /// Sends signed bytes. That the chain knows them already, or has mined them, is success.
    pub(crate) async fn send(&self, id: &TxId, raw: &[u8], nonce: u64, fees: Fees) -> Result<(), ChainError> {
        self.send_as(Kind::Sent, id, raw, nonce, fees).await
    }

    async fn send_as(&self, kind: Kind, id: &TxId, raw: &[u8], nonce: u64, fees: Fees) -> Result<(), ChainError> {
        let bytes = Bytes::copy_from_slice(raw);
        let sent = self
            .network
            .pool
            .call("send", |node| {
                let request = Request::new("eth_sendRawTransaction", json!([bytes]));
                async move { node.one(request).await?.value() }
            })
            .await;
        let refusal = match sent {
            Ok(_) => None,
            Err(PoolError::Refused { reason, .. }) => Some(reason),
            // It may have arrived nevertheless.
            Err(error) => {
                lock(&self.pipeline).sent(nonce, fees, kind, self.now());
                return Err(self.network.error("send", error));
            }
        };
        let Some(refusal) = refusal.filter(|refusal| refusal.class != FaultClass::AlreadyKnown) else {
            lock(&self.pipeline).sent(nonce, fees, kind, self.now());
            return Ok(());
        };
        debug!(chain = self.network.name, %id, nonce, reason = refusal.reason, "transaction refused");
        match refusal.class {
            FaultClass::NonceTooLow => {
                if self.receipt(id).await?.is_some() {
                    return Ok(());
                }
                // Its nonce is used; the chain's reading tells which is the next one.
                self.sync().await?;
                Err(self.network.stale(refusal.reason))
            }
            FaultClass::ReplacementUnderpriced | FaultClass::FeeTooLow => {
                let mut pipeline = lock(&self.pipeline);
                let own = pipeline.get(nonce).is_some_and(|slot| slot.kind == Kind::Sent);
                if !own && refusal.class == FaultClass::ReplacementUnderpriced {
                    // Somebody else's transaction has the nonce.
                    pipeline.sent(nonce, fees, Kind::Foreign, self.now());
                    pipeline.underpriced(nonce);
                    return Err(self.network.stale(refusal.reason));
                }
                pipeline.underpriced(nonce);
                lock(&self.prices).base = None;
                Err(self.network.transient("send", refusal.reason))
            }
            FaultClass::Unsendable => {
                lock(&self.pipeline).release(nonce);
                Err(self.network.rejected("send", refusal.reason))
            }
            _ => Err(self.network.error("send", PoolError::Refused { endpoint: String::new(), reason: refusal })),
        }
    }

    pub(crate) async fn receipt(&self, id: &TxId) -> Result<Option<Receipt>, ChainError> {
        let request = node::receipt(&id.0);
        self.network
            .ask("receipt", |node| {
                let request = request.clone();
                async move { node.one(request).await?.receipt() }
            })
            .await
    }

    /// Keeps the nonces flowing: fills one that holds up sent transactions, and raises the fee of fillers that wait too long.
    pub(crate) async fn tend(&self) -> Result<(), ChainError> {
        let (gap, fillers) = {
            let (mut pipeline, now) = (lock(&self.pipeline), self.now());
            let after = Duration::from_millis(self.network.fees.escalate_after_ms);
            (pipeline.gap(now, self.network.gap_patience), pipeline.old_fillers(now, after))
        };
        if gap.is_none() && fillers.is_empty() {
            return Ok(());
        }
        let market = self.market().await?;
        let fresh = gap.map(|nonce| (nonce, fees::fresh(market, &self.network.fees)));
        let raised = fillers
            .into_iter()
            .filter_map(|(nonce, slot)| Some((nonce, fees::escalate(slot.fees, market, &self.network.fees)?)));
        for (nonce, fees) in fresh.into_iter().chain(raised) {
            warn!(chain = self.network.name, nonce, "filling a nonce that holds up the ones above it");
            let draft =
                Draft { to: TxKind::Call(self.address()), value: U256::ZERO, input: Bytes::new(), gas: TRANSFER_GAS };
            let Signed { id, raw, .. } = self.sign(draft, nonce, fees)?;
            self.send_as(Kind::Filler, &id, &raw, nonce, fees).await?;
        }
        Ok(())
    }

    // ------------------------------------------------------------------------------------------------------- until mined

    /// Sends and waits until it is mined, raising the fee where that takes long: for users and deployments.
    pub(crate) async fn transact(&self, what: &'static str, draft: Draft) -> Result<(TxId, Receipt), ChainError> {
        let signed = self.prepare(draft.clone()).await?;
        let signed = match self.offer(&signed).await {
            // Somebody else uses the key: once more with the nonce that the chain now states.
            Err(ChainError::StaleNonce { .. }) => {
                let anew = self.prepare(draft).await?;
                self.offer(&anew).await?;
                anew
            }
            offered => offered.map(|()| signed)?,
        };
        self.mined(what, signed).await
    }

    /// Sends one after the other without waiting in between, and waits for all.
    pub(crate) async fn transact_all(
        &self,
        what: &'static str,
        drafts: Vec<Draft>,
    ) -> Result<Vec<(TxId, Receipt)>, ChainError> {
        let mut sent = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let signed = self.prepare(draft).await?;
            self.offer(&signed).await?;
            sent.push(signed);
        }
        let mut mined = Vec::with_capacity(sent.len());
        for signed in sent {
            mined.push(self.mined(what, signed).await?);
        }
        Ok(mined)
    }

    /// Sends; what was not decided is decided while waiting.
    async fn offer(&self, signed: &Signed) -> Result<(), ChainError> {
        match self.send(&signed.id, &signed.raw, signed.nonce, signed.fees).await {
            Err(error @ (ChainError::Transient { .. } | ChainError::RateLimited { .. })) => {
                debug!(chain = self.network.name, %error, "to be sent again");
                Ok(())
            }
            decided => decided,
        }
    }

    async fn mined(&self, what: &'static str, signed: Signed) -> Result<(TxId, Receipt), ChainError> {
        const PATIENCE: Duration = Duration::from_secs(180);
        const FIRST_PAUSE: Duration = Duration::from_millis(20);
        const LONGEST_PAUSE: Duration = Duration::from_millis(500);
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        let mut attempts = vec![signed];
        while begun.elapsed() < PATIENCE {
            for attempt in &attempts {
                if let Some(receipt) = self.receipt(&attempt.id).await? {
                    lock(&self.pipeline).mined(attempt.nonce);
                    return Ok((attempt.id.clone(), receipt));
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            if pause == LONGEST_PAUSE {
                self.push(&mut attempts).await?;
            }
        }
        let ids = attempts.iter().map(|attempt| attempt.id.to_string()).collect::<Vec<_>>().join(", ");
        Err(self.network.transient(what, format!("not mined after {} seconds: {ids}", PATIENCE.as_secs())))
    }

    /// Closes gaps below, and sends the newest attempt again, or a dearer one.
    async fn push(&self, attempts: &mut Vec<Signed>) -> Result<(), ChainError> {
        let Some(newest) = attempts.last().cloned() else { return Ok(()) };
        let (mined, pooled) = self.sync().await?;
        self.tend().await?;
        let next = if mined < newest.nonce || pooled <= newest.nonce {
            // Held up, or lost by the pool: the same bytes again.
            newest
        } else {
            let Some(dearer) = self.escalate(&newest.raw).await? else { return Ok(()) };
            attempts.push(dearer.clone());
            dearer
        };
        match self.offer(&next).await {
            Err(ChainError::StaleNonce { .. }) => Ok(()),
            offered => offered,
        }
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
