//! Compute units: what a message did, and what one would do.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tim3_rpc::{CallError, Http};

use super::{UnitError, plain, value};
use crate::{
    ans104::{Tag, tags},
    id::Id,
};

/// What the evaluation of a message gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outcome {
    /// What the process sent.
    #[serde(default, deserialize_with = "or_default")]
    pub messages: Vec<Outgoing>,
    /// Why the evaluation failed as a whole, in which case it changed nothing.
    #[serde(default, deserialize_with = "reason")]
    pub error: Option<String>,
    /// What it printed, or what code that was evaluated gave.
    #[serde(default)]
    pub output: Value,
}

/// A message that a process sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outgoing {
    /// Whom it is for.
    #[serde(default, deserialize_with = "or_default")]
    pub target: String,
    /// Its tags.
    #[serde(default, deserialize_with = "lenient_tags")]
    pub tags: Vec<Tag>,
    /// Its data.
    #[serde(default, deserialize_with = "text")]
    pub data: String,
}

impl Outgoing {
    /// The value of its first tag of this name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        tags::find(&self.tags, name)
    }
}

impl Outcome {
    /// The first message with this action.
    #[must_use]
    pub fn action(&self, action: &str) -> Option<&Outgoing> {
        self.messages.iter().find(|message| message.tag("Action") == Some(action))
    }
}

/// A message that is only tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Who it is from; nobody in particular where that does not matter.
    pub from: Option<Id>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Its data.
    pub data: String,
}

impl Trial {
    /// A message with these tags.
    #[must_use]
    pub fn new(tags: &[(&str, &str)]) -> Self {
        Self { tags: tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect(), ..Self::default() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DryRun<'a> {
    id: &'a str,
    target: Id,
    owner: String,
    anchor: &'a str,
    data: &'a str,
    tags: &'a [Tag],
}

/// What stands for somebody where it does not matter who.
const ANYBODY: &str = "1234";

/// What became of a message, or `None` where the unit has not evaluated it (yet).
///
/// # Errors
/// [`UnitError`].
pub async fn result(cu: &Http, process: Id, message: Id) -> Result<Option<Outcome>, UnitError> {
    value(&cu.get(&format!("result/{message}?process-id={process}")).await?)
}

/// What a message would do in the state that the unit has.
///
/// # Errors
/// [`UnitError`].
pub async fn dry_run(cu: &Http, process: Id, trial: &Trial) -> Result<Outcome, UnitError> {
    let owner = trial.from.map_or_else(|| ANYBODY.to_owned(), |from| from.to_string());
    let body = DryRun { id: ANYBODY, target: process, owner, anchor: "0", data: &trial.data, tags: &trial.tags };
    let body = serde_json::to_vec(&body).map_err(|error| CallError::Fault(error.to_string()))?;
    let found = value(&cu.post(&format!("dry-run?process-id={process}"), "application/json", body).await?)?;
    found.ok_or_else(|| CallError::Behind(format!("process {process} is not known")))
}

/// Processes say numbers where others expect texts.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Value::deserialize(deserializer).map(as_text)
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn lenient_tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tag>, D::Error> {
    #[derive(Deserialize)]
    struct Raw {
        name: String,
        #[serde(default)]
        value: Value,
    }
    let raw: Option<Vec<Raw>> = Option::deserialize(deserializer)?;
    Ok(raw.unwrap_or_default().into_iter().map(|tag| Tag { name: tag.name, value: as_text(tag.value) }).collect())
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let none = matches!(&value, Value::Null | Value::Bool(false)) || value.as_str() == Some("");
    Ok((!none).then(|| plain(&as_text(value))))
}
