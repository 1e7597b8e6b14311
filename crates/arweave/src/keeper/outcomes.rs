//! What became of liquidations: where the scheduler put their messages, what the gateway answered by the word of a quorum of compute units, and whether the token
//! has paid out what was seized.

use std::sync::Arc;

use futures::future::try_join_all;
use serde::Deserialize;
use tim3_chain::{Attempt, BlockRef, ChainError, Liquidated, Transaction, Undone, is_liquidation_guard};
use tim3_domain::word::Word;
use tim3_rpc::{Call, CallError, Http};
use tracing::debug;

use super::Keeper;
use crate::{
    id::Id,
    link::{Link, garbage, lock},
    units::{
        UnitError,
        compute::{self, Outcome, Outgoing},
    },
    view::{Number, Query, many, part, reason},
};

/// Payouts in one request.
const PAYOUTS: usize = 100;

/// What the gateway did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    repaid: Number<u128>,
    bad_debt: Number<u128>,
    /// None where nothing was seized that the token could pay.
    payout: Option<Word>,
}

/// What the gateway answered to a liquidation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Done(Done),
    /// By a reason of its own, of which `name` is the first word.
    Refused {
        name: String,
        reason: String,
    },
    /// Nothing: the evaluation failed, or the message is not for it.
    Failed(String),
}

/// A message that was evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Landed {
    block: BlockRef,
    said: Said,
    /// What became of what it seized, where that was asked.
    payout: Option<Payout>,
}

/// What is paid out to the account: what was seized, without what the token cannot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Payout {
    status: Status,
    amount: Number<u128>,
}

/// What became of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// The token has not answered.
    Pending,
    /// The token has paid.
    Paid,
    /// The token will not pay: the account has a claim instead.
    Failed,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Keeper {
    pub(super) async fn read_attempts(&self, transactions: &[Transaction]) -> Result<Vec<Attempt>, ChainError> {
        lock(&self.landed).retain(|id, _| transactions.iter().any(|transaction| transaction.id == *id));
        let attempts = try_join_all(transactions.iter().map(|transaction| self.land(transaction))).await?;
        self.learn_payouts().await?;
        let landed = lock(&self.landed);
        let attempt = |(transaction, otherwise): (&Transaction, Attempt)| match landed.get(&transaction.id) {
            Some(landed) => landed.attempt(),
            None => otherwise,
        };
        Ok(transactions.iter().zip(attempts).map(attempt).collect())
    }

    /// Looks whether a message was scheduled and evaluated; gives what it is while it was not.
    async fn land(&self, transaction: &Transaction) -> Result<Attempt, ChainError> {
        if lock(&self.landed).contains_key(&transaction.id) {
            return Ok(Attempt::Pending);
        }
        let Ok(message) = transaction.id.0.parse::<Id>() else { return Ok(Attempt::Dead) };
        let process = self.link.process();
        let Some(scheduled) = self.link.scheduled(process, message).await? else { return Ok(Attempt::Unknown) };
        let own = self.address;
        let ask = |cu: Arc<Http>| async move {
            match compute::result(&cu, process, message).await? {
                Some(outcome) => said(&outcome, own),
                None => Err(CallError::Behind(format!("it has not evaluated {message}"))),
            }
        };
        let said = match self.link.compute_units.quorum(Call::new("liquidation").moving(), ask).await {
            Ok(agreed) => agreed.value,
            // Who is behind yet evaluates it a moment later.
            Err(error) => {
                debug!(chain = self.link.name(), %message, %error, "a liquidation is not evaluated");
                return Ok(Attempt::Pending);
            }
        };
        let block = scheduled.block();
        self.link.blocks.keep(block);
        let landed = Landed { block, said, payout: None };
        lock(&self.landed).insert(transaction.id.clone(), landed);
        Ok(Attempt::Pending)
    }

    /// Asks what became of payouts that were pending.
    async fn learn_payouts(&self) -> Result<(), ChainError> {
        let open: Vec<_> = {
            let landed = lock(&self.landed);
            let open = landed.iter().filter_map(|(id, landed)| Some((id.clone(), landed.block, landed.owed()?)));
            open.collect()
        };
        let Some(newest) = open.iter().map(|(_, block, _)| *block).max() else { return Ok(()) };
        let link = &self.link;
        for open in open.chunks(PAYOUTS) {
            let payouts: &Vec<Word> = &open.iter().map(|(.., payout)| *payout).collect();
            let ask = |cu: Arc<Http>, least: u64| async move { payouts_of(link, &cu, payouts, least).await };
            let found = link.agreed(Call::new("payouts").moving(), &newest, ask).await?;
            let mut landed = lock(&self.landed);
            for ((id, ..), found) in open.iter().zip(found) {
                if let Some(landed) = landed.get_mut(id) {
                    landed.payout = Some(found);
                }
            }
        }
        Ok(())
    }
}

impl Landed {
    /// The payout that is to be asked for.
    fn owed(&self) -> Option<Word> {
        match (&self.said, self.payout) {
            (Said::Done(done), None | Some(Payout { status: Status::Pending, .. })) => done.payout,
            _ => None,
        }
    }

