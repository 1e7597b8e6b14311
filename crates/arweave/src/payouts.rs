//! Payouts whose message to the token may have been lost. The gateway only knows that it was not answered; whether the token was ever told is
//! in the token's history, which the scheduler has.

mod history;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use tim3_chain::{BlockRef, ChainError, LostPayout, Overdue};
use tim3_domain::word::Word;
use tim3_rpc::{Call, Http};

use crate::{
    assets::Assets,
    connect::Ao,
    id::Id,
    link::{Link, garbage, lock},
    units::{
        UnitError,
        compute::{self, Outcome},
    },
    view::{Number, Query, many, part},
};

use history::Attempt;
pub(crate) use history::{Histories, SKEW};

/// Payouts of one page.
const PAGE: usize = 200;
/// Payouts that are looked for at once, the oldest first.
const MOST: usize = 100;

/// A payout that has waited for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    id: Word,
    attempt: u64,
    token: Id,
    /// When the attempt was made, in seconds of the scheduler's time.
    time: u64,
}

#[derive(Debug, Deserialize)]
struct Page {
    payouts: Vec<Record>,
    next: Number<u64>,
    count: Number<u64>,
}

#[derive(Debug, Deserialize)]
struct Record {
    id: Word,
    asset: String,
    attempt: Number<u64>,
    time: Number<u64>,
}

impl Ao {
    pub(crate) async fn overdue_payouts(&self, block: &BlockRef, age: u64) -> Result<Overdue, ChainError> {
        let link = &self.link;
        let latest = link.now().await?.saturating_sub(age);
        let ask = |cu: Arc<Http>, least: u64| async move { waiting(link, &cu, least, latest).await };
        let waiting = link.agreed(Call::new("payouts").moving(), block, ask).await?;
        let mut since: BTreeMap<Id, u64> = BTreeMap::new();
        for payout in &waiting {
            since.entry(payout.token).and_modify(|since| *since = payout.time.min(*since)).or_insert(payout.time);
        }
        let mut histories = std::mem::take(&mut *lock(&self.histories));
        histories.retain(|token, _| since.contains_key(token));
        for (token, since) in since {
            let known = histories.remove(&token).filter(|history| history.reaches(since));
            let history = link.read_on(known, token, since, block).await?;
            histories.insert(token, history);
        }
        let mut overdue = Overdue::default();
        for Waiting { id, attempt, token, .. } in waiting {
            let messages = histories.get(&token).map(|history| history.messages(&Attempt { payout: id, attempt }));
            match link.heard(token, messages.unwrap_or_default()).await {
                Heard::No => overdue.lost.push(LostPayout::agreed(link.id, id, attempt)),
                Heard::Yes => overdue.unanswered.push(id),
                // The token gets to it yet.
                Heard::Unknown => {}
            }
        }
        *lock(&self.histories) = histories;
        Ok(overdue)
    }
}

/// Whether a token was told to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    No,
    Yes,
    Unknown,
}

/// What the token made of the messages that claim to be an attempt. Anybody can send it such a message; it does nothing with one that its
/// authority did not sign, and whatever it does something with it tells somebody by an action. In doubt it was told.
fn judge<'a>(outcomes: impl IntoIterator<Item = Option<&'a Outcome>>) -> Heard {
    let mut heard = Heard::No;
    for outcome in outcomes {
        match outcome {
            None => heard = Heard::Unknown,
            Some(outcome) => {
                let acted = outcome.messages.iter().any(|message| message.tag("Action").is_some());
                if outcome.error.is_some() || acted {
                    return Heard::Yes;
                }
            }
        }
    }
    heard
}

impl Link {
    async fn heard(&self, token: Id, messages: &[Id]) -> Heard {
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            let ask = |cu: Arc<Http>| async move { compute::result(&cu, token, *message).await };
            let agreed = self.compute_units.quorum(Call::new("payout's message").moving(), ask).await;
            outcomes.push(agreed.ok().and_then(|agreed| agreed.value));
        }
        judge(outcomes.iter().map(Option::as_ref))
    }
}

/// The oldest pending payouts whose newest attempt is not younger than `latest`, as a compute unit has them that has seen message `least`.
async fn waiting(link: &Link, cu: &Http, least: u64, latest: u64) -> Result<Vec<Waiting>, UnitError> {
    let mut found = Vec::new();
    let mut from = 0;
    loop {
        let views = [Query::new("Payouts").with("From", from).with("Limit", PAGE), Query::new("Assets")];
        let answers = many(cu, link.process(), &views).await?.since(least)?;
        let (page, assets): (Page, Assets) = (part(&answers, 0)?, part(&answers, 1)?);
        for Record { id, asset, attempt, time } in page.payouts.into_iter().filter(|record| record.time.0 <= latest) {
            let token = assets.assets.iter().find(|record| record.symbol == asset).map(|record| record.token);
            let token = token.ok_or_else(|| garbage(format!("payout {id} is of the unknown asset {asset}")))?;
            found.push(Waiting { id, attempt: attempt.0, token, time: time.0 });
        }
        if page.next.0 >= page.count.0 || found.len() >= MOST {
            found.truncate(MOST);
            return Ok(found);
        }
        if page.next.0 <= from {
            return Err(garbage(format!("the page of payouts after {from} ends with {}", page.next.0)));
        }
        from = page.next.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ans104::Tag, units::compute::Outgoing};

    fn outcome(tags: &[(&str, &str)], error: Option<&str>) -> Outcome {
        let tags = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
        let messages = vec![Outgoing { target: String::new(), tags, data: "not trusted".to_owned() }];
        Outcome { messages, error: error.map(str::to_owned), ..Outcome::default() }
    }

    #[test]
    fn in_doubt_a_token_was_told() {
        let paid = outcome(&[("Action", "Debit-Notice")], None);
        let refused = outcome(&[("Action", "Transfer-Error")], None);
        let failed = outcome(&[], Some("out of memory"));
        let stranger = outcome(&[], None);
        assert_eq!(judge([]), Heard::No);
        assert_eq!(judge([Some(&stranger), Some(&Outcome::default())]), Heard::No, "it did nothing");
        for told in [&paid, &refused, &failed] {
            assert_eq!(judge([Some(&stranger), None, Some(told)]), Heard::Yes);
        }
        assert_eq!(judge([None, Some(&stranger)]), Heard::Unknown);
    }
}
