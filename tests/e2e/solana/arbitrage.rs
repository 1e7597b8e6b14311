//! Keepers in mode `live` that trade between a pool on Solana and a Uniswap V2 pool on an EVM chain, and on Solana alone against par; with a kill between
//! two legs.

use alloy::{primitives::U256, providers::Provider as _};
use anyhow::{Context as _, Result, ensure};
use tim3_chain::{Actor as _, Attempt, Keeper as _, PoolAt, Trade, TradeStep, Undone, UserAction, Via};
use tim3_devnet::{
    SolanaSite, accounts,
    plan::{STABLE, SYNTHETIC, UNIT},
    solana::{SwapPool, account_of},
};
use tim3_domain::amm::{Fee, Hop, Size};
use tim3_solana::{Keypair, Signer as _, address::account as address};

use crate::{
    keeping::Balances,
    scene::Scene,
    trading::{self, PAR, ended, executor, gained, quiet, rejected, sees_pools, sent, within_fees},
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
        let text = trading::configuration(mode, ["a", "s"], TARGET.into(), &own) + more;
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
    async fn balances(&self) -> Result<Balances> {
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

    /// That the ledger says what the chains say, and gained since the first `known` entries. Gives how many there are.
    async fn agrees(&self, before: &Balances, known: u64) -> Result<u64> {
        Ok(u64::try_from(gained(&self.scene, before, &self.balances().await?, known)?.len())?)
    }
}

/// Lets the keeper lock on Solana for the TIM3 that it begins with.
async fn mint(site: &SolanaSite) -> Result<()> {
    site.user(accounts::solana_key(KEEPER)).await?.act(lock(site, u128::from(TARGET) * UNIT)?).await?;
    Ok(())
}

/// What mints so much TIM3 for the keeper, at par.
fn lock(site: &SolanaSite, amount: u128) -> Result<UserAction> {
    Ok(UserAction::Lock {
        market: site.market(STABLE)?,
        collateral: amount,
        debt: amount,
        destination: site.deployment.id,
        recipient: account_of(KEEPER),
        refund_to: account_of(KEEPER),
        max_fee: 0,
    })
}

#[tokio::test]
async fn gaps_between_solana_and_an_evm_chain_and_against_par_on_solana_are_closed_across_a_kill() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.scene.run().await?;
    sees_pools(&stage.scene, 2).await?;
    let before = stage.balances().await?;

    // TIM3 becomes dear on Solana: bought on a, sold on s, and brought from a to s by the relay.
    stage.site()?.donate_stable(&stage.swap, 10_000).await?;
    let entries = quiet(&stage.scene, 2).await?;
    let [a, s] = stage.prices().await?;
    ensure!(a > PAR && within_fees(a, s), "{a} on a and {s} on s");
    let mut known = stage.agrees(&before, 0).await?;

    // And on a: the first leg is on Solana, and kill -9 comes as soon as it is sent.
    let entries = killed(&mut stage, entries).await?;
    known = stage.agrees(&before, known).await?;

    // Both pools are above par: TIM3 is minted at home on Solana, and sold on either side.
    stage.scene.end().await?;
    stage.configure("[keeper.markets.usda_s]")?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries).await?;
    let [a, s] = stage.prices().await?;
    ensure!(a * 997 <= PAR * 1_000 && s * 997 <= PAR * 1_000, "{a} on a and {s} on s");
    known = stage.agrees(&before, known).await?;

    // And below: bought, and redeemed.
    stage.site()?.donate_synthetic(&stage.swap, provider(), 10_000).await?;
    quiet(&stage.scene, entries).await?;
    let [_, s] = stage.prices().await?;
    ensure!(s * 1_000 >= PAR * 997, "{s} on s");
    stage.agrees(&before, known).await?;
    stage.scene.end().await?;
    attempts(&stage).await
}

/// The port itself, with the daemon gone: another fee than the pool's is refused, who comes too late changes nothing, and what has passed is not signed again.
async fn attempts(stage: &Stage) -> Result<()> {
    let site = stage.site()?;
    let keeper = site.connect().await?.keeper(accounts::solana_key(KEEPER));
    let trader = keeper.trader().context("no trading")?;
    let (pool, router, market) = (address(&stage.swap.swap), address(&stage.swap.program), site.market(STABLE)?);
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
    // A redemption behind a swap pays what it is to pay, or nothing happens: as where a USDA is missing by then.
    let through = |output| {
        let swap = TradeStep { via: Via::Pool { pool, router }, from: stable.token, to: synthetic.token };
        let redeem = TradeStep { via: Via::Par(market), from: synthetic.token, to: stable.token };
        let size = Size::Sell { input, min_output: output };
        Trade { steps: vec![swap, redeem], size, deadline: u64::MAX }
    };
    let [reserve_in, reserve_out] = site.held(&stage.swap).await?.map(u128::from);
    let quoted = Hop { reserve_in, reserve_out, fee: at.fee }.output(input);
    rejected(trader.prepare_trade(&through(quoted + UNIT)).await, "TooLittle")?;
    let short = loop {
        let short = trader.prepare_trade(&through(quoted)).await?;
        site.user(accounts::solana_key(KEEPER)).await?.act(lock(site, UNIT)?).await?;
        keeper.broadcast(&short).await?;
        match ended(trader, &short).await? {
            // It was too slow for its blockhash.
            Attempt::Dead => {}
            short => break short,
        }
    };
    let is_undone = |reason: &str| reason.contains("InsufficientFunds");
    ensure!(
        matches!(&short, Attempt::Included { result: Err(Undone::Failed(reason)), .. } if is_undone(reason)),
        "{short:?}"
    );
    let dead = ended(trader, &kept).await?;
    ensure!(dead == Attempt::Dead && keeper.escalate(&kept).await?.is_none(), "{dead:?}");
    Ok(())
}

/// Opens a gap, and kills the daemon as soon as it has sent the first leg.
async fn killed(stage: &mut Stage, entries: u64) -> Result<u64> {
    let before = sent(&stage.scene)?;
    stage.pool.raise(&stage.scene.devnet.a, 10_000).await?;
    let entries = trading::killed(&mut stage.scene, before, 1, entries).await?;
    let [a, s] = stage.prices().await?;
    ensure!(within_fees(s, a), "{a} on a and {s} on s");
    Ok(entries)
}
