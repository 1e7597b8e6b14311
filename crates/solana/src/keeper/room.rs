//! How much fits into the pages of events that a transaction can name: the current one and the next. One that finds both of them filled when its turn comes
//! fails, and has paid for it.

use std::{collections::BTreeMap, time::Duration};

use tim3_chain::{ChainError, TxId};
use tim3_solana_interface::{
    accounts::EventPage,
    limits::{EVENT_PAGE_BYTES, EVENT_PAGE_HEADER},
};
use tokio::time::Instant;

use super::{Keeper, RECORD};
use crate::{fates::Fate, link::lock, node::Status};

/// Bytes of records in a page.
const PAGE: usize = EVENT_PAGE_BYTES.saturating_sub(EVENT_PAGE_HEADER);

/// Of the next page, this is left to everybody else.
const OTHERS: usize = PAGE / 4;

/// No transaction can be included so long after it was signed: somewhat more than the life of a blockhash.
const LIFE: Duration = Duration::from_secs(120);

/// Transactions that were signed and whose records are in no page yet, as far as is known.
#[derive(Debug, Default)]
pub(super) struct OnTheirWay(BTreeMap<TxId, Instant>);

impl OnTheirWay {
    pub(super) fn add(&mut self, id: TxId) {
        self.0.insert(id, Instant::now());
    }

    /// What became of one.
    pub(super) fn note(&mut self, id: &TxId, fate: &Fate) {
        // Pages are read as they are confirmed.
        let is_over = match fate {
            Fate::Dead => true,
            Fate::Seen(Status { commitment, .. }) => commitment.is_some(),
            Fate::Unknown => false,
        };
        if is_over {
            self.0.remove(id);
        }
    }

    fn count(&mut self) -> usize {
        self.0.retain(|_, at| at.elapsed() < LIFE);
        self.0.len()
    }
}

impl Keeper {
    /// How many more liquidations fit.
    pub(super) async fn read_room(&self) -> Result<usize, ChainError> {
        const WHAT: &str = "pages";
        let page = self.link.gateway(WHAT).await?.page();
        let (gateway, found) = self.link.gateway_and(WHAT, &[self.link.addresses.events(page)]).await?;
        let current = found.into_iter().next().flatten();
        let current =
            self.link.own(current).and_then(|data| EventPage::new(data).ok()).map_or(PAGE, |page| page.room());
        // Filled in between, it has no room.
        let current = if gateway.page() == page { current } else { 0 };
        Ok(room(current, lock(&self.on_their_way).count()))
    }
}

/// Liquidations beside so many others, where the current page has room for `current` bytes.
fn room(current: usize, on_their_way: usize) -> usize {
    let records = |bytes: usize| bytes.checked_div(RECORD).unwrap_or_default();
    // A record is in one page.
    records(current).saturating_add(records(PAGE.saturating_sub(OTHERS))).saturating_sub(on_their_way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Commitment;

    #[test]
    fn what_is_signed_at_once_fits_into_two_pages() {
        assert_eq!(PAGE / RECORD, 49, "records as large as can be");
        assert_eq!(room(PAGE, 0), 49 + 37);
        assert_eq!(room(PAGE, 80), 6);
        assert_eq!(room(RECORD - 1, 0), 37, "a page that is all but full");
        assert_eq!(room(0, 37), 0);
        assert_eq!(room(0, 1_000), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_signed_counts_until_its_record_is_in_a_page_or_never_will_be() {
        let [one, two, three] = ["one", "two", "three"].map(|name| TxId(name.to_owned()));
        let seen = |commitment| Fate::Seen(Status { slot: 5, error: None, commitment });
        let mut on_their_way = OnTheirWay::default();
        [&one, &two, &three].into_iter().for_each(|id| on_their_way.add(id.clone()));
        on_their_way.note(&one, &Fate::Unknown);
        on_their_way.note(&two, &seen(None));
        assert_eq!(on_their_way.count(), 3);
        on_their_way.note(&one, &Fate::Dead);
        on_their_way.note(&two, &seen(Some(Commitment::Confirmed)));
        assert_eq!(on_their_way.count(), 1);
        tokio::time::advance(LIFE).await;
        assert_eq!(on_their_way.count(), 0, "its blockhash has expired long ago");
    }
}
