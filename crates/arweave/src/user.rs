//! What a user does at a gateway, with a wallet of its own.

use std::sync::Arc;

use async_trait::async_trait;
use tim3_chain::{Actor, ChainError, TxId, UserAction};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, GatewayId, MarketId},
    protocol::SignedOrder,
};

use crate::{
    ans104::Tag,
    assets::AssetRecord,
    connect::Voters,
    id::Id,
    link::Link,
    submitter::failed,
    units::compute::{Outcome, Outgoing, Trial},
    view::reason,
    wallet::Wallet,
};

/// A user of a gateway. Many actions may be on their way at once.
#[derive(Debug)]
pub struct User {
    link: Arc<Link>,
    voters: Arc<Voters>,
    wallet: Wallet,
}

/// What a lock asks for, besides the collateral that it brings.
pub(crate) struct Draw {
    pub(crate) market: MarketId,
    pub(crate) debt: u128,
    pub(crate) destination: GatewayId,
    pub(crate) recipient: Account,
    pub(crate) refund_to: Account,
    pub(crate) max_fee: u128,
}

impl Draw {
    /// Its tags, as a message of its own or, with `X-` in front, in the transfer that brings collateral.
    pub(crate) fn tags(&self, prefix: &str) -> Vec<Tag> {
        let Self { market, debt, destination, recipient, refund_to, max_fee } = self;
        [
            ("Market", market.to_string()),
            ("Debt", debt.to_string()),
            ("Destination", destination.to_string()),
            ("Recipient", recipient.to_string()),
            ("Refund-To", refund_to.to_string()),
            ("Max-Fee", max_fee.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| Tag::new(format!("{prefix}{name}"), value))
        .collect()
    }
}

#[async_trait]
impl Actor for User {
    fn account(&self) -> Account {
        self.address().account()
    }

    async fn act(&self, action: UserAction) -> Result<TxId, ChainError> {
        let tag = |name: &str, value: &dyn ToString| Tag::new(name, value.to_string());
        match action {
            UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee } => {
                let draw = Draw { market, debt, destination, recipient, refund_to, max_fee };
                if collateral == 0 {
                    return self.change("Lock", draw.tags("")).await;
                }
                self.deposit(&draw, collateral).await
            }
            UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee } => {
                let tags = vec![
                    tag("Intent", &"Transfer"),
                    tag("Asset", &asset),
                    tag("Quantity", &amount),
                    tag("Destination", &destination),
                    tag("Recipient", &recipient),
                    tag("Refund-To", &refund_to),
                    tag("Max-Fee", &max_fee),
                ];
                self.change("Burn", tags).await
            }
            UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted, refund_to, max_fee } => {
                let common = vec![
                    tag("Quantity", &amount),
                    tag("Market", &market),
                    tag("Position-Owner", &owner),
                    tag("Recipient", &recipient),
                    tag("Wanted", &wanted),
                ];
                if home == self.link.id {
                    return self.change("Redeem", common).await;
                }
                let away = [
                    tag("Intent", &"Redeem"),
                    tag("Asset", &asset),
                    tag("Destination", &home),
                    tag("Refund-To", &refund_to),
                    tag("Max-Fee", &max_fee),
                ];
                self.change("Burn", common.into_iter().chain(away).collect()).await
            }
            UserAction::Repay { market, owner, amount } => {
                let tags = vec![tag("Market", &market), tag("Position-Owner", &owner), tag("Quantity", &amount)];
                self.change("Repay", tags).await
            }
            UserAction::Withdraw { market, collateral, to } => {
                let tags = vec![tag("Market", &market), tag("Quantity", &collateral), tag("Recipient", &to)];
                self.change("Withdraw", tags).await
            }
            UserAction::Claim { asset, to } => {
                self.change("Claim", vec![tag("Asset", &asset), tag("Recipient", &to)]).await
            }
            UserAction::RaisePause { asset, level } => {
                self.change("Set-Pause", vec![tag("Asset", &asset), tag("Level", &level)]).await
            }
        }
    }
}

impl User {
    pub(crate) fn new(link: Arc<Link>, voters: Arc<Voters>, wallet: Wallet) -> Self {
        Self { link, voters, wallet }
    }

    /// The user's address.
    #[must_use]
    pub fn address(&self) -> Id {
        self.wallet.address()
    }

