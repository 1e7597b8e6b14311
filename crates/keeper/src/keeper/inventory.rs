//! Looking at where inventory lies.

use super::{Keeper, Pending, Step};
use crate::{
    arbitrage::{Fill, Target, Transfer, inventory::Stock, rebalance},
    decision::{Action, Check, Number, Relation, Rule, Subject},
};

impl Keeper {
    pub(super) fn look_at_inventory(&mut self, step: &mut Step) {
        let assets: Vec<String> = self.config.inventory.keys().cloned().collect();
        for asset in assets {
            let Some(inventory) = self.config.inventory.get(&asset) else { continue };
            let smallest = inventory.smallest;
            let stocks: Vec<(Target, Stock)> =
                inventory.targets.iter().map(|target| (target.clone(), self.stock(&target.chain, &asset))).collect();
            for transfer in rebalance(&asset, &stocks, smallest) {
                self.look_at_transfer(transfer, smallest, step);
            }
        }
    }

    /// What a chain has, with what this keeper itself is sending there.
    fn stock(&self, chain: &str, asset: &str) -> Stock {
        let place = (chain.to_owned(), asset.to_owned());
        let sending = self.pending.values().filter_map(|pending| match &pending.action {
            Action::Transfer(transfer) if transfer.to == chain && transfer.asset == asset => Some(transfer.amount),
            _ => None,
        });
        Stock {
            held: self.available(&place),
            incoming: sending.fold(0, u128::saturating_add),
            quota: self.quotas.get(&place).copied().unwrap_or_default(),
        }
    }

    fn look_at_transfer(&mut self, transfer: Transfer, smallest: u128, step: &mut Step) {
        let Transfer { asset, from, to, amount } = transfer.clone();
        let height = self.height(&from);
        let mut checks = self.gates(&from, &asset, 0);
        let there = self.gates(&to, &asset, 0).into_iter().filter(|check| !checks.contains(check)).collect::<Vec<_>>();
        checks.extend(there);
        let subject = Subject::Rebalance { asset: asset.clone(), from: from.clone(), to };
        checks.extend(self.flights.checks(&subject, height, self.config.patience, self.now_ms));
        let units = |amount| Number::Amount(amount, asset.clone());
        checks.push(Check::new(Rule::TransferSize, amount, Relation::AtLeast, smallest, units));
        if checks.iter().any(|check| !check.passed) {
            self.leave(subject, height, checks, step);
            return;
        }
        let (quoted, reserved) = (Fill { input: amount, output: amount }, vec![((from.clone(), asset), amount)]);
        self.act(Pending::new(subject, Action::Transfer(transfer), from, quoted, reserved), height, checks, step);
    }
}
