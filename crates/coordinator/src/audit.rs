//! The conservation law (`contracts/PROTOCOL.md` section 7), checked on what was read. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use tim3_chain::{Books, Holding, PeerBooks};
use tim3_domain::{
    identity::{AssetId, GatewayId},
    place::BlockRef,
};

/// One gateway's books, read twice: what must be read first, and what must be read after all of that.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The gateway.
    pub gateway: GatewayId,
    /// Configured name of its chain.
    pub chain: String,
    /// *settled* and *refunded* count from here.
    pub first: Books,
    /// *sent* and *voided* count from here.
    pub second: Books,
    /// The final block that `second` is of.
    pub block: BlockRef,
}

/// One law at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which law, where.
    pub law: String,
    /// Whether it held.
    pub held: bool,
    /// Both sides.
    pub detail: String,
}

/// What an audit of one synthetic came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Every law that was checked.
    pub checks: Vec<Check>,
    /// Minted less burned over all gateways.
    pub supply: i128,
    /// Sent less refunded less settled over all routes.
    pub in_flight: i128,
    /// Debt over all gateways.
    pub debt: u128,
    /// Debt whose collateral is gone.
    pub bad_debt: u128,
}

impl Verdict {
    /// What did not hold.
    pub fn breaches(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.held)
    }

    /// Whether every law held.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.breaches().next().is_none()
    }
}

/// What was refunded by Conflict orders, by origin and destination: nothing was voided for it.
pub type Conflicts = BTreeMap<(GatewayId, GatewayId), u128>;

/// Checks the laws over `readings`, whose books list their peers in the order of `readings`. `name` tells a collateral's symbol.
#[must_use]
pub fn audit(readings: &[Reading], conflicts: &Conflicts, name: impl Fn(AssetId) -> String) -> Verdict {
    let mut verdict = Verdict::default();
    for reading in readings {
        verdict.checks.push(local(&reading.chain, &reading.first));
        verdict.checks.push(local(&reading.chain, &reading.second));
        verdict.checks.push(custody(&reading.chain, &reading.second));
        verdict.checks.push(supply(&reading.chain, &reading.second));
        let holdings = &reading.second.holdings;
        verdict.checks.extend(holdings.iter().map(|it| collateral(&reading.chain, &name(it.collateral), it)));
    }
    for (origin_index, origin) in readings.iter().enumerate() {
        for (destination_index, destination) in readings.iter().enumerate() {
            if origin_index == destination_index {
                continue;
            }
            let route = format!("{} → {}", origin.chain, destination.chain);
            let settled = peer(&destination.first, origin_index).settled;
            let sent = peer(&origin.second, destination_index).sent;
            verdict.checks.push(contained("settled ≤ sent", &route, settled, sent));
            let refunded = peer(&origin.first, destination_index).refunded;
            let voided = peer(&destination.second, origin_index).voided;
            verdict.checks.push(match conflicts.get(&(origin.gateway, destination.gateway)) {
                Some(conflicts) => {
                    contained("refunded ≤ voided + conflicts", &route, refunded, voided.saturating_add(*conflicts))
                }
                None => contained("refunded ≤ voided", &route, refunded, voided),
            });
        }
    }
    totals(readings, &mut verdict);
    verdict
}

fn local(chain: &str, books: &Books) -> Check {
    let owed = difference(sum([books.debt, books.bad_debt]), sum([]));
    let left = owed.and_then(|owed| owed.checked_sub(difference(books.minted, books.burned)?));
    let sent = sum(books.peers.iter().map(|peer| peer.sent));
    let back = sum(books.peers.iter().flat_map(|peer| [peer.refunded, peer.settled]));
    let right = difference(sent, back);
    Check {
        law: format!("{chain}: debt + bad debt − (minted − burned) = sent − refunded − settled"),
        held: left.is_some() && left == right,
        detail: format!("{} = {}", show(left), show(right)),
    }
}

/// What waits for its account is synthetic in the gateway's custody, hence minted.
fn custody(chain: &str, books: &Books) -> Check {
    let supply = difference(books.minted, books.burned);
    let claimable = i128::try_from(books.claimable).ok();
    Check {
        law: format!("{chain}: claimable ≤ minted − burned"),
        held: supply.zip(claimable).is_some_and(|(supply, claimable)| claimable <= supply),
        detail: format!("{} ≤ {}", show(claimable), show(supply)),
    }
}

/// Nobody but the gateway mints; holders may burn what is theirs.
fn supply(chain: &str, books: &Books) -> Check {
    let counted = difference(books.minted, books.burned);
    let supply = i128::try_from(books.supply).ok();
    Check {
        law: format!("{chain}: token supply ≤ minted − burned"),
        held: counted.zip(supply).is_some_and(|(counted, supply)| supply <= counted),
        detail: format!("{} ≤ {}", show(supply), show(counted)),
    }
}

fn collateral(chain: &str, symbol: &str, holding: &Holding) -> Check {
    let Holding { held, recorded, claimable, pending, undebited, .. } = holding;
    Check {
        law: format!("{chain}: {symbol} held + pending ≥ recorded + claimable + not yet debited"),
        held: holding.covers(),
        detail: format!("{held} + {pending} ≥ {recorded} + {claimable} + {undebited}"),
    }
}

fn contained(law: &str, route: &str, part: u128, whole: u128) -> Check {
    Check { law: format!("{route}: {law}"), held: part <= whole, detail: format!("{part} ≤ {whole}") }
}

fn totals(readings: &[Reading], verdict: &mut Verdict) {
    for Reading { second, .. } in readings {
        verdict.debt = verdict.debt.saturating_add(second.debt);
        verdict.bad_debt = verdict.bad_debt.saturating_add(second.bad_debt);
        verdict.supply = verdict.supply.saturating_add(difference(second.minted, second.burned).unwrap_or(i128::MAX));
        for peer in &second.peers {
            let back = peer.refunded.saturating_add(peer.settled);
            verdict.in_flight = verdict.in_flight.saturating_add(difference(peer.sent, back).unwrap_or(i128::MAX));
        }
    }
}

fn peer(books: &Books, index: usize) -> PeerBooks {
    books.peers.get(index).copied().unwrap_or_default()
}

/// Saturates: totals near 2^128 cannot be, and would not compare equal by accident.
fn sum(amounts: impl IntoIterator<Item = u128>) -> u128 {
    amounts.into_iter().fold(0, u128::saturating_add)
}

fn difference(left: u128, right: u128) -> Option<i128> {
    i128::try_from(left).ok()?.checked_sub(i128::try_from(right).ok()?)
}

fn show(amount: Option<i128>) -> String {
    amount.map_or_else(|| "out of range".to_owned(), |amount| amount.to_string())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
