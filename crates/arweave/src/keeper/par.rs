//! Minting and redeeming at par with a reserve market of the gateway: how much for how much, and the messages for it. Pure.
//!
//! Minting is a transfer of the collateral to the gateway, at the collateral's token, which carries the lock. Redeeming is a message to the gateway, which has the token pay.

use serde::Deserialize;
use tim3_domain::{
    amm::Size,
    amount::{Rounding, SYNTHETIC_DECIMALS, scale},
    identity::{Account, GatewayId, MarketId},
    word::Word,
};

use crate::{
    ans104::Tag,
    id::Id,
    units::compute::{Outcome, Outgoing},
    user::Draw,
    view::{Number, reason},
};

/// A reserve market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reserve {
    pub(super) market: MarketId,
    /// The process that keeps the collateral.
    pub(super) collateral: Id,
    /// Decimals of the collateral: canonical ones, and its process's.
    pub(super) decimals: [u8; 2],
    /// What it owes, and so the most that it redeems.
    pub(super) debt: u128,
}

/// What a redemption did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Redeemed {
    /// Of the synthetic; what the reserve did not have came back.
    pub(super) paid: Number<u128>,
    /// None where that makes no unit of the collateral.
    pub(super) payout: Option<Word>,
}

#[derive(Deserialize)]
struct Locked {
    minted: Number<u128>,
}

impl Reserve {
    /// What goes in of the collateral, in its process's units, and what is minted for it; `None` where it does not bring what it must.
    pub(super) fn minted(&self, size: Size) -> Option<[u128; 2]> {
        let [canonical, native] = self.decimals;
        let (minted, most) = match size {
            Size::Sell { input, min_output } => {
                let collateral = scale(input, native, canonical, Rounding::Down).ok()?;
                let minted = scale(collateral, canonical, SYNTHETIC_DECIMALS, Rounding::Down).ok()?;
                (Some(minted).filter(|minted| *minted >= min_output)?, input)
            }
            Size::Buy { output, max_input } => (output, max_input),
        };
        let collateral = scale(minted, SYNTHETIC_DECIMALS, canonical, Rounding::Up).ok()?;
        let quantity = scale(collateral, canonical, native, Rounding::Up).ok()?;
        (minted != 0 && quantity <= most).then_some([quantity, minted])
    }

    /// What goes in of the synthetic; `None` where it does not bring what it must.
    pub(super) fn redeemed(&self, size: Size) -> Option<u128> {
        let [canonical, native] = self.decimals;
        let (amount, least) = match size {
            Size::Sell { input, min_output } => (input, min_output),
            Size::Buy { output, max_input } => {
                let collateral = scale(output, native, canonical, Rounding::Up).ok()?;
                let amount = scale(collateral, canonical, SYNTHETIC_DECIMALS, Rounding::Up).ok()?;
                (Some(amount).filter(|amount| *amount <= max_input)?, output)
            }
        };
        let collateral = scale(amount, SYNTHETIC_DECIMALS, canonical, Rounding::Down).ok()?;
        let paid = scale(collateral, canonical, native, Rounding::Down).ok()?;
        (paid >= least.max(1)).then_some(amount)
    }

    /// What makes the transfer of so much collateral a lock for what it mints here; the token hands it on.
    pub(super) fn lock(&self, own: Account, gateway: GatewayId, minted: u128, key: &str) -> Vec<Tag> {
        let draw = Draw {
            market: self.market,
            debt: minted,
            destination: gateway,
            recipient: own,
            refund_to: own,
            max_fee: 0,
        };
        draw.tags("X-").into_iter().chain([Tag::new("X-Action", "Lock"), Tag::new("X-Key", key)]).collect()
    }

    /// Redeems so much.
    pub(super) fn redeem(&self, own: Account, amount: u128, key: &str) -> Vec<Tag> {
        vec![
            Tag::new("Action", "Redeem"),
            Tag::new("Market", self.market.to_string()),
            Tag::new("Position-Owner", self.market.reserve_owner().to_string()),
            Tag::new("Quantity", amount.to_string()),
            Tag::new("Recipient", own.to_string()),
            Tag::new("Key", key),
        ]
    }
}

/// What the gateway minted for a lock of `own`, or why it did not; `None` where it does not answer to one.
pub(super) fn locked(outcome: &Outcome, own: Id) -> Option<Result<u128, String>> {
    if let Some(error) = told(outcome, own, "Lock-Error") {
        return Some(Err(reason(&error.data)));
    }
    let Locked { minted } = serde_json::from_str(&told(outcome, own, "Lock-Response")?.data).ok()?;
    Some(Ok(minted.0))
}

/// What a redemption of `own` did; in words, why it did nothing.
pub(super) fn redeemed(outcome: &Outcome, own: Id) -> Result<Redeemed, String> {
    answered(outcome, own, "Redeem")
}

