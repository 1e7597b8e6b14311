//! What the keepers do all the time, each beside the naive way in the same run: `cargo bench -p tim3-keeper`.
//!
//! First a table of latencies with percentiles, over a market of a million positions: by the clock, and on the processor, which leaves out what
//! other work on the machine took. Then divan's measurements of the small functions.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a benchmark: it prints, and its numbers are its own"
)]

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use divan::Bencher;
use ruint::aliases::U256;
use rustix::time::{ClockId, clock_gettime};
use tim3_domain::{
    amm::{Fee, Hop, Leg, isqrt, optimum},
    health::Balances,
    identity::Account,
    market::{MarketTerms, VaultParameters},
    price::Price,
    word::keccak_text,
};
use tim3_keeper::{
    arbitrage::{Edge, Graph, search::Bounds},
    risk::{Book, Vault},
};

const POSITIONS: u64 = 1_000_000;
const CENTS: u128 = 10_000_000_000_000_000;

fn main() {
    market();
    divan::main();
}

/// A generator that needs no crate and gives the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn vault() -> Vault {
    let terms = MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_250,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        debt_ceiling: u128::MAX,
        dust: 100_000_000,
    };
    Vault { parameters: VaultParameters::check(terms).unwrap(), target: Price::ONE, decimals: 18 }
}

/// Positions that become liquidatable between 400 and 2000 dollars, evenly: at a price of 2000, a cent moves some six.
fn positions() -> Vec<(Account, Balances, u64)> {
    let mut random = Random(1);
    (0..POSITIONS)
        .map(|number| {
            let owner = Account(keccak_text(&number.to_string()));
            let collateral = u128::from(random.below(1_000_000) + 1) * 100_000_000_000_000;
            let critical = u128::from(random.below(160_000) + 40_000);
            // critical · q · LT, in canonical units of the synthetic.
            let debt = collateral * critical * 8_250 / 10_000 / 100_000_000_000_000;
            (owner, Balances { collateral, debt }, 1)
        })
        .collect()
}

fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}

/// What something took: by the clock, and on the processor.
#[derive(Clone, Copy)]
struct Took(Duration, Duration);

fn on_processor() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}

fn time<T>(work: impl FnOnce() -> T) -> Took {
    let (started, on) = (Instant::now(), on_processor());
    black_box(work());
    Took(started.elapsed(), on_processor() - on)
}

/// The shortest, p50, p99 and the longest.
fn percentiles(mut all: Vec<Duration>) -> [Duration; 4] {
    all.sort_unstable();
    [all[0], all[all.len() / 2], all[all.len() * 99 / 100], all[all.len() - 1]]
}

/// Prints and returns the percentiles on the processor.
fn report(what: &str, all: Vec<Took>) -> [Duration; 4] {
    println!("{what}");
    let clock = percentiles(all.iter().map(|took| took.0).collect());
    let processor = percentiles(all.iter().map(|took| took.1).collect());
    for (by, [least, p50, p99, most]) in [("clock", clock), ("processor", processor)] {
        println!("  {by:<10} least {least:>10.2?}  p50 {p50:>10.2?}  p99 {p99:>10.2?}  most {most:>10.2?}");
    }
    processor
}

/// What one would write first: the health factor of every position, and a sort.
fn naive(all: &[(Account, Balances, u64)], price: Price) -> Vec<(u128, Account)> {
    let scales = vault().scales(price).unwrap();
    let mut found: Vec<(u128, Account)> = all
        .iter()
        .filter_map(|(owner, balances, _)| Some((scales.health_factor(*balances, 8_250)?, *owner)))
        .filter(|(health, _)| *health < 1_000_000_000_000_000_000)
        .collect();
    found.sort_unstable();
    found
}

