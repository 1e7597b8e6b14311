//! What is to be deployed.

use serde::{Deserialize, Serialize};
use solana_pubkey::Pubkey;
use tim3_chain::plan::Outline;
use tim3_domain::word::Word;
use tim3_solana_interface::instruction::{MarketTerms, Oracle};

use crate::{SolanaError, base58};

pub use tim3_chain::plan::{RoutePlan, SyntheticPlan, WindowPlan};

/// A collateral of this chain.
pub type CollateralPlan = tim3_chain::plan::CollateralPlan<TokenPlan>;

/// A market whose home is on this chain.
pub type MarketPlan = tim3_chain::plan::MarketPlan<OraclePlan>;

/// A gateway, as it is when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayPlan {
    /// 32 random bytes, so that no other gateway has this one's id.
    pub salt: Word,
    /// Raises pause levels and cancels changes.
    #[serde(with = "base58")]
    pub guardian: Pubkey,
    /// Wallet that receives fees.
    #[serde(with = "base58")]
    pub treasury: Pubkey,
    /// Seconds between the announcement of a change and its making; below seven days.
    pub delay_seconds: u64,
    /// How many attesters must sign.
    pub threshold: u8,
    /// The attesters' 20-byte addresses, in any order.
    #[serde(with = "evm")]
    pub attesters: Vec<[u8; 20]>,
    /// The synthetics.
    pub synthetics: Vec<SyntheticPlan>,
    /// The collaterals of this chain.
    #[serde(default)]
    pub collaterals: Vec<CollateralPlan>,
    /// The markets whose home this is.
    #[serde(default)]
    pub markets: Vec<MarketPlan>,
}

/// Where a collateral's token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenPlan {
    /// A mint of the classic token program that is there.
    Existing(#[serde(with = "base58")] Pubkey),
    /// A mint whose authority is the deployer is made. For devnets.
    Test {
        /// What the mint says of itself.
        decimals: u8,
    },
}

/// A price account of Pyth's receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OraclePlan {
    /// Program that owns the account.
    #[serde(with = "base58")]
    pub program: Pubkey,
    /// The account.
    #[serde(with = "base58")]
    pub account: Pubkey,
    /// Feed that it is of.
    pub feed: Word,
    /// Seconds after which a price is stale.
    pub max_age_seconds: u64,
    /// Widest confidence interval, in 1/10000 of the price.
    pub max_confidence_bps: u16,
}

/// What a market's account keeps.
pub(crate) fn terms(plan: &MarketPlan) -> MarketTerms {
    let none = Oracle { program: [0; 32], account: [0; 32], feed: [0; 32], max_age: 0, max_confidence: 0 };
    MarketTerms {
        oracle: plan.oracle.map_or(none, |oracle| Oracle {
            program: oracle.program.to_bytes(),
            account: oracle.account.to_bytes(),
            feed: oracle.feed.0,
            max_age: oracle.max_age_seconds,
            max_confidence: oracle.max_confidence_bps,
        }),
        max_ltv: plan.max_ltv_bps,
        liquidation_threshold: plan.liquidation_threshold_bps,
        bonus: plan.bonus_bps,
        close_factor: plan.close_factor_bps,
        depeg: plan.depeg_bps,
        ceiling: plan.debt_ceiling,
        dust: plan.dust,
    }
}

impl GatewayPlan {
    /// See [`Outline::check`].
    pub(crate) fn check(&self) -> Result<(), SolanaError> {
        let outline = Outline {
            synthetics: &self.synthetics,
            collaterals: &self.collaterals,
            markets: &self.markets,
            salt: self.salt,
            threshold: self.threshold,
            attesters: self.attesters.len(),
        };
        outline.check().map_err(SolanaError::Deploy)
    }
}

/// A symbol as instructions carry it.
pub(crate) fn symbol(text: &str) -> Result<[u8; 12], SolanaError> {
    let mut padded = [0; 12];
    let place = padded.get_mut(..text.len());
    let place = place.ok_or_else(|| SolanaError::Deploy(format!("{text:?} is longer than a symbol's 12 letters")))?;
    place.copy_from_slice(text.as_bytes());
    Ok(padded)
}

/// Attesters as texts: they are named by their addresses on EVM chains everywhere.
mod evm {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(keys: &[[u8; 20]], serializer: S) -> Result<S::Ok, S::Error> {
        keys.iter().map(super::super::check::hexadecimal).collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[u8; 20]>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let read = |text: &String| {
            let wrong = || D::Error::custom(format!("{text:?} is no attester: expected 0x and 40 hexadecimal digits"));
            parsed(text).ok_or_else(wrong)
        };
        texts.iter().map(read).collect()
    }

    fn parsed(text: &str) -> Option<[u8; 20]> {
        let (pairs, []) = text.strip_prefix("0x")?.as_bytes().as_chunks::<2>() else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |[high, low]: &[u8; 2]| Some(digit(*high)?.checked_shl(4)? | digit(*low)?);
        pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
    }
}
