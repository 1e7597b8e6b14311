//! Two hundred operations between two EVM chains, Solana and AO while everything around them fails: the daemon is killed, blocks are taken back,
//! the validator goes down and comes back from its ledger, transactions are swallowed until their blockhashes have expired, and on each of these
//! chains the endpoint that is asked first stalls, lies and answers garbage. The AO network is killed with deposits and payouts on their way
//! between its processes, which are lost, and comes back from its store; its units fail, keep their replies to themselves, push messages twice,
//! and one of them is out of date. In the end the chains themselves must show each operation delivered exactly once.
//!
//! `TIM3_SEED` repeats a plan; what chance there is besides is the machine's timing.

mod ao;
mod ledger;
mod people;
mod plan;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tim3_devnet::{
    ao::{AoNetwork, Held},
    ao_site,
    daemon::{Program, until, until_async},
    proxy::{EVERY_FAULT, EVERY_SOLANA_FAULT, Fault, Plan, Proxy},
    solana,
};
use tokio::time::{Instant, sleep_until};
use url::Url;

use self::{
    ledger::Ledger,
    people::{Heights, Ready, final_now},
    plan::Happening,
};
use crate::scene::Scene;

/// How long the last operations may take once everything works again.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the daemon writes about a transaction whose blockhash expired before it was included.
const EXPIRED: &str = "it can no longer be included";
/// What it writes about a payout that its token was not told of.
const RESENT: &str = "a payout never reached its token: it is sent again";

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_ends_once_whatever_fails() -> Result<()> {
    let seed = plan::seed()?;
    eprintln!("TIM3_SEED={seed}");
    let plan = plan::make(seed)?;
    let mut scene = Scene::with(|options| {
        // Final with four blocks on top: no reorg of the plan reaches that deep.
        options.slots_in_an_epoch = 2;
        options.solana = true;
        options.ticks_per_slot = 8;
        options.ao = true;
        options.compute_units = 3;
    })
    .await?;
    let mut users = people::prepare(&scene.devnet, &plan.users).await?;
    let endpoints = Endpoints::start(&mut scene, seed).await?;

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
            Happening::Reorg { chain, depth } => scene.devnet.sites()[*chain].anvil().reorg(*depth).await?,
            Happening::Down(plan::AO) => network(&mut scene)?.kill()?,
            Happening::Down(_) => validator(&mut scene)?.stop().await?,
            Happening::Up(plan::AO) => network(&mut scene)?.revive().await?,
            Happening::Up(_) => validator(&mut scene)?.start().await?,
            Happening::Hold => {
                network(&mut scene)?.fault(&json!({"unit": "push", "kind": "hold", "times": -1})).await?;
            }
            Happening::Crash => crash(&mut scene).await?,
            // One that is down cannot fail.
            Happening::Fault(fault) if network(&mut scene)?.check().is_ok() => {
                network(&mut scene)?.fault(fault).await?;
            }
            Happening::Fault(_) => {}
            Happening::Clear => network(&mut scene)?.clear_faults().await?,
            Happening::Swallow => endpoints.swallow(),
            Happening::Pass => {
                until(PATIENCE, || Ok((scene.logged(EXPIRED)? > 0).then_some(()))).await?;
                endpoints.pass();
            }
            Happening::Act(index) => users[*index].act(&scene.devnet).await?,
        }
    }
    eprintln!("the plan took {:.0?}", begun.elapsed());
    settled(&mut scene, &mut users).await?;
    eprintln!("everything was settled after {:.0?}", begun.elapsed());
    endpoints.report();
    eprintln!("{} transactions could no longer be included", scene.logged(EXPIRED)?);

    let ledger = Ledger::read(&scene.devnet).await?;
    ledger.check(users.len())?;
    // A payout that a crash lost arrives when it is missed.
    let _ = until_async(PATIENCE, async || Ok(paid(&scene, &users).await.ok())).await;
    recorded(&scene, &ledger).await?;
    scene.audited(ledger.supply()).await?;
    paid(&scene, &users).await?;
    let resent = scene.logged(RESENT)?;
    eprintln!("{resent} payouts were sent again");
    ensure!(resent > 0, "no payout was lost and sent again");
    let overpaid = people::ao(&scene.devnet)?.overpaid().await?;
    ensure!(overpaid == 0, "AO paid {overpaid} twice");
    scene.end().await
}

