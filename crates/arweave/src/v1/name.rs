//! Ids and purposes. They are texts made of what users chose, and are taken apart from the right.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an id counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A mint that a user asked the Coordinator for, or one of the Token Manager's.
    Mint,
    /// A mint that a transfer of USDA to the Coordinator started.
    Deposit,
    /// A burn.
    Burn,
    /// A lock.
    Lock,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::Mint => "mint",
            Self::Deposit => "deposit",
            Self::Burn => "burn",
            Self::Lock => "lock",
        }
    }
}

/// Not an id, or not a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not of the form <user>-<mint|deposit|burn|lock>-<milliseconds>-<four digits>")]
pub struct NotAName;

/// `<user>-<kind>-<milliseconds>-<four digits>`. Two of the same millisecond can be equal (H13).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id {
    user: String,
    kind: Kind,
    milliseconds: u64,
    serial: u16,
}

impl Id {
    /// Whom it is of: any text.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What it counts.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{:04}", self.user, self.kind.text(), self.milliseconds, self.serial)
    }
}

/// Digits without a sign, as many as `range` says, without a leading zero.
fn digits(text: &str, range: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let right = range.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    right.then(|| text.parse().ok())?
}

impl FromStr for Id {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let mut parts = text.rsplitn(4, '-');
        let (Some(serial), Some(milliseconds), Some(kind), Some(user)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAName);
        };
        let kind = [Kind::Mint, Kind::Deposit, Kind::Burn, Kind::Lock]
            .into_iter()
            .find(|k| k.text() == kind)
            .ok_or(NotAName)?;
        let milliseconds = digits(milliseconds, 10..=16).ok_or(NotAName)?;
        let serial = digits(serial, 4..=4).and_then(|n| u16::try_from(n).ok()).ok_or(NotAName)?;
        if user.is_empty() {
            return Err(NotAName);
        }
        Ok(Self { user: user.to_owned(), kind, milliseconds, serial })
    }
}

impl TryFrom<String> for Id {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

/// What a lock, a mint, a burn or an unlock is for: `TIM3-mint-<id>` or `TIM3-burn-<id>`. It is the one thing that all processes keep,
/// and so the key of an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purpose(Id);

impl Purpose {
    /// The Coordinator's id of the operation.
    #[must_use]
    pub const fn id(&self) -> &Id {
        &self.0
    }

    /// Whether it is of a burn.
    #[must_use]
    pub const fn is_burn(&self) -> bool {
        matches!(self.0.kind, Kind::Burn)
    }
}

impl From<Id> for Purpose {
    /// Locks are part of mints.
    fn from(id: Id) -> Self {
        Self(id)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TIM3-{}-{}", if self.is_burn() { "burn" } else { "mint" }, self.0)
    }
}

impl FromStr for Purpose {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (burn, id) = match (text.strip_prefix("TIM3-mint-"), text.strip_prefix("TIM3-burn-")) {
            (Some(id), _) => (false, id),
            (_, Some(id)) => (true, id),
            _ => return Err(NotAName),
        };
        let id: Id = id.parse()?;
        let fits = match id.kind {
            Kind::Mint | Kind::Deposit => !burn,
            Kind::Burn => burn,
            Kind::Lock => false,
        };
        fits.then_some(Self(id)).ok_or(NotAName)
    }
}

impl TryFrom<String> for Purpose {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        text.parse()
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_read_from_the_right() {
        let id: Id = "a-mint-b-lock-1756743291881-1469".parse().unwrap();
        assert_eq!((id.user(), id.kind()), ("a-mint-b", Kind::Lock));
        let purpose: Purpose = "TIM3-mint--x_-deposit-1756743291881-1000".parse().unwrap();
        assert_eq!((purpose.id().user(), purpose.is_burn()), ("-x_", false));
    }

    #[test]
    fn what_nobody_could_have_made_is_refused() {
        for text in [
            "",
            "TIM3-mint",
            "TIM3-mint-u-mint-1756743291881-14690",
            "TIM3-mint-u-mint-175674329-1469",
            "TIM3-mint-u-mint-1756743291881-0469",
            "TIM3-mint-u-lock-1756743291881-1469",
            "TIM3-mint-u-burn-1756743291881-1469",
            "TIM3-burn-u-mint-1756743291881-1469",
            "TIM3-mint--mint-1756743291881-1469",
            "tim3-mint-u-mint-1756743291881-1469",
            "TIM3-mint-u-mint-1756743291881.0-1469",
            "TIM3-mint-u-mint-+756743291881-1469",
        ] {
            assert_eq!(text.parse::<Purpose>(), Err(NotAName), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(TIM3-(mint|burn)-)?.{0,20}-?(mint|burn|lock|deposit)?-?[0-9]{0,18}-?[0-9]{0,5}") {
            if let Ok(purpose) = text.parse::<Purpose>() {
                prop_assert_eq!(purpose.to_string(), text.clone());
            }
            if let Ok(id) = text.parse::<Id>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
