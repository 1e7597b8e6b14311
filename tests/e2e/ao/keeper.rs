//! Keepers in mode `live` on AO, in the real aos module, with prices that the gateway itself goes by and those of an oracle process beside them: what they
//! liquidate, what they leave alone, and that their ledger is the chain.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use tim3_arweave::{Birth, Id, Keeper, Network};
use tim3_chain::{Actor as _, Attempt, Feed, Keeper as _, Liquidate, Transaction, UserAction};
use tim3_devnet::{
    AoSite,
    accounts::{self, KEEPER},
    ao_site::{VOLATILE, VOLATILE_DECIMALS, account_of},
    daemon::{until, until_async},
    plan::{SYNTHETIC, UNIT},
};
use tim3_domain::identity::Account;

use crate::{
    hands::Hands,
    keeping::{self, Balances, agrees, is_done, ledger, moved, shows, verdict},
    scene::{PATIENCE, Scene},
};

const POSITIONS: usize = 30;
/// Those that a price below 18.50 makes unhealthy; the others stand until 12.50.
const WEAK: usize = 10;
/// What a position has.
const COLLATERAL: u128 = 100 * 10_u128.pow(VOLATILE_DECIMALS as u32);

/// An oracle process as RedStone's is: it answers with what it was told last.
const REDSTONE: &str = r#"
local json = require("json")
Prices = Prices or {}
Handlers.add("prices", Handlers.utils.hasMatchingTag("Action", "v2.Request-Latest-Data"), function(msg)
  local found = {}
  for _, ticker in ipairs(json.decode(msg.Tickers)) do
    assert(Prices[ticker], "No prices data for " .. ticker)
    found[ticker] = Prices[ticker]
  end
  msg.reply({ Data = json.encode(found) })
end)
"#;

struct RedStone {
    client: Network,
    process: Id,
}

impl RedStone {
    async fn start(site: &AoSite) -> Result<Self> {
        let (client, network) = (site.client()?, site.network());
        let birth = Birth {
            module: network.module_id().parse()?,
            scheduler: network.scheduler_id().parse()?,
            authority: network.authority_id().parse()?,
            tags: &[],
        };
        let process = client.spawn(&accounts::ao_wallet(accounts::ADMIN)?, &birth).await?;
        let it = Self { client, process };
        it.eval(REDSTONE).await?;
        Ok(it)
    }

    async fn eval(&self, code: &str) -> Result<()> {
        self.client.eval(&accounts::ao_wallet(accounts::ADMIN)?, self.process, code).await?;
        Ok(())
    }

    async fn says(&self, dollars: &str) -> Result<()> {
        let time = self.client.now().await? * 1_000;
        self.eval(&format!("Prices.WAR = {{ v = {dollars}, t = {time}, a = 'somebody' }}")).await
    }
}

fn account(number: usize) -> Result<Account> {
    account_of(&format!("owner-{number}"))
}

/// So many times each of the weak.
fn weak(times: usize) -> Result<BTreeMap<Account, usize>> {
    (0..WEAK).map(|number| Ok((account(number)?, times))).collect()
}

/// Positions of 100 WAR at 20 dollars; the first owe 1480, the others 1000. What they draw goes to the keeper, who repays with it.
async fn positions(site: &AoSite) -> Result<()> {
    let wallets: Vec<_> =
        (0..POSITIONS).map(|number| accounts::ao_wallet(&format!("owner-{number}"))).collect::<Result<_>>()?;
    let addresses: Vec<Id> = wallets.iter().map(tim3_arweave::Wallet::address).collect();
    site.fund(VOLATILE, &addresses, COLLATERAL).await?;
    let (chain, market, recipient) = (site.connect().await?, site.market(VOLATILE)?, account_of(KEEPER)?);
    let open = |(number, wallet)| {
        let user = chain.user(wallet);
        async move {
            let lock = UserAction::Lock {
                market,
                collateral: COLLATERAL,
                debt: if number < WEAK { 1_480 } else { 1_000 } * UNIT,
                destination: site.deployment.gateway,
                recipient,
                refund_to: user.account(),
                max_fee: 0,
            };
            user.act(lock).await
        }
    };
    try_join_all(wallets.into_iter().enumerate().map(open)).await?;
    Ok(())
}

