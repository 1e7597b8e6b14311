//! The price of the vault market's collateral: an account as Pyth's receiver makes it, in the chain from its first block on. It stands still until
//! somebody publishes another one.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tim3_domain::word::keccak_text;
use tim3_solana::{AccountMeta, Instruction, Pubkey, Signer as _, address::PYTH_RECEIVER, deploy::plan::OraclePlan};
use tim3_solana_interface::external::PriceUpdate;

use super::{SolanaSite, receiver};
use crate::{accounts, plan::TEN_YEARS};

/// What a dollar is in a price.
const DOLLAR: i64 = 100_000_000;
/// In dollars, at first.
const PRICE: i64 = 150;
/// More than the rent of the account, in lamports.
const LAMPORTS: u64 = 10_000_000;
/// The account with the chain's clock, and where in it the time is.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
const TIME: usize = 32;

/// What a validator is given at its first start.
pub(super) struct Genesis {
    /// A directory with the account.
    pub(super) accounts: PathBuf,
    /// The program that may write to it, and its address.
    pub(super) program: (String, PathBuf),
}

/// Writes account and program where a validator finds them.
pub(super) fn write(directory: &Path) -> Result<Genesis> {
    let published = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let data = BASE64_STANDARD.encode(update(PRICE, published)?.write(&oracle().account.to_bytes()));
    let account = json!({
        "pubkey": oracle().account.to_string(),
        "account": {
            "lamports": LAMPORTS,
            "data": [data, "base64"],
            "owner": PYTH_RECEIVER.to_string(),
            "executable": false,
            "rentEpoch": 0,
            "space": PriceUpdate::LENGTH,
        },
    });
    let (accounts, program) = (directory.join("solana-accounts"), directory.join("solana-receiver.so"));
    fs::create_dir_all(&accounts)
        .and_then(|()| fs::write(accounts.join("price.json"), account.to_string()))
        .and_then(|()| fs::write(&program, receiver::program()))
        .with_context(|| format!("cannot write to {}", directory.display()))?;
    Ok(Genesis { accounts, program: (PYTH_RECEIVER.to_string(), program) })
}

/// So many dollars, without doubt.
fn update(dollars: i64, published: u64) -> Result<PriceUpdate> {
    Ok(PriceUpdate {
        full: true,
        feed: oracle().feed.0,
        price: dollars.checked_mul(DOLLAR).context("more dollars than a price can have")?,
        confidence: 0,
        exponent: -8,
        published: i64::try_from(published)?,
    })
}

/// What the market is told of it.
pub(super) fn oracle() -> OraclePlan {
    OraclePlan {
        program: PYTH_RECEIVER,
        account: accounts::solana_key("price").pubkey(),
        feed: keccak_text("SOL/USD"),
        max_age_seconds: TEN_YEARS,
        max_confidence_bps: 100,
    }
}

impl SolanaSite {
    /// Where the price of the volatile collateral is, and of which feed it is.
    #[must_use]
    pub fn oracle(&self) -> OraclePlan {
        oracle()
    }

    /// The chain's clock, in seconds since 1970.
    ///
    /// # Errors
    /// What the node says.
    pub async fn clock(&self) -> Result<u64> {
        let data = self.account(&CLOCK).await?.context("no clock")?;
        let time = data.get(TIME..).and_then(|rest| rest.first_chunk()).context("no clock")?;
        Ok(u64::from_le_bytes(*time))
    }

    /// A price of so many dollars without doubt, published now: to be published as it is, or after it was changed.
    ///
    /// # Errors
    /// What the node says.
    pub async fn quote(&self, dollars: i64) -> Result<PriceUpdate> {
        update(dollars, self.clock().await?)
    }

    /// Publishes a price.
    ///
    /// # Errors
    /// What the node says.
    pub async fn publish(&self, update: &PriceUpdate) -> Result<()> {
        self.write_price(update.write(&oracle().account.to_bytes())).await
    }

    /// Makes the price account say this, whatever it means.
    ///
    /// # Errors
    /// What the node says, and for another number of bytes than the account has.
    pub async fn write_price(&self, data: Vec<u8>) -> Result<()> {
        ensure!(data.len() == PriceUpdate::LENGTH, "a price account has {} bytes", PriceUpdate::LENGTH);
        let accounts = vec![AccountMeta::new(oracle().account, false)];
        let write = Instruction { program_id: PYTH_RECEIVER, accounts, data };
        Ok(self.deployer.send("price", &[write]).await?)
    }
}
