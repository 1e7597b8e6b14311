//! What users do, from a seed.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tim3_chain::{Actor, UserAction};
use tim3_domain::{
    identity::{Account, GatewayId},
    protocol::OperationKind,
};
use tim3_simchain::{Assets, SimActor, SimNode};

/// Amounts in canonical units of TIM3 and USDA (6 decimals).
const UNIT: u128 = 1_000_000;

/// One user: locks on a chain for another, then perhaps moves the token on, then perhaps redeems.
pub(crate) struct Story {
    pub(crate) start: u64,
    home: usize,
    first: usize,
    second: Option<usize>,
    redeems: bool,
    amount: u128,
}

pub(crate) fn stories(seed: u64, count: usize, chains: usize) -> Vec<Story> {
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(7919).wrapping_add(1));
    let story = |_| {
        let home = random.random_range(0..chains);
        let first = (home + random.random_range(1..chains)) % chains;
        let second = random.random_bool(0.4).then(|| (first + random.random_range(1..chains)) % chains);
        Story {
            start: random.random_range(0..60),
            home,
            first,
            second,
            redeems: random.random_bool(0.5),
            amount: random.random_range(1..500) * UNIT,
        }
    };
    (0..count).map(story).collect()
}

impl Story {
    /// Plays the story; each step waits until the tokens of the one before are there.
    pub(crate) async fn play(&self, nodes: &[SimNode], users: &[SimActor]) {
        let assets = Assets::new().expect("symbols");
        let gateway = |index: usize| -> GatewayId { nodes[index].gateway() };
        let account = users[self.home].account();
        let lock = UserAction::Lock {
            market: assets.reserve(gateway(self.home)),
            collateral: self.amount,
            debt: self.amount,
            destination: gateway(self.first),
            recipient: account,
            refund_to: account,
            max_fee: 0,
        };
        act_for_good(&nodes[self.home], &users[self.home], OperationKind::Mint, lock).await;
        let mut holder = self.first;
        if let Some(second) = self.second {
            arrives(&nodes[holder], account, self.amount).await;
            let transfer = UserAction::Transfer {
                asset: assets.tim3,
                amount: self.amount,
                destination: gateway(second),
                recipient: account,
                refund_to: account,
                max_fee: 0,
            };
            act_for_good(&nodes[holder], &users[holder], OperationKind::Transfer, transfer).await;
            holder = second;
        }
        if self.redeems && holder != self.home {
            arrives(&nodes[holder], account, self.amount).await;
            let redeem = UserAction::Redeem {
                asset: assets.tim3,
                amount: self.amount,
                home: gateway(self.home),
                market: assets.reserve(gateway(self.home)),
                owner: assets.reserve(gateway(self.home)).reserve_owner(),
                recipient: account,
                wanted: 0,
                refund_to: account,
                max_fee: 0,
            };
            act_for_good(&nodes[holder], &users[holder], OperationKind::Redeem, redeem).await;
        }
    }
}

/// Seconds without what was done until it is done again.
const MISSED: u64 = 30;

/// Acts until the operation that follows is final: a reorg may take away the tokens before it, or itself afterwards, for a while or for
/// good. The gateway's events tell, not the transactions: one that the chain forgot, and that was sent again, may come back first.
async fn act_for_good(node: &SimNode, user: &SimActor, kind: OperationKind, action: UserAction) {
    let depth = node.config().finality_depth;
    let from = node.head().height.saturating_sub(depth);
    let mut missing = MISSED;
    loop {
        let head = node.head().height;
        let begun = node.events(from..=head).into_iter().find(|located| {
            located
                .event
                .body
                .started()
                .is_some_and(|operation| operation.kind == kind && operation.actor == user.account())
        });
        missing = if begun.is_some() { 0 } else { missing + 1 };
        if begun.is_some_and(|located| head > located.block.height + depth) {
            return;
        }
        if missing > MISSED && user.act(action.clone()).await.is_ok() {
            missing = 0;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

async fn arrives(node: &SimNode, account: Account, amount: u128) {
    let tim3 = Assets::new().expect("symbols").tim3;
    while node.state().balance(tim3, account) < amount {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}