/// The answer to an action of `own`; in words, why there is none.
pub(super) fn answered<T: for<'a> Deserialize<'a>>(outcome: &Outcome, own: Id, action: &str) -> Result<T, String> {
    if let Some(error) = told(outcome, own, &format!("{action}-Error")) {
        return Err(reason(&error.data));
    }
    let answer = told(outcome, own, &format!("{action}-Response"));
    let answer = answer.and_then(|response| serde_json::from_str(&response.data).ok());
    answer.ok_or_else(|| outcome.error.clone().unwrap_or_else(|| "it is not answered".to_owned()))
}

fn told<'a>(outcome: &'a Outcome, own: Id, action: &str) -> Option<&'a Outgoing> {
    let own = own.to_string();
    outcome.messages.iter().find(|message| message.target == own && message.tag("Action") == Some(action))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: Id = Id([7; 32]);

    fn reserve(decimals: [u8; 2]) -> Reserve {
        Reserve { market: MarketId(Word([1; 32])), collateral: Id([2; 32]), decimals, debt: u128::MAX }
    }

    fn says(action: &str, data: &str) -> Outcome {
        let message =
            Outgoing { target: OWN.to_string(), tags: vec![Tag::new("Action", action)], data: data.to_owned() };
        Outcome { messages: vec![message], ..Outcome::default() }
    }

    #[test]
    fn par_is_one_for_one_in_the_units_of_both() {
        let usda = reserve([6, 12]);
        let sell = |input, min_output| Size::Sell { input, min_output };
        let buy = |output, max_input| Size::Buy { output, max_input };
        assert_eq!(usda.minted(sell(5_999_999, 5)), Some([5_000_000, 5]), "what makes no unit is kept");
        assert_eq!((usda.minted(sell(5_999_999, 6)), usda.minted(sell(999_999, 0))), (None, None));
        assert_eq!((usda.minted(buy(5, 5_000_000)), usda.minted(buy(5, 4_999_999))), (Some([5_000_000, 5]), None));
        assert_eq!((usda.redeemed(sell(5, 5_000_000)), usda.redeemed(sell(5, 5_000_001))), (Some(5), None));
        assert_eq!((usda.redeemed(buy(4_000_001, 5)), usda.redeemed(buy(4_000_001, 4))), (Some(5), None));
        let coarse = reserve([2, 2]);
        assert_eq!((coarse.redeemed(sell(9_999, 0)), coarse.redeemed(buy(1, u128::MAX))), (None, Some(10_000)));
    }

    #[test]
    fn what_the_gateway_answers_is_read() {
        assert_eq!(locked(&says("Lock-Response", r#"{"sequence":"1","minted":"7"}"#), OWN), Some(Ok(7)));
        assert_eq!(locked(&says("Lock-Error", r#"{"error":"Paused"}"#), OWN), Some(Err("Paused".to_owned())));
        assert_eq!(locked(&says("Lock-Response", r#"{"nonce":"1"}"#), OWN), None);
        assert_eq!(locked(&says("Lock-Response", r#"{"minted":"7"}"#), Id([8; 32])), None);
        let data = r#"{"sequence":"1","paid":"7","surplus":"0","amount":"7"}"#;
        let done = Redeemed { paid: Number(7), payout: None };
        assert_eq!(redeemed(&says("Redeem-Response", data), OWN), Ok(done));
        assert_eq!(redeemed(&says("Redeem-Error", r#"{"error":"WindowFull"}"#), OWN), Err("WindowFull".to_owned()));
    }

    proptest! {
        #[test]
        fn nothing_is_had_for_less_than_par(canonical in 0_u8..19, native in 0_u8..19, amount in 1..u128::from(u64::MAX), sells: bool) {
            let at = reserve([canonical, native]);
            let size = if sells { Size::Sell { input: amount, min_output: 0 } } else { Size::Buy { output: amount, max_input: u128::MAX } };
            // Both in the finest units of all.
            let fine = |amount: u128, decimals: u8| scale(amount, decimals, 18, Rounding::Exact);
            if let Some([quantity, minted]) = at.minted(size) {
                prop_assert!(!sells || quantity <= amount);
                prop_assert!(sells || minted == amount);
                if let (Ok(paid), Ok(got)) = (fine(quantity, native), fine(minted, SYNTHETIC_DECIMALS)) {
                    prop_assert!(paid >= got);
                }
            }
            if !sells
                && let Some(paid) = at.redeemed(size)
                && let (Ok(paid), Ok(got)) = (fine(paid, SYNTHETIC_DECIMALS), fine(amount, native))
            {
                prop_assert!(paid >= got);
            }
        }

        #[test]
        fn any_answer_is_read_or_none(data in "\\PC{0,60}") {
            prop_assert!(locked(&says("Lock-Response", &data), OWN).is_none());
            prop_assert!(redeemed(&says("Redeem-Response", &data), OWN).is_err());
            prop_assert!(matches!(locked(&says("Lock-Error", &data), OWN), Some(Err(_))));
        }
    }
}
