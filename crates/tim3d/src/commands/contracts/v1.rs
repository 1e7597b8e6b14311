//! `tim3d contracts check` of V1 processes: whether they can be adopted, whether they are, and what their histories and books show.

use anyhow::{Error, Result};
use async_trait::async_trait;
use tim3_arweave::v1::{
    adopt,
    driver::{DriveError, Driver},
    journal::{Entry, Memory, MemoryError},
};
use tim3_chain::findings::Report;

use crate::{config::V1, output::now_ms, v1};

/// Only looks, and has nothing to remember.
struct Nothing;

#[async_trait]
impl Memory for Nothing {
    fn recall(&self) -> Result<Vec<Entry>, MemoryError> {
        Ok(Vec::new())
    }

    async fn record(&mut self, _: &Entry) -> Result<(), MemoryError> {
        Err(MemoryError("nothing is sent by a check".to_owned()))
    }
}

pub(super) async fn report(settings: &V1) -> Result<Report> {
    let wallet = v1::wallet(settings).await?;
    let mut report = Report::default();
    report.add("wallet for the slots", wallet.address(), None::<&str>);
    match v1::driver(settings, wallet, Box::new(Nothing), v1::network(settings, None)?).await {
        Ok(mut driver) => {
            report.add("answers, decimals, ratio", "as needed", Some("as needed"));
            driver.look(now_ms()).await?;
            found(&driver, &mut report);
            Ok(report)
        }
        Err(error) => {
            for unfit in unfit(error)? {
                report.add("fit to be adopted", unfit, Some("answers, decimals and ratio as needed"));
            }
            Ok(report)
        }
    }
}

fn unfit(error: Error) -> Result<Vec<String>> {
    match error.downcast::<DriveError>()? {
        DriveError::Unfit(unfit) => Ok(unfit.iter().map(ToString::to_string).collect()),
        error => Err(error.into()),
    }
}

fn found(driver: &Driver, report: &mut Report) {
    let missing = driver.planner().missing();
    for setting in &missing {
        let what = format!("{} of the {}", setting.name, setting.role);
        report.add(what, format!("not {} yet; the daemon sets it", setting.value), None::<&str>);
    }
    if missing.is_empty() {
        report.add("slots", "the daemon's", Some("the daemon's"));
    }
    if let Some(books) = driver.books() {
        let tokens = format!("supply {}, balances {}, minted {}", books.supply, books.balances, books.minted);
        report.add("tokens", tokens, None::<&str>);
        let collateral = format!("counted {}, in locks {}, held {}", books.collateral, books.locks, books.held);
        report.add("collateral", collateral, None::<&str>);
    }
    for finding in driver.findings(now_ms()) {
        // What halts the daemon is wrong; the rest is for a human to judge.
        let halts = matches!(finding, adopt::Finding::Halted { .. });
        report.add("finding", v1::view::finding(&finding), halts.then_some("none that halts"));
    }
}
