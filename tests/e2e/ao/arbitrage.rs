//! Keepers in mode `live` that trade between a pool on AO, in the real aos module, and a Uniswap V2 pool on an EVM chain; with kills on the way, and swaps that
//! the pool pays back.

use alloy::{primitives::U256, providers::Provider as _};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tim3_arweave::{Id, Keeper, ans104::Tag};
use tim3_chain::{
    Attempt, ChainError, Keeper as _, PoolAt, Sale, Trade, TradeStep, Traded, Trader as _, Transaction, Undone, Via,
};
use tim3_devnet::{
    AoSite, accounts,
    ao_site::VOLATILE,
    daemon::{until, until_async},
    plan::{STABLE, SYNTHETIC, UNIT},
};
use tim3_domain::{
    amm::{Fee, Size},
    identity::MarketId,
};

use super::NATIVE;
use crate::{
    keeping::Balances,
    scene::{PATIENCE, Scene},
    trading::{self, PAR, ended, executor, gained, quiet, rejected, sees_pools, sent, within_fees},
    uniswap::{self, Pool},
};

/// Whose accounts trade.
const KEEPER: &str = "bob";
/// Who provides the liquidity, and trades in between.
const PROVIDER: &str = "carol";
/// What either pool begins with, of both tokens.
const LIQUIDITY: u64 = 100_000;
/// What the keeper is to have of TIM3 on either chain.
const TARGET: u128 = 20_000;
/// What a unit of USDA on AO counts beside those of the EVM chain.
const PARTS: i128 = 1_000_000;

struct Stage {
    scene: Scene,
    pool: Pool,
    /// The process.
    swap: Id,
    executor: String,
}

impl Stage {
    async fn start() -> Result<Self> {
        let scene = Scene::with(|options| options.ao = true).await?;
        let site = scene.devnet.ao.as_ref().context("no AO network")?;
        let (pool, swap, (), ()) = tokio::try_join!(
            Pool::deploy(&scene.devnet.a, LIQUIDITY),
            site.open_pool(PROVIDER, LIQUIDITY.into()),
            uniswap::mint(&scene.devnet.a, KEEPER, TARGET),
            site.lock_at_home(KEEPER, TARGET)
        )?;
        let mut stage = Self { pool, swap, executor: String::new(), scene };
        let file = stage.configure("a", "")?;
        stage.scene.program = stage.scene.program.clone().with_file(file);
        stage.executor = executor(&stage.scene, "a")?;
        stage.configure("a", "")?;
        Ok(stage)
    }

    /// The keepers' part of the configuration: without an executor they only look. The leg on the chain `first` goes first.
    fn configure(&self, first: &str, more: &str) -> Result<std::path::PathBuf> {
        let failure = |chain| u8::from(chain == first);
        let (on_a, on_o) = (failure("a"), failure("o"));
        let (mode, executor) = match self.executor.as_str() {
            "" => ("observe", String::new()),
            executor => ("live", format!("executor = \"{executor}\"")),
        };
        let own = format!(
            r#"
[keeper.arbitrage]
crossing_bps = 0
[keeper.chains.a]
key = {{ file = "keys/{KEEPER}.key" }}
failure_bps = {on_a}
{executor}
[keeper.chains.o]
key = {{ file = "keys/{KEEPER}.key" }}
failure_bps = {on_o}
[keeper.venues.pool_o]
chain = "o"
pool = "{}"
base = "USDA"
quote = "TIM3"
"#,
            self.swap
        );
        let own = own + &self.pool.venue("a");
        let text = trading::configuration(mode, ["a", "o"], TARGET, &own) + more;
        let file = self.scene.devnet.directory.join("keeper.toml");
        std::fs::write(&file, text)?;
        Ok(file)
    }

    fn site(&self) -> Result<&AoSite> {
        self.scene.devnet.ao.as_ref().context("no AO network")
    }

    /// On the EVM chain and on AO, as [`Pool::price`] says them.
    async fn prices(&self) -> Result<[u128; 2]> {
        let [stable, synthetic] = self.site()?.held(self.swap).await?;
        Ok([self.pool.price(&self.scene.devnet.a).await?, stable / NATIVE * PAR / synthetic])
    }

