//! The keepers: what they look after, and what it came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ReasonView;

/// `GET /api/v1/keeper`. Amounts of US dollars are decimal texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperView {
    /// `observe`, `paper` or `live`.
    pub mode: String,
    /// Whether an operator has paused them.
    pub paused: bool,
    /// The markets.
    pub markets: Vec<KeeperMarketView>,
    /// The pools and reserve markets that are traded in.
    #[serde(default)]
    pub venues: Vec<KeeperVenueView>,
    /// Trades between two chains of which one leg is done and the other is not.
    #[serde(default)]
    pub open_trades: Vec<KeeperTradeView>,
    /// What is under way, by the number of the decision.
    pub in_flight: BTreeMap<u64, String>,
    /// What failed and is tried again later; the first hundred.
    pub waiting: Vec<KeeperWaitView>,
    /// Results by mode, in US dollars.
    pub results: BTreeMap<String, String>,
    /// The result of the day (UTC), in US dollars.
    pub today: String,
    /// Opportunities seen and not taken, by what stood against them.
    pub missed: BTreeMap<String, u64>,
    /// How often somebody else was first.
    pub lost: u64,
    /// Entries of the ledger.
    pub entries: u64,
    /// What could not be read in the last round.
    pub problems: Vec<ReasonView>,
}

/// A market that is looked after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperMarketView {
    /// Configured name.
    pub name: String,
    /// Its home.
    pub chain: String,
    /// Price of its collateral for liquidation; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// How far that may be trusted: only `valid` is acted on.
    pub verdict: String,
    /// Positions.
    pub positions: u64,
    /// Those that a gateway would liquidate at the price.
    pub liquidatable: u64,
    /// Those that could not be read.
    pub unknown: u64,
}

/// A venue that is traded in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperVenueView {
    /// Configured name.
    pub name: String,
    /// Its chain.
    pub chain: String,
    /// What one whole base asset costs in the quote asset; absent where that is not known, or is par.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// What it holds, or at par what it would mint and redeem, in whole units by asset.
    pub holds: BTreeMap<String, String>,
}

/// A trade that is half done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperTradeView {
    /// The decision that opened it.
    pub decision: u64,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// What it is.
    pub summary: String,
}

/// Something that failed and waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperWaitView {
    /// What it is about.
    pub subject: String,
    /// How often it failed in a row.
    pub failures: u32,
    /// Not before this, in milliseconds since 1970.
    pub until_ms: u64,
    /// Why it failed the last time.
    pub reason: String,
}

/// `GET /api/v1/keeper/ledger`: entries of the ledger, with their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperLedgerView {
    /// Each a line of JSON, in the keepers' own words.
    pub entries: Vec<(u64, String)>,
}

/// `GET /api/v1/keeper/record`: lines of the record, with their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperRecordView {
    /// Each a line of JSON, in the keepers' own words.
    pub lines: Vec<(u64, String)>,
}