fn market() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{POSITIONS} positions; load average {}", load.trim());
    let all = positions();
    let before = resident_bytes();
    let started = Instant::now();
    let mut book = Book::new(vault()).unwrap();
    book.load(all.iter().copied());
    println!("loaded in {:.2?}", started.elapsed());
    let (heap, resident) = (book.heap_bytes() as u64, resident_bytes() - before);
    println!("bytes a position: {} by capacity, {} by resident memory", heap / POSITIONS, resident / POSITIONS);

    let mut random = Random(2);
    let mut cents = 200_000_u128;
    let (mut ticks, mut changed, mut ranked) = (Vec::new(), 0, 0);
    book.tick(Ok(Price::new(cents * CENTS).unwrap()));
    let mut prices = Vec::new();
    for _ in 0..5_000 {
        // Steps of up to 0.1 %, kept between 1980 and 2000 dollars: up to one percent of all are liquidatable.
        cents = (cents + u128::from(random.below(401)) - 200).clamp(198_000, 200_000);
        let price = Price::new(cents * CENTS).unwrap();
        let (mut moved, mut top) = (0, 0);
        ticks.push(time(|| {
            let tick = book.tick(Ok(price));
            moved = tick.fallen + tick.recovered;
            top = book.candidates().take(256).filter(|candidate| black_box(candidate).version != 0).count();
        }));
        changed += moved;
        ranked += top;
        prices.push(price);
    }
    println!("a tick changes {} positions on average and ranks {}", changed / ticks.len(), ranked / ticks.len());
    let tick = report("price tick to the 256 least healthy candidates, with balances", ticks);
    let all_candidates = prices.iter().take(500).map(|price| {
        time(|| {
            book.tick(Ok(*price));
            book.candidates().count()
        })
    });
    report("price tick to all candidates, ranked", all_candidates.collect());
    let updates = (0..100_000).map(|number| {
        let (owner, balances, _) = all[number * 7];
        time(|| book.set(owner, Balances { debt: balances.debt + 1, ..balances }, 2))
    });
    report("a position changes", updates.collect());

    let scans = prices.iter().take(100).map(|price| {
        book.tick(Ok(*price));
        time(|| book.rescan().count())
    });
    let scan = report("full exact rescan", scans.collect());
    let baseline = prices.iter().take(20).map(|price| time(|| naive(&all, *price)));
    let baseline = report("naive: health factor of each, collected and sorted", baseline.collect());
    let times = |slow: Duration, fast: Duration| slow.as_nanos() / fast.as_nanos().max(1);
    println!("naive over tick: {}x at p50, {}x at p99", times(baseline[1], tick[1]), times(baseline[2], tick[2]));
    println!(
        "naive over rescan: {}x at p50; rescan over tick: {}x",
        times(baseline[1], scan[1]),
        times(scan[1], tick[1])
    );
    assert!(book.disagreements().is_empty());
}

/// The two pools of the golden vector.
fn two_pools() -> [Leg; 2] {
    let pool = |reserve_in, reserve_out| Leg::Pool(Hop { reserve_in, reserve_out, fee: Fee::UNISWAP_V2 });
    [pool(1_000_000_000_000_000_000_000, 2_000_000_000_000), pool(1_900_000_000_000, 1_000_000_000_000_000_000_000)]
}

#[divan::bench]
fn two_hop_optimum(bencher: Bencher<'_, '_>) {
    let legs = two_pools();
    bencher.bench(|| optimum(black_box(&legs), u128::MAX));
}

/// The same by trying sizes: a ternary search over what the pools pay.
#[divan::bench]
fn two_hop_naive_search(bencher: Bencher<'_, '_>) {
    let legs = two_pools();
    let profit = |input: u128| {
        let output = legs.iter().fold(input, |amount, leg| leg.output(amount));
        i128::try_from(output).unwrap() - i128::try_from(input).unwrap()
    };
    bencher.bench(|| {
        let (mut low, mut high) = (0_u128, 1_000_000_000_000_000_000_000);
        while high - low > 2 {
            let third = (high - low) / 3;
            if profit(low + third) < profit(high - third) { low += third } else { high -= third }
        }
        low
    });
}

