//! What the gateways themselves say in the end, and whether it is what it must be. Nothing here asks the daemon.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tim3_chain::{Books, Slot, TxId};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    place::Located,
    protocol::{EventBody, Operation},
};
use tim3_simchain::gateway::Gateway;

use super::{
    ledger::{Balances, Deed, Effect, Ending, Rules},
    stage::Stage,
    view::money,
    world::{SimulatedChain, Site, World},
};

/// One gateway's side of the law, in base units of TIM3.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Side {
    pub(super) chain: String,
    #[serde(with = "exact")]
    pub(super) minted: i128,
    #[serde(with = "exact")]
    pub(super) burned: i128,
    #[serde(with = "exact")]
    pub(super) debt: i128,
    #[serde(with = "exact")]
    pub(super) bad_debt: i128,
    #[serde(with = "exact")]
    pub(super) sent: i128,
    #[serde(with = "exact")]
    pub(super) settled: i128,
    #[serde(with = "exact")]
    pub(super) refunded: i128,
    /// debt + bad debt − (minted − burned)
    #[serde(with = "exact")]
    pub(super) left: i128,
    /// sent − refunded − settled
    #[serde(with = "exact")]
    pub(super) right: i128,
    /// What the token itself counts.
    #[serde(with = "exact")]
    pub(super) token: i128,
    /// By symbol.
    pub(super) collateral: BTreeMap<String, Held>,
}

/// Collateral of a gateway, in its base units.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Held {
    /// What the token says the gateway holds.
    #[serde(with = "exact")]
    pub(super) held: i128,
    /// What positions and claims amount to.
    #[serde(with = "exact")]
    pub(super) owed: i128,
}

impl Side {
    pub(super) fn holds(&self) -> bool {
        // Nobody burns by himself here, and nobody gives away collateral: what may be more in general is equal.
        let covered = self.collateral.values().all(|it| it.held == it.owed);
        self.left == self.right && self.token == self.supply() && covered
    }

    pub(super) fn supply(&self) -> i128 {
        self.minted.saturating_sub(self.burned)
    }

    pub(super) fn in_flight(&self) -> i128 {
        self.right
    }

    pub(super) fn owed(&self) -> i128 {
        self.debt.saturating_add(self.bad_debt)
    }
}

/// Integers as decimal text: JSON's readers may know no others than floats.
mod exact {
    use serde::Serializer;

    pub(super) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
}

/// Everything that the gateways prove or disprove.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Proof {
    pub(super) chains: Vec<Side>,
    /// Operations that were minted or released more than once, or delivered and refunded.
    pub(super) doubled: Vec<String>,
    /// Mints and releases of operations that no lock or burn started.
    pub(super) unfounded: Vec<String>,
    /// Operations that ended neither way, or not at both ends.
    pub(super) lost: Vec<String>,
    /// Holdings that were compared with what users' own records say.
    pub(super) holdings: usize,
    /// Those that differ.
    pub(super) wrong: Vec<String>,
    /// Copies of positions that were compared with the positions.
    pub(super) mirrors: usize,
    /// Those that differ.
    pub(super) stale_mirrors: Vec<String>,
}

impl Proof {
    pub(super) fn supply(&self) -> i128 {
        self.chains.iter().map(Side::supply).sum()
    }

    pub(super) fn in_flight(&self) -> i128 {
        self.chains.iter().map(Side::in_flight).sum()
    }

    pub(super) fn owed(&self) -> i128 {
        self.chains.iter().map(Side::owed).sum()
    }

    pub(super) fn holds(&self) -> bool {
        let lists = [&self.doubled, &self.unfounded, &self.lost, &self.wrong, &self.stale_mirrors];
        self.chains.iter().all(Side::holds)
            && self.supply().saturating_add(self.in_flight()) == self.owed()
            && lists.into_iter().all(Vec::is_empty)
    }
}

/// One chain as it is now.
struct Found<'a> {
    site: Site,
    chain: &'a SimulatedChain,
    gateway: Gateway,
    events: Vec<Located>,
}

