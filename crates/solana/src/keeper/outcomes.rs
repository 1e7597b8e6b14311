//! What became of liquidations: what they cost by the word of the chain, and what they did by the gateway's own pages of events.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use tim3_chain::{Attempt, ChainError, Liquidated, Transaction, TxId, Undone};
use tim3_domain::{
    identity::{Account, MarketId},
    protocol::EventBody,
    word::Word,
};
use tim3_rpc::{Call, CallError};
use tim3_solana_interface::{
    GatewayError, accounts::EventPage, instruction::Instruction, protocol::event::LIQUIDATED, words::Dictionary,
};

use super::Keeper;
use crate::{
    address::account,
    failure::Failure,
    fates::Fate,
    link::{Link, Snapshot, lock},
    node::{self, Commitment, Node, NodeError, Status},
    records::{self, BadPage},
    sender::Sender,
};

/// Transactions in one request, at most: with the two pages that each names, no more accounts than fit in one either.
const BATCH: usize = 45;

/// Reasons with which a liquidation that came too late, or for a position that recovered, changes nothing.
const GUARDS: [GatewayError; 5] = [
    GatewayError::Healthy,
    GatewayError::NoDebt,
    GatewayError::SeizedTooLittle,
    GatewayError::MustTakeWhole,
    GatewayError::BelowDust,
];

/// What a transaction was to do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    /// Number of the market.
    market: u8,
    owner: Account,
    /// The pages of which one has the event.
    pages: [Pubkey; 2],
}

/// A final transaction of this account.
#[derive(Clone, Debug)]
struct Landed<'a> {
    id: &'a TxId,
    order: Order,
}

/// What the chain charged for a transaction, and whether it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Charged {
    slot: u64,
    cost: u128,
    failure: Option<Failure>,
}

/// What is believed of a final transaction once a quorum says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    slot: u64,
    cost: u128,
    result: Result<Liquidated, Failure>,
}

/// A Liquidated event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    slot: u64,
    market: MarketId,
    owner: Account,
    liquidator: Account,
    did: Liquidated,
}

impl Keeper {
    pub(super) async fn read_attempts(
        &self,
        sender: &Sender,
        transactions: &[Transaction],
    ) -> Result<Vec<Attempt>, ChainError> {
        let fates = self.link.fates(transactions).await?;
        for (transaction, fate) in transactions.iter().zip(&fates) {
            lock(&self.on_their_way).note(&transaction.id, fate);
        }
        let mut landed = Vec::new();
        for (transaction, _) in transactions.iter().zip(&fates).filter(|(_, fate)| is_final(fate)) {
            let order = sender.journaled(transaction).and_then(|message| order(&message, &self.link.config.program));
            landed.extend(order.map(|order| Landed { id: &transaction.id, order }));
        }
        let outcomes = self.outcomes(&landed).await?;
        let mut outcomes: BTreeMap<&TxId, Outcome> = landed.iter().map(|landed| landed.id).zip(outcomes).collect();
        let mut attempts = Vec::with_capacity(transactions.len());
        for (transaction, fate) in transactions.iter().zip(&fates) {
            attempts.push(match fate {
                Fate::Dead => Attempt::Dead,
                Fate::Unknown => Attempt::Unknown,
                Fate::Seen(Status { slot, .. }) if is_final(fate) => {
                    sender.included();
                    self.included(*slot, outcomes.remove(&transaction.id)).await?
                }
                Fate::Seen(_) => Attempt::Pending,
            });
        }
        Ok(attempts)
    }

    async fn included(&self, slot: u64, outcome: Option<Outcome>) -> Result<Attempt, ChainError> {
        // A final slot has one block for ever: whoever stated it.
        let block = match self.link.blocks.get(slot) {
            Some(block) => block,
            None => self.link.block_of("attempts", slot).await?,
        };
        let foreign = || Undone::Failed("it is no liquidation of this account".to_owned());
        let Some(Outcome { cost, result, .. }) = outcome else {
            return Ok(Attempt::Included { block, cost: 0, result: Err(foreign()) });
        };
        let undone = |failure: Failure| match failure {
            Failure::Gateway(error) if GUARDS.contains(&error) => Undone::Guarded(error.name().to_owned()),
            failure => Undone::Failed(failure.to_string()),
        };
        Ok(Attempt::Included { block, cost, result: result.map_err(undone) })
    }

