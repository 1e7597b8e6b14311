//! What was decided, and every number that it hung on.

mod explain;

use serde::{Deserialize, Serialize};
use tim3_domain::{
    health::Liquidation,
    identity::Account,
    price::{Price, Verdict},
};

use crate::{
    arbitrage::{Order, Trade, Transfer},
    config::Mode,
};

/// What a decision is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// Liquidating a position.
    Position {
        /// Name of the market.
        market: String,
        /// Its owner.
        owner: Account,
    },
    /// A trade through these venues, in this order, that begins and ends with an asset on a chain; without venues, all such trades.
    Route {
        /// Where it begins.
        chain: String,
        /// What it begins with.
        asset: String,
        /// Names of the venues.
        venues: Vec<String>,
    },
    /// Moving inventory.
    Rebalance {
        /// What is moved.
        asset: String,
        /// From this chain.
        from: String,
        /// To this one.
        to: String,
    },
    /// The other leg of the trade of an earlier decision.
    OpenTrade(u64),
    /// Undoing the first leg of the trade of an earlier decision.
    Hedge(u64),
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Number {
    /// Base units of an asset.
    Amount(u128, String),
    /// US dollars with 18 decimals.
    Usd(i128),
    /// Health with 18 decimals.
    Health(u128),
    /// A price.
    Price(Price),
    /// How far a price may be trusted.
    Verdict(Verdict),
    /// Milliseconds since 1970.
    Time(u64),
    /// Milliseconds.
    Milliseconds(u64),
    /// A number of things.
    Count(u64),
    /// A height of a chain.
    Height(u64),
}

/// Which side of the bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// `found ≥ bound`.
    AtLeast,
    /// `found > bound`.
    Above,
    /// `found ≤ bound`.
    AtMost,
    /// `found < bound`.
    Below,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The pause level of the asset.
    PauseLevel,
    /// The verdict on the price.
    PriceVerdict,
    /// The age of the chain's newest block.
    ChainAge,
    /// The position's health.
    Health,
    /// What the whole position takes, against the inventory.
    WholePosition,
    /// The largest repayment that inventory, close factor and dust floor allow.
    Repayment,
    /// Steps of a trade on one chain, against those that the chain does as one.
    Atomic,
    /// What is gained after gas, price impact and costs.
    Profit,
    /// Attempts of the same subject in flight.
    InFlight,
    /// The height at which the subject was last attempted, against the height now.
    CheckHeight,
    /// Until when the subject waits after failures.
    Waits,
    /// The cap on an asset and day.
    AssetCap,
    /// The cap on a chain and day.
    ChainCap,
    /// The cap on a venue and day.
    VenueCap,
    /// The cap on a day.
    DayCap,
    /// The day's result against the loss stop.
    DailyLoss,
    /// Whether the keeper was paused.
    Paused,
    /// The cap on what is open between chains.
    Exposure,
    /// How long the other leg alone is tried.
    Deadline,
    /// What ending an open trade would lose after that.
    HedgeLoss,
    /// What is moved, against the least that is worth it.
    TransferSize,
    /// What there is to put in.
    Inventory,
    /// What routes and windows let leave a chain.
    Quota,
    /// Edges that a search for trades looked at, against the most that it may.
    Steps,
    /// What is left of a trade that was ended in part, against what is worth going on for.
    Leftover,
    /// What ending an open trade one way comes to, against the other way.
    OtherWay,
}

/// One question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was asked.
    pub rule: Rule,
    /// What was found.
    pub found: Number,
    /// How it must stand to the bound.
    pub relation: Relation,
    /// The bound: where `passed` is false, the number that would have changed the decision.
    pub bound: Number,
    /// The answer.
    pub passed: bool,
}

impl Check {
    /// Asks, and remembers the answer.
    #[must_use]
    pub fn new<T: Ord>(rule: Rule, found: T, relation: Relation, bound: T, unit: impl Fn(T) -> Number) -> Self {
        let passed = match relation {
            Relation::AtLeast => found >= bound,
            Relation::Above => found > bound,
            Relation::AtMost => found <= bound,
            Relation::Below => found < bound,
        };
        Self { rule, found: unit(found), relation, bound: unit(bound), passed }
    }
}

/// Collateral that is sold in the transaction that seizes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Name of the venue.
    pub venue: String,
    /// What is bought of the synthetic, exactly: as much as the least collateral to accept pays for. What the venue does not take of the collateral is kept.
    pub output: u128,
    /// Whether the venue lends that until it is paid; otherwise what is repaid is the keeper's own.
    pub flash: bool,
}

/// What is to be done. In mode `live` the shell does it; otherwise nobody does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub enum Action {
    /// Simulate, and send if that succeeds: liquidate the position.
    Liquidate {
        /// Name of the market.
        market: String,
        /// The owner of the position.
        owner: Account,
        /// Version of the position that was looked at.
        version: u64,
        /// What is expected; the gateway computes it again.
        expected: Liquidation,
        /// The least collateral to accept: less means that somebody else was first.
        min_seized: u128,
        /// The most to repay: more than expected only where the position is taken whole.
        #[serde(default)]
        max_repay: u128,
        /// What becomes of it in the same transaction; `None` where it is kept.
        #[serde(default)]
        sale: Option<Sale>,
    },
    /// Simulate, and send if that succeeds: all legs in one transaction of one chain.
    Swap(Trade),
    /// Send the first leg of a trade on two chains.
    Open {
        /// Both legs, as planned.
        trade: Trade,
        /// The one to send.
        order: Order,
    },
    /// Send the other leg, sized from what the first one did.
    Close(Order),
    /// Undo the first leg: after the time for the other one that comes to more.
    Hedge(Order),
    /// Start a Transfer operation.
    Transfer(Transfer),
}

/// A decision: to act, or not to, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Counts decisions from 0.
    pub number: u64,
    /// The input that led to it.
    pub input: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Height of the chain at which it looked; a second look at the same height starts nothing.
    pub height: u64,
    /// Whether what was decided is done.
    pub mode: Mode,
    /// What it is about.
    pub subject: Subject,
    /// In the order they were asked; the last one failed where there is no action.
    pub checks: Vec<Check>,
    /// What is to be done; `None` to leave it.
    pub action: Option<Action>,
}

impl Decision {
    /// The check that stood against acting.
    #[must_use]
    pub fn obstacle(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.passed)
    }
}
