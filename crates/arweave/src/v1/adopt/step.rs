//! Steps: the messages that the daemon's wallet sends, each with a name that it carries in a tag, so that history alone shows what was done.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::message::Message;
use super::super::name::Purpose;

/// Name of the tag; the processes do not look at it.
pub const TAG: &str = "Tim3-Step";

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Puts the daemon into a slot.
    Configure,
    /// Lock Manager ← `LockCollateral`.
    Lock,
    /// Coordinator ← `LockCollateral-Success`.
    TellLocked,
    /// Token Manager ← `Mint`.
    Mint,
    /// Coordinator ← `Mint-Response`.
    TellMinted,
    /// Lock Manager ← `UnlockCollateral`, of a lock that became no token.
    Release,
    /// Token Manager ← `Burn`.
    Burn,
    /// Coordinator ← `Burn-Response`.
    TellBurned,
    /// Lock Manager ← `UnlockCollateral`, of what was burned or of a part of it.
    Unlock,
    /// Coordinator ← `UnlockCollateral-Success`.
    TellUnlocked,
}

impl StepKind {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Configure, "configure"),
        (Self::Lock, "lock"),
        (Self::TellLocked, "tell-locked"),
        (Self::Mint, "mint"),
        (Self::TellMinted, "tell-minted"),
        (Self::Release, "release"),
        (Self::Burn, "burn"),
        (Self::TellBurned, "tell-burned"),
        (Self::Unlock, "unlock"),
        (Self::TellUnlocked, "tell-unlocked"),
    ];

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, text)| text)
    }
}

/// One message of the daemon's. It is signed once; what is sent again is the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What of; nothing for [`StepKind::Configure`].
    pub purpose: Option<Purpose>,
    /// What.
    pub kind: StepKind,
    /// From 1. A second one is only made when the first is known to have done nothing, or for the next part.
    pub number: u16,
}

impl Step {
    /// The step that a message says it is.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        message.tag(TAG)?.parse().ok()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.kind.text(), self.number)?;
        self.purpose.as_ref().map_or(Ok(()), |purpose| purpose.fmt(f))
    }
}

/// Not the name of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form <kind>.<number>.<purpose>")]
pub struct NotAStep;

impl FromStr for Step {
    type Err = NotAStep;

    fn from_str(text: &str) -> Result<Self, NotAStep> {
        let mut parts = text.splitn(3, '.');
        let (Some(kind), Some(number), Some(purpose)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NotAStep);
        };
        let kind = StepKind::ALL.iter().find(|(_, text)| *text == kind).map(|(kind, _)| *kind).ok_or(NotAStep)?;
        let number = number.parse().map_err(|_| NotAStep)?;
        let purpose = if purpose.is_empty() { None } else { Some(purpose.parse().map_err(|_| NotAStep)?) };
        Ok(Self { purpose, kind, number })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_read_again(user in "[a-zA-Z0-9._-]{1,43}", ms in 1_000_000_000_000_u64..9_000_000_000_000_000, number in 1_u16.., kind in 0_usize..10) {
            let (kind, _) = StepKind::ALL[kind];
            let purpose = (kind != StepKind::Configure).then(|| format!("TIM3-burn-{user}-burn-{ms}-1234").parse().unwrap());
            let step = Step { purpose, kind, number };
            prop_assert_eq!(step.to_string().parse::<Step>(), Ok(step));
        }

        #[test]
        fn any_text_is_a_step_or_not(text in "(lock|mint)?\\.?.{0,40}") {
            let _ = text.parse::<Step>();
        }
    }
}
