//! The golden vectors: what attesters signed once is what this gateway accepts, and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test")]

use serde_json::Value;
use tim3_chain::{Direction, conformance::Keys};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::{Action, MirrorRecord, Operation, Order, OrderCode, OrderContent, SignedOrder},
    word::{Word, WordReader, keccak_text, words_of},
};
use tim3_simchain::gateway::{Admin, Answer, Call, Gateway};

const ACTIONS: [Action; 7] =
    [Action::Mint, Action::Release, Action::Void, Action::Refund, Action::Conflict, Action::Mirror, Action::Resend];

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../contracts/vectors.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn content(action: Action, words: &[Word]) -> OrderContent {
    let mut reader = WordReader::new(words);
    match action {
        Action::Mirror => OrderContent::Mirror(MirrorRecord::read(&mut reader).unwrap()),
        Action::Resend => {
            OrderContent::Resend { payout: reader.word("payout").unwrap(), attempt: reader.u64("attempt").unwrap() }
        }
        Action::Conflict => OrderContent::Conflict {
            operation: Operation::read(&mut reader).unwrap(),
            orphan: reader.word("orphan").unwrap().into(),
            market: MarketId(reader.word("market").unwrap()),
            orphan_amount: reader.u128("orphan amount").unwrap(),
        },
        _ => OrderContent::Operation(Operation::read(&mut reader).unwrap()),
    }
}

/// A vector as an order, the keys that signed it, and their signatures.
fn read(vector: &Value) -> (SignedOrder, Keys) {
    let code: usize = vector["action"].as_u64().unwrap().try_into().unwrap();
    let action = ACTIONS[code.checked_sub(1).unwrap()];
    let gateway: GatewayId = vector["gateway"].as_str().unwrap().parse().unwrap();
    let epoch = vector["epoch"].as_str().unwrap().parse().unwrap();
    let content = content(action, &words_of("words", &bytes(&vector["words"])).unwrap());
    let signatures = vector["signatures"].as_array().unwrap();
    let secrets: Vec<[u8; 32]> =
        signatures.iter().map(|signature| bytes(&signature["key"]).try_into().unwrap()).collect();
    let keys = Keys::new(&secrets, signatures.len().try_into().unwrap());
    let signatures = signatures.iter().flat_map(|signature| bytes(&signature["signature"])).collect();
    (SignedOrder { order: Order { action, gateway, epoch, content }, signatures }, keys)
}

/// The order's gateway in the order's epoch.
fn gateway(signed: &SignedOrder, keys: &Keys) -> Gateway {
    let admin = Account(keccak_text("admin"));
    let mut gateway = Gateway::new(signed.order.gateway, Account(keccak_text("gateway")), admin, admin);
    let asset = tim3_domain::identity::AssetId::from_symbol("TIM3").unwrap();
    let mut calls = vec![
        Admin::AddSynthetic { symbol: "TIM3".to_owned(), target: 1 },
        Admin::SetWindow { asset, direction: Direction::Mint, limit: 1 << 100, period: 1 },
    ];
    for _ in 0..signed.order.epoch {
        calls.push(Admin::SetAttesters { threshold: keys.threshold(), signers: keys.addresses() });
    }
    for call in calls {
        gateway.apply(&Call::Admin(call), admin, 1_700_000_000).unwrap();
    }
    gateway
}

fn execute(gateway: &Gateway, signed: &SignedOrder) -> Answer {
    let mut gateway = gateway.clone();
    let call = Call::Execute(vec![signed.clone()]);
    gateway.apply(&call, Account(keccak_text("anybody")), 1_700_000_100).unwrap().answers.remove(0)
}

#[test]
fn signed_orders_are_accepted_as_they_are_and_only_so() {
    let mut executed = 0;
    for vector in vectors()["orders"].as_array().unwrap() {
        let (signed, keys) = read(vector);
        if signed.order.action == Action::Resend {
            // For chains whose payouts are messages; this one's are not.
            continue;
        }
        assert_eq!(signed.order.digest().to_string(), vector["digest"].as_str().unwrap());
        assert_eq!(keys.sign(signed.order.clone()).signatures, signed.signatures, "the suite signs as the vectors do");
        let gateway = gateway(&signed, &keys);
        let answer = execute(&gateway, &signed);
        match signed.order.action {
            Action::Mint | Action::Void | Action::Mirror => {
                assert_eq!(answer.code, OrderCode::Done, "{:?} of {signed:?}", answer.reason);
                executed += 1;
                for byte in 0..signed.signatures.len() {
                    let mut tampered = signed.clone();
                    tampered.signatures[byte] ^= 1;
                    assert_eq!(execute(&gateway, &tampered).code, OrderCode::Rejected, "byte {byte}");
                }
            }
            // These rest on what the gateway itself recorded, which it did not here.
            _ => assert_eq!(answer.code, OrderCode::Rejected),
        }
    }
    assert!(executed >= 3);
}
