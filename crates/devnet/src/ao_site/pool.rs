//! A constant-product pool of the stable collateral and the synthetic, with the messages of Botega's pools. `contracts/ao/pool` says what the process here is, and what
//! is known of those.

use anyhow::{Context as _, Result, ensure};
use tim3_arweave::{Id, Network, Sent, ans104::Tag};
use tim3_chain::{Actor as _, UserAction};

use super::{AoSite, STABLE_NATIVE};
use crate::{
    accounts,
    plan::{STABLE, STABLE_DECIMALS, SYNTHETIC, UNIT},
};

/// The process, as it is committed.
const POOL: &str = include_str!("../../../../contracts/ao/pool/pool.lua");

impl AoSite {
    /// A pool with `whole` of either token in it, that takes 0.3 % as Uniswap's do. `provider` has the collateral, and locks more of it for the synthetic.
    ///
    /// # Errors
    /// What the network says.
    pub async fn open_pool(&self, provider: &str, whole: u128) -> Result<Id> {
        let (stable, synthetic) = (self.token(STABLE)?.to_string(), self.token(SYNTHETIC)?.to_string());
        let tags = [("Token-A", stable.as_str()), ("Token-B", &synthetic), ("Fee-Bps", "30")];
        let pool = self.deployer.spawn(&tags).await?;
        self.client()?.eval(&accounts::ao_wallet(accounts::ADMIN)?, pool, POOL).await?;
        self.lock_at_home(provider, whole).await?;
        for symbol in [STABLE, SYNTHETIC] {
            self.send_to_pool(pool, provider, symbol, whole, &[("X-Action", "Provide"), ("X-Slippage-Tolerance", "1")])
                .await?;
        }
        ensure!(
            self.held(pool).await? == [native(STABLE, whole)?, native(SYNTHETIC, whole)?],
            "the pool is not filled"
        );
        Ok(pool)
    }

    /// Locks the stable collateral of a user for as much of the synthetic, here.
    ///
    /// # Errors
    /// What the network says.
    pub async fn lock_at_home(&self, user: &str, whole: u128) -> Result<()> {
        let (user, amount) = (self.user(user).await?, native(SYNTHETIC, whole)?);
        let lock = UserAction::Lock {
            market: self.market(STABLE)?,
            collateral: amount,
            debt: amount,
            destination: self.deployment.gateway,
            recipient: user.account(),
            refund_to: user.account(),
            max_fee: 0,
        };
        user.act(lock).await?;
        Ok(())
    }

    /// Lets a user swap so much of a token in a pool, for whatever it brings.
    ///
    /// # Errors
    /// What the network says, and where the token does not transfer.
    pub async fn swap(&self, pool: Id, user: &str, symbol: &str, whole: u128) -> Result<()> {
        let tags = [("X-Action", "Swap"), ("X-Expected-Min-Output", "1")];
        self.send_to_pool(pool, user, symbol, whole, &tags).await
    }

    /// What a pool has of the stable collateral and of the synthetic, as these say, in their own units.
    ///
    /// # Errors
    /// What the network says.
    pub async fn held(&self, pool: Id) -> Result<[u128; 2]> {
        Ok([self.balance(STABLE, pool).await?, self.balance(SYNTHETIC, pool).await?])
    }

    /// Transfers a token to a pool with these tags, and waits for all that follows.
    async fn send_to_pool(&self, pool: Id, user: &str, symbol: &str, whole: u128, tags: &[(&str, &str)]) -> Result<()> {
        let (pool, quantity) = (pool.to_string(), native(symbol, whole)?.to_string());
        let transfer = [("Action", "Transfer"), ("Recipient", pool.as_str()), ("Quantity", &quantity)];
        let tags: Vec<Tag> = transfer.iter().chain(tags).map(|(name, value)| Tag::new(*name, *value)).collect();
        let client: Network = self.client()?;
        let Sent { outcome, .. } = client.send(&accounts::ao_wallet(user)?, self.token(symbol)?, &tags, "").await?;
        outcome.action("Debit-Notice").with_context(|| format!("{symbol} is not transferred: {outcome:?}"))?;
        self.network.idle().await
    }
}

/// So many whole ones in the token's own units.
fn native(symbol: &str, whole: u128) -> Result<u128> {
    let more = if symbol == STABLE { STABLE_NATIVE.saturating_sub(STABLE_DECIMALS) } else { 0 };
    let unit = UNIT.checked_mul(10_u128.saturating_pow(more.into()));
    unit.and_then(|unit| unit.checked_mul(whole)).context("more than there can be")
}
