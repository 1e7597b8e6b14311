//! Sending and waiting until it is mined: for users and deployments.

use std::time::Duration;

use tim3_chain::{ChainError, TxId};
use tokio::time::Instant;
use tracing::debug;

use super::{Draft, Sender, Signed};
use crate::{link::lock, node::Receipt};

impl Sender {
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
        self.tend().await;
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
}
