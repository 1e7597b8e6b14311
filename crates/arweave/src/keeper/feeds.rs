//! What sources of prices say, to the gateway or as oracle processes. Total: whatever a process answers is a reading, at worst one that is no price.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tim3_chain::{ChainError, Feed, FeedReading};
use tim3_domain::price::{Price, read_answer};
use tim3_rpc::{Answer, Call, Http};

use super::Keeper;
use crate::{
    id::Id,
    units::compute::{self, Outcome, Trial},
    view::{Number, Query, view},
};

/// What a source said: a price and when, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    answer: i128,
    confidence: u128,
    decimals: u8,
    published: u64,
}

/// What the gateway goes by: both prices with 18 decimals. None of it is there while a source is silent.
#[derive(Debug, Deserialize)]
struct Oracle {
    lower: Option<Number<u128>>,
    higher: Option<Number<u128>>,
    time: Option<Number<u64>>,
}

impl Keeper {
    /// What each compute unit says that a feed says.
    pub(super) async fn read_feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        const WHAT: &str = "price";
        let link = &self.link;
        let now = link.now().await?;
        let said = match feed {
            Feed::Market(market) => {
                let query = &Query::new("Oracle").with("Market", market);
                let ask = |cu: Arc<Http>| async move {
                    view::<Oracle>(&cu, link.process(), query).await.map(|seen| seen.value.word())
                };
                link.compute_units.everyone(Call::new(WHAT), ask).await
            }
            Feed::RedStone { process, ticker } => {
                let (process, trial) = (Id::from(*process), &request(ticker));
                let ask = |cu: Arc<Http>| async move {
                    compute::dry_run(&cu, process, trial).await.map(|outcome| answered(&outcome, ticker))
                };
                link.compute_units.everyone(Call::new(WHAT), ask).await
            }
            Feed::Chainlink { .. } | Feed::Pyth { .. } => {
                return Err(link.rejected(WHAT, "a feed of another kind of chain"));
            }
        };
        let reading = |Answer { value, endpoint }| judged(value, u16::try_from(endpoint).unwrap_or(u16::MAX), now);
        Ok(said.map_err(|error| link.error(WHAT, error))?.into_iter().map(reading).collect())
    }
}

impl Oracle {
    /// The middle of both prices, and half their distance as its confidence: the higher end is the gateway's higher price to the last digit.
    fn word(self) -> Option<Word> {
        let (lower, higher, published) = (self.lower?.0, self.higher?.0, self.time?.0);
        let middle = lower.midpoint(higher);
        let (answer, confidence) = (i128::try_from(middle).ok()?, higher.checked_sub(middle)?);
        Some(Word { answer, confidence, decimals: Price::DECIMALS, published })
    }
}

/// What RedStone's oracle process is asked.
fn request(ticker: &str) -> Trial {
    let tickers = Value::from(vec![ticker]).to_string();
    Trial::new(&[("Action", "v2.Request-Latest-Data"), ("Tickers", &tickers)])
}

/// What it answers: `{"AR": {"v": 21.34, "t": 1763887200000, "a": …}}`, the time in milliseconds. It fails where it knows no such ticker.
fn answered(outcome: &Outcome, ticker: &str) -> Option<Word> {
    let data: Value = outcome.messages.iter().find_map(|message| serde_json::from_str(&message.data).ok())?;
    let found = data.get(ticker)?;
    // The shortest decimal that means this number: what the process wrote.
    let text = |name: &str| match found.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    let (answer, decimals) = read_answer(&text("v")?)?;
    let (time, fraction) = read_answer(&text("t")?)?;
    let milliseconds = time.checked_div(10_i128.checked_pow(fraction.into())?)?;
    Some(Word { answer, confidence: 0, decimals, published: u64::try_from(milliseconds.checked_div(1_000)?).ok()? })
}