/// Every recipient has what was sent, once, and everybody else has it back.
async fn paid(scene: &Scene, users: &[Ready<'_>]) -> Result<()> {
    for user in users {
        user.paid(&scene.devnet).await?;
    }
    Ok(())
}

fn network(scene: &mut Scene) -> Result<&mut AoNetwork> {
    Ok(scene.devnet.ao.as_mut().context("no AO network")?.network_mut())
}

/// kill -9 of the AO network, as soon as the gateway waits for the notice of a deposit and a token is to make a payout.
async fn crash(scene: &mut Scene) -> Result<()> {
    let gateway = people::ao(&scene.devnet)?.deployment.process.to_string();
    let network = network(scene)?;
    let waited = until_async(PATIENCE, async || {
        let held = network.held().await?;
        let is_deposit = |held: &Held| held.target == gateway && held.action == "Credit-Notice";
        let is_payout = |held: &Held| held.from == gateway && held.action == "Transfer";
        Ok((held.iter().any(is_deposit) && held.iter().any(is_payout)).then_some(held.len()))
    });
    eprintln!("{} messages between processes are lost", waited.await.context("no deposit and payout on their way")?);
    network.kill()
}

fn validator(scene: &mut Scene) -> Result<&mut tim3_devnet::SolanaSite> {
    scene.devnet.solana.as_mut().context("no Solana chain")
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

/// Three endpoints to each chain, of which the first is asked first and wrong, and two must agree.
struct Endpoints {
    faulty: Vec<Proxy>,
    /// The way of both good endpoints to the validator.
    valve: Proxy,
    seed: u64,
}

impl Endpoints {
    async fn start(scene: &mut Scene, seed: u64) -> Result<Self> {
        let node = scene.devnet.solana.as_ref().context("no Solana chain")?.validator()?.url()?;
        let valve = Proxy::start(node.clone(), Plan::Always(Fault::None)).await?;
        let [a, b] = scene.devnet.sites().map(|site| (site.name, site.anvil().url().clone()));
        let chains = [(a.0, a.1.clone(), a.1), (b.0, b.1.clone(), b.1), (solana::NAME, node, valve.url().clone())];
        let mut faulty = Vec::new();
        for (index, (name, node, good)) in (0..).zip(chains) {
            let proxy = Proxy::start(node, faults(name, seed + index)).await?;
            scene.program = behind(scene.program.clone(), name, proxy.url(), &good);
            faulty.push(proxy);
        }
        scene.program = lagging(scene.program.clone(), people::ao(&scene.devnet)?.network())?;
        Ok(Self { faulty, valve, seed })
    }

    /// Lets no transaction through to Solana.
    fn swallow(&self) {
        for proxy in self.faulty.iter().skip(plan::SOLANA).chain([&self.valve]) {
            proxy.set_plan(Plan::Always(Fault::Swallow));
        }
    }

    fn pass(&self) {
        for proxy in self.faulty.iter().skip(plan::SOLANA) {
            proxy.set_plan(faults(solana::NAME, self.seed));
        }
        self.valve.set_plan(Plan::Always(Fault::None));
    }

    fn report(&self) {
        for proxy in self.faulty.iter().chain([&self.valve]) {
            let (requests, url, swallowed) = (proxy.requests(), proxy.url(), proxy.swallowed());
            eprintln!("{requests} requests through {url}, {swallowed} swallowed: {:?}", proxy.calls());
        }
    }
}

/// An endpoint that fails in every way there is.
fn faults(chain: &str, seed: u64) -> Plan {
    let faults = if chain == solana::NAME { EVERY_SOLANA_FAULT.to_vec() } else { EVERY_FAULT.to_vec() };
    Plan::Seeded { seed, faults, burst: 4 }
}

fn behind(program: Program, name: &str, faulty: &Url, good: &Url) -> Program {
    let endpoints = [
        format!("{{ name = 'faulty', url = '{faulty}' }}"),
        format!("{{ name = 'good', url = '{good}', priority = 1 }}"),
        format!("{{ name = 'also good', url = '{good}?another', priority = 1 }}"),
    ];
    program
        .with_set(format!("chains.{name}.endpoints=[{}]", endpoints.join(", ")))
        .with_set(format!("chains.{name}.quorum=2"))
        .with_set(format!("chains.{name}.request_timeout=500ms"))
}

/// Three compute units of the AO network, of which the one that will be out of date is asked first, and two must agree.
fn lagging(program: Program, network: &AoNetwork) -> Result<Program> {
    let (mu, su, arweave) = (network.messenger()?, network.scheduler()?, network.gateway()?);
    let mut endpoints = vec![
        format!("{{ unit = 'mu', url = '{mu}' }}"),
        format!("{{ unit = 'su', url = '{su}' }}"),
        format!("{{ unit = 'arweave', url = '{arweave}' }}"),
    ];
    for (priority, unit) in network.compute_units()?.into_iter().enumerate() {
        endpoints.push(format!("{{ unit = 'cu', url = '{unit}', priority = {priority} }}"));
    }
    let set = |key: &str, value: &str| format!("chains.{}.{key}={value}", ao_site::NAME);
    Ok(program
        .with_set(set("endpoints", &format!("[{}]", endpoints.join(", "))))
        .with_set(set("quorum", "2"))
        .with_set(set("request_timeout", "5s"))
        .with_set(set("poll_interval", "1s"))
        .with_set(set("mirror_interval", "5s"))
        .with_set(set("resend_after", "5s")))
}

/// Waits until each user's transaction is in a block and each operation came to its end, and all of it is final. Plays the operator of those
/// that are held, and kills the daemon once more when it has just been told.
async fn settled(scene: &mut Scene, users: &mut [Ready<'_>]) -> Result<()> {
    network(scene)?.clear_faults().await?;
    scene.ready().await?;
    let mut is_told = false;
    let mut ledger = Ledger::default();
    let begun = Instant::now();
    while !ledger.is_settled(users.len()) {
        ensure!(begun.elapsed() < PATIENCE, "{}", ledger.summary());
        // Heights first: what the ledger then does not know and has expired will never be.
        let heights = Heights::of(people::solana(&scene.devnet)?).await?;
        // And what was scheduled on AO is known when everything there has arrived.
        for user in users.iter_mut() {
            user.look().await?;
        }
        people::ao(&scene.devnet)?.network().idle().await?;
        ledger = Ledger::read(&scene.devnet).await?;
        let actors = ledger.actors();
        for user in users.iter_mut() {
            user.act_again(&scene.devnet, heights, &actors).await?;
        }
        let is_news = decide(&scene.program)?;
        if is_news && !is_told {
            is_told = true;
            scene.kill()?;
            scene.launch()?;
            scene.ready().await?;
        }
    }
    for site in scene.devnet.sites() {
        final_now(site).await?;
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
