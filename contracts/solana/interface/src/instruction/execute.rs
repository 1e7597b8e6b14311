//! The orders that an `Execute` carries.
//!
//! An order is its length (u16, without these two bytes), action (u8), number of signatures (u8), a mask of [`Role`]s (u16), for each role
//! in the mask the number of its account among the instruction's (u8), the signatures (65 bytes each, signers ascending), and its words in
//! compact form ([`crate::words`]): the operation's fourteen, for a Conflict seventeen, for a Mirror six.

#[cfg(feature = "client")]
use alloc::vec::Vec;

use crate::{
    GatewayError, Word, bytes,
    limits::{CONFLICT_WORDS, MIRROR_WORDS, OPERATION_WORDS, SIGNATURE_BYTES},
    protocol::action,
    words::{Dictionary, expand},
};

/// What an account is to an order. Those an action may need:
///
/// | action | roles |
/// | --- | --- |
/// | Mint | `Page` (slots), `Route`, `SyntheticMint`, `Token`; `SyntheticVault` and `Claimable` where `Token` cannot take it or the treasury's cannot; `TreasuryToken`, `TreasuryClaimable` with a fee |
/// | Release | as Mint, with `Token` and `Claimable` only for a surplus; `Position` and `Price` in a vault market; `CollateralVault`, `CollateralToken` (and `CollateralClaimable`) for a payout |
/// | Void | `Page` (slots), `Route` |
/// | Refund | `Page` (outgoing), `Route`; as Release without the treasury's, for `refundTo` |
/// | Conflict | as Refund, and `BadDebt` |
/// | Mirror | `Mirror`, `MirrorHome` |
///
/// One that is needed and not given, or not the right one, skips the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Slot page of (origin, nonce), or outgoing page of (destination, nonce). Writable.
    Page = 0,
    /// Route of (asset, peer). Writable.
    Route = 1,
    /// Mint of the synthetic. Writable.
    SyntheticMint = 2,
    /// The gateway's token account of the synthetic: custody. Writable.
    SyntheticVault = 3,
    /// The gateway's token account of the collateral. Writable.
    CollateralVault = 4,
    /// Vault position. Writable.
    Position = 5,
    /// Price account of the market.
    Price = 6,
    /// Canonical token account of who is paid, for the synthetic. Writable.
    Token = 7,
    /// What waits for him of the synthetic. Writable.
    Claimable = 8,
    /// Canonical token account of who is paid, for the collateral. Writable.
    CollateralToken = 9,
    /// What waits for him of the collateral. Writable.
    CollateralClaimable = 10,
    /// The treasury's canonical token account for the synthetic. Writable.
    TreasuryToken = 11,
    /// What waits for the treasury of the synthetic. Writable.
    TreasuryClaimable = 12,
    /// Bad debt of the Conflict order's market. Writable.
    BadDebt = 13,
    /// The mirror. Writable.
    Mirror = 14,
    /// The home of the mirror's market. Writable.
    MirrorHome = 15,
}

impl Role {
    /// Every role, in the order of their bits.
    pub const ALL: [Self; 16] = [
        Self::Page,
        Self::Route,
        Self::SyntheticMint,
        Self::SyntheticVault,
        Self::CollateralVault,
        Self::Position,
        Self::Price,
        Self::Token,
        Self::Claimable,
        Self::CollateralToken,
        Self::CollateralClaimable,
        Self::TreasuryToken,
        Self::TreasuryClaimable,
        Self::BadDebt,
        Self::Mirror,
        Self::MirrorHome,
    ];

    /// Its bit in the mask.
    #[must_use]
    pub const fn bit(self) -> u16 {
        1_u16.wrapping_shl(self as u32)
    }
}

/// The orders of an `Execute`, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders<'a>(&'a [u8]);

impl<'a> Orders<'a> {
    /// The orders in these bytes; what they are is found out one by one.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Each order, or [`GatewayError::MalformedContent`] for one that cannot be decoded within its length. After
/// [`GatewayError::MalformedData`], where the lengths themselves do not fit, there is no further one.
impl<'a> Iterator for Orders<'a> {
    type Item = Result<OrderView<'a>, GatewayError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut reader = bytes::Reader(self.0);
        let Some(order) = reader.value::<u16>().and_then(|length| reader.bytes(length.into())) else {
            self.0 = &[];
            return Some(Err(GatewayError::MalformedData));
        };
        self.0 = reader.0;
        Some(OrderView::read(order).ok_or(GatewayError::MalformedContent))
    }
}

/// An order as it is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView<'a> {
    /// What is to be done.
    pub action: u8,
    /// 65 bytes each.
    pub signatures: &'a [[u8; SIGNATURE_BYTES]],
    mask: u16,
    places: &'a [u8],
    compact: &'a [u8],
}

impl<'a> OrderView<'a> {
    fn read(order: &'a [u8]) -> Option<Self> {
        let mut reader = bytes::Reader(order);
        let (action, count, mask) = (reader.value()?, reader.value::<u8>()?, reader.value::<u16>()?);
        let places = reader.bytes(usize::try_from(mask.count_ones()).ok()?)?;
        let (signatures, []) = reader.bytes(usize::from(count).checked_mul(SIGNATURE_BYTES)?)?.as_chunks() else {
            return None;
        };
        Some(Self { action, signatures, mask, places, compact: reader.0 })
    }

    /// The number of the account with a role.
    #[must_use]
    pub fn place(&self, role: Role) -> Option<u8> {
        if self.mask & role.bit() == 0 {
            return None;
        }
        let before = (self.mask & role.bit().wrapping_sub(1)).count_ones();
        self.places.get(usize::try_from(before).ok()?).copied()
    }

