//! What the daemon does per event and per input: the running hash against bare Keccak-256 of the same bytes, and `apply`.

use divan::{Bencher, black_box};
use sha3::{Digest, Keccak256};
use tim3_domain::{
    lifecycle::{Fact, Input, Leg, Phase, apply},
    protocol::{Event, EventBody, Head},
    word::{Word, bytes_of},
};

fn main() {
    divan::main();
}

/// A lock with its operation, the longest event, and the shortest outcome.
const KINDS: [(u8, usize); 2] = [(1, 22), (3, 9)];

fn event((kind, words): (u8, usize)) -> Option<Event> {
    let body = EventBody::decode(kind, &vec![Word::from(1_u8); words]).ok()?;
    Some(Event { sequence: 7, timestamp: 1_700_000_000, body })
}

const HEAD: Head = Head { count: 7, hash: Word([0x5a; 32]) };

#[divan::bench(args = KINDS)]
fn running_hash(bencher: Bencher<'_, '_>, kind: (u8, usize)) {
    let event = event(kind);
    bencher.bench(|| event.as_ref().and_then(|event| black_box(HEAD).after(event)));
}

#[divan::bench(args = KINDS)]
fn bare_keccak(bencher: Bencher<'_, '_>, kind: (u8, usize)) {
    let head = [HEAD.hash, Word::from(7_u64), Word::from(kind.0), Word::from(1_700_000_000_u64)];
    let body = event(kind).map(|event| event.body.words()).unwrap_or_default();
    let bytes = bytes_of(&[&head[..], &body].concat());
    bencher.bench(|| Keccak256::digest(black_box(&bytes)));
}

#[divan::bench(args = KINDS)]
fn decode(bencher: Bencher<'_, '_>, (kind, words): (u8, usize)) {
    let words = vec![Word::from(1_u8); words];
    bencher.bench(|| EventBody::decode(black_box(kind), black_box(&words)));
}

/// The whole undisturbed life of an operation: six inputs.
#[divan::bench]
fn apply_a_life(bencher: Bencher<'_, '_>) {
    let inputs = [
        Input::Fact(Fact::OriginFinal),
        Input::Admit,
        Input::Signed(Leg::Settle),
        Input::Sent(Leg::Settle),
        Input::Fact(Fact::SettledSeen),
        Input::Fact(Fact::SettledFinal),
    ];
    bencher.bench(|| inputs.iter().fold(Phase::Observed, |phase, input| apply(&phase, black_box(input)).next));
}
