//! A constant-product pool of the stable collateral and the synthetic, with the accounts and instructions of `spl-token-swap`, at the address where that
//! program is on the public cluster. `contracts/solana/pool` says what the program here is, and why.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tim3_chain::{Actor as _, UserAction};
use tim3_solana::{
    AccountMeta, Instruction, Keypair, Pubkey,
    address::{account, token_account, token_program},
};
use tim3_solana_interface::pool as layout;

use super::{SolanaSite, token};
use crate::plan::{STABLE, SYNTHETIC, UNIT};

/// The program, as it is committed.
const PROGRAM: &[u8] = include_bytes!("../../../../contracts/solana/artifacts/tim3_pool.so");
/// Where it is.
const ADDRESS: Pubkey = Pubkey::new_from_array(layout::PROGRAM);

/// A pool.
#[derive(Clone, Copy, Debug)]
pub struct SwapPool {
    /// Its account.
    pub swap: Pubkey,
    /// The program that it belongs to.
    pub program: Pubkey,
    /// Who owns what it holds.
    authority: Pubkey,
}

/// Writes the program where a validator finds it; gives its address and the file.
pub(super) fn write(directory: &Path) -> Result<(String, PathBuf)> {
    let file = directory.join("solana-pool.so");
    std::fs::write(&file, PROGRAM).with_context(|| format!("cannot write {}", file.display()))?;
    Ok((ADDRESS.to_string(), file))
}

impl SolanaSite {
    /// A pool with `whole` of either token in it, that takes 0.3 % as Uniswap's do. `provider` locks for the synthetic.
    ///
    /// # Errors
    /// What the node says.
    pub async fn open_pool(&self, provider: Keypair, whole: u64) -> Result<SwapPool> {
        /// Of the pool's own token.
        const DECIMALS: u8 = 6;
        /// 30 of 10,000 stay in the pool; its owner, withdrawals and hosts take nothing.
        const FEES: [u64; 8] = [30, 10_000, 0, 10_000, 0, 10_000, 0, 10_000];
        let deployer = &self.deployer;
        let swap = deployer.new_account(layout::LENGTH, &ADDRESS).await?;
        let (authority, _) = Pubkey::find_program_address(&[swap.as_ref()], &ADDRESS);
        let pool = SwapPool { swap, program: ADDRESS, authority };
        self.donate_stable(&pool, whole).await?;
        self.donate_synthetic(&pool, provider, whole).await?;
        let mint = deployer.new_mint(DECIMALS, &authority).await?;
        let me = deployer.address();
        deployer.open_token_account(&mint, &me).await?;
        let held = |symbol| token(&self.deployment, symbol).map(|mint| token_account(&authority, &mint));
        let mut data = vec![layout::INITIALIZE];
        data.extend(FEES.iter().flat_map(|number| number.to_le_bytes()));
        data.resize(layout::TERMS.saturating_add(1), layout::CONSTANT_PRODUCT);
        let initialize = Instruction {
            program_id: ADDRESS,
            accounts: vec![
                AccountMeta::new(swap, false),
                AccountMeta::new_readonly(authority, false),
                AccountMeta::new_readonly(held(STABLE)?, false),
                AccountMeta::new_readonly(held(SYNTHETIC)?, false),
                AccountMeta::new(mint, false),
                AccountMeta::new_readonly(token_account(&me, &mint), false),
                AccountMeta::new(token_account(&me, &mint), false),
                AccountMeta::new_readonly(token_program(), false),
            ],
            data,
        };
        deployer.send("pool", &[initialize]).await?;
        Ok(pool)
    }

    /// Makes the synthetic dearer there: more of the stable collateral, from nowhere.
    ///
    /// # Errors
    /// What the node says.
    pub async fn donate_stable(&self, pool: &SwapPool, whole: u64) -> Result<()> {
        let amount = whole.checked_mul(u64::try_from(UNIT)?).context("more than a token account holds")?;
        let mint = token(&self.deployment, STABLE)?;
        Ok(self.deployer.mint_test_token(&mint, &pool.authority, amount).await?)
    }

    /// Makes it cheaper there: more of it, for what `provider` locks.
    ///
    /// # Errors
    /// What the node says.
    pub async fn donate_synthetic(&self, pool: &SwapPool, provider: Keypair, whole: u64) -> Result<()> {
        let user = self.user(provider).await?;
        let amount = u128::from(whole).checked_mul(UNIT).context("more than there can be")?;
        let lock = UserAction::Lock {
            market: self.market(STABLE)?,
            collateral: amount,
            debt: amount,
            destination: self.deployment.id,
            recipient: account(&pool.authority),
            refund_to: user.account(),
            max_fee: 0,
        };
        user.act(lock).await?;
        Ok(())
    }

    /// What a pool holds of the stable collateral and of the synthetic, in units of their mints.
    ///
    /// # Errors
    /// What the node says.
    pub async fn held(&self, pool: &SwapPool) -> Result<[u64; 2]> {
        Ok([self.balance(STABLE, &pool.authority).await?, self.balance(SYNTHETIC, &pool.authority).await?])
    }
}
