//! What users do on chains of any kind, as actions of the adapters' actors.

use anyhow::{Context as _, Result};
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{Site, accounts, plan::SYNTHETIC};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::Operation,
};

use crate::scene::{events_of, receipt};

pub(crate) fn lock(
    market: MarketId,
    amount: u128,
    destination: GatewayId,
    recipient: Account,
    refund_to: Account,
) -> UserAction {
    UserAction::Lock { market, collateral: amount, debt: amount, destination, recipient, refund_to, max_fee: 0 }
}

pub(crate) fn transfer(
    amount: u128,
    destination: GatewayId,
    recipient: Account,
    refund_to: Account,
) -> Result<UserAction> {
    let asset = AssetId::from_symbol(SYNTHETIC)?;
    Ok(UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee: 0 })
}

pub(crate) fn redeem(
    market: MarketId,
    amount: u128,
    home: GatewayId,
    recipient: Account,
    refund_to: Account,
) -> Result<UserAction> {
    let (asset, owner) = (AssetId::from_symbol(SYNTHETIC)?, market.reserve_owner());
    Ok(UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted: 0, refund_to, max_fee: 0 })
}

/// Lets a user act on an EVM chain; gives the operation that the gateway recorded.
pub(crate) async fn on_ethereum(site: &Site, user: &str, action: UserAction) -> Result<Operation> {
    let transaction = site.user(accounts::key(user)?).await?.act(action).await?;
    let events = events_of(&receipt(site, &transaction).await?)?;
    let operation = events.iter().find_map(|event| event.body.started().cloned());
    operation.with_context(|| format!("{transaction} started nothing"))
}
