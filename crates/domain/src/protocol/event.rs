//! What a gateway reports, and the running hash that proves it.

use serde::{Deserialize, Serialize};

use crate::{
    DomainError,
    identity::{Account, AssetId, GatewayId, MarketId, OperationId},
    protocol::{Operation, OperationKind, PositionState},
    word::{Word, WordReader, keccak_words},
};

/// How far a gateway's events reach: its count and the hash after the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Head {
    /// Number of events; the next sequence.
    pub count: u64,
    /// `h(count − 1)`.
    pub hash: Word,
}

impl Head {
    /// The head of a gateway that has reported nothing.
    #[must_use]
    pub fn genesis(gateway: GatewayId) -> Self {
        Self { count: 0, hash: gateway.0 }
    }

    /// The head after `event`, or `None` where the event is not the next one.
    #[must_use]
    pub fn after(&self, event: &Event) -> Option<Self> {
        if event.sequence != self.count {
            return None;
        }
        let mut words = vec![self.hash, event.sequence.into(), event.body.kind().into(), event.timestamp.into()];
        words.extend(event.body.words());
        Some(Self { count: self.count.checked_add(1)?, hash: keccak_words(&words) })
    }
}

/// One event of a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// Its number at the gateway.
    pub sequence: u64,
    /// Time at the gateway, in seconds.
    pub timestamp: u64,
    /// What happened.
    pub body: EventBody,
}

/// The outcome of an operation at a gateway (`R` of the protocol). `gross = fee + paid + surplus` where it settled or was refunded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outcome {
    /// The operation; zero for a redeem at home.
    pub operation: OperationId,
    /// The other gateway.
    pub peer: GatewayId,
    /// Nonce of the operation.
    pub nonce: u64,
    /// The synthetic.
    pub asset: AssetId,
    /// Gross amount.
    pub gross: u128,
    /// Route fee taken.
    pub fee: u128,
    /// Minted to the recipient, or debt repaid.
    pub paid: u128,
    /// Minted because there was no debt left to repay.
    pub surplus: u128,
}

impl Outcome {
    fn words(&self) -> [Word; 8] {
        [
            self.operation.0,
            self.peer.0,
            self.nonce.into(),
            self.asset.0,
            self.gross.into(),
            self.fee.into(),
            self.paid.into(),
            self.surplus.into(),
        ]
    }

    fn read(words: &mut WordReader<'_>) -> Result<Self, DomainError> {
        Ok(Self {
            operation: words.word("operation")?.into(),
            peer: words.word("peer")?.into(),
            nonce: words.u64("nonce")?,
            asset: words.word("asset")?.into(),
            gross: words.u128("gross")?,
            fee: words.u128("fee")?,
            paid: words.u128("paid")?,
            surplus: words.u128("surplus")?,
        })
    }
}

/// The body of an event; kinds, fields and their order are the table of section 4.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the protocol's table, named as there")]
pub enum EventBody {
    /// Collateral came in.
    Locked {
        position: PositionState,
        actor: Account,
        collateral: u128,
        minted: u128,
        recipient: Account,
        operation: Option<Box<Operation>>,
    },
    /// Synthetic was burned for work elsewhere.
    Burned { operation: Box<Operation> },
    /// A Mint order was executed.
    Minted { outcome: Outcome, recipient: Account },
    /// A Release order was executed, or synthetic was redeemed at home.
    Released { outcome: Outcome, payout: u128, recipient: Account, position: PositionState },
    /// A Void order was executed.
    Voided { outcome: Outcome, kind: OperationKind },
    /// A Refund or Conflict order was executed.
    Refunded { outcome: Outcome, payout: u128, refund_to: Account, position: PositionState },
    /// A position was liquidated.
    Liquidated { position: PositionState, liquidator: Account, repaid: u128, seized: u128, bad_debt: u128 },
    /// Debt was repaid at home.
    Repaid { position: PositionState, payer: Account, amount: u128 },
    /// Collateral was taken out.
    Withdrawn { position: PositionState, recipient: Account, amount: u128 },
    /// A payout that could not be delivered waits for its account.
    Claimable { account: Account, asset: AssetId, amount: u128, cause: OperationId },
    /// A waiting payout was collected.
    Claimed { account: Account, asset: AssetId, amount: u128, recipient: Account },
    /// Bad debt that no liquidation made.
    BadDebt { market: MarketId, asset: AssetId, amount: u128, cause: OperationId },
    /// Bad debt was burned away.
    Covered { market: MarketId, asset: AssetId, payer: Account, amount: u128, left: u128 },
    /// An owner named who may redeem collateral for it.
    ControllerSet { market: MarketId, owner: Account, gateway: GatewayId, account: Account },
    /// A pause level changed.
    PauseSet { asset: AssetId, level: u8, actor: Account },
    /// The attesters changed.
    AttestersSet { epoch: u64, threshold: u8, count: u8, signers: Word },
    /// A limit changed: 1 window, 2 route, 3 market, 4 asset.
    LimitsSet { what: u8, subject: Word, peer: GatewayId, values: Word },
    /// The treasury changed.
    TreasurySet { treasury: Account },
    /// A dead peer's last state was fixed.
    Tombstoned { peer: GatewayId, count: u64, hash: Word },
}

