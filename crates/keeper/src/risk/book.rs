//! The positions of one vault market.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
};

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use tim3_domain::{
    DomainError,
    health::{Balances, Line, Scales},
    identity::Account,
    market::{ONE_BPS, VaultParameters},
    price::{Price, Verdict},
};

use super::{index::Index, pages::Pages};

/// What all positions of a vault market share.
#[derive(Clone, Copy, Debug)]
pub struct Vault {
    /// The market's terms.
    pub parameters: VaultParameters,
    /// Price of one whole synthetic at which debt counts.
    pub target: Price,
    /// Canonical decimals of the collateral.
    pub decimals: u8,
}

impl Vault {
    /// From amounts to values at `price`.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] for decimals beyond [`Scales::MAX_DECIMALS`].
    pub fn scales(&self, price: Price) -> Result<Scales, DomainError> {
        Scales::new(price, self.target, self.decimals)
    }
}

/// Why a position is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// What went wrong with reading it.
    pub reason: String,
    /// Since when, in milliseconds since 1970: to be read again, and alerted.
    pub since_ms: u64,
}

/// A position that may be liquidated, or was until a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its owner.
    pub owner: Account,
    /// What it has and owes.
    pub balances: Balances,
    /// Sequence of the event at home that made it so.
    pub version: u64,
    /// The lowest price at which it is healthy; `None` where no price makes it so.
    pub critical: Option<Price>,
}

/// What a new price changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Positions that became liquidatable.
    pub fallen: usize,
    /// Positions that became healthy, or unknown with the price.
    pub recovered: usize,
}

/// How one position stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The position.
    pub position: Candidate,
    /// Why it is unknown, if it is; then nothing else counts.
    pub unknown: Option<Unknown>,
    /// `C · LT / D` with 18 decimals; `None` without debt or without a price.
    pub health: Option<u128>,
    /// How far the price may fall until it is liquidatable, in basis points of the price, rounded down. `None` without debt or without a price.
    pub distance_bps: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    owner: Account,
    version: u64,
}

/// The key of a position that no price makes healthy. A price as high as this is no price of anything.
const HOPELESS: u128 = u128::MAX;

/// The positions of one market, in the order of their critical prices.
#[derive(Clone, Debug)]
pub struct Book {
    vault: Vault,
    /// For critical prices, which do not depend on the price in it.
    scales: Scales,
    price: Result<Price, Verdict>,
    balances: Pages<Balances>,
    holders: Pages<Holder>,
    slots: HashTable<u32>,
    hasher: RandomState,
    free: Vec<u32>,
    index: Index,
    unknown: BTreeMap<u32, Unknown>,
    liquidatable: usize,
}

impl Book {
    /// A market without positions and without a price.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] for decimals beyond [`Scales::MAX_DECIMALS`].
    pub fn new(vault: Vault) -> Result<Self, DomainError> {
        Ok(Self {
            scales: vault.scales(Price::ONE)?,
            vault,
            price: Err(Verdict::Unavailable),
            balances: Pages::default(),
            holders: Pages::default(),
            slots: HashTable::new(),
            hasher: RandomState::new(),
            free: Vec::new(),
            index: Index::default(),
            unknown: BTreeMap::new(),
            liquidatable: 0,
        })
    }

    /// The market's terms.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The price at which collateral counts for liquidation.
    ///
    /// # Errors
    /// The verdict on it, where there is none.
    pub fn price(&self) -> Result<Price, Verdict> {
        self.price
    }

    /// How many positions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many positions are liquidatable by the order, known or not; 0 without a price.
    #[must_use]
    pub fn liquidatable(&self) -> usize {
        self.liquidatable
    }

    /// Takes a new price, or that there is none. Costs what lies between the old price and the new one.
    pub fn tick(&mut self, price: Result<Price, Verdict>) -> Tick {
        let before = self.price.ok().map(Price::raw);
        let after = price.ok().map(Price::raw);
        self.price = price;
        let tick = match (before, after) {
            (_, None) => Tick { fallen: 0, recovered: self.liquidatable },
            (None, Some(after)) => Tick { fallen: self.index.above(after).count(), recovered: 0 },
            (Some(before), Some(after)) => Tick {
                fallen: self.index.between(after, before).count(),
                recovered: self.index.between(before, after).count(),
            },
        };
        self.liquidatable = self.liquidatable.saturating_add(tick.fallen).saturating_sub(tick.recovered);
        tick
    }

    /// Takes other terms: every critical price is computed again.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] for decimals beyond [`Scales::MAX_DECIMALS`]; nothing has changed then.
    pub fn set_vault(&mut self, vault: Vault) -> Result<(), DomainError> {
        self.scales = vault.scales(Price::ONE)?;
        self.vault = vault;
        self.rebuild();
        Ok(())
    }

