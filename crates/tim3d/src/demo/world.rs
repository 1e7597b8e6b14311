//! The three simulated chains, who lives on them, and what goes wrong there.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use serde::Serialize;
use tim3_chain::BlockRef;
use tim3_domain::{
    identity::{Account, AssetId},
    word::keccak_text,
};
use tim3_simchain::{Assets, Config, Faults, Setup, SimActor, SimNode, gateway::Gateway, network};

/// One TIM3 (or USDA) in canonical units.
pub(super) const ONE: u128 = 1_000_000;
/// One WETH in canonical units.
pub(super) const ONE_WETH: u128 = 1_000_000_000_000_000_000;
/// Limit of a gateway's windows before a scene changes it.
pub(super) const WINDOW: (u128, u64) = (1_000_000_000_000, 3_600);
/// Blocks behind the head that the newest final block is; the faults' reorgs stay below.
const FINALITY_DEPTH: u64 = 4;

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultLevel {
    /// Perfect chains; what the script does on purpose remains.
    None,
    /// What a bad day brings: reorgs, drops, delays, a lying endpoint, lost answers.
    Some,
    /// All of it at once and often.
    Many,
}

impl FaultLevel {
    fn faults(self, seed: u64) -> Faults {
        match self {
            Self::None => Faults::default(),
            Self::Some => Faults {
                seed,
                drop: 100,
                delay: 500,
                copy: 200,
                reorder: 1_000,
                reorg: 300,
                reorg_depth: 2,
                stall: 50,
                stall_blocks: 4,
                transient: 100,
                rate_limit: 20,
                lie: 500,
                liars: 1,
                lost_reply: 300,
            },
            Self::Many => Faults { lie: 1_000, ..Faults::rough(seed) },
        }
    }
}

/// One of the three chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Site {
    A,
    B,
    C,
}

impl Site {
    pub(super) const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
}

/// Somebody with an account, the same one on every chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) account: Account,
}

impl Person {
    pub(super) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { account: Account(keccak_text(&format!("tim3/demo/{name}"))), name }
    }
}

/// A chain under the name it has in the daemon's configuration.
#[derive(Clone, Debug)]
pub(super) struct SimulatedChain {
    pub(super) name: &'static str,
    pub(super) node: SimNode,
}

impl SimulatedChain {
    pub(super) fn actor(&self, account: Account) -> SimActor {
        SimActor::new(self.node.clone(), self.name, account)
    }

    pub(super) fn finalized(&self) -> u64 {
        self.node.head().height.saturating_sub(FINALITY_DEPTH)
    }

    /// Whether no reorg that the faults make can take this block away.
    pub(super) fn is_final(&self, block: &BlockRef) -> bool {
        block.height <= self.finalized()
    }

    /// The gateway after the newest final block.
    pub(super) fn final_state(&self) -> Option<Gateway> {
        self.node.state_at(self.finalized())
    }
}

/// The simulated world.
#[derive(Debug)]
pub(super) struct World {
    a: SimulatedChain,
    b: SimulatedChain,
    c: SimulatedChain,
    pub(super) assets: Assets,
    /// Who has what before anything happens, on every chain: USDA and WETH.
    pub(super) funded: Vec<(Account, u128, u128)>,
    pub(super) treasury: Account,
    seed: u64,
}

impl World {
    /// The collaterals by symbol.
    pub(super) fn collaterals(&self) -> BTreeMap<AssetId, String> {
        [(self.assets.usda, "USDA"), (self.assets.weth, "WETH")].map(|(asset, name)| (asset, name.to_owned())).into()
    }

    /// Three gateways that know each other, whose orders `threshold` of `signers` must sign.
    pub(super) fn new(
        seed: u64,
        threshold: u8,
        signers: Vec<[u8; 20]>,
        funded: Vec<(Account, u128, u128)>,
    ) -> anyhow::Result<Self> {
        let treasury = Person::new("treasury").account;
        let setup = Setup { funded: funded.clone(), ..Setup::new(threshold, signers, treasury) };
        let genesis_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let config = |reference: &str| -> anyhow::Result<Config> {
            let salt = keccak_text(&format!("tim3/demo/{seed}/{reference}"));
            Ok(Config { salt, genesis_time, finality_depth: FINALITY_DEPTH, ..Config::new(reference)? })
        };
        let configs = vec![config("a")?, config("b")?, config("c")?];
        let nodes = network(configs, &setup, &[]).context("the simulated network could not be set up")?;
        let [a, b, c] = <[SimNode; 3]>::try_from(nodes).map_err(|_| anyhow!("three nodes were asked for"))?;
        Ok(Self {
            a: SimulatedChain { name: "sim-a", node: a },
            b: SimulatedChain { name: "sim-b", node: b },
            c: SimulatedChain { name: "sim-c", node: c },
            assets: Assets::new()?,
            funded,
            treasury,
            seed,
        })
    }

    pub(super) fn chain(&self, site: Site) -> &SimulatedChain {
        match site {
            Site::A => &self.a,
            Site::B => &self.b,
            Site::C => &self.c,
        }
    }

    pub(super) fn chains(&self) -> [&SimulatedChain; 3] {
        [&self.a, &self.b, &self.c]
    }

    /// Blocks come at different paces, so that no two chains are in step.
    pub(super) fn pace(site: Site) -> Duration {
        Duration::from_millis(match site {
            Site::A => 200,
            Site::B => 250,
            Site::C => 300,
        })
    }

    pub(super) fn set_faults(&self, level: FaultLevel) {
        for (chain, seed) in self.chains().into_iter().zip(self.seed..) {
            chain.node.set_faults(level.faults(seed.wrapping_mul(1_000)));
        }
    }
}
