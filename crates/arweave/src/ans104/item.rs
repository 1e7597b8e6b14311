//! One data item: made by a wallet, or read from bytes and verified.

use std::fmt;

use thiserror::Error;

use super::{
    hash::{DeepHash, blob, list},
    tags::{self, BadTags, Tag},
};
use crate::{
    id::Id,
    wallet::{KeyKind, Wallet, WalletError},
};

/// What an item is made of, before it is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Whom it is for.
    pub target: Option<Id>,
    /// 32 bytes of the sender's choice: what else is equal is another item with another anchor.
    pub anchor: Option<[u8; 32]>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Its data.
    pub data: Vec<u8>,
}

/// A signed data item. The bytes are what is sent, and are kept as they came.
#[derive(Clone, PartialEq, Eq)]
pub struct DataItem {
    kind: KeyKind,
    signature: Vec<u8>,
    owner: Vec<u8>,
    draft: Draft,
    raw: Vec<u8>,
    tag_bytes: Vec<u8>,
}

/// Bytes that are no data item, or one whose signature is not its owner's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadItem {
    /// The bytes end within a part.
    #[error("the bytes end within the {0}")]
    Short(&'static str),
    /// A key type that is not supported.
    #[error("signature type {0} is not one of 1 (Arweave), 2 (ed25519), 3 (Ethereum)")]
    Kind(u16),
    /// Neither there nor absent.
    #[error("the {what} is preceded by {found}, which is neither 0 nor 1")]
    Presence {
        /// Which part.
        what: &'static str,
        /// What was found.
        found: u8,
    },
    /// The tags are none.
    #[error(transparent)]
    Tags(#[from] BadTags),
    /// The signature is not the owner's over this item.
    #[error("the signature does not verify")]
    Signature,
}

impl DataItem {
    /// Signs an item.
    ///
    /// # Errors
    /// [`WalletError`] for tags that do not fit, or a key that cannot sign.
    pub fn sign(draft: Draft, wallet: &Wallet) -> Result<Self, WalletError> {
        let tag_bytes = tags::encode(&draft.tags)?;
        let (kind, owner) = (wallet.kind(), wallet.owner().to_vec());
        let signature = wallet.sign(&signed_hash(kind, &owner, &draft, &tag_bytes))?;
        let mut raw = kind.code().to_le_bytes().to_vec();
        raw.extend_from_slice(&signature);
        raw.extend_from_slice(&owner);
        for part in [draft.target.map(|target| target.0), draft.anchor] {
            match part {
                Some(part) => {
                    raw.push(1);
                    raw.extend_from_slice(&part);
                }
                None => raw.push(0),
            }
        }
        for length in [draft.tags.len(), tag_bytes.len()] {
            raw.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
        }
        raw.extend_from_slice(&tag_bytes);
        raw.extend_from_slice(&draft.data);
        Ok(Self { kind, signature, owner, draft, raw, tag_bytes })
    }

    /// Reads an item. Its signature is not looked at: see [`DataItem::verify`].
    ///
    /// # Errors
    /// [`BadItem`] saying where the bytes are no item.
    pub fn decode(raw: &[u8]) -> Result<Self, BadItem> {
        let mut rest = raw;
        let code = u16::from_le_bytes(*part(&mut rest, "signature type")?);
        let kind = KeyKind::of_code(code).ok_or(BadItem::Kind(code))?;
        let signature = take(&mut rest, kind.signature_length(), "signature")?.to_vec();
        let owner = take(&mut rest, kind.owner_length(), "owner")?.to_vec();
        let target = optional(&mut rest, "target")?.map(Id);
        let anchor = optional(&mut rest, "anchor")?;
        let count = u64::from_le_bytes(*part(&mut rest, "tag count")?);
        let length = u64::from_le_bytes(*part(&mut rest, "length of the tags")?);
        let length = usize::try_from(length).map_err(|_| BadItem::Short("tags"))?;
        let tag_bytes = take(&mut rest, length, "tags")?.to_vec();
        let tags = tags::decode(&tag_bytes, count)?;
        let draft = Draft { target, anchor, tags, data: rest.to_vec() };
        Ok(Self { kind, signature, owner, draft, raw: raw.to_vec(), tag_bytes })
    }

    /// Whether the signature is the owner's.
    ///
    /// # Errors
    /// [`BadItem::Signature`].
    pub fn verify(&self) -> Result<(), BadItem> {
        let hash = signed_hash(self.kind, &self.owner, &self.draft, &self.tag_bytes);
        if self.kind.verify(&self.owner, &hash, &self.signature) { Ok(()) } else { Err(BadItem::Signature) }
    }

    /// Its id: the hash of its signature.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::of(&self.signature)
    }

    /// The wallet that signed it.
    #[must_use]
    pub fn signer(&self) -> Id {
        Id::of(&self.owner)
    }

    /// What it says.
    #[must_use]
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The value of its first tag of this name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        tags::find(&self.draft.tags, name)
    }

    /// What is sent.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What is sent.
    #[must_use]
    pub fn into_raw(self) -> Vec<u8> {
        self.raw
    }
}

