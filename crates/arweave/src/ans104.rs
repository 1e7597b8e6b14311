//! ANS-104 data items: the form in which everything enters AO, and what a bundle on Arweave is made of.
//!
//! `u16le signature type ‖ signature ‖ owner ‖ 0|1‖target ‖ 0|1‖anchor ‖ u64le tag count ‖ u64le tag bytes ‖ tags (Avro) ‖ data`

pub mod hash;
pub mod item;
pub mod tags;

pub use item::{BadItem, DataItem, Draft};
pub use tags::{BadTags, Tag};
