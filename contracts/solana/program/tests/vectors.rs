//! The golden vectors of `contracts/vectors.json`: identifiers, digests, the running hash, and every formula. What signatures and accounts
//! have to do with them is tested in LiteSVM.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what went wrong by panicking"
)]

use serde_json::Value;
use tim3_gateway::{
    chain::keccak,
    codec::{self, Operation},
    rules::{
        amounts::{route_fee, scale},
        health::{Balances, Scales},
        liquidation::{LiquidationTerms, liquidation},
        payout::{Backing, Precision, Undone, undo},
        window::Bucket,
    },
};
use tim3_solana_interface::{Word, ZERO, limits::CONFLICT_WORDS};

fn vectors(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../vectors.json")).unwrap();
    all[of].as_array().filter(|vectors| !vectors.is_empty()).unwrap_or_else(|| panic!("no {of}")).clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
}

fn word(value: &Value) -> Word {
    bytes(value).try_into().unwrap()
}

fn words(value: &Value) -> Vec<Word> {
    bytes(value).chunks_exact(32).map(|word| word.try_into().unwrap()).collect()
}

/// A number, as a number or as its decimal text.
fn number<T: TryFrom<u64> + std::str::FromStr>(value: &Value) -> T {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("{value} is no such number"))
}

/// An amount; one that does not fit is saturated here, and thereby above everything that it is compared with.
fn fitting(value: &Value) -> u128 {
    if value == "" { u128::MAX } else { number(value) }
}

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap()
}

#[test]
fn constants_are_the_hashes_of_their_texts() {
    let texts: [(Word, &str); 9] = [
        (codec::GATEWAY_1, "tim3/gateway/1"),
        (codec::MARKET_1, "tim3/market/1"),
        (codec::NAME, "TIM3"),
        (codec::VERSION, "1"),
        (codec::DOMAIN_TYPE, "EIP712Domain(string name,string version,bytes32 salt)"),
        (codec::ORDER_TYPE, "Order(uint8 action,uint64 epoch,bytes32 content)"),
        (
            codec::OPERATION_TYPE,
            "Operation(uint8 kind,bytes32 origin,bytes32 destination,uint64 nonce,bytes32 asset,bytes32 market,bytes32 owner,bytes32 actor,bytes32 refundTo,bytes32 recipient,uint128 amount,uint128 fee,uint128 wanted,uint64 timestamp)",
        ),
        (codec::CONFLICT_TYPE, "Conflict(bytes32 operation,bytes32 orphan,bytes32 market,uint128 orphanAmount)"),
        (
            codec::POSITION_TYPE,
            "Position(bytes32 home,bytes32 market,bytes32 owner,uint128 collateral,uint128 debt,uint64 version)",
        ),
    ];
    for (constant, text) in texts {
        assert_eq!(constant, keccak(&[text.as_bytes()]), "{text}");
    }
}

#[test]
fn identifiers() {
    for v in vectors("gateways") {
        let chain = keccak(&[v["caip2"].as_str().unwrap().as_bytes()]);
        let id = codec::gateway_id(&chain, &word(&v["account"]), &word(&v["salt"]));
        assert_eq!((id, codec::domain_separator(&id)), (word(&v["id"]), word(&v["domainSeparator"])));
    }
    for v in vectors("assets") {
        assert_eq!(codec::asset_id(v["symbol"].as_str().unwrap().as_bytes()), word(&v["id"]));
    }
    for v in vectors("markets") {
        let [home, synthetic, collateral] = ["home", "synthetic", "collateral"].map(|name| word(&v[name]));
        assert_eq!(codec::market_id(&home, &synthetic, &collateral, number(&v["kind"])), word(&v["id"]));
    }
}

#[test]
fn operations() {
    for v in vectors("operations") {
        let mut words = [ZERO; CONFLICT_WORDS];
        for (place, value) in words.iter_mut().zip(v["words"].as_array().unwrap()) {
            *place = word(value);
        }
        let op = Operation::read(&words).unwrap();
        assert_eq!(codec::operation_id(op.words), word(&v["id"]));
        assert_eq!((op.kind, op.nonce), (number(&v["kind"]), number(&v["nonce"])));
        let amounts = ["amount", "fee", "wanted"].map(|name| number(&v[name]));
        assert_eq!([op.amount, op.fee, op.wanted], amounts);
        let names = ["origin", "destination", "asset", "market", "owner", "actor", "refundTo", "recipient"];
        let read = [
            op.origin(),
            op.destination(),
            op.asset(),
            op.market(),
            op.owner(),
            op.actor(),
            op.refund_to(),
            op.recipient(),
        ];
        assert_eq!(read.map(|word| *word), names.map(|name| word(&v[name])));
        for (index, bits) in [(0, 8), (3, 64), (10, 128), (11, 128), (12, 128), (13, 64)] {
            let mut wrong = words;
            wrong[index][31 - bits / 8] = 1;
            assert!(Operation::read(&wrong).is_err(), "word {index} of more than {bits} bits");
        }
    }
}