    /// Makes the order anew out of the positions.
    pub fn rebuild(&mut self) {
        let entries =
            self.slots.iter().filter_map(|slot| Some((self.key(*self.balances.get(*slot)?), *slot))).collect();
        self.index = Index::build(entries);
        self.liquidatable = self.price.map_or(0, |price| self.index.above(price.raw()).count());
    }

    /// Takes many positions at once, faster than one by one.
    pub fn load(&mut self, positions: impl IntoIterator<Item = (Account, Balances, u64)>) {
        let mut entries: Vec<_> = self.index.descending().collect();
        self.index = Index::default();
        for (owner, balances, version) in positions {
            match self.slot(owner) {
                Some(_) => {
                    self.index = Index::build(std::mem::take(&mut entries));
                    self.set(owner, balances, version);
                    entries = self.index.descending().collect();
                }
                None => {
                    let slot = self.append(owner, balances, version);
                    entries.push((self.key(balances), slot));
                }
            }
        }
        self.index = Index::build(entries);
        self.liquidatable = self.price.map_or(0, |price| self.index.above(price.raw()).count());
    }

    /// Takes a version of a position; it is known from now on. A version that is no news changes nothing and answers `false`.
    pub fn set(&mut self, owner: Account, balances: Balances, version: u64) -> bool {
        let Some(slot) = self.slot(owner) else {
            let slot = self.append(owner, balances, version);
            self.enter(slot, balances);
            return true;
        };
        let (Some(held), Some(holder)) = (self.balances.get_mut(slot), self.holders.get_mut(slot)) else {
            return false;
        };
        if version < holder.version {
            return false;
        }
        // What is read again after a failure may be the version that was there, or the first one of a position never seen; one that was read at the head and
        // came out otherwise in the block that became final has the same version.
        let was_unknown = self.unknown.remove(&slot).is_some();
        if version == holder.version && !was_unknown && *held == balances {
            return false;
        }
        holder.version = version;
        let before = std::mem::replace(held, balances);
        self.leave(slot, before);
        self.enter(slot, balances);
        true
    }

    /// Marks a position as unknown until it is set again. One that was never seen is unknown, too, with nothing in it.
    pub fn set_unknown(&mut self, owner: Account, unknown: Unknown) {
        let slot = self.slot(owner).unwrap_or_else(|| {
            let slot = self.append(owner, Balances::default(), 0);
            self.enter(slot, Balances::default());
            slot
        });
        self.unknown.entry(slot).or_insert(unknown);
    }

    /// Forgets a position, for example one that a reorganisation of its chain took back.
    pub fn remove(&mut self, owner: Account) {
        let Some(slot) = self.slot(owner) else { return };
        let hash = self.hasher.hash_one(owner);
        if let Ok(entry) = self.slots.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        if let Some(before) = self.balances.get_mut(slot).map(std::mem::take) {
            self.leave(slot, before);
        }
        self.unknown.remove(&slot);
        self.free.push(slot);
    }

    /// The positions that cannot be assessed because they could not be read.
    pub fn unknown(&self) -> impl Iterator<Item = (Account, &Unknown)> {
        self.unknown.iter().filter_map(|(slot, unknown)| Some((self.holders.get(*slot)?.owner, unknown)))
    }