    /// How many words an order of this action carries.
    #[must_use]
    pub fn word_count(action: u8) -> Option<usize> {
        match action {
            action::MINT..=action::REFUND => Some(OPERATION_WORDS),
            action::CONFLICT => Some(CONFLICT_WORDS),
            action::MIRROR => Some(MIRROR_WORDS),
            _ => None,
        }
    }

    /// Expands the words into the beginning of `words`, and gives how many there are.
    ///
    /// # Errors
    /// [`GatewayError::UnknownAction`], [`GatewayError::MalformedContent`].
    pub fn words(
        &self,
        dictionary: &Dictionary<'_>,
        words: &mut [Word; CONFLICT_WORDS],
    ) -> Result<usize, GatewayError> {
        let count = Self::word_count(self.action).ok_or(GatewayError::UnknownAction)?;
        let run = words.get_mut(..count).ok_or(GatewayError::MalformedContent)?;
        let read = expand(self.compact, dictionary, run)?;
        if read == self.compact.len() { Ok(count) } else { Err(GatewayError::MalformedContent) }
    }
}

/// An order to be encoded.
#[cfg(feature = "client")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderArgs<'a> {
    /// What is to be done.
    pub action: u8,
    /// The words that the action carries.
    pub words: &'a [Word],
    /// 65 bytes each, signers ascending.
    pub signatures: &'a [[u8; SIGNATURE_BYTES]],
    /// Accounts by number, in any order.
    pub accounts: Vec<(Role, u8)>,
}

#[cfg(feature = "client")]
impl OrderArgs<'_> {
    /// Appends the encoding; `None` where it does not fit 65,535 bytes, which no transaction holds.
    #[must_use]
    pub fn write(&self, dictionary: &Dictionary<'_>, out: &mut Vec<u8>) -> Option<()> {
        let mut accounts = self.accounts.clone();
        accounts.sort_unstable();
        accounts.dedup_by_key(|(role, _)| *role);
        let mut order = alloc::vec![self.action, u8::try_from(self.signatures.len()).ok()?];
        let mask = accounts.iter().fold(0, |mask, (role, _)| mask | role.bit());
        order.extend_from_slice(&mask.to_le_bytes());
        order.extend(accounts.iter().map(|(_, place)| place));
        order.extend_from_slice(self.signatures.as_flattened());
        let mut compact = alloc::vec![0; self.words.len().checked_mul(33)?];
        let length = crate::words::compress(self.words, dictionary, &mut compact)?;
        order.extend_from_slice(compact.get(..length)?);
        out.extend_from_slice(&u16::try_from(order.len()).ok()?.to_le_bytes());
        out.extend_from_slice(&order);
        Some(())
    }
}

/// The bytes of several orders, for [`Orders::new`].
#[cfg(feature = "client")]
#[must_use]
pub fn encode_orders(orders: &[OrderArgs<'_>], dictionary: &Dictionary<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for order in orders {
        order.write(dictionary, &mut out)?;
    }
    Some(out)
}

/// How an order ended: three bytes of the return data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderResult {
    /// 0 Done, 1 AlreadyDone, 2 Delayed, 3 Rejected.
    pub code: u8,
    /// Why it was not done.
    pub reason: Option<GatewayError>,
}

impl OrderResult {
    /// Bytes of one.
    pub const LENGTH: usize = 3;

    /// How the order at `index` of an `Execute` ended, by its return data. A chain does not carry zeros at the end of return data, so what
    /// is missing is Done.
    #[must_use]
    pub fn at(data: &[u8], index: usize) -> Self {
        let at = index.saturating_mul(Self::LENGTH);
        let byte = |offset: usize| data.get(at.saturating_add(offset)).copied().unwrap_or_default();
        let (code, low, high) = (byte(0), byte(1), byte(2));
        Self { code, reason: GatewayError::from_code(u16::from_le_bytes([low, high]).into()) }
    }

    /// The results in an `Execute`'s return data, in the order of its orders. It must be as long as when it was set; see [`Self::at`].
    pub fn read(data: &[u8]) -> impl Iterator<Item = Self> + '_ {
        let (results, _) = data.as_chunks::<3>();
        results.iter().map(|[code, low, high]| Self {
            code: *code,
            reason: GatewayError::from_code(u16::from_le_bytes([*low, *high]).into()),
        })
    }
}

/// A log line about an order that was not done: a hint, since nodes truncate logs. The data of one `Program data:` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipHint {
    /// Place of the order in its batch.
    pub index: u8,
    /// Its action.
    pub action: u8,
    /// 1 AlreadyDone, 2 Delayed, 3 Rejected.
    pub code: u8,
    /// Why.
    pub reason: u16,
    /// Content hash; zero where the content cannot be decoded.
    pub content: Word,
}

impl SkipHint {
    /// Bytes of one.
    pub const LENGTH: usize = 41;
    const PREFIX: [u8; 4] = *b"skip";

    /// The bytes of the log line.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        bytes::put(&mut out, 0, &Self::PREFIX);
        bytes::put(&mut out, 4, &[self.index, self.action, self.code]);
        bytes::put(&mut out, 7, &self.reason.to_le_bytes());
        bytes::put(&mut out, 9, &self.content);
        out
    }

    /// Reads a log line's data.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = bytes::Reader(data);
        if *reader.array::<4>()? != Self::PREFIX {
            return None;
        }
        let hint = Self {
            index: reader.value()?,
            action: reader.value()?,
            code: reader.value()?,
            reason: reader.value()?,
            content: reader.value()?,
        };
        reader.end(hint)
    }
}