    fn attempt(&self) -> Attempt {
        let result = match &self.said {
            Said::Done(done) => {
                let seized = match (done.payout, self.payout) {
                    (None, _) | (_, Some(Payout { status: Status::Failed, .. })) => 0,
                    (_, Some(Payout { status: Status::Paid, amount })) => amount.0,
                    (Some(_), _) => return Attempt::Pending,
                };
                Ok(Liquidated { repaid: done.repaid.0, seized, bad_debt: done.bad_debt.0 })
            }
            Said::Refused { name, reason } if is_liquidation_guard(name) => Err(Undone::Guarded(reason.clone())),
            Said::Refused { reason, .. } | Said::Failed(reason) => Err(Undone::Failed(reason.clone())),
        };
        Attempt::Included { block: self.block, cost: 0, result }
    }
}

/// What an evaluation says that a liquidation of `own` did.
pub(super) fn said(outcome: &Outcome, own: Id) -> Result<Said, UnitError> {
    let own = own.to_string();
    let told = |action: &str| {
        let is_its = |message: &&Outgoing| message.target == own && message.tag("Action") == Some(action);
        outcome.messages.iter().find(is_its)
    };
    if let Some(error) = told("Liquidate-Error") {
        let name = serde_json::from_str(&error.data).map_or_else(|_| String::new(), |it: Refusal| it.error);
        return Ok(Said::Refused { name, reason: reason(&error.data) });
    }
    let Some(response) = told("Liquidate-Response") else {
        return Ok(Said::Failed(outcome.error.clone().unwrap_or_else(|| "it is not answered".to_owned())));
    };
    let done = serde_json::from_str(&response.data);
    done.map(Said::Done).map_err(|error| garbage(format!("the answer to a liquidation: {error}")))
}

/// What became of payouts, as a compute unit has it that has seen message `least`.
async fn payouts_of(link: &Link, cu: &Http, payouts: &[Word], least: u64) -> Result<Vec<Payout>, UnitError> {
    let queries: Vec<_> = payouts.iter().map(|payout| Query::new("Payout").with("Payout", payout)).collect();
    let answers = many(cu, link.process(), &queries).await?.since(least)?;
    (0..queries.len()).map(|index| part(&answers, index)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ans104::Tag;

    const OWN: Id = Id([7; 32]);

    fn answer(action: &str, data: &str) -> Outcome {
        let tags = vec![Tag::new("Action", action)];
        let message = |target: String| Outgoing { target, tags: tags.clone(), data: data.to_owned() };
        Outcome { messages: vec![message("stranger".to_owned()), message(OWN.to_string())], ..Outcome::default() }
    }

    fn done(payout: Option<Word>) -> Done {
        Done { repaid: Number(5), bad_debt: Number(0), payout }
    }

    fn attempt(said: Said, status: Option<Status>) -> Attempt {
        let block = BlockRef { height: 9, hash: Word([1; 32]), timestamp: 3 };
        let payout = status.map(|status| Payout { status, amount: Number(6) });
        Landed { block, said, payout }.attempt()
    }

    #[test]
    fn an_answer_says_what_was_done_or_why_not() {
        let data = json!({"sequence": "3", "repaid": "5", "seized": "6", "badDebt": "0", "payout": Word([2; 32])});
        let read = said(&answer("Liquidate-Response", &data.to_string()), OWN);
        assert_eq!(read, Ok(Said::Done(done(Some(Word([2; 32]))))));
        let refused = said(&answer("Liquidate-Error", r#"{"error":"BelowDust","detail":{"debt":"1"}}"#), OWN);
        let reason = r#"BelowDust {"debt":"1"}"#.to_owned();
        assert_eq!(refused, Ok(Said::Refused { name: "BelowDust".to_owned(), reason: reason.clone() }));
        assert!(said(&answer("Liquidate-Response", "{}"), OWN).is_err());
        let failed = Outcome { error: Some("out of memory".to_owned()), ..Outcome::default() };
        assert_eq!(said(&failed, OWN), Ok(Said::Failed("out of memory".to_owned())));
        assert_eq!(
            said(&answer("Liquidate-Response", "{}"), Id([8; 32])),
            Ok(Said::Failed("it is not answered".to_owned()))
        );
        let guarded = attempt(refused.expect("read"), None);
        assert!(
            matches!(guarded, Attempt::Included { cost: 0, result: Err(Undone::Guarded(why)), .. } if why == reason)
        );
        let failed = attempt(Said::Refused { name: "Paused".to_owned(), reason: "Paused".to_owned() }, None);
        assert!(matches!(failed, Attempt::Included { result: Err(Undone::Failed(_)), .. }));
    }

    #[test]
    fn a_liquidation_is_done_once_what_it_seized_has_come() {
        let seized = |attempt: Attempt| match attempt {
            Attempt::Included { result: Ok(done), .. } => Some(done.seized),
            _ => None,
        };
        let owed = Said::Done(done(Some(Word([2; 32]))));
        assert_eq!(attempt(owed.clone(), None), Attempt::Pending);
        assert_eq!(attempt(owed.clone(), Some(Status::Pending)), Attempt::Pending);
        assert_eq!(seized(attempt(owed.clone(), Some(Status::Paid))), Some(6));
        assert_eq!(seized(attempt(owed, Some(Status::Failed))), Some(0), "it is a claim");
        assert_eq!(seized(attempt(Said::Done(done(None)), None)), Some(0), "below the token's units");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_garbage(data in "\\PC{0,60}", is_error: bool) {
            let action = if is_error { "Liquidate-Error" } else { "Liquidate-Response" };
            let read = said(&answer(action, &data), OWN);
            prop_assert_eq!(read.is_err(), !is_error);
        }
    }
}
