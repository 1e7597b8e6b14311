//! A reader that comes late: everything since the beginning, over several pages, without gaps, in batched reads of accounts.

#![expect(clippy::arithmetic_side_effects, clippy::expect_used, clippy::print_stdout, reason = "these are tests")]

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tim3_chain::{Actor as _, EventChain, Lock as _, Reader as _, UserAction};
use tim3_devnet::proxy::{Fault, Plan, Proxy};
use tim3_solana::SolanaConfig;

use crate::support::{World, signer};

/// Records in one transaction.
const TOGETHER: usize = 8;
/// Records that a page has at most here: none is shorter than 80 bytes.
const IN_A_PAGE: u64 = 128;

/// Has the user write `count` records, and a new adapter read everything: as many pages at a time as `max_pages` says.
pub(crate) async fn is_complete(world: &World, count: usize, max_pages: usize) {
    let chain = world.connect().await;
    let user = chain.user(signer("user"));
    let market = world.market();
    let lock = UserAction::Lock {
        market,
        collateral: u128::try_from(count).expect("few"),
        debt: u128::try_from(count).expect("few"),
        destination: world.deployment.id,
        recipient: user.account(),
        refund_to: user.account(),
        max_fee: 0,
    };
    user.act(lock).await.expect("locked");
    let repay = UserAction::Repay { market, owner: market.reserve_owner(), amount: 1 };
    let writes = (0..count.div_ceil(TOGETHER)).map(|_| user.act_repeatedly(repay.clone(), TOGETHER));
    stream::iter(writes).buffer_unordered(4).try_collect::<Vec<_>>().await.expect("written");
    world.finalize().await;

    let proxy = Proxy::start(world.url(), Plan::Always(Fault::None)).await.expect("a proxy");
    let late = SolanaConfig { max_pages, ..world.config(&[proxy.url().clone()]) };
    let late = world.connect_with(late).await;
    let final_block = late.tips().await.expect("tips").finalized;
    let asked = || proxy.calls().get("getMultipleAccounts").copied().unwrap_or_default();
    let before = asked();
    let (mut next, mut events, mut reads) = (late.birth().await.expect("a birth").height, Vec::new(), 0_u64);
    while next <= final_block.height {
        let (fetched, last) = late.events(next..=final_block.height).await.expect("events");
        assert!((next..=final_block.height).contains(&last), "{last} answers for {next}");
        events.extend(fetched.events);
        next = last + 1;
        reads += 1;
    }
    let calls = asked() - before;
    assert!(events.iter().zip(0_u64..).all(|(located, sequence)| located.event.sequence == sequence), "a gap");
    let target = late.quorum_head(&final_block).await.expect("a head");
    let proved = EventChain::genesis(world.deployment.id).extend(events, &target).expect("proved");
    let records = u64::try_from(proved.len()).expect("few");
    let pages = records.div_ceil(IN_A_PAGE);
    println!("{records} records in at least {pages} pages: {reads} readings, {calls} reads of accounts");
    assert!(pages >= 3 && reads >= 2, "not over several pages: {pages}, {reads}");
    // One for each reading, and one to look where it begins.
    assert!(calls <= 2 * reads, "{calls} calls for {reads} readings");
    let position = late.position(market, market.reserve_owner()).await.expect("a position");
    assert_eq!(position.version, records - 1, "the newest record moved the position");
}
