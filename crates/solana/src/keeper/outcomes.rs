//! What became of liquidations and trades: what they cost and moved by the word of the chain, and what they did at the gateway by its own pages of events.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use serde_json::Value;
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use tim3_chain::{
    Attempt, ChainError, Liquidated, Traded, Transaction, TxId, Undone, is_liquidation_guard, is_trade_guard,
};
use tim3_domain::{
    identity::{Account, MarketId},
    protocol::EventBody,
    word::Word,
};
use tim3_rpc::{Call, CallError};
use tim3_solana_interface::{
    accounts::EventPage,
    instruction::Instruction,
    protocol::event::{BURNED, LIQUIDATED},
    words::Dictionary,
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

/// One kind of thing that a keeper does.
pub(super) trait Deed: Clone + Eq + Debug + Send + Sync {
    /// Said of a transaction that is none.
    const FOREIGN: &str;

    /// Whether a message, with what it asks of the gateway, is one.
    fn is_in(message: &VersionedMessage, program: &Pubkey) -> bool;

    /// What it did, by what it moved and the event that it was to make; `None` where they do not say.
    fn read(moved: &[(Account, i128)], event: Option<&EventBody>) -> Option<Self>;

    /// Whether its own guard stopped it.
    fn is_guard(failure: &Failure) -> bool;
}

impl Deed for Liquidated {
    const FOREIGN: &str = "it is no liquidation of this account";

    fn is_in(message: &VersionedMessage, program: &Pubkey) -> bool {
        matches!(order(message, program), Some(Order { deed: Asked::Liquidation { .. }, .. }))
    }

    fn read(_: &[(Account, i128)], event: Option<&EventBody>) -> Option<Self> {
        match event {
            Some(EventBody::Liquidated { repaid, seized, bad_debt, .. }) => {
                Some(Self { repaid: *repaid, seized: *seized, bad_debt: *bad_debt })
            }
            _ => None,
        }
    }

    fn is_guard(failure: &Failure) -> bool {
        matches!(failure, Failure::Gateway(error) if is_liquidation_guard(error.name()))
    }
}

impl Deed for Traded {
    const FOREIGN: &str = "it is no trade of this account";

    fn is_in(message: &VersionedMessage, program: &Pubkey) -> bool {
        !Liquidated::is_in(message, program)
    }

    fn read(moved: &[(Account, i128)], event: Option<&EventBody>) -> Option<Self> {
        // Where nothing moved, nothing was done: a reserve that is empty gives back all that it is asked to redeem.
        let operation = event.and_then(EventBody::started).map(|operation| operation.id());
        Some(Self { changes: moved.to_vec(), swept: Vec::new(), operation })
    }

    fn is_guard(failure: &Failure) -> bool {
        matches!(failure, Failure::Instruction { reason, .. } if is_trade_guard(reason))
    }
}

/// What a transaction asked of the gateway, and where the event is that it made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    deed: Asked,
    /// The pages of which one has the event.
    pages: [Pubkey; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// Number of the market, and whose position.
    Liquidation { market: u8, owner: Account },
    /// Gateway, account there and amount of an operation that is started.
    Burn { destination: Word, recipient: Account, amount: u128 },
}

/// A final transaction of this account.
#[derive(Clone, Debug)]
struct Landed<'a> {
    id: &'a TxId,
    order: Option<Order>,
}

/// What the chain charged for a transaction, whether it failed, and what it moved.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Charged {
    slot: u64,
    cost: u128,
    failure: Option<Failure>,
    /// Of each token, by its mint, what the account gained or lost.
    moved: Vec<(Account, i128)>,
}

/// What is believed of a final transaction once a quorum says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome<T> {
    slot: u64,
    cost: u128,
    result: Result<T, Failure>,
}

/// An event that a keeper makes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    slot: u64,
    body: EventBody,
}

