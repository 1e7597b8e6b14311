//! What does not go by itself: an amount that an operator looks at, a destination that is paused, a window that fills, a price that falls.

use std::sync::Arc;

use anyhow::anyhow;
use tim3_chain::{Direction, UserAction};
use tim3_coordinator::Command;
use tim3_domain::{
    health::{Balances, Scales},
    lifecycle::Phase,
    price::Price,
};
use tim3_journal::OperationRecord;
use tim3_simchain::gateway::{Admin, Call, KeeperAction, Outside};

use super::{
    plan::{BURST, LIQUIDATOR, Plan, UNLUCKY, WHALE},
    stage::Stage,
    users::User,
    view::money,
    world::{ONE, ONE_WETH, Person, Site, WINDOW},
};

/// Amounts from here on wait for an operator.
pub(super) const VALUE_HOLD: u128 = 5_000 * ONE;
/// Supply without more of it: locks and mints are refused, everything that helps people out goes on.
const NO_SUPPLY: u8 = 2;
/// Whose home all vault positions have.
const VAULTS_AT: Site = Site::A;

/// The operator's desk: one scene after the other.
pub(super) async fn desk(stage: Arc<Stage>, plan: Plan) -> anyhow::Result<()> {
    hold(&stage, &plan.whale).await?;
    pause(&stage, &plan.unlucky).await?;
    fill_window(&stage, &plan.burst).await
}

/// An amount over the value hold waits until an operator approves it.
async fn hold(stage: &Arc<Stage>, whale: &Person) -> anyhow::Result<()> {
    let tx = User::new(stage, whale).lock(Site::B, Site::A, WHALE).await?;
    let id = stage.operation(Site::B, &tx).await?;
    let held = |record: &OperationRecord| matches!(record.phase, Phase::Held(_));
    stage.reaches(id, "an amount over the value hold is not held", held).await?;
    stage.view.say(&format!("operator: {} is held over its value, looking into it … approved", id.short()));
    let why = "demo operator: the owner confirmed it".to_owned();
    stage.operate(id, Command::Approve(id, why), |record| !held(record)).await
}

/// A paused destination refuses; an operator voids there, and the origin gives back.
async fn pause(stage: &Arc<Stage>, unlucky: &Person) -> anyhow::Result<()> {
    let (world, tim3) = (&stage.world, stage.world.assets.tim3);
    let config = world.chain(Site::C).node.config();
    let by = |name: &str, account| User::new(stage, &Person { name: name.to_owned(), account });
    let raise = UserAction::RaisePause { asset: tim3, level: NO_SUPPLY };
    by("guardian", config.guardian).act(Site::C, Call::User(raise)).await?;
    stage.view.say("guardian: sim-c is paused at level 2, nothing is minted there");
    let tx = User::new(stage, unlucky).lock(Site::A, Site::C, UNLUCKY).await?;
    let id = stage.operation(Site::A, &tx).await?;
    stage.reaches(id, "a paused destination does not refuse", |record| record.attempts > 0).await?;
    stage.view.say(&format!("operator: {} cannot be delivered, void it so that it is refunded", id.short()));
    let why = "demo operator: the destination is paused".to_owned();
    let voids =
        |record: &OperationRecord| !record.phase.is_undecided() || matches!(record.phase, Phase::Voiding { .. });
    stage.operate(id, Command::Void(id, why), voids).await?;
    stage.reaches(id, "a voided operation is not refunded", |record| record.phase.is_terminal()).await?;
    let lower = Admin::SetPause { asset: tim3, level: 0 };
    by("admin", config.admin).act(Site::C, Call::Admin(lower)).await?;
    stage.view.say("admin: sim-c mints again");
    Ok(())
}

