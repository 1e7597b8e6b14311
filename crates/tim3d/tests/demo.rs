//! `tim3d demo` from outside: what it proves, what it says, and when it says no.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tim3d")).arg("demo").args(arguments).output().expect("tim3d starts")
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn integer(value: &Value) -> i128 {
    value.as_str().expect("integers are text").parse().expect("a decimal integer")
}

fn ended(summary: &Value, how: &str) -> u64 {
    summary["journal"]["operations"].as_object().unwrap().values().map(|kind| kind[how].as_u64().unwrap()).sum()
}

/// Adds the law up from the figures, instead of believing the verdict.
fn assert_conserved(summary: &Value) {
    let (mut supply, mut in_flight, mut owed) = (0_i128, 0_i128, 0_i128);
    for chain in summary["proof"]["chains"].as_array().unwrap() {
        let of = |what: &str| integer(&chain[what]);
        let (minted_less_burned, debts) =
            (of("minted").strict_sub(of("burned")), of("debt").strict_add(of("bad_debt")));
        let sent = of("sent").strict_sub(of("refunded")).strict_sub(of("settled"));
        assert_eq!(debts.strict_sub(minted_less_burned), sent, "{chain}");
        supply = supply.strict_add(minted_less_burned);
        in_flight = in_flight.strict_add(sent);
        owed = owed.strict_add(debts);
    }
    assert!(supply > 0, "nothing was minted");
    assert_eq!((in_flight, supply), (0, owed));
}

fn assert_holds(output: &Output, operations: u64) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}\n{}", String::from_utf8_lossy(&output.stdout));
    let summary = summary(output);
    assert_eq!(summary["simulated"], true);
    assert_eq!(summary["kills"], 1, "the daemon is killed once, half-way");
    assert_eq!(ended(&summary, "open"), 0, "{log}");
    assert_eq!(ended(&summary, "refunded"), 1, "what an operator voids is refunded");
    assert_eq!(ended(&summary, "completed").strict_add(1), operations);
    assert_conserved(&summary);
    for problems in ["doubled", "unfounded", "lost", "wrong", "stale_mirrors"] {
        assert_eq!(summary["proof"][problems].as_array().unwrap().len(), 0, "{problems}: {}", summary["proof"]);
    }
    for scene in ["SIMULATED", "held", "voiding", "refunded", "liquidator: took", "KILLED", "served"] {
        assert!(log.contains(scene), "{scene:?} is not in\n{log}");
    }
}

#[test]
fn a_perfect_day_with_every_scene_is_proved() {
    let output = demo(&["--seed", "5", "--operations", "12", "--faults", "none", "--json"]);
    assert_holds(&output, 12);
    let struck = &summary(&output)["struck"];
    for (chain, struck) in struck.as_object().unwrap() {
        assert!(struck.as_object().unwrap().values().all(|count| count == 0), "{chain}: {struck}");
    }
}

#[test]
fn the_proof_holds_whatever_the_faults_do() {
    let plays: Vec<_> = [11, 12, 13]
        .map(|seed| {
            std::thread::spawn(move || {
                demo(&["--seed", &format!("{seed}"), "--operations", "20", "--faults", "many", "--json"])
            })
        })
        .into();
    for play in plays {
        let output = play.join().unwrap();
        assert_holds(&output, 20);
        let struck = summary(&output)["struck"].clone();
        let total = |what: &str| struck.as_object().unwrap().values().map(|s| s[what].as_u64().unwrap()).sum::<u64>();
        assert!(total("reorgs") > 0 && total("delayed") > 0 && total("failed_calls") > 0, "{struck}");
    }
}

#[test]
fn what_does_not_end_in_time_is_no_success_and_is_named() {
    let output = demo(&["--operations", "12", "--faults", "none", "--plain", "--duration", "1"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("SIMULATED") && text.contains("IT DOES NOT HOLD"), "{text}");
    assert!(text.contains("unfinished: out of time") && text.contains("of 12 operations ended"), "{text}");
}

#[test]
fn a_journal_of_other_chains_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("journal.redb"), b"").unwrap();
    let output = demo(&["--journal", directory.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("a journal is there already") && error.contains("name another directory"), "{error}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = demo(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(&address) && error.contains("use another --listen"), "{error}");
}
