//! Two hundred operations in both directions while everything around them fails: the daemon is killed, blocks are taken back, and on each chain the
//! endpoint that is asked first stalls, lies and answers garbage. In the end the chains themselves must show each operation delivered exactly once.
//!
//! `TIM3_SEED` repeats a plan; what chance there is besides is the machine's timing.

mod ledger;
mod plan;

use std::time::Duration;

use alloy::{
    primitives::{B256, U256},
    providers::Provider as _,
};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tim3_devnet::{
    Site,
    contracts::{IGateway, IToken},
    daemon::{Program, until, until_async},
    plan::{STABLE, SYNTHETIC, UNIT},
    proxy::{EVERY_FAULT, Plan, Proxy},
    site::{native, synthetic},
};
use tim3_domain::protocol::OperationKind;
use tokio::time::{Instant, sleep_until};

use self::{
    ledger::Ledger,
    plan::{Happening, User},
};
use crate::scene::Scene;

/// How long the last operations may take once everything works again.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_ends_once_whatever_fails() -> Result<()> {
    let seed = plan::seed()?;
    eprintln!("TIM3_SEED={seed}");
    let plan = plan::make(seed);
    // Final with four blocks on top: no reorg of the plan reaches that deep.
    let mut scene = Scene::with(|options| options.slots_in_an_epoch = 2).await?;
    let users = prepare(&scene, &plan.users).await?;
    let proxies = [faulty(&scene.devnet.a, seed).await?, faulty(&scene.devnet.b, seed + 1).await?];
    for (site, proxy) in scene.devnet.sites().into_iter().zip(&proxies) {
        scene.program = behind(scene.program.clone(), site, proxy);
    }

    scene.program = scene.program.clone().with_set(format!("assets.TIM3.value_hold={}", plan::HOLD));
    scene.launch()?;
    let begun = Instant::now();
    for (at, happening) in &plan.happenings {
        sleep_until(begun + Duration::from_millis(*at)).await;
        match happening {
            Happening::Kill => {
                scene.kill()?;
                scene.launch()?;
            }
            Happening::Reorg { chain, depth } => scene.devnet.sites()[*chain].reorg(*depth).await?,
            Happening::Act(index) => users[*index].act(&scene).await?,
        }
    }
    settled(&mut scene, &users).await?;
    for proxy in &proxies {
        eprintln!("{} requests through {}: {:?}", proxy.requests(), proxy.url(), proxy.calls());
    }

    let ledger = Ledger::read(&scene.devnet).await?;
    ledger.check(users.len())?;
    for user in &users {
        user.paid(&scene).await?;
    }
    recorded(&scene, &ledger).await?;
    scene.audited(ledger.supply()).await?;
    scene.end().await
}

/// Waits until the daemon's records say the same: each operation completed or refunded, and what a reorg took away for good orphaned.
async fn recorded(scene: &Scene, ledger: &Ledger) -> Result<()> {
    let mut last = Value::Null;
    let waited = until(PATIENCE, || {
        last = scene.program.query(&["ops", "list", "--limit", "1000"])?;
        let is_right = |operation: &Value| {
            let phase = if ledger.knows(operation["id"].as_str().unwrap_or_default()) {
                let amount: u128 = operation["amount"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
                if plan::is_voided(amount) { "refunded" } else { "completed" }
            } else {
                "orphaned"
            };
            operation["phase"] == phase
        };
        let items = last["items"].as_array().context("no list")?;
        let known = items.iter().filter(|operation| operation["phase"] != "orphaned").count();
        Ok((ledger.len() == known && items.iter().all(is_right)).then_some(()))
    });
    waited.await.with_context(|| format!("the daemon says {last:#}"))
}

/// An endpoint that fails in every way there is.
async fn faulty(site: &Site, seed: u64) -> Result<Proxy> {
    let plan = Plan::Seeded { seed, faults: EVERY_FAULT.to_vec(), burst: 4 };
    Proxy::start(site.anvil().url().clone(), plan).await
}

/// Three endpoints, of which the first is asked first and wrong, and two must agree.
fn behind(program: Program, site: &Site, proxy: &Proxy) -> Program {
    let (name, url, proxy) = (site.name, site.anvil().url(), proxy.url());
    let endpoints = [
        format!("{{ name = 'faulty', url = '{proxy}' }}"),
        format!("{{ name = 'good', url = '{url}', priority = 1 }}"),
        format!("{{ name = 'also good', url = '{url}?another', priority = 1 }}"),
    ];
    program
        .with_set(format!("chains.{name}.endpoints=[{}]", endpoints.join(", ")))
        .with_set(format!("chains.{name}.quorum=2"))
        .with_set(format!("chains.{name}.request_timeout=500ms"))
}

/// A user with what the plan makes it need: tokens, an allowance, and the number of its next transaction.
struct Ready<'a> {
    user: &'a User,
    nonce: u64,
}

