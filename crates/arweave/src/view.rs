//! What the gateway process answers about itself: its views, asked by dry-run.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Map, Value};
use tim3_domain::word::Word;
use tim3_rpc::{CallError, Http};

use crate::{
    id::Id,
    network::json,
    units::{
        Refusal, UnitError,
        compute::{self, Trial},
        plain,
    },
};

/// A view with its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    name: &'static str,
    tags: Vec<(&'static str, String)>,
}

impl Query {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, tags: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.tags.push((name, value.to_string()));
        self
    }

    fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.tags.iter().map(|(name, value)| (*name, value.as_str()));
        std::iter::once(("View", self.name)).chain(own)
    }
}

/// An answer, and the number of the last message that the state behind it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen<T> {
    pub(crate) nonce: u64,
    pub(crate) value: T,
}

impl<T> Seen<T> {
    /// The answer, where its state has seen the message numbered `least`.
    pub(crate) fn since(self, least: u64) -> Result<T, UnitError> {
        if self.nonce < least {
            return Err(CallError::Behind(format!("it has seen message {}, asked for {least}", self.nonce)));
        }
        Ok(self.value)
    }
}

#[derive(Deserialize)]
struct At {
    at: Place,
}

#[derive(Deserialize)]
struct Place {
    nonce: Number<u64>,
}

#[derive(Debug, Deserialize)]
struct Many {
    answers: Vec<Value>,
}

#[derive(Deserialize)]
struct Failed {
    error: String,
    #[serde(default)]
    detail: Value,
}

impl Failed {
    fn reason(self) -> String {
        // Lua writes an empty table as a list.
        match self.detail {
            Value::Null => plain(&self.error),
            Value::Array(list) if list.is_empty() => plain(&self.error),
            detail => plain(&format!("{} {detail}", self.error)),
        }
    }
}

/// What a refusal of the gateway says: its error and what belongs to it.
pub(crate) fn reason(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_| plain(text), Failed::reason)
}

/// One view of the state that a compute unit has.
pub(crate) async fn view<T: DeserializeOwned + std::fmt::Debug>(
    cu: &Http,
    process: Id,
    query: &Query,
) -> Result<Seen<T>, UnitError> {
    let tags: Vec<_> = std::iter::once(("Action", "View")).chain(query.tags()).collect();
    ask(cu, process, Trial::new(&tags)).await
}

/// Several views of one state. A view that refuses fails all of them.
pub(crate) async fn many(cu: &Http, process: Id, queries: &[Query]) -> Result<Seen<Vec<Value>>, UnitError> {
    let object = |query: &Query| {
        let members = query.tags().map(|(name, value)| (name.to_owned(), Value::from(value)));
        Value::Object(members.collect::<Map<_, _>>())
    };
    let data = Value::Array(queries.iter().map(object).collect()).to_string();
    let trial = Trial { data, ..Trial::new(&[("Action", "View"), ("View", "Many")]) };
    let Seen { nonce, value: Many { answers } } = ask(cu, process, trial).await?;
    if answers.len() != queries.len() {
        return Err(CallError::Garbage(format!("{} answers to {} views", answers.len(), queries.len())));
    }
    for answer in &answers {
        if let Ok(failed) = Failed::deserialize(answer) {
            return Err(CallError::Refused(Refusal { reason: failed.reason() }));
        }
    }
    Ok(Seen { nonce, value: answers })
}

/// One of several answers.
pub(crate) fn part<T: DeserializeOwned>(answers: &[Value], index: usize) -> Result<T, UnitError> {
    let answer = answers.get(index).unwrap_or(&Value::Null);
    T::deserialize(answer).map_err(|error| CallError::Garbage(format!("{error} in {}", plain(&answer.to_string()))))
}

async fn ask<T: DeserializeOwned + std::fmt::Debug>(
    cu: &Http,
    process: Id,
    trial: Trial,
) -> Result<Seen<T>, UnitError> {
    let outcome = compute::dry_run(cu, process, &trial).await?;
    if let Some(failed) = outcome.action("View-Error") {
        return Err(CallError::Refused(Refusal { reason: reason(&failed.data) }));
    }
    let Some(answer) = outcome.action("View-Response") else {
        let found = outcome.error.unwrap_or_else(|| "no answer".to_owned());
        return Err(CallError::Fault(format!("the process does not answer a view: {found}")));
    };
    let At { at } = serde_json::from_str(&answer.data)
        .map_err(|error| CallError::Garbage(format!("the answer does not say what it is of: {error}")))?;
    Ok(Seen { nonce: at.nonce.0, value: json(&answer.data)? })
}

/// A number that is carried as a decimal text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number<T>(pub(crate) T);

impl<'de, T: FromStr> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { text.parse().ok() } else { None };
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{:?} is no number in range", super::units::plain(&text))))
    }
}

/// A decimal text that may be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed(pub(crate) i128);

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom("no number in range"))
    }
}

/// Words that are carried one behind the other.
pub(crate) fn words(text: &str) -> Option<Vec<Word>> {
    let digits = text.strip_prefix("0x")?;
    let word = |digits: &[u8]| format!("0x{}", std::str::from_utf8(digits).ok()?).parse().ok();
    if !digits.len().is_multiple_of(64) {
        return None;
    }
    digits.as_bytes().chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Number<u128>>(text).ok().map(|number| number.0);
        assert_eq!(read("\"340282366920938463463374607431768211455\""), Some(u128::MAX));
        for text in ["\"340282366920938463463374607431768211456\"", "\"\"", "\"+1\"", "\"1.0\"", "\"-1\"", "7", "null"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_belongs_to_it() {
        assert_eq!(reason(r#"{"error":"Paused","detail":{"level":"2"}}"#), r#"Paused {"level":"2"}"#);
        assert_eq!(reason(r#"{"error":"Paused"}"#), "Paused");
        assert_eq!(reason(r#"{"error":"Healthy","detail":[]}"#), "Healthy");
        assert_eq!(reason("nonsense"), "nonsense");
    }

    proptest! {
        #[test]
        fn any_text_is_words_or_nothing(text in "\\PC{0,80}|0x[0-9a-f]{64}|0x[0-9a-f]{0,130}") {
            if let Some(words) = words(&text) {
                prop_assert_eq!(words.len(), text.len() / 64);
            }
        }

        #[test]
        fn words_are_read_as_they_are_written(bytes in prop::collection::vec(any::<[u8; 32]>(), 0..5)) {
            let text: String = bytes.iter().flat_map(|word| word.iter().map(|byte| format!("{byte:02x}"))).collect();
            prop_assert_eq!(words(&format!("0x{text}")), Some(bytes.into_iter().map(Word).collect()));
        }
    }
}
