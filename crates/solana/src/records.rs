//! From the bytes of pages to events. Total: whatever an endpoint sends, the result is a run of events or an error.

use thiserror::Error;
use tim3_domain::{
    DomainError,
    protocol::{Event, EventBody, Head},
    word::Word,
};
use tim3_solana_interface::{
    GatewayError,
    accounts::{EventPage, Gateway, Record},
    words::Dictionary,
};

/// A page that is not what a gateway writes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadPage {
    /// It is missing, or no page, or another one.
    #[error("page {0} is missing or no page of this gateway")]
    Page(u32),
    /// Its records end before its header says so.
    #[error("page {page} has {found} records, its header says {stated}")]
    Records {
        /// The page.
        page: u32,
        /// What its header says.
        stated: u32,
        /// What there are.
        found: usize,
    },
    /// It does not follow the page before it.
    #[error("page {page} begins with record {found}, expected {expected}")]
    Sequence {
        /// The page.
        page: u32,
        /// The sequence that was due.
        expected: u64,
        /// The sequence it has.
        found: u64,
    },
    /// A slot that is before the one of the record before.
    #[error("record {0} was written before the one before it")]
    Slot(u64),
    /// A body that does not decode.
    #[error("record {sequence}: {error}")]
    Body {
        /// The record.
        sequence: u64,
        /// What is wrong.
        error: String,
    },
    /// The records do not lead to the gateway's own head.
    #[error("the pages lead to {found:?}, the gateway is at {expected:?}")]
    Head {
        /// What the gateway says.
        expected: Head,
        /// Where the pages lead.
        found: Head,
    },
}

/// An event and the slot in which it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The event.
    pub event: Event,
    /// The slot.
    pub slot: u64,
    /// The page it is in.
    pub page: u32,
}

/// Consecutive events, and the head before the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Count and running hash before the first event.
    pub before: Head,
    /// The events.
    pub events: Vec<Written>,
}

/// The gateway's own head.
#[must_use]
pub fn head<B: AsRef<[u8]>>(gateway: &Gateway<B>) -> Head {
    Head { count: gateway.count(), hash: Word(gateway.hash()) }
}

/// The page in `data`, if it is number `page` of the gateway at `account`.
///
/// # Errors
/// [`BadPage::Page`].
pub fn page<'a>(data: &'a [u8], account: &[u8; 32], page: u32) -> Result<EventPage<&'a [u8]>, BadPage> {
    let view = EventPage::new(data).map_err(|_: GatewayError| BadPage::Page(page))?;
    if view.gateway() == *account && view.page() == page { Ok(view) } else { Err(BadPage::Page(page)) }
}

/// The events of consecutive `pages`.
///
/// # Errors
/// [`BadPage`] saying what is wrong with which page.
pub fn read(pages: &[EventPage<&[u8]>], dictionary: &Dictionary<'_>) -> Result<Run, BadPage> {
    let first = pages.first().ok_or(BadPage::Page(0))?;
    let before = Head { count: first.first(), hash: Word(first.before()) };
    let mut events: Vec<Written> = Vec::new();
    let mut due = before.count;
    for page in pages {
        let number = page.page();
        if page.first() != due {
            return Err(BadPage::Sequence { page: number, expected: due, found: page.first() });
        }
        let begin = events.len();
        for record in page.iter() {
            if events.last().is_some_and(|last| record.slot < last.slot) {
                return Err(BadPage::Slot(record.sequence));
            }
            events.push(Written { event: event(&record, dictionary)?, slot: record.slot, page: number });
        }
        let found = events.len().saturating_sub(begin);
        if usize::try_from(page.records()) != Ok(found) {
            return Err(BadPage::Records { page: number, stated: page.records(), found });
        }
        due = due.saturating_add(page.records().into());
    }
    Ok(Run { before, events })
}

pub(crate) fn event(record: &Record<'_>, dictionary: &Dictionary<'_>) -> Result<Event, BadPage> {
    let bad = |error: String| BadPage::Body { sequence: record.sequence, error };
    let words = record.body(dictionary).map_err(|error| bad(error.name().to_owned()))?;
    let words: Vec<_> = words.iter().take(record.words.into()).map(|word| Word(*word)).collect();
    let body = EventBody::decode(record.kind, &words).map_err(|error: DomainError| bad(error.to_string()))?;
    Ok(Event { sequence: record.sequence, timestamp: record.timestamp, body })
}

