//! What every [`Keeper`] must show: that it says what the chain says, signs nothing that would fail, and that what it did is what the balances say.
//!
//! [`run`] goes through the cases one after the other; each takes an unhealthy position of its own.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::BoxFuture;
use tim3_domain::{
    identity::{Account, MarketId},
    word::keccak_text,
};
use tokio::time::sleep;

use super::report::{Case, Failure, Report, check, check_eq};
use crate::{
    Attempt, Chain, ChainError, ErrorClass, Feed, Keeper, Liquidate, Liquidated, MarketState, PositionRecord,
    Transaction, Undone,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What the cases need of a chain's test environment. Nobody but the keeper acts while they run, and the price stands.
#[async_trait]
pub trait KeeperHarness: Send + Sync {
    /// The chain.
    fn chain(&self) -> Arc<dyn Chain>;

    /// A keeper with a key, coins, and so much of the synthetic that it could repay every position of [`Self::unhealthy`]; always the same one.
    fn keeper(&self) -> Arc<dyn Keeper>;

    /// Another one of the same account, which knows only what a freshly started process would.
    async fn restart(&self) -> Arc<dyn Keeper>;

    /// A vault market.
    fn market(&self) -> MarketId;

    /// Owners of positions in it that are unhealthy, and are not any more once as much of one is repaid as may be: four at least.
    fn unhealthy(&self) -> Vec<Account>;

    /// The owner of a healthy one.
    fn healthy(&self) -> Account;

    /// Somebody without one.
    fn stranger(&self) -> Account;

    /// Where the collateral's price is published.
    fn feed(&self) -> Feed;

    /// Whether transactions cost something.
    fn has_fees(&self) -> bool {
        true
    }
}

/// Runs every case once.
pub async fn run(harness: &dyn KeeperHarness) -> Report {
    let mut bench = Bench { harness, chain: harness.chain(), keeper: harness.keeper(), unhealthy: harness.unhealthy() };
    let mut cases = Vec::new();
    for (name, check) in CASES {
        cases.push(Case::of(name, check(&mut bench)).await);
    }
    Report { cases }
}

type Check = for<'b> fn(&'b mut Bench<'_>) -> BoxFuture<'b, Result<(), Failure>>;

const CASES: &[(&str, Check)] = &[
    ("positions are what the chain says, and nobody's are zero", |bench| Box::pin(bench.positions())),
    ("a feed says a price with its time, and what is no feed says none", |bench| Box::pin(bench.feeds())),
    ("what would fail is not signed, and says why", |bench| Box::pin(bench.refusals())),
    ("what an attempt did is what the balances say, however often it is sent", |bench| Box::pin(bench.result())),
    ("who comes second pays its costs and changes nothing", |bench| Box::pin(bench.guarded())),
    ("after a restart nothing takes the place of what was signed before", |bench| Box::pin(bench.restart())),
];

struct Bench<'a> {
    harness: &'a dyn KeeperHarness,
    chain: Arc<dyn Chain>,
    keeper: Arc<dyn Keeper>,
    /// Those that no case has taken yet.
    unhealthy: Vec<Account>,
}

/// What the keeper has, in canonical units and those of fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    synthetic: u128,
    collateral: u128,
    fees: u128,
}

