//! Chains of other kinds than Ethereum's, what there is beside chains, and the keys that each has for itself.

use super::{Case, minimal};
use crate::{adapter::Adapter, config::Kind};

/// A chain of Solana.
pub(in crate::config) const SOLANA: &str = r#"
[chains.s]
kind = "solana"
chain = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
program = "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR"
gateway = "CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8"
gateway_salt = "0x0000000000000000000000000000000000000000000000000000000000000001"
endpoints = [{ url = "http://127.0.0.1:8899" }]
submit = { signer = { env = "SUBMITTER" }, max_price = 7, create_accounts = 3 }
"#;

#[test]
fn a_chain_of_solana_has_keys_of_its_own() {
    let config = minimal().file("s.toml", SOLANA).config();
    let chain = config.chains.iter().find(|chain| chain.name == "s").expect("a chain");
    assert!(matches!(chain.kind, Kind::Solana { lookup_table: None, .. }), "{:?}", chain.kind);
    let settings = <tim3_solana::Solana as Adapter>::settings(chain).expect("settings");
    assert_eq!(settings.program.to_string(), "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR");
    assert_eq!(settings.gateway.to_string(), "CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8");
    assert_eq!((settings.fees.max_price, settings.create_accounts), (7, 3));
    for (from, to, key) in [
        ("max_price = 7", "max_gas = 200000", "chains.s.submit.max_gas"),
        ("solana:5", "eip155:5", "chains.s.chain"),
        ("program = \"8", "program = \"0", "chains.s.program"),
        ("kind = \"solana\"", "kind = \"solana\"\nlog_range = 5", "chains.s.log_range"),
    ] {
        let problems = minimal().file("s.toml", &SOLANA.replace(from, to)).problems();
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key}: {problems:?}");
    }
}

/// A chain of AO.
pub(in crate::config) const AO: &str = r#"
[chains.o]
kind = "ao"
chain = "ao:devnet"
gateway = "TqXuaP6gVYYQaJDe1XM4ILt32RnNonvEuBObfNM7iIk"
gateway_salt = "0x0000000000000000000000000000000000000000000000000000000000000001"
endpoints = [
  { unit = "mu", url = "http://127.0.0.1:1" },
  { unit = "su", url = "http://127.0.0.1:1" },
  { unit = "cu", url = "http://127.0.0.1:1" },
  { unit = "cu", url = "http://127.0.0.1:2" },
  { unit = "arweave", url = "http://127.0.0.1:3" },
]
voters = [
  { attester = "0x1111111111111111111111111111111111111111", wallet = "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z_0Me0", key = { env = "VOTER" } },
  { attester = "0x2222222222222222222222222222222222222222", wallet = "P8TM_nRYcOLA2Z9x8w_wZWyN7dQcwdfT03aw2-aF4vM" },
]
finality = { depth = 0, tiers = [{ from = "1", depth = 5 }] }
deadline = "7s"
submit = { signer = { env = "SUBMITTER" } }
"#;

#[test]
fn a_chain_of_ao_has_units_and_voters() {
    let config = minimal().file("o.toml", AO).config();
    let chain = config.chains.iter().find(|chain| chain.name == "o").expect("a chain");
    assert_eq!(chain.endpoints[3].name, "cu 127.0.0.1:2");
    let keys: Vec<_> = chain.voter_keys().map(|(role, _)| role).collect();
    assert_eq!(keys, ["chains.o.voters[0]"]);
    let settings = <tim3_arweave::Ao as Adapter>::settings(chain).expect("settings");
    let network = &settings.network;
    assert_eq!((network.compute_units.len(), network.quorum), (2, 2));
    assert_eq!((network.gateways.len(), network.gateway_quorum, network.messengers.len()), (1, 1, 1));
    assert_eq!((network.deadline_ms, network.timeout_ms), (7_000, 30_000));
    assert_eq!((settings.confirmations, settings.tiers), (0, vec![(1_000_000, 5)]));
    assert_eq!((settings.voters.len(), settings.voters[1].attester), (2, [0x22; 20]));
    for (from, to, key) in [
        ("unit = \"mu\"", "unit = \"su\"", "no endpoint with unit = \"mu\""),
        ("unit = \"mu\"", "unit = \"node\"", "chains.o.endpoints[0].unit"),
        ("unit = \"mu\", ", "", "chains.o.endpoints[0].unit"),
        ("tiers = [{ from = \"1\", depth = 5 }]", "", "the scheduler's word for any amount"),
        (
            "P8TM_nRYcOLA2Z9x8w_wZWyN7dQcwdfT03aw2-aF4vM",
            "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z_0Me0",
            "for the second time in voters[1]",
        ),
        ("ao:devnet", "eip155:1", "chains.o.chain"),
        ("gateway = \"", "gateway = \"0x", "chains.o.gateway"),
        ("deadline", "ws = 1\nprogram", "chains.o.program"),
        ("deadline = \"7s\"", "arweave_quorum = 2", "the number of gateways of Arweave"),
        ("deadline = \"7s\"", "submit.max_gas = 200000", "chains.o.submit"),
    ] {
        let problems = minimal().file("o.toml", &AO.replacen(from, to, 1)).problems();
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key}: {problems:?}");
    }
    let without = AO.split("voters = [").next().unwrap().to_owned() + "submit = { signer = { env = \"SUBMITTER\" } }";
    let problems = minimal().file("o.toml", &without).problems();
    assert!(problems.iter().any(|problem| problem.contains("chains.o.voters: found nothing")), "{problems:?}");
}

