//! The simulated chain passes the suite that every adapter must pass, and an adapter with a defect does not.
#![expect(clippy::unwrap_used, reason = "a test")]

mod defects;

use std::sync::Arc;

use async_trait::async_trait;
use defects::{Defect, Defective};
use tim3_chain::{
    Actor, Chain, ChainError, TxId,
    conformance::{Harness, Keys, Outcome, Report, run},
};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::{RouteFee, SignedOrder},
    word::{Word, keccak_text},
};
use tim3_simchain::{Assets, Config, Setup, SimActor, SimChain, SimNode, gateway::Call, network};

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

struct Simulated {
    node: SimNode,
    chain: Arc<dyn Chain>,
    defect: Option<Defect>,
    user: SimActor,
    keys: Keys,
    peer: GatewayId,
}

impl Simulated {
    fn start(usda_native_decimals: u8, fee: RouteFee, defect: Option<Defect>) -> Self {
        let keys = Keys::from_seed("conformance", 3, 2);
        let peer = GatewayId(keccak_text("a gateway elsewhere"));
        let mut setup = Setup::new(2, keys.addresses(), account("treasury"));
        setup.limit = 10_000_000_000;
        setup.usda_native_decimals = usda_native_decimals;
        setup.fee = fee;
        setup.funded = vec![(account("user"), 1_000_000_000, 0)];
        let config = Config { automine: true, ..Config::new("conformance").unwrap() };
        let node = network(vec![config], &setup, &[peer]).unwrap().remove(0);
        let user = SimActor::new(node.clone(), "sim", account("user"));
        Self { chain: open(&node, defect), node, defect, user, keys, peer }
    }
}

fn open(node: &SimNode, defect: Option<Defect>) -> Arc<dyn Chain> {
    let chain = SimChain::new(node.clone(), "sim", account("submitter"));
    match defect {
        None => Arc::new(chain),
        Some(defect) => Arc::new(Defective { chain, defect }),
    }
}

#[async_trait]
impl Harness for Simulated {
    fn chain(&self) -> Arc<dyn Chain> {
        self.chain.clone()
    }

    async fn restart(&self) -> Arc<dyn Chain> {
        open(&self.node, self.defect)
    }

    fn user(&self) -> &dyn Actor {
        &self.user
    }

    fn stranger(&self) -> Account {
        account("stranger")
    }

    fn salt(&self) -> Word {
        self.node.config().salt
    }

    fn market(&self) -> MarketId {
        Assets::new().unwrap().reserve(self.node.gateway())
    }

    fn peer(&self) -> GatewayId {
        self.peer
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        Ok(self.node.submit(account("executor"), Call::Execute(orders.to_vec())))
    }

    async fn finalize(&self) {
        for _ in 0..=self.node.config().finality_depth {
            self.node.mine();
        }
    }

    async fn pass(&self, seconds: u64) -> bool {
        self.node.advance(seconds);
        true
    }

    async fn reorg(&self, depth: u64) -> bool {
        self.node.reorg(depth, false);
        true
    }
}

async fn conforms(harnesses: &[Simulated]) -> Report {
    let report = run(harnesses).await;
    assert!(report.is_passed() && report.skipped().is_empty(), "{} gateways:\n{report}", harnesses.len());
    assert!(report.cases.len() > 20);
    report
}

#[tokio::test]
async fn a_simulated_chain_conforms() {
    conforms(&[Simulated::start(18, RouteFee::default(), None)]).await;
}

#[tokio::test]
async fn a_simulated_chain_with_fees_and_coarse_collateral_conforms() {
    conforms(&[Simulated::start(6, RouteFee { flat: 10, bps: 25 }, None)]).await;
}

/// Gateways take the cases in turns: with as many as there are cases, each case has a gateway to itself.
#[tokio::test]
async fn no_case_needs_what_another_one_left_behind() {
    let several = |count| (0..count).map(|_| Simulated::start(18, RouteFee::default(), None)).collect::<Vec<_>>();
    let names = |report: Report| report.cases.iter().map(|case| case.name).collect::<Vec<_>>();
    let usual = names(conforms(&several(1)).await);
    for gateways in 2..=usual.len() {
        assert_eq!(names(conforms(&several(gateways)).await), usual);
    }
}

#[tokio::test]
async fn a_defect_of_an_adapter_is_found_by_the_case_about_it() {
    for (defect, case) in [
        (Defect::LosesEvents, "the gateway can be opened"),
        (Defect::UnpinnedHead, "a quorum's head is pinned to a block that exists"),
        (Defect::FinalIsHead, "events of a replaced block are gone, and the running hash follows"),
        (Defect::FinalFallsBack, "what is final stays below the head and never falls back"),
        (Defect::BlindToSlots, "a Mint order is executed once, and shuts out Void"),
        (Defect::BlindToSkips, "a voided slot stays shut for Mint"),
        (Defect::BlindToMirrors, "the newest version of a position is kept, and a contradiction rejected"),
        (Defect::MixedBooks, "the books are one reading of counters, tokens and collateral"),
        (Defect::NoHoldings, "the gateway can be opened"),
        (Defect::SameNonce, "batches that were prepared at once are all included, and sending twice is harmless"),
        (Defect::NoRestore, "after a restart no transaction takes the place of a journaled one"),
        (Defect::NoSimulation, "simulation leaves out what would not be executed, and says why"),
        (Defect::DeadTooEarly, "a transaction of a replaced block is not reported as included there"),
    ] {
        let report = run(&[Simulated::start(18, RouteFee::default(), Some(defect))]).await;
        let failed = report.cases.iter().any(|it| it.name == case && matches!(it.outcome, Outcome::Failed(_)));
        assert!(failed, "{defect:?} was not found by {case:?}:\n{report}");
    }
}
