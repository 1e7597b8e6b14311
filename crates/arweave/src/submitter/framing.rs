//! Several items as the bytes of one transaction: each behind its length, four bytes little-endian.

pub(super) fn frame<'a>(items: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in items {
        // An item is far below 4 GiB: a hundred orders of some hundred bytes.
        bytes.extend_from_slice(&u32::try_from(item.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(item);
    }
    bytes
}

/// The items, or `None` where the bytes are not what [`frame`] makes.
pub(super) fn unframe(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut items = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (item, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        items.push(item);
        bytes = rest;
    }
    bytes.is_empty().then_some(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_are_read_as_they_are_written(items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5)) {
            let bytes = frame(items.iter().map(Vec::as_slice));
            prop_assert_eq!(unframe(&bytes), Some(items.iter().map(Vec::as_slice).collect()));
            if !bytes.is_empty() {
                prop_assert_eq!(unframe(&bytes[..bytes.len().saturating_sub(1)]), None);
            }
        }

        #[test]
        fn any_bytes_are_items_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = unframe(&bytes);
        }
    }
}