    /// The positions that a gateway would liquidate at the price, the least healthy first. None without a price.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> {
        let line = self.line();
        let key = self.price.map_or(HOPELESS, Price::raw);
        self.index
            .above(key)
            .map(|(_, slot)| slot)
            .filter(move |slot| self.is_below(*slot, line.as_ref()))
            .filter_map(|slot| self.position(slot))
    }

    /// The same by looking at every position: exact, in no order, and independent of the order that it is a check of.
    pub fn rescan(&self) -> impl Iterator<Item = Candidate> {
        let line = self.line();
        (0_u32..)
            .zip(self.balances.iter())
            .filter(move |(_, balances)| line.as_ref().is_some_and(|line| !line.covers(**balances)))
            .map(|(slot, _)| slot)
            .filter(|slot| !self.unknown.contains_key(slot))
            .filter_map(|slot| self.position(slot))
    }

    /// Owners about which [`Self::candidates`] and [`Self::rescan`] disagree; there are none unless this crate is wrong.
    #[must_use]
    pub fn disagreements(&self) -> Vec<Account> {
        let owners = |mut all: Vec<Account>| {
            all.sort_unstable();
            all
        };
        let by_order = owners(self.candidates().map(|candidate| candidate.owner).collect());
        let by_scan = owners(self.rescan().map(|candidate| candidate.owner).collect());
        let only = |here: &[Account], there: &[Account]| -> Vec<Account> {
            here.iter().filter(|owner| there.binary_search(owner).is_err()).copied().collect()
        };
        [only(&by_order, &by_scan), only(&by_scan, &by_order)].concat()
    }

    /// Whether a gateway would liquidate the position of `owner` at the price.
    #[must_use]
    pub fn is_candidate(&self, owner: Account) -> bool {
        self.slot(owner).is_some_and(|slot| self.is_below(slot, self.line().as_ref()))
    }

    /// How the position of `owner` stands.
    #[must_use]
    pub fn outlook(&self, owner: Account) -> Option<Outlook> {
        self.outlook_of(self.slot(owner)?)
    }

    /// How each known position stands, the least healthy first.
    pub(super) fn outlooks(&self) -> impl Iterator<Item = Outlook> {
        let known = self.index.descending().filter(|(_, slot)| !self.unknown.contains_key(slot));
        known.filter_map(|(_, slot)| self.outlook_of(slot))
    }

    fn outlook_of(&self, slot: u32) -> Option<Outlook> {
        let position = self.position(slot)?;
        let threshold = self.vault.parameters.terms().liquidation_threshold_bps;
        let scales = self.price.ok().and_then(|price| self.vault.scales(price).ok());
        let distance = |price: Price| {
            let room = price.raw().saturating_sub(position.critical?.raw());
            let bps = ruint::aliases::U256::from(room).saturating_mul(ruint::aliases::U256::from(ONE_BPS));
            u16::try_from(bps.checked_div(ruint::aliases::U256::from(price.raw()))?).ok()
        };
        Some(Outlook {
            position,
            unknown: self.unknown.get(&slot).cloned(),
            health: scales.and_then(|scales| scales.health_factor(position.balances, threshold)),
            distance_bps: self.price.ok().filter(|_| position.balances.debt != 0).and_then(distance),
        })
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        [
            self.balances.heap_bytes(),
            self.holders.heap_bytes(),
            self.index.heap_bytes(),
            self.slots.allocation_size(),
            self.free.capacity().saturating_mul(size_of::<u32>()),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// All known positions with their keys in the index, the least healthy first.
    pub(super) fn ranked(&self) -> impl Iterator<Item = (u128, Balances)> {
        let known = self.index.descending().filter(|(_, slot)| !self.unknown.contains_key(slot));
        known.filter_map(|(key, slot)| Some((key, *self.balances.get(slot)?)))
    }

    fn line(&self) -> Option<Line> {
        let scales = self.vault.scales(self.price.ok()?).ok()?;
        Some(scales.line(self.vault.parameters.terms().liquidation_threshold_bps.into(), ONE_BPS.into()))
    }

    fn is_below(&self, slot: u32, line: Option<&Line>) -> bool {
        let fails = |line: &Line| self.balances.get(slot).is_some_and(|balances| !line.covers(*balances));
        line.is_some_and(fails) && (self.unknown.is_empty() || !self.unknown.contains_key(&slot))
    }

    fn position(&self, slot: u32) -> Option<Candidate> {
        let (balances, holder) = (*self.balances.get(slot)?, *self.holders.get(slot)?);
        let key = self.key(balances);
        // Without debt every price is high enough: the lowest one is shown.
        let critical = if key == HOPELESS { None } else { Price::new(key.max(1)) };
        Some(Candidate { owner: holder.owner, balances, version: holder.version, critical })
    }

    fn key(&self, balances: Balances) -> u128 {
        if balances.debt == 0 {
            return 0;
        }
        let threshold = self.vault.parameters.terms().liquidation_threshold_bps;
        self.scales.liquidation_price(balances, threshold).map_or(HOPELESS, Price::raw)
    }

    fn slot(&self, owner: Account) -> Option<u32> {
        let is_owner = |slot: &u32| self.holders.get(*slot).is_some_and(|holder| holder.owner == owner);
        self.slots.find(self.hasher.hash_one(owner), is_owner).copied()
    }

    /// Stores a position that is not there yet, without its place in the order.
    fn append(&mut self, owner: Account, balances: Balances, version: u64) -> u32 {
        let holder = Holder { owner, version };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.balances.push(Balances::default());
            self.holders.push(Holder::default());
            // More positions than 32 bits count do not fit into memory.
            u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
        });
        if let (Some(held), Some(place)) = (self.balances.get_mut(slot), self.holders.get_mut(slot)) {
            (*held, *place) = (balances, holder);
        }
        let (hasher, holders) = (&self.hasher, &self.holders);
        let rehash = |slot: &u32| holders.get(*slot).map_or(0, |holder| hasher.hash_one(holder.owner));
        self.slots.insert_unique(hasher.hash_one(owner), slot, rehash);
        slot
    }

    fn enter(&mut self, slot: u32, balances: Balances) {
        let key = self.key(balances);
        self.index.insert(key, slot);
        if self.price.is_ok_and(|price| key > price.raw()) {
            self.liquidatable = self.liquidatable.saturating_add(1);
        }
    }

    fn leave(&mut self, slot: u32, balances: Balances) {
        let key = self.key(balances);
        self.index.remove(key, slot);
        if self.price.is_ok_and(|price| key > price.raw()) {
            self.liquidatable = self.liquidatable.saturating_sub(1);
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
