//! What the gateway reads of other programs: their addresses, and where in their accounts things are.

use crate::{Word, bytes};

/// `11111111111111111111111111111111`
pub const SYSTEM_PROGRAM: Word = [0; 32];

/// `TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA`, the classic one. Token-2022 is refused: its extensions change what a transfer does.
pub const TOKEN_PROGRAM: Word = [
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac, 0x1c, 0xb4, 0x85,
    0xed, 0x5f, 0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9,
];

/// `ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL`
pub const ASSOCIATED_TOKEN_PROGRAM: Word = [
    0x8c, 0x97, 0x25, 0x8f, 0x4e, 0x24, 0x89, 0xf1, 0xbb, 0x3d, 0x10, 0x29, 0x14, 0x8e, 0x0d, 0x83, 0x0b, 0x5a, 0x13,
    0x99, 0xda, 0xff, 0x10, 0x84, 0x04, 0x8e, 0x7b, 0xd8, 0xdb, 0xe9, 0xf8, 0x59,
];

/// A token account of the classic token program.
pub mod token_account {
    /// Bytes of one.
    pub const LENGTH: usize = 165;
    /// Mint, a word.
    pub const MINT: usize = 0;
    /// Owner, a word.
    pub const OWNER: usize = 32;
    /// Amount, u64.
    pub const AMOUNT: usize = 64;
    /// State: 1 initialized, 2 frozen.
    pub const STATE: usize = 108;
}

/// A mint of the classic token program.
pub mod mint {
    /// Bytes of one.
    pub const LENGTH: usize = 82;
    /// Whether there is a mint authority, u32.
    pub const HAS_AUTHORITY: usize = 0;
    /// Mint authority, a word.
    pub const AUTHORITY: usize = 4;
    /// Supply, u64.
    pub const SUPPLY: usize = 36;
    /// Decimals, u8.
    pub const DECIMALS: usize = 44;
    /// Whether it is initialized, u8.
    pub const INITIALIZED: usize = 45;
    /// Whether there is a freeze authority, u32.
    pub const HAS_FREEZE_AUTHORITY: usize = 46;
}

/// A `PriceUpdateV2` of Pyth's receiver program, as far as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceUpdate {
    /// Whether all signatures of the update were checked (`VerificationLevel::Full`).
    pub full: bool,
    /// Feed it is of.
    pub feed: Word,
    /// Price, times 10^exponent.
    pub price: i64,
    /// Half the width of the confidence interval, times 10^exponent.
    pub confidence: u64,
    /// Exponent, usually negative.
    pub exponent: i32,
    /// When it was published, Unix seconds.
    pub published: i64,
}

impl PriceUpdate {
    /// The first eight bytes of `sha256("account:PriceUpdateV2")`.
    pub const DISCRIMINATOR: [u8; 8] = [34, 241, 35, 99, 157, 126, 244, 205];
    /// Bytes of an account as the receiver makes it.
    pub const LENGTH: usize = 134;

    /// Reads an account's bytes: discriminator, write authority, verification level (one byte when full, two otherwise), price message.
    #[must_use]
    pub fn read(data: &[u8]) -> Option<Self> {
        let mut reader = bytes::Reader(data);
        if *reader.array::<8>()? != Self::DISCRIMINATOR {
            return None;
        }
        reader.array::<32>()?;
        let full = match reader.array::<1>()? {
            [0] => reader.array::<1>().map(|_| false)?,
            [1] => true,
            _ => return None,
        };
        Some(Self {
            full,
            feed: *reader.array()?,
            price: i64::from_le_bytes(*reader.array()?),
            confidence: u64::from_le_bytes(*reader.array()?),
            exponent: i32::from_le_bytes(*reader.array()?),
            published: i64::from_le_bytes(*reader.array()?),
        })
    }

    /// The account's bytes, for tests and development chains.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn write(&self, authority: &Word) -> alloc::vec::Vec<u8> {
        let mut out = alloc::vec::Vec::new();
        out.extend_from_slice(&Self::DISCRIMINATOR);
        out.extend_from_slice(authority);
        out.extend_from_slice(if self.full { &[1][..] } else { &[0, 5][..] });
        out.extend_from_slice(&self.feed);
        out.extend_from_slice(&self.price.to_le_bytes());
        out.extend_from_slice(&self.confidence.to_le_bytes());
        out.extend_from_slice(&self.exponent.to_le_bytes());
        out.extend_from_slice(&self.published.to_le_bytes());
        out.resize(Self::LENGTH, 0); // previous time, moving averages, slot: not read
        out
    }
}