#[divan::bench]
fn square_root_of_512_bits(bencher: Bencher<'_, '_>) {
    let value = U256::MAX.widening_mul::<256, 4, 512, 8>(U256::MAX >> 3);
    bencher.bench(|| isqrt(black_box(value)));
}

#[divan::bench]
fn square_root_of_512_bits_by_newton(bencher: Bencher<'_, '_>) {
    let value = U256::MAX.widening_mul::<256, 4, 512, 8>(U256::MAX >> 3);
    bencher.bench(|| black_box(value).root(2));
}

/// Pools between tokens of which a few are hubs, at prices that agree but for noise within fees; `wrong` of them are off by two percent.
fn graph(pools: u32, tokens: u64, wrong: u32) -> Graph {
    let mut random = Random(3);
    let values: Vec<u128> = (0..tokens).map(|_| 1 + u128::from(random.below(1_000))).collect();
    let mut graph = Graph::new(usize::try_from(tokens).unwrap());
    for venue in 0..pools {
        // Every second pool is against one of four hubs.
        let from = if venue % 2 == 0 { random.below(4) } else { random.below(tokens) };
        let to = (from + 1 + random.below(tokens - 1)) % tokens;
        let depth = 1_000_000_000_000_000_u128 * u128::from(1 + random.below(1_000));
        let noise = if venue < wrong { 10_200 } else { 9_995 + u128::from(random.below(11)) };
        let [value_in, value_out] = [from, to].map(|token| values[usize::try_from(token).unwrap()]);
        let (reserve_in, reserve_out) = (depth / value_in, depth / value_out * noise / 10_000);
        let hop = Hop { reserve_in, reserve_out, fee: Fee::UNISWAP_V2 };
        let [from, to] = [from, to].map(|token| u32::try_from(token).unwrap());
        let edge = |from, to, hop| Edge { venue, from, to, leg: Leg::Pool(hop), most: u128::MAX, crosses: false };
        graph.add(edge(from, to, hop));
        graph.add(edge(to, from, hop.reversed()));
    }
    graph
}

/// 1,000 pools among 100 tokens, cycles of up to four hops, with no pool, one or five off.
#[divan::bench(args = [0, 1, 5])]
fn cycle_search(bencher: Bencher<'_, '_>, wrong: u32) {
    let graph = graph(1_000, 100, wrong);
    bencher.bench(|| graph.cycles(black_box(0), u128::MAX, Bounds { hops: 4, steps: usize::MAX }));
}

/// The same by following every path.
#[divan::bench(args = [0, 1, 5], sample_count = 10)]
fn cycle_search_naive(bencher: Bencher<'_, '_>, wrong: u32) {
    let graph = graph(1_000, 100, wrong);
    let edges: Vec<Edge> = (0..2_000).filter_map(|number| graph.edge(number).copied()).collect();
    let mut leaving = vec![Vec::new(); graph.nodes()];
    for edge in edges {
        leaving[edge.from as usize].push(edge);
    }
    bencher.bench_local(|| {
        let mut found = Vec::new();
        let mut path = Vec::new();
        follow(&leaving, black_box(0), 4, &mut path, &mut found);
        found
    });
}

fn follow(leaving: &[Vec<Edge>], node: u32, left: usize, path: &mut Vec<Edge>, found: &mut Vec<u128>) {
    for edge in &leaving[node as usize] {
        if path.iter().any(|other| other.venue == edge.venue || other.to == edge.to) {
            continue;
        }
        path.push(*edge);
        if edge.to == 0 {
            let legs: Vec<Leg> = path.iter().map(|edge| edge.leg).collect();
            found.extend(optimum(&legs, u128::MAX).map(|best| best.profit()));
        } else if left > 1 {
            follow(leaving, edge.to, left - 1, path, found);
        }
        path.pop();
    }
}
