//! A stretch of the gateway's events from one endpoint.

use std::collections::BTreeSet;

use tim3_chain::{BlockRef, Located, Skip};
use tim3_domain::{
    protocol::Head,
    word::{Word, keccak_text, keccak_words},
};
use tim3_rpc::CallError;

use super::{place::Places, transactions};
use crate::{
    link::{Link, Snapshot},
    node::{self, Commitment, Node, NodeError},
    records::{self, BadPage, Run, Written},
};

/// Blocks in one request, at most.
const BATCH: usize = 50;

#[derive(Debug)]
pub(super) struct Page {
    pub(super) events: Vec<Located>,
    pub(super) skips: Vec<Skip>,
    /// The last slot that the endpoint can have answered for.
    pub(super) last: u64,
}

/// Pages as they were at one slot.
struct Stretch {
    slot: u64,
    gateway: Snapshot,
    first: u32,
    pages: Vec<Vec<u8>>,
    /// The pages reach to the newest event.
    complete: bool,
}

/// The gateway's events in the slots `from` to `to`, as far as the endpoint has them.
pub(super) async fn fetch(link: &Link, places: &Places, node: &Node, from: u64, to: u64) -> Result<Page, NodeError> {
    let stretch = beginning_before(link, places, node, from, from, Commitment::Confirmed).await?;
    let run = stretch.run(link, places)?;
    if stretch.complete {
        // What an endpoint states must at least agree with itself.
        run.head_at(from, records::head(&stretch.gateway)).map_err(garbage)?;
    }
    let mut last = stretch.slot.min(to);
    if let (false, Some(end)) = (stretch.complete, run.events.last()) {
        // More of its slot may be in the next page.
        last = last.min(end.slot.saturating_sub(1));
    }
    if last < from {
        return Err(CallError::Fault(format!("more events in slot {from} than are read at once")));
    }
    let written: Vec<Written> =
        run.events.into_iter().filter(|written| (from..=last).contains(&written.slot)).collect();
    let pages = stretch.first
        ..=stretch.first.saturating_add(u32::try_from(stretch.pages.len().saturating_sub(1)).unwrap_or_default());
    let told = transactions::tell(link, node, &stretch.gateway, pages, &written, from..=last).await?;
    let slots = written.iter().map(|written| written.slot).chain(told.skips.iter().map(|skip| skip.block.height));
    let times: Vec<_> = written.iter().map(|written| (written.slot, written.event.timestamp)).collect();
    blocks(link, node, slots.collect(), &times).await?;
    let place = |slot: u64, time: u64| link.blocks.get(slot).unwrap_or_else(|| forgotten(slot, time));
    let located = written.into_iter().zip(told.transactions).map(|(written, transaction)| Located {
        block: place(written.slot, written.event.timestamp),
        event: written.event,
        transaction,
    });
    let skips =
        told.skips.into_iter().map(|skip| Skip { block: place(skip.block.height, skip.block.timestamp), ..skip });
    Ok(Page { events: located.collect(), skips: skips.collect(), last })
}

/// The gateway's head when `slot` was final, as this endpoint's own pages prove it against its finalized head.
pub(super) async fn head_at(link: &Link, places: &Places, node: &Node, slot: u64) -> Result<Head, NodeError> {
    let mut stretch = beginning_before(link, places, node, slot.saturating_add(1), slot, Commitment::Finalized).await?;
    while !stretch.complete {
        let next = stretch.first.saturating_add(u32::try_from(stretch.pages.len()).unwrap_or(u32::MAX));
        let more = read(link, node, next, stretch.slot, Commitment::Finalized).await?;
        // A page that others follow does not change any more.
        stretch.pages.extend(more.pages);
        stretch = Stretch { slot: more.slot, gateway: more.gateway, complete: more.complete, ..stretch };
    }
    let end = records::head(&stretch.gateway);
    stretch.run(link, places)?.head_at(slot, end).map_err(garbage)
}

