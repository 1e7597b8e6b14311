//! What a transaction carried for the gateway and what the gateway returned: from an endpoint's JSON to the orders that were skipped and the
//! number of records it wrote. Total, and only a hint.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use solana_pubkey::Pubkey;
use solana_transaction::versioned::VersionedTransaction;
use tim3_domain::{
    identity::OperationId,
    protocol::{Action, EventBody, MirrorRecord, Operation, OrderCode, OrderContent},
    word::{Word, WordReader},
};
use tim3_solana_interface::{
    ZERO,
    instruction::{Call, Instruction, OrderResult, OrderView},
    limits::CONFLICT_WORDS,
    words::Dictionary,
};

use crate::records::Written;

/// What one transaction did at the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Records that it wrote, without those that follow from others.
    pub records: usize,
    /// Orders that were not executed.
    pub skips: Vec<Skipped>,
}

/// An order that was not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Content hash of the order.
    pub content: Word,
    /// Its action.
    pub action: Action,
    /// How it ended: never `Done`.
    pub code: OrderCode,
    /// Why, by name.
    pub reason: String,
}

/// Reads what an endpoint gives for a transaction.
#[must_use]
pub fn read(found: &Value, program: &Pubkey, dictionary: &Dictionary<'_>) -> Carried {
    let mut carried = Carried::default();
    let Some(transaction) = decoded(found.pointer("/transaction/0")) else { return carried };
    // Data of zeros alone is not carried at all: everything was done.
    let returned = match found.pointer("/meta/returnData/programId").and_then(Value::as_str) {
        Some(who) if who != program.to_string() => None,
        _ => Some(decode_base64(found.pointer("/meta/returnData/data/0")).unwrap_or_default()),
    };
    let message = &transaction.message;
    let keys = message.static_account_keys();
    for instruction in message.instructions() {
        if keys.get(usize::from(instruction.program_id_index)) != Some(program) {
            continue;
        }
        match Instruction::decode(&instruction.data) {
            Ok(Instruction::Execute(orders)) => {
                let Some(returned) = &returned else { continue };
                for (index, order) in orders.enumerate() {
                    carried.order(order.ok().as_ref(), &OrderResult::at(returned, index), dictionary);
                }
            }
            Ok(
                Instruction::Initialize(_) | Instruction::Activate | Instruction::Schedule(_) | Instruction::OpenPage,
            ) => {}
            Ok(Instruction::Cancel | Instruction::AcceptAdmin | Instruction::ClosePosition) | Err(_) => {}
            Ok(Instruction::Configure(
                Call::SetGuardian { .. } | Call::TransferAdmin { .. } | Call::CloseOutgoing { .. },
            )) => {}
            Ok(_) => carried.records = carried.records.saturating_add(1),
        }
    }
    carried
}

impl Carried {
    fn order(&mut self, order: Option<&OrderView<'_>>, result: &OrderResult, dictionary: &Dictionary<'_>) {
        let Some((action, content)) = order.and_then(|order| named(order, dictionary)) else { return };
        match OrderCode::from_code(result.code) {
            // A mirror leaves no record.
            Ok(OrderCode::Done) if action == Action::Mirror => {}
            Ok(OrderCode::Done) => self.records = self.records.saturating_add(1),
            Ok(code) => {
                let reason = result.reason.map_or_else(|| code.name().to_owned(), |reason| reason.name().to_owned());
                self.skips.push(Skipped { content, action, code, reason });
            }
            Err(_) => {}
        }
    }
}

/// Action and content hash of an order.
fn named(order: &OrderView<'_>, dictionary: &Dictionary<'_>) -> Option<(Action, Word)> {
    use Action::{Conflict, Mint, Mirror, Refund, Release, Void};
    let action =
        [Mint, Release, Void, Refund, Conflict, Mirror].into_iter().find(|action| action.code() == order.action)?;
    let mut words = [ZERO; CONFLICT_WORDS];
    let Ok(count) = order.words(dictionary, &mut words) else { return Some((action, Word::ZERO)) };
    let words: Vec<_> = words.iter().take(count).map(|word| Word(*word)).collect();
    Some((action, content(action, &words).map_or(Word::ZERO, |content| content.hash())))
}

