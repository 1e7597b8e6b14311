//! Positions: which there are, and which have to be read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tim3_coordinator::Notice;
use tim3_domain::{health::Balances, identity::Account, protocol::MirrorRecord};
use tim3_keeper::Input;
use tokio::sync::broadcast::error::TryRecvError;
use tracing::debug;

use super::Running;

/// Whose positions there are, by name of the market, and in which markets they are not known yet.
#[derive(Debug, Default)]
pub(super) struct Positions {
    owners: BTreeMap<String, BTreeSet<Account>>,
    /// `None` where even the owners may not be known.
    unread: Option<BTreeSet<String>>,
}

impl Positions {
    /// Something was missed: all of them are to be read again.
    pub(super) fn forget(&mut self) {
        self.unread = None;
    }

    /// Whether each was read, and what changed since was heard of.
    pub(super) fn is_known(&self) -> bool {
        self.unread.as_ref().is_some_and(BTreeSet::is_empty)
    }

    fn add(&mut self, market: String, owner: Account) {
        self.owners.entry(market).or_default().insert(owner);
    }

    /// All owners are known.
    fn begin(&mut self) {
        self.unread = Some(self.owners.keys().cloned().collect());
    }

    /// The markets to be read, with their owners.
    fn unread(&self) -> Vec<(String, Vec<Account>)> {
        let unread = self.unread.iter().flatten();
        let owners = |market: &String| self.owners.get(market).into_iter().flatten().copied().collect();
        unread.map(|market| (market.clone(), owners(market))).collect()
    }

    fn is_unread(&self, market: &str) -> bool {
        self.unread.as_ref().is_none_or(|unread| unread.contains(market))
    }

    fn read(&mut self, market: &str) {
        if let Some(unread) = &mut self.unread {
            unread.remove(market);
        }
    }
}

impl Running {
    /// Hands in positions: all of them at first, then those that changed. A market that could not be read is read again in the next round, by itself; what
    /// is known of it stands until then.
    pub(super) async fn hear(&mut self) -> Result<()> {
        loop {
            match self.notices.try_recv() {
                Ok(Notice::PositionChanged { record }) => self.hear_of(&record)?,
                Ok(_) => {}
                Err(TryRecvError::Lagged(count)) => {
                    debug!(count, "notices were missed: every position is read again");
                    self.positions.forget();
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if self.positions.unread.is_none() {
            for (_, located) in self.handle.journal().positions()? {
                if let Some(position) = located.event.body.position()
                    && let Some(name) = self.markets.get(&position.market)
                {
                    self.positions.add(name.clone(), position.owner);
                }
            }
            self.positions.begin();
        }
        for (market, owners) in self.positions.unread() {
            if self.read_positions(&market, &owners).await? {
                self.positions.read(&market);
            }
        }
        Ok(())
    }

    fn hear_of(&mut self, record: &MirrorRecord) -> Result<()> {
        let Some(market) = self.markets.get(&record.position.market).cloned() else { return Ok(()) };
        let owner = record.position.owner;
        self.positions.add(market.clone(), owner);
        let (balances, version) = (Balances::from(&record.position), record.version);
        self.give(Input::Position { market, owner, balances, version })
    }

    /// Reads positions as they are now, and says whether they could be read. Those that could not and never were are unknown, which is not healthy.
    async fn read_positions(&mut self, market: &str, owners: &[Account]) -> Result<bool> {
        let Some(naming) = self.names.markets.get(market) else { return Ok(true) };
        let Some(site) = self.sites.get(&naming.chain) else { return Ok(true) };
        match site.hands.positions(naming.market, owners).await {
            Ok(found) => {
                for (owner, record) in owners.iter().zip(found) {
                    let balances = Balances { collateral: record.collateral, debt: record.debt };
                    let (market, owner, version) = (market.to_owned(), *owner, record.version);
                    self.give(Input::Position { market, owner, balances, version })?;
                }
                Ok(true)
            }
            Err(error) => {
                let reason = error.to_string();
                self.problems.insert(market.to_owned(), reason.clone());
                // What is known stands until a notice says otherwise, and what is unknown already is no news.
                for owner in self.unheard_of(market, owners) {
                    let (market, reason) = (market.to_owned(), reason.clone());
                    self.give(Input::PositionUnknown { market, owner, reason })?;
                }
                Ok(false)
            }
        }
    }

    /// Those of whom the core knows neither a position nor that it could not be read.
    fn unheard_of(&self, market: &str, owners: &[Account]) -> Vec<Account> {
        let Some(book) = self.session.keeper.book(market) else { return Vec::new() };
        let unknown: BTreeSet<Account> = book.unknown().map(|(owner, _)| owner).collect();
        let is_new = |owner: &&Account| book.outlook(**owner).is_none() && !unknown.contains(owner);
        owners.iter().filter(is_new).copied().collect()
    }

    /// Reads again what is unknown in markets that were read.
    pub(super) async fn reread(&mut self) -> Result<()> {
        let unknown = |name: &String| {
            let book = self.session.keeper.book(name).filter(|_| !self.positions.is_unread(name))?;
            let owners: Vec<Account> = book.unknown().map(|(owner, _)| owner).collect();
            (!owners.is_empty()).then(|| (name.clone(), owners))
        };
        let unknown: Vec<_> = self.names.markets.keys().filter_map(unknown).collect();
        for (market, owners) in unknown {
            self.read_positions(&market, &owners).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tim3_domain::word::Word;

    use super::*;

    fn owner(byte: u8) -> Account {
        Account(Word([byte; 32]))
    }

    #[test]
    fn a_market_that_cannot_be_read_has_no_other_one_read_again() {
        let mut positions = Positions::default();
        positions.add("here".to_owned(), owner(1));
        positions.add("there".to_owned(), owner(2));
        assert!(positions.unread().is_empty() && !positions.is_known(), "there may be more");
        positions.begin();
        assert_eq!(positions.unread().len(), 2);
        positions.read("here");
        // Somebody comes to a market that was read.
        positions.add("here".to_owned(), owner(3));
        assert_eq!(positions.unread(), [("there".to_owned(), vec![owner(2)])]);
        assert!(positions.is_unread("there") && !positions.is_unread("here") && !positions.is_known());
        positions.read("there");
        assert!(positions.is_known());
        positions.forget();
        assert!(!positions.is_known() && positions.is_unread("here"));
        positions.begin();
        assert_eq!(positions.unread()[0], ("here".to_owned(), vec![owner(1), owner(3)]));
    }
}
