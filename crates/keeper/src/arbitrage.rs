//! Closing price gaps: on one chain, against par, and between chains.
//!
//! Everything that turns one asset into another is an edge of a [`Graph`] whose nodes are (chain, asset): a pool in either direction, minting and
//! redeeming at par, and *crossing*, which is to have sold from the inventory on one chain what was bought on another. So one search
//! ([`Graph::cycles`]) finds same-chain cycles, peg arbitrage and cross-chain arbitrage, each sized by the closed form of [`tim3_domain::amm`] and bounded
//! by what every edge can carry.
//!
//! * [`graph`], [`search`]: the edges and the cycles among them.
//! * [`trade`]: from a cycle to legs: which chain first, how the other leg is sized, what becomes of one that stays open.
//! * [`inventory`]: what to move between chains so that the next trade finds it there.
//! * [`network`]: the most that many pools of several kinds give at once, as a bound on what any set of trades can gain: the check on the search.

pub mod graph;
pub mod inventory;
pub mod network;
pub mod search;
pub mod trade;

pub use graph::{Edge, Graph};
pub use inventory::{Target, Transfer, rebalance};
pub use search::{Cycle, Found};
pub use tim3_domain::amm::Size;
pub use trade::{Fill, Order, Reliability, Trade, TradeLeg};
