//! What must hold at any time: at each gateway, over both, and of every operation.

use std::collections::BTreeMap;

use tim3_domain::{
    identity::{AssetId, GatewayId, MarketId, OperationId},
    protocol::{EventBody, OperationKind},
};
use tim3_solana_interface::protocol::slot;
use tim3_solana_tests::ledger;

use crate::simulation::Simulation;

/// What became of an operation, by the events.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    settled: u32,
    voided: u32,
    refunded: u32,
    conflict: bool,
}

impl Simulation {
    /// The law at each gateway, over both, and of every operation.
    pub(crate) fn check(&self) {
        let [home, away] = &self.sites;
        let mut fates: BTreeMap<OperationId, Fate> = BTreeMap::new();
        let mut claims: BTreeMap<(GatewayId, AssetId), i128> = BTreeMap::new();
        for (site, peer) in [(home, away), (away, home)] {
            for event in ledger::check(&self.world, site, &[peer.id]) {
                if let Some(outcome) = event.body.outcome() {
                    let fate = fates.entry(outcome.operation).or_default();
                    assert_eq!(
                        outcome.gross,
                        outcome.fee
                            + outcome.paid
                            + outcome.surplus
                            + if matches!(event.body, EventBody::Voided { .. }) { outcome.gross } else { 0 }
                    );
                    match event.body {
                        EventBody::Voided { .. } => fate.voided += 1,
                        EventBody::Refunded { .. } => fate.refunded += 1,
                        _ => fate.settled += 1,
                    }
                }
                match event.body {
                    EventBody::Claimable { asset, amount, .. } => {
                        *claims.entry((site.id, asset)).or_default() += i128::try_from(amount).unwrap();
                    }
                    EventBody::Claimed { asset, amount, .. } => {
                        *claims.entry((site.id, asset)).or_default() -= i128::try_from(amount).unwrap();
                    }
                    _ => {}
                }
            }
            for (number, asset) in site.assets.iter().enumerate() {
                let waiting =
                    site.read(&self.world, |gateway| gateway.asset(number.try_into().unwrap()).unwrap().claimable());
                let told = claims.get(&(site.id, *asset)).copied().unwrap_or_default();
                assert_eq!(i128::try_from(waiting).unwrap(), told, "what waits is what the events say");
            }
        }
        for (operation, fate) in &fates {
            let fate = Fate { conflict: self.conflicts.contains_key(operation), ..*fate };
            assert!(fate.settled <= 1 && fate.voided <= 1 && fate.refunded <= 1, "{operation}: {fate:?}");
            assert!(fate.settled + fate.voided <= 1, "{operation}: {fate:?}");
            assert!(
                fate.refunded == 0 || fate.conflict || fate.voided == 1,
                "{operation} was refunded without a void: {fate:?}"
            );
            assert!(!(fate.settled == 1 && fate.refunded == 1), "{operation} was minted and refunded: {fate:?}");
        }
        for operation in &self.made {
            let fate = fates.get(&operation.id()).copied().unwrap_or_default();
            let outcome = self.site(operation.destination).slot(&self.world, operation.origin, operation.nonce);
            if !self.conflicts.contains_key(&operation.id()) && outcome != slot::NONE {
                let expected = if fate.settled == 1 { slot::DONE } else { slot::VOID };
                assert!(
                    outcome == expected || fate.settled + fate.voided == 0,
                    "{}: slot {outcome}, {fate:?}",
                    operation.id()
                );
            }
            let refunded = self.site(operation.origin).refunded(&self.world, operation.destination, operation.nonce);
            assert_eq!(refunded, fate.refunded == 1, "{}", operation.id());
            assert!(operation.kind != OperationKind::Mint || operation.market != MarketId::ZERO);
        }
        self.check_both();
    }

    /// Over both gateways: what exists and what is on its way is what is owed.
    fn check_both(&self) {
        let [home, away] = &self.sites;
        let signed = |value: u128| i128::try_from(value).unwrap();
        let mut balance = 0;
        for (site, peer) in [(home, away), (away, home)] {
            let (totals, way) = (site.totals(&self.world), site.peer_totals(&self.world, peer.id));
            balance += signed(totals.minted) - signed(totals.burned) + signed(way.sent)
                - signed(way.refunded)
                - signed(way.settled)
                - signed(totals.debt)
                - signed(totals.bad_debt);
            let there = peer.peer_totals(&self.world, site.id);
            assert!(there.settled <= way.sent, "settled {} of {} sent", there.settled, way.sent);
            assert!(
                way.refunded <= there.voided + self.conflicted(),
                "refunded {} of {} voided",
                way.refunded,
                there.voided
            );
        }
        assert_eq!(balance, 0, "conservation over both gateways");
    }

    /// What may be refunded without a void, because another operation has the slot.
    fn conflicted(&self) -> u128 {
        self.made
            .iter()
            .filter(|operation| self.conflicts.contains_key(&operation.id()))
            .map(|operation| operation.amount)
            .sum()
    }
}
