//! Reading and writing integers and words at offsets, in total functions.

use crate::{Word, ZERO};

/// `N` bytes at `at`; zeros where `data` ends before them.
#[inline(always)]
#[must_use]
pub fn array<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    match data.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        Some(bytes) => *bytes,
        None => [0; N],
    }
}

/// The word at `at`; zero where `data` ends before it.
#[inline(always)]
#[must_use]
pub fn word(data: &[u8], at: usize) -> &Word {
    data.get(at..).and_then(|rest| rest.first_chunk()).unwrap_or(&ZERO)
}

/// Writes `bytes` at `at`, or nothing where `data` ends before that: views check lengths when they are made.
#[inline(always)]
pub fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = data.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

/// Reads values one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `length` bytes, if there are as many.
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(bytes)
    }

    /// The next value of a type that has an encoding.
    pub fn value<T: Value>(&mut self) -> Option<T> {
        T::read(self)
    }

    /// Something, provided that nothing is left.
    #[must_use]
    pub fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

/// A value with one encoding: integers little-endian, words as they are.
pub trait Value: Sized {
    /// What the interface description calls the type.
    const NAME: &'static str;

    /// Reads one.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;

    /// Appends the encoding.
    #[cfg(feature = "client")]
    fn write(&self, out: &mut alloc::vec::Vec<u8>);
}

macro_rules! integers {
    ($($name:ident),*) => {$(
        impl Value for $name {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                reader.array().map(|bytes| Self::from_le_bytes(*bytes))
            }

            #[cfg(feature = "client")]
            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128);

impl<const N: usize> Value for [u8; N] {
    const NAME: &'static str = match N {
        32 => "word",
        12 => "symbol",
        _ => "bytes",
    };

    #[inline(always)]
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.array().copied()
    }

    #[cfg(feature = "client")]
    fn write(&self, out: &mut alloc::vec::Vec<u8>) {
        out.extend_from_slice(self);
    }
}
