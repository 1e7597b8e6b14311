//! Identifiers, content hashes and digests (contracts/PROTOCOL.md sections 2, 3 and 5).

mod constants;

use tim3_solana_interface::{
    GatewayError, Word,
    limits::{CONFLICT_WORDS, OPERATION_WORDS},
    protocol::{action, operation as field},
    words::{of_u128, to_u8, to_u64, to_u128},
};

use crate::chain::keccak;

pub use constants::*;

/// Identifies this gateway.
#[must_use]
pub fn gateway_id(chain: &Word, account: &Word, salt: &Word) -> Word {
    keccak(&[&GATEWAY_1, chain, account, salt])
}

/// Identifies the asset with this symbol.
#[must_use]
pub fn asset_id(symbol: &[u8]) -> Word {
    keccak(&[b"tim3/asset/", symbol])
}

/// Identifies a market.
#[must_use]
pub fn market_id(home: &Word, synthetic: &Word, collateral: &Word, kind: u8) -> Word {
    keccak(&[&MARKET_1, home, synthetic, collateral, &of_u128(kind.into())])
}

/// EIP-712 domain separator of what this gateway executes.
#[must_use]
pub fn domain_separator(gateway: &Word) -> Word {
    keccak(&[&DOMAIN_TYPE, &NAME, &VERSION, gateway])
}

/// EIP-712 struct hash of an operation.
#[must_use]
pub fn operation_id(words: &[Word; OPERATION_WORDS]) -> Word {
    keccak(&[&OPERATION_TYPE, words.as_flattened()])
}

/// The word of the digest that stands for the content of an order.
#[must_use]
pub fn content_hash(action: u8, words: &[Word]) -> Word {
    match (action, words.split_first_chunk::<OPERATION_WORDS>()) {
        (action::CONFLICT, Some((operation, rest))) => {
            keccak(&[&CONFLICT_TYPE, &operation_id(operation), rest.as_flattened()])
        }
        (action::MIRROR, _) => keccak(&[&POSITION_TYPE, words.as_flattened()]),
        _ => keccak(&[&OPERATION_TYPE, words.as_flattened()]),
    }
}

/// What the attesters sign.
#[must_use]
pub fn digest(domain: &Word, action: u8, epoch: u64, content: &Word) -> Word {
    let order = keccak(&[&ORDER_TYPE, &of_u128(action.into()), &of_u128(epoch.into()), content]);
    keccak(&[&[0x19, 0x01], domain, &order])
}

/// `h(n)` of `h(n−1)` and event n.
#[inline(always)]
#[must_use]
pub fn next_hash(before: &Word, sequence: u64, kind: u8, timestamp: u64, body: &[Word]) -> Word {
    let (sequence, kind, timestamp) = (of_u128(sequence.into()), of_u128(kind.into()), of_u128(timestamp.into()));
    keccak(&[before, &sequence, &kind, &timestamp, body.as_flattened()])
}

/// The fourteen words of an operation, integers in their ranges.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// The words.
    pub words: &'a [Word; OPERATION_WORDS],
    /// Kind.
    pub kind: u8,
    /// Nonce.
    pub nonce: u64,
    /// Gross amount.
    pub amount: u128,
    /// Route fee.
    pub fee: u128,
    /// Collateral brought in or asked for.
    pub wanted: u128,
}

impl<'a> Operation<'a> {
    /// Reads the words that an order carries.
    ///
    /// # Errors
    /// [`GatewayError::MalformedContent`] for an integer out of its range.
    #[inline(never)]
    pub fn read(words: &'a [Word; CONFLICT_WORDS]) -> Result<Self, GatewayError> {
        let words = words.first_chunk().ok_or(GatewayError::MalformedContent)?;
        Self::checked(words).ok_or(GatewayError::MalformedContent)
    }

    fn checked(words: &'a [Word; OPERATION_WORDS]) -> Option<Self> {
        to_u64(words.get(field::TIMESTAMP)?)?;
        Some(Self {
            words,
            kind: to_u8(words.get(field::KIND)?)?,
            nonce: to_u64(words.get(field::NONCE)?)?,
            amount: to_u128(words.get(field::AMOUNT)?)?,
            fee: to_u128(words.get(field::FEE)?)?,
            wanted: to_u128(words.get(field::WANTED)?)?,
        })
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $index:ident,)*) => {
        impl<'a> Operation<'a> {$(
            $(#[$doc])*
            #[inline(always)]
            #[must_use]
            pub fn $name(&self) -> &'a Word {
                self.words.get(field::$index).unwrap_or(&tim3_solana_interface::ZERO)
            }
        )*}
    };
}

fields! {
    /// Gateway where it starts.
    origin ORIGIN,
    /// Gateway that executes it.
    destination DESTINATION,
    /// The synthetic.
    asset ASSET,
    /// The market, or zero.
    market MARKET,
    /// Owner of the position, or zero.
    owner OWNER,
    /// Who called.
    actor ACTOR,
    /// Who is paid when it is refunded.
    refund_to REFUND_TO,
    /// Who is paid at the destination.
    recipient RECIPIENT,
}
