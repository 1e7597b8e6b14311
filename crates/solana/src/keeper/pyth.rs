//! What Pyth's price accounts say. Total: whatever is in an account is a reading, at worst one that is no price.

use std::sync::Arc;

use solana_pubkey::Pubkey;
use tim3_chain::{ChainError, Feed, FeedReading};
use tim3_domain::word::Word;
use tim3_rpc::{Answer, Call, CallError};
use tim3_solana_interface::external::PriceUpdate;

use super::Keeper;
use crate::{
    address::{PYTH_RECEIVER, pubkey},
    chain::integer,
    node::{self, Commitment, Found, Node},
};

/// The account with the chain's clock.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
/// Where in it the time is, in seconds.
const TIME: usize = 32;
/// More decimals than any feed has.
const MOST_DECIMALS: u32 = 36;

impl Keeper {
    pub(super) async fn read_feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        const WHAT: &str = "price account";
        let Feed::Pyth { account, id } = *feed else {
            return Err(self.link.rejected(WHAT, "a feed of another kind of chain"));
        };
        let least = self.link.blocks.floor();
        let request = node::accounts(&[pubkey(&account), CLOCK], Commitment::Confirmed, least);
        let ask = |node: Arc<Node>| {
            let request = request.clone();
            async move {
                let mut accounts = node.one(request).await?.accounts(2, least)?.accounts.into_iter();
                let (price, clock) = (accounts.next().flatten(), accounts.next().flatten());
                let now = clock.and_then(|clock| integer(&clock.data, TIME));
                let now = now.ok_or_else(|| CallError::Garbage("the chain's clock is none".to_owned()))?;
                Ok(judged(price.as_ref(), id, now))
            }
        };
        let said = self.link.pool.everyone(Call::new(WHAT), ask).await;
        let numbered =
            |Answer { value, endpoint }| FeedReading { endpoint: u16::try_from(endpoint).unwrap_or(u16::MAX), ..value };
        Ok(said.map_err(|error| self.link.error(WHAT, error))?.into_iter().map(numbered).collect())
    }
}

/// The reading of a price account at `now`, by the rules of the gateway (`program/src/rules/price.rs`) save for those about its age and for those that a
/// market sets: how old, how far ahead of the chain's clock and how uncertain it may be is for others to say.
fn judged(account: Option<&Found>, id: Word, now: u64) -> FeedReading {
    let no_price = FeedReading { endpoint: 0, answer: 0, confidence: 0, decimals: 0, published: now };
    let update = account.filter(|account| account.owner == PYTH_RECEIVER);
    let update = update.and_then(|account| PriceUpdate::read(&account.data));
    let Some(update) = update.filter(|update| update.full && Word(update.feed) == id) else { return no_price };
    let (Ok(published), Some((answer, confidence, decimals))) = (u64::try_from(update.published), scaled(&update))
    else {
        return no_price;
    };
    FeedReading { endpoint: 0, answer, confidence, decimals, published }
}

/// Price, confidence and their decimals; `None` for an exponent that no feed has.
fn scaled(update: &PriceUpdate) -> Option<(i128, u128, u8)> {
    let (price, confidence) = (i128::from(update.price), u128::from(update.confidence));
    let digits = update.exponent.unsigned_abs();
    if update.exponent <= 0 {
        let decimals = u8::try_from(digits).ok().filter(|_| digits <= MOST_DECIMALS)?;
        return Some((price, confidence, decimals));
    }
    let factor = 10_u64.checked_pow(digits)?;
    Some((price.checked_mul(factor.into())?, confidence.checked_mul(factor.into())?, 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tim3_domain::word::keccak_text;

    use super::*;

    fn id() -> Word {
        keccak_text("SOL/USD")
    }

    fn update() -> PriceUpdate {
        PriceUpdate {
            full: true,
            feed: id().0,
            price: 15_000_000_000,
            confidence: 2_000_000,
            exponent: -8,
            published: 950,
        }
    }

    fn found(data: Vec<u8>) -> Found {
        Found { owner: PYTH_RECEIVER, lamports: 1, data }
    }

    fn read(update: &PriceUpdate) -> FeedReading {
        judged(Some(&found(update.write(&[7; 32]))), id(), 1_000)
    }

    fn price(answer: i128, confidence: u128, decimals: u8) -> FeedReading {
        FeedReading { endpoint: 0, answer, confidence, decimals, published: 950 }
    }

    #[test]
    fn a_price_has_its_confidence_and_its_exponents_decimals() {
        assert_eq!(read(&update()), price(15_000_000_000, 2_000_000, 8));
        assert_eq!(read(&PriceUpdate { exponent: 0, ..update() }), price(15_000_000_000, 2_000_000, 0));
        let large = PriceUpdate { price: 15, confidence: 2, exponent: 3, ..update() };
        assert_eq!(read(&large), price(15_000, 2_000, 0));
        assert_eq!(read(&PriceUpdate { price: -5, ..update() }), price(-5, 2_000_000, 8), "others call it no price");
    }

    #[test]
    fn a_price_ahead_of_the_chains_clock_says_when_it_is_of() {
        let ahead = read(&PriceUpdate { published: 1_061, ..update() });
        assert_eq!((ahead.answer, ahead.published), (15_000_000_000, 1_061));
    }

    #[test]
    fn what_is_no_price_of_this_feed_is_zero_and_new() {
        let no_price = FeedReading { endpoint: 0, answer: 0, confidence: 0, decimals: 0, published: 1_000 };
        for (wrong, why) in [
            (PriceUpdate { full: false, ..update() }, "it is not verified in full"),
            (PriceUpdate { feed: [1; 32], ..update() }, "another feed"),
            (PriceUpdate { published: -1, ..update() }, "before 1970"),
            (PriceUpdate { exponent: -37, ..update() }, "an exponent that is too low"),
            (PriceUpdate { exponent: 20, ..update() }, "an exponent that is too high"),
        ] {
            assert_eq!(read(&wrong), no_price, "{why}");
        }
        assert_eq!(judged(None, id(), 1_000), no_price, "there is no account");
        let foreign = Found { owner: CLOCK, ..found(update().write(&[7; 32])) };
        assert_eq!(judged(Some(&foreign), id(), 1_000), no_price, "another program's");
        assert_eq!(judged(Some(&found(vec![7; PriceUpdate::LENGTH])), id(), 1_000), no_price, "garbage");
    }

    proptest! {
        #[test]
        fn any_account_is_a_reading(
            mut data in prop::collection::vec(any::<u8>(), 0..200), now: u64, keep_head: bool, keep_feed: bool,
        ) {
            for (keep, range) in [(keep_head, 0..41), (keep_feed, 41..73)] {
                let good = update().write(&[7; 32]);
                if let (true, Some(place)) = (keep, data.get_mut(range.clone())) {
                    place.copy_from_slice(&good[range]);
                }
            }
            let read = judged(Some(&found(data)), id(), now);
            prop_assert!(u32::from(read.decimals) <= MOST_DECIMALS);
        }

        #[test]
        fn any_numbers_are_a_reading(price: i64, confidence: u64, exponent: i32, published: i64, now: u64) {
            let update = PriceUpdate { full: true, feed: id().0, price, confidence, exponent, published };
            let read = judged(Some(&found(update.write(&[7; 32]))), id(), now);
            if read.answer == 0 {
                prop_assert!(price == 0 || read.published == now);
            } else {
                prop_assert_eq!(read.answer.signum(), i128::from(price).signum());
                prop_assert_eq!(i128::from(read.published), i128::from(published));
            }
        }
    }
}
