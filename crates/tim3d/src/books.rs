//! What the journal says, in the words of the API: for the running daemon and for a CLI that reads the journal of one that is not.

use tim3_api::{
    ControlError, LedgerQuery, OperationQuery, PositionQuery, RecordQuery,
    view::{
        AnchorView, EntryView, KeeperLedgerView, KeeperRecordView, MirrorView, OperationView, Page, PlaceView,
        PositionView, TimelineView, Units,
    },
};
use tim3_domain::{
    amount::SYNTHETIC_DECIMALS,
    identity::{GatewayId, OperationId},
    lifecycle::{Hold, Leg, Phase, Refusal, Step},
    place::{BlockRef, TxId},
};
use tim3_journal::{Journal, JournalError, OperationRecord, TimelineEntry};

use crate::{anchor, directory::Directory, keeper::page_of};

/// Records that one filtered page looks at, so that a rare filter over a long history answers in time.
const SCAN: usize = 5_000;

/// A journal with the names of what is in it.
pub(crate) struct Books<'a> {
    pub(crate) journal: &'a dyn Journal,
    pub(crate) directory: &'a Directory,
}

fn unavailable(error: JournalError) -> ControlError {
    ControlError::Unavailable(error.to_string())
}

impl Books<'_> {
    /// Lines of the keepers' record.
    pub(crate) fn keeper_record(&self, query: &RecordQuery) -> Result<KeeperRecordView, ControlError> {
        let failed = |error: anyhow::Error| ControlError::Unavailable(format!("{error:#}"));
        let from = match query.from {
            Some(from) => from,
            None => page_of(self.journal, query.at_ms.unwrap_or_default()).map_err(failed)?,
        };
        Ok(KeeperRecordView { lines: self.journal.keeper_lines(from, query.limit).map_err(unavailable)? })
    }

    /// Entries of the keepers' ledger.
    pub(crate) fn keeper_ledger(&self, query: &LedgerQuery) -> Result<KeeperLedgerView, ControlError> {
        let entries = self.journal.keeper_entries(query.from, query.limit).map_err(unavailable)?;
        Ok(KeeperLedgerView { entries })
    }

    /// The reserve report of a period.
    pub(crate) fn anchor(&self, period_ms: u64) -> Result<AnchorView, ControlError> {
        let none = || ControlError::NotFound {
            what: "reserve report",
            name: period_ms.to_string(),
            hint: "this journal has none of that period".to_owned(),
        };
        anchor::view_of(self.journal, period_ms).map_err(unavailable)?.ok_or_else(none)
    }

    /// Operations, newest first.
    pub(crate) fn operations(&self, query: &OperationQuery) -> Result<Page<OperationView>, ControlError> {
        let mut page = Page { items: Vec::new(), next: None };
        if query.open {
            let mut open = self.journal.open_operations().map_err(unavailable)?;
            open.sort_by_key(|record| (record.operation.timestamp, record.operation.id()));
            let start = query.before.and_then(|id| open.iter().rposition(|record| record.operation.id() == id));
            open.truncate(start.unwrap_or(open.len()));
            self.fill(&mut page, query, open.into_iter().rev());
            return Ok(page);
        }
        let is_filtered = query.phase.is_some() || query.asset.is_some() || query.chain.is_some();
        // One more than is shown tells whether there is a next page.
        let scan = if is_filtered { SCAN } else { query.limit.saturating_add(1) };
        let records = self.journal.operations(query.before, scan).map_err(unavailable)?;
        let last = records.last().filter(|_| records.len() == scan).map(|record| record.operation.id().to_string());
        self.fill(&mut page, query, records.into_iter());
        page.next = page.next.or(last);
        Ok(page)
    }

    fn fill(
        &self,
        page: &mut Page<OperationView>,
        query: &OperationQuery,
        records: impl Iterator<Item = OperationRecord>,
    ) {
        let mut records = records.map(|record| self.view(&record)).filter(|view| fits(view, query)).peekable();
        page.items = records.by_ref().take(query.limit).collect();
        page.next = records.peek().and(page.items.last()).map(|last| last.id.clone());
    }

    /// One operation.
    pub(crate) fn operation(&self, id: OperationId) -> Result<OperationView, ControlError> {
        self.record(id).map(|record| self.view(&record))
    }

    /// The record of one operation.
    pub(crate) fn record(&self, id: OperationId) -> Result<OperationRecord, ControlError> {
        let hint = "an event that is not seen yet has none; see `tim3d ops list`".to_owned();
        let unknown = || ControlError::NotFound { what: "operation", name: id.to_string(), hint };
        self.journal.operation(id).map_err(unavailable)?.ok_or_else(unknown)
    }

    /// The story of one operation.
    pub(crate) fn explain(&self, id: OperationId) -> Result<TimelineView, ControlError> {
        let record = self.record(id)?;
        let story = self.journal.timeline(id).map_err(unavailable)?;
        Ok(TimelineView {
            operation: self.view(&record),
            waits_for: self.waits_for(&record, story.last()),
            entries: story.into_iter().map(entry).collect(),
        })
    }

    /// Positions with their mirrors.
    pub(crate) fn positions(&self, query: &PositionQuery) -> Result<Page<PositionView>, ControlError> {
        let mut keyed = Vec::new();
        for (home, located) in self.journal.positions().map_err(unavailable)? {
            if let Some(position) = located.event.body.position() {
                keyed.push((format!("{}-{}", position.market, position.owner), home, located));
            }
        }
        keyed.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut mirrored = Vec::new();
        for (gateway, entry) in self.directory.chains().filter(|(_, entry)| entry.mirror) {
            let records = self.journal.mirrored(gateway).map_err(unavailable)?;
            let versions =
                records.into_iter().map(|record| ((record.position.market, record.position.owner), record.version));
            mirrored.push((gateway, entry.name.clone(), versions.collect::<std::collections::HashMap<_, _>>()));
        }
        let after = query.after.as_deref().unwrap_or_default();
        let views = keyed.into_iter().filter(|(key, ..)| key.as_str() > after).filter_map(|(key, home, located)| {
            let position = *located.event.body.position()?;
            let version = located.event.sequence;
            let mirrors: Vec<_> = mirrored
                .iter()
                .filter(|(peer, ..)| *peer != home)
                .map(|(_, chain, versions)| {
                    let copy = versions.get(&(position.market, position.owner)).copied();
                    MirrorView { chain: chain.clone(), version: copy, current: copy == Some(version) }
                })
                .collect();
            let view = PositionView {
                market: self.directory.market(position.market),
                home: self.directory.chain(home),
                owner: self.directory.owner(home, position.market, position.owner),
                collateral: Units(position.collateral),
                debt: Units(position.debt),
                debt_decimals: SYNTHETIC_DECIMALS,
                collateral_decimals: self.directory.collateral_decimals(position.market),
                version,
                mirrors,
            };
            let is_behind = view.mirrors.iter().any(|mirror| !mirror.current);
            (is_behind || !query.behind).then_some((key, view))
        });
        let mut views = views.peekable();
        let items: Vec<_> = views.by_ref().take(query.limit).collect();
        let next = views.peek().and(items.last()).map(|(key, _)| key.clone());
        Ok(Page { items: items.into_iter().map(|(_, view)| view).collect(), next })
    }

    fn view(&self, record: &OperationRecord) -> OperationView {
        let (names, operation, phase) = (self.directory, &record.operation, &record.phase);
        let outcome_at = match phase {
            Phase::RefundedIncluded { .. } | Phase::Refunded => operation.origin,
            _ => operation.destination,
        };
        let has_market = !operation.market.is_zero();
        let market_home = if operation.kind.code() == 1 { operation.origin } else { operation.destination };
        OperationView {
            id: operation.id().to_string(),
            kind: operation.kind.name().to_owned(),
            phase: phase.name().to_owned(),
            step: phase.step_name().map(str::to_owned),
            reason: reason(phase),
            ended: phase.is_terminal(),
            actions: actions(phase, record.orphan().is_some()).iter().map(|&action| action.to_owned()).collect(),
            asset: names.asset(operation.asset),
            amount: Units(operation.amount),
            fee: Units(operation.fee),
            decimals: SYNTHETIC_DECIMALS,
            market: has_market.then(|| names.market(operation.market)),
            owner: has_market.then(|| names.owner(market_home, operation.market, operation.owner)).flatten(),
            origin: self.place(operation.origin, &record.origin.transaction, &record.origin.block),
            nonce: operation.nonce,
            actor: names.account(operation.origin, operation.actor),
            refund_to: names.account(operation.origin, operation.refund_to),
            destination: names.chain(operation.destination),
            recipient: names.account(operation.destination, operation.recipient),
            outcome: record.outcome.as_ref().map(|(transaction, block)| self.place(outcome_at, transaction, block)),
            attempts: record.attempts,
            updated_ms: record.updated_ms,
        }
    }

    fn place(&self, gateway: GatewayId, transaction: &TxId, block: &BlockRef) -> PlaceView {
        PlaceView { chain: self.directory.chain(gateway), block: block.into(), transaction: transaction.to_string() }
    }

    /// What moves an operation on. The last line of its story says why an order is not executed yet, and until when it waits where that is
    /// known.
    fn waits_for(&self, record: &OperationRecord, last: Option<&TimelineEntry>) -> Option<String> {
        let operation = &record.operation;
        let (origin, destination) =
            (self.directory.chain(operation.origin), self.directory.chain(operation.destination));
        let order = |leg: Leg, step: Step| {
            let name = leg.action(operation.kind).name();
            let chain = if leg == Leg::Refund { &origin } else { &destination };
            match step {
                Step::Signing => format!("enough attesters to sign the {name} order for {chain}"),
                Step::Authorized if record.attempts > 0 => format!(
                    "the next attempt: the gateway on {chain} delayed or refused the {name} order {} times in a row; {}",
                    record.attempts,
                    last.map_or("", |last| &last.what),
                ),
                Step::Authorized => format!("a transaction on {chain} to carry the {name} order"),
                Step::Submitted => format!("the transaction with the {name} order to be included on {chain}"),
            }
        };
        Some(match &record.phase {
            Phase::Observed => format!("the event to become final on {origin}"),
            Phase::Final => "admission by the limits of the daemon".to_owned(),
            Phase::Held(Hold::Value) => {
                "an operator: `tim3d ops approve` delivers it, `tim3d ops void` refunds it".to_owned()
            }
            Phase::Held(Hold::Limit) => "room in the rolling limit, or `tim3d ops approve`".to_owned(),
            Phase::Held(Hold::Paused) => format!("signing for {} to be resumed", self.directory.asset(operation.asset)),
            Phase::SettledIncluded { .. } => format!("the outcome to become final on {destination}"),
            Phase::VoidedIncluded { .. } => {
                format!("the voided slot to become final on {destination}; then it is refunded")
            }
            Phase::RefundedIncluded { .. } => format!("the refund to become final on {origin}"),
            Phase::Orphaned { .. } => {
                format!("the event to come back on {origin}, or another with its number to become final")
            }
            Phase::DeadLetter { .. } => {
                "an operator: `tim3d ops retry` goes on, `tim3d ops void` refunds it if it still can".to_owned()
            }
            phase => phase.leg().map(|(leg, step)| order(leg, step))?,
        })
        .filter(|_| !record.phase.is_terminal())
    }
}

