//! What is to be deployed, as far as it is the same on every chain.

use serde::{Deserialize, Serialize};
use tim3_domain::{
    identity::{AssetId, GatewayId},
    word::Word,
};

/// A synthetic token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticPlan {
    /// 1 to 12 of A to Z and 0 to 9.
    pub symbol: String,
    /// The token's long name.
    pub name: String,
    /// Price of one whole token, 18 decimals.
    pub target: u128,
    /// How much may be minted.
    pub mint_window: WindowPlan,
    /// How much may be released.
    pub release_window: WindowPlan,
}

/// A rolling limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowPlan {
    /// Canonical units of the synthetic.
    pub limit: u128,
    /// Seconds in which an empty window fills.
    pub period_seconds: u64,
}

/// What is allowed towards a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePlan {
    /// The synthetic.
    pub asset: AssetId,
    /// The other gateway.
    pub peer: GatewayId,
    /// Smallest gross amount; at least 1.
    pub min: u128,
    /// Largest gross amount; not above the peer's whole window.
    pub max: u128,
    /// Flat part of the fee.
    #[serde(default)]
    pub flat_fee: u128,
    /// Proportional part of the fee, in 1/10000.
    #[serde(default)]
    pub fee_bps: u16,
    /// Whether operations may start.
    pub enabled: bool,
    /// Whether accounts there are EVM addresses, whose form is checked here.
    pub evm: bool,
}

/// What every chain's gateway plan has to be looked at for before it is deployed.
#[derive(Clone, Debug)]
pub struct Outline<'a> {
    /// Symbols of the synthetics.
    pub synthetics: Vec<&'a str>,
    /// Symbols of the collaterals.
    pub collaterals: Vec<&'a str>,
    /// Synthetic and collateral of each market.
    pub markets: Vec<(&'a str, &'a str)>,
    /// What tells the deployment apart.
    pub salt: Word,
    /// Attesters that must sign.
    pub threshold: u8,
    /// Attesters there are.
    pub attesters: usize,
}

impl Outline<'_> {
    /// What can be seen to be wrong without asking a chain; the gateway itself checks the rest.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        for (synthetic, collateral) in &self.markets {
            if !self.synthetics.contains(synthetic) {
                return Err(format!("market of {synthetic} on {collateral}: no such synthetic in the plan"));
            }
            if !self.collaterals.contains(collateral) {
                return Err(format!("market of {synthetic} on {collateral}: no such collateral in the plan"));
            }
        }
        if self.salt.is_zero() {
            return Err("the salt is zero: take 32 random bytes".to_owned());
        }
        let Self { threshold, attesters, .. } = self;
        if *threshold == 0 || usize::from(*threshold) > *attesters {
            return Err(format!(
                "threshold {threshold} with {attesters} attesters: it must be at least 1 and at most as many"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_of_a_plan_is_told_and_a_plan_without_one_passes() {
        let good = Outline {
            synthetics: vec!["TIM3"],
            collaterals: vec!["USDA"],
            markets: vec![("TIM3", "USDA")],
            salt: Word([1; 32]),
            threshold: 2,
            attesters: 3,
        };
        assert_eq!(good.check(), Ok(()));
        let cases = [
            (Outline { synthetics: Vec::new(), ..good.clone() }, "no such synthetic"),
            (Outline { collaterals: Vec::new(), ..good.clone() }, "no such collateral"),
            (Outline { salt: Word::ZERO, ..good.clone() }, "the salt is zero"),
            (Outline { threshold: 0, ..good.clone() }, "threshold 0 with 3 attesters"),
            (Outline { threshold: 4, ..good.clone() }, "threshold 4 with 3 attesters"),
        ];
        for (outline, expected) in cases {
            assert!(outline.check().is_err_and(|told| told.contains(expected)), "{expected}");
        }
    }
}
