//! What a token's history has of the gateway's payouts, read on from where it was read to before.

use std::{collections::BTreeMap, sync::Arc};

use tim3_chain::{BlockRef, ChainError};
use tim3_domain::word::Word;
use tim3_rpc::{CallError, Http};

use crate::{
    id::Id,
    link::Link,
    units::{
        UnitError,
        scheduler::{self, PAGE, Scheduled},
    },
};

/// Clocks of two schedulers may differ by so many seconds.
pub(crate) const SKEW: u64 = 60;

/// What is known of tokens that have payouts to wait for.
pub(crate) type Histories = BTreeMap<Id, History>;

/// One way to pay a payout, which the gateway takes once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attempt {
    pub(super) payout: Word,
    pub(super) attempt: u64,
}

/// A dense part of a token's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// It has everything from this time on, in seconds.
    since: u64,
    /// The number of the message after its last one.
    next: u64,
    messages: BTreeMap<Attempt, Vec<Id>>,
}

impl History {
    /// Whether it has whatever was sent at `time` or later.
    pub(super) fn reaches(&self, time: u64) -> bool {
        self.since <= time
    }

    /// The messages that claim to be this attempt.
    pub(super) fn messages(&self, attempt: &Attempt) -> &[Id] {
        self.messages.get(attempt).map_or(&[], Vec::as_slice)
    }

    /// Takes the messages that follow, of which those count that claim to be from `gateway`.
    fn append(&mut self, gateway: &str, page: &[Scheduled]) {
        for message in page {
            self.next = message.nonce.saturating_add(1);
            if message.tag("From-Process") != Some(gateway) {
                continue;
            }
            let attempt = message.tag("X-Attempt").and_then(|text| text.parse().ok());
            let payout = message.tag("X-Payout").and_then(|text| text.parse().ok());
            if let (Some(payout), Some(attempt)) = (payout, attempt) {
                self.messages.entry(Attempt { payout, attempt }).or_default().push(message.id);
            }
        }
    }
}

impl Link {
    /// What `token` was sent since `since`, to the end, going on where `known` ends. Every page is from a scheduler that knows `block`.
    pub(super) async fn read_on(
        &self,
        known: Option<History>,
        token: Id,
        since: u64,
        block: &BlockRef,
    ) -> Result<History, ChainError> {
        let mut history = match known {
            Some(known) => known,
            None => {
                let next = self.first_since(token, since.saturating_sub(SKEW), block).await?;
                History { since, next, ..History::default() }
            }
        };
        let gateway = self.process().to_string();
        loop {
            let page = self.recent(token, history.next, history.next.saturating_add(PAGE - 1), block).await?;
            history.append(&gateway, &page);
            if u64::try_from(page.len()).unwrap_or(u64::MAX) < PAGE {
                return Ok(history);
            }
        }
    }

    /// The number of the first message of `process` that was scheduled at `time` (seconds) or later; of the one to come where there is none.
    pub(crate) async fn first_since(&self, process: Id, time: u64, block: &BlockRef) -> Result<u64, ChainError> {
        let (mut least, mut end) = (0, self.latest(process).await?.nonce.saturating_add(1));
        while least < end {
            let middle = least.midpoint(end);
            let found = self.recent(process, middle, middle, block).await?;
            let found = found.first().ok_or_else(|| self.transient("history", format!("no message {middle}")))?;
            if found.timestamp_ms / 1_000 < time {
                least = middle.saturating_add(1);
            } else {
                end = middle;
            }
        }
        Ok(least)
    }

    /// Messages of a process from a scheduler that knows `block`: one that is behind does not know what it does not have.
    pub(crate) async fn recent(
        &self,
        process: Id,
        first: u64,
        last: u64,
        block: &BlockRef,
    ) -> Result<Vec<Scheduled>, ChainError> {
        let gateway = self.process();
        let ask = |su: Arc<Http>| async move { page(&su, gateway, process, first, last, block).await };
        self.ask(&self.schedulers, "history", ask).await
    }
}

async fn page(
    su: &Http,
    gateway: Id,
    process: Id,
    first: u64,
    last: u64,
    block: &BlockRef,
) -> Result<Vec<Scheduled>, UnitError> {
    let height = scheduler::latest(su, gateway).await?.map(|latest| latest.nonce);
    if height.is_none_or(|height| height < block.height) {
        return Err(CallError::Behind(format!("its head of the gateway is {height:?}, below {}", block.height)));
    }
    scheduler::history(su, process, first, last).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ans104::Tag;

    fn message(nonce: u64, from: &str, payout: Word, attempt: &str) -> Scheduled {
        let tags = [("From-Process", from), ("X-Payout", &payout.to_string()), ("X-Attempt", attempt)];
        Scheduled {
            nonce,
            timestamp_ms: 0,
            id: Id([u8::try_from(nonce).expect("few"); 32]),
            signer: String::new(),
            tags: tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect(),
            data: String::new(),
            assignment: Id([0; 32]),
        }
    }

    #[test]
    fn an_attempt_is_found_by_its_payout_and_its_number() {
        let payout = Word([7; 32]);
        let mut history = History { since: 100, next: 3, ..History::default() };
        history.append("gateway", &[message(3, "gateway", payout, "1"), message(4, "another", payout, "2")]);
        history.append("gateway", &[message(5, "gateway", payout, "1"), message(6, "gateway", payout, "soon")]);
        assert_eq!(history.messages(&Attempt { payout, attempt: 1 }), [Id([3; 32]), Id([5; 32])]);
        assert_eq!(history.messages(&Attempt { payout, attempt: 2 }), []);
        assert_eq!(history.messages(&Attempt { payout: Word([8; 32]), attempt: 1 }), []);
        assert_eq!((history.next, history.reaches(100), history.reaches(99)), (7, true, false));
    }

    proptest! {
        #[test]
        fn any_tags_are_an_attempt_or_nothing(payout in "\\PC{0,70}|0x[0-9a-f]{64}", attempt in "\\PC{0,25}|[0-9]{1,25}") {
            let mut history = History::default();
            let mut message = message(0, "gateway", Word::ZERO, &attempt);
            for tag in &mut message.tags {
                if tag.name == "X-Payout" {
                    tag.value.clone_from(&payout);
                }
            }
            history.append("gateway", &[message]);
            let found: usize = history.messages.values().map(Vec::len).sum();
            prop_assert_eq!(found == 1, payout.parse::<Word>().is_ok() && attempt.parse::<u64>().is_ok());
        }
    }
}
