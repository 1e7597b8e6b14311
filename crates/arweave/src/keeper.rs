//! An account that keeps markets: what sources and oracle processes say, positions and inventory, liquidations, and trades in pools.
//!
//! A liquidation is one message. Nothing orders it among others and nothing ends its life: it is posted until it is scheduled. It carries its own guard, and a key
//! by which the gateway does it once, however often units have it. It is done once what it seized has come: the token is another process and pays a little later.
//!
//! * `feeds`: what sources say. `outcomes`: what became of liquidations.
//! * `pool`: what pools say and pay. `par`: minting and redeeming. `trades`: swaps and transfers, tried and signed. `fills`: what became of them.

mod feeds;
mod fills;
mod outcomes;
mod par;
mod pool;
mod trades;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use tim3_chain::{
    Attempt, BlockRef, ChainError, Feed, FeedReading, Keeper as Port, Liquidate, PositionRecord, Trader, Transaction,
    TxId,
};
use tim3_domain::identity::{Account, AssetId, MarketId};
use tim3_rpc::{Call, CallError, Http};

use self::{
    fills::Progress,
    outcomes::{Landed, Said, said},
    pool::Pool,
};
use crate::{
    ans104::Tag,
    id::Id,
    link::Link,
    network::anchor,
    state::Position,
    units::{Refusal, UnitError, compute::Trial},
    view::{Number, Query, many, part},
    wallet::Wallet,
};

/// Positions in one request.
const POSITIONS: usize = 100;

/// An account that keeps markets at a gateway.
#[derive(Debug)]
pub struct Keeper {
    link: Arc<Link>,
    address: Id,
    wallet: Option<Wallet>,
    /// What scheduler and compute units said of messages that are still asked for: it does not change any more.
    landed: Mutex<BTreeMap<TxId, Landed>>,
    /// Pools that were looked at.
    pools: Mutex<BTreeMap<Id, Arc<Pool>>>,
    /// How far trades have come that are still asked for.
    fills: Mutex<BTreeMap<TxId, Progress>>,
}

#[derive(Debug, Deserialize)]
struct Target {
    target: Number<u128>,
}

impl Keeper {
    pub(crate) fn new(link: Arc<Link>, address: Id, wallet: Option<Wallet>) -> Self {
        Self { link, address, wallet, landed: Mutex::default(), pools: Mutex::default(), fills: Mutex::default() }
    }

    fn wallet(&self) -> Result<&Wallet, ChainError> {
        self.wallet.as_ref().ok_or_else(|| self.link.rejected("liquidate", "no key of a keeper is configured"))
    }
}

#[async_trait]
impl Port for Keeper {
    fn account(&self) -> Account {
        self.address.account()
    }

    fn can_send(&self) -> bool {
        self.wallet.is_some()
    }

    fn trader(&self) -> Option<&dyn Trader> {
        Some(self)
    }

    /// The scheduler's clock: the process's newest message may be of any time.
    async fn clock(&self, head: &BlockRef) -> Result<u64, ChainError> {
        Ok(self.link.now().await?.max(head.timestamp))
    }