impl Keeper {
    pub(super) async fn read_attempts<T: Deed>(
        &self,
        sender: &Sender,
        transactions: &[Transaction],
    ) -> Result<Vec<Attempt<T>>, ChainError> {
        let fates = self.link.fates(transactions).await?;
        for (transaction, fate) in transactions.iter().zip(&fates) {
            lock(&self.on_their_way).note(&transaction.id, fate);
        }
        let program = &self.link.config.program;
        let mut landed = Vec::new();
        for (transaction, _) in transactions.iter().zip(&fates).filter(|(_, fate)| is_final(fate)) {
            let message = sender.journaled(transaction).filter(|message| T::is_in(message, program));
            landed.extend(message.map(|message| Landed { id: &transaction.id, order: order(&message, program) }));
        }
        let outcomes = self.outcomes(&landed).await?;
        let mut outcomes: BTreeMap<&TxId, Outcome<T>> = landed.iter().map(|landed| landed.id).zip(outcomes).collect();
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

    async fn included<T: Deed>(&self, slot: u64, outcome: Option<Outcome<T>>) -> Result<Attempt<T>, ChainError> {
        // A final slot has one block for ever: whoever stated it.
        let block = match self.link.blocks.get(slot) {
            Some(block) => block,
            None => self.link.block_of("attempts", slot).await?,
        };
        let Some(Outcome { cost, result, .. }) = outcome else {
            return Ok(Attempt::Included { block, cost: 0, result: Err(Undone::Failed(T::FOREIGN.to_owned())) });
        };
        let undone = |failure: Failure| match T::is_guard(&failure) {
            true => Undone::Guarded(failure.to_string()),
            false => Undone::Failed(failure.to_string()),
        };
        Ok(Attempt::Included { block, cost, result: result.map_err(undone) })
    }

    /// What a quorum says of final transactions, in the order asked for: the ledger rests on it.
    async fn outcomes<T: Deed>(&self, landed: &[Landed<'_>]) -> Result<Vec<Outcome<T>>, ChainError> {
        const WHAT: &str = "outcomes";
        let mut outcomes = Vec::with_capacity(landed.len());
        for landed in landed.chunks(BATCH) {
            let (link, me) = (&self.link, &self.acts.me);
            let ask = |node: Arc<Node>| async move { outcomes_of(link, &node, me, landed).await };
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

/// What a message asks of the gateway that makes an event of the keeper's, if anything.
fn order(message: &VersionedMessage, program: &Pubkey) -> Option<Order> {
    let keys = message.static_account_keys();
    message.instructions().iter().find_map(|raw| {
        let key = |place: u8| keys.get(usize::from(place)).copied();
        let instruction =
            Instruction::decode(&raw.data).ok().filter(|_| key(raw.program_id_index) == Some(*program))?;
        let deed = match &instruction {
            Instruction::Liquidate(args) => {
                Asked::Liquidation { market: args.market, owner: Account(Word(args.owner)) }
            }
            Instruction::Burn(args) => Asked::Burn {
                destination: Word(args.destination),
                recipient: Account(Word(args.recipient)),
                amount: args.amount,
            },
            _ => return None,
        };
        let named = |name: &str| {
            let place = instruction.spec().accounts.iter().position(|account| account.name == name)?;
            key(*raw.accounts.get(place)?)
        };
        Some(Order { deed, pages: [named("page")?, named("next_page")?] })
    })
}

async fn outcomes_of<T: Deed>(
    link: &Link,
    node: &Node,
    me: &Pubkey,
    landed: &[Landed<'_>],
) -> Result<Vec<Outcome<T>>, NodeError> {
    let requests: Vec<_> = landed.iter().map(|landed| node::transaction(&landed.id.0)).collect();
    let mut results = node.batch(&requests).await?;
    let mut all = Vec::with_capacity(landed.len());
    for Landed { id, .. } in landed {
        all.push(match results.value()? {
            Value::Null => return Err(CallError::Behind(format!("does not have {id}"))),
            found => charged(&found, me).ok_or_else(|| CallError::Garbage(format!("{id} has no outcome")))?,
        });
    }
    let last = all.iter().map(|charged| charged.slot).max().unwrap_or_default();
    let did = landed.iter().zip(&all).filter(|(_, charged)| charged.failure.is_none());
    let mut keys: Vec<Pubkey> = did.filter_map(|(landed, _)| Some(landed.order.as_ref()?.pages)).flatten().collect();
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
    let own = account(me);
    let mut outcomes = Vec::with_capacity(landed.len());
    for (Landed { id, order }, Charged { slot, cost, failure, moved }) in landed.iter().zip(all) {
        let result = match (failure, order) {
            (Some(failure), _) => Err(failure),
            (None, order) => {
                let event = order.as_ref().map(|order| take(&mut pages, &gateway, own, order, slot));
                let missing = matches!(event, Some(None));
                let did = if missing { None } else { T::read(&moved, event.flatten().as_ref()) };
                Ok(did.ok_or_else(|| CallError::Garbage(format!("{id} succeeded, and nothing says what it did")))?)
            }
        };
        outcomes.push(Outcome { slot, cost, result });
    }
    Ok(outcomes)
}

/// What an endpoint says of a transaction. The account that sent it is the first one.
fn charged(found: &Value, me: &Pubkey) -> Option<Charged> {
    let meta = found.get("meta")?;
    let first = |balances: &str| meta.get(balances)?.get(0)?.as_u64();
    let cost = first("preBalances")?.saturating_sub(first("postBalances")?);
    let failure = match meta.get("err")? {
        Value::Null => None,
        error => Some(Failure::of(error)),
    };
    // What fails moves nothing.
    let moved = if failure.is_some() { Vec::new() } else { moved(meta, &me.to_string())? };
    Some(Charged { slot: found.get("slot")?.as_u64()?, cost: cost.into(), failure, moved })
}

/// What the token accounts of `owner` gained or lost, by their mints; those that did not change are left out. `None` where the balances are not told.
fn moved(meta: &Value, owner: &str) -> Option<Vec<(Account, i128)>> {
    let mut sums: BTreeMap<Account, i128> = BTreeMap::new();
    for (balances, sign) in [("preTokenBalances", -1), ("postTokenBalances", 1)] {
        let balances = meta.get(balances)?.as_array()?.iter();
        for balance in balances.filter(|balance| balance.get("owner").and_then(Value::as_str) == Some(owner)) {
            let mint: Pubkey = balance.get("mint")?.as_str()?.parse().ok()?;
            let amount: u64 = balance.pointer("/uiTokenAmount/amount")?.as_str()?.parse().ok()?;
            let sum = sums.entry(account(&mint)).or_default();
            *sum = sum.checked_add(i128::from(amount).checked_mul(sign)?)?;
        }
    }
    Some(sums.into_iter().filter(|(_, change)| *change != 0).collect())
}

/// The events in a page that keepers make.
fn events(data: &[u8], gateway: &[u8; 32], dictionary: &Dictionary<'_>) -> Result<Vec<Event>, BadPage> {
    let number = EventPage::new(data).map_or(0, |page| page.page());
    let page = records::page(data, gateway, number)?;
    let mut events = Vec::new();
    for record in page.iter().filter(|record| [LIQUIDATED, BURNED].contains(&record.kind)) {
        events.push(Event { slot: record.slot, body: records::event(&record, dictionary)?.body });
    }
    Ok(events)
}

/// The event of what was asked for, which is no other one's any more.
fn take(
    pages: &mut BTreeMap<Pubkey, Vec<Event>>,
    gateway: &Snapshot,
    own: Account,
    order: &Order,
    slot: u64,
) -> Option<EventBody> {
    let is_its = |body: &EventBody| match (&order.deed, body) {
        (Asked::Liquidation { market, owner }, EventBody::Liquidated { position, liquidator, .. }) => {
            let market = gateway.market(*market).map(|market| MarketId(Word(market.id())));
            market == Some(position.market) && (position.owner, *liquidator) == (*owner, own)
        }
        (Asked::Burn { destination, recipient, amount }, body) => body.started().is_some_and(|operation| {
            let asked = (operation.destination.0, operation.recipient, operation.amount);
            asked == (*destination, *recipient, *amount) && operation.actor == own
        }),
        _ => false,
    };
    order.pages.iter().find_map(|page| {
        let events = pages.get_mut(page)?;
        let place = events.iter().position(|event| event.slot == slot && is_its(&event.body))?;
        Some(events.remove(place).body)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use solana_message::Hash;
    use tim3_solana_interface::{GatewayError, instruction::LiquidateArgs};

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
        let deed = Asked::Liquidation { market: 3, owner: Account(Word([5; 32])) };
        let expected = Order { deed, pages: [key(20), key(21)] };
        assert_eq!(of(std::slice::from_ref(&liquidate)), Some(expected));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[solana_instruction::Instruction { program_id: key(7), ..liquidate }]), None, "another program");
    }

    const ME: Pubkey = Pubkey::new_from_array([1; 32]);

    fn balance(mint: u8, owner: Pubkey, amount: &str) -> Value {
        let mint = Pubkey::new_from_array([mint; 32]).to_string();
        json!({"accountIndex": 1, "mint": mint, "owner": owner.to_string(), "uiTokenAmount": {"amount": amount}})
    }

    #[test]
    fn the_cost_is_all_that_the_sender_lost() {
        let found = |err: Value| {
            let mut meta = json!({"err": err, "preBalances": [900, 1], "postBalances": [200, 701]});
            (meta["preTokenBalances"], meta["postTokenBalances"]) = (json!([]), json!([]));
            charged(&json!({"slot": 5, "meta": meta}), &ME)
        };
        let expected = Charged { slot: 5, cost: 700, failure: None, moved: Vec::new() };
        assert_eq!(found(Value::Null), Some(expected.clone()));
        let healthy = found(json!({"InstructionError": [3, {"Custom": GatewayError::Healthy.code()}]}));
        let failure = Some(Failure::Gateway(GatewayError::Healthy));
        assert_eq!(healthy, Some(Charged { failure, ..expected }));
        assert_eq!(charged(&json!({"slot": 5, "meta": null}), &ME), None);
    }

    #[test]
    fn what_moved_is_what_the_own_token_accounts_gained_or_lost() {
        let other = Pubkey::new_from_array([2; 32]);
        let meta = json!({
            "preTokenBalances": [balance(7, ME, "100"), balance(7, other, "5"), balance(8, ME, "3")],
            "postTokenBalances": [balance(7, ME, "40"), balance(7, other, "65"), balance(8, ME, "3"), balance(9, ME, "18446744073709551615")],
        });
        let mint = |byte: u8| Account(Word([byte; 32]));
        assert_eq!(moved(&meta, &ME.to_string()), Some(vec![(mint(7), -60), (mint(9), i128::from(u64::MAX))]));
        let wrong = json!({"preTokenBalances": [], "postTokenBalances": [balance(7, ME, "-1")]});
        assert_eq!(moved(&wrong, &ME.to_string()), None);
        assert_eq!(moved(&json!({"preTokenBalances": [], "postTokenBalances": []}), &ME.to_string()), Some(Vec::new()));
        for untold in [json!({}), json!({"preTokenBalances": null, "postTokenBalances": []})] {
            assert_eq!(moved(&untold, &ME.to_string()), None, "who does not tell says nothing");
        }
        let balances = [balance(7, ME, "100")];
        let same = moved(&json!({"preTokenBalances": balances, "postTokenBalances": balances}), &ME.to_string());
        let nothing = Traded { changes: Vec::new(), swept: Vec::new(), operation: None };
        assert_eq!(Traded::read(&same.expect("balances"), None), Some(nothing), "what it redeemed came back");
    }

    #[test]
    fn who_gets_too_little_is_told_from_who_fails() {
        let failure = |code: u16| Failure::of(&json!({"InstructionError": [3, {"Custom": code}]}));
        assert!(Traded::is_guard(&failure(16)) && Traded::is_guard(&failure(20)));
        assert!(!Traded::is_guard(&failure(1)) && !Traded::is_guard(&failure(GatewayError::Healthy.code())));
        assert!(Liquidated::is_guard(&failure(GatewayError::Healthy.code())) && !Liquidated::is_guard(&failure(16)));
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
            let charged = charged(&found, &ME);
            prop_assert_eq!(charged.is_some(), form == 0);
        }

        #[test]
        fn any_bytes_are_a_page_or_none(data in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(events(&data, &[1; 32], &Dictionary::new(&[])).is_err());
        }
    }
}
