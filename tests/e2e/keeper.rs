//! Keepers in mode `live`: what they liquidate, what they leave alone, and that their ledger is the chain.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, Bytes, I256, U256, aliases::U80},
    providers::{Provider as _, ext::AnvilApi as _},
    sol,
    sol_types::SolCall as _,
};
use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use serde_json::Value;
use tim3_chain::{Actor as _, Feed, UserAction};
use tim3_devnet::{
    Site,
    accounts::{self, ADMIN, KEEPER},
    anvil::Mining,
    contracts::{IGateway, IToken},
    daemon::{until, until_async},
    plan::{STABLE, SYNTHETIC, UNIT, VOLATILE},
    site::native,
};
use tim3_domain::{
    identity::Account,
    protocol::{Event, EventBody},
};

use crate::{
    hands::Hands,
    keeping::{Balances, agrees, is_done, ledger, moved, shows, verdict},
    scene::{PATIENCE, Scene, account, metrics},
    uniswap::clock,
};

sol! {
    interface Aggregator {
        function set(int256 answer) external;
        function setRound(uint80 round, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredIn) external;
    }
}

sol! {
    #[sol(rpc)]
    interface Governed {
        struct Terms {
            address oracle; uint16 maxLtv; uint16 liquidationThreshold; uint16 bonus; uint16 closeFactor; uint16 depeg; uint128 ceiling; uint128 dust;
        }
        struct Market { bytes32 synthetic; bytes32 collateral; uint8 kind; Terms terms; uint128 totalCollateral; uint128 totalDebt; }

        function market(bytes32 marketId) external view returns (Market);
        function setMarket(bytes32 synthetic, bytes32 collateral, uint8 kind, Terms terms) external;
        function schedule(bytes call) external;
        function applyChange(bytes call) external;
    }
}

const POSITIONS: usize = 500;
/// Those that a price below 1812.5 makes unhealthy; the others stand until 1250.
const WEAK: usize = 50;
/// One that no price of these tests endangers.
const HEALTHY: usize = POSITIONS - 1;
/// A dollar of the feed, which has 8 decimals.
const DOLLAR: u64 = 100_000_000;

pub(crate) fn owner(number: usize) -> Result<Address> {
    accounts::address(&format!("owner-{number}"))
}

fn feed(site: &Site) -> Result<Address> {
    site.deployment.test_feeds.get(VOLATILE).copied().context("the devnet has no feed of WETH")
}

/// A fresh round of the price.
pub(crate) async fn price(site: &Site, dollars: u64) -> Result<()> {
    let call = Aggregator::setCall { answer: I256::try_from(dollars * DOLLAR)? };
    site.mined(&[site.send_as(owner(0)?, feed(site)?, &call).await?]).await
}

/// A fresh round of the price, and no block after its own until the keeper has sent so many transactions. Gives the height of the block that takes them.
async fn price_until_sent(site: &Site, dollars: u64, count: usize) -> Result<u64> {
    let _held = site.anvil().hold().await;
    let call = Aggregator::setCall { answer: I256::try_from(dollars * DOLLAR)? };
    let round = site.send_as(owner(0)?, feed(site)?, &call).await?;
    site.provider().evm_mine(None).await?;
    site.mined(&[round]).await?;
    let keeper = accounts::address(KEEPER)?;
    let mined = site.provider().get_transaction_count(keeper).await?;
    let wanted = mined + u64::try_from(count)?;
    let are_sent =
        async || Ok((site.provider().get_transaction_count(keeper).pending().await? >= wanted).then_some(()));
    until_async(PATIENCE, are_sent).await?;
    Ok(site.height().await? + 1)
}

/// A round of any sort.
async fn round(site: &Site, number: u64, answer: I256, updated: u64, answered_in: u64) -> Result<()> {
    let call = Aggregator::setRoundCall {
        round: U80::from(number),
        answer,
        startedAt: U256::from(updated),
        updatedAt: U256::from(updated),
        answeredIn: U80::from(answered_in),
    };
    site.mined(&[site.send_as(owner(0)?, feed(site)?, &call).await?]).await
}