impl Run {
    /// The head after the last event written up to `slot`, provided that all the events lead to `end`.
    ///
    /// # Errors
    /// [`BadPage::Head`] where they do not.
    pub fn head_at(&self, slot: u64, end: Head) -> Result<Head, BadPage> {
        let (mut head, mut at) = (self.before, self.before);
        for written in &self.events {
            // Sequences are dense: they were checked when the pages were read.
            head = head.after(&written.event).ok_or(BadPage::Head { expected: end, found: head })?;
            if written.slot <= slot {
                at = head;
            }
        }
        if head == end { Ok(at) } else { Err(BadPage::Head { expected: end, found: head }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tim3_domain::{
        identity::{AssetId, GatewayId},
        word::keccak_text,
    };
    use tim3_solana_interface::{
        limits::{EVENT_PAGE_BYTES, EVENT_PAGE_HEADER},
        words::compress,
    };

    use super::*;

    const ACCOUNT: [u8; 32] = [7; 32];

    fn body(number: u64) -> EventBody {
        EventBody::PauseSet {
            asset: AssetId(keccak_text("an asset")),
            level: u8::try_from(number % 4).expect("small"),
            actor: tim3_domain::identity::Account(keccak_text(&number.to_string())),
        }
    }

    /// Pages as the program writes them: events in these slots, so many a page.
    fn pages(slots: &[u64], each: usize) -> (Vec<Vec<u8>>, Head) {
        let mut head = Head::genesis(GatewayId(keccak_text("gateway")));
        let mut pages = Vec::new();
        for (number, slots) in slots.chunks(each).enumerate() {
            let mut data = vec![0_u8; EVENT_PAGE_BYTES];
            let mut page = EventPage::create(data.as_mut_slice()).expect("a page");
            page.set_gateway(ACCOUNT);
            page.set_page(u32::try_from(number).expect("few"));
            page.set_first(head.count);
            page.set_before(head.hash.0);
            for slot in slots {
                let event = Event { sequence: head.count, timestamp: slot / 2, body: body(head.count) };
                let words: Vec<_> = event.body.words().iter().map(|word| word.0).collect();
                let mut compact = [0; 200];
                let length = compress(&words, &Dictionary::new(&[]), &mut compact).expect("fits");
                let count = u8::try_from(words.len()).expect("few");
                page.append(event.body.kind(), count, event.timestamp, *slot, &compact[..length]).expect("room");
                head = head.after(&event).expect("the next one");
            }
            pages.push(data);
        }
        (pages, head)
    }

    fn views(pages: &[Vec<u8>]) -> Vec<EventPage<&[u8]>> {
        (0..).zip(pages).map(|(number, data)| page(data, &ACCOUNT, number).expect("a page")).collect()
    }

    #[test]
    fn the_head_at_a_slot_is_that_of_the_last_event_up_to_it() {
        let (pages, end) = pages(&[10, 10, 12, 15], 3);
        let run = read(&views(&pages), &Dictionary::new(&[])).expect("events");
        let counts: Vec<_> =
            [9, 10, 11, 12, 14, 15, 99].iter().map(|slot| run.head_at(*slot, end).expect("a head").count).collect();
        assert_eq!(counts, [0, 2, 2, 3, 3, 4, 4]);
        let late = read(&views(&pages)[1..], &Dictionary::new(&[])).expect("events");
        assert_eq!(late.head_at(14, end), run.head_at(14, end), "a page is proved alone");
        let other = Head { hash: keccak_text("another"), ..end };
        assert!(matches!(run.head_at(99, other), Err(BadPage::Head { .. })));
    }

    #[test]
    fn a_page_of_another_gateway_or_place_is_refused() {
        let (pages, _) = pages(&[1, 2], 1);
        assert!(page(&pages[0], &[8; 32], 0).is_err());
        assert!(page(&pages[0], &ACCOUNT, 1).is_err());
        assert!(page(&pages[0][1..], &ACCOUNT, 0).is_err());
        let twice = [page(&pages[0], &ACCOUNT, 0).expect("a page"), page(&pages[0], &ACCOUNT, 0).expect("a page")];
        assert_eq!(read(&twice, &Dictionary::new(&[])), Err(BadPage::Sequence { page: 0, expected: 1, found: 0 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_run_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), EVENT_PAGE_BYTES - EVENT_PAGE_HEADER), records in any::<u32>(), used in any::<u32>(), few in any::<bool>()
        ) {
            let mut data = vec![0; EVENT_PAGE_BYTES];
            data[EVENT_PAGE_HEADER..].copy_from_slice(&bytes);
            let mut view = EventPage::create(data.as_mut_slice()).expect("a page");
            view.set_records(if few { records % 5 } else { records });
            view.set_used(if few { used % 9_000 } else { used });
            let _ = read(&[EventPage::new(data.as_slice()).expect("a page")], &Dictionary::new(&bytes[..96]));
        }

        #[test]
        fn a_changed_byte_is_noticed(slots in prop::collection::vec(0_u64..40, 1..30), each in 1_usize..8, at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let mut slots = slots;
            slots.sort_unstable();
            let (mut pages, end) = pages(&slots, each);
            let read_all = |pages: &[Vec<u8>]| {
                let views = (0..).zip(pages).map(|(number, data)| page(data, &ACCOUNT, number)).collect::<Result<Vec<_>, _>>()?;
                let run = read(&views, &Dictionary::new(&[]))?;
                run.head_at(u64::MAX, end).map(|_| run)
            };
            let before = read_all(&pages).expect("as written");
            let page = at.index(pages.len());
            let place = at.index(EVENT_PAGE_BYTES);
            pages[page][place] ^= flip;
            if let Ok(after) = read_all(&pages) {
                // Slots are outside the running hash, and behind the last record nothing counts.
                let events = |run: &Run| run.events.iter().map(|written| written.event.clone()).collect::<Vec<_>>();
                prop_assert_eq!(events(&after), events(&before));
            }
        }
    }
}
