//! Users of AO: each signs one message, which is posted until it is scheduled and means what it means once. What a crash of the network loses
//! of a deposit is made good as operators do it: by the gateway's admin, off the token's history.

use std::sync::Arc;

use alloy::primitives::U256;
use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use tim3_arweave::{
    Id, Network,
    ans104::{DataItem, Tag},
};
use tim3_chain::{Actor as _, ChainError, UserAction};
use tim3_devnet::{
    AoSite, accounts,
    ao_site::{STABLE_NATIVE, account_of},
    daemon::until_async,
    plan::{STABLE, STABLE_DECIMALS, SYNTHETIC, UNIT},
};
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketId},
    protocol::OperationKind,
};
use tokio::task::JoinHandle;

use super::{
    PATIENCE,
    people::{DEPOSIT, PURSE},
    plan::{AO, Someone, User},
};

/// One unit of the protocol in units of the collateral's process.
const NATIVE: u128 = 10_u128.pow((STABLE_NATIVE - STABLE_DECIMALS) as u32);

/// A user's message on its way.
pub(super) struct Posted {
    network: Arc<Network>,
    process: Id,
    item: DataItem,
    posting: Option<JoinHandle<Result<(), ChainError>>>,
    /// It was scheduled when this was looked at last.
    is_scheduled: bool,
}

/// Gives every user what it needs, and the gateway a reserve.
pub(super) async fn prepare(site: &AoSite, users: &[&User]) -> Result<()> {
    let wallets: Vec<Id> = users.iter().map(|user| user.who.ao).collect();
    site.fund(STABLE, &wallets, u128::from(PURSE) * UNIT * NATIVE).await?;
    let (id, own) = (site.deployment.gateway, account_of("alice")?);
    let (market, amount) = (site.market(STABLE)?, DEPOSIT * UNIT);
    let lock = UserAction::Lock {
        market,
        collateral: amount,
        debt: amount,
        destination: id,
        recipient: own,
        refund_to: own,
        max_fee: 0,
    };
    site.user("alice").await?.act(lock).await?;
    let (network, alice) = (site.client()?, accounts::ao_wallet("alice")?);
    let burners = users.iter().filter(|user| user.kind != OperationKind::Mint);
    try_join_all(burners.map(|user| {
        let tags = [
            Tag::new("Action", "Transfer"),
            Tag::new("Recipient", user.who.ao.to_string()),
            Tag::new("Quantity", user.amount.to_string()),
            Tag::new("Cast", "true"),
        ];
        let (network, alice) = (&network, &alice);
        async move { network.send(alice, site.deployment.process, &tags, "").await }
    }))
    .await?;
    Ok(())
}

impl Posted {
    /// The user's message, not posted yet.
    pub(super) fn new(site: &AoSite, user: &User, there: (GatewayId, MarketId)) -> Result<Self> {
        let network = Arc::new(site.client()?);
        let (process, tags) = message(site, user, there)?;
        let item = network.message(&user.who.wallet()?, process, &tags, "")?;
        Ok(Self { network, process, item, posting: None, is_scheduled: false })
    }

    /// Posts it until it is scheduled, and then once more.
    pub(super) fn post(&mut self) {
        let (network, process, item) = (Arc::clone(&self.network), self.process, self.item.clone());
        self.posting = Some(tokio::spawn(async move {
            network.deliver(process, &item).await?;
            network.post(item.raw()).await
        }));
    }

    /// Looks whether it is scheduled, and posts it again where that failed.
    pub(super) async fn look(&mut self) -> Result<()> {
        let Some(posting) = self.posting.take_if(|posting| posting.is_finished()) else { return Ok(()) };
        match posting.await? {
            Ok(()) => self.is_scheduled = true,
            Err(_) => self.post(),
        }
        Ok(())
    }

    /// Whether it was scheduled when it was looked at.
    pub(super) fn is_scheduled(&self) -> bool {
        self.is_scheduled
    }

    /// After a deposit whose notice was lost: the admin records it, the user claims it, and locks it anew.
    pub(super) async fn recover(&mut self, site: &AoSite, user: &User, there: (GatewayId, MarketId)) -> Result<()> {
        ensure!(user.kind == OperationKind::Mint, "{user:?} burned nothing: {:?}", self.outcome().await?);
        let outcome = self.outcome().await?;
        let notice = outcome.action("Credit-Notice").with_context(|| format!("{user:?} gave nothing: {outcome:?}"))?;
        eprintln!("the notice of a deposit of {} by {} was lost", user.amount, user.who.ao);
        let call = json!({
            "call": "RecordDeposit", "asset": STABLE, "sender": user.who.ao, "quantity": (user.amount * NATIVE).to_string(),
            "cause": self.item.id(), "reference": notice.tag("Reference").context("a notice without a number")?,
        });
        site.govern(&call).await?;
        let actor = site.connect().await?.user(user.who.wallet()?);
        actor.act(UserAction::Claim { asset: AssetId::from_symbol(STABLE)?, to: actor.account() }).await?;
        let whole = u128::from(PURSE) * UNIT;
        until_async(PATIENCE, async || Ok((balance(site, STABLE, user.who).await? == U256::from(whole)).then_some(())))
            .await
            .context("a deposit that was claimed did not come back")?;
        *self = Self::new(site, user, there)?;
        self.post();
        Ok(())
    }

    async fn outcome(&self) -> Result<tim3_arweave::units::compute::Outcome> {
        Ok(self.network.outcome(self.process, self.item.id()).await?)
    }
}

/// What somebody has, in canonical units.
pub(super) async fn balance(site: &AoSite, symbol: &str, who: Someone) -> Result<U256> {
    let found = site.balance(symbol, who.ao).await?;
    let scale = if symbol == STABLE { NATIVE } else { 1 };
    ensure!(found % scale == 0, "{found} {symbol} is no whole number of canonical units");
    Ok(U256::from(found / scale))
}

/// Whom a user tells, and what.
fn message(site: &AoSite, user: &User, (destination, market): (GatewayId, MarketId)) -> Result<(Id, Vec<Tag>)> {
    let tag = |name: &str, value: &dyn ToString| Tag::new(name, value.to_string());
    let (recipient, refund_to) = (user.recipient.on(user.destination), user.who.on(AO));
    let gateway = site.deployment.process;
    if user.kind == OperationKind::Mint {
        let tags = vec![
            tag("Action", &"Transfer"),
            tag("Recipient", &gateway),
            tag("Quantity", &(user.amount * NATIVE)),
            tag("X-Action", &"Lock"),
            tag("X-Market", &site.market(STABLE)?),
            tag("X-Debt", &user.amount),
            tag("X-Destination", &destination),
            tag("X-Recipient", &recipient),
            tag("X-Refund-To", &refund_to),
        ];
        return Ok((site.token(STABLE)?, tags));
    }
    let mut tags = vec![
        tag("Action", &"Burn"),
        tag("Asset", &AssetId::from_symbol(SYNTHETIC)?),
        tag("Quantity", &user.amount),
        tag("Destination", &destination),
        tag("Recipient", &recipient),
        tag("Refund-To", &refund_to),
    ];
    if user.kind == OperationKind::Redeem {
        tags.extend([tag("Intent", &"Redeem"), tag("Market", &market), tag("Position-Owner", &market.reserve_owner())]);
    } else {
        tags.push(tag("Intent", &"Transfer"));
    }
    Ok((gateway, tags))
}