/// Gives every user what it needs, and waits until that is final.
async fn prepare<'a>(scene: &Scene, users: &'a [User]) -> Result<Vec<Ready<'a>>> {
    for (index, site) in scene.devnet.sites().into_iter().enumerate() {
        let here: Vec<_> = users.iter().filter(|user| user.origin == index).collect();
        let accounts: Vec<_> = here.iter().map(|user| user.account).collect();
        site.fund_gas(&accounts).await?;
        site.fund_tokens(STABLE, &accounts, 1_000).await?;
        let gateway = site.deployment.gateway;
        let mut sent = Vec::new();
        for user in here {
            let approve = IToken::approveCall { spender: gateway, amount: U256::MAX };
            sent.push(site.send_as(user.account, *site.token(STABLE)?.address(), &approve).await?);
            if user.kind != OperationKind::Mint {
                let lock = user.lock(site, site)?;
                sent.push(site.send_as(user.account, gateway, &lock).await?);
            }
        }
        site.mined(&sent).await?;
    }
    // What a redeem takes out must have been brought in at that home.
    for site in scene.devnet.sites() {
        let alice = tim3_devnet::accounts::address("alice")?;
        let approve = IToken::approveCall { spender: site.deployment.gateway, amount: U256::MAX };
        let mut sent = vec![site.send_as(alice, *site.token(STABLE)?.address(), &approve).await?];
        let deposit =
            User { account: alice, recipient: alice, amount: 100_000 * UNIT, origin: 0, kind: OperationKind::Mint };
        sent.push(site.send_as(alice, site.deployment.gateway, &deposit.lock(site, site)?).await?);
        site.mined(&sent).await?;
        let height = site.height().await?;
        until_async(PATIENCE, async || Ok((site.height().await? > height + 4).then_some(()))).await?;
    }
    let mut ready = Vec::new();
    for user in users {
        let nonce = scene.devnet.sites()[user.origin].provider().get_transaction_count(user.account).await?;
        ready.push(Ready { user, nonce });
    }
    Ok(ready)
}

impl Ready<'_> {
    /// Sends the user's one transaction; again, where a reorg took it.
    async fn act(&self, scene: &Scene) -> Result<()> {
        let origin = scene.devnet.sites()[self.user.origin];
        let destination = scene.other(origin);
        let gateway = origin.deployment.gateway;
        let user = self.user;
        let sent = match user.kind {
            OperationKind::Mint => {
                origin.send_numbered(user.account, self.nonce, gateway, &user.lock(origin, destination)?).await
            }
            _ => origin.send_numbered(user.account, self.nonce, gateway, &user.burn(destination)?).await,
        };
        // It is in the pool or in a block already.
        match sent {
            Err(error) if error.to_string().contains("already") || error.to_string().contains("too low") => Ok(()),
            sent => sent.map(|_| ()),
        }
    }

    /// The recipient has what was sent, once; or the user has it back.
    async fn paid(&self, scene: &Scene) -> Result<()> {
        let User { account, recipient, amount, kind, .. } = *self.user;
        let origin = scene.devnet.sites()[self.user.origin];
        let usda = |amount| (STABLE, native(1) * U256::from(amount / UNIT));
        let tim3 = |amount| (SYNTHETIC, U256::from(amount));
        let (site, who, (symbol, expected)) = match kind {
            OperationKind::Mint if plan::is_voided(amount) => (origin, account, usda(1_000 * UNIT)),
            _ if plan::is_voided(amount) => (origin, account, tim3(amount)),
            OperationKind::Redeem => (scene.other(origin), recipient, usda(amount)),
            _ => (scene.other(origin), recipient, tim3(amount)),
        };
        let found = site.balance(symbol, who).await?;
        ensure!(
            found == expected,
            "{kind:?} of {amount}: {who} has {found} {symbol} on {}, expected {expected}",
            site.name
        );
        Ok(())
    }
}