    /// What a quorum says of final transactions, in the order asked for: the ledger rests on it.
    async fn outcomes(&self, landed: &[Landed<'_>]) -> Result<Vec<Outcome>, ChainError> {
        const WHAT: &str = "outcomes";
        let mut outcomes = Vec::with_capacity(landed.len());
        for landed in landed.chunks(BATCH) {
            let (link, own) = (&self.link, account(&self.address));
            let ask = |node: Arc<Node>| async move { outcomes_of(link, &node, own, landed).await };
            let call = Call::new(WHAT).weight(landed.len().saturating_add(1));
            let agreed = self.link.pool.quorum(call, ask).await;
            outcomes.extend(agreed.map_err(|error| self.link.error(WHAT, error))?.value);
        }
        Ok(outcomes)
    }
}

fn is_final(fate: &Fate) -> bool {
    matches!(fate, Fate::Seen(Status { commitment: Some(Commitment::Finalized), .. }))
}

/// The liquidation in a message, if there is one.
fn order(message: &VersionedMessage, program: &Pubkey) -> Option<Order> {
    let keys = message.static_account_keys();
    message.instructions().iter().find_map(|raw| {
        let key = |place: u8| keys.get(usize::from(place)).copied();
        let instruction =
            Instruction::decode(&raw.data).ok().filter(|_| key(raw.program_id_index) == Some(*program))?;
        let Instruction::Liquidate(args) = instruction else { return None };
        let named = |name: &str| {
            let place = instruction.spec().accounts.iter().position(|account| account.name == name)?;
            key(*raw.accounts.get(place)?)
        };
        let pages = [named("page")?, named("next_page")?];
        Some(Order { market: args.market, owner: Account(Word(args.owner)), pages })
    })
}

async fn outcomes_of(link: &Link, node: &Node, own: Account, landed: &[Landed<'_>]) -> Result<Vec<Outcome>, NodeError> {
    let requests: Vec<_> = landed.iter().map(|landed| node::transaction(&landed.id.0)).collect();
    let mut results = node.batch(&requests).await?;
    let mut all = Vec::with_capacity(landed.len());
    for Landed { id, .. } in landed {
        all.push(match results.value()? {
            Value::Null => return Err(CallError::Behind(format!("does not have {id}"))),
            found => charged(&found).ok_or_else(|| CallError::Garbage(format!("{id} has no outcome")))?,
        });
    }
    let last = all.iter().map(|charged| charged.slot).max().unwrap_or_default();
    let did = landed.iter().zip(&all).filter(|(_, charged)| charged.failure.is_none());
    let mut keys: Vec<Pubkey> = did.flat_map(|(landed, _)| landed.order.pages).collect();
    keys.sort_unstable();
    keys.dedup();
    let (_, gateway, found) = link.read(node, Commitment::Finalized, last, &keys).await?;
    let mut pages = BTreeMap::new();
    for (key, found) in keys.into_iter().zip(found) {
        // The next page may not have been needed.
        let Some(data) = link.own(found) else { continue };
        let events = events(&data, &link.config.gateway.to_bytes(), &gateway.dictionary());
        pages.insert(key, events.map_err(|bad| CallError::Garbage(bad.to_string()))?);
    }
    let mut outcomes = Vec::with_capacity(landed.len());
    for (Landed { id, order }, Charged { slot, cost, failure }) in landed.iter().zip(all) {
        let result = match failure {
            Some(failure) => Err(failure),
            None => {
                let did = take(&mut pages, &gateway, own, order, slot);
                Ok(did.ok_or_else(|| CallError::Garbage(format!("{id} succeeded, and no page has its event")))?)
            }
        };
        outcomes.push(Outcome { slot, cost, result });
    }
    Ok(outcomes)
}

/// What an endpoint says of a transaction. The account that sent it is the first one.
fn charged(found: &Value) -> Option<Charged> {
    let meta = found.get("meta")?;
    let first = |balances: &str| meta.get(balances)?.get(0)?.as_u64();
    let cost = first("preBalances")?.saturating_sub(first("postBalances")?);
    let failure = match meta.get("err")? {
        Value::Null => None,
        error => Some(Failure::of(error)),
    };
    Some(Charged { slot: found.get("slot")?.as_u64()?, cost: cost.into(), failure })
}

/// The Liquidated events in a page.
fn events(data: &[u8], gateway: &[u8; 32], dictionary: &Dictionary<'_>) -> Result<Vec<Event>, BadPage> {
    let number = EventPage::new(data).map_or(0, |page| page.page());
    let page = records::page(data, gateway, number)?;
    let mut events = Vec::new();
    for record in page.iter().filter(|record| record.kind == LIQUIDATED) {
        let EventBody::Liquidated { position, liquidator, repaid, seized, bad_debt } =
            records::event(&record, dictionary)?.body
        else {
            continue;
        };
        let (market, owner) = (position.market, position.owner);
        let did = Liquidated { repaid, seized, bad_debt };
        events.push(Event { slot: record.slot, market, owner, liquidator, did });
    }
    Ok(events)
}

/// The event of a liquidation, which is no other one's any more.
fn take(
    pages: &mut BTreeMap<Pubkey, Vec<Event>>,
    gateway: &Snapshot,
    own: Account,
    order: &Order,
    slot: u64,
) -> Option<Liquidated> {
    let market = MarketId(Word(gateway.market(order.market)?.id()));
    let is_its =
        |event: &Event| (event.slot, event.market, event.owner, event.liquidator) == (slot, market, order.owner, own);
    order.pages.iter().find_map(|page| {
        let events = pages.get_mut(page)?;
        let place = events.iter().position(is_its)?;
        Some(events.remove(place).did)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use solana_message::Hash;
    use tim3_solana_interface::instruction::LiquidateArgs;

    use super::*;
    use crate::{
        address::Addresses,
        message::{self, Budget},
        orders,
    };

    #[test]
    fn a_transaction_tells_what_it_was_to_do_and_where_its_event_is() {
        let key = |byte: u8| Pubkey::new_from_array([byte; 32]);
        let addresses = Addresses { program: key(9), gateway: key(8) };
        let args = LiquidateArgs { market: 3, owner: [5; 32], max_repay: 7, min_seized: 6 };
        let named = [("payer", key(1)), ("user", key(1)), ("page", key(20)), ("next_page", key(21))];
        let liquidate = orders::instruction(&addresses, &Instruction::Liquidate(args), &[], &named);
        let of = |instructions: &[_]| {
            let message = message::message(&key(1), instructions, Budget::default(), Hash::default(), &[]);
            order(&message.expect("a message"), &addresses.program)
        };
        let expected = Order { market: 3, owner: Account(Word([5; 32])), pages: [key(20), key(21)] };
        assert_eq!(of(std::slice::from_ref(&liquidate)), Some(expected));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[solana_instruction::Instruction { program_id: key(7), ..liquidate }]), None, "another program");
    }

    #[test]
    fn the_cost_is_all_that_the_sender_lost() {
        let found = |err: Value| {
            charged(&json!({"slot": 5, "meta": {"err": err, "preBalances": [900, 1], "postBalances": [200, 701]}}))
        };
        assert_eq!(found(Value::Null), Some(Charged { slot: 5, cost: 700, failure: None }));
        let healthy = found(json!({"InstructionError": [3, {"Custom": GatewayError::Healthy.code()}]}));
        let failure = Some(Failure::Gateway(GatewayError::Healthy));
        assert_eq!(healthy, Some(Charged { slot: 5, cost: 700, failure }));
        assert_eq!(charged(&json!({"slot": 5, "meta": null})), None);
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_sends_is_an_outcome_or_none(slot: u64, before: u64, after: u64, text in "\\PC{0,20}", form in 0_u8..4) {
            let meta = json!({"err": text, "preBalances": [before], "postBalances": [after]});
            let found = match form {
                0 => json!({"slot": slot, "meta": meta}),
                1 => json!({"slot": text, "meta": meta}),
                2 => json!({"slot": slot, "meta": {"err": null, "preBalances": text, "postBalances": []}}),
                _ => json!(text),
            };
            let charged = charged(&found);
            prop_assert_eq!(charged.is_some(), form == 0);
        }

        #[test]
        fn any_bytes_are_a_page_or_none(data in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(events(&data, &[1; 32], &Dictionary::new(&[])).is_err());
        }
    }
}
