//! What a watcher tells: one reading of one chain.

use tim3_chain::{FinalEvent, Located, Skip, Tips};
use tim3_domain::identity::GatewayId;

/// What changed on one chain since the reading before, in the order in which it is to be applied: gone, seen, final.
#[derive(Clone, Debug)]
pub struct News {
    /// The gateway.
    pub gateway: GatewayId,
    /// How far the chain has come.
    pub tips: Tips,
    /// Events that a reorg took away, newest first.
    pub gone: Vec<Located>,
    /// Events that are included and were not before, or not there.
    pub seen: Vec<Located>,
    /// Events that are final and proved now.
    pub finals: Vec<FinalEvent>,
    /// Orders that transactions carried in vain.
    pub skips: Vec<Skip>,
    /// Why the chain's past is not what it was when it was final, if so: nothing that rests on this chain may be signed.
    pub broken: Option<String>,
    /// Every event up to the head is among those told: what was expected and not told is not there.
    pub complete: bool,
}

impl News {
    /// That `gateway`'s chain has come as far as `tips`, and nothing else.
    #[must_use]
    pub fn nothing(gateway: GatewayId, tips: Tips) -> Self {
        let (gone, seen, finals, skips) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { gateway, tips, gone, seen, finals, skips, broken: None, complete: false }
    }
}
