//! Amounts in JSON, where a number would lose digits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use tim3_domain::amount;

/// Declares an integer that is a decimal string in JSON.
macro_rules! units {
    ($(#[$doc:meta])* $name:ident($integer:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $integer);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map(Self).map_err(|_| D::Error::custom(format!("{text:?} is no amount in base units")))
            }
        }
    };
}

units!(
    /// An amount in canonical base units.
    Units(u128)
);
units!(
    /// A sum of amounts that may come out below zero.
    SignedUnits(i128)
);

impl Units {
    /// The amount as people read it.
    #[must_use]
    pub fn display(self, decimals: u8) -> String {
        amount::display(self.0, decimals)
    }
}

impl SignedUnits {
    /// The sum as people read it.
    #[must_use]
    pub fn display(self, decimals: u8) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}", amount::display(self.0.unsigned_abs(), decimals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_keep_every_digit_and_their_sign() {
        for amount in [i128::MIN, -1_500_000, 0, i128::MAX] {
            let text = serde_json::to_string(&SignedUnits(amount)).unwrap();
            assert_eq!(text, format!("\"{amount}\""));
            assert_eq!(serde_json::from_str::<SignedUnits>(&text).unwrap(), SignedUnits(amount));
        }
        assert_eq!(SignedUnits(-1_500_000).display(6), "-1.5");
        assert_eq!(Units(1_500_000).display(6), "1.5");
        assert!(serde_json::from_str::<Units>("\"-1\"").is_err());
        assert!(serde_json::from_str::<Units>("1").is_err());
    }
}
