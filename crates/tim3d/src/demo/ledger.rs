//! What users did, and what everybody must have in the end because of it. Kept by the script, not by the daemon.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tim3_chain::{TxId, UserAction};
use tim3_domain::{
    identity::{Account, AssetId, MarketId},
    protocol::{Operation, OperationKind},
};
use tim3_simchain::{
    Assets,
    gateway::{Call, KeeperAction},
};

use super::world::Site;

/// A call that somebody sent.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) site: Site,
    pub(super) account: Account,
    pub(super) tx: TxId,
    pub(super) call: Call,
}

/// Everything that users sent, whether or not it was ever included.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<(Site, TxId), Deed>>);

impl Ledger {
    /// The same transaction sent again is the same deed.
    pub(super) fn add(&self, deed: Deed) {
        let key = (deed.site, deed.tx.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, deed);
    }

    pub(super) fn deeds(&self) -> Vec<Deed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// How an operation ended, as the gateways' slots have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Minted or released at the destination.
    Settled,
    /// Given back at the origin.
    Refunded,
    /// Neither: on its way, or lost.
    Open,
}

/// A deed that was included and not refused, with what came of it.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) deed: Deed,
    /// The operation it started, where that was to end, and how it ended.
    pub(super) started: Option<(Operation, Site, Ending)>,
    /// What a liquidation repaid and seized.
    pub(super) liquidated: Option<(u128, u128)>,
}

/// Whose balance of what, where.
pub(super) type Holding = (Site, AssetId, Account);

/// Who must have what.
pub(super) type Balances = BTreeMap<Holding, i128>;

/// What the script knows of assets and markets.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) assets: Assets,
    /// The vault markets; every other market is a reserve.
    pub(super) vaults: Vec<MarketId>,
    pub(super) treasury: Account,
}

impl Rules {
    fn collateral(&self, market: MarketId) -> AssetId {
        if self.vaults.contains(&market) { self.assets.weth } else { self.assets.usda }
    }

    /// Who must have what after `effects`, beginning with `before`. Reserves pay at par, in equal units.
    pub(super) fn expected(&self, before: Balances, effects: &[Effect]) -> Balances {
        let mut balances = before;
        for effect in effects {
            self.deed(&mut balances, effect);
            if let Some((operation, destination, ending)) = &effect.started {
                self.ending(&mut balances, effect.deed.site, operation, *destination, *ending);
            }
        }
        balances
    }

    fn deed(&self, balances: &mut Balances, effect: &Effect) {
        let Deed { site, account, call, .. } = &effect.deed;
        match *call {
            Call::User(UserAction::Lock { market, collateral, debt, recipient, .. }) => {
                take(balances, (*site, self.collateral(market), *account), collateral);
                if effect.started.is_none() {
                    give(balances, (*site, self.assets.tim3, recipient), debt);
                }
            }
            Call::User(UserAction::Transfer { amount, .. } | UserAction::Redeem { amount, .. }) => {
                take(balances, (*site, self.assets.tim3, *account), amount);
            }
            Call::Keeper(KeeperAction::Liquidate { .. }) => {
                let (repaid, seized) = effect.liquidated.unwrap_or_default();
                take(balances, (*site, self.assets.tim3, *account), repaid);
                give(balances, (*site, self.assets.weth, *account), seized);
            }
            _ => {}
        }
    }

    fn ending(&self, balances: &mut Balances, origin: Site, operation: &Operation, destination: Site, ending: Ending) {
        let Operation { kind, market, amount, fee, wanted, recipient, refund_to, .. } = *operation;
        match (ending, kind) {
            (Ending::Settled, OperationKind::Redeem) => {
                give(balances, (destination, self.collateral(market), recipient), amount.saturating_sub(fee));
                give(balances, (destination, self.assets.tim3, self.treasury), fee);
            }
            (Ending::Settled, _) => {
                give(balances, (destination, self.assets.tim3, recipient), amount.saturating_sub(fee));
                give(balances, (destination, self.assets.tim3, self.treasury), fee);
            }
            (Ending::Refunded, OperationKind::Mint) => {
                give(balances, (origin, self.collateral(market), refund_to), wanted);
            }
            (Ending::Refunded, _) => give(balances, (origin, self.assets.tim3, refund_to), amount),
            (Ending::Open, _) => {}
        }
    }
}

fn give(balances: &mut Balances, holding: Holding, amount: u128) {
    let balance = balances.entry(holding).or_default();
    *balance = balance.saturating_add_unsigned(amount);
}

fn take(balances: &mut Balances, holding: Holding, amount: u128) {
    let balance = balances.entry(holding).or_default();
    *balance = balance.saturating_sub_unsigned(amount);
}

#[cfg(test)]
mod tests;
