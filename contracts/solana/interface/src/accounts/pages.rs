//! Accounts that hold many records, so that rent is not paid for each of them and concurrent callers need no account of their own.

use crate::{
    GatewayError, Word, ZERO, bytes,
    limits::{BODY_WORDS, EVENT_PAGE_BYTES, EVENT_PAGE_HEADER, OUTGOING_PER_PAGE, RECORD_HEADER, SLOTS_PER_PAGE},
    words::{Dictionary, expand},
};

account! {
    /// Consecutive events, and the running hash before them: a page is proved alone.
    ///
    /// A record is its length in bytes (u16, itself included), kind (u8), number of words (u8), timestamp (u64), slot (u64) and the words in
    /// compact form ([`crate::words`]). Its sequence is that of the page's first, plus its place.
    EventPage, b"t3events", EVENT_PAGE_BYTES, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// Its number.
        page, set_page: u32 @ 40;
        /// Records in it.
        records, set_records: u32 @ 44;
        /// Bytes that the records take.
        used, set_used: u32 @ 48;
        /// Bump of its address.
        bump, set_bump: u8 @ 52;
        /// Sequence of its first record.
        first, set_first: u64 @ 56;
        /// Running hash before its first record.
        before, set_before: word @ 64;
    }
}

/// An event in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub sequence: u64,
    /// Its kind.
    pub kind: u8,
    /// Time of the chain, seconds.
    pub timestamp: u64,
    /// Slot in which it was written.
    pub slot: u64,
    /// How many words its body has.
    pub words: u8,
    /// The words in compact form.
    pub compact: &'a [u8],
}

impl Record<'_> {
    /// The body's words; the first [`Self::words`] of what is returned.
    ///
    /// # Errors
    /// [`GatewayError::MalformedContent`] where the bytes are none of a gateway.
    pub fn body(&self, dictionary: &Dictionary<'_>) -> Result<[Word; BODY_WORDS], GatewayError> {
        let mut words = [ZERO; BODY_WORDS];
        let body = words.get_mut(..self.words.into()).ok_or(GatewayError::MalformedContent)?;
        let read = expand(self.compact, dictionary, body)?;
        if read == self.compact.len() { Ok(words) } else { Err(GatewayError::MalformedContent) }
    }
}

/// The records of a page, in order. It ends early where bytes are malformed; compare with [`EventPage::records`].
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    rest: bytes::Reader<'a>,
    sequence: u64,
    left: u32,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        let length = usize::from(self.rest.value::<u16>()?);
        let mut record = bytes::Reader(self.rest.bytes(length.checked_sub(2)?)?);
        let sequence = self.sequence;
        self.sequence = sequence.checked_add(1)?;
        let (kind, words) = (record.value()?, record.value()?);
        Some(Record { sequence, kind, timestamp: record.value()?, slot: record.value()?, words, compact: record.0 })
    }
}

impl<B: AsRef<[u8]>> EventPage<B> {
    /// Its records.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        let used = usize::try_from(self.used()).unwrap_or_default();
        let rest = self.0.as_ref().get(EVENT_PAGE_HEADER..).and_then(|rest| rest.get(..used)).unwrap_or_default();
        Records { rest: bytes::Reader(rest), sequence: self.first(), left: self.records() }
    }

    /// Bytes that further records may take.
    #[must_use]
    pub fn room(&self) -> usize {
        let used = usize::try_from(self.used()).unwrap_or(usize::MAX);
        EVENT_PAGE_BYTES.saturating_sub(EVENT_PAGE_HEADER).saturating_sub(used)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> EventPage<B> {
    /// Appends a record.
    ///
    /// # Errors
    /// [`GatewayError::PageMissing`] where it has no room.
    #[inline(always)]
    pub fn append(
        &mut self,
        kind: u8,
        words: u8,
        timestamp: u64,
        slot: u64,
        compact: &[u8],
    ) -> Result<(), GatewayError> {
        let length = RECORD_HEADER.saturating_add(compact.len());
        let (Ok(short), Ok(long)) = (u16::try_from(length), u32::try_from(length)) else {
            return Err(GatewayError::PageMissing);
        };
        if length > self.room() {
            return Err(GatewayError::PageMissing);
        }
        let at = EVENT_PAGE_HEADER.saturating_add(usize::try_from(self.used()).unwrap_or(usize::MAX));
        let data = self.0.as_mut();
        let place = data.get_mut(at..).ok_or(GatewayError::PageMissing)?;
        bytes::put(place, 0, &short.to_le_bytes());
        bytes::put(place, 2, &[kind, words]);
        bytes::put(place, 4, &timestamp.to_le_bytes());
        bytes::put(place, 12, &slot.to_le_bytes());
        bytes::put(place, RECORD_HEADER, compact);
        self.set_used(self.used().saturating_add(long));
        self.set_records(self.records().saturating_add(1));
        Ok(())
    }
}

account! {
    /// Outcomes of operations from one origin, two bits a nonce.
    SlotPage, b"t3slots\0", SLOT_BITS_AT + 256, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// GatewayId of the origin.
        peer, set_peer: word @ 40;
        /// Its number: nonce / 1,024.
        page, set_page: u32 @ 72;
        /// Bump of its address.
        bump, set_bump: u8 @ 76;
    }
}