/// Lets two hours pass on the chain.
async fn two_hours(site: &Site) -> Result<()> {
    const HOURS: u64 = 7_200;
    let before = clock(site).await?;
    site.provider().anvil_increase_time(HOURS).await?;
    until_async(PATIENCE, async || Ok((clock(site).await? >= before + HOURS).then_some(()))).await
}

/// The admin announces another liquidation threshold, and makes it when its time has come.
async fn threshold(site: &Site, bps: u16) -> Result<()> {
    let (admin, gateway) = (accounts::address(ADMIN)?, site.deployment.gateway);
    let (governed, market) = (Governed::new(gateway, site.provider().clone()), B256::new(site.market(VOLATILE)?.0.0));
    let Governed::Market { synthetic, collateral, kind, terms, .. } = governed.market(market).call().await?;
    let terms = Governed::Terms { liquidationThreshold: bps, ..terms };
    let change: Bytes = Governed::setMarketCall { synthetic, collateral, kind, terms }.abi_encode().into();
    let announced = site.send_as(admin, gateway, &Governed::scheduleCall { call: change.clone() }).await?;
    site.mined(&[announced]).await?;
    site.provider().anvil_increase_time(61).await?;
    site.provider().evm_mine(None).await?;
    site.mined(&[site.send_as(admin, gateway, &Governed::applyChangeCall { call: change }).await?]).await
}

/// What the positions owe: the first 50 the most, the last one little.
fn debt(number: usize) -> u128 {
    match number {
        HEALTHY => 200,
        number if number < WEAK => 1_450,
        _ => 1_000,
    }
}

/// 500 positions; the first 50 owe 1450, the last one 200, the others 1000.
async fn all_positions(site: &Site) -> Result<()> {
    positions(site, &(0..POSITIONS).map(debt).collect::<Vec<_>>()).await
}

/// Positions of one WETH, at 2000 dollars, that owe so many whole TIM3.
pub(crate) async fn positions(site: &Site, debts: &[u128]) -> Result<()> {
    let (weth, gateway) = (*site.token(VOLATILE)?.address(), site.deployment.gateway);
    let market = B256::new(site.market(VOLATILE)?.0.0);
    let here = B256::new(site.deployment.id.0.0);
    let owners = (0..debts.len()).map(owner).collect::<Result<Vec<_>>>()?;
    let mut sent = Vec::new();
    for (chunk, debts) in owners.chunks(25).zip(debts.chunks(25)) {
        site.fund_gas(chunk).await?;
        let open = |(address, debt): (&Address, &u128)| {
            let (to, debt) = (*address, *debt);
            async move {
                let account = to.into_word();
                let lock = IGateway::lockCall {
                    market,
                    collateral: native(1),
                    debt: debt * UNIT,
                    destination: here,
                    recipient: account,
                    refundTo: account,
                    maxFee: 0,
                };
                site.send_numbered(to, 0, weth, &IToken::mintCall { to, amount: native(1) }).await?;
                site.send_numbered(to, 1, weth, &IToken::approveCall { spender: gateway, amount: native(1) }).await?;
                site.send_numbered(to, 2, gateway, &lock).await
            }
        };
        sent.extend(try_join_all(chunk.iter().zip(debts).map(open)).await?);
    }
    site.mined(&sent).await
}

/// Lets the keeper have so much of the synthetic, lawfully come by.
pub(crate) async fn inventory(site: &Site, amount: u128) -> Result<()> {
    let keeper = account(KEEPER)?;
    let action = UserAction::Lock {
        market: site.market(STABLE)?,
        collateral: amount,
        debt: amount,
        destination: site.deployment.id,
        recipient: keeper,
        refund_to: keeper,
        max_fee: 0,
    };
    site.user(accounts::key(KEEPER)?).await?.act(action).await?;
    Ok(())
}

/// What the keeper has, by the names that its ledger uses.
pub(crate) async fn balances(site: &Site) -> Result<Balances> {
    balances_of(site, accounts::address(KEEPER)?).await
}

pub(crate) async fn balances_of(site: &Site, account: Address) -> Result<Balances> {
    let (synthetic, collateral) = (site.balance(SYNTHETIC, account).await?, site.balance(VOLATILE, account).await?);
    let coins = site.provider().get_balance(account).await?;
    let all = [(SYNTHETIC, synthetic), (VOLATILE, collateral), ("ETH", coins)];
    all.into_iter().map(|(name, amount)| Ok((name, i128::try_from(amount)?))).collect()
}

