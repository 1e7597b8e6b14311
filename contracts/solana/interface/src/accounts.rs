//! The bytes of the program's accounts. Integers are little-endian; amounts are canonical units; a `word` is 32 bytes.
//!
//! Every account begins with a discriminator and, except for the gateway itself, names the gateway it belongs to and its subject: what its
//! address was derived from, with the bump. So one hash proves the address whenever the account is opened.

mod gateway;
mod pages;
mod records;

pub use gateway::{Asset, Gateway, Market, WINDOW_MINT, WINDOW_RELEASE, Window, frozen_until};
pub use pages::{EventPage, OutgoingPage, Record, Records, SlotPage};
pub use records::{BadDebt, Change, Claimable, Mirror, MirrorHome, Peer, Position, Route};