impl fmt::Debug for DataItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataItem").field("id", &self.id()).field("draft", &self.draft).finish_non_exhaustive()
    }
}

/// What is signed.
fn signed_hash(kind: KeyKind, owner: &[u8], draft: &Draft, tags: &[u8]) -> DeepHash {
    let target = draft.target.map(|target| target.0);
    let optional = |part: &Option<[u8; 32]>| blob(part.as_ref().map_or(&[], <[u8; 32]>::as_slice));
    list(&[
        blob(b"dataitem"),
        blob(b"1"),
        blob(kind.code().to_string().as_bytes()),
        blob(owner),
        optional(&target),
        optional(&draft.anchor),
        blob(tags),
        blob(&draft.data),
    ])
}

fn take<'a>(rest: &mut &'a [u8], length: usize, what: &'static str) -> Result<&'a [u8], BadItem> {
    let (part, tail) = rest.split_at_checked(length).ok_or(BadItem::Short(what))?;
    *rest = tail;
    Ok(part)
}

fn part<'a, const N: usize>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8; N], BadItem> {
    let (part, tail) = rest.split_first_chunk().ok_or(BadItem::Short(what))?;
    *rest = tail;
    Ok(part)
}

fn optional(rest: &mut &[u8], what: &'static str) -> Result<Option<[u8; 32]>, BadItem> {
    match part::<1>(rest, what)? {
        [0] => Ok(None),
        [1] => part(rest, what).copied().map(Some),
        [found] => Err(BadItem::Presence { what, found: *found }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wallet::tests::{rsa, wallets};

    fn draft() -> impl Strategy<Value = Draft> {
        let tags = prop::collection::vec(("\\PC{1,12}", "\\PC{1,40}"), 0..8);
        let data = prop::collection::vec(any::<u8>(), 0..200);
        (prop::option::of(any::<[u8; 32]>()), prop::option::of(any::<[u8; 32]>()), tags, data).prop_map(
            |(target, anchor, tags, data)| Draft {
                target: target.map(Id),
                anchor,
                tags: tags.into_iter().map(|(name, value)| Tag { name, value }).collect(),
                data,
            },
        )
    }

    #[test]
    fn a_key_of_arweave_signs_and_verifies() {
        let draft = Draft { data: b"hello".to_vec(), ..Draft::default() };
        let item = DataItem::sign(draft, &rsa()).expect("signed");
        let read = DataItem::decode(item.raw()).expect("an item");
        assert_eq!(read, item);
        assert_eq!(read.verify(), Ok(()));
        assert_eq!(read.signer(), rsa().address());
        let mut changed = item.into_raw();
        if let Some(last) = changed.last_mut() {
            *last ^= 1;
        }
        assert_eq!(DataItem::decode(&changed).expect("an item").verify(), Err(BadItem::Signature));
    }

    #[test]
    fn two_anchors_make_two_items() {
        let draft = |anchor| Draft { anchor: Some([anchor; 32]), ..Draft::default() };
        let wallet = &wallets()[0];
        let id = |anchor| DataItem::sign(draft(anchor), wallet).expect("signed").id();
        assert_eq!(id(1), id(1), "the same bytes are the same item");
        assert_ne!(id(1), id(2));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn an_item_is_read_as_it_is_written(draft in draft(), which in any::<prop::sample::Index>()) {
            let wallets = wallets();
            let item = DataItem::sign(draft.clone(), &wallets[which.index(wallets.len())]).expect("signed");
            let read = DataItem::decode(item.raw()).expect("an item");
            prop_assert_eq!(read.draft(), &draft);
            prop_assert_eq!(read.verify(), Ok(()));
            prop_assert_eq!(read.id(), item.id());
        }

        #[test]
        fn a_changed_byte_is_noticed(draft in draft(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let wallets = wallets();
            let mut raw = DataItem::sign(draft, &wallets[which.index(wallets.len())]).expect("signed").into_raw();
            let at = at.index(raw.len());
            raw[at] ^= flip;
            if let Ok(read) = DataItem::decode(&raw) {
                prop_assert!(read.verify().is_err());
            }
        }

        #[test]
        fn any_bytes_are_an_item_or_an_error(kind in 0_u16..5, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut raw = kind.to_le_bytes().to_vec();
            raw.extend(bytes);
            let _ = DataItem::decode(&raw).map(|item| item.verify());
        }
    }
}