/// Reads all three gateways and their whole history, and checks them.
pub(super) fn prove(stage: &Stage) -> Proof {
    let world = &stage.world;
    let found = Site::ALL.map(|site| {
        let chain = world.chain(site);
        Found { site, chain, gateway: chain.node.state(), events: chain.node.events(0..=u64::MAX) }
    });
    let gateways: Vec<GatewayId> = found.iter().map(|found| found.gateway.id()).collect();
    let operations = operations(&found);
    let (holdings, wrong) = holdings(stage, &found, &operations);
    let (mirrors, stale_mirrors) = mirrors(&found);
    let (doubled, unfounded) = outcomes(&found, &operations);
    Proof {
        chains: found.iter().map(|found| account(world, found, &gateways)).collect(),
        doubled,
        unfounded,
        lost: lost(&found, &operations),
        holdings,
        wrong,
        mirrors,
        stale_mirrors,
    }
}

fn account(world: &World, found: &Found<'_>, gateways: &[GatewayId]) -> Side {
    let (tim3, gateway) = (world.assets.tim3, &found.gateway);
    let Books { minted, burned, debt, bad_debt, supply, holdings, peers, .. } = gateway.books(tim3, gateways);
    let sum = |amounts: &mut dyn Iterator<Item = u128>| integer(amounts.fold(0, u128::saturating_add));
    let sent = sum(&mut peers.iter().map(|peer| peer.sent));
    let settled = sum(&mut peers.iter().map(|peer| peer.settled));
    let refunded = sum(&mut peers.iter().map(|peer| peer.refunded));
    let [minted, burned, debt, bad_debt] = [minted, burned, debt, bad_debt].map(integer);
    let symbols = world.collaterals();
    let collateral = holdings.iter().map(|holding| {
        let symbol = symbols.get(&holding.collateral).cloned().unwrap_or_else(|| holding.collateral.to_string());
        let owed = integer(holding.recorded).saturating_add(integer(holding.claimable));
        (symbol, Held { held: integer(holding.held), owed })
    });
    Side {
        chain: found.chain.name.to_owned(),
        minted,
        burned,
        debt,
        bad_debt,
        sent,
        settled,
        refunded,
        left: debt.saturating_add(bad_debt).saturating_sub(minted.saturating_sub(burned)),
        right: sent.saturating_sub(refunded).saturating_sub(settled),
        token: integer(supply),
        collateral: collateral.collect(),
    }
}

fn integer(amount: u128) -> i128 {
    i128::try_from(amount).unwrap_or(i128::MAX)
}

/// Every operation that an event of its origin started, with the transaction.
type Operations = BTreeMap<OperationId, (Operation, Site, TxId)>;