    /// What the keeper has over both chains, by the names and in the units of its ledger; and of TIM3 on each.
    async fn balances(&self) -> Result<(Balances, [u128; 2])> {
        let (a, o) = (&self.scene.devnet.a, self.site()?);
        let (here, there) = (accounts::address(KEEPER)?, accounts::ao_wallet(KEEPER)?.address());
        let number = |amount: U256| Ok::<_, anyhow::Error>(i128::try_from(amount)?);
        let on_ao = async |symbol| Ok::<_, anyhow::Error>(i128::try_from(o.balance(symbol, there).await?)?);
        let synthetic = [number(a.balance(SYNTHETIC, here).await?)?, on_ao(SYNTHETIC).await?];
        let sums = [
            ("ETH", number(a.provider().get_balance(here).await?)?),
            (STABLE, number(a.balance(STABLE, here).await?)? + on_ao(STABLE).await? * PARTS),
            (SYNTHETIC, synthetic.iter().sum()),
        ];
        Ok((sums.into(), [u128::try_from(synthetic[0])? / UNIT, u128::try_from(synthetic[1])? / UNIT]))
    }

    /// That the ledger says what the chains say, and gained since the first `known` entries; and that the inventory lies where it is to. Gives how many entries there are.
    async fn agrees(&self, before: &Balances, known: u64) -> Result<u64> {
        let (after, synthetic) = self.balances().await?;
        let entries = gained(&self.scene, before, &after, known)?;
        ensure!(synthetic.iter().all(|held| *held >= 19_500), "{synthetic:?}");
        Ok(u64::try_from(entries.len())?)
    }

    /// Waits for prices that it takes several trades to, and until nothing is under way; gives how many entries the ledger has then.
    async fn closed(&self, entries: u64, are: impl Fn([u128; 2]) -> bool) -> Result<u64> {
        let mut last = [0; 2];
        let waited = until_async(PATIENCE, async || {
            last = self.prices().await?;
            Ok(are(last).then_some(()))
        });
        waited.await.with_context(|| format!("{last:?} on a and o"))?;
        quiet(&self.scene, entries).await
    }

