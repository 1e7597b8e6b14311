//! Which transaction wrote which record, and which orders were skipped. Records do not say it, and logs are truncated; so the transactions
//! that name a page are asked for, and what they carried and returned tells the rest. Hints, all of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use tim3_chain::{BlockRef, Skip, TxId};

use crate::{
    carried::{self, Carried},
    link::{Link, Snapshot},
    node::{self, MENTIONS, Mention, Node, NodeError},
    records::Written,
};

/// Transactions in one request, at most.
const BATCH: usize = 50;
/// So many transactions of one reading are looked into; of more only those that share a slot.
const MOST: usize = 400;
/// How often older mentions are asked for: whoever names a page a thousand times hides nothing but transaction ids.
const ROUNDS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Told {
    /// One for each record.
    pub(super) transactions: Vec<TxId>,
    /// Orders that were skipped; of their blocks only the height.
    pub(super) skips: Vec<Skip>,
}

pub(super) async fn tell(
    link: &Link,
    node: &Node,
    gateway: &Snapshot,
    pages: RangeInclusive<u32>,
    written: &[Written],
    slots: RangeInclusive<u64>,
) -> Result<Told, NodeError> {
    let mentions = mentioned(link, node, pages, &slots).await?;
    let mut by_slot: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for mention in &mentions {
        by_slot.entry(mention.slot).or_default().push(&mention.signature);
    }
    let shared = |slot: &u64| by_slot.get(slot).is_some_and(|signatures| signatures.len() > 1);
    let wanted: Vec<&str> = mentions
        .iter()
        .filter(|mention| mentions.len() <= MOST || shared(&mention.slot))
        .map(|mention| mention.signature.as_str())
        .collect();
    let mut known: BTreeMap<&str, Carried> = BTreeMap::new();
    for ids in wanted.chunks(BATCH) {
        let requests: Vec<_> = ids.iter().map(|id| node::transaction(id)).collect();
        let mut results = node.batch(&requests).await?;
        for id in ids {
            let found = results.value()?;
            known.insert(id, carried::read(&found, &link.config.program, &gateway.dictionary()));
        }
    }
    let mut skips = Vec::new();
    for mention in &mentions {
        let block = BlockRef { height: mention.slot, ..BlockRef::default() };
        let skipped = known.get(mention.signature.as_str()).into_iter().flat_map(|carried| &carried.skips);
        skips.extend(skipped.map(|skipped| Skip {
            transaction: TxId(mention.signature.clone()),
            block,
            content: skipped.content,
            action: skipped.action,
            code: skipped.code,
            reason: skipped.reason.clone(),
        }));
    }
    let mut transactions = Vec::with_capacity(written.len());
    for records in written.chunk_by(|a, b| a.slot == b.slot) {
        let Some(slot) = records.first().map(|first| first.slot) else { continue };
        let candidates: Vec<_> = by_slot.get(&slot).into_iter().flatten().map(|id| (*id, known.get(id))).collect();
        transactions.extend(carried::assign(records, &candidates).into_iter().map(|id| {
            // Nobody remembers it; the slot at least tells where to look.
            TxId(id.map_or_else(|| format!("unknown in slot {slot}"), ToOwned::to_owned))
        }));
    }
    Ok(Told { transactions, skips })
}

/// The transactions in `slots` that name one of `pages` and did not fail, in the order in which they were executed.
async fn mentioned(
    link: &Link,
    node: &Node,
    pages: RangeInclusive<u32>,
    slots: &RangeInclusive<u64>,
) -> Result<Vec<Mention>, NodeError> {
    let mut open: Vec<_> = pages.map(|page| (link.addresses.events(page), None::<String>, Vec::new())).collect();
    for _ in 0..ROUNDS {
        let mut asked: Vec<_> = open
            .iter_mut()
            .filter(|(_, before, found): &&mut (_, _, Vec<Mention>)| found.is_empty() || before.is_some())
            .collect();
        if asked.is_empty() {
            break;
        }
        let requests: Vec<_> =
            asked.iter().map(|(address, before, _)| node::mentions(address, before.as_deref())).collect();
        let mut results = node.batch(&requests).await?;
        for (_, before, found) in &mut asked {
            let more = results.mentions()?;
            let oldest = more.last().filter(|oldest| more.len() >= MENTIONS && oldest.slot >= *slots.start());
            *before = oldest.map(|oldest| oldest.signature.clone());
            found.extend(more);
        }
        if open.iter().all(|(_, before, _)| before.is_none()) {
            break;
        }
    }
    let mut seen = BTreeSet::new();
    let mut all: Vec<Mention> = Vec::new();
    for (_, _, found) in open {
        // Newest first, also within a slot.
        let in_order = found.into_iter().rev().filter(|mention| !mention.failed && slots.contains(&mention.slot));
        all.extend(in_order.filter(|mention| seen.insert(mention.signature.clone())));
    }
    all.sort_by_key(|mention| mention.slot);
    Ok(all)
}