    async fn feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        self.read_feed(feed).await
    }

    async fn positions(&self, market: MarketId, owners: &[Account]) -> Result<Vec<PositionRecord>, ChainError> {
        const WHAT: &str = "positions";
        let link = &self.link;
        let head = link.latest(link.process()).await?.block();
        link.blocks.keep(head);
        let mut positions = Vec::with_capacity(owners.len());
        for owners in owners.chunks(POSITIONS) {
            let ask = |cu: Arc<Http>, least: u64| async move { records(link, &cu, market, owners, least).await };
            positions.extend(link.agreed(Call::new(WHAT).moving(), &head, ask).await?);
        }
        Ok(positions)
    }

    async fn target(&self, synthetic: AssetId) -> Result<u128, ChainError> {
        let query = Query::new("Asset").with("Asset", synthetic);
        Ok(self.link.view::<Target>("target", query).await?.target.0)
    }

    /// Messages cost nothing.
    async fn fee_balance(&self) -> Result<u128, ChainError> {
        Ok(0)
    }

    /// As [`Keeper::fee_balance`].
    async fn liquidation_cost(&self) -> Result<u128, ChainError> {
        Ok(0)
    }

    async fn prepare(&self, liquidation: &Liquidate) -> Result<Transaction, ChainError> {
        const WHAT: &str = "liquidate";
        let (link, wallet) = (&self.link, self.wallet()?);
        let tags = tags(liquidation);
        let trial = Trial { from: Some(self.address), tags: tags.clone(), data: String::new() };
        let outcome = link.dry_run(link.process(), &trial).await?;
        match said(&outcome, self.address) {
            Ok(Said::Done(_)) => {}
            Ok(Said::Refused { reason, .. } | Said::Failed(reason)) => return Err(link.rejected(WHAT, reason)),
            Err(error) => return Err(link.transient(WHAT, format!("{error:?}"))),
        }
        let item = link.message(wallet, link.process(), &tags, "")?;
        Ok(Transaction { id: TxId(item.id().to_string()), raw: item.raw().to_vec(), nonce: 0, replaces: None })
    }

    /// A refusal is the word of one messenger, who may keep what it was sent and pass it on whenever it likes: what was signed is under way until it is scheduled.
    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        self.link.post(&transaction.raw).await.map_err(ChainError::in_doubt)
    }

    async fn attempts(&self, transactions: &[Transaction]) -> Result<Vec<Attempt>, ChainError> {
        self.read_attempts(transactions).await
    }

    /// A message has neither a fee to raise nor a life that ends.
    async fn escalate(&self, _transaction: &Transaction) -> Result<Option<Transaction>, ChainError> {
        Ok(None)
    }

    /// What was signed before takes nothing from what is signed later.
    async fn restore(&self, _transactions: &[Transaction]) -> Result<(), ChainError> {
        Ok(())
    }
}

/// What liquidates, once.
fn tags(liquidation: &Liquidate) -> Vec<Tag> {
    let Liquidate { market, owner, max_repay, min_seized } = liquidation;
    vec![
        Tag::new("Action", "Liquidate"),
        Tag::new("Market", market.to_string()),
        Tag::new("Position-Owner", owner.to_string()),
        Tag::new("Max-Repay", max_repay.to_string()),
        Tag::new("Min-Seized", min_seized.to_string()),
        Tag::new("Key", String::from_utf8_lossy(&anchor()).into_owned()),
    ]
}

/// Positions as a compute unit has them that has seen message `least`.
async fn records(
    link: &Link,
    cu: &Http,
    market: MarketId,
    owners: &[Account],
    least: u64,
) -> Result<Vec<PositionRecord>, UnitError> {
    let mut queries = vec![Query::new("Market").with("Market", market)];
    queries
        .extend(owners.iter().map(|owner| Query::new("Position").with("Market", market).with("Position-Owner", owner)));
    let answers = many(cu, link.process(), &queries).await?.since(least)?;
    // Without the market nobody has a position, which is not what an operator means who names it.
    if answers.first().and_then(|market| market.get("exists")) != Some(&Value::Bool(true)) {
        return Err(CallError::Refused(Refusal { reason: format!("UnknownMarket {market}") }));
    }
    (1..queries.len()).map(|index| part::<Position>(&answers, index).map(PositionRecord::from)).collect()
}

#[cfg(test)]
mod tests {
    use tim3_domain::word::Word;

    use super::*;

    #[test]
    fn every_liquidation_has_a_key_of_its_own() {
        let it =
            Liquidate { market: MarketId(Word([1; 32])), owner: Account(Word([2; 32])), max_repay: 7, min_seized: 6 };
        let (one, other) = (tags(&it), tags(&it));
        assert_eq!(one[..5], other[..5]);
        assert_ne!(one[5], other[5]);
        assert_eq!((one[5].name.as_str(), one[5].value.len()), ("Key", 32));
    }
}