fn operations(found: &[Found<'_>]) -> Operations {
    let mut operations = Operations::new();
    for Found { site, events, .. } in found {
        for located in events {
            if let Some(operation) = located.event.body.started() {
                operations.insert(operation.id(), (operation.clone(), *site, located.transaction.clone()));
            }
        }
    }
    operations
}

/// Counts outcomes in the events: at most one for each operation, and none without one.
fn outcomes(found: &[Found<'_>], operations: &Operations) -> (Vec<String>, Vec<String>) {
    let mut counts: BTreeMap<OperationId, u32> = BTreeMap::new();
    let mut unfounded = BTreeSet::new();
    for Found { chain, events, .. } in found {
        for located in events {
            let body = &located.event.body;
            let Some(outcome) = body.outcome().filter(|_| !matches!(body, EventBody::Voided { .. })) else { continue };
            let count = counts.entry(outcome.operation).or_default();
            *count = count.saturating_add(1);
            if !operations.contains_key(&outcome.operation) {
                unfounded.insert(format!("{} on {}: {}", body.name(), chain.name, outcome.operation));
            }
        }
    }
    let doubled = counts.into_iter().filter(|(_, count)| *count > 1);
    (doubled.map(|(id, count)| format!("{id}: {count} outcomes")).collect(), unfounded.into_iter().collect())
}

fn ending(found: &[Found<'_>], operation: &Operation) -> Ending {
    let at = |id| found.iter().find(|found| found.gateway.id() == id).map(|found| &found.gateway);
    let slot = at(operation.destination).map(|gateway| gateway.slot(operation.origin, operation.nonce));
    let refunded = at(operation.origin).map(|gateway| gateway.refunded(operation.destination, operation.nonce));
    match (slot, refunded) {
        (Some(Slot::Done), Some(false)) => Ending::Settled,
        (Some(Slot::Void), Some(true)) => Ending::Refunded,
        _ => Ending::Open,
    }
}

fn lost(found: &[Found<'_>], operations: &Operations) -> Vec<String> {
    let open = operations.iter().filter(|(_, (operation, ..))| ending(found, operation) == Ending::Open);
    open.map(|(id, (operation, ..))| format!("{} {id} of {}", operation.kind.name(), money(operation.amount))).collect()
}

/// Compares what everybody has with what the deeds that were included lead to.
fn holdings(stage: &Stage, found: &[Found<'_>], operations: &Operations) -> (usize, Vec<String>) {
    let world = &stage.world;
    let rules = Rules {
        assets: world.assets,
        vaults: found.iter().map(|found| world.assets.vault(found.gateway.id())).collect(),
        treasury: world.treasury,
    };
    let mut before = Balances::new();
    for site in Site::ALL {
        for (account, usda, weth) in &world.funded {
            before.insert((site, rules.assets.usda, *account), integer(*usda));
            before.insert((site, rules.assets.weth, *account), integer(*weth));
            before.insert((site, rules.assets.tim3, *account), 0);
        }
        before.insert((site, rules.assets.tim3, world.treasury), 0);
    }
    let effects: Vec<Effect> =
        stage.ledger.deeds().into_iter().filter_map(|deed| effect(found, operations, deed)).collect();
    let expected = rules.expected(before, &effects);
    let has = |site, asset, account| {
        found.iter().find(|found| found.site == site).map(|found| integer(found.gateway.balance(asset, account)))
    };
    let wrong = expected.iter().filter_map(|((site, asset, account), expected)| {
        let has = has(*site, *asset, *account);
        let chain = world.chain(*site).name;
        (has != Some(*expected)).then(|| format!("{chain}: {account} has {has:?} of {asset}, must have {expected}"))
    });
    (expected.len(), wrong.collect())
}

/// A deed with what came of it, if it was included and not refused.
fn effect(found: &[Found<'_>], operations: &Operations, deed: Deed) -> Option<Effect> {
    let here = found.iter().find(|found| found.site == deed.site)?;
    here.chain.node.inclusion(&deed.tx)?.ok()?;
    let started = operations.values().find(|(_, site, tx)| *site == deed.site && *tx == deed.tx);
    let started = started.and_then(|(operation, ..)| {
        let destination = found.iter().find(|found| found.gateway.id() == operation.destination)?;
        Some((operation.clone(), destination.site, ending(found, operation)))
    });
    let liquidated = here.events.iter().filter(|located| located.transaction == deed.tx).find_map(|located| {
        match located.event.body {
            EventBody::Liquidated { repaid, seized, .. } => Some((repaid, seized)),
            _ => None,
        }
    });
    Some(Effect { deed, started, liquidated })
}

/// Compares the copies of positions with the positions.
fn mirrors(found: &[Found<'_>]) -> (usize, Vec<String>) {
    let mut positions = BTreeSet::new();
    for home in found {
        for located in &home.events {
            if let Some(position) = located.event.body.position() {
                positions.insert((home.site, position.market, position.owner));
            }
        }
    }
    let (mut compared, mut stale) = (0_usize, Vec::new());
    for (site, market, owner) in positions {
        let Some(home) = found.iter().find(|found| found.site == site) else { continue };
        let position = home.gateway.position(market, owner);
        for peer in found.iter().filter(|peer| peer.site != site) {
            compared = compared.saturating_add(1);
            let copy = peer.gateway.mirror(market, owner);
            let same = copy.is_some_and(|copy| {
                (copy.position.collateral, copy.position.debt, copy.version)
                    == (position.collateral, position.debt, position.version)
            });
            if !same {
                let version = copy.map(|copy| copy.version);
                let (home, peer) = (home.chain.name, peer.chain.name);
                stale.push(format!("{peer} has version {version:?} of a position on {home}, not {}", position.version));
            }
        }
    }
    (compared, stale)
}