/// Pages from the last that begins before `slot` on, or from the first.
async fn beginning_before(
    link: &Link,
    places: &Places,
    node: &Node,
    slot: u64,
    least: u64,
    commitment: Commitment,
) -> Result<Stretch, NodeError> {
    let stretch = read(link, node, places.below(slot), least, commitment).await?;
    if stretch.complete {
        return Ok(stretch);
    }
    // It may begin far behind.
    let first = places.find(link, node, slot, stretch.gateway.page()).await?;
    if first == stretch.first { Ok(stretch) } else { read(link, node, first, least, commitment).await }
}

async fn read(link: &Link, node: &Node, first: u32, least: u64, commitment: Commitment) -> Result<Stretch, NodeError> {
    let most = u32::try_from(link.config.max_pages.clamp(1, 90)).unwrap_or(1);
    let beyond = first.saturating_add(most);
    let keys: Vec<_> = (first..beyond).map(|page| link.addresses.events(page)).collect();
    let (slot, gateway, found) = link.read(node, commitment, least, &keys).await?;
    let pages: Vec<_> = found.into_iter().map_while(|found| link.own(found)).collect();
    let complete = gateway.page() < beyond;
    Ok(Stretch { slot, gateway, first, pages, complete })
}

impl Stretch {
    fn run(&self, link: &Link, places: &Places) -> Result<Run, NodeError> {
        let account = link.config.gateway.to_bytes();
        let views = (self.first..).zip(&self.pages).map(|(number, data)| records::page(data, &account, number));
        let mut views = views.collect::<Result<Vec<_>, _>>().map_err(garbage)?;
        // A page that was made ahead of its use says nothing yet.
        while views.last().is_some_and(|view| view.page() > self.gateway.page() || view.records() == 0) {
            views.pop();
        }
        if views.is_empty() {
            let before = records::head(&self.gateway);
            return if self.first == 0 && before.count > 0 {
                Err(garbage(BadPage::Page(0)))
            } else {
                Ok(Run { before, events: Vec::new() })
            };
        }
        let run = records::read(&views, &self.gateway.dictionary()).map_err(garbage)?;
        let mut page = None;
        for written in &run.events {
            if page.replace(written.page) != Some(written.page) {
                places.learn(written.page, written.slot);
            }
        }
        Ok(run)
    }
}

fn garbage(bad: BadPage) -> NodeError {
    CallError::Garbage(bad.to_string())
}

/// The block at `slot`, or `None` where there is none.
pub(super) async fn block(node: &Node, slot: u64) -> Result<Option<BlockRef>, NodeError> {
    match node.one(node::block(slot)).await?.block(slot) {
        Err(CallError::Behind(detail)) => {
            // Above the head there is none; below it this endpoint is behind.
            if node.one(node::slot(Commitment::Confirmed)).await?.read::<u64>("slot")? < slot {
                Ok(None)
            } else {
                Err(CallError::Behind(detail))
            }
        }
        found => found,
    }
}

/// Reads the blocks at `slots` that are not known. One that the endpoint no longer has is known by its slot, and by the time of what was
/// written in it.
async fn blocks(link: &Link, node: &Node, slots: BTreeSet<u64>, times: &[(u64, u64)]) -> Result<(), NodeError> {
    let missing: Vec<_> = slots.into_iter().filter(|slot| link.blocks.get(*slot).is_none()).collect();
    for slots in missing.chunks(BATCH) {
        let requests: Vec<_> = slots.iter().map(|slot| node::block(*slot)).collect();
        let mut results = node.batch(&requests).await?;
        for slot in slots {
            let time = times.iter().find(|(other, _)| other == slot).map_or(0, |(_, time)| *time);
            let block = results.block(*slot)?.unwrap_or_else(|| forgotten(*slot, time));
            link.blocks.state(block);
        }
    }
    Ok(())
}

/// A block that the endpoints no longer have: a finalized slot has only one.
pub(super) fn forgotten(slot: u64, timestamp: u64) -> BlockRef {
    let slot_word = Word::from(slot);
    BlockRef { height: slot, hash: keccak_words(&[keccak_text("tim3/solana/forgotten block"), slot_word]), timestamp }
}