/// What the keeper has, by the names that its ledger uses.
async fn balances(site: &AoSite) -> Result<Balances> {
    let wallet = accounts::ao_wallet(KEEPER)?.address();
    let mut balances = Balances::new();
    for symbol in [SYNTHETIC, VOLATILE] {
        balances.insert(symbol, site.balance(symbol, wallet).await?.try_into()?);
    }
    Ok(balances)
}

/// How often each owner was liquidated, by the gateway's events.
async fn liquidated(site: &AoSite) -> Result<BTreeMap<Account, usize>> {
    Ok(keeping::liquidated(site.events().await?))
}

fn configuration(oracle: &RedStone) -> String {
    format!(
        r#"
chains.a.mirror = false
chains.b.mirror = false
[keeper]
mode = "live"
poll_interval = "200ms"
limits = {{ day = "10000000", each = "10000000", daily_loss = "1000" }}
[keeper.chains.o]
key = {{ file = "keys/{KEEPER}.key" }}
[keeper.markets.war_o]
[keeper.assets]
WAR = {{ prices = ["gateway", "redstone"], combine = "bounded", max_deviation_bps = 500 }}
TIM3.prices = ["par"]
[keeper.prices]
gateway = {{ market = "war_o", max_age = "1h" }}
redstone = {{ redstone = "{}", chain = "o", ticker = "{VOLATILE}", max_age = "1h" }}
par = {{ fixed = "1" }}
"#,
        oracle.process
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_fall_on_ao_liquidates_the_unhealthy_and_only_those_and_neither_a_bad_oracle_nor_a_kill_misleads()
-> Result<()> {
    let mut scene = Scene::with(|options| options.ao = true).await?;
    let oracle = RedStone::start(site(&scene)?).await?;
    let file = scene.devnet.directory.join("keeper-o.toml");
    std::fs::write(&file, configuration(&oracle))?;
    positions(site(&scene)?).await?;
    let before = balances(site(&scene)?).await?;
    scene.program = scene.program.clone().with_file(&file);
    scene.run().await?;
    bad_prices(&scene, &oracle).await?;

    // A fall by a tenth, of which the higher price counts: the weak are unhealthy.
    oracle.says("18").await?;
    site(&scene)?.publish([1_790, 1_800]).await?;
    shows(&scene, "a liquidation of each", is_done(WEAK)).await?;
    assert_eq!(liquidated(site(&scene)?).await?, weak(1)?);
    agrees(&moved(&ledger(&scene)?), &before, &balances(site(&scene)?).await?)?;

    // A further fall, and kill -9 as soon as the first is sent.
    let sent = scene.logged("liquidation sent")?;
    oracle.says("16").await?;
    site(&scene)?.publish([1_600, 1_600]).await?;
    until(PATIENCE, || Ok((scene.logged("liquidation sent")? > sent).then_some(())))
        .await
        .context("nothing is sent")?;
    scene.kill()?;
    scene.run().await?;
    shows(&scene, "one more of each", is_done(2 * WEAK)).await?;
    assert_eq!(liquidated(site(&scene)?).await?, weak(2)?, "each once in each fall");
    agrees(&moved(&ledger(&scene)?), &before, &balances(site(&scene)?).await?)?;
    let report = scene.program.query(&["keeper", "replay"])?;
    assert_eq!(report["differences"], json!([]), "{report:#}");
    assert_eq!(scene.logged("it is counted anew")?, 0, "the inventory is what the ledger says");
    scene.end().await?;
    attempts(site(&scene)?).await
}

fn site(scene: &Scene) -> Result<&AoSite> {
    scene.devnet.ao.as_ref().context("no AO network")
}

/// None of them triggers anything, though at most of them positions would be unhealthy.
async fn bad_prices(scene: &Scene, oracle: &RedStone) -> Result<()> {
    let site = site(scene)?;
    let all = |view: &serde_json::Value| view["markets"][0]["positions"] == POSITIONS;
    shows(scene, "an oracle that knows no price", |view| all(view) && verdict(view) == "non_positive").await?;
    oracle.says("20").await?;
    shows(scene, "a price", |view| verdict(view) == "valid").await?;
    site.publish([200, 200]).await?;
    shows(scene, "a jump", |view| verdict(view) == "too_volatile").await?;
    site.publish([2_000, 2_000]).await?;
    shows(scene, "the price after the jump", |view| verdict(view) == "valid").await?;
    site.publish([1_500, 2_000]).await?;
    shows(scene, "sources that do not agree", |view| verdict(view) == "too_uncertain").await?;
    site.publish_raw([u128::MAX, u128::MAX]).await?;
    shows(scene, "garbage", |view| verdict(view) == "non_positive").await?;
    site.publish([1_800, 1_800]).await?;
    shows(scene, "a price that the reference does not confirm", |view| verdict(view) == "too_uncertain").await?;
    for garbage in ["'a lot'", "-18", "{}", "18e99"] {
        oracle.says(garbage).await?;
        shows(scene, garbage, |view| verdict(view) == "non_positive").await?;
        oracle.says("20").await?;
        shows(scene, "a price again", |view| verdict(view) == "too_uncertain").await?;
    }
    site.network().advance(3_700).await?;
    oracle.says("18").await?;
    let view = shows(scene, "an old price", |view| verdict(view) == "stale").await?;
    assert_eq!((&view["in_flight"], &view["entries"]), (&json!({}), &json!(0)), "{view:#}");
    assert_eq!(liquidated(site).await?, BTreeMap::new());
    oracle.says("20").await?;
    site.publish([2_000, 2_000]).await?;
    shows(scene, "a price again", |view| verdict(view) == "valid").await?;
    Ok(())
}

/// The port itself, with the daemon gone; and a liquidation is done once the token has paid.
async fn attempts(site: &AoSite) -> Result<()> {
    let (chain, other, market) = (site.connect().await?, site.connect().await?, site.market(VOLATILE)?);
    let keeper = Arc::new(chain.keeper(accounts::ao_wallet(KEEPER)?));
    let fresh = Arc::new(other.keeper(accounts::ao_wallet(KEEPER)?));
    let watcher = chain.keeper_without_key(keeper.account().into());
    site.publish([1_500, 1_500]).await?;
    let first = Liquidate { market, owner: account(0)?, max_repay: 2_000 * UNIT, min_seized: 1 };
    ensure!(!watcher.can_send() && watcher.prepare(&first).await.is_err(), "without a key it only looks");
    let first = keeper.prepare(&first).await?;
    let times = liquidated(site).await?[&account(0)?];
    site.network().fault(&json!({"unit": "push", "kind": "hold", "match": {"Action": "Transfer"}})).await?;
    keeper.broadcast(&first).await?;
    site.network().idle().await?;
    assert_eq!(liquidated(site).await?[&account(0)?], times + 1);
    assert_eq!(keeper.attempts(std::slice::from_ref(&first)).await?, [Attempt::Pending], "the token has not paid");
    assert_eq!(keeper.escalate(&first).await?, None);
    let had = balances(site).await?[VOLATILE];
    site.network().clear_faults().await?;
    site.network().release().await?;
    let Attempt::Included { cost: 0, result: Ok(done), .. } = ended(&keeper, &first).await? else {
        anyhow::bail!("it is not done")
    };
    assert_eq!(balances(site).await?[VOLATILE] - had, i128::try_from(done.seized)?);

    let hands = Hands {
        chain: Arc::new(chain),
        keeper,
        fresh,
        market,
        unhealthy: (1..WEAK).map(account).collect::<Result<_>>()?,
        healthy: account(WEAK)?,
        stranger: account(POSITIONS)?,
        feed: Feed::Market(market),
        has_fees: false,
    };
    hands.conform().await
}

/// What became of a transaction, once that is certain.
async fn ended(keeper: &Keeper, transaction: &Transaction) -> Result<Attempt> {
    until_async(PATIENCE, async || {
        let attempt = keeper.attempts(std::slice::from_ref(transaction)).await?.pop();
        Ok(attempt.filter(|attempt| !matches!(attempt, Attempt::Pending | Attempt::Unknown)))
    })
    .await
}
