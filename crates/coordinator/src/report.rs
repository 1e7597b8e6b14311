//! What an auditor states in public: of each synthetic what is locked, minted and on its way, at which block of which chain, and what the daemon's
//! journal had come to. Pure.
//!
//! A report has one encoding: JSON without blanks, members in the order below, amounts in canonical base units as decimal texts. Whoever reads one
//! needs no chain to see whether its sums are right ([`Report::check`]), and every figure can be asked of the chains at the blocks it names.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tim3_domain::{
    identity::{AssetId, ChainId, GatewayId},
    place::BlockRef,
    protocol::Head,
    word::{Word, keccak_bytes, keccak_words},
};
use tim3_journal::{Cursor, OperationRecord};

use crate::audit::{Check, Conflicts, Reading, audit};

/// What every report says that it is.
pub const FORMAT: &str = "tim3-reserve-report/1";

/// An amount in canonical base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(pub u128);

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.0.to_string()
    }
}

impl TryFrom<String> for Amount {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// The wallet that signs it, as Arweave writes addresses.
    pub auditor: String,
    /// The attesters that this daemon signs orders with: 20-byte addresses in hexadecimal.
    pub attesters: Vec<String>,
    /// Milliseconds since 1970 at which the period begins that this is the report of; an auditor makes one a period.
    pub period_ms: u64,
    /// When it was made, milliseconds since 1970.
    pub made_ms: u64,
    /// The transaction of the report before, where there is one.
    pub previous: Option<String>,
    /// What the journal had come to.
    pub journal: JournalState,
    /// One a synthetic.
    pub assets: Vec<AssetReport>,
}

/// What a daemon had worked off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalState {
    /// Keccak-256 over the words of `gateways` (id, count, hash, height) and of every open operation (id, keccak of its phase's name) by id.
    pub digest: Word,
    /// How many operations were open.
    pub open: u64,
    /// How far the events of each gateway were proved and worked off.
    pub gateways: Vec<GatewayState>,
}

/// How far one gateway's events were worked off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayState {
    /// The gateway.
    pub gateway: GatewayId,
    /// How many events.
    pub count: u64,
    /// The running hash over them.
    pub hash: Word,
    /// The final block at which they were proved.
    pub height: u64,
}

impl JournalState {
    /// What cursors and open operations come to.
    #[must_use]
    pub fn new(cursors: &[(GatewayId, Cursor)], open: &[OperationRecord]) -> Self {
        let state = |(gateway, Cursor { head: Head { count, hash }, height }): &(GatewayId, Cursor)| GatewayState {
            gateway: *gateway,
            count: *count,
            hash: *hash,
            height: *height,
        };
        let gateways: Vec<_> = cursors.iter().map(state).collect();
        let mut words: Vec<Word> =
            gateways.iter().flat_map(|it| [it.gateway.0, it.count.into(), it.hash, it.height.into()]).collect();
        let mut operations: Vec<_> = open.iter().map(|record| (record.operation.id().0, record.phase.name())).collect();
        operations.sort_unstable();
        words.extend(operations.iter().flat_map(|(id, phase)| [*id, keccak_bytes(phase.as_bytes())]));
        let open = u64::try_from(open.len()).unwrap_or(u64::MAX);
        Self { digest: keccak_words(&words), open, gateways }
    }
}

/// What secures and what circulates of one synthetic. Sums are over `chains`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetReport {
    /// Its symbol.
    pub symbol: String,
    /// Its identity.
    pub asset: AssetId,
    /// When its books were read, milliseconds since 1970.
    pub audited_ms: u64,
    /// Which laws did not hold; none where all is exact.
    pub breaches: Vec<String>,
    /// Debt that locked collateral secures.
    pub locked: Amount,
    /// Debt whose collateral is gone.
    pub bad_debt: Amount,
    /// Minted less burned.
    pub minted: Amount,
    /// Sent, and neither settled nor refunded.
    pub in_flight: Amount,
    /// Its books on each chain.
    pub chains: Vec<ChainReport>,
}

/// The books of a synthetic on one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainReport {
    /// CAIP-2 name.
    pub chain: String,
    /// The gateway.
    pub gateway: GatewayId,
    /// The final block at which they were read.
    pub block: Block,
    /// Debt of the markets at home here.
    pub debt: Amount,
    /// Debt whose collateral is gone.
    pub bad_debt: Amount,
    /// Minted since the beginning.
    pub minted: Amount,
    /// Burned since the beginning.
    pub burned: Amount,
    /// What the token counts as its supply.
    pub supply: Amount,
    /// Sent to all peers since the beginning, gross.
    pub sent: Amount,
    /// Of that, refunded.
    pub refunded: Amount,
    /// Of what all peers sent, settled here.
    pub settled: Amount,
    /// Collateral by symbol.
    pub collateral: Vec<Collateral>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: Word,
    /// Its time in seconds since 1970.
    pub timestamp: u64,
}

/// What a gateway has of a collateral and owes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collateral {
    /// Its symbol.
    pub symbol: String,
    /// What the token says that the gateway holds.
    pub held: Amount,
    /// Collateral of all positions.
    pub recorded: Amount,
    /// What waits for accounts that could not receive it.
    pub claimable: Amount,
    /// Payouts that are not confirmed.
    pub pending: Amount,
    /// The part of these that is still in `held`.
    pub undebited: Amount,
}

/// Why some bytes are no report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadReport {
    /// Not its form.
    #[error("not a reserve report: {0}")]
    Form(String),
    /// Another format.
    #[error("its format is {0:?}, and only {FORMAT} is known here")]
    Format(String),
    /// The same content in other bytes: two readers could disagree about what was signed.
    #[error("not in its one encoding")]
    Encoding,
}

