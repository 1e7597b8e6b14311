//! Heads, finality, and events by blocks.

use std::collections::BTreeSet;

use tim3_domain::{place::BlockRef, word::keccak_text};

use super::super::{
    report::{Failure, check, check_eq},
    suite::{Suite, WHOLE, is_error},
};
use crate::{EventChain, Located};

pub(super) async fn ranges(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let locks = [suite.lock(WHOLE, suite.gateway())?, suite.lock(WHOLE, suite.peer())?];
    suite.act_each(locks).await?;
    // Each block with an event by itself, and what lies between.
    let (birth, end) = (suite.chain.birth().await?.height, suite.block.height);
    let with_events = suite.history.iter().map(|event| event.block().height);
    let mut begins: BTreeSet<u64> = with_events.flat_map(|height| [height, height.saturating_add(1)]).collect();
    begins.extend([birth, end]);
    let mut single: Vec<Located> = Vec::new();
    let mut next = birth;
    while next <= end {
        let beyond = begins.range(next.saturating_add(1)..).next().copied();
        let to = beyond.map_or(end, |beyond| beyond.saturating_sub(1)).min(end);
        let (fetched, last) = suite.chain.events(next..=to).await?;
        check!((next..=to).contains(&last), "asked for blocks {next} to {to}, the answer covers up to {last}");
        for located in &fetched.events {
            check!((next..=last).contains(&located.block.height), "an event outside of {next} to {last}: {located:?}");
            let block = suite.chain.block_at(located.block.height).await?;
            check_eq!(block, Some(located.block), "the block that an event names");
        }
        single.extend(fetched.events);
        next = last.saturating_add(1);
    }
    let known: Vec<Located> = suite.history.iter().map(|event| event.located().clone()).collect();
    check!(single == known, "read block by block, the events are others than in ranges: {single:?}, {known:?}");
    let mut time = 0;
    for (event, sequence) in single.iter().zip(0_u64..) {
        check_eq!(event.event.sequence, sequence, "the sequence of an event");
        check!(
            event.event.timestamp >= time,
            "event {sequence} happened before the one before it, which was at {time}"
        );
        time = event.event.timestamp;
    }
    let target = suite.chain.quorum_head(&suite.block).await?;
    let mut short = single.clone();
    short.pop();
    let proof = EventChain::genesis(suite.gateway()).extend(short, &target);
    check!(proof.is_err(), "a history without its last event was proved");
    Ok(())
}

pub(super) async fn tips(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let mut final_height = 0;
    for round in 0..4 {
        let tips = suite.chain.tips().await?;
        check!(tips.finalized.height <= tips.head.height, "final above the head: {tips:?}");
        check!(tips.finalized.height >= final_height, "final {} after {final_height}", tips.finalized.height);
        final_height = tips.finalized.height;
        for (from, block) in &tips.tiers {
            check!(tips.final_for(*from).height <= tips.finalized.height, "a tier final above the policy: {block:?}");
        }
        check_eq!(suite.chain.block_at(final_height).await?, Some(tips.finalized), "the final block by its height");
        if round % 2 == 0 {
            let action = suite.lock(WHOLE, suite.gateway())?;
            suite.harness.user().act(action).await?;
        } else {
            suite.observe().await?;
        }
    }
    let head = suite.chain.tips().await?.head;
    let above = suite.chain.block_at(head.height.saturating_add(1_000_000)).await?;
    check_eq!(above, None, "a block far above the head");
    Ok(())
}

pub(super) async fn pinned(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let known = suite.chain.quorum_head(&suite.block).await?;
    check_eq!(*known.block(), suite.block, "the block of a quorum's head");
    let invented = BlockRef { hash: keccak_text("no block"), ..suite.block };
    is_error("the head at a block that does not exist", suite.chain.quorum_head(&invented).await)?;
    is_error("books at a block that does not exist", suite.chain.books(suite.asset(), &[], &invented).await)?;
    is_error("slots at a block that does not exist", suite.chain.slots(&[(suite.peer(), 0)], &invented).await)
}