impl Bench<'_> {
    async fn market(&self) -> Result<MarketState, Failure> {
        let id = self.harness.market();
        Ok(self.chain.market(id).await?.ok_or_else(|| format!("market {id} is not at home here"))?)
    }

    async fn position(&self, owner: Account) -> Result<PositionRecord, Failure> {
        let found = self.keeper.positions(self.harness.market(), &[owner]).await?;
        Ok(found.first().copied().ok_or("no position for one owner")?)
    }

    async fn held(&self) -> Result<Held, Failure> {
        let (market, account) = (self.market().await?, self.keeper.account());
        Ok(Held {
            synthetic: self.chain.balance(market.synthetic, account).await?,
            collateral: self.chain.collateral_balance(market.collateral, account).await?,
            fees: self.keeper.fee_balance().await?,
        })
    }

    /// Whether that is a cost as the chain has them.
    fn costs(&self, cost: u128) -> bool {
        (cost > 0) == self.harness.has_fees()
    }

    /// A position that no other case uses.
    fn take(&mut self) -> Result<Account, Failure> {
        Ok(self.unhealthy.pop().ok_or("no unhealthy position is left: the harness has too few")?)
    }

    /// As much as may be repaid of a position.
    async fn liquidation(&self, owner: Account) -> Result<Liquidate, Failure> {
        let max_repay = self.position(owner).await?.debt;
        Ok(Liquidate { market: self.harness.market(), owner, max_repay, min_seized: 1 })
    }

    /// What became of a transaction, once it is in a block. A death counts as it does for whoever keeps: once what was the newest block then is final.
    async fn ended(&self, keeper: &dyn Keeper, transaction: &Transaction) -> Result<Attempt, Failure> {
        let mut died = None;
        loop {
            // Before the attempt is looked at: what is final is no newer than what is said of it.
            let tips = self.chain.tips().await?;
            let attempts = keeper.attempts(std::slice::from_ref(transaction)).await?;
            match attempts.into_iter().next().ok_or("no attempt for one transaction")? {
                Attempt::Pending | Attempt::Unknown => died = None,
                Attempt::Dead if tips.finalized.height < *died.get_or_insert(tips.head.height) => {}
                attempt => return Ok(attempt),
            }
            sleep(PAUSE).await;
        }
    }

    /// What it did and cost.
    async fn done(&self, keeper: &dyn Keeper, transaction: &Transaction) -> Result<(Liquidated, u128), Failure> {
        match self.ended(keeper, transaction).await? {
            Attempt::Included { result: Ok(did), cost, .. } => Ok((did, cost)),
            other => Err(format!("expected a liquidation, found {other:?}").into()),
        }
    }

    async fn positions(&mut self) -> Result<(), Failure> {
        let (market, stranger) = (self.harness.market(), self.harness.stranger());
        let mut owners = vec![stranger, self.harness.healthy(), stranger];
        owners.extend(&self.unhealthy);
        let found = self.keeper.positions(market, &owners).await?;
        check_eq!(found.len(), owners.len(), "positions");
        for (owner, found) in owners.iter().zip(&found) {
            check_eq!(*found, self.chain.position(market, *owner).await?, format!("the position of {owner}"));
            let is_nobodys = *owner == stranger;
            check!(is_nobodys == (*found == PositionRecord::default()), "{owner} has {found:?}");
        }
        check_eq!(self.keeper.positions(market, &[]).await?, [], "positions of nobody");
        let target = self.keeper.target(self.market().await?.synthetic).await?;
        check!(target > 0, "the synthetic has no target price");
        check!(self.keeper.can_send(), "the keeper has no key");
        check!(self.keeper.room().await? > 0, "there is no room for a liquidation");
        let (fees, cost) = (self.keeper.fee_balance().await?, self.keeper.liquidation_cost().await?);
        check!(self.costs(cost) && fees >= cost, "{fees} are there for fees, and a liquidation costs {cost}");
        Ok(())
    }

    async fn feeds(&mut self) -> Result<(), Failure> {
        let feed = self.harness.feed();
        let readings = self.keeper.feed(&feed).await?;
        check!(!readings.is_empty(), "nobody says anything");
        for reading in readings {
            check!(reading.answer > 0 && reading.published > 0, "{reading:?}");
        }
        let elsewhere = match feed {
            Feed::Chainlink { sequencer, .. } => Feed::Chainlink { aggregator: self.harness.stranger(), sequencer },
            Feed::Pyth { id, .. } => Feed::Pyth { account: self.harness.stranger(), id },
            Feed::Market(_) => Feed::Market(MarketId(keccak_text("no market"))),
            Feed::RedStone { ticker, .. } => Feed::RedStone { process: self.harness.stranger(), ticker },
        };
        match self.keeper.feed(&elsewhere).await {
            Ok(readings) => check!(readings.iter().all(|it| it.answer <= 0), "no feed says {readings:?}"),
            Err(error) => check!(error.class() != ErrorClass::Halt, "{error}"),
        }
        Ok(())
    }

    async fn refusals(&mut self) -> Result<(), Failure> {
        let before = self.held().await?;
        let owner = *self.unhealthy.last().ok_or("no unhealthy position")?;
        let good = self.liquidation(owner).await?;
        for (what, bad) in [
            ("a healthy position", Liquidate { owner: self.harness.healthy(), ..good }),
            ("nobody's position", Liquidate { owner: self.harness.stranger(), ..good }),
            ("more than there is to seize", Liquidate { min_seized: u128::MAX, ..good }),
            ("nothing", Liquidate { max_repay: 0, min_seized: 0, ..good }),
            ("an unknown market", Liquidate { market: MarketId(keccak_text("no market")), ..good }),
        ] {
            match self.keeper.prepare(&bad).await {
                Err(ChainError::Rejected { reason, .. }) => check!(!reason.is_empty(), "{what}: no reason"),
                Err(error) => return Err(format!("{what}: a {} error: {error}", error.class().name()).into()),
                Ok(signed) => return Err(format!("{what}: {} was signed", signed.id).into()),
            }
        }
        check_eq!(self.held().await?, before, "what the keeper has after refusals");
        Ok(())
    }

    async fn result(&mut self) -> Result<(), Failure> {
        let owner = self.take()?;
        let keeper = Arc::clone(&self.keeper);
        let (held, position) = (self.held().await?, self.position(owner).await?);
        let signed = keeper.prepare(&self.liquidation(owner).await?).await?;
        let attempts = keeper.attempts(std::slice::from_ref(&signed)).await?;
        check!(matches!(attempts.as_slice(), [Attempt::Pending | Attempt::Unknown]), "not sent, and yet {attempts:?}");
        check_eq!(self.held().await?, held, "what the keeper has before it sends anything");

        keeper.broadcast(&signed).await?;
        keeper.broadcast(&signed).await?;
        let (did, cost) = self.done(keeper.as_ref(), &signed).await?;
        let expected = Held {
            synthetic: held.synthetic.saturating_sub(did.repaid),
            collateral: held.collateral.saturating_add(did.seized),
            fees: held.fees.saturating_sub(cost),
        };
        check!(did.repaid > 0 && did.seized > 0 && self.costs(cost), "{did:?} at {cost}");
        check_eq!(self.held().await?, expected, format!("what the keeper has after {did:?} at {cost}"));
        let left = self.position(owner).await?;
        let gone = (did.seized, did.repaid.saturating_add(did.bad_debt));
        let found = (position.collateral.saturating_sub(left.collateral), position.debt.saturating_sub(left.debt));
        check_eq!(found, gone, "what the position lost");
        check!(left.version > position.version, "the position has version {} after {}", left.version, position.version);

        keeper.broadcast(&signed).await?;
        check_eq!(self.done(keeper.as_ref(), &signed).await?, (did, cost), "what it did, asked again");
        check_eq!(self.held().await?, expected, "what the keeper has after it was sent again");
        Ok(())
    }

    async fn guarded(&mut self) -> Result<(), Failure> {
        let owner = self.take()?;
        let keeper = Arc::clone(&self.keeper);
        let it = self.liquidation(owner).await?;
        let (first, second) = (keeper.prepare(&it).await?, keeper.prepare(&it).await?);
        keeper.broadcast(&first).await?;
        self.done(keeper.as_ref(), &first).await?;
        let held = self.held().await?;
        keeper.broadcast(&second).await?;
        match self.ended(keeper.as_ref(), &second).await? {
            Attempt::Included { result: Err(Undone::Guarded(reason)), cost, .. } => {
                check!(!reason.is_empty() && self.costs(cost), "{reason:?} at {cost}");
                let expected = Held { fees: held.fees.saturating_sub(cost), ..held };
                check_eq!(self.held().await?, expected, format!("what the keeper has after a guard at {cost}"));
                Ok(())
            }
            other => Err(format!("expected a guard, found {other:?}").into()),
        }
    }

    async fn restart(&mut self) -> Result<(), Failure> {
        let (one, other) = (self.take()?, self.take()?);
        let kept = self.keeper.prepare(&self.liquidation(one).await?).await?;
        let fresh = self.harness.restart().await;
        fresh.restore(std::slice::from_ref(&kept)).await?;
        let next = fresh.prepare(&self.liquidation(other).await?).await?;
        fresh.broadcast(&kept).await?;
        fresh.broadcast(&next).await?;
        for transaction in [&kept, &next] {
            self.done(fresh.as_ref(), transaction).await?;
        }
        Ok(())
    }
}
