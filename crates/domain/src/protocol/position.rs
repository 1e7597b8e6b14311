//! A position as its home gateway states it, and the copy of it that other gateways hold.

use serde::{Deserialize, Serialize};

use crate::{
    DomainError,
    identity::{Account, GatewayId, MarketId},
    word::{Word, WordReader, keccak_text, keccak_words},
};

/// A position after a change (`P` of the protocol, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PositionState {
    /// The market; zero where an event moved no position.
    pub market: MarketId,
    /// Owner; the market itself in a reserve market.
    pub owner: Account,
    /// Collateral in its canonical units.
    pub collateral: u128,
    /// Debt in canonical units of the synthetic.
    pub debt: u128,
}

impl PositionState {
    /// The four words of a position.
    #[must_use]
    pub fn words(&self) -> [Word; 4] {
        [self.market.0, self.owner.0, self.collateral.into(), self.debt.into()]
    }

    /// Reads the four words of a position.
    ///
    /// # Errors
    /// [`DomainError`] naming the first field that does not fit.
    pub fn read(words: &mut WordReader<'_>) -> Result<Self, DomainError> {
        Ok(Self {
            market: words.word("market")?.into(),
            owner: words.word("owner")?.into(),
            collateral: words.u128("collateral")?,
            debt: words.u128("debt")?,
        })
    }
}

/// One version of a position, as a Mirror order carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MirrorRecord {
    /// Gateway where the position is canonical.
    pub home: GatewayId,
    /// The position.
    pub position: PositionState,
    /// Sequence of the event at home that made it so.
    pub version: u64,
}

impl MirrorRecord {
    /// The six words of the record.
    #[must_use]
    pub fn words(&self) -> [Word; 6] {
        let [market, owner, collateral, debt] = self.position.words();
        [self.home.0, market, owner, collateral, debt, self.version.into()]
    }

    /// Reads the six words of a record.
    ///
    /// # Errors
    /// [`DomainError`] naming the first field that does not fit.
    pub fn read(words: &mut WordReader<'_>) -> Result<Self, DomainError> {
        Ok(Self {
            home: words.word("home")?.into(),
            position: PositionState::read(words)?,
            version: words.u64("version")?,
        })
    }

    /// The EIP-712 struct hash that a Mirror order signs.
    #[must_use]
    pub fn hash(&self) -> Word {
        const TYPE: &str =
            "Position(bytes32 home,bytes32 market,bytes32 owner,uint128 collateral,uint128 debt,uint64 version)";
        let mut words = vec![keccak_text(TYPE)];
        words.extend(self.words());
        keccak_words(&words)
    }
}
