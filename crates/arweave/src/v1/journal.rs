//! What the daemon has signed and what its operators decided, durable before it has any effect. Where it is kept is a [`Memory`]'s business.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Role, adopt::Step, message::Message};

/// A message that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its name.
    pub step: Step,
    /// What it says.
    pub message: Message,
    /// The data item: the only bytes that are ever sent for this step.
    pub raw: Vec<u8>,
}

/// Something to be known again after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Entry {
    /// A message was signed, and perhaps sent.
    #[serde(with = "signed")]
    Signed(Signed),
    /// An operator stopped everything.
    Stopped {
        /// Why.
        why: String,
    },
    /// A human had looked, and everything went on.
    Resumed {
        /// How far the processes' histories had been read then: what is below is nothing to stop for again.
        seen: BTreeMap<Role, u64>,
    },
}

/// It could not be read or written; then nothing may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the journal: {0}")]
pub struct MemoryError(pub String);

/// Entries in the order in which they were added. One daemon at a time has it.
#[async_trait]
pub trait Memory: Send + Sync {
    /// All of them.
    ///
    /// # Errors
    /// [`MemoryError`] where they cannot be read.
    fn recall(&self) -> Result<Vec<Entry>, MemoryError>;

    /// Adds one; it is durable when this returns.
    ///
    /// # Errors
    /// [`MemoryError`] where it is not.
    async fn record(&mut self, entry: &Entry) -> Result<(), MemoryError>;
}

impl Entry {
    /// As text, on one line.
    ///
    /// # Errors
    /// [`MemoryError`], which does not happen.
    pub fn encode(&self) -> Result<String, MemoryError> {
        serde_json::to_string(self).map_err(|error| MemoryError(error.to_string()))
    }

    /// From text.
    ///
    /// # Errors
    /// [`MemoryError`] saying what is wrong with it.
    pub fn decode(text: &str) -> Result<Self, MemoryError> {
        serde_json::from_str(text).map_err(|error| MemoryError(error.to_string()))
    }
}

mod signed {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::{Message, Signed};

    #[derive(Serialize, Deserialize)]
    struct Line {
        step: String,
        message: Message,
        raw: String,
    }

    pub(super) fn serialize<S: Serializer>(signed: &Signed, serializer: S) -> Result<S::Ok, S::Error> {
        let Signed { step, message, raw } = signed;
        let line = Line { step: step.to_string(), message: message.clone(), raw: BASE64_URL_SAFE_NO_PAD.encode(raw) };
        line.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signed, D::Error> {
        let Line { step, message, raw } = Line::deserialize(deserializer)?;
        let step = step.parse().map_err(|_| D::Error::custom(format!("{step:?} is no step")))?;
        Ok(Signed { step, message, raw: BASE64_URL_SAFE_NO_PAD.decode(raw).map_err(D::Error::custom)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_entry_is_read_as_it_was_written() {
        let step = "mint.2.TIM3-mint-u-mint-1756743291881-1469".parse().expect("a step");
        let message = Message::with_tags("tm", "Mint", &[("Amount", "5")]);
        for entry in [
            Entry::Signed(Signed { step, message, raw: vec![1, 2, 255] }),
            Entry::Stopped { why: "an operator\nlooked".to_owned() },
            Entry::Resumed { seen: BTreeMap::from([(Role::LockManager, 7), (Role::Usda, 0)]) },
        ] {
            let text = entry.encode().expect("text");
            assert!(!text.contains('\n'), "{text}");
            assert_eq!(Entry::decode(&text), Ok(entry));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_entry_or_an_error(text in "\\PC{0,80}|\\{\"entry\":\"signed\",\"step\":\"\\PC{0,20}\"\\}") {
            let _ = Entry::decode(&text);
        }
    }
}