/// More at once than a window holds: what does not fit waits for the refill, nobody loses anything.
async fn fill_window(stage: &Arc<Stage>, crowd: &[Person]) -> anyhow::Result<()> {
    let config = stage.world.chain(Site::B).node.config();
    let admin = User::new(stage, &Person { name: "admin".into(), account: config.admin });
    let window = |limit, period| {
        Call::Admin(Admin::SetWindow { asset: stage.world.assets.tim3, direction: Direction::Mint, limit, period })
    };
    let fits = u128::try_from(crowd.len()).unwrap_or_default().saturating_sub(1).saturating_mul(BURST);
    admin.act(Site::B, window(fits, 5)).await?;
    stage.view.say(&format!(
        "admin: sim-b mints at most {} in 5 s; {} users lock {} each at once",
        money(fits),
        crowd.len(),
        money(BURST)
    ));
    let locks = crowd.iter().map(|person| {
        let user = User::new(stage, person);
        async move { user.lock(Site::C, Site::B, BURST).await }
    });
    for tx in futures::future::join_all(locks).await {
        let id = stage.operation(Site::C, &tx?).await?;
        stage.reaches(id, "a full window does not refill", |record| record.phase.is_terminal()).await?;
    }
    admin.act(Site::B, window(WINDOW.0, WINDOW.1)).await?;
    stage.view.say("admin: sim-b's window is wide again, everybody of the crowd was served");
    Ok(())
}

/// Two vault positions, a falling price, and a liquidator who waits for one of them.
pub(super) async fn vaults(stage: Arc<Stage>, plan: Plan) -> anyhow::Result<()> {
    let world = &stage.world;
    let market = world.assets.vault(world.chain(VAULTS_AT).node.gateway());
    let [vera, carl] = &plan.vaults;
    let liquidator = User::new(&stage, &plan.liquidator);
    let (first, second) = (User::new(&stage, vera), User::new(&stage, carl));
    tokio::try_join!(
        first.lock_in(market, VAULTS_AT, Site::C, ONE_WETH, 1_200 * ONE),
        second.lock_in(market, VAULTS_AT, Site::B, ONE_WETH.saturating_mul(2), 1_400 * ONE),
        liquidator.lock(VAULTS_AT, VAULTS_AT, LIQUIDATOR),
    )?;
    let oracle = User::new(&stage, &Person::new("oracle"));
    for dollars in [1_900, 1_750, 1_600, 1_480, 1_650] {
        set_price(&oracle, dollars).await?;
        stage.view.say(&format!("price: WETH {dollars} · health of {}", healths(&stage, &plan)?.join(", ")));
        let call = KeeperAction::Liquidate { market, owner: vera.account, max_repay: LIQUIDATOR, min_seized: 0 };
        let call = Call::Keeper(call);
        let home = world.chain(VAULTS_AT);
        // A healthy position is nobody's to take: the gateway refuses until the price has fallen far enough.
        let now = home.node.head().timestamp;
        match home.node.state().apply(&call, plan.liquidator.account, now) {
            Err(reason) => stage.view.say(&format!("liquidator: would take vera's position, refused with {reason}")),
            Ok(_) => {
                liquidator.act(VAULTS_AT, call).await?;
                stage
                    .view
                    .say(&format!("liquidator: took part of vera's; health of {}", healths(&stage, &plan)?.join(", ")));
            }
        }
    }
    Ok(())
}

async fn set_price(oracle: &User, dollars: u128) -> anyhow::Result<()> {
    let price = Price::ONE.raw().saturating_mul(dollars);
    let call = Call::Outside(Outside::SetPrice { asset: oracle.stage.world.assets.weth, lower: price, higher: price });
    let told = Site::ALL.map(|site| oracle.act(site, call.clone()));
    futures::future::try_join_all(told).await.map(|_| ())
}

/// Whose vault is how healthy at the newest price: below 1 it is liquidatable.
pub(super) fn healths(stage: &Stage, plan: &Plan) -> anyhow::Result<Vec<String>> {
    let home = stage.world.chain(VAULTS_AT).node.state();
    let market = stage.world.assets.vault(home.id());
    let terms = home.market(market).ok_or_else(|| anyhow!("there is no vault market"))?;
    let price = home.price(stage.world.assets.weth).map(|price| price.higher);
    let price = price.ok_or_else(|| anyhow!("there is no price of WETH"))?;
    let scales = Scales::new(price, Price::ONE, terms.collateral_decimals)?;
    let of = |person: &Person| {
        let position = home.position(market, person.account);
        let balances = Balances { collateral: position.collateral, debt: position.debt };
        let health = scales.health_factor(balances, terms.liquidation_threshold_bps);
        format!("{} {}", person.name, health.map_or("without debt".to_owned(), two_places))
    };
    Ok(plan.vaults.iter().map(of).collect())
}

/// A factor with 18 decimals, cut to two: 0.99… must not be shown as 1.
fn two_places(factor: u128) -> String {
    let hundredths = factor / 10_000_000_000_000_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