/// The reading of what was said, while the scheduler's clock shows `now`.
fn judged(said: Option<Word>, endpoint: u16, now: u64) -> FeedReading {
    let said = said.unwrap_or(Word { answer: 0, confidence: 0, decimals: 0, published: now });
    let Word { answer, confidence, decimals, published } = said;
    FeedReading { endpoint, answer, confidence, decimals, published }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::units::compute::Outgoing;

    fn says(data: &str) -> Outcome {
        let message = Outgoing { target: String::new(), tags: Vec::new(), data: data.to_owned() };
        Outcome { messages: vec![message], ..Outcome::default() }
    }

    fn word(answer: i128, decimals: u8, published: u64) -> Word {
        Word { answer, confidence: 0, decimals, published }
    }

    fn of(lower: &Value, higher: &Value, time: &Value) -> Option<Word> {
        let oracle = json!({"verdict": "5", "lower": lower, "higher": higher, "time": time});
        serde_json::from_value::<Oracle>(oracle).ok()?.word()
    }

    #[test]
    fn the_gateways_two_prices_are_the_ends_of_one() {
        let one = of(&json!("7"), &json!("7"), &json!("950"));
        assert_eq!(one, Some(word(7, 18, 950)));
        let two = of(&json!("7"), &json!("10"), &json!("950")).expect("a price");
        assert_eq!((two.answer, two.confidence, two.decimals), (8, 2, 18));
        let largest = json!(u128::MAX.to_string());
        for (lower, higher, time) in [
            (json!(null), json!(null), json!(null)),
            (json!("7"), json!("7"), json!(null)),
            (json!("9"), json!("7"), json!("950")),
            (largest.clone(), largest, json!("950")),
            (json!("-7"), json!("7"), json!("950")),
        ] {
            assert_eq!(of(&lower, &higher, &time), None, "{lower} {higher} {time}");
        }
    }

    #[test]
    fn a_price_of_redstone_has_its_digits_and_its_time() {
        let read = |data: &str| answered(&says(data), "AR");
        assert_eq!(read(r#"{"AR":{"v":21.34,"t":1763887200000,"a":"x"}}"#), Some(word(2_134, 2, 1_763_887_200)));
        assert_eq!(read(r#"{"AR":{"v":1.2e-07,"t":1.7638872e12}}"#), Some(word(12, 8, 1_763_887_200)));
        assert_eq!(read(r#"{"AR":{"v":"21.34","t":"1763887200999"}}"#), Some(word(2_134, 2, 1_763_887_200)));
        for data in ["", "[]", "null", r#"{"ETH":{"v":1,"t":1}}"#, r#"{"AR":{"v":1}}"#, r#"{"AR":{"v":true,"t":1}}"#] {
            assert_eq!(read(data), None, "{data}");
        }
        assert_eq!(answered(&Outcome { error: Some("No prices data".to_owned()), ..Outcome::default() }, "AR"), None);
        assert_eq!(request("AR").tags[1].value, r#"["AR"]"#);
    }

    #[test]
    fn what_is_no_price_is_zero_and_new() {
        let good = word(2_134, 2, 950);
        let reading = judged(Some(good), 3, 1_000);
        assert_eq!((reading.endpoint, reading.answer, reading.published), (3, 2_134, 950));
        let ahead = judged(Some(Word { published: 1_061, ..good }), 3, 1_000);
        assert_eq!((ahead.answer, ahead.published), (2_134, 1_061), "others judge its age");
        let nothing = judged(None, 3, 1_000);
        assert_eq!((nothing.answer, nothing.published), (0, 1_000));
    }

    proptest! {
        #[test]
        fn any_answer_is_a_reading(data in "\\PC{0,60}", now: u64) {
            let said = answered(&says(&data), "AR");
            prop_assert_eq!(judged(said, 0, now).published, said.map_or(now, |said| said.published));
        }

        #[test]
        fn any_numbers_are_a_reading(
            value in "\"?-?[0-9]{1,45}(\\.[0-9]{1,45})?([eE][+-]?[0-9]{1,4})?\"?",
            time in "\"?-?[0-9]{1,25}(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?\"?",
            now: u64,
        ) {
            let read = judged(answered(&says(&format!(r#"{{"AR":{{"v":{value},"t":{time}}}}}"#)), "AR"), 0, now);
            prop_assert!(read.decimals <= 18);
        }

        #[test]
        fn the_ends_are_the_gateways_prices(one: u128, other: u128) {
            let (lower, higher) = (one.min(other), one.max(other));
            let word = of(&json!(lower.to_string()), &json!(higher.to_string()), &json!("950"));
            if let Some(Word { answer, confidence, .. }) = word {
                let answer = answer.unsigned_abs();
                prop_assert_eq!(answer.checked_add(confidence), Some(higher));
                prop_assert!(answer.checked_sub(confidence).is_none_or(|end| end.abs_diff(lower) <= 1));
            }
        }
    }
}