fn entry(entry: TimelineEntry) -> EntryView {
    EntryView {
        at_ms: entry.at_ms,
        phase: entry.phase,
        what: entry.what,
        chain: entry.chain,
        block: entry.block.as_ref().map(Into::into),
        transaction: entry.transaction.map(|transaction| transaction.to_string()),
    }
}

fn fits(view: &OperationView, query: &OperationQuery) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    is(&query.phase, &view.phase)
        && is(&query.asset, &view.asset)
        && (is(&query.chain, &view.origin.chain) || is(&query.chain, &view.destination))
}

fn reason(phase: &Phase) -> Option<String> {
    let refusal = |why: &Refusal| match why {
        Refusal::Operator(why) => format!("voided by an operator: {why}"),
        Refusal::Undeliverable(why) => format!("undeliverable: {why}"),
        Refusal::TooOld => "older than t_max".to_owned(),
        Refusal::Elsewhere => "voided by another party".to_owned(),
    };
    match phase {
        Phase::Held(Hold::Value) => Some("over the value hold".to_owned()),
        Phase::Held(Hold::Limit) => Some("the rolling limit is used up".to_owned()),
        Phase::Held(Hold::Paused) => Some("signing is stopped".to_owned()),
        Phase::Voiding { why, .. } => Some(refusal(why)),
        Phase::VoidedIncluded { was } => reason(was),
        Phase::DeadLetter { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

/// What an operator can do in a phase, as the coordinator decides it.
fn actions(phase: &Phase, displaced: bool) -> &'static [&'static str] {
    match phase {
        Phase::Observed => &[],
        phase if displaced && phase.is_undecided() => &["conflict"],
        Phase::Held(_) => &["approve", "void"],
        Phase::Final => &["void"],
        Phase::Settling(_) => &["retry", "void"],
        Phase::Voiding { .. } | Phase::Refunding(..) => &["retry"],
        Phase::DeadLetter { was, .. } if was.is_undecided() => &["retry", "void"],
        Phase::DeadLetter { .. } => &["retry"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
