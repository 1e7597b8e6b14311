//! The core with its record: everything that it is told goes through here.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tim3_chain::Transaction;
use tim3_keeper::{
    Action, Config, Input, Keeper, KeeperError, Recorded,
    input::Outcome,
    keeper::{Carried, Step},
    replay::{self, Abandoned, Line},
};
use tracing::{info, warn};

use super::record::{Item, Record, Sent};

/// Transactions of each decision that has no outcome yet, with the chain they are for.
pub(super) type Unfinished = BTreeMap<u64, (String, Vec<Transaction>)>;

/// The core and its record.
pub(super) struct Session {
    pub(super) keeper: Keeper,
    pub(super) record: Record,
    /// What the decisions of another version, which the core does not know, are to do and have no outcome of. They are followed, and that is all.
    pub(super) foreign: BTreeMap<u64, Action>,
}

/// A session, with what was under way when the one before ended.
pub(super) struct Resumed {
    pub(super) session: Session,
    /// What was signed, and may have been sent.
    pub(super) unfinished: Unfinished,
    /// What was decided and not signed.
    pub(super) unsigned: Vec<u64>,
    /// Whether the page goes on under the configuration of now; otherwise it has to be turned.
    pub(super) is_current: bool,
}

impl Session {
    /// Takes up the last page of the record, or begins the first one.
    pub(super) fn resume(record: Record, page: Vec<(u64, Item)>, config: &Config) -> Result<Resumed> {
        let mut lines = Vec::new();
        let mut unfinished = Unfinished::new();
        for (_, item) in page {
            match item {
                Item::Line(line) => lines.push(*line),
                Item::Sent(sent) => {
                    let Sent { decision, chain, transaction } = *sent;
                    unfinished.entry(decision).or_insert_with(|| (chain, Vec::new())).1.push(transaction);
                }
            }
        }
        let (restored, report) = match replay::restore(&lines) {
            Err(KeeperError::Version { found, .. }) => {
                return Self::take_over(record, found, replay::abandon(&lines), unfinished, config);
            }
            restored => restored.context("the keepers' record")?,
        };
        let Some(keeper) = restored else {
            let session = Self { keeper: Keeper::new(config.clone())?, record, foreign: BTreeMap::new() };
            return Ok(Resumed { session, unfinished, unsigned: Vec::new(), is_current: false });
        };
        let differences = report.differences.len();
        if differences != 0 {
            warn!(differences, "inputs of the keepers' record lead to other decisions now: another program wrote it");
        }
        let pending: Vec<u64> = keeper.pending().collect();
        unfinished.retain(|decision, _| pending.contains(decision));
        let unsigned = pending.into_iter().filter(|decision| !unfinished.contains_key(decision)).collect();
        let is_current = keeper.config().clone().with(config.parameters()) == *config;
        let session = Self { keeper, record, foreign: BTreeMap::new() };
        Ok(Resumed { session, unfinished, unsigned, is_current })
    }

    /// Goes on after a page of another version, whose decisions this program would not decide again.
    fn take_over(
        record: Record,
        version: u32,
        page: Abandoned,
        mut unfinished: Unfinished,
        config: &Config,
    ) -> Result<Resumed> {
        let Abandoned { carried, unfinished: mut foreign, half_done } = page;
        warn!(version, expected = replay::VERSION, "the keepers' record is of another version: it begins a page");
        if !half_done.is_empty() {
            warn!(open = ?half_done, "trades are half done and will not be finished: explain each decision, and sell or buy what is open by hand");
        }
        unfinished.retain(|decision, _| foreign.contains_key(decision));
        // What was not signed did not happen.
        foreign.retain(|decision, _| unfinished.contains_key(decision));
        let session = Self { keeper: Keeper::resume(config.clone(), carried)?, record, foreign };
        Ok(Resumed { session, unfinished, unsigned: Vec::new(), is_current: false })
    }

    /// Tells the core something, and records it with what it led to.
    pub(super) fn give(&mut self, now_ms: u64, input: Input) -> Result<Step> {
        let recorded = Recorded { sequence: self.record.next(), at_ms: now_ms, input };
        let step = self.keeper.step(&recorded)?;
        for line in Line::of(&recorded, &step) {
            self.record.add(&Item::Line(Box::new(line)))?;
        }
        Ok(step)
    }

    /// What became of a decision.
    pub(super) fn outcome(&mut self, now_ms: u64, decision: u64, outcome: Outcome) -> Result<Step> {
        self.foreign.remove(&decision);
        self.give(now_ms, Input::Outcome { decision, outcome })
    }

    /// A transaction was signed for a decision.
    pub(super) fn sent(&mut self, decision: u64, chain: &str, transaction: &Transaction) -> Result<()> {
        let (chain, transaction) = (chain.to_owned(), transaction.clone());
        self.record.add(&Item::Sent(Box::new(Sent { decision, chain, transaction })))
    }

    /// What a decision without an outcome is to do.
    pub(super) fn action_of(&self, decision: u64) -> Option<&Action> {
        self.keeper.action_of(decision).or_else(|| self.foreign.get(&decision))
    }

