//! Keepers in mode `live` that trade between a pool on Solana and a Uniswap V2 pool on an EVM chain, and on Solana alone against par; with a kill between
//! two legs.

use std::collections::BTreeMap;

use alloy::{primitives::U256, providers::Provider as _};
use anyhow::{Context as _, Result, ensure};
use tim3_chain::{
    Actor as _, Attempt, ChainError, Keeper as _, PoolAt, Trade, TradeStep, Traded, Trader, Transaction, Undone,
    UserAction, Via,
};
use tim3_devnet::{
    SolanaSite, accounts,
    daemon::{until, until_async},
    plan::{STABLE, SYNTHETIC, UNIT},
    solana::{SwapPool, account_of},
};
use tim3_domain::amm::{Fee, Hop, Size};
use tim3_solana::{Keypair, Signer as _, address::account as address};

use crate::{
    arbitrage::{PAR, executor, ledger, quiet, sees_pools, within_fees},
    keeping::trading,
    scene::{PATIENCE, Scene},
    uniswap::{self, Pool},
};

/// Whose accounts trade.
const KEEPER: &str = "bob";
/// Who provides the liquidity.
const PROVIDER: &str = "carol";
/// What either pool begins with, of both tokens.
const LIQUIDITY: u64 = 100_000;
/// What the keeper is to have of TIM3 on either chain.
const TARGET: u64 = 20_000;
/// What pays for transactions on Solana.
const COIN: &str = "COIN";
/// What a unit of USDA on Solana counts beside those of the EVM chain.
const PARTS: i128 = 1_000_000_000_000;

fn provider() -> Keypair {
    accounts::solana_key(PROVIDER)
}

struct Stage {
    scene: Scene,
    pool: Pool,
    swap: SwapPool,
    executor: String,
}

impl Stage {
    async fn start() -> Result<Self> {
        let scene = Scene::with(|options| {
            options.solana = true;
            options.ticks_per_slot = 8;
        })
        .await?;
        let site = scene.devnet.solana.as_ref().context("no Solana chain")?;
        let (pool, swap, (), ()) = tokio::try_join!(
            Pool::deploy(&scene.devnet.a, LIQUIDITY),
            site.open_pool(provider(), LIQUIDITY),
            uniswap::mint(&scene.devnet.a, KEEPER, TARGET.into()),
            mint(site)
        )?;
        let mut stage = Self { pool, swap, executor: String::new(), scene };
        let file = stage.configure("")?;
        stage.scene.program = stage.scene.program.clone().with_file(file);
        stage.executor = executor(&stage.scene, "a")?;
        stage.configure("")?;
        Ok(stage)
    }

