//! The compact form of the protocol's words, in records and in orders: the same words in about a fifth of the bytes, without loss.
//!
//! Each word is a tag and what the tag says follows:
//!
//! | tag | the word |
//! | --- | --- |
//! | 0 to 32 | the tag's number of big-endian bytes, left-padded with zeros (0: the zero word) |
//! | 64 + i | word `i` of the same run, an earlier one |
//! | 128 + i | word `i` of the gateway's dictionary |
//!
//! A program that reads it hashes the words, not the bytes, so several encodings of one run mean the same.

use crate::{GatewayError, Word, ZERO, limits::DICTIONARY};

const REPEATED: u8 = 64;
const KNOWN: u8 = 128;

/// The words that a gateway knows by number: itself, then assets, markets and peers. It only ever grows, so a number keeps its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Dictionary<'a>(&'a [u8]);

impl<'a> Dictionary<'a> {
    /// The dictionary in these bytes, a whole number of words.
    #[must_use]
    pub fn new(words: &'a [u8]) -> Self {
        Self(words)
    }

    /// The word with a number.
    #[must_use]
    pub fn word(&self, index: u8) -> Option<&'a Word> {
        let (words, _) = self.0.as_chunks::<32>();
        words.get(usize::from(index))
    }

    /// The number of a word.
    #[must_use]
    pub fn index(&self, word: &Word) -> Option<u8> {
        let (words, _) = self.0.as_chunks::<32>();
        let index = words.iter().take(DICTIONARY).position(|known| known == word)?;
        u8::try_from(index).ok()
    }
}

/// Writes `words` to the beginning of `out` and gives the number of bytes; `None` where `out` is too short.
#[must_use]
pub fn compress(words: &[Word], dictionary: &Dictionary<'_>, out: &mut [u8]) -> Option<usize> {
    let mut at = 0_usize;
    for (index, word) in words.iter().enumerate() {
        let zeros = word.iter().take_while(|byte| **byte == 0).count();
        let significant = word.get(zeros..)?;
        let tag = match significant {
            [] | [_] => None,
            // Only identifiers are in the dictionary, and hardly one of them begins with a zero.
            _ => repeated(words, index, word).or_else(|| if zeros == 0 { known(dictionary, word) } else { None }),
        };
        let bytes = if tag.is_some() { &[][..] } else { significant };
        let tag = match tag {
            Some(tag) => tag,
            None => u8::try_from(significant.len()).ok()?,
        };
        let place = out.get_mut(at..)?;
        let (first, rest) = place.split_first_mut()?;
        *first = tag;
        rest.get_mut(..bytes.len())?.copy_from_slice(bytes);
        at = at.checked_add(1)?.checked_add(bytes.len())?;
    }
    Some(at)
}

fn repeated(words: &[Word], index: usize, word: &Word) -> Option<u8> {
    let earlier = words.get(..index)?.iter().position(|earlier| earlier == word)?;
    u8::try_from(earlier).ok().filter(|place| *place < REPEATED)?.checked_add(REPEATED)
}

fn known(dictionary: &Dictionary<'_>, word: &Word) -> Option<u8> {
    dictionary.index(word)?.checked_add(KNOWN)
}

/// Fills `words` from the beginning of `data` and gives the number of bytes read.
///
/// # Errors
/// [`GatewayError::MalformedContent`] where `data` ends early, or a tag has no meaning.
pub fn expand(data: &[u8], dictionary: &Dictionary<'_>, words: &mut [Word]) -> Result<usize, GatewayError> {
    let mut rest = data;
    for index in 0..words.len() {
        let (tag, after) = rest.split_first().ok_or(GatewayError::MalformedContent)?;
        rest = after;
        let word = match *tag {
            length @ 0..=32 => {
                let (bytes, after) = rest.split_at_checked(length.into()).ok_or(GatewayError::MalformedContent)?;
                rest = after;
                let mut word = ZERO;
                if let Some(place) = word.last_chunk_of(bytes.len()) {
                    place.copy_from_slice(bytes);
                }
                word
            }
            tag @ REPEATED..KNOWN => {
                let earlier = usize::from(tag.wrapping_sub(REPEATED));
                if earlier >= index {
                    return Err(GatewayError::MalformedContent);
                }
                *words.get(earlier).ok_or(GatewayError::MalformedContent)?
            }
            tag @ KNOWN.. => *dictionary.word(tag.wrapping_sub(KNOWN)).ok_or(GatewayError::MalformedContent)?,
            _ => return Err(GatewayError::MalformedContent),
        };
        if let Some(place) = words.get_mut(index) {
            *place = word;
        }
    }
    data.len().checked_sub(rest.len()).ok_or(GatewayError::MalformedContent)
}

trait LastBytes {
    fn last_chunk_of(&mut self, length: usize) -> Option<&mut [u8]>;
}

impl LastBytes for Word {
    fn last_chunk_of(&mut self, length: usize) -> Option<&mut [u8]> {
        let first = self.len().checked_sub(length)?;
        self.get_mut(first..)
    }
}

/// The word of an integer.
#[inline(always)]
#[must_use]
pub fn of_u128(value: u128) -> Word {
    let mut word = ZERO;
    crate::bytes::put(&mut word, 16, &value.to_be_bytes());
    word
}

/// The integer in a word, if it is below 2^128.
#[inline(always)]
#[must_use]
pub fn to_u128(word: &Word) -> Option<u128> {
    let (high, low) = word.split_first_chunk::<16>()?;
    if *high == [0; 16] { low.first_chunk().map(|bytes| u128::from_be_bytes(*bytes)) } else { None }
}

/// The integer in a word, if it is below 2^64.
#[inline(always)]
#[must_use]
pub fn to_u64(word: &Word) -> Option<u64> {
    to_u128(word).and_then(|value| u64::try_from(value).ok())
}

/// The integer in a word, if it is below 2^8.
#[inline(always)]
#[must_use]
pub fn to_u8(word: &Word) -> Option<u8> {
    to_u128(word).and_then(|value| u8::try_from(value).ok())
}
