//! `tim3d keeper rehearse` on a copy of chain a, which stands for a chain of the world: nothing happens on it meanwhile.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use alloy::{eips::BlockId, primitives::B256, providers::Provider as _};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tim3_devnet::{
    accounts::{self, KEEPER},
    anvil::{self, Mining},
    daemon::until,
    plan::{SYNTHETIC, UNIT},
};

use crate::{
    keeper::{inventory, positions},
    scene::{PATIENCE, Scene},
};

/// They owe 1450 TIM3 each against one WETH; others less, and the last one the least, so that a rehearsal which does not know it shows.
const WEAK: usize = 25;
const OTHERS: [u128; 5] = [1_100, 1_100, 1_100, 1_100, 1_000];

/// What must be the same before and after.
async fn state(scene: &Scene) -> Result<(B256, u64, usize, String)> {
    let (site, keeper) = (&scene.devnet.a, accounts::address(KEEPER)?);
    let block = site.provider().get_block(BlockId::latest()).await?.context("no block")?;
    let nonce = site.provider().get_transaction_count(keeper).await?;
    let balance = site.balance(SYNTHETIC, keeper).await?;
    Ok((block.header.hash, nonce, site.events().await?.len(), balance.to_string()))
}

/// Rehearses, and gives the report with the exit code.
fn rehearse(scene: &Scene, options: &[&str]) -> Result<(Value, Option<i32>)> {
    let output = scene.program.output(&[&["keeper", "rehearse", "--json"], options].concat())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).with_context(|| format!("no report: {said}"))?;
    Ok((report, output.status.code()))
}

/// Processes that were started with something in `directory`.
fn processes(directory: &Path) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc")? {
        // One that has ended meanwhile has no arguments any more.
        let arguments = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        found += usize::from(arguments.contains("--cache-path") && arguments.contains(&*directory.to_string_lossy()));
    }
    Ok(found)
}

#[tokio::test]
async fn a_rehearsal_tells_what_would_be_left_over_and_why_and_leaves_the_chain_as_it_was() -> Result<()> {
    let mut scene = Scene::with(|options| options.mining = Mining::Auto).await?;
    let anvil = anvil::find()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", anvil.parent().context("a directory")?.display());
    let temporary = scene.devnet.directory.join("temporary");
    std::fs::create_dir(&temporary)?;
    let shown = temporary.to_string_lossy().into_owned();
    scene.program =
        scene.program.clone().with_file(scene.devnet.keeper()).with_env("PATH", &path).with_env("TMPDIR", &shown);
    inventory(&scene.devnet.a, 10_000 * UNIT).await?;
    positions(&scene.devnet.a, &[vec![1_450; WEAK], OTHERS.to_vec()].concat()).await?;
    let before = state(&scene).await?;

    // 1400 dollars: each of the weak takes 1333.333334 TIM3, whole or not at all, and there are 10,000.
    let (report, code) = rehearse(&scene, &["--fall", "30"])?;
    assert_eq!(code, Some(3), "{report:#}");
    assert_eq!(report["prices"], json!([{"asset": "WETH", "before": "2000", "after": "1400"}]));
    assert_eq!(
        (&report["positions"], &report["unhealthy"], &report["liquidated"]),
        (&json!(30), &json!(25), &json!(7)),
        "{report:#}"
    );
    let [left] = report["left"].as_array().map(Vec::as_slice).context("a list")? else { panic!("{report:#}") };
    assert_eq!(
        (&left["why"], &left["positions"], &left["debt"]),
        (&json!("inventory"), &json!(18), &json!("26100")),
        "{report:#}"
    );
    let inventory = &report["inventory"][0];
    assert_eq!((&inventory["at_hand"], &inventory["needed"]), (&json!("10000"), &json!("33333.33335")), "{report:#}");
    assert_eq!((&report["exact"], &report["finished"]), (&json!(true), &json!(true)), "{report:#}");

    // 1249.99 dollars, at which all are unhealthy, with what all of it takes.
    let (report, code) = rehearse(&scene, &["--unlimited"])?;
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        (&report["unhealthy"], &report["liquidated"], &report["left"]),
        (&json!(30), &json!(30), &json!([])),
        "{report:#}"
    );
    assert_eq!(report["prices"][0]["after"], "1249.99999999");
    assert_eq!(
        (&report["liquidations"], &report["failures"], &report["exact"]),
        (&json!(30), &json!(0), &json!(true)),
        "{report:#}"
    );
    assert_ne!(report["bad_debt"], "0");

    assert_eq!(state(&scene).await?, before, "the chain is what it was");
    assert_eq!((processes(&temporary)?, std::fs::read_dir(&temporary)?.count()), (0, 0), "nothing is left behind");

    killed(&scene, &path, &temporary).await
}

/// kill -9 in the middle: the copy ends as well.
async fn killed(scene: &Scene, path: &str, temporary: &Path) -> Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tim3d"));
    command.arg("--config").arg(scene.devnet.configuration()).arg("--config").arg(scene.devnet.keeper());
    command.args(["keeper", "rehearse"]).env("PATH", path).env("TMPDIR", temporary);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let started = until(PATIENCE, || Ok((processes(temporary)? > 0).then_some(()))).await;
    child.kill()?;
    child.wait()?;
    started.context("no anvil is started")?;
    until(PATIENCE, || Ok((processes(temporary)? == 0).then_some(()))).await.context("the copy goes on")?;
    ensure!(std::fs::read_dir(temporary)?.next().is_some(), "it was killed before it could tidy up");
    Ok(())
}
