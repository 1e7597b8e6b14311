//! The root of a transaction's data: a Merkle tree over chunks of at most 256 KiB, each leaf and branch bound to the bytes it ends at.

use std::collections::VecDeque;

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of a chunk, at most.
const MAX: usize = 256 * 1024;
/// Bytes of a chunk, at least, where there is more than one.
const MIN: usize = 32 * 1024;

/// The hash of some data's tree.
pub type Root = [u8; 32];

#[derive(Clone, Copy)]
struct Node {
    hash: Root,
    /// How many bytes of the data end here.
    end: u64,
}

/// The root of `data`.
#[must_use]
pub fn root(data: &[u8]) -> Root {
    let mut layer: VecDeque<Node> = leaves(data).into();
    while layer.len() > 1 {
        let mut above = VecDeque::with_capacity(layer.len().div_ceil(2));
        while let Some(left) = layer.pop_front() {
            above.push_back(layer.pop_front().map_or(left, |right| branch(left, right)));
        }
        layer = above;
    }
    layer.front().map(|node| node.hash).unwrap_or_default()
}

/// Clients cut off an empty chunk behind data that is a multiple of a whole one; it is part of the tree all the same.
fn leaves(data: &[u8]) -> Vec<Node> {
    let mut leaves = Vec::new();
    let (mut rest, mut end) = (data, 0_u64);
    loop {
        let size = match rest.len().checked_sub(MAX) {
            None => rest.len(),
            Some(0) => MAX,
            Some(left) if left < MIN => rest.len().div_ceil(2),
            Some(_) => MAX,
        };
        let is_last = rest.len() < MAX;
        let (chunk, tail) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        end = end.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        let hash = sha256(&[&sha256(&[&sha256(&[chunk])]), &sha256(&[&note(end)])]);
        leaves.push(Node { hash, end });
        if is_last {
            return leaves;
        }
        rest = tail;
    }
}

fn branch(left: Node, right: Node) -> Node {
    let parts = [sha256(&[&left.hash]), sha256(&[&right.hash]), sha256(&[&note(left.end)])];
    Node { hash: sha256(&parts.each_ref().map(<[u8; 32]>::as_slice)), end: right.end }
}

fn note(end: u64) -> [u8; 32] {
    tim3_domain::word::Word::from(end).0
}

fn sha256(parts: &[&[u8]]) -> Root {
    digest(&SHA256, &parts.concat()).as_ref().first_chunk().copied().unwrap_or_default()
}
