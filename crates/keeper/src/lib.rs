//! The keepers' decisions: what to liquidate, which price gap to close, where to move inventory, and why not.
//!
//! Everything here is a pure function of what it is handed: ticks, positions, pools, inventory, outcomes and the time come in as recorded
//! [`Input`]s, [`Decision`]s go out. There is no clock, no network and no disk, so that the same inputs give the same decisions, bit for bit: [`mod@replay`]
//! proves it, or shows what another configuration would have decided. Amounts, prices and values are integers.
//!
//! * [`price`]: from what feeds answer to a price that may be acted on. [`risk`]: all positions by the price at which each is in danger.
//! * [`liquidation`]: from a candidate to a sized, profitable attempt. [`arbitrage`]: from pools, par and inventory to a trade.
//! * [`limits`]: caps and the daily loss stop. [`flight`]: one attempt at a time, and who has to wait. [`ledger`]: what it all came to.
//! * [`keeper`]: all of it in one place, input by input. [`decision`]: what was decided, with every number that it hung on.
//!
//! What does not live here: reading chains and feeds, sending transactions, and keeping records. The formulas themselves are in
//! [`tim3_domain::health`] and [`tim3_domain::amm`].

pub mod arbitrage;
pub mod config;
pub mod decision;
pub mod error;
pub mod flight;
pub mod input;
pub mod keeper;
pub mod ledger;
pub mod limits;
pub mod liquidation;
pub mod price;
pub mod replay;
pub mod risk;

pub use config::{Config, Mode};
pub use decision::{Action, Check, Decision, Sale, Subject};
pub use error::KeeperError;
pub use input::{Input, Recorded};
pub use keeper::Keeper;
pub use replay::replay;