/// Owners that were liquidated, in order.
pub(crate) async fn liquidated(site: &Site) -> Result<Vec<Account>> {
    let of = |event: Event| match event.body {
        EventBody::Liquidated { position, .. } => Some(position.owner),
        _ => None,
    };
    Ok(site.events().await?.into_iter().filter_map(of).collect())
}

fn weak() -> Result<BTreeSet<Account>> {
    (0..WEAK).map(|number| Ok(Account::from_evm(owner(number)?.into_array()))).collect()
}

/// What is laid over the devnet's own keeper, which only counts.
const LIVE: &str = r#"
chains.b.mirror = false
[keeper]
mode = "live"
poll_interval = "200ms"
limits = { day = "10000000", each = "10000000", daily_loss = "1000" }
prices.weth.max_age = "1h"
"#;

#[tokio::test]
async fn a_price_fall_liquidates_the_unhealthy_and_only_those_and_neither_a_bad_oracle_nor_a_kill_misleads_it()
-> Result<()> {
    let mut scene = Scene::with(|options| options.mining = Mining::Every(Duration::from_millis(300))).await?;
    let live = scene.devnet.directory.join("live.toml");
    std::fs::write(&live, LIVE)?;
    scene.program = scene.program.clone().with_file(scene.devnet.keeper()).with_file(live);
    all_positions(&scene.devnet.a).await?;
    inventory(&scene.devnet.a, 60_000 * UNIT).await?;
    let before = balances(&scene.devnet.a).await?;
    price(&scene.devnet.a, 2_000).await?;
    scene.run().await?;
    shows(&scene, "every position", |view| view["markets"][0]["positions"] == POSITIONS && verdict(view) == "valid")
        .await?;

    // One round that is ten times too low, an answer below zero, a round that is not complete, and one that is too old.
    price(&scene.devnet.a, 200).await?;
    shows(&scene, "a jump", |view| verdict(view) == "too_volatile").await?;
    round(&scene.devnet.a, 90, I256::MINUS_ONE, clock(&scene.devnet.a).await?, 90).await?;
    shows(&scene, "no price", |view| verdict(view) == "non_positive").await?;
    price(&scene.devnet.a, 2_000).await?;
    shows(&scene, "a price", |view| verdict(view) == "valid").await?;
    let unhealthy = I256::try_from(1_800 * DOLLAR)?;
    round(&scene.devnet.a, 200, unhealthy, clock(&scene.devnet.a).await?, 199).await?;
    shows(&scene, "an incomplete round", |view| verdict(view) == "non_positive").await?;
    two_hours(&scene.devnet.a).await?;
    price(&scene.devnet.a, 2_000).await?;
    shows(&scene, "a price after two hours", |view| verdict(view) == "valid").await?;
    two_hours(&scene.devnet.a).await?;
    let now = clock(&scene.devnet.a).await?;
    round(&scene.devnet.a, 300, unhealthy, now - 3_700, 300).await?;
    let view = shows(&scene, "an old price", |view| verdict(view) == "stale").await?;
    assert_eq!((&view["in_flight"], &view["entries"]), (&serde_json::json!({}), &serde_json::json!(0)), "{view:#}");
    assert_eq!(liquidated(&scene.devnet.a).await?, []);

    // A fall by a tenth: fifty are unhealthy, and one block has room for all that it takes.
    let block = price_until_sent(&scene.devnet.a, 1_800, WEAK).await?;
    shows(&scene, "fifty liquidations", is_done(WEAK)).await?;
    let done = liquidated(&scene.devnet.a).await?;
    assert_eq!((done.len(), done.into_iter().collect::<BTreeSet<_>>()), (WEAK, weak()?));
    let block = scene.devnet.a.provider().get_block(block.into()).await?.context("no block")?;
    assert_eq!(block.transactions.len(), WEAK, "all in the first block");
    let counted = format!("tim3_keeper_attempts_total{{chain=\"a\",result=\"done\"}} {WEAK}\n");
    let metrics = metrics(&scene.program).await?;
    assert!(metrics.contains(&counted), "{metrics}");
    agrees(&moved(&ledger(&scene)?), &before, &balances(&scene.devnet.a).await?)?;

    // A further fall, and kill -9 as soon as the first is sent.
    let sent = scene.logged("liquidation sent")?;
    price(&scene.devnet.a, 1_640).await?;
    until(PATIENCE, || Ok((scene.logged("liquidation sent")? > sent).then_some(())))
        .await
        .context("nothing is sent")?;
    scene.kill()?;
    scene.run().await?;
    shows(&scene, "fifty more", is_done(2 * WEAK)).await?;
    let done = liquidated(&scene.devnet.a).await?;
    let mut times: BTreeMap<Account, usize> = BTreeMap::new();
    for owner in done {
        *times.entry(owner).or_default() += 1;
    }
    assert_eq!(times, weak()?.into_iter().map(|owner| (owner, 2)).collect(), "each once in each fall");
    agrees(&moved(&ledger(&scene)?), &before, &balances(&scene.devnet.a).await?)?;

    // The price stands, and the market's admin asks for more.
    threshold(&scene.devnet.a, 7_600).await?;
    shows(&scene, "fifty under other terms", is_done(3 * WEAK)).await?;
    assert_eq!(liquidated(&scene.devnet.a).await?.len(), 3 * WEAK);
    agrees(&moved(&ledger(&scene)?), &before, &balances(&scene.devnet.a).await?)?;

    commands(&scene).await?;
    scene.end().await?;
    conforms(&scene.devnet.a).await
}

