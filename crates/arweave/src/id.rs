//! Ids of AO and Arweave: 32 bytes, written as 43 characters of base64url. Wallets, processes, messages and transactions all have one.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use tim3_domain::{DomainError, identity::Account, word::Word};

/// An id. Two texts never stand for one id: the last character's unused bits are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(pub [u8; 32]);

impl Id {
    /// The hash of some bytes: of a public key the wallet's address, of a signature the id of what was signed.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest(&SHA256, bytes);
        Self(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// The word that stands for it in the protocol.
    #[must_use]
    pub fn word(self) -> Word {
        Word(self.0)
    }

    /// The account that it is.
    #[must_use]
    pub fn account(self) -> Account {
        Account(self.word())
    }
}

impl From<Word> for Id {
    fn from(word: Word) -> Self {
        Self(word.0)
    }
}

impl From<Account> for Id {
    fn from(account: Account) -> Self {
        account.0.into()
    }
}

impl FromStr for Id {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || DomainError::Name {
            what: "id",
            found: text.chars().take(80).collect(),
            expected: "43 characters of base64url, which are 32 bytes",
        };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

impl TryFrom<String> for Id {
    type Error = DomainError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_one_text_stands_for_an_id() {
        let id = Id([0; 32]);
        assert_eq!(id.to_string(), "A".repeat(43));
        for text in ["", "A", &"A".repeat(42), &"A".repeat(44), &format!("{}B", "A".repeat(42)), &"+".repeat(43)] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_read_as_it_is_written(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(Id(bytes).to_string().parse(), Ok(Id(bytes)));
        }

        #[test]
        fn any_text_is_an_id_or_an_error(text in "\\PC{0,60}|[A-Za-z0-9_-]{43}") {
            if let Ok(id) = text.parse::<Id>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
