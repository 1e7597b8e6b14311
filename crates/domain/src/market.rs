//! What the admin sets for a market, and the refusal of what would make liquidation produce bad debt.

use serde::{Deserialize, Serialize};

use crate::{DomainError, identity::MarketKind};

/// Basis points in one.
pub const ONE_BPS: u16 = 10_000;

/// A market's terms as read from a chain or a file: nothing is known about them yet. Ratios are in basis points, amounts in canonical units
/// of the synthetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MarketTerms {
    /// Highest debt to collateral value at mint and withdraw.
    pub max_ltv_bps: u16,
    /// Debt to collateral value from which a position is liquidatable (LT).
    pub liquidation_threshold_bps: u16,
    /// What a liquidator gets above what it repays (b).
    pub bonus_bps: u16,
    /// Share of a debt that one liquidation may repay.
    pub close_factor_bps: u16,
    /// Highest debt of the market.
    pub debt_ceiling: u128,
    /// Smallest debt a position may be left with, other than 0.
    pub dust: u128,
}

/// The terms of a market that make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarketParameters {
    /// 1:1, never liquidated.
    Reserve {
        /// Highest debt of the market.
        debt_ceiling: u128,
        /// Smallest debt the market may be left with by a lock.
        dust: u128,
    },
    /// Over-collateralised.
    Vault(VaultParameters),
}

impl MarketParameters {
    /// Checks the terms of a market of `kind`.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] naming the first term that makes no sense.
    pub fn check(kind: MarketKind, terms: MarketTerms) -> Result<Self, DomainError> {
        match kind {
            MarketKind::Vault => VaultParameters::check(terms).map(Self::Vault),
            MarketKind::Reserve => {
                let MarketTerms { debt_ceiling, dust, .. } = terms;
                if terms == (MarketTerms { debt_ceiling, dust, ..MarketTerms::default() }) {
                    Ok(Self::Reserve { debt_ceiling, dust })
                } else {
                    Err(DomainError::Parameter {
                        parameter: "reserve market",
                        found: format!("{terms:?}"),
                        expected: "no ratios: a reserve market is 1:1 and never liquidated",
                    })
                }
            }
        }
    }
}

/// Terms of a vault market for which `0 < max LTV < LT`, `LT · (1 + b) ≤ 1`, `0 < close factor ≤ 1` and `dust ≤ ceiling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VaultParameters(MarketTerms);

impl VaultParameters {
    /// Checks the terms of a vault market.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] naming the first term that makes no sense.
    pub fn check(terms: MarketTerms) -> Result<Self, DomainError> {
        let insane = |parameter, found: String, expected| Err(DomainError::Parameter { parameter, found, expected });
        let MarketTerms { max_ltv_bps, liquidation_threshold_bps: threshold, bonus_bps, close_factor_bps, .. } = terms;
        if max_ltv_bps == 0 || max_ltv_bps >= threshold {
            let expected = "above 0 and below the liquidation threshold, or a fresh position is liquidatable";
            return insane("max_ltv_bps", format!("{max_ltv_bps} with a threshold of {threshold}"), expected);
        }
        // Neither factor is above 2^17, so nothing saturates.
        let seized = u64::from(threshold).saturating_mul(u64::from(ONE_BPS).saturating_add(bonus_bps.into()));
        if seized > u64::from(ONE_BPS).saturating_mul(ONE_BPS.into()) {
            let expected = "threshold · (1 + bonus) of at most 1, or every liquidation takes more than there is";
            let found = format!("{threshold} with a bonus of {bonus_bps}");
            return insane("liquidation_threshold_bps", found, expected);
        }
        if close_factor_bps == 0 || close_factor_bps > ONE_BPS {
            return insane("close_factor_bps", close_factor_bps.to_string(), "1 to 10000");
        }
        if terms.dust > terms.debt_ceiling {
            let found = format!("{} with a ceiling of {}", terms.dust, terms.debt_ceiling);
            return insane("dust", found, "at most the debt ceiling, or nobody can draw debt");
        }
        Ok(Self(terms))
    }

    /// The terms.
    #[must_use]
    pub fn terms(&self) -> &MarketTerms {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SANE: MarketTerms = MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_250,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        debt_ceiling: 1_000_000_000_000,
        dust: 100_000_000,
    };

    #[test]
    fn each_insane_term_is_refused_by_its_name() {
        assert_eq!(VaultParameters::check(SANE).map(|sane| *sane.terms()), Ok(SANE));
        for (terms, name) in [
            (MarketTerms { max_ltv_bps: 0, ..SANE }, "max_ltv_bps"),
            (MarketTerms { max_ltv_bps: 8_250, ..SANE }, "max_ltv_bps"),
            (MarketTerms { liquidation_threshold_bps: 9_524, ..SANE }, "liquidation_threshold_bps"),
            (MarketTerms { bonus_bps: u16::MAX, ..SANE }, "liquidation_threshold_bps"),
            (MarketTerms { close_factor_bps: 0, ..SANE }, "close_factor_bps"),
            (MarketTerms { close_factor_bps: 10_001, ..SANE }, "close_factor_bps"),
            (MarketTerms { dust: SANE.debt_ceiling + 1, ..SANE }, "dust"),
        ] {
            let error = VaultParameters::check(terms).unwrap_err();
            assert!(matches!(error, DomainError::Parameter { parameter, .. } if parameter == name), "{error}");
        }
    }

    #[test]
    fn a_reserve_has_no_ratios() {
        assert!(MarketParameters::check(MarketKind::Reserve, SANE).is_err());
        let terms = MarketTerms { debt_ceiling: 5, dust: 1, ..MarketTerms::default() };
        let reserve = MarketParameters::Reserve { debt_ceiling: 5, dust: 1 };
        assert_eq!(MarketParameters::check(MarketKind::Reserve, terms), Ok(reserve));
    }

    proptest! {
        #[test]
        fn what_passes_leaves_room_for_the_bonus(max_ltv_bps: u16, liquidation_threshold_bps: u16, bonus_bps: u16) {
            let terms = MarketTerms { max_ltv_bps, liquidation_threshold_bps, bonus_bps, ..SANE };
            let (ltv, lt, bonus) =
                (u128::from(max_ltv_bps), u128::from(liquidation_threshold_bps), u128::from(bonus_bps));
            let seized = (10_000_u128).strict_add(bonus).strict_mul(lt);
            let sane = 0 < ltv && ltv < lt && seized <= 100_000_000;
            prop_assert_eq!(VaultParameters::check(terms).is_ok(), sane);
        }
    }
}