/// The port itself, with the daemon gone.
async fn conforms(site: &Site) -> Result<()> {
    inventory(site, 10_000 * UNIT).await?;
    price(site, 1_300).await?;
    let of = |address: Address| Account::from_evm(address.into_array());
    let (chain, other, key) = (site.connect().await?, site.connect().await?, || accounts::key(KEEPER));
    let unhealthy = (WEAK..WEAK + 8).map(|number| Ok(of(owner(number)?))).collect::<Result<_>>()?;
    let hands = Hands {
        keeper: Arc::new(chain.keeper(key()?)),
        fresh: Arc::new(other.keeper(key()?)),
        chain: Arc::new(chain),
        market: site.market(VOLATILE)?,
        unhealthy,
        healthy: of(owner(HEALTHY)?),
        stranger: of(owner(POSITIONS)?),
        feed: Feed::Chainlink { aggregator: of(feed(site)?), sequencer: None },
        has_fees: true,
    };
    hands.conform().await
}

/// What an operator asks and says.
async fn commands(scene: &Scene) -> Result<()> {
    let report = scene.program.query(&["keeper", "replay"])?;
    assert_eq!(report["differences"], serde_json::json!([]), "{report:#}");
    let entries = ledger(scene)?;
    let decision = entries[0].decision.to_string();
    let explained = scene.program.output(&["keeper", "explain", &decision])?;
    let text = String::from_utf8(explained.stdout)?;
    for word in ["profit is", "health is", "was signed for a", "came to"] {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    let (view, ladder) = (scene.program.query(&["keeper", "status"])?, scene.program.query(&["keeper", "ladder"])?);
    for field in ["positions", "price", "verdict"] {
        assert_eq!(ladder["markets"][0][field], view["markets"][0][field], "{ladder:#}");
    }
    assert_eq!(ladder["markets"][0]["now"]["liquidatable"], view["markets"][0]["liquidatable"], "{ladder:#}");
    let csv = String::from_utf8(scene.program.output(&["keeper", "ledger", "--csv"])?.stdout)?;
    assert_eq!(csv.lines().count(), entries.len() + 1);

    scene.program.query(&["keeper", "pause", "--reason", "a test"])?;
    price(&scene.devnet.a, 1_500).await?;
    let paused = |view: &Value| view["paused"] == true && view["markets"][0]["price"] == "1500";
    shows(scene, "a pause", paused).await?;
    let seen = async || Ok((liquidated(&scene.devnet.a).await?.len() == 3 * WEAK).then_some(()));
    until_async(PATIENCE, seen).await?;
    scene.program.query(&["keeper", "resume", "--reason", "a test"])?;
    shows(scene, "going on", |view| view["paused"] == false && view["entries"].as_u64() > Some(3 * WEAK as u64))
        .await?;
    Ok(())
}
