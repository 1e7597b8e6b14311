//! `idl.json` is what the interface says, in the form of Anchor's interface descriptions, from which clients are generated.
//!
//! `TIM3_UPDATE_IDL=1 cargo test -p tim3-solana-interface --test idl` writes it anew.

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

use std::{env, fs};

use serde_json::{Value, json};
use tim3_solana_interface::{
    Field, GatewayError,
    accounts::{
        Asset, BadDebt, Change, Claimable, EventPage, Gateway, Market, Mirror, MirrorHome, OutgoingPage, Peer,
        Position, Route, SlotPage, WINDOW_MINT, WINDOW_RELEASE, Window,
    },
    instruction::{AccountSpec, CALLS, INSTRUCTIONS, InstructionSpec, MarketTerms, Oracle},
    limits,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../idl.json");

#[test]
fn the_interface_description_is_up_to_date() {
    let text = format!("{:#}\n", description());
    if env::var_os("TIM3_UPDATE_IDL").is_some() {
        fs::write(PATH, &text).unwrap();
    }
    let written = fs::read_to_string(PATH).unwrap();
    assert!(written == text, "contracts/solana/idl.json is stale: run this test with TIM3_UPDATE_IDL=1");
}

fn description() -> Value {
    let mut types = vec![
        layout("Window", Window::LENGTH, 0, Window::FIELDS, &[]),
        layout(
            "Asset",
            Asset::LENGTH,
            0,
            Asset::FIELDS,
            &[
                more("window_mint", WINDOW_MINT, Window::LENGTH, json!({ "defined": { "name": "Window" } })),
                more("window_release", WINDOW_RELEASE, Window::LENGTH, json!({ "defined": { "name": "Window" } })),
            ],
        ),
        layout("Market", Market::LENGTH, 0, Market::FIELDS, &[]),
        arguments("Oracle", Oracle::FIELDS),
        arguments("MarketTerms", MarketTerms::FIELDS),
        calls(),
    ];
    let accounts = accounts();
    types.extend(accounts.iter().map(|(_, layout)| layout.clone()));
    json!({
        "address": "",
        "metadata": {
            "name": "tim3_gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "spec": "0.1.0",
            "description": "The TIM3 gateway of Solana. contracts/solana/INTERFACE.md says what it does, and how the orders of `execute` are encoded.",
        },
        "instructions": INSTRUCTIONS.iter().map(|spec| instruction(spec)).collect::<Vec<_>>(),
        "accounts": accounts.iter().map(|(account, _)| account.clone()).collect::<Vec<_>>(),
        "errors": GatewayError::ALL
            .iter()
            .map(|error| json!({ "code": error.code(), "name": error.name(), "msg": error.message().trim() }))
            .collect::<Vec<_>>(),
        "types": types,
    })
}

fn kind(name: &str) -> Value {
    match name {
        "word" => json!({ "array": ["u8", 32] }),
        "symbol" => json!({ "array": ["u8", 12] }),
        "addresses" => json!({ "vec": { "array": ["u8", 20] } }),
        "MarketTerms" | "Oracle" => json!({ "defined": { "name": name } }),
        number => json!(number),
    }
}

fn size(name: &str) -> usize {
    match name {
        "word" => 32,
        "symbol" => 12,
        "u8" => 1,
        "u16" => 2,
        "u32" => 4,
        "u64" => 8,
        "u128" | "i128" => 16,
        other => panic!("{other}"),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn fields(of: &[(&str, &str)]) -> Vec<Value> {
    of.iter().map(|(name, of)| json!({ "name": name, "type": kind(of) })).collect()
}

fn metas(of: &[AccountSpec]) -> Vec<Value> {
    of.iter()
        .map(|spec| {
            let mut meta = json!({ "name": spec.name });
            for (name, set) in [("writable", spec.writable), ("signer", spec.signer), ("optional", spec.optional)] {
                if set {
                    meta[name] = json!(true);
                }
            }
            if let Some(address) = spec.address {
                meta["address"] = json!(base58(address));
            }
            meta
        })
        .collect()
}

fn instruction(spec: &InstructionSpec) -> Value {
    let arguments = match spec.name {
        "Configure" | "Schedule" => vec![json!({ "name": "call", "type": { "defined": { "name": "Call" } } })],
        _ => fields(spec.arguments),
    };
    let docs = match spec.name {
        "Configure" | "Apply" => {
            "The accounts of the change follow: those that the docs of its variant of `Call` name."
        }
        "Execute" => {
            "The orders follow the discriminator without a length, their accounts the listed ones: INTERFACE.md, Orders."
        }
        _ => "",
    };
    let mut out = json!({ "name": snake(spec.name) });
    if !docs.is_empty() {
        out["docs"] = json!([docs]);
    }
    out["discriminator"] = json!([spec.tag]);
    out["accounts"] = json!(metas(spec.accounts));
    out["args"] = json!(arguments);
    out
}

/// A part of a layout that is not one of its fields.
fn more(name: &'static str, offset: usize, length: usize, kind: Value) -> (&'static str, usize, usize, Value) {
    (name, offset, length, kind)
}

/// A layout as a packed struct: what is between its fields is padding.
fn layout(
    name: &str,
    length: usize,
    first: usize,
    of: &[Field],
    extra: &[(&'static str, usize, usize, Value)],
) -> Value {
    let mut parts: Vec<(&str, usize, usize, Value)> =
        of.iter().map(|field| (field.name, field.offset, size(field.kind), kind(field.kind))).collect();
    parts.extend(extra.iter().cloned());
    parts.sort_by_key(|(_, offset, ..)| *offset);
    let mut at = first;
    let mut out = vec![];
    let pad = |out: &mut Vec<Value>, from: usize, to: usize| {
        assert!(from <= to, "{name}: {from} > {to}");
        if from < to {
            out.push(json!({ "name": format!("padding_{from}"), "type": { "array": ["u8", to - from] } }));
        }
    };
    for (field, offset, length, kind) in parts {
        pad(&mut out, at, offset);
        out.push(json!({ "name": field, "type": kind }));
        at = offset + length;
    }
    pad(&mut out, at, length);
    json!({
        "name": name,
        "serialization": "bytemuckunsafe",
        "repr": { "kind": "c", "packed": true },
        "type": { "kind": "struct", "fields": out },
    })
}

fn arguments(name: &str, of: &[(&str, &str)]) -> Value {
    json!({ "name": name, "type": { "kind": "struct", "fields": fields(of) } })
}

/// The changes: Borsh numbers variants from 0, and ours begin with 1.
fn calls() -> Value {
    let mut sorted: Vec<_> = CALLS.iter().collect();
    sorted.sort_by_key(|(_, tag, ..)| *tag);
    let mut variants = vec![json!({ "name": "Unused" })];
    let mut docs = vec!["A change, and the accounts that follow those of `configure` or `apply` for it.".to_owned()];
    for (name, tag, of, accounts) in sorted {
        assert_eq!(usize::from(*tag), variants.len(), "{name}");
        variants.push(json!({ "name": name, "fields": fields(of) }));
        let names: Vec<_> = accounts.iter().map(|account| account.name).collect();
        if !names.is_empty() {
            docs.push(format!("{name}: {}", names.join(", ")));
        }
    }
    json!({ "name": "Call", "docs": docs, "type": { "kind": "enum", "variants": variants } })
}

fn accounts() -> Vec<(Value, Value)> {
    let table = |name: &str, count: usize| json!({ "array": [{ "defined": { "name": name } }, count] });
    let rest = |length: usize| json!({ "array": ["u8", length] });
    let extra = |name: &str| match name {
        "Gateway" => vec![
            more(
                "signers",
                Gateway::SIGNERS,
                20 * limits::SIGNERS,
                json!({ "array": [{ "array": ["u8", 20] }, limits::SIGNERS] }),
            ),
            more(
                "dictionary",
                Gateway::DICTIONARY,
                32 * limits::DICTIONARY,
                json!({ "array": [{ "array": ["u8", 32] }, limits::DICTIONARY] }),
            ),
            more("assets", Gateway::ASSETS, Asset::LENGTH * limits::ASSETS, table("Asset", limits::ASSETS)),
            more("markets", Gateway::MARKETS, Market::LENGTH * limits::MARKETS, table("Market", limits::MARKETS)),
        ],
        "EventPage" => {
            let length = EventPage::LENGTH - limits::EVENT_PAGE_HEADER;
            vec![more("data", limits::EVENT_PAGE_HEADER, length, rest(length))]
        }
        "SlotPage" => {
            let length = SlotPage::LENGTH - SlotPage::BITS;
            vec![more("bits", SlotPage::BITS, length, rest(length))]
        }
        "OutgoingPage" => vec![more(
            "operations",
            OutgoingPage::IDS,
            OutgoingPage::LENGTH - OutgoingPage::IDS,
            json!({ "array": [{ "array": ["u8", 32] }, limits::OUTGOING_PER_PAGE] }),
        )],
        "Change" => vec![more("call", Change::CALL, limits::CHANGE_BYTES, rest(limits::CHANGE_BYTES))],
        _ => vec![],
    };
    macro_rules! all {
        ($($name:ident),*) => {
            vec![$((
                json!({ "name": stringify!($name), "discriminator": $name::DISCRIMINATOR }),
                layout(stringify!($name), $name::LENGTH, 8, $name::FIELDS, &extra(stringify!($name))),
            )),*]
        };
    }
    all!(
        Gateway,
        EventPage,
        SlotPage,
        OutgoingPage,
        Peer,
        Route,
        Position,
        Claimable,
        BadDebt,
        Mirror,
        MirrorHome,
        Change
    )
}

fn base58(bytes: &[u8; 32]) -> String {
    const LETTERS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<u32> = vec![];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry != 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = digits.iter().rev().map(|digit| char::from(LETTERS[*digit as usize]));
    std::iter::repeat_n('1', zeros).chain(digits).collect()
}

#[test]
fn programs_have_the_addresses_that_their_names_say() {
    use tim3_solana_interface::external::{ASSOCIATED_TOKEN_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM};
    assert_eq!(base58(&SYSTEM_PROGRAM), "11111111111111111111111111111111");
    assert_eq!(base58(&TOKEN_PROGRAM), "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
    assert_eq!(base58(&ASSOCIATED_TOKEN_PROGRAM), "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
}