impl AssetReport {
    /// What an audit read. `name` tells a collateral's symbol, `chain` a gateway's chain.
    #[must_use]
    pub fn new(
        (symbol, asset): (&str, AssetId),
        audited_ms: u64,
        readings: &[Reading],
        conflicts: &Conflicts,
        chain: impl Fn(GatewayId) -> Option<ChainId>,
        name: impl Fn(AssetId) -> String,
    ) -> Self {
        let verdict = audit(readings, conflicts, &name);
        let breaches = verdict.breaches().map(|check| format!("{} ({})", check.law, check.detail)).collect();
        let chains: Vec<_> = readings.iter().map(|reading| of_chain(reading, &chain, &name)).collect();
        let mut report = Self {
            symbol: symbol.to_owned(),
            asset,
            audited_ms,
            breaches,
            locked: Amount(0),
            bad_debt: Amount(0),
            minted: Amount(0),
            in_flight: Amount(0),
            chains,
        };
        if let Some(sums) = report.sums() {
            [report.locked, report.bad_debt, report.minted, report.in_flight] = sums.map(Amount);
        }
        report
    }

    /// Locked, bad debt, minted and in flight over all chains; `None` where they cannot be.
    fn sums(&self) -> Option<[u128; 4]> {
        let sum = |of: fn(&ChainReport) -> Amount| {
            self.chains.iter().try_fold(0_u128, |sum, chain| sum.checked_add(of(chain).0))
        };
        let minted = sum(|chain| chain.minted)?.checked_sub(sum(|chain| chain.burned)?)?;
        let back = sum(|chain| chain.refunded)?.checked_add(sum(|chain| chain.settled)?)?;
        Some([
            sum(|chain| chain.debt)?,
            sum(|chain| chain.bad_debt)?,
            minted,
            sum(|chain| chain.sent)?.checked_sub(back)?,
        ])
    }

    fn check(&self, checks: &mut Vec<Check>) {
        let symbol = &self.symbol;
        let stated = [self.locked, self.bad_debt, self.minted, self.in_flight].map(|amount| amount.0);
        checks.push(Check {
            law: format!("{symbol}: its sums are those of its chains"),
            held: self.sums() == Some(stated),
            detail: format!("{stated:?} = {:?}", self.sums().unwrap_or_default()),
        });
        let [locked, bad_debt, minted, in_flight] = stated;
        let (left, right) = (minted.checked_add(in_flight), locked.checked_add(bad_debt));
        let show = |sum: Option<u128>| sum.map_or_else(|| "out of range".to_owned(), |sum| sum.to_string());
        checks.push(Check {
            law: format!("{symbol}: minted + in flight = locked + bad debt"),
            held: left.is_some() && left == right,
            detail: format!("{} = {}", show(left), show(right)),
        });
        for chain in &self.chains {
            for it in &chain.collateral {
                let owed = it.recorded.0.checked_add(it.claimable.0).and_then(|owed| owed.checked_add(it.undebited.0));
                let has = it.held.0.saturating_add(it.pending.0);
                checks.push(Check {
                    law: format!(
                        "{}: {} held + pending ≥ recorded + claimable + not yet debited",
                        chain.chain, it.symbol
                    ),
                    held: owed.is_some_and(|owed| has >= owed),
                    detail: format!("{has} ≥ {}", show(owed)),
                });
            }
        }
        checks.push(Check {
            law: format!("{symbol}: its auditor saw every law hold"),
            held: self.breaches.is_empty(),
            detail: self.breaches.join("; "),
        });
    }
}

fn of_chain(
    reading: &Reading,
    chain: impl Fn(GatewayId) -> Option<ChainId>,
    name: impl Fn(AssetId) -> String,
) -> ChainReport {
    let books = &reading.second;
    let BlockRef { height, hash, timestamp } = reading.block;
    let sum = |of: fn(&tim3_chain::PeerBooks) -> u128| Amount(books.peers.iter().map(of).fold(0, u128::saturating_add));
    let collateral = |it: &tim3_chain::Holding| Collateral {
        symbol: name(it.collateral),
        held: Amount(it.held),
        recorded: Amount(it.recorded),
        claimable: Amount(it.claimable),
        pending: Amount(it.pending),
        undebited: Amount(it.undebited),
    };
    ChainReport {
        chain: chain(reading.gateway).map_or_else(|| reading.chain.clone(), |chain| chain.to_string()),
        gateway: reading.gateway,
        block: Block { height, hash, timestamp },
        debt: Amount(books.debt),
        bad_debt: Amount(books.bad_debt),
        minted: Amount(books.minted),
        burned: Amount(books.burned),
        supply: Amount(books.supply),
        sent: sum(|peer| peer.sent),
        refunded: sum(|peer| peer.refunded),
        settled: sum(|peer| peer.settled),
        collateral: books.holdings.iter().map(collateral).collect(),
    }
}

impl Report {
    /// Its one encoding.
    ///
    /// # Errors
    /// [`BadReport::Form`], which does not happen.
    pub fn encode(&self) -> Result<Vec<u8>, BadReport> {
        serde_json::to_vec(self).map_err(|error| BadReport::Form(error.to_string()))
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`BadReport`] for anything but the one encoding of a report.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadReport> {
        let report: Self = serde_json::from_slice(bytes).map_err(|error| BadReport::Form(error.to_string()))?;
        if report.format != FORMAT {
            return Err(BadReport::Format(report.format));
        }
        if report.encode()? == bytes { Ok(report) } else { Err(BadReport::Encoding) }
    }

    /// What can be seen without asking anybody: whether its sums are right and the laws hold in what it states.
    #[must_use]
    pub fn check(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        for asset in &self.assets {
            asset.check(&mut checks);
        }
        checks
    }
}

#[cfg(test)]
mod tests;
