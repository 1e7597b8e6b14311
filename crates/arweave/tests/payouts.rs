//! A network that is killed in the middle of a crank comes back from its store without what was about to be pushed. Payouts that were lost so
//! are those that their token's history does not have, and are sent again once.

#![expect(clippy::expect_used, reason = "these are tests")]

mod support;

use std::slice;

use serde_json::json;
use support::{WHOLE, World, tim3, wallet};
use tempfile::TempDir;
use tim3_arweave::{Ao, User, ans104::Tag};
use tim3_chain::{
    Actor as _, Chain as _, Lock as _, LostPayout, Overdue, Reader as _, State as _, Submitter as _, UserAction,
};
use tim3_devnet::ao::AoOptions;
use tim3_domain::{
    identity::AssetId,
    protocol::{Action, Order, OrderContent, SignedOrder},
};

/// How long a payout may wait here, in seconds.
const AGE: u64 = 600;

struct Scene {
    world: World,
    chain: Ao,
    user: User,
    _store: TempDir,
}

impl Scene {
    /// A gateway with a reserve of 100, and the synthetic for it in the user's hand.
    async fn start() -> Self {
        let store = tempfile::tempdir().expect("a directory");
        let options = AoOptions { compute_units: 2, store: Some(store.path().to_owned()), ..AoOptions::default() };
        let world = World::on(&options).await;
        world.give_collateral("user", 100 * WHOLE).await;
        let chain = world.connect().await;
        let user = chain.user(wallet("user"));
        let recipient = user.account();
        let lock = UserAction::Lock {
            market: world.market(),
            collateral: 100 * WHOLE,
            debt: 100 * WHOLE,
            destination: chain.gateway(),
            recipient,
            refund_to: recipient,
            max_fee: 0,
        };
        user.act(lock).await.expect("locked");
        Self { world, chain, user, _store: store }
    }

    async fn fault(&self, kind: &str, from: impl ToString, action: &str) {
        let matching = json!({"From": from.to_string(), "Action": action});
        let fault = json!({"unit": "push", "kind": kind, "match": matching});
        self.world.network.fault(&fault).await.expect("a fault");
    }

    /// Has collateral paid out.
    async fn redeem(&self, whole: u128) {
        let (market, recipient) = (self.world.market(), self.user.account());
        let redeem = UserAction::Redeem {
            asset: tim3(),
            amount: whole.checked_mul(WHOLE).expect("few"),
            home: self.chain.gateway(),
            market,
            owner: market.reserve_owner(),
            recipient,
            wanted: 0,
            refund_to: recipient,
            max_fee: 0,
        };
        self.user.act(redeem).await.expect("redeemed");
    }

    /// What was paid out, in whole units.
    async fn paid(&self) -> u128 {
        self.world.finalize().await;
        let usda = AssetId::from_symbol("USDA").expect("a symbol");
        let balance = self.chain.collateral_balance(usda, self.user.account()).await.expect("a balance");
        balance.checked_div(WHOLE).expect("not zero")
    }

    async fn overdue(&self) -> Overdue {
        self.world.finalize().await;
        let tips = self.chain.tips().await.expect("tips");
        self.chain.overdue(&tips.finalized, AGE).await.expect("payouts")
    }

    /// The one payout that is lost once it is overdue, and nothing is before.
    async fn lost(&self) -> LostPayout {
        assert_eq!(self.overdue().await.lost, [], "it may still come");
        self.world.network.advance(AGE).await.expect("advanced");
        let [lost] = self.overdue().await.lost.try_into().expect("one payout");
        lost
    }

    async fn resend(&self, lost: LostPayout) -> SignedOrder {
        let epoch = self.chain.attesters().await.expect("attesters").epoch;
        let attempt = lost.next_attempt().expect("few");
        let content = OrderContent::Resend { payout: lost.payout(), attempt };
        self.world.keys.sign(Order { action: Action::Resend, gateway: self.chain.gateway(), epoch, content })
    }

    async fn execute(&self, order: &SignedOrder) {
        let prepared = self.chain.prepare(slice::from_ref(order)).await.expect("prepared");
        self.chain.broadcast(&prepared.transaction.expect("a transaction")).await.expect("sent");
    }

    /// Somebody sends the token what looks like the attempt.
    async fn forge(&self, lost: LostPayout) {
        let gateway = self.world.deployment.process.to_string();
        let (payout, thief) = (lost.payout().to_string(), wallet("thief").address().to_string());
        let tags = [
            ("Action", "Transfer"),
            ("From-Process", &gateway),
            ("Recipient", &thief),
            ("Quantity", "1"),
            ("X-Payout", &payout),
            ("X-Attempt", "1"),
        ];
        let tags: Vec<_> = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
        self.chain.network().send(&wallet("thief"), self.world.usda(), &tags, "").await.expect("sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payouts_that_a_crash_lost_are_sent_again_once() {
    let mut scene = Scene::start().await;
    let (gateway, usda) = (scene.world.deployment.process, scene.world.usda());
    scene.redeem(1).await;
    assert_eq!(scene.paid().await, 1);

    // One payout is on its way to the token, and one is made whose answer is on its way back.
    scene.fault("hold", gateway, "Transfer").await;
    scene.redeem(20).await;
    scene.fault("hold", usda, "Debit-Notice").await;
    scene.redeem(5).await;
    scene.world.network.idle().await.expect("idle");
    let held = scene.world.network.held().await.expect("an answer");
    assert_eq!(held.iter().map(|held| held.action.as_str()).collect::<Vec<_>>(), ["Transfer", "Debit-Notice"]);
    scene.world.network.kill().expect("killed");
    scene.world.network.revive().await.expect("back from its store");
    assert!(scene.world.network.held().await.expect("an answer").is_empty());
    assert_eq!(scene.paid().await, 6, "what was scheduled is there, and what was not is lost");

    let lost = scene.lost().await;
    assert_eq!(scene.overdue().await.unanswered.len(), 1, "nobody pays that again");
    scene.forge(lost).await;
    assert_eq!(scene.overdue().await.lost, [lost], "what the token does not believe is no payout");

    // The second attempt is lost as the first was.
    scene.fault("drop", gateway, "Transfer").await;
    let second = scene.resend(lost).await;
    scene.execute(&second).await;
    assert_eq!(scene.paid().await, 6);
    let lost = scene.lost().await;
    let third = scene.resend(lost).await;
    scene.execute(&third).await;
    assert_eq!(scene.paid().await, 26);
    scene.world.network.advance(AGE).await.expect("advanced");
    assert_eq!(scene.overdue().await.lost, []);
    for order in [second, third] {
        let again = scene.chain.prepare(&[order]).await.expect("prepared");
        assert_eq!((again.transaction, again.left_out.len()), (None, 1), "it is done");
    }
}