const SLOT_BITS_AT: usize = 80;

impl SlotPage<()> {
    /// Where the bits are.
    pub const BITS: usize = SLOT_BITS_AT;

    /// The page of a nonce; `None` beyond 2^32 pages.
    #[must_use]
    pub fn of(nonce: u64) -> Option<u32> {
        u32::try_from(nonce.checked_div(SLOTS_PER_PAGE)?).ok()
    }
}

/// Byte and shift of a nonce in its page.
fn slot_place(nonce: u64) -> (usize, u32) {
    let index = u16::try_from(nonce & (SLOTS_PER_PAGE.saturating_sub(1))).unwrap_or_default();
    (SLOT_BITS_AT.saturating_add(usize::from(index >> 2)), u32::from(index & 3) << 1)
}

impl<B: AsRef<[u8]>> SlotPage<B> {
    /// Outcome of a nonce of this page: 0 none, 1 done, 2 void.
    #[must_use]
    pub fn slot(&self, nonce: u64) -> u8 {
        let (at, shift) = slot_place(nonce);
        bytes::array::<1>(self.0.as_ref(), at)[0].wrapping_shr(shift) & 3
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> SlotPage<B> {
    /// Records the outcome of a nonce that has none.
    pub fn set_slot(&mut self, nonce: u64, outcome: u8) {
        let (at, shift) = slot_place(nonce);
        if let Some(byte) = self.0.as_mut().get_mut(at) {
            *byte |= (outcome & 3).wrapping_shl(shift);
        }
    }
}

account! {
    /// Ids of operations to one destination, and which of them were refunded.
    OutgoingPage, b"t3outgo\0", OUTGOING_IDS_AT + 64 * 32, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// GatewayId of the destination.
        peer, set_peer: word @ 40;
        /// Its number: nonce / 64.
        page, set_page: u32 @ 72;
        /// Bump of its address.
        bump, set_bump: u8 @ 76;
        /// One bit a nonce, the lowest for the first: refunded.
        refunds, set_refunds: u64 @ 80;
        /// Who paid its rent and gets it back.
        payer, set_payer: word @ 88;
    }
}

const OUTGOING_IDS_AT: usize = 120;

impl OutgoingPage<()> {
    /// Where the ids are.
    pub const IDS: usize = OUTGOING_IDS_AT;

    /// The page of a nonce; `None` beyond 2^32 pages.
    #[must_use]
    pub fn of(nonce: u64) -> Option<u32> {
        u32::try_from(nonce.checked_div(OUTGOING_PER_PAGE)?).ok()
    }
}

/// Place of a nonce in its page, 0 to 63.
fn outgoing_place(nonce: u64) -> u32 {
    u32::try_from(nonce & (OUTGOING_PER_PAGE.saturating_sub(1))).unwrap_or_default()
}

fn outgoing_at(nonce: u64) -> usize {
    let place = usize::try_from(outgoing_place(nonce)).unwrap_or_default();
    OUTGOING_IDS_AT.saturating_add(place.saturating_mul(32))
}

impl<B: AsRef<[u8]>> OutgoingPage<B> {
    /// Operation id under a nonce of this page; zero when there is none yet.
    #[must_use]
    pub fn operation(&self, nonce: u64) -> &Word {
        bytes::word(self.0.as_ref(), outgoing_at(nonce))
    }

    /// Whether it was refunded.
    #[must_use]
    pub fn refunded(&self, nonce: u64) -> bool {
        self.refunds().wrapping_shr(outgoing_place(nonce)) & 1 != 0
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> OutgoingPage<B> {
    /// Records the id of an operation.
    pub fn set_operation(&mut self, nonce: u64, id: &Word) {
        bytes::put(self.0.as_mut(), outgoing_at(nonce), id);
    }

    /// Records that it was refunded.
    pub fn set_refunded(&mut self, nonce: u64) {
        self.set_refunds(self.refunds() | 1_u64.wrapping_shl(outgoing_place(nonce)));
    }
}
