//! 32-byte words, the only unit of the protocol's encodings, and Keccak-256 over them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha3::{Digest, Keccak256};

use crate::DomainError;

/// 32 bytes: an unsigned big-endian integer, an identifier, an account or a hash (`contracts/PROTOCOL.md` section 1).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub [u8; 32]);

impl Word {
    /// The zero word, which stands for "none" wherever an identifier or an account may be absent.
    pub const ZERO: Self = Self([0; 32]);

    /// Whether every byte is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 32]
    }

    /// The word of an unsigned integer, big-endian and left-padded.
    #[must_use]
    pub fn from_u128(value: u128) -> Self {
        let mut bytes = [0; 32];
        let (_, low) = bytes.split_at_mut(16);
        low.copy_from_slice(&value.to_be_bytes());
        Self(bytes)
    }

    /// The integer in this word, if it is below 2^128.
    #[must_use]
    pub fn to_u128(&self) -> Option<u128> {
        let (high, low) = self.0.split_first_chunk::<16>()?;
        (*high == [0; 16]).then(|| <[u8; 16]>::try_from(low).map(u128::from_be_bytes).ok())?
    }

    /// The integer in this word, if it is below 2^64.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        self.to_u128().and_then(|value| u64::try_from(value).ok())
    }

    /// The integer in this word, if it is below 2^8.
    #[must_use]
    pub fn to_u8(&self) -> Option<u8> {
        self.to_u128().and_then(|value| u8::try_from(value).ok())
    }
}

impl From<u128> for Word {
    fn from(value: u128) -> Self {
        Self::from_u128(value)
    }
}

impl From<u64> for Word {
    fn from(value: u64) -> Self {
        Self::from_u128(value.into())
    }
}

impl From<u8> for Word {
    fn from(value: u8) -> Self {
        Self::from_u128(value.into())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Word {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || DomainError::Word { found: text.chars().take(80).collect() };
        let digits = text.strip_prefix("0x").ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong())?;
        Ok(Self(bytes))
    }
}

/// Text in human-readable formats, bytes in binary ones.
impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// Keccak-256 of a text: the tags and type hashes of the protocol.
#[must_use]
pub fn keccak_text(text: &str) -> Word {
    keccak_bytes(text.as_bytes())
}

/// Keccak-256 of bytes.
#[must_use]
pub fn keccak_bytes(bytes: &[u8]) -> Word {
    Word(Keccak256::digest(bytes).into())
}

/// Keccak-256 of words in order: every other preimage of the protocol.
#[must_use]
pub fn keccak_words(words: &[Word]) -> Word {
    let mut hasher = Keccak256::new();
    for word in words {
        hasher.update(word.0);
    }
    Word(hasher.finalize().into())
}

/// The EIP-712 digest: Keccak-256 of `0x1901`, the domain separator and the struct hash.
#[must_use]
pub fn eip712_digest(domain_separator: Word, struct_hash: Word) -> Word {
    let mut hasher = Keccak256::new();
    hasher.update([0x19, 0x01]);
    hasher.update(domain_separator.0);
    hasher.update(struct_hash.0);
    Word(hasher.finalize().into())
}

/// Takes the fields of a record off a run of words, naming the field that does not fit.
#[derive(Debug)]
pub struct WordReader<'a> {
    rest: &'a [Word],
}

impl<'a> WordReader<'a> {
    /// A reader over all of `words`.
    #[must_use]
    pub fn new(words: &'a [Word]) -> Self {
        Self { rest: words }
    }

    /// The next word as it is.
    ///
    /// # Errors
    /// [`DomainError::OutOfRange`] when nothing is left.
    pub fn word(&mut self, field: &'static str) -> Result<Word, DomainError> {
        let (first, rest) =
            self.rest.split_first().ok_or(DomainError::OutOfRange { field, found: "nothing".to_owned() })?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next word as an amount.
    ///
    /// # Errors
    /// [`DomainError::OutOfRange`] when it is 2^128 or more, or nothing is left.
    pub fn u128(&mut self, field: &'static str) -> Result<u128, DomainError> {
        let word = self.word(field)?;
        word.to_u128().ok_or_else(|| DomainError::OutOfRange { field, found: word.to_string() })
    }

    /// The next word as a sequence, nonce or timestamp.
    ///
    /// # Errors
    /// [`DomainError::OutOfRange`] when it is 2^64 or more, or nothing is left.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DomainError> {
        let word = self.word(field)?;
        word.to_u64().ok_or_else(|| DomainError::OutOfRange { field, found: word.to_string() })
    }

    /// The next word as a kind, action or level.
    ///
    /// # Errors
    /// [`DomainError::OutOfRange`] when it is 2^8 or more, or nothing is left.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DomainError> {
        let word = self.word(field)?;
        word.to_u8().ok_or_else(|| DomainError::OutOfRange { field, found: word.to_string() })
    }

    /// What has not been taken yet.
    #[must_use]
    pub fn rest(&self) -> &'a [Word] {
        self.rest
    }
}

/// Splits bytes into words.
///
/// # Errors
/// [`DomainError::Length`] when the bytes are not whole words.
pub fn words_of(what: &'static str, bytes: &[u8]) -> Result<Vec<Word>, DomainError> {
    let (words, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() {
        Ok(words.iter().map(|word| Word(*word)).collect())
    } else {
        Err(DomainError::Length { what, found: bytes.len(), expected: "a multiple of 32" })
    }
}

/// The bytes of words in order.
#[must_use]
pub fn bytes_of(words: &[Word]) -> Vec<u8> {
    words.iter().flat_map(|word| word.0).collect()
}
