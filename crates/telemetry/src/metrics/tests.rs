//! What is exported can be read, says what it means, and does not grow.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tim3_domain::{
    lifecycle::{Hold, Phase, Refusal, Step},
    protocol::{Action, OrderCode},
};

use super::{
    asset::OPEN_PHASES,
    names::{NAMES, OTHER},
    *,
};

/// A family as a scraper reads it.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads the text format strictly: one HELP and one TYPE a family, before its samples, and nothing else.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(current.clone(), family).is_none(), "{name} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current, "a type without help");
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}').unwrap())),
                None => (series, BTreeMap::new()),
            };
            assert!(name.starts_with(&current), "{line} stands under {current}");
            let family = families.get_mut(&current).unwrap();
            family.samples.push((name.to_owned(), labels, value.parse().unwrap()));
        }
    }
    families
}

fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.trim_end_matches(',').split("\",").map(|pair| {
        let (name, value) = pair.split_once("=\"").unwrap();
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    });
    pairs.collect()
}

/// Every method once, for chain, asset and endpoint `name`.
fn touch(metrics: &Metrics, name: &str) {
    metrics.chain_tips(name, 12, 10, 1_700_000_000);
    metrics.chain_error(name, "transient");
    metrics.proof_failure(name);
    metrics.reorg(name, 2);
    metrics.event_proved(name, "Locked");
    metrics.mirror_backlog(name, 3);
    metrics.mirror_backlog_age(name, 4);
    metrics.payouts_overdue(name, 14, 15);
    metrics.endpoint_called(name, name, "get_logs", "ok", Duration::from_millis(30));
    metrics.endpoint_usable(name, name, true);
    metrics.submitter(name, 5, 6);
    metrics.batch_sent(name, 7);
    metrics.escalated(name);
    metrics.order_left_out(name, "mint");
    metrics.order_result(name, "mint", "done");
    metrics.signer_low(name, true);
    metrics.signing_stopped(name, true);
    metrics.attesters_refused(name, "conflict");
    metrics.window(name, name, "mint", -3, 40);
    metrics.ready(true);
    metrics.operations(name, &BTreeMap::from([("held", 2)]), Some(1500));
    metrics.operation_finished(name, "completed");
    metrics.settled_after(name, Duration::from_secs(8));
    metrics.audited(name, false, 9, 1, 10, 0);
    metrics.journal_commit(Duration::from_millis(2), 11);
    metrics.journal_transaction(Duration::from_millis(1), 12);
    metrics.configuration("c0ffee", 13);
    metrics.configuration_reloaded("refused");
    metrics.anchors_every(Duration::from_secs(14));
    metrics.anchored(15_000);
    metrics.anchor_failed("funds");
    metrics.v1_round(name);
    let operations = V1Operations { open: 16, completed: 17, ..V1Operations::default() };
    metrics.v1(name, true, operations, V1Findings { stalled: 18, ..V1Findings::default() });
}

fn touched() -> BTreeMap<String, Family> {
    let metrics = Metrics::new().unwrap();
    touch(&metrics, "a");
    parse(&metrics.render())
}

fn value(families: &BTreeMap<String, Family>, sample: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |found: &BTreeMap<String, String>| labels.iter().all(|(name, value)| found[*name] == *value);
    let all = families.values().flat_map(|family| &family.samples);
    let found: Vec<_> = all.filter(|(name, found, _)| name == sample && fits(found)).collect();
    assert_eq!(found.len(), 1, "{sample} {labels:?}");
    found[0].2
}

