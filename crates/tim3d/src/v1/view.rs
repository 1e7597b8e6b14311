//! What is known of adopted processes, in the words of the API.

use tim3_api::{
    control::MAX_PAGE,
    view::{V1Books, V1OperationView, V1View},
};
use tim3_arweave::{
    Id,
    v1::{
        Role,
        adopt::{End, Finding, Halt, View, Waiting},
        configuration::Intrusion,
        driver::Driver,
    },
};
use tim3_telemetry::{V1Findings, V1Operations};

use super::Known;
use crate::config::V1;

/// Before anything was read.
pub(super) fn empty(settings: &V1, daemon: Id) -> V1View {
    V1View {
        name: settings.name.clone(),
        coordinator: settings.process(Role::Coordinator).to_string(),
        daemon: daemon.to_string(),
        ..V1View::default()
    }
}

/// What `driver` knows now; names and what the driver does not know are of `before`.
pub(super) fn known(driver: &Driver, before: V1View, now: u64) -> Known {
    let (counted, _) = counts(driver, now);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let books = driver.books().map(|books| V1Books {
        supply: books.supply.to_string(),
        balances: books.balances.to_string(),
        minted: books.minted.to_string(),
        collateral: books.collateral.to_string(),
        locks: books.locks.to_string(),
        held: books.held.to_string(),
    });
    let view = V1View {
        halted: driver.halted().map(halted),
        open: count(counted.open),
        completed: count(counted.completed),
        books,
        findings: driver.findings(now).iter().map(finding).collect(),
        ..before
    };
    let mut operations: Vec<_> = driver.planner().operations().map(|it| operation(&it)).collect();
    // What is open first, and then what is newest.
    operations.sort_by_key(|it| (it.state != "open", std::cmp::Reverse(it.since_ms)));
    operations.truncate(MAX_PAGE);
    Known { view, operations }
}

/// How much there is of what.
pub(super) fn counts(driver: &Driver, now: u64) -> (V1Operations, V1Findings) {
    let (mut operations, mut findings) = (V1Operations::default(), V1Findings::default());
    for operation in driver.planner().operations() {
        let count = match operation.end {
            None => &mut operations.open,
            Some(End::Completed) => &mut operations.completed,
            Some(End::Refused(_)) => &mut operations.refused,
            Some(End::Cancelled) => &mut operations.cancelled,
            Some(End::Unbooked) => &mut operations.unbooked,
        };
        *count = count.saturating_add(1);
    }
    for finding in driver.findings(now) {
        let count = match finding {
            // These have metrics of their own.
            Finding::Halted { .. } | Finding::Unbooked { .. } => continue,
            Finding::Changed { .. } => &mut findings.changed,
            Finding::Stalled { .. } => &mut findings.stalled,
            Finding::Books { .. } => &mut findings.books,
            Finding::Ignored { .. } => &mut findings.ignored,
        };
        *count = count.saturating_add(1);
    }
    (operations, findings)
}

fn operation(view: &View<'_>) -> V1OperationView {
    let (state, reason) = match view.end {
        None => ("open", Some(waits_for(view.waiting).to_owned())),
        Some(End::Completed) => ("completed", None),
        Some(End::Refused(why)) => ("refused", Some(why.clone())),
        Some(End::Cancelled) => ("cancelled", None),
        Some(End::Unbooked) => ("unbooked", None),
    };
    V1OperationView {
        purpose: view.purpose.to_string(),
        kind: if view.purpose.is_burn() { "burn" } else { "mint" }.to_owned(),
        user: view.purpose.id().user().to_owned(),
        amount: view.amount.map(|amount| amount.to_string()),
        stranded: view.is_stranded,
        state: state.to_owned(),
        reason,
        since_ms: view.since,
    }
}

fn waits_for(waiting: Waiting) -> &'static str {
    match waiting {
        Waiting::Answer => "the result of a message",
        Waiting::LookUp => "the answer to a look-up",
        Waiting::Lock => "the collateral token to confirm a lock; if it refused, for ever, and nothing is locked",
        Waiting::Unlock => "the collateral token to let go; if the user had freed it himself, for ever, and he has it",
        Waiting::Turn => "another operation of the same user",
        Waiting::Cover => "locks of minted tokens that cover it",
        Waiting::FreedPastLocks => "collateral: somebody freed it past the Lock Manager",
        Waiting::Understanding => "a human: an answer could not be understood",
        Waiting::Halt => "everything to go on",
    }
}

fn intrusion(intrusion: &Intrusion) -> String {
    let Intrusion { setting, required, by, nonce } = intrusion;
    let by = by.as_deref().unwrap_or("somebody");
    let at = nonce.map(|nonce| format!(" in message {nonce}")).unwrap_or_default();
    let must = required.as_deref().map(|required| format!("; it must be {required}")).unwrap_or_default();
    format!("{by} set {} of the {} to {:?}{at}{must}", setting.name, setting.role, setting.value)
}

fn halted(halt: &Halt) -> String {
    match halt {
        Halt::Taken(taken) => intrusion(taken),
        Halt::Books { disagreements } => {
            let all: Vec<_> = disagreements.iter().map(|one| one.to_string()).collect();
            format!("the books let nobody mint: {}", all.join("; "))
        }
        Halt::Operator { why } => why.clone(),
    }
}

/// A finding for people.
pub(crate) fn finding(finding: &Finding) -> String {
    match finding {
        Finding::Halted { halt } => format!("halted: {}", halted(halt)),
        Finding::Changed { intrusion: changed } => intrusion(changed),
        Finding::Stalled { purpose, waiting, .. } => format!("{purpose} waits for {}", waits_for(*waiting)),
        Finding::Unbooked { purpose } => format!("{purpose} is done and not in the Coordinator's books"),
        Finding::Ignored { what } => format!("ignored: {what}"),
        Finding::Books { disagreement } => disagreement.to_string(),
    }
}