    /// The keepers' part of the configuration: without an executor they only look.
    fn configure(&self, more: &str) -> Result<std::path::PathBuf> {
        let SwapPool { swap, program, .. } = &self.swap;
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
{executor}
[keeper.chains.s]
key = {{ file = "keys/{KEEPER}.key" }}
gas_asset = "{COIN}"
[keeper.venues.pool_s]
chain = "s"
pool = "{swap}"
program = "{program}"
base = "USDA"
quote = "TIM3"
[keeper.assets.{COIN}]
prices = ["coin"]
[keeper.prices.coin]
fixed = "150"
"#
        );
        let own = own + &self.pool.venue("a");
        let text = trading(mode, ["a", "s"], TARGET.into(), &own) + more;
        let file = self.scene.devnet.directory.join("keeper.toml");
        std::fs::write(&file, text)?;
        Ok(file)
    }

    fn site(&self) -> Result<&SolanaSite> {
        self.scene.devnet.solana.as_ref().context("no Solana chain")
    }

    /// On the EVM chain and on Solana, as [`Pool::price`] says them.
    async fn prices(&self) -> Result<[u128; 2]> {
        let [stable, synthetic] = self.site()?.held(&self.swap).await?.map(u128::from);
        Ok([self.pool.price(&self.scene.devnet.a).await?, stable * PAR / synthetic])
    }

    /// What the keeper has over both chains, by the names and in the units of its ledger.
    async fn balances(&self) -> Result<BTreeMap<&'static str, i128>> {
        let (a, s) = (&self.scene.devnet.a, self.site()?);
        let (here, there) = (accounts::address(KEEPER)?, accounts::solana_key(KEEPER).pubkey());
        let number = |amount: U256| Ok::<_, anyhow::Error>(i128::try_from(amount)?);
        let on_solana = async |symbol| Ok::<_, anyhow::Error>(i128::from(s.balance(symbol, &there).await?));
        Ok([
            ("ETH", number(a.provider().get_balance(here).await?)?),
            (COIN, s.lamports(&there).await?.into()),
            (STABLE, number(a.balance(STABLE, here).await?)? + on_solana(STABLE).await? * PARTS),
            (SYNTHETIC, number(a.balance(SYNTHETIC, here).await?)? + on_solana(SYNTHETIC).await?),
        ]
        .into())
    }

    /// That the ledger says of every balance what the chains say, to the last unit; and that it gained.
    async fn agrees(&self, before: &BTreeMap<&'static str, i128>) -> Result<()> {
        let (after, entries) = (self.balances().await?, ledger(&self.scene)?);
        let mut moved: BTreeMap<&str, i128> = BTreeMap::new();
        for change in entries.iter().flat_map(|entry| &entry.moves) {
            *moved.entry(&change.asset).or_default() += change.delta;
        }
        for (asset, before) in before {
            let (found, expected) = (moved.get(asset).copied().unwrap_or_default(), after[asset] - before);
            ensure!(found == expected, "{asset} moved by {expected}, and the ledger says {found}: {entries:#?}");
        }
        let gained: i128 = entries.iter().map(|entry| entry.usd).sum();
        ensure!(gained > 0, "it came to {gained}");
        let differences = self.scene.logged("the inventory is not what the ledger says")?;
        ensure!(differences == 0, "{differences} times the inventory was another than the ledger's");
        Ok(())
    }
}

/// Lets the keeper lock on Solana for the TIM3 that it begins with.
async fn mint(site: &SolanaSite) -> Result<()> {
    let amount = u128::from(TARGET) * UNIT;
    let lock = UserAction::Lock {
        market: site.market(STABLE)?,
        collateral: amount,
        debt: amount,
        destination: site.deployment.id,
        recipient: account_of(KEEPER),
        refund_to: account_of(KEEPER),
        max_fee: 0,
    };
    site.user(accounts::solana_key(KEEPER)).await?.act(lock).await?;
    Ok(())
}

#[tokio::test]
async fn gaps_between_solana_and_an_evm_chain_and_against_par_on_solana_are_closed_across_a_kill() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.scene.run().await?;
    sees_pools(&stage.scene).await?;
    let before = stage.balances().await?;

    // TIM3 becomes dear on Solana: bought on a, sold on s, and brought from a to s by the relay.
    stage.site()?.donate_stable(&stage.swap, 10_000).await?;
    let entries = quiet(&stage.scene, 2).await?;
    let [a, s] = stage.prices().await?;
    ensure!(a > PAR && within_fees(a, s), "{a} on a and {s} on s");
    stage.agrees(&before).await?;

    // And on a: the first leg is on Solana, and kill -9 comes as soon as it is sent.
    let entries = killed(&mut stage, entries).await?;
    stage.agrees(&before).await?;

    // Both pools are above par: TIM3 is minted at home on Solana, and sold on either side.
    stage.scene.end().await?;
    stage.configure("[keeper.markets.usda_s]")?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries).await?;
    let [a, s] = stage.prices().await?;
    ensure!(a * 997 <= PAR * 1_000 && s * 997 <= PAR * 1_000, "{a} on a and {s} on s");
    stage.agrees(&before).await?;

    // And below: bought, and redeemed.
    stage.site()?.donate_synthetic(&stage.swap, provider(), 10_000).await?;
    quiet(&stage.scene, entries).await?;
    let [_, s] = stage.prices().await?;
    ensure!(s * 1_000 >= PAR * 997, "{s} on s");
    stage.agrees(&before).await?;
    stage.scene.end().await?;
    attempts(&stage).await
}

