//! Users with patience: what they do is done only when it is final, and done again when the chain forgot it.

use std::sync::Arc;

use tim3_chain::{TxId, UserAction};
use tim3_domain::identity::AssetId;
use tim3_simchain::gateway::Call;

use super::{
    ledger::Deed,
    plan::Trip,
    stage::Stage,
    world::{Person, Site},
};

/// Looks in a row in which a transaction must be nowhere before it counts as forgotten: a reorg may be moving it just now.
const NOWHERE: u32 = 4;

/// Somebody with an account, acting.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) stage: Arc<Stage>,
    pub(super) person: Person,
}

/// What became of a transaction, finally.
enum Fate {
    Done,
    Refused,
    Forgotten,
}

impl User {
    pub(super) fn new(stage: &Arc<Stage>, person: &Person) -> Self {
        Self { stage: Arc::clone(stage), person: person.clone() }
    }

    /// Does `call` on `site` until it is final there.
    pub(super) async fn act(&self, site: Site, call: Call) -> anyhow::Result<TxId> {
        loop {
            let tx = self.send(site, &call).await?;
            if let Fate::Done = self.fate(site, &tx).await? {
                return Ok(tx);
            }
        }
    }

    /// Sends `call` as soon as the gateway would take it.
    async fn send(&self, site: Site, call: &Call) -> anyhow::Result<TxId> {
        let actor = self.stage.world.chain(site).actor(self.person.account);
        let what = format!("{} waits until the gateway takes a call", self.person.name);
        let tx = self.stage.until(&what, || actor.send(call.clone()).ok()).await?;
        let deed = Deed { site, account: self.person.account, tx: tx.clone(), call: call.clone() };
        self.stage.ledger.add(deed);
        Ok(tx)
    }

    async fn fate(&self, site: Site, tx: &TxId) -> anyhow::Result<Fate> {
        let chain = self.stage.world.chain(site);
        let (mut nowhere, mut refused_at) = (0_u32, None);
        let what = format!("{} waits for a transaction", self.person.name);
        self.stage
            .until(&what, || {
                let found = chain.node.inclusion(tx);
                nowhere = if found.is_none() && !chain.node.is_waiting(tx) { nowhere.saturating_add(1) } else { 0 };
                match found {
                    Some(Ok(block)) => chain.is_final(&block).then_some(Fate::Done),
                    // A refusal, too, is only true once no reorg can put the transaction elsewhere.
                    Some(Err(_)) => {
                        let since = *refused_at.get_or_insert(chain.node.head().height);
                        (chain.finalized() >= since).then_some(Fate::Refused)
                    }
                    None => {
                        refused_at = None;
                        (nowhere >= NOWHERE).then_some(Fate::Forgotten)
                    }
                }
            })
            .await
    }

    /// Locks USDA at `home` for as much TIM3 at `destination`.
    pub(super) async fn lock(&self, home: Site, destination: Site, amount: u128) -> anyhow::Result<TxId> {
        let world = &self.stage.world;
        let market = world.assets.reserve(world.chain(home).node.gateway());
        self.lock_in(market, home, destination, amount, amount).await
    }

    /// Locks collateral of any market.
    pub(super) async fn lock_in(
        &self,
        market: tim3_domain::identity::MarketId,
        home: Site,
        destination: Site,
        collateral: u128,
        debt: u128,
    ) -> anyhow::Result<TxId> {
        let (destination, account) = (self.stage.world.chain(destination).node.gateway(), self.person.account);
        let action = UserAction::Lock {
            market,
            collateral,
            debt,
            destination,
            recipient: account,
            refund_to: account,
            max_fee: 0,
        };
        self.act(home, Call::User(action)).await
    }

    /// Waits until so much is there for good.
    pub(super) async fn receives(&self, site: Site, asset: AssetId, amount: u128) -> anyhow::Result<()> {
        let chain = self.stage.world.chain(site);
        let arrived = || chain.final_state().filter(|gateway| gateway.balance(asset, self.person.account) >= amount);
        let what = format!("{} waits for TIM3 on {}", self.person.name, chain.name);
        self.stage.until(&what, || arrived().map(|_| ())).await
    }
}

/// Locks at home, moves what was minted elsewhere to the third chain, and redeems it from there.
pub(super) async fn travel(stage: Arc<Stage>, trip: Trip) -> anyhow::Result<()> {
    let Trip { person, route: [home, first, second], amount, onward, legs } = trip;
    let user = User::new(&stage, &person);
    let world = &stage.world;
    let (tim3, account) = (world.assets.tim3, person.account);
    let gateway = |site| world.chain(site).node.gateway();
    user.lock(home, first, amount).await?;
    if legs == 1 {
        return Ok(());
    }
    user.receives(first, tim3, amount).await?;
    let transfer = UserAction::Transfer {
        asset: tim3,
        amount: onward,
        destination: gateway(second),
        recipient: account,
        refund_to: account,
        max_fee: 0,
    };
    user.act(first, Call::User(transfer)).await?;
    if legs == 2 {
        return Ok(());
    }
    user.receives(second, tim3, onward).await?;
    let market = world.assets.reserve(gateway(home));
    let redeem = UserAction::Redeem {
        asset: tim3,
        amount: onward,
        home: gateway(home),
        market,
        owner: market.reserve_owner(),
        recipient: account,
        wanted: 0,
        refund_to: account,
        max_fee: 0,
    };
    user.act(second, Call::User(redeem)).await.map(|_| ())
}
