//! Tags, and their Avro encoding: an array of records of two strings.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Tags of one item, at most.
pub const MAX_TAGS: usize = 128;
/// Bytes of all the tags of one item, at most.
pub const MAX_BYTES: usize = 4096;

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Tag {
    /// A tag.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// The value of the first tag of this name.
#[must_use]
pub fn find<'a>(tags: &'a [Tag], name: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.name == name).map(|tag| tag.value.as_str())
}

/// Tags that cannot be in an item, or bytes that are none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadTags {
    /// More than an item holds.
    #[error("{found} tags, at most {MAX_TAGS} fit in an item")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// More bytes than an item holds.
    #[error("{found} bytes of tags, at most {MAX_BYTES} fit in an item")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// A name or value without any character.
    #[error("tag {index} has an empty name or value")]
    Empty {
        /// Which one.
        index: usize,
    },
    /// Bytes that are no tags.
    #[error("not tags in Avro: {0}")]
    Encoding(&'static str),
    /// Another number than the item states.
    #[error("{found} tags, the item states {stated}")]
    Count {
        /// What the item states.
        stated: u64,
        /// What there are.
        found: usize,
    },
}

/// The bytes of tags; none at all for no tags.
///
/// # Errors
/// [`BadTags`] where they do not fit in an item.
pub fn encode(tags: &[Tag]) -> Result<Vec<u8>, BadTags> {
    if tags.len() > MAX_TAGS {
        return Err(BadTags::TooMany { found: tags.len() });
    }
    if let Some(index) = tags.iter().position(|tag| tag.name.is_empty() || tag.value.is_empty()) {
        return Err(BadTags::Empty { index });
    }
    let mut bytes = Vec::new();
    if tags.is_empty() {
        return Ok(bytes);
    }
    write_long(&mut bytes, tags.len());
    for text in tags.iter().flat_map(|tag| [&tag.name, &tag.value]) {
        write_long(&mut bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
    }
    write_long(&mut bytes, 0);
    if bytes.len() > MAX_BYTES {
        return Err(BadTags::TooLong { found: bytes.len() });
    }
    Ok(bytes)
}

/// The tags in `bytes`, of which the item states that there are `stated`.
///
/// # Errors
/// [`BadTags`] where they are none, or not as many.
pub fn decode(bytes: &[u8], stated: u64) -> Result<Vec<Tag>, BadTags> {
    if bytes.len() > MAX_BYTES {
        return Err(BadTags::TooLong { found: bytes.len() });
    }
    let mut tags = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = read_long(&mut rest)?;
        if count == 0 {
            break;
        }
        if count < 0 {
            // A block that also states its length in bytes, which nobody needs here.
            read_long(&mut rest)?;
        }
        for _ in 0..count.unsigned_abs() {
            if tags.len() == MAX_TAGS {
                return Err(BadTags::TooMany { found: MAX_TAGS.saturating_add(1) });
            }
            tags.push(Tag { name: read_text(&mut rest)?, value: read_text(&mut rest)? });
        }
    }
    if !rest.is_empty() {
        return Err(BadTags::Encoding("bytes behind the last tag"));
    }
    if u64::try_from(tags.len()) != Ok(stated) {
        return Err(BadTags::Count { stated, found: tags.len() });
    }
    Ok(tags)
}

/// A number as Avro writes a long: zigzag, seven bits a byte, lowest first.
fn write_long(bytes: &mut Vec<u8>, number: usize) {
    let mut left = u128::try_from(number).unwrap_or_default() << 1;
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or_default();
        left >>= 7;
        if left == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn read_long(rest: &mut &[u8]) -> Result<i64, BadTags> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first().ok_or(BadTags::Encoding("a number ends early"))?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            let half = i64::try_from(value >> 1).map_err(|_| BadTags::Encoding("a number is too large"))?;
            return Ok(if value & 1 == 1 { !half } else { half });
        }
    }
    Err(BadTags::Encoding("a number is too large"))
}

fn read_text(rest: &mut &[u8]) -> Result<String, BadTags> {
    let length = usize::try_from(read_long(rest)?).map_err(|_| BadTags::Encoding("a text of negative length"))?;
    let (text, tail) = rest.split_at_checked(length).ok_or(BadTags::Encoding("a text ends early"))?;
    *rest = tail;
    String::from_utf8(text.to_vec()).map_err(|_| BadTags::Encoding("a text is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_written_as_avro_does() {
        assert_eq!(encode(&[]), Ok(Vec::new()));
        let tags = [Tag::new("a", "bc"), Tag::new("d", "x".repeat(70))];
        let mut expected = b"\x04\x02a\x04bc\x02d\x8c\x01".to_vec();
        expected.extend(vec![b'x'; 70]);
        expected.push(0);
        assert_eq!(encode(&tags), Ok(expected));
    }

    #[test]
    fn a_block_with_its_length_is_read_too() {
        assert_eq!(decode(b"\x01\x0a\x02a\x04bc\x00", 1), Ok(vec![Tag::new("a", "bc")]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let many = vec![Tag::new("a", "b"); MAX_TAGS + 1];
        assert_eq!(encode(&many), Err(BadTags::TooMany { found: MAX_TAGS + 1 }));
        assert!(matches!(encode(&[Tag::new("a", "b".repeat(MAX_BYTES))]), Err(BadTags::TooLong { .. })));
        assert_eq!(encode(&[Tag::new("a", "")]), Err(BadTags::Empty { index: 0 }));
        assert_eq!(decode(b"\x02\x02a\x02b\x00", 2), Err(BadTags::Count { stated: 2, found: 1 }));
    }

    fn tags() -> impl Strategy<Value = Vec<Tag>> {
        prop::collection::vec(("\\PC{1,12}", "\\PC{1,40}"), 0..20)
            .prop_map(|pairs| pairs.into_iter().map(|(name, value)| Tag { name, value }).collect())
    }

    proptest! {
        #[test]
        fn tags_are_read_as_they_are_written(tags in tags()) {
            let bytes = encode(&tags).expect("few and short");
            prop_assert_eq!(decode(&bytes, u64::try_from(tags.len()).expect("few")), Ok(tags));
        }

        #[test]
        fn any_bytes_are_tags_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80), stated in 0_u64..5) {
            let _ = decode(&bytes, stated);
        }

        #[test]
        fn a_changed_byte_gives_tags_or_an_error(tags in tags(), at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let mut bytes = encode(&tags).expect("few and short");
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
            }
            if let Ok(read) = decode(&bytes, u64::try_from(tags.len()).expect("few")) {
                prop_assert_eq!(read.len(), tags.len());
            }
        }
    }
}
