//! Sending signed bytes, and keeping the nonces flowing.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Bytes, TxKind, U256};
use serde_json::json;
use tim3_chain::{ChainError, TxId};
use tim3_rpc::{PoolError, Request};
use tracing::{debug, info, warn};

use super::{Draft, Sender, Signed};
use crate::{
    fault::FaultClass,
    fees::{self, Fees},
    link::lock,
    node::{self, Node, NodeError, Receipt},
    nonces::{Answer, Kind},
};

/// Gas of a transfer without data.
const TRANSFER_GAS: u64 = 21_000;

impl Sender {
    /// Sends signed bytes. That the chain knows them already, or has mined them, is success.
    pub(crate) async fn send(&self, id: &TxId, raw: &[u8], nonce: u64, fees: Fees) -> Result<(), ChainError> {
        self.send_as(Kind::Sent, id, raw, nonce, fees).await
    }

    async fn send_as(&self, kind: Kind, id: &TxId, raw: &[u8], nonce: u64, fees: Fees) -> Result<(), ChainError> {
        let bytes = Bytes::copy_from_slice(raw);
        let ask = |node: Arc<Node>| {
            let request = Request::new("eth_sendRawTransaction", json!([bytes]));
            async move {
                match node.one(request).await?.value() {
                    // What it knows already it has taken.
                    Err(NodeError::Refused(refusal)) if refusal.class == FaultClass::AlreadyKnown => Ok(()),
                    answer => answer.map(drop),
                }
            }
        };
        // An endpoint may take a transaction and do nothing with it; so what is sent again is sent to everyone.
        let is_sent = lock(&self.pipeline)
            .get(nonce)
            .is_some_and(|slot| slot.answer == Answer::Accepted && (slot.kind, slot.fees) == (kind, fees));
        let pool = &self.network.pool;
        let first = if is_sent { None } else { Some(pool.call("send", ask).await.map(drop)) };
        let sent = match first {
            // Nor is a refusal more than the word of one, who may have passed it on nevertheless.
            None | Some(Err(PoolError::Refused { .. })) => pool.everyone("send", ask).await.map(drop),
            Some(sent) => sent,
        };
        let refusal = match sent {
            Ok(()) => None,
            Err(PoolError::Refused { reason, .. }) => Some(reason),
            // It may have arrived nevertheless.
            Err(error) => {
                lock(&self.pipeline).sent(nonce, fees, kind, self.now());
                return Err(self.network.error("send", error));
            }
        };
        let Some(refusal) = refusal else {
            lock(&self.pipeline).accepted(nonce, fees, kind, self.now());
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
            }
            FaultClass::ReplacementUnderpriced if self.is_foreign(nonce) => {
                let mut pipeline = lock(&self.pipeline);
                pipeline.sent(nonce, fees, Kind::Foreign, self.now());
                pipeline.refused(nonce, Answer::Underpriced);
            }
            FaultClass::ReplacementUnderpriced | FaultClass::FeeTooLow => {
                lock(&self.pipeline).refused(nonce, Answer::Underpriced);
                self.forget_base_fee();
                return Err(self.network.transient("send", refusal.reason));
            }
            FaultClass::Unsendable => lock(&self.pipeline).release(nonce),
            _ => lock(&self.pipeline).refused(nonce, Answer::Refused),
        }
        Err(self.network.refused("send", refusal))
    }

    /// Whether what waits in a pool with this nonce is none of ours.
    fn is_foreign(&self, nonce: u64) -> bool {
        lock(&self.pipeline).get(nonce).is_none_or(|slot| matches!(slot.kind, Kind::Prepared | Kind::Foreign))
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

    /// Keeps the nonces flowing: fills one that holds up sent transactions, and raises the fee of fillers that wait too long. What fails is
    /// tried again the next time.
    pub(crate) async fn tend(&self) {
        let (gap, fillers) = {
            let (mut pipeline, now) = (lock(&self.pipeline), self.now());
            let after = Duration::from_millis(self.network.fees.escalate_after_ms);
            (pipeline.gap(now, self.network.gap_patience), pipeline.old_fillers(now, after))
        };
        let nonces: Vec<_> = gap.map(|nonce| (nonce, None)).into_iter().chain(fillers).collect();
        for (nonce, paid) in nonces {
            if let Err(error) = self.fill(nonce, paid).await {
                warn!(chain = self.network.name, nonce, %error, "could not fill a nonce that holds up the ones above it");
            }
        }
    }

    /// Takes `nonce` with a transfer of nothing to oneself; in place of one that `paid` so much, if there is one.
    async fn fill(&self, nonce: u64, paid: Option<Fees>) -> Result<(), ChainError> {
        let market = self.market().await?;
        let fees = match paid {
            Some(paid) => fees::escalate(paid, market, &self.network.fees),
            None => Some(fees::fresh(market, &self.network.fees)),
        };
        let Some(fees) = fees else { return Ok(()) };
        info!(chain = self.network.name, nonce, "filling a nonce that holds up the ones above it");
        let draft =
            Draft { to: TxKind::Call(self.address()), value: U256::ZERO, input: Bytes::new(), gas: TRANSFER_GAS };
        let Signed { id, raw, .. } = self.sign(draft, nonce, fees)?;
        self.send_as(Kind::Filler, &id, &raw, nonce, fees).await
    }
}