/// Waits until each user's transaction is in a block and each operation came to its end, and all of it is final. Plays the operator of those
/// that are held, and kills the daemon once more when it has just been told.
async fn settled(scene: &mut Scene, users: &[Ready<'_>]) -> Result<()> {
    scene.ready().await?;
    let mut is_told = false;
    let mut ledger = Ledger::default();
    let begun = Instant::now();
    while !ledger.is_settled(users.len()) {
        ensure!(begun.elapsed() < PATIENCE, "{}", ledger.summary());
        for ready in users {
            let origin = scene.devnet.sites()[ready.user.origin];
            if origin.provider().get_transaction_count(ready.user.account).await? == ready.nonce {
                ready.act(scene).await?;
            }
        }
        let is_news = decide(&scene.program)?;
        if is_news && !is_told {
            is_told = true;
            scene.kill()?;
            scene.launch()?;
            scene.ready().await?;
        }
        ledger = Ledger::read(&scene.devnet).await?;
    }
    for site in scene.devnet.sites() {
        let height = site.height().await?;
        until_async(PATIENCE, async || Ok((site.height().await? > height + 4).then_some(()))).await?;
    }
    Ok(())
}

/// Approves and voids what is held; says whether there was something.
fn decide(program: &Program) -> Result<bool> {
    let held = program.query(&["ops", "list", "--phase", "held", "--limit", "1000"])?;
    let held = held["items"].as_array().context("no list")?;
    for operation in held {
        let id = operation["id"].as_str().context("no id")?;
        let amount = operation["amount"].as_str().context("no amount")?.parse()?;
        let decision = if plan::is_voided(amount) { "void" } else { "approve" };
        program.query(&["ops", decision, id, "--reason", "as planned"])?;
    }
    Ok(!held.is_empty())
}

impl User {
    fn lock(&self, home: &Site, destination: &Site) -> Result<IGateway::lockCall> {
        let is_home = home.name == destination.name;
        let owner = self.account.into_word();
        Ok(IGateway::lockCall {
            market: B256::new(home.market(STABLE)?.0.0),
            collateral: native(1) * U256::from(self.amount / UNIT),
            debt: self.amount,
            destination: B256::new(destination.deployment.id.0.0),
            recipient: if is_home { owner } else { self.recipient.into_word() },
            refundTo: owner,
            maxFee: 0,
        })
    }

    fn burn(&self, destination: &Site) -> Result<IGateway::burnCall> {
        let is_redeem = self.kind == OperationKind::Redeem;
        let market = if is_redeem { B256::new(destination.market(STABLE)?.0.0) } else { B256::ZERO };
        Ok(IGateway::burnCall {
            asset: synthetic()?,
            amount: self.amount,
            intent: IGateway::Intent {
                kind: self.kind.code(),
                destination: B256::new(destination.deployment.id.0.0),
                market,
                owner: market,
                recipient: self.recipient.into_word(),
                wanted: 0,
            },
            refundTo: self.account.into_word(),
            maxFee: 0,
        })
    }
}
