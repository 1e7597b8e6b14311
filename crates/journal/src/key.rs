//! Keys as bytes that sort like their fields, each field self-delimiting, so that a leading field is a prefix to scan by.

use serde::Serialize;
use tim3_domain::{
    identity::{Account, GatewayId, MarketId, OperationId},
    place::TxId,
    protocol::Action,
    word::Word,
};

use crate::SignatureKey;

/// A key, or a leading part of one.
pub(crate) trait Key: Serialize + Sized {
    /// Appends the bytes of this key.
    fn write(&self, bytes: &mut Vec<u8>);

    /// Takes a key off the front of `bytes`, or `None` where they are none.
    fn read(bytes: &mut &[u8]) -> Option<Self>;

    /// The bytes of this key.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        self.write(&mut bytes);
        bytes
    }

    /// The key that is all of `bytes`.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let key = Self::read(&mut bytes)?;
        bytes.is_empty().then_some(key)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

/// Words are their 32 bytes.
macro_rules! word_key {
    ($($name:ty),*) => {$(
        impl Key for $name {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend(Word::from(*self).0);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(|word| Word(word).into())
            }
        }
    )*};
}

word_key!(Word, Account, GatewayId, MarketId, OperationId);

/// Integers are big-endian.
macro_rules! integer_key {
    ($($name:ty),*) => {$(
        impl Key for $name {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_be_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(Self::from_be_bytes)
            }
        }
    )*};
}

integer_key!(u32, u64);

/// Texts stand behind their length in 4 bytes, so that one is never the prefix of another.
impl Key for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).write(bytes);
        bytes.extend(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u32::read(bytes)?).ok()?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Self::from_utf8(text.to_vec()).ok()
    }
}

impl Key for TxId {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        String::read(bytes).map(Self)
    }
}

/// The prefix of every key.
impl Key for () {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

impl Key for Action {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.code());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [code] = take(bytes)?;
        [Self::Mint, Self::Release, Self::Void, Self::Refund, Self::Conflict, Self::Mirror, Self::Resend]
            .into_iter()
            .find(|action| action.code() == code)
    }
}

impl Key for SignatureKey {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.attester);
        self.origin.write(bytes);
        self.destination.write(bytes);
        self.nonce.write(bytes);
        self.action.write(bytes);
        self.subject.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            attester: take(bytes)?,
            origin: Key::read(bytes)?,
            destination: Key::read(bytes)?,
            nonce: Key::read(bytes)?,
            action: Key::read(bytes)?,
            subject: Key::read(bytes)?,
        })
    }
}