#[test]
fn every_method_is_seen_by_a_scraper() {
    let families = touched();
    let a = [("chain", "a")];
    let of_a = [("asset", "a")];
    for (sample, labels, expected) in [
        ("tim3_chain_head_height", &a[..], 12.0),
        ("tim3_chain_final_height", &a, 10.0),
        ("tim3_chain_errors_total", &[("class", "transient")], 1.0),
        ("tim3_chain_proof_failures_total", &a, 1.0),
        ("tim3_chain_reorg_events_sum", &a, 2.0),
        ("tim3_chain_events_proved_total", &[("kind", "Locked")], 1.0),
        ("tim3_mirror_backlog_positions", &a, 3.0),
        ("tim3_mirror_backlog_age_seconds", &a, 4.0),
        ("tim3_payouts_overdue", &[("state", "lost"), ("chain", "a")], 14.0),
        ("tim3_payouts_overdue", &[("state", "unanswered"), ("chain", "a")], 15.0),
        ("tim3_endpoint_calls_total", &[("outcome", "ok"), ("call", "get_logs"), ("endpoint", "a")], 1.0),
        ("tim3_endpoint_call_seconds_sum", &a, 0.03),
        ("tim3_endpoint_usable", &a, 1.0),
        ("tim3_submitter_orders_waiting", &a, 5.0),
        ("tim3_submitter_transactions_in_flight", &a, 6.0),
        ("tim3_submitter_batch_orders_sum", &a, 7.0),
        ("tim3_submitter_escalations_total", &a, 1.0),
        ("tim3_submitter_simulation_rejections_total", &[("action", "mint")], 1.0),
        ("tim3_submitter_order_results_total", &[("result", "done")], 1.0),
        ("tim3_submitter_signer_balance_low", &a, 1.0),
        ("tim3_signing_stopped", &of_a, 1.0),
        ("tim3_attester_refusals_total", &[("class", "conflict")], 1.0),
        ("tim3_window_available_base_units", &[("direction", "mint"), ("chain", "a"), ("asset", "a")], -3.0),
        ("tim3_window_limit_base_units", &[("direction", "mint")], 40.0),
        ("tim3_ready", &[], 1.0),
        ("tim3_operations_open", &[("phase", "held")], 2.0),
        ("tim3_operations_open", &[("phase", "dead_letter")], 0.0),
        ("tim3_operations_oldest_age_seconds", &of_a, 1.5),
        ("tim3_operations_finished_total", &[("outcome", "completed")], 1.0),
        ("tim3_operation_settle_seconds_sum", &of_a, 8.0),
        ("tim3_audit_breach", &of_a, 1.0),
        ("tim3_audit_supply_base_units", &of_a, 9.0),
        ("tim3_audit_in_flight_base_units", &of_a, 1.0),
        ("tim3_audit_debt_base_units", &of_a, 10.0),
        ("tim3_audit_bad_debt_base_units", &of_a, 0.0),
        ("tim3_journal_commit_seconds_sum", &[], 0.002),
        ("tim3_journal_commit_changes_sum", &[], 11.0),
        ("tim3_journal_transaction_seconds_sum", &[], 0.001),
        ("tim3_journal_transaction_commits_sum", &[], 12.0),
        ("tim3_config_info", &[("hash", "c0ffee")], 1.0),
        ("tim3_config_keys_waiting_for_restart", &[], 13.0),
        ("tim3_config_reloads_total", &[("result", "refused")], 1.0),
        ("tim3_config_reloads_total", &[("result", "applied")], 0.0),
        ("tim3_config_reload_refused", &[], 1.0),
        ("tim3_anchor_interval_seconds", &[], 14.0),
        ("tim3_anchor_last_timestamp_seconds", &[], 15.0),
        ("tim3_anchor_failures_total", &[("class", "funds")], 1.0),
        ("tim3_v1_halted", &a, 1.0),
        ("tim3_v1_operations", &[("state", "open")], 16.0),
        ("tim3_v1_operations", &[("state", "unbooked")], 0.0),
        ("tim3_v1_findings", &[("finding", "stalled")], 18.0),
        ("tim3_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
    ] {
        assert_eq!(value(&families, sample, labels), expected, "{sample}");
    }
    // What depends on the clock: any time after this was written.
    assert!(value(&families, "tim3_chain_head_age_seconds", &a) > 1_000_000.0);
    assert!(value(&families, "tim3_audit_last_timestamp_seconds", &of_a) > 1_700_000_000.0);
    assert!(value(&families, "tim3_v1_round_timestamp_seconds", &a) > 1_700_000_000.0);
    assert!(value(&families, "process_resident_memory_bytes", &[]) > 0.0);
}

#[test]
fn names_keep_the_conventions_and_each_help_asks_a_question() {
    const LABELS: [&str; 16] = [
        "state",
        "finding",
        "chain",
        "endpoint",
        "call",
        "outcome",
        "asset",
        "phase",
        "kind",
        "class",
        "action",
        "result",
        "direction",
        "version",
        "hash",
        "le",
    ];
    for (name, family) in touched() {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name} is a {}", family.kind);
        for unit in ["_ms", "_millis", "_milliseconds", "_minutes", "_secs", "_kb", "_percent"] {
            assert!(!name.contains(unit), "{name} is not in base units");
        }
        for word in ["age", "latency", "duration", "timestamp"] {
            assert!(!name.split('_').any(|part| part == word) || name.ends_with("_seconds"), "{name} lacks its unit");
        }
        for (_, labels, _) in &family.samples {
            let unknown: Vec<_> = labels.keys().filter(|label| !LABELS.contains(&label.as_str())).collect();
            assert!(unknown.is_empty(), "{name} has labels {unknown:?}");
        }
        if !name.starts_with("process_") {
            assert!(name.starts_with("tim3_"), "{name}");
            assert!(family.help.contains('?') && family.help.ends_with('.'), "{name}: {}", family.help);
        }
    }
}

#[test]
fn series_stay_bounded_whatever_names_come() {
    let metrics = Metrics::new().unwrap();
    for n in 0..1000 {
        touch(&metrics, &format!("0x{n:064x}"));
    }
    for (name, family) in parse(&metrics.render()) {
        for label in ["chain", "asset", "endpoint"] {
            let values: BTreeSet<_> = family.samples.iter().filter_map(|(_, labels, _)| labels.get(label)).collect();
            assert!(values.is_empty() || values.len() == NAMES + 1, "{name} has {} values of {label}", values.len());
            assert!(values.is_empty() || values.contains(&OTHER.to_owned()));
        }
    }
}

