//! What can be wrong with a value that came from outside.

use thiserror::Error;

/// A value that is not what the protocol or the configuration allows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DomainError {
    /// A text that is not 32 bytes of hexadecimal.
    #[error("expected 0x and 64 hexadecimal digits, found {found:?}")]
    Word {
        /// The text that was read.
        found: String,
    },
    /// A word whose value does not fit the field it stands for.
    #[error("{field} is out of range: {found}")]
    OutOfRange {
        /// The field of the wire form.
        field: &'static str,
        /// The word that was read, in hexadecimal.
        found: String,
    },
    /// A record with another number of words than its kind has.
    #[error("{what} has {found} bytes, expected {expected}")]
    Length {
        /// What was decoded.
        what: &'static str,
        /// Bytes that were read.
        found: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// A number that names no kind, action, level or code.
    #[error("{found} is no {what}")]
    Unknown {
        /// The enumeration.
        what: &'static str,
        /// The number that was read.
        found: u64,
    },
    /// A text that is not a CAIP-2, CAIP-10 or CAIP-19 name.
    #[error("{found:?} is no {what}: expected {expected}")]
    Name {
        /// Which form was expected, for example `CAIP-2 chain id`.
        what: &'static str,
        /// The text that was read.
        found: String,
        /// The shape that would have been right, with an example.
        expected: &'static str,
    },
    /// A market term, or a property of an asset, that makes no sense.
    #[error("{parameter} is {found}: expected {expected}")]
    Parameter {
        /// The term.
        parameter: &'static str,
        /// Its value, with what it contradicts.
        found: String,
        /// What would make sense, and why.
        expected: &'static str,
    },
    /// Arithmetic on amounts that left the range of 128 bits.
    #[error("{0} overflows 128 bits")]
    Overflow(&'static str),
    /// An amount that has no exact form at the decimals asked for.
    #[error("{amount} at {from} decimals has no exact form at {to}")]
    Inexact {
        /// The amount.
        amount: u128,
        /// Its decimals.
        from: u8,
        /// The decimals asked for.
        to: u8,
    },
}