    /// How often the pool paid back.
    async fn refunds(&self) -> Result<usize> {
        let (site, own) = (self.site()?, accounts::ao_wallet(KEEPER)?.address().to_string());
        let (client, token) = (site.client()?, site.token(SYNTHETIC)?);
        let newest = client.latest(token).await?.nonce;
        let mut refunds = 0;
        for first in (0..=newest).step_by(100) {
            let page = client.history(token, first, newest).await?;
            let is_one = |found: &&tim3_arweave::units::scheduler::Scheduled| {
                found.tag("X-Refund-Reason").is_some() && found.tag("Recipient") == Some(&own)
            };
            refunds += page.iter().filter(is_one).count();
        }
        Ok(refunds)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_between_ao_and_an_evm_chain_are_closed_across_kills_and_where_the_pool_pays_back() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.scene.run().await?;
    sees_pools(&stage.scene, 2).await?;
    let (before, _) = stage.balances().await?;

    // TIM3 becomes dear on AO: bought on a, sold on o, and brought from a to o by the relay.
    stage.site()?.swap(stage.swap, PROVIDER, STABLE, 5_000).await?;
    let entries = quiet(&stage.scene, 2).await?;
    let [a, o] = stage.prices().await?;
    ensure!(a > PAR && within_fees(a, o), "{a} on a and {o} on o");
    let mut known = stage.agrees(&before, 0).await?;

    // kill -9 when the first leg is sent, and at the second one: each is found, and nothing is done twice. And TIM3 is brought from o to a.
    let entries = killed(&mut stage, 1, entries).await?;
    known = stage.agrees(&before, known).await?;
    let entries = killed(&mut stage, 2, entries).await?;
    known = stage.agrees(&before, known).await?;

    let entries = refused(&stage, entries).await?;
    known = stage.agrees(&before, known).await?;

    // Both pools are above par: TIM3 is minted at home on AO, one step there, and sold on a; and what is bought there then is sold on o. The leg on AO goes first.
    stage.scene.end().await?;
    stage.configure("o", "[keeper.markets.usda_o]")?;
    stage.scene.run().await?;
    let entries = stage.closed(entries, |[a, o]| a * 997 <= PAR * 1_000 && hardly_gains(a, o)).await?;
    known = stage.agrees(&before, known).await?;

    // And below: bought on a, and redeemed on AO.
    stage.pool.lower(&stage.scene.devnet.a, 10_000).await?;
    stage.closed(entries, |[a, o]| a * 1_000 >= PAR * 997 && hardly_gains(a, o)).await?;
    stage.agrees(&before, known).await?;
    let report = stage.scene.program.query(&["keeper", "replay"])?;
    ensure!(report["differences"] == json!([]), "{report:#}");
    stage.scene.end().await?;
    attempts(&stage).await
}

/// That a percent beyond the fees is left at most: it would gain less than a dollar here, which is not worth a trade.
fn hardly_gains(cheap: u128, dear: u128) -> bool {
    within_fees(cheap, dear * 99 / 100)
}

/// Opens a gap, and kills the daemon when so many of the trade's legs are sent.
async fn killed(stage: &mut Stage, legs: usize, entries: u64) -> Result<u64> {
    let before = sent(&stage.scene)?;
    stage.pool.raise(&stage.scene.devnet.a, 10_000).await?;
    let entries = trading::killed(&mut stage.scene, before, legs, entries).await?;
    let [a, o] = stage.prices().await?;
    ensure!(within_fees(o, a), "{a} on a and {o} on o");
    Ok(entries)
}

/// Somebody sells before the second leg, which would bring less than its least: the pool pays it back, and it is sent again at the new price.
async fn refused(stage: &Stage, entries: u64) -> Result<u64> {
    let (scene, site) = (&stage.scene, stage.site()?);
    let (legs, before) = (sent(scene)?, stage.refunds().await?);
    // The first one that sells TIM3 here is the keeper.
    let notice = json!({"From": site.token(SYNTHETIC)?, "Target": stage.swap, "Action": "Credit-Notice"});
    site.network().fault(&json!({"unit": "push", "kind": "hold", "match": notice})).await?;
    site.swap(stage.swap, PROVIDER, STABLE, 5_000).await?;
    until(PATIENCE, || Ok((sent(scene)? >= legs + 2).then_some(()))).await.context("nothing is sent")?;
    until_async(PATIENCE, async || Ok((site.network().held().await?.len() == 1).then_some(()))).await?;
    site.swap(stage.swap, PROVIDER, SYNTHETIC, 1_000).await?;
    site.network().release().await?;
    let entries = quiet(scene, entries + 1).await?;
    ensure!(stage.refunds().await? == before + 1, "it was not paid back");
    ensure!(sent(scene)? >= legs + 3, "it was not sent again");
    Ok(entries)
}

/// The port itself, with the daemon gone.
async fn attempts(stage: &Stage) -> Result<()> {
    let site = stage.site()?;
    let chain = site.connect().await?;
    let keeper = chain.keeper(accounts::ao_wallet(KEEPER)?);
    let pool = stage.swap.account();
    let at = PoolAt { pool, router: pool, fee: Fee::new(9_970, 10_000)? };
    rejected(
        keeper.pool(&PoolAt { fee: Fee::new(9_975, 10_000)?, ..at }).await,
        "takes 3/1000, and 25/10000 is configured",
    )?;
    rejected(keeper.pool(&PoolAt { router: site.token(STABLE)?.account(), ..at }).await, "swaps by itself")?;
    let no_pool = site.token(STABLE)?.account();
    let none = keeper.pool(&PoolAt { pool: no_pool, router: no_pool, ..at }).await;
    ensure!(
        matches!(&none, Err(ChainError::Transient { detail, .. }) if detail.contains("no pool of Botega's kind")),
        "{none:?}"
    );
    let [stable, synthetic] = keeper.pool(&at).await?;
    rejected(keeper.set_up(Some(pool), &[]).await, "no executor")?;

    let step = TradeStep { via: Via::Pool { pool, router: pool }, from: synthetic.token, to: stable.token };
    let back = TradeStep { from: step.to, to: step.from, ..step };
    let sell = |steps: &[TradeStep], input, min_output| Trade {
        steps: steps.to_vec(),
        size: Size::Sell { input, min_output },
        deadline: 0,
    };
    let input = 100 * UNIT;
    rejected(keeper.prepare_trade(&sell(&[step, back], input, 1)).await, "one step")?;
    rejected(keeper.prepare_trade(&sell(&[step], input, 2 * input * NATIVE)).await, "TooLittle")?;
    rejected(keeper.prepare_trade(&sell(&[step], 1_000_000 * UNIT, 1)).await, "InsufficientBalance")?;
    rejected(keeper.prepare_sale(&sale(step, site.market(STABLE)?)).await, "cannot be sold")?;
    let watcher = chain.keeper_without_key(keeper.account().into());
    watcher.pool(&at).await?;
    rejected(watcher.prepare_trade(&sell(&[step], input, 1)).await, "no key")?;

    // Two at the same price: the one that comes second is paid back.
    let tips = keeper.reserves(&[pool], &block()).await?;
    let quoted = quote(tips[0], input);
    let (first, second) = (sell(&[step], input, quoted), sell(&[step], input, quoted));
    let (first, second) = tokio::try_join!(keeper.prepare_trade(&first), keeper.prepare_trade(&second))?;
    ensure!(one(&keeper, &first).await? == Attempt::Unknown, "it was not sent");
    // A messenger that refuses it may have passed it on.
    site.network().fault(&json!({"unit": "mu", "kind": "error", "status": 400, "times": 1})).await?;
    let refused = keeper.broadcast(&first).await;
    ensure!(matches!(&refused, Err(ChainError::Transient { .. })), "{refused:?}");
    let done = done(&keeper, &first).await?;
    ensure!(done.changes.contains(&(synthetic.token, -i128::try_from(input)?)), "{done:?}");
    ensure!(done.changes.contains(&(stable.token, i128::try_from(quoted)?)) && done.changes.len() == 2, "{done:?}");
    let held = keeper.holdings(&[stable.token, synthetic.token]).await?;
    keeper.broadcast(&second).await?;
    let paid_back = ended(&keeper, &second).await?;
    let is_guarded = matches!(&paid_back, Attempt::Included { cost: 0, result: Err(Undone::Guarded(_)), .. });
    ensure!(is_guarded && keeper.escalate(&second).await?.is_none(), "{paid_back:?}");
    ensure!(keeper.holdings(&[stable.token, synthetic.token]).await? == held, "it was not paid back");

    // A purchase pays what it must, by the least input; it is done when the other token has paid, whatever somebody writes into the history of the pool.
    let output = 50 * UNIT;
    let buy = Trade { steps: vec![back], size: Size::Buy { output, max_input: u128::MAX }, deadline: 0 };
    let bought = keeper.prepare_trade(&buy).await?;
    let held_back =
        |action: &str| json!({"unit": "push", "kind": "hold", "match": {"From": stage.swap, "Action": action}});
    site.network().fault(&held_back("Transfer")).await?;
    keeper.broadcast(&bought).await?;
    site.network().idle().await?;
    forge(site, stage.swap, &bought).await?;
    ensure!(one(&keeper, &bought).await? == Attempt::Pending, "the token has not paid");
    site.network().release().await?;
    let Attempt::Included { result: Ok(done), .. } = ended(&keeper, &bought).await? else {
        anyhow::bail!("it is not done")
    };
    ensure!(done.changes.contains(&(synthetic.token, i128::try_from(output)?)), "{done:?}");

    par(site, &keeper, back).await?;
    late(site, &keeper, stage.swap, &sell(&[step], input, 1)).await
}

/// Minting and redeeming: exactly one for one, and done when the token has paid.
async fn par(site: &AoSite, keeper: &Keeper, back: TradeStep) -> Result<()> {
    let amount = 100 * UNIT;
    let (stable, synthetic) = (back.from, back.to);
    let trade = |market, [from, to]: [_; 2], size| Trade {
        steps: vec![TradeStep { via: Via::Par(market), from, to }],
        size,
        deadline: 0,
    };
    let (market, vault) = (site.market(STABLE)?, site.market(VOLATILE)?);
    let size = |input, min_output| Size::Sell { input, min_output };
    let few = trade(market, [stable, synthetic], size(amount * NATIVE, amount + 1));
    rejected(keeper.prepare_trade(&few).await, "TooLittle")?;
    rejected(keeper.prepare_trade(&trade(vault, [stable, synthetic], size(amount * NATIVE, 1))).await, "no reserve")?;
    rejected(keeper.prepare_trade(&trade(market, [stable, stable], size(amount, 1))).await, "does not exchange")?;
    let all = site.reserve(market).await?.debt;
    rejected(keeper.prepare_trade(&trade(market, [synthetic, stable], size(all + 1, 1))).await, "redeems")?;

    let mint = keeper.prepare_trade(&trade(market, [stable, synthetic], size(amount * NATIVE + 1, amount))).await?;
    let minted = done(keeper, &mint).await?;
    let (token, units) = (i128::try_from(amount)?, i128::try_from(amount * NATIVE)?);
    ensure!(minted.changes.contains(&(stable, -units)) && minted.changes.contains(&(synthetic, token)), "{minted:?}");

    let redeem = keeper.prepare_trade(&trade(market, [synthetic, stable], size(amount, amount * NATIVE))).await?;
    let payout = json!({"From": site.token(SYNTHETIC)?, "Action": "Transfer"});
    site.network().fault(&json!({"unit": "push", "kind": "hold", "match": payout})).await?;
    keeper.broadcast(&redeem).await?;
    site.network().idle().await?;
    ensure!(one(keeper, &redeem).await? == Attempt::Pending, "the token has not paid");
    site.network().release().await?;
    let Attempt::Included { result: Ok(redeemed), .. } = ended(keeper, &redeem).await? else {
        anyhow::bail!("it is not redeemed")
    };
    let is_all = redeemed.changes.contains(&(stable, units)) && redeemed.changes.contains(&(synthetic, -token));
    ensure!(is_all && redeemed.operation.is_none(), "{redeemed:?}");
    Ok(())
}

/// What never reaches the pool is a loss after a while, and says so; what has reached it is none, however long it takes to hear what it did there.
async fn late(site: &AoSite, keeper: &Keeper, pool: Id, trade: &Trade) -> Result<()> {
    const A_WHILE: u64 = 3_700;
    let (network, notice) = (site.network(), json!({"Target": pool}));
    let slow = keeper.prepare_trade(trade).await?;
    network.fault(&json!({"unit": "push", "kind": "hold", "match": notice})).await?;
    keeper.broadcast(&slow).await?;
    network.idle().await?;
    ensure!(one(keeper, &slow).await? == Attempt::Pending, "the pool has not heard of it");
    network.fault(&json!({"unit": "cu", "kind": "stale", "times": -1})).await?;
    network.release().await?;
    network.idle().await?;
    network.advance(A_WHILE).await?;
    ensure!(one(keeper, &slow).await? == Attempt::Pending, "it is there, and not evaluated");
    network.clear_faults().await?;
    let slow = ended(keeper, &slow).await?;
    ensure!(matches!(&slow, Attempt::Included { result: Ok(done), .. } if done.changes.len() == 2), "{slow:?}");

    let lost = keeper.prepare_trade(trade).await?;
    network.fault(&json!({"unit": "push", "kind": "drop", "match": notice})).await?;
    keeper.broadcast(&lost).await?;
    network.idle().await?;
    ensure!(one(keeper, &lost).await? == Attempt::Pending, "it may still come");
    network.advance(A_WHILE).await?;
    let Attempt::Included { result: Ok(gone), .. } = ended(keeper, &lost).await? else {
        anyhow::bail!("it is not over")
    };
    let (Size::Sell { input, .. }, Some(step)) = (trade.size, trade.steps.first()) else { anyhow::bail!("no sale") };
    ensure!(gone.changes == [(step.from, -i128::try_from(input)?)], "{gone:?}");
    Ok(())
}

/// Somebody else writes into the histories what the token and the pool would.
async fn forge(site: &AoSite, pool: Id, of: &Transaction) -> Result<()> {
    let own = accounts::ao_wallet(KEEPER)?.address().to_string();
    let (client, stranger) = (site.client()?, accounts::ao_wallet(PROVIDER)?);
    for (to, from, action) in [
        (pool, site.token(STABLE)?, "Credit-Notice"),
        (site.token(SYNTHETIC)?, pool, "Transfer"),
        (site.token(STABLE)?, pool, "Transfer"),
    ] {
        let tags = [
            ("From-Process", from.to_string()),
            ("Pushed-For", of.id.0.clone()),
            ("Action", action.to_owned()),
            ("Recipient", own.clone()),
            ("Sender", own.clone()),
            ("Quantity", "50000000".to_owned()),
            ("X-Action", "Swap".to_owned()),
            ("X-Expected-Min-Output", "1".to_owned()),
        ];
        let tags: Vec<Tag> = tags.into_iter().map(|(name, value)| Tag::new(name, value)).collect();
        client.send(&stranger, to, &tags, "").await?;
    }
    Ok(())
}

fn quote([stable, synthetic]: [u128; 2], input: u128) -> u128 {
    let traded = input * 9_970 / 10_000;
    stable * traded / (synthetic + traded)
}

fn block() -> tim3_chain::BlockRef {
    tim3_chain::BlockRef { height: 0, hash: tim3_domain::word::Word::ZERO, timestamp: 0 }
}

fn sale(step: TradeStep, market: MarketId) -> Sale {
    let liquidation = tim3_chain::Liquidate { market, owner: step.from, max_repay: 1, min_seized: 1 };
    Sale { liquidation, step, output: 1, most: 1, flash: false, treasury: None, deadline: 0 }
}

async fn one(keeper: &Keeper, transaction: &Transaction) -> Result<Attempt<Traded>> {
    keeper.trades(std::slice::from_ref(transaction)).await?.pop().context("no attempt")
}

/// Sends a trade, and gives what it did.
async fn done(keeper: &Keeper, transaction: &Transaction) -> Result<Traded> {
    keeper.broadcast(transaction).await?;
    match ended(keeper, transaction).await? {
        Attempt::Included { cost: 0, result: Ok(done), .. } => Ok(done),
        other => anyhow::bail!("it was not done: {other:?}"),
    }
}