fn content(action: Action, words: &[Word]) -> Option<OrderContent> {
    let mut words = WordReader::new(words);
    match action {
        Action::Mirror => MirrorRecord::read(&mut words).ok().map(OrderContent::Mirror),
        Action::Conflict => Some(OrderContent::Conflict {
            operation: Operation::read(&mut words).ok()?,
            orphan: OperationId(words.word("orphan").ok()?),
            market: words.word("market").ok()?.into(),
            orphan_amount: words.u128("orphanAmount").ok()?,
        }),
        _ => Operation::read(&mut words).ok().map(OrderContent::Operation),
    }
}

fn decoded(encoded: Option<&Value>) -> Option<VersionedTransaction> {
    bincode::deserialize(&decode_base64(encoded)?).ok()
}

fn decode_base64(encoded: Option<&Value>) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(encoded?.as_str()?).ok()
}

/// Which of a slot's transactions, in their order, wrote which of its records, in theirs. `None` where they do not add up.
#[must_use]
pub fn assign<'a>(records: &[Written], transactions: &[(&'a str, Option<&Carried>)]) -> Vec<Option<&'a str>> {
    if let [(only, _)] = transactions {
        return vec![Some(only); records.len()];
    }
    // What could not be delivered, and bad debt of a conflict, follow the record of what they come from.
    let follows = |body: &EventBody| matches!(body, EventBody::Claimable { .. } | EventBody::BadDebt { .. });
    let mut writers = transactions
        .iter()
        .flat_map(|(id, carried)| std::iter::repeat_n(*id, carried.map_or(0, |carried| carried.records)));
    let mut current = None;
    let assigned = records.iter().map(|written| {
        if current.is_none() || !follows(&written.event.body) {
            current = writers.next();
        }
        current
    });
    let assigned: Vec<_> = assigned.collect();
    let adds_up = assigned.iter().all(Option::is_some) && writers.next().is_none();
    if adds_up { assigned } else { vec![None; records.len()] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use solana_instruction::Instruction as Raw;
    use solana_message::{Message, VersionedMessage};
    use tim3_domain::{
        identity::{Account, AssetId, GatewayId, MarketId},
        protocol::{Event, OperationKind},
        word::keccak_text,
    };
    use tim3_solana_interface::{
        GatewayError,
        instruction::{OrderArgs, Orders, encode_orders},
    };

    use super::*;

    fn operation(nonce: u64) -> Operation {
        Operation {
            kind: OperationKind::Transfer,
            origin: GatewayId(keccak_text("origin")),
            destination: GatewayId(keccak_text("destination")),
            nonce,
            asset: AssetId(keccak_text("asset")),
            market: MarketId::ZERO,
            owner: Account::ZERO,
            actor: Account(keccak_text("actor")),
            refund_to: Account(keccak_text("actor")),
            recipient: Account(keccak_text("recipient")),
            amount: 1_000_000,
            fee: 7,
            wanted: 0,
            timestamp: 1_700_000_000,
        }
    }

    fn program() -> Pubkey {
        Pubkey::new_from_array([9; 32])
    }

    /// What an endpoint gives for a transaction with these instructions of the program.
    fn found(data: &[Vec<u8>], returned: &[u8]) -> Value {
        let payer = Pubkey::new_from_array([1; 32]);
        let instructions: Vec<_> =
            data.iter().map(|data| Raw { program_id: program(), accounts: Vec::new(), data: data.clone() }).collect();
        let message = VersionedMessage::Legacy(Message::new(&instructions, Some(&payer)));
        let transaction = VersionedTransaction { signatures: vec![Default::default()], message };
        let bytes = bincode::serialize(&transaction).expect("bytes");
        let returned =
            json!({"programId": program().to_string(), "data": [BASE64_STANDARD.encode(returned), "base64"]});
        json!({"transaction": [BASE64_STANDARD.encode(bytes), "base64"], "meta": {"err": null, "returnData": returned}})
    }

    fn execute(operations: &[Operation]) -> Vec<u8> {
        let words: Vec<Vec<[u8; 32]>> =
            operations.iter().map(|operation| operation.words().iter().map(|word| word.0).collect()).collect();
        let orders: Vec<_> =
            words.iter().map(|words| OrderArgs { action: 1, words, signatures: &[], accounts: Vec::new() }).collect();
        let bytes = encode_orders(&orders, &Dictionary::new(&[])).expect("encoded");
        Instruction::Execute(Orders::new(&bytes)).encode()
    }

    #[test]
    fn what_was_returned_tells_which_orders_were_skipped() {
        let taken = GatewayError::SlotTaken.code().to_le_bytes();
        let found = found(&[execute(&[operation(0), operation(1)])], &[0, 0, 0, 3, taken[0], taken[1]]);
        let carried = read(&found, &program(), &Dictionary::new(&[]));
        assert_eq!(carried.records, 1);
        let expected = Skipped {
            content: operation(1).id().0,
            action: Action::Mint,
            code: OrderCode::Rejected,
            reason: "SlotTaken".to_owned(),
        };
        assert_eq!(carried.skips, [expected]);
        let stranger = Pubkey::new_from_array([8; 32]);
        assert_eq!(read(&found, &stranger, &Dictionary::new(&[])), Carried::default());
    }

    #[test]
    fn what_was_not_returned_was_done() {
        let orders = [execute(&[operation(0), operation(1), operation(2)])];
        let taken = GatewayError::SlotTaken.code().to_le_bytes();
        let cut = found(&orders, &[3, taken[0], taken[1]]);
        assert_eq!(read(&cut, &program(), &Dictionary::new(&[])).records, 2);
        let mut nothing = cut.clone();
        nothing["meta"]["returnData"] = Value::Null;
        assert_eq!(read(&nothing, &program(), &Dictionary::new(&[])).records, 3);
        let mut anothers = cut;
        anothers["meta"]["returnData"]["programId"] = json!(Pubkey::new_from_array([8; 32]).to_string());
        assert_eq!(read(&anothers, &program(), &Dictionary::new(&[])), Carried::default());
    }

    fn written(body: EventBody) -> Written {
        Written { event: Event { sequence: 0, timestamp: 0, body }, slot: 5, page: 0 }
    }

    #[test]
    fn records_go_to_the_transactions_in_their_order() {
        let burned = || written(EventBody::Burned { operation: Box::new(operation(0)) });
        let claimable = written(EventBody::Claimable {
            account: Account(keccak_text("somebody")),
            asset: AssetId(keccak_text("asset")),
            amount: 1,
            cause: operation(0).id(),
        });
        let carried = |records| Carried { records, skips: Vec::new() };
        let (none, one, two) = (carried(0), carried(1), carried(2));
        let records = [burned(), claimable, burned(), burned()];
        let candidates = [("a", Some(&one)), ("b", Some(&none)), ("c", Some(&two))];
        assert_eq!(assign(&records, &candidates), [Some("a"), Some("a"), Some("c"), Some("c")]);
        assert_eq!(assign(&records, &[("a", Some(&one)), ("c", Some(&one))]), [None; 4], "they do not add up");
        assert_eq!(assign(&records, &[("a", None)]), [Some("a"); 4], "there is no other");
        assert_eq!(assign(&records, &[]), [None; 4]);
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_sends_is_read(bytes in prop::collection::vec(any::<u8>(), 0..400), returned in prop::collection::vec(any::<u8>(), 0..40), form in 0_u8..3) {
            let value = match form {
                0 => json!({"transaction": [BASE64_STANDARD.encode(&bytes), "base64"]}),
                1 => found(&[[vec![18], bytes].concat()], &returned),
                _ => json!({"transaction": bytes, "meta": returned}),
            };
            let carried = read(&value, &program(), &Dictionary::new(&[]));
            prop_assert!(carried.records <= 40 && carried.skips.len() <= 40);
        }
    }
}
