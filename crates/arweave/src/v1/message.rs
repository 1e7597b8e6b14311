//! Messages as the scheduler's history and a compute unit's results have them, and what is wrong with one that cannot be understood.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::Role;

/// A message: what it is about is in its tags, or as JSON or text in its data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Process or wallet that it goes to.
    pub target: String,
    /// In no order that means anything; of equal names the first counts.
    pub tags: Vec<(String, String)>,
    /// Text.
    pub data: String,
}

impl Message {
    /// A message with an `Action` and tags, and no data.
    #[must_use]
    pub fn with_tags(target: &str, action: &str, tags: &[(&str, &str)]) -> Self {
        let tags =
            std::iter::once(&("Action", action)).chain(tags).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { target: target.to_owned(), tags, data: String::new() }
    }

    /// The first tag of that name, compared exactly, as the processes do.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The `Action`, or nothing.
    #[must_use]
    pub fn action(&self) -> &str {
        self.tag("Action").unwrap_or_default()
    }
}

/// A message that a process has taken in, with its place in the process's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Number that the scheduler gave it.
    pub nonce: u64,
    /// Id of the data item.
    pub id: String,
    /// Who sent it: a process, or a wallet's address.
    pub from: String,
    /// The message.
    pub message: Message,
}

/// A message of a process that is not what its action says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{action} of the {role}: {what}")]
pub struct Malformed {
    /// Who said it.
    pub role: Role,
    /// Its `Action`.
    pub action: String,
    /// What is wrong.
    pub what: String,
}

impl Malformed {
    /// About a message of `role`.
    pub(super) fn new(role: Role, message: &Message, what: impl ToString) -> Self {
        Self { role, action: message.action().to_owned(), what: what.to_string() }
    }
}

/// The data as JSON.
pub(super) fn content<T: DeserializeOwned>(role: Role, message: &Message) -> Result<T, Malformed> {
    serde_json::from_str(&message.data).map_err(|error| Malformed::new(role, message, error))
}

/// A tag, parsed.
pub(super) fn tag<T>(role: Role, message: &Message, name: &str) -> Result<T, Malformed>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = message.tag(name).ok_or_else(|| Malformed::new(role, message, format_args!("no tag {name}")))?;
    text.parse().map_err(|error| Malformed::new(role, message, format_args!("tag {name} is {text:?}: {error}")))
}

/// Milliseconds since 1970. Networks disagree about whether it is a number or a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milliseconds(pub u64);

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quantity = super::quantity::Quantity::deserialize(deserializer)?;
        let whole = quantity.millionths().checked_div(1_000_000).and_then(|ms| u64::try_from(ms).ok());
        whole.map(Self).ok_or_else(|| serde::de::Error::custom("a time before 1970"))
    }
}

/// A map that is `[]` when it is empty, as Lua's JSON writes it.
pub(super) fn map<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Table<T> {
        Map(BTreeMap<String, T>),
        Empty([(); 0]),
    }
    Ok(match Table::deserialize(deserializer)? {
        Table::Map(map) => map,
        Table::Empty([]) => BTreeMap::new(),
    })
}