/// The port itself, with the daemon gone: another fee than the pool's is refused, who comes too late changes nothing, and what has passed is not signed again.
async fn attempts(stage: &Stage) -> Result<()> {
    let site = stage.site()?;
    let keeper = site.connect().await?.keeper(accounts::solana_key(KEEPER));
    let trader = keeper.trader().context("no trading")?;
    let (pool, router) = (address(&stage.swap.swap), address(&stage.swap.program));
    let at = PoolAt { pool, router, fee: Fee::UNISWAP_V2 };
    let other = PoolAt { fee: Fee::new(9_975, 10_000)?, ..at };
    rejected(trader.pool(&other).await, "takes 30/10000, and 25/10000 is configured")?;
    rejected(trader.pool(&PoolAt { router: pool, ..at }).await, "belongs to")?;
    let [stable, synthetic] = trader.pool(&at).await?;

    let input = 1_000 * UNIT;
    let sell = |min_output| {
        let step = TradeStep { via: Via::Pool { pool, router }, from: synthetic.token, to: stable.token };
        Trade { steps: vec![step], size: Size::Sell { input, min_output }, deadline: u64::MAX }
    };
    let [reserve_out, reserve_in] = site.held(&stage.swap).await?.map(u128::from);
    let quoted = Hop { reserve_in, reserve_out, fee: at.fee }.output(input);
    rejected(trader.prepare_trade(&sell(2 * input)).await, "TooLittle")?;
    let kept = trader.prepare_trade(&sell(1)).await?;
    let (first, second) = (sell(quoted), sell(quoted));
    let (first, second) = tokio::try_join!(trader.prepare_trade(&first), trader.prepare_trade(&second))?;
    keeper.broadcast(&first).await?;
    let Attempt::Included { result: Ok(done), cost, .. } = ended(trader, &first).await? else {
        anyhow::bail!("it was not done")
    };
    let change = |token| done.changes.iter().find(|(changed, _)| *changed == token).map_or(0, |(_, change)| *change);
    let (gone, come) = (-change(synthetic.token), change(stable.token));
    ensure!(done.changes.len() == 2 && cost > 0 && done.operation.is_none(), "{done:?}");
    ensure!(come >= i128::try_from(quoted)? && gone <= i128::try_from(input)?, "{done:?}, quoted {quoted}");
    keeper.broadcast(&second).await?;
    let late = ended(trader, &second).await?;
    let is_guarded = matches!(&late, Attempt::Included { cost, result: Err(Undone::Guarded(_)), .. } if *cost > 0);
    ensure!(is_guarded, "{late:?}");
    let dead = ended(trader, &kept).await?;
    ensure!(dead == Attempt::Dead && keeper.escalate(&kept).await?.is_none(), "{dead:?}");
    Ok(())
}

fn rejected<T: std::fmt::Debug>(result: Result<T, ChainError>, expected: &str) -> Result<()> {
    let is_it = matches!(&result, Err(ChainError::Rejected { reason, .. }) if reason.contains(expected));
    ensure!(is_it, "{result:?}, expected {expected}");
    Ok(())
}

/// What became of a trade, once that is certain.
async fn ended(trader: &dyn Trader, transaction: &Transaction) -> Result<Attempt<Traded>> {
    until_async(PATIENCE, async || {
        let attempt = trader.trades(std::slice::from_ref(transaction)).await?.pop();
        Ok(attempt.filter(|attempt| !matches!(attempt, Attempt::Pending | Attempt::Unknown)))
    })
    .await
}

/// Opens a gap, kills the daemon as soon as it has sent the first leg, and lets it go on.
async fn killed(stage: &mut Stage, entries: u64) -> Result<u64> {
    let sent = stage.scene.logged("trade sent")?;
    stage.pool.raise(&stage.scene.devnet.a, 10_000).await?;
    let scene = &stage.scene;
    until(PATIENCE, || Ok((scene.logged("trade sent")? > sent).then_some(()))).await.context("nothing is sent")?;
    stage.scene.kill()?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries + 1).await?;
    let [a, s] = stage.prices().await?;
    ensure!(within_fees(s, a), "{a} on a and {s} on s");
    let scene = &stage.scene;
    ensure!(scene.logged("what was under way is followed")? == 1, "nothing was found");
    ensure!(scene.logged("trade sent")? == sent + 2, "a leg was sent twice, or not at all");
    Ok(entries)
}
