//! What becomes of each operation of one synthetic: facts of chains, answers of attesters and submitters, and the word of operators go in;
//! journal changes, effects and notices come out. Pure: the journal is asked through [`Archive`], the clock comes in as an argument.

mod entry;
mod facts;
mod restart;
mod table;

#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use table::{Archive, Operations, Peers, Work};
pub(crate) use table::{conflicts_note, halt_note};