#[test]
fn events_under_the_running_hash() {
    for v in vectors("events") {
        let (sequence, kind, timestamp) = (number(&v["sequence"]), number(&v["kind"]), number(&v["timestamp"]));
        let after = codec::next_hash(&word(&v["before"]), sequence, kind, timestamp, &words(&v["body"]));
        assert_eq!(after, word(&v["after"]), "event {sequence}");
    }
}

#[test]
fn digests_of_orders() {
    let mut compared = 0;
    for v in vectors("orders") {
        let action: u8 = number(&v["action"]);
        if action > 6 {
            continue; // Resend is for chains whose payouts are messages
        }
        let content = codec::content_hash(action, &words(&v["words"]));
        assert_eq!(content, word(&v["content"]));
        let domain = codec::domain_separator(&word(&v["gateway"]));
        assert_eq!(codec::digest(&domain, action, number(&v["epoch"]), &content), word(&v["digest"]));
        compared += 1;
    }
    assert!(compared >= 6);
}

#[test]
fn fees_and_scales() {
    for v in vectors("fees") {
        let amount = number(&v["amount"]);
        let fee = route_fee(amount, number(&v["flat"]), number(&v["bps"]));
        // An operation whose fee is not below its amount is refused, and has none in the vectors.
        let expected = (v["fee"] != "").then(|| number(&v["fee"]));
        assert_eq!((fee < amount).then_some(fee), expected, "{v}");
    }
    for v in vectors("scales") {
        let scaled = scale(number(&v["amount"]), number(&v["from"]), number(&v["to"]));
        assert_eq!(scaled, fitting(&v["down"]), "{v}");
    }
}

#[test]
fn windows() {
    for v in vectors("windows") {
        let mut bucket = Bucket {
            limit: number(&v["limit"]),
            available: v["available"].as_str().unwrap().parse().unwrap(),
            period: number(&v["period"]),
            updated: number(&v["updated"]),
        };
        bucket.refill(number(&v["now"]));
        assert_eq!(bucket.available, v["availableAt"].as_str().unwrap().parse::<i128>().unwrap(), "{v}");
    }
}

fn balances(v: &Value) -> Balances {
    Balances { collateral: number(&v["collateral"]), debt: number(&v["debt"]) }
}

fn scales(v: &Value) -> Scales {
    Scales { price: number(&v["price"]), target: number(&v["target"]), decimals: number(&v["decimals"]) }
}

#[test]
fn loans() {
    for v in vectors("loans") {
        let (position, scales, max_ltv) = (balances(&v), scales(&v), number(&v["maxLtv"]));
        assert_eq!(scales.covers(&position, max_ltv, 10_000), flag(&v["covered"]), "{v}");
        assert_eq!(scales.collateral_for(position.debt, max_ltv, 10_000), number::<u128>(&v["least"]), "{v}");
    }
}

#[test]
fn releases_and_refunds() {
    for v in vectors("releases") {
        let (reserve, refund) = (number::<u8>(&v["kind"]) == 0, number::<u8>(&v["action"]) == 4);
        let precision = Precision { decimals: number(&v["decimals"]), native: number(&v["nativeDecimals"]) };
        let priced = v["price"].as_str().is_some_and(|price| !price.is_empty());
        let backing = if reserve {
            Backing::Reserve { decimals: precision.decimals }
        } else {
            Backing::Vault { max_ltv: number(&v["maxLtv"]), scales: priced.then(|| scales(&v)) }
        };
        let wanted: u128 = number(&v["wanted"]);
        // As `settle` and `orders` say it.
        let (net, cap) = match (refund, reserve) {
            (true, _) => (number::<u128>(&v["amount"]), wanted),
            (false, true) => (number::<u128>(&v["amount"]) - number::<u128>(&v["fee"]), u128::MAX),
            (false, false) => (
                number::<u128>(&v["amount"]) - number::<u128>(&v["fee"]),
                if flag(&v["controller"]) { wanted } else { 0 },
            ),
        };
        let mut undone = Undone::default();
        undo(&balances(&v), &net, &cap, &backing, precision, &mut undone);
        let expected = Undone {
            paid: number(&v["paid"]),
            surplus: number(&v["surplus"]),
            payout: number(&v["payout"]),
            left: Balances { collateral: number(&v["collateralAfter"]), debt: number(&v["debtAfter"]) },
        };
        assert_eq!(undone, expected, "{v}");
    }
}

#[test]
fn liquidations() {
    for v in vectors("liquidations") {
        let terms = LiquidationTerms {
            threshold: number(&v["threshold"]),
            bonus: number(&v["bonus"]),
            close_factor: number(&v["closeFactor"]),
            dust: number(&v["dust"]),
        };
        let precision = Precision { decimals: number(&v["decimals"]), native: number(&v["nativeDecimals"]) };
        match liquidation(&balances(&v), &terms, &scales(&v), &number(&v["maxRepay"])) {
            Err(error) => assert_eq!(error.name(), v["refused"].as_str().unwrap(), "{v}"),
            Ok(taken) => {
                assert_eq!(v["refused"].as_str(), Some(""), "{v}");
                let seized = if taken.whole { taken.seized } else { precision.payable(taken.seized) };
                let expected = ["repaid", "seized", "badDebt"].map(|name| number(&v[name]));
                assert_eq!([taken.repaid, seized, taken.bad], expected, "{v}");
            }
        }
    }
}
