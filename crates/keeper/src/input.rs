//! What the shell hands in.

use serde::{Deserialize, Serialize};
use tim3_domain::{health::Balances, identity::Account, market::MarketTerms, price::Price};

use crate::{arbitrage::Fill, config::Parameters, ledger::Move, price::Reading};

/// Something that happened, or was read. Names are those of the configuration; amounts are in canonical base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A chain has a new block.
    Head {
        /// The chain.
        chain: String,
        /// Its height.
        height: u64,
        /// The chain's clock in it, in seconds.
        time: u64,
    },
    /// A price source was read.
    Price {
        /// The source.
        source: String,
        /// What every endpoint that answered says.
        readings: Vec<Reading>,
    },
    /// A market's terms, by its gateway.
    Terms {
        /// The market.
        market: String,
        /// They, from now on.
        terms: MarketTerms,
        /// The price at which its synthetic counts as debt.
        target: Price,
    },
    /// A position as its home gateway states it.
    Position {
        /// The market.
        market: String,
        /// The owner.
        owner: Account,
        /// What it has and owes.
        balances: Balances,
        /// Sequence of the event at home that made it so.
        version: u64,
    },
    /// A position could not be read.
    PositionUnknown {
        /// The market.
        market: String,
        /// The owner.
        owner: Account,
        /// What went wrong.
        reason: String,
    },
    /// A position is gone: its chain took it back.
    PositionGone {
        /// The market.
        market: String,
        /// The owner.
        owner: Account,
    },
    /// A pool's reserves.
    Pool {
        /// The venue.
        venue: String,
        /// What it has of its base asset.
        base: u128,
        /// What it has of its quote asset.
        quote: u128,
    },
    /// What a reserve market allows now.
    Reserve {
        /// The reserve market.
        reserve: String,
        /// The most that may be minted, in the synthetic.
        mintable: u128,
        /// The most that may be redeemed, in the synthetic.
        redeemable: u128,
    },
    /// What the keeper has of an asset on a chain, by the chain, read so that it includes exactly the actions whose outcomes were handed in before.
    /// The ledger counts from the first one on and is compared with each further one.
    Holding {
        /// The chain.
        chain: String,
        /// The asset.
        asset: String,
        /// The amount.
        amount: u128,
    },
    /// How much of a synthetic the routes and windows let leave a chain.
    Quota {
        /// The chain.
        chain: String,
        /// The synthetic.
        asset: String,
        /// The amount.
        free: u128,
    },
    /// What transactions cost, in base units of the chain's gas asset.
    Gas {
        /// The chain.
        chain: String,
        /// A liquidation.
        liquidation: u128,
        /// Each step of a trade.
        step: u128,
    },
    /// The pause level of a synthetic on its chain.
    PauseLevel {
        /// The chain.
        chain: String,
        /// The synthetic.
        asset: String,
        /// 0 to 3.
        level: u8,
    },
    /// An operator stops the keepers, or lets them go on.
    Pause {
        /// Whether to stop.
        paused: bool,
    },
    /// An operator changed what can change while the keepers run.
    Parameters(Box<Parameters>),
    /// All of a block, or of several, is in: decide about everything.
    Look,
    /// The same, and nothing is begun: decide only about trades whose other leg is open.
    Finish,
    /// An action is in a block that what was read of its chain includes, or was taken back out of one.
    Mined {
        /// The decision.
        decision: u64,
        /// Whether it is in.
        mined: bool,
    },
    /// What became of an action.
    Outcome {
        /// The decision.
        decision: u64,
        /// What became of it.
        outcome: Outcome,
    },
}

/// What became of an action. An action has one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its simulation failed, or no node took it: nothing was sent.
    Refused {
        /// Why.
        reason: String,
    },
    /// It was sent and is dead, or was reverted at this cost.
    Failed {
        /// Why.
        reason: String,
        /// Gas it cost, in base units of the chain's gas asset.
        gas: u128,
    },
    /// Somebody else was first; what the attempt cost.
    Lost {
        /// Gas, in base units of the chain's gas asset.
        gas: u128,
    },
    /// It is done and final.
    Done {
        /// What went in and came out.
        fill: Fill,
        /// What moved, by the chain, gas included.
        moves: Vec<Move>,
        /// What went to a treasury besides.
        #[serde(default)]
        swept: Vec<Move>,
        /// What of it was gas.
        gas: u128,
    },
}

/// An input with its place and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Counts inputs from 0.
    pub sequence: u64,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is.
    pub input: Input,
}