    /// Executes orders as anybody may: exactly these, in this order, in one message, without simulation, after the attesters whose wallets are
    /// here have voted for those that enough of them signed. Waits until it is evaluated.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the message as a whole fails; what became of each order is told by events and skips.
    pub async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        let set = self.link.attesters().await?;
        let orders: Vec<&SignedOrder> = orders.iter().collect();
        let items = self.link.batch(&self.voters, &self.wallet, &orders, &set)?;
        for item in &items {
            self.link.deliver(self.link.process(), item).await?;
        }
        let id = items.last().map_or(self.link.process(), |item| item.id());
        let outcome = self.link.outcome(self.link.process(), id).await?;
        match failed(&outcome) {
            Some(reason) => Err(self.link.rejected("execute", reason)),
            None => Ok(TxId(id.to_string())),
        }
    }

    /// Sends an action to the gateway.
    async fn change(&self, action: &'static str, mut tags: Vec<Tag>) -> Result<TxId, ChainError> {
        tags.push(Tag::new("Action", action));
        let sent = self.link.send(&self.wallet, self.link.process(), &tags, "").await?;
        self.answered(action, &sent.outcome)?;
        Ok(TxId(sent.id.to_string()))
    }

    /// Fails where a message was refused, or not answered at all.
    fn answered(&self, action: &'static str, outcome: &Outcome) -> Result<(), ChainError> {
        let address = self.address().to_string();
        let told = |suffix: &str| {
            let action = format!("{action}-{suffix}");
            let mine = |message: &&Outgoing| message.target == address && message.tag("Action") == Some(&action);
            outcome.messages.iter().find(mine)
        };
        if let Some(error) = told("Error") {
            return Err(self.link.rejected(action, reason(&error.data)));
        }
        match told("Response") {
            Some(_) => Ok(()),
            None => {
                let detail = outcome.error.clone().unwrap_or_else(|| "it is not answered".to_owned());
                Err(self.link.rejected(action, detail))
            }
        }
    }

    /// Brings collateral by a transfer at its token, which carries the lock. A transfer cannot be taken back, so the gateway is asked first
    /// what it would do with it: what it refuses afterwards is claimable.
    async fn deposit(&self, draw: &Draw, collateral: u128) -> Result<TxId, ChainError> {
        const WHAT: &str = "Lock";
        let link = &self.link;
        let market = link.market(WHAT, draw.market).await?;
        let market = market.ok_or_else(|| link.rejected(WHAT, format!("UnknownMarket {}", draw.market)))?;
        let asset = link.registered(WHAT, market.collateral).await?;
        let native = scale(collateral, asset.decimals.0, asset.native_decimals.0, Rounding::Exact)
            .map_err(|error| link.rejected(WHAT, error.to_string()))?;
        let mut tags = draw.tags("X-");
        tags.push(Tag::new("X-Action", "Lock"));
        self.try_deposit(&asset, native, &tags).await?;

        let first = link.latest(link.process()).await?.nonce;
        let process = link.process();
        tags.extend([
            Tag::new("Action", "Transfer"),
            Tag::new("Recipient", process.to_string()),
            Tag::new("Quantity", native.to_string()),
        ]);
        let sent = link.send(&self.wallet, asset.token, &tags, "").await?;
        if sent.outcome.action("Debit-Notice").is_none() {
            let refused = sent.outcome.action("Transfer-Error").and_then(|error| error.tag("Error").map(str::to_owned));
            let why = refused.or(sent.outcome.error).unwrap_or_else(|| "the token does not transfer".to_owned());
            return Err(link.rejected(WHAT, why));
        }
        let (cause, token) = (sent.id.to_string(), asset.token.to_string());
        let notice = link.awaited(process, first, |message| {
            message.tag("Pushed-For") == Some(&cause)
                && message.tag("From-Process") == Some(&token)
                && message.tag("Action") == Some("Credit-Notice")
        });
        let notice = notice.await?.id;
        self.answered(WHAT, &link.outcome(process, notice).await?)?;
        Ok(TxId(notice.to_string()))
    }

    async fn try_deposit(&self, asset: &AssetRecord, native: u128, tags: &[Tag]) -> Result<(), ChainError> {
        let notice = [
            Tag::new("Action", "Credit-Notice"),
            Tag::new("Sender", self.address().to_string()),
            Tag::new("Quantity", native.to_string()),
        ];
        let tags = notice.into_iter().chain(tags.iter().cloned()).collect();
        let trial = Trial { from: Some(asset.token), tags, data: String::new() };
        let outcome = self.link.dry_run(self.link.process(), &trial).await?;
        self.answered("Lock", &outcome)
    }
}