#[test]
fn reserve_reports_need_gateways_and_a_wallet_and_say_what_they_may_cost() {
    const ANCHOR: &str = r#"
[anchor]
gateways = [{ url = "http://127.0.0.1:1984" }, { url = "http://127.0.0.2:1984", priority = 1 }]
key = { env = "AUDITOR" }
max_fee = "0.25 AR"
"#;
    assert!(minimal().config().anchor.is_none());
    let anchor = minimal().file("b.toml", ANCHOR).config().anchor.expect("a section");
    assert_eq!((anchor.gateways.len(), anchor.confirmations, anchor.interval.as_secs()), (2, 10, 3_600));
    assert_eq!(anchor.max_fee, 250_000_000_000);
    for (from, to, key) in [
        ("0.25 AR", "0.25", "anchor.max_fee"),
        ("0.25 AR", "0.0000000000001 AR", "anchor.max_fee"),
        ("127.0.0.2", "127.0.0.1", "anchor.gateways"),
        ("key = { env = \"AUDITOR\" }", "", "anchor.key"),
        ("max_fee", "interval = \"1s\"\nmax_fee", "anchor.interval"),
        ("max_fee", "maxfee", "anchor.maxfee"),
    ] {
        let problems = minimal().file("b.toml", &ANCHOR.replace(from, to)).problems();
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key}: {problems:?}");
    }
}

#[test]
fn v1_processes_need_no_gateway_and_nothing_to_sign_for() {
    let id = |letter: &str| letter.repeat(42) + "A";
    let text = format!(
        r#"
[journal]
path = "journal.redb"
[chains.old]
kind = "ao"
profile = "tim3-v1"
coordinator = "{}"
lock_manager = "{}"
token_manager = "{}"
state_manager = "{}"
usda = "{}"
authority = "{}"
endpoints = [
  {{ unit = "mu", url = "http://127.0.0.1:1" }}, {{ unit = "su", url = "http://127.0.0.1:2" }},
  {{ unit = "cu", url = "http://127.0.0.1:3" }}, {{ unit = "arweave", url = "http://127.0.0.1:4" }},
]
submit.signer = {{ env = "SIGNER" }}
"#,
        id("c"),
        id("l"),
        id("t"),
        id("s"),
        id("u"),
        id("a"),
    );
    let config = Case::new().file("v1.toml", &text).config();
    assert!(config.chains.is_empty() && config.assets.is_empty() && config.attesters.is_empty());
    let v1 = &config.v1[0];
    assert_eq!(v1.process(tim3_arweave::v1::Role::Usda).to_string(), id("u"));
    assert_eq!((v1.token_decimals, v1.usda_decimals, v1.stranded_after.as_secs()), (6, 6, 600));
    let network = crate::ao::v1_network(v1).expect("units");
    assert_eq!(network.compute_units[0].url.expose().port(), Some(3));
    // Beside gateways it changes nothing about what those need.
    assert_eq!(minimal().file("v1.toml", &text).config().chains.len(), 1);
    for (from, to, key) in [
        ("kind = \"ao\"", "kind = \"solana\"", "chains.old.kind"),
        ("tim3-v1", "tim3-v2", "chains.old.profile"),
        ("authority", "#authority", "chains.old.authority"),
        ("unit = \"cu\"", "unit = \"mu\"", "chains.old.endpoints"),
        ("usda = \"u", "usda = \"!", "chains.old.usda"),
        ("submit.signer", "gateway", "chains.old.gateway"),
    ] {
        let problems = Case::new().file("v1.toml", &text.replace(from, to)).problems();
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key}: {problems:?}");
    }
}
