use proptest::prelude::*;
use tim3_domain::{
    identity::{Account, GatewayId},
    place::TxId,
    protocol::{Event, EventBody, Head},
    word::Word,
};

use super::*;

const GATEWAY: GatewayId = GatewayId(Word([7; 32]));

/// A chain whose blocks carry some events each; a branch number tells re-mined blocks apart.
#[derive(Clone, Debug, Default)]
struct Chain {
    /// Per block: branch and events in it.
    blocks: Vec<(u8, u8)>,
}

impl Chain {
    fn block(&self, height: usize) -> BlockRef {
        let mut hash = [0; 32];
        // A block's hash depends on all branches below it.
        let branches = self.blocks[..height]
            .iter()
            .fold(0_u64, |sum, (branch, _)| sum.wrapping_mul(31).wrapping_add(u64::from(*branch) + 1));
        hash[..8].copy_from_slice(&branches.to_be_bytes());
        hash[8] = height as u8;
        BlockRef { height: height as u64, hash: Word(hash), timestamp: height as u64 }
    }

    fn events(&self) -> Vec<Located> {
        let mut events = Vec::new();
        for (index, (branch, count)) in self.blocks.iter().enumerate() {
            for number in 0..*count {
                let sequence = events.len() as u64;
                let treasury = Account(Word::from_u128(u128::from(*branch) * 1000 + u128::from(number) + 1));
                let body = EventBody::TreasurySet { treasury };
                let event = Event { sequence, timestamp: index as u64 + 1, body };
                events.push(Located {
                    event,
                    block: self.block(index + 1),
                    transaction: TxId(format!("{sequence}-{branch}")),
                });
            }
        }
        events
    }

    fn tips(&self, depth: usize) -> Tips {
        let finalized = self.block(self.blocks.len().saturating_sub(depth));
        Tips { head: self.block(self.blocks.len()), finalized, tiers: Vec::new() }
    }

    fn quorum(&self, block: &BlockRef) -> QuorumHead {
        let mut head = Head::genesis(GATEWAY);
        for located in self.events().iter().filter(|located| located.block.height <= block.height) {
            head = head.after(&located.event).expect("dense");
        }
        QuorumHead::agreed(GATEWAY, head, *block)
    }

    fn fetch(&self, heights: RangeInclusive<u64>) -> Fetched {
        let events = self.events().into_iter().filter(|located| heights.contains(&located.block.height)).collect();
        Fetched { events, skips: Vec::new(), endpoint: Endpoint(0) }
    }
}

/// One reading, as the watcher makes it.
fn read(
    follow: &mut Follow,
    chain: &Chain,
    depth: usize,
    lie: Option<usize>,
) -> Option<(Vec<Located>, Vec<Located>, usize)> {
    let tips = chain.tips(depth);
    let scanned =
        follow.scanned().filter(|block| block.height <= tips.head.height).map(|b| chain.block(b.height as usize));
    let Next { heights, rescan } = follow.plan(&tips, scanned.as_ref());
    let mut draft = follow.begin(rescan);
    let outcome = (|| {
        if let Some(heights) = heights {
            let last = *heights.end();
            let mut fetched = chain.fetch(heights);
            if let Some(index) = lie.filter(|index| *index < fetched.events.len()) {
                fetched.events.remove(index);
            }
            follow.take(&mut draft, fetched, last)?;
        }
        if follow.wants_proof(&tips) { follow.prove(&mut draft, &chain.quorum(&tips.finalized)) } else { Ok(()) }
    })();
    if outcome.is_err() {
        follow.forget_scanned();
        return None;
    }
    follow.scanned_to(tips.head, &draft);
    let (gone, seen) = follow.finish(&draft);
    Some((gone, seen, draft.finals.len()))
}

fn start() -> Follow {
    Follow::new(EventChain::genesis(GATEWAY), 0)
}

#[test]
fn events_are_seen_once_and_proved_when_their_block_is_final() {
    let mut follow = start();
    let mut chain = Chain { blocks: vec![(0, 2), (0, 1)] };
    let (gone, seen, finals) = read(&mut follow, &chain, 1, None).unwrap();
    assert_eq!((gone.len(), seen.len(), finals), (0, 3, 2));
    chain.blocks.push((0, 0));
    let (gone, seen, finals) = read(&mut follow, &chain, 1, None).unwrap();
    assert_eq!((gone.len(), seen.len(), finals), (0, 0, 1));
    assert_eq!(follow.cursor().head.count, 3);
}