#[test]
fn a_phase_that_empties_reads_zero() {
    let metrics = Metrics::default();
    metrics.operations("TIM3", &BTreeMap::from([("submitted", 4)]), Some(1));
    metrics.operations("TIM3", &BTreeMap::new(), None);
    let families = parse(&metrics.render());
    assert_eq!(value(&families, "tim3_operations_open", &[("phase", "submitted")]), 0.0);
    assert_eq!(value(&families, "tim3_operations_oldest_age_seconds", &[("asset", "TIM3")]), 0.0);
}

#[test]
fn what_counts_begins_at_zero_so_that_the_first_event_is_an_increase() {
    let metrics = Metrics::default();
    metrics.begin(["a", "b"], ["TIM3"]);
    let before = parse(&metrics.render());
    for (sample, labels) in [
        ("tim3_chain_errors_total", &[("chain", "b"), ("class", "halt")][..]),
        ("tim3_chain_proof_failures_total", &[("chain", "a")]),
        ("tim3_chain_reorg_events_sum", &[("chain", "a")]),
        ("tim3_submitter_batch_orders_count", &[("chain", "a")]),
        ("tim3_submitter_escalations_total", &[("chain", "a")]),
        ("tim3_submitter_simulation_rejections_total", &[("chain", "a"), ("action", "refund")]),
        ("tim3_submitter_order_results_total", &[("chain", "a"), ("action", "mint"), ("result", "rejected")]),
        ("tim3_operations_finished_total", &[("asset", "TIM3"), ("outcome", "refunded")]),
        ("tim3_operation_settle_seconds_count", &[("asset", "TIM3")]),
        ("tim3_attester_refusals_total", &[("asset", "TIM3"), ("class", "evidence")]),
    ] {
        assert_eq!(value(&before, sample, labels), 0.0, "{sample}");
    }
    // Nothing that is counted later makes a series that was not there.
    let series = |families: &BTreeMap<String, Family>, name: &str| families[name].samples.len();
    let actions =
        [Action::Mint, Action::Release, Action::Void, Action::Refund, Action::Conflict, Action::Mirror, Action::Resend];
    for action in actions {
        metrics.order_left_out("a", action.name());
        for result in (0..=u8::MAX).filter_map(|code| OrderCode::from_code(code).ok()) {
            metrics.order_result("a", action.name(), result.name());
        }
    }
    for outcome in [Phase::Completed, Phase::Refunded, Phase::Orphaned { replaced: true }] {
        metrics.operation_finished("TIM3", outcome.name());
    }
    let after = parse(&metrics.render());
    for name in [
        "tim3_submitter_simulation_rejections_total",
        "tim3_submitter_order_results_total",
        "tim3_operations_finished_total",
    ] {
        assert_eq!(series(&before, name), series(&after, name), "{name}");
    }
}

#[test]
fn every_open_phase_is_counted() {
    let was = || Box::new(Phase::Observed);
    let phases = [
        Phase::Observed,
        Phase::Final,
        Phase::Held(Hold::Value),
        Phase::Settling(Step::Signing),
        Phase::Settling(Step::Authorized),
        Phase::Settling(Step::Submitted),
        Phase::SettledIncluded { was: was() },
        Phase::Voiding { why: Refusal::TooOld, step: Step::Signing },
        Phase::VoidedIncluded { was: was() },
        Phase::Refunding(Step::Signing),
        Phase::RefundedIncluded { was: was() },
        Phase::Orphaned { replaced: false },
        Phase::DeadLetter { was: was(), reason: String::new() },
    ];
    assert_eq!(phases.map(|phase| phase.name()), OPEN_PHASES);
}

#[test]
fn only_the_configuration_in_force_and_the_endpoints_in_use_are_told_of() {
    let metrics = Metrics::new().unwrap();
    for hash in ["old", "new"] {
        metrics.configuration(hash, 0);
        metrics.configuration_reloaded("applied");
    }
    metrics.endpoint_usable("a", "gone", false);
    metrics.endpoint_usable("a", "here", true);
    metrics.endpoint_gone("a", "gone");
    metrics.endpoint_gone("a", "never there");
    let families = parse(&metrics.render());
    let only = |name: &str| families[name].samples.iter().map(|(_, labels, _)| labels.clone()).collect::<Vec<_>>();
    assert_eq!(only("tim3_config_info"), [BTreeMap::from([("hash".to_owned(), "new".to_owned())])]);
    assert_eq!(only("tim3_endpoint_usable").len(), 1);
    assert_eq!(value(&families, "tim3_endpoint_usable", &[("endpoint", "here")]), 1.0);
    assert_eq!(value(&families, "tim3_config_reload_refused", &[]), 0.0);
}