    /// Begins a page under `config`, if nothing is under way, of which a new page would know nothing. The core then knows nothing of the world.
    pub(super) fn turn(&mut self, now_ms: u64, keep: std::time::Duration, config: &Config) -> Result<bool> {
        let Some(carried) = self.keeper.carried().filter(|_| self.foreign.is_empty()) else { return Ok(false) };
        self.begin(now_ms, keep, config, carried)?;
        Ok(true)
    }

    fn begin(&mut self, now_ms: u64, keep: std::time::Duration, config: &Config, carried: Carried) -> Result<()> {
        self.record.turn(now_ms, keep)?;
        self.record.add(&Item::Line(Box::new(Line::header(config, carried.clone()))))?;
        self.keeper = Keeper::resume(config.clone(), carried)?;
        info!(line = self.record.next(), "the keepers' record begins a page");
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{sync::Arc, time::Duration};

    use tim3_chain::TxId;
    use tim3_journal::{Journal, RedbJournal};
    use tim3_keeper::{
        Decision, Mode, Subject, arbitrage::Transfer, config::ArbitragePolicy, flight::Patience, limits::Limits,
        liquidation::Policy,
    };

    use super::*;

    const KEEP: Duration = Duration::from_secs(60);

    pub(in crate::keeper) fn config() -> Config {
        Config {
            mode: Mode::Live,
            sources: BTreeMap::new(),
            feeds: BTreeMap::new(),
            chains: BTreeMap::new(),
            assets: BTreeMap::new(),
            markets: BTreeMap::new(),
            venues: BTreeMap::new(),
            reserves: BTreeMap::new(),
            liquidation: Policy { target_bps: 10_500, min_profit: 0, haircut_bps: 0, slippage_bps: 0, per_look: 1 },
            arbitrage: ArbitragePolicy {
                hops: 2,
                steps: 1,
                min_profit: 0,
                crossing_bps: 0,
                slippage_bps: 0,
                retry_ms: 0,
                max_hedge_loss: 0,
            },
            inventory: BTreeMap::new(),
            limits: Limits::default(),
            patience: Patience { first_ms: 1, most_ms: 1 },
        }
    }

    fn decided(number: u64) -> Line {
        let (asset, from, to) = ("TIM3".to_owned(), "east".to_owned(), "west".to_owned());
        let subject = Subject::Rebalance { asset: asset.clone(), from: from.clone(), to: to.clone() };
        let action = Some(Action::Transfer(Transfer { asset, from, to, amount: 5 }));
        let (input, at_ms, height, checks) = (0, 0, 0, Vec::new());
        Line::Decision(Box::new(Decision { number, input, at_ms, height, mode: Mode::Live, subject, checks, action }))
    }

    #[tokio::test]
    async fn a_page_of_another_version_ends_nothing_and_what_it_sent_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let journal = RedbJournal::open(&directory.path().join("journal.redb")).unwrap();
        let (journal, config): (Arc<dyn Journal>, _) = (Arc::new(journal), config());
        let open = || Record::open(Arc::clone(&journal)).unwrap();
        let mut record = open().0;
        record.turn(1, KEEP).unwrap();
        let carried = Box::new(Carried { decisions: 7, ..Carried::default() });
        let header = Line::Header { version: replay::VERSION - 1, config: Box::new(config.clone()), carried };
        let outcome = Input::Outcome { decision: 7, outcome: Outcome::Lost { gas: 0 } };
        let outcome = Line::Input(Recorded { sequence: 3, at_ms: 0, input: outcome });
        for line in [header, decided(7), decided(8), decided(9), outcome] {
            record.add(&Item::Line(Box::new(line))).unwrap();
        }
        for decision in [7, 8] {
            let transaction = Transaction { id: TxId(decision.to_string()), raw: vec![], nonce: 0, replaces: None };
            record.add(&Item::Sent(Box::new(Sent { decision, chain: "east".to_owned(), transaction }))).unwrap();
        }
        record.commit().await.unwrap();

        let (record, page) = open();
        let resumed = Session::resume(record, page, &config).unwrap();
        assert!(!resumed.is_current && resumed.unsigned.is_empty());
        assert_eq!(resumed.unfinished.keys().copied().collect::<Vec<_>>(), [8]);
        let mut session = resumed.session;
        assert!(session.action_of(8).is_some() && session.action_of(7).is_none() && session.action_of(9).is_none());
        assert!(!session.turn(2, KEEP, &config).unwrap(), "who dies now finds it on this page");
        session.record.commit().await.unwrap();
        let (record, page) = open();
        let resumed = Session::resume(record, page, &config).unwrap();
        assert_eq!(resumed.unfinished.keys().copied().collect::<Vec<_>>(), [8]);
        let mut session = resumed.session;
        session.outcome(3, 8, Outcome::Lost { gas: 0 }).unwrap();
        assert!(session.turn(3, KEEP, &config).unwrap());
        session.record.commit().await.unwrap();
        let (record, page) = open();
        let resumed = Session::resume(record, page, &config).unwrap();
        assert!(resumed.is_current);
        let carried = resumed.session.keeper.carried().unwrap();
        assert_eq!((carried.decisions, carried.lost), (10, 1));
    }
}