#[test]
fn a_reorg_takes_away_newest_first_and_brings_the_other_branch() {
    let mut follow = start();
    let mut chain = Chain { blocks: vec![(0, 1), (0, 1), (0, 1)] };
    read(&mut follow, &chain, 3, None).unwrap();
    chain.blocks.truncate(1);
    chain.blocks.extend([(1, 2), (1, 0), (1, 0)]);
    let (gone, seen, _) = read(&mut follow, &chain, 3, None).unwrap();
    assert_eq!(gone.iter().map(|located| located.event.sequence).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(seen.iter().map(|located| located.event.sequence).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_head_that_is_stated_lower_takes_back_nothing_that_was_read() {
    let mut follow = start();
    let chain = Chain { blocks: vec![(0, 1), (0, 1), (0, 1)] };
    read(&mut follow, &chain, 3, None).unwrap();
    // The endpoint that is asked next is behind; the block that was read is still there.
    let behind = chain.block(2);
    let Next { heights, rescan } = follow.plan(&Tips { head: behind, ..chain.tips(3) }, Some(&chain.block(3)));
    assert_eq!((heights, rescan), (None, false));
    let draft = follow.begin(rescan);
    follow.scanned_to(behind, &draft);
    assert_eq!(follow.finish(&draft), (Vec::new(), Vec::new()));
    let (gone, seen, _) = read(&mut follow, &chain, 3, None).expect("nothing is read twice");
    assert_eq!((gone, seen), (Vec::new(), Vec::new()));
}

#[test]
fn an_event_left_out_at_the_end_is_found_by_the_proof_and_read_again() {
    let mut follow = start();
    let chain = Chain { blocks: vec![(0, 1), (0, 1)] };
    assert!(read(&mut follow, &chain, 0, Some(1)).is_none(), "the quorum counts two events");
    let (_, seen, finals) = read(&mut follow, &chain, 0, None).unwrap();
    assert_eq!((seen.len(), finals), (2, 2));
}

#[test]
fn a_quorum_without_the_proved_events_is_a_broken_finality_and_proves_nothing() {
    let mut follow = start();
    let mut chain = Chain { blocks: vec![(0, 2), (0, 0)] };
    read(&mut follow, &chain, 0, None).unwrap();
    for blocks in [vec![(1, 1), (1, 0), (1, 0)], vec![(1, 2), (1, 0), (1, 0)]] {
        chain.blocks = blocks;
        let mut draft = follow.begin(true);
        let error = follow.prove(&mut draft, &chain.quorum(&chain.tips(0).finalized)).unwrap_err();
        assert!(matches!(error, ProofError::Finality { proved: 2, .. }), "{error}");
        assert_eq!(follow.cursor().head.count, 2);
    }
}

#[test]
fn an_event_left_out_in_the_middle_is_a_gap() {
    let mut follow = start();
    let chain = Chain { blocks: vec![(0, 3)] };
    assert!(read(&mut follow, &chain, 1, Some(1)).is_none());
    assert!(read(&mut follow, &chain, 1, None).is_some());
}

proptest! {
    /// Whatever reorgs and lies happen above the final blocks: what was told (seen less gone) is what the chain has.
    #[test]
    fn what_was_told_is_what_the_chain_has(
        steps in prop::collection::vec((0u8..4, 1usize..4, prop::collection::vec(0u8..3, 1..4), prop::option::of(0usize..4)), 1..30),
    ) {
        let depth = 3;
        let mut follow = start();
        let mut chain = Chain { blocks: vec![(0, 0); depth] };
        let mut told: Vec<Event> = Vec::new();
        let mut proved = 0;
        for (branch, reorg, blocks, lie) in steps {
            // Only what is not final yet can be replaced, and the chain never gets shorter.
            let cut = reorg.min(depth).min(chain.blocks.len());
            if branch > 0 {
                chain.blocks.truncate(chain.blocks.len() - cut);
                chain.blocks.extend(std::iter::repeat_n((branch, 1), cut));
            }
            chain.blocks.extend(blocks.iter().map(|count| (branch, *count)));
            let Some((gone, seen, finals)) = read(&mut follow, &chain, depth, lie) else { continue };
            for located in gone {
                prop_assert_eq!(told.pop(), Some(located.event));
            }
            for located in seen {
                if (located.event.sequence as usize) < told.len() {
                    prop_assert_eq!(&told[located.event.sequence as usize], &located.event);
                } else {
                    told.push(located.event);
                }
            }
            proved += finals;
            prop_assert!(proved <= told.len());
        }
        read(&mut follow, &chain, depth, None).unwrap();
        prop_assert_eq!(follow.cursor().head, chain.quorum(&chain.tips(depth).finalized).head());
    }
}
