//! The price of the vault market's collateral: an account as Pyth's receiver makes it, in the chain from its first block on. It stands still.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tim3_domain::word::keccak_text;
use tim3_solana::{Pubkey, Signer as _, deploy::plan::OraclePlan};
use tim3_solana_interface::external::PriceUpdate;

use crate::{accounts, plan::TEN_YEARS};

/// Pyth's receiver program.
const RECEIVER: Pubkey = Pubkey::from_str_const("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
/// 150 USD, in hundred millionths.
const PRICE: i64 = 15_000_000_000;
/// More than the rent of the account, in lamports.
const LAMPORTS: u64 = 10_000_000;

/// Writes the account where a validator finds it at its first start; gives the directory.
pub(super) fn write(directory: &Path) -> Result<PathBuf> {
    let published = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let update = PriceUpdate {
        full: true,
        feed: oracle().feed.0,
        price: PRICE,
        confidence: 0,
        exponent: -8,
        published: i64::try_from(published)?,
    };
    let data = BASE64_STANDARD.encode(update.write(&oracle().account.to_bytes()));
    let account = json!({
        "pubkey": oracle().account.to_string(),
        "account": {
            "lamports": LAMPORTS,
            "data": [data, "base64"],
            "owner": RECEIVER.to_string(),
            "executable": false,
            "rentEpoch": 0,
            "space": PriceUpdate::LENGTH,
        },
    });
    let accounts = directory.join("solana-accounts");
    fs::create_dir_all(&accounts)
        .and_then(|()| fs::write(accounts.join("price.json"), account.to_string()))
        .with_context(|| format!("cannot write to {}", accounts.display()))?;
    Ok(accounts)
}

/// What the market is told of it.
pub(super) fn oracle() -> OraclePlan {
    OraclePlan {
        program: RECEIVER,
        account: accounts::solana_key("price").pubkey(),
        feed: keccak_text("SOL/USD"),
        max_age_seconds: TEN_YEARS,
        max_confidence_bps: 100,
    }
}