impl EventBody {
    /// The number of this kind on the wire.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Locked { .. } => 1,
            Self::Burned { .. } => 2,
            Self::Minted { .. } => 3,
            Self::Released { .. } => 4,
            Self::Voided { .. } => 5,
            Self::Refunded { .. } => 6,
            Self::Liquidated { .. } => 7,
            Self::Repaid { .. } => 8,
            Self::Withdrawn { .. } => 9,
            Self::Claimable { .. } => 10,
            Self::Claimed { .. } => 11,
            Self::BadDebt { .. } => 12,
            Self::Covered { .. } => 13,
            Self::ControllerSet { .. } => 14,
            Self::PauseSet { .. } => 15,
            Self::AttestersSet { .. } => 16,
            Self::LimitsSet { .. } => 17,
            Self::TreasurySet { .. } => 18,
            Self::Tombstoned { .. } => 19,
        }
    }

    /// The name of this kind in logs, metrics and the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "Locked",
            Self::Burned { .. } => "Burned",
            Self::Minted { .. } => "Minted",
            Self::Released { .. } => "Released",
            Self::Voided { .. } => "Voided",
            Self::Refunded { .. } => "Refunded",
            Self::Liquidated { .. } => "Liquidated",
            Self::Repaid { .. } => "Repaid",
            Self::Withdrawn { .. } => "Withdrawn",
            Self::Claimable { .. } => "Claimable",
            Self::Claimed { .. } => "Claimed",
            Self::BadDebt { .. } => "BadDebt",
            Self::Covered { .. } => "Covered",
            Self::ControllerSet { .. } => "ControllerSet",
            Self::PauseSet { .. } => "PauseSet",
            Self::AttestersSet { .. } => "AttestersSet",
            Self::LimitsSet { .. } => "LimitsSet",
            Self::TreasurySet { .. } => "TreasurySet",
            Self::Tombstoned { .. } => "Tombstoned",
        }
    }

    /// The operation this event starts, if it starts one.
    #[must_use]
    pub fn started(&self) -> Option<&Operation> {
        match self {
            Self::Locked { operation, .. } => operation.as_deref(),
            Self::Burned { operation } => Some(operation),
            _ => None,
        }
    }

    /// The outcome this event states, if it states one of an operation.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Minted { outcome, .. }
            | Self::Released { outcome, .. }
            | Self::Voided { outcome, .. }
            | Self::Refunded { outcome, .. } => Some(outcome).filter(|outcome| !outcome.operation.is_zero()),
            _ => None,
        }
    }

    /// The position this event moved, after the change.
    #[must_use]
    pub fn position(&self) -> Option<&PositionState> {
        match self {
            Self::Locked { position, .. }
            | Self::Released { position, .. }
            | Self::Refunded { position, .. }
            | Self::Liquidated { position, .. }
            | Self::Repaid { position, .. }
            | Self::Withdrawn { position, .. } => Some(position).filter(|position| !position.market.is_zero()),
            _ => None,
        }
    }

    /// The body as words, in the order of the protocol.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        match self {
            Self::Locked { position, actor, collateral, minted, recipient, operation } => {
                let mut words = position.words().to_vec();
                words.extend([actor.0, (*collateral).into(), (*minted).into(), recipient.0]);
                words.extend(operation.iter().flat_map(|operation| operation.words()));
                words
            }
            Self::Burned { operation } => operation.words().to_vec(),
            Self::Minted { outcome, recipient } => join(&outcome.words(), &[recipient.0]),
            Self::Released { outcome, payout, recipient, position } => {
                let [market, owner, collateral, debt] = position.words();
                join(&outcome.words(), &[(*payout).into(), recipient.0, market, owner, collateral, debt])
            }
            Self::Voided { outcome, kind } => join(&outcome.words(), &[kind.code().into()]),
            Self::Refunded { outcome, payout, refund_to, position } => {
                let [market, owner, collateral, debt] = position.words();
                join(&outcome.words(), &[(*payout).into(), refund_to.0, market, owner, collateral, debt])
            }
            Self::Liquidated { position, liquidator, repaid, seized, bad_debt } => {
                join(&position.words(), &[liquidator.0, (*repaid).into(), (*seized).into(), (*bad_debt).into()])
            }
            Self::Repaid { position, payer, amount } => join(&position.words(), &[payer.0, (*amount).into()]),
            Self::Withdrawn { position, recipient, amount } => {
                join(&position.words(), &[recipient.0, (*amount).into()])
            }
            Self::Claimable { account, asset, amount, cause } => vec![account.0, asset.0, (*amount).into(), cause.0],
            Self::Claimed { account, asset, amount, recipient } => {
                vec![account.0, asset.0, (*amount).into(), recipient.0]
            }
            Self::BadDebt { market, asset, amount, cause } => vec![market.0, asset.0, (*amount).into(), cause.0],
            Self::Covered { market, asset, payer, amount, left } => {
                vec![market.0, asset.0, payer.0, (*amount).into(), (*left).into()]
            }
            Self::ControllerSet { market, owner, gateway, account } => vec![market.0, owner.0, gateway.0, account.0],
            Self::PauseSet { asset, level, actor } => vec![asset.0, (*level).into(), actor.0],
            Self::AttestersSet { epoch, threshold, count, signers } => {
                vec![(*epoch).into(), (*threshold).into(), (*count).into(), *signers]
            }
            Self::LimitsSet { what, subject, peer, values } => vec![(*what).into(), *subject, peer.0, *values],
            Self::TreasurySet { treasury } => vec![treasury.0],
            Self::Tombstoned { peer, count, hash } => vec![peer.0, (*count).into(), *hash],
        }
    }

    /// Reads the body of an event of `kind`.
    ///
    /// # Errors
    /// [`DomainError`] for an unknown kind, a wrong number of words, or a field out of its range.
    pub fn decode(kind: u8, words: &[Word]) -> Result<Self, DomainError> {
        let expected = expected_words(kind)?;
        if !expected.contains(&words.len()) {
            return Err(DomainError::Length {
                what: "event body",
                found: words.len().saturating_mul(32),
                expected: "what its kind has",
            });
        }
        let mut words = WordReader::new(words);
        let body = Self::read(kind, &mut words)?;
        Ok(body)
    }

    fn read(kind: u8, words: &mut WordReader<'_>) -> Result<Self, DomainError> {
        Ok(match kind {
            1 => Self::Locked {
                position: PositionState::read(words)?,
                actor: words.word("actor")?.into(),
                collateral: words.u128("collateral")?,
                minted: words.u128("minted")?,
                recipient: words.word("recipient")?.into(),
                operation: if words.rest().is_empty() { None } else { Some(Box::new(Operation::read(words)?)) },
            },
            2 => Self::Burned { operation: Box::new(Operation::read(words)?) },
            3 => Self::Minted { outcome: Outcome::read(words)?, recipient: words.word("recipient")?.into() },
            4 => Self::Released {
                outcome: Outcome::read(words)?,
                payout: words.u128("payout")?,
                recipient: words.word("recipient")?.into(),
                position: PositionState::read(words)?,
            },
            5 => Self::Voided {
                outcome: Outcome::read(words)?,
                kind: OperationKind::from_code(words.u8("operation kind")?)?,
            },
            6 => Self::Refunded {
                outcome: Outcome::read(words)?,
                payout: words.u128("payout")?,
                refund_to: words.word("refundTo")?.into(),
                position: PositionState::read(words)?,
            },
            7 => Self::Liquidated {
                position: PositionState::read(words)?,
                liquidator: words.word("liquidator")?.into(),
                repaid: words.u128("repaid")?,
                seized: words.u128("seized")?,
                bad_debt: words.u128("bad debt")?,
            },
            8 => Self::Repaid {
                position: PositionState::read(words)?,
                payer: words.word("payer")?.into(),
                amount: words.u128("amount")?,
            },
            9 => Self::Withdrawn {
                position: PositionState::read(words)?,
                recipient: words.word("recipient")?.into(),
                amount: words.u128("amount")?,
            },
            _ => return Self::read_local(kind, words),
        })
    }

    /// The kinds that are about one gateway only.
    fn read_local(kind: u8, words: &mut WordReader<'_>) -> Result<Self, DomainError> {
        Ok(match kind {
            10 => Self::Claimable {
                account: words.word("account")?.into(),
                asset: words.word("asset")?.into(),
                amount: words.u128("amount")?,
                cause: words.word("cause")?.into(),
            },
            11 => Self::Claimed {
                account: words.word("account")?.into(),
                asset: words.word("asset")?.into(),
                amount: words.u128("amount")?,
                recipient: words.word("recipient")?.into(),
            },
            12 => Self::BadDebt {
                market: words.word("market")?.into(),
                asset: words.word("asset")?.into(),
                amount: words.u128("amount")?,
                cause: words.word("cause")?.into(),
            },
            13 => Self::Covered {
                market: words.word("market")?.into(),
                asset: words.word("asset")?.into(),
                payer: words.word("payer")?.into(),
                amount: words.u128("amount")?,
                left: words.u128("bad debt left")?,
            },
            14 => Self::ControllerSet {
                market: words.word("market")?.into(),
                owner: words.word("owner")?.into(),
                gateway: words.word("gateway")?.into(),
                account: words.word("account")?.into(),
            },
            15 => Self::PauseSet {
                asset: words.word("asset")?.into(),
                level: words.u8("level")?,
                actor: words.word("actor")?.into(),
            },
            16 => Self::AttestersSet {
                epoch: words.u64("epoch")?,
                threshold: words.u8("threshold")?,
                count: words.u8("count")?,
                signers: words.word("signers")?,
            },
            17 => Self::LimitsSet {
                what: words.u8("what")?,
                subject: words.word("subject")?,
                peer: words.word("peer")?.into(),
                values: words.word("values")?,
            },
            18 => Self::TreasurySet { treasury: words.word("treasury")?.into() },
            19 => Self::Tombstoned {
                peer: words.word("peer")?.into(),
                count: words.u64("count")?,
                hash: words.word("hash")?,
            },
            _ => return Err(DomainError::Unknown { what: "event kind", found: kind.into() }),
        })
    }
}

/// How many words a body of `kind` may have.
fn expected_words(kind: u8) -> Result<&'static [usize], DomainError> {
    Ok(match kind {
        1 => &[8, 22],
        2 | 4 | 6 => &[14],
        3 | 5 => &[9],
        7 => &[8],
        8 | 9 => &[6],
        10..=12 | 14 | 16 | 17 => &[4],
        13 => &[5],
        15 | 19 => &[3],
        18 => &[1],
        _ => return Err(DomainError::Unknown { what: "event kind", found: kind.into() }),
    })
}

fn join(first: &[Word], second: &[Word]) -> Vec<Word> {
    [first, second].concat()
}
