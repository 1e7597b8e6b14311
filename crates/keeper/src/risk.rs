//! Which positions are in danger: all positions of all vault markets, ordered by the price at which each becomes liquidatable.
//!
//! A position's *critical price* is the lowest at which it is still healthy, `D / (q·LT)` rounded up. At one price the order by critical price
//! is the order by health, so the candidates of a tick are the upper end of the order down to the price, and the tick costs what
//! lies between the old price and the new one. [`Book::rescan`] computes the same without the order, position by position, and is what the order is checked with.
//!
//! *Unknown is not healthy.* A position that could not be read is no candidate and is counted as unknown, never as healthy; a market without a
//! valid price has no candidates and no healthy positions either.

mod book;
mod index;
mod ladder;
mod pages;

pub use book::{Book, Candidate, Outlook, Tick, Unknown, Vault};
pub use ladder::{Change, Ladder, Repayment, Rung, Stress};
