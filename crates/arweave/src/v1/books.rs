//! What the processes' books say of the same thing, and how they must agree: A = B = C and D = E = F.
//!
//! They are read one after the other, so they are judged only when nothing is on its way; [`Planner::on_its_way`](super::adopt::Planner::on_its_way)
//! says when that is, and what the planner knows to be missing in them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::quantity::Quantity;

/// The books, each the sum over all users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// A: the Token Manager's supply.
    pub supply: Quantity,
    /// B: the sum of its balances.
    pub balances: Quantity,
    /// C: the Coordinator's tokens minted.
    pub minted: Quantity,
    /// D: the Coordinator's collateral.
    pub collateral: Quantity,
    /// E: what the Lock Manager's locks hold, `locked` and `unlocking`.
    pub locks: Quantity,
    /// F: what the collateral token has locked.
    pub held: Quantity,
}

/// What is known to be missing in the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unbooked {
    /// Minted, and not in the Coordinator's books.
    pub mints: Quantity,
    /// Burned and released, and still in the Coordinator's books.
    pub burns: Quantity,
}

/// How two books disagree. Amounts are in the processes' own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Disagreement {
    /// A ≠ B: the token contradicts itself.
    SupplyIsNotBalances,
    /// C ≠ D at a ratio of one: the Coordinator contradicts itself.
    MintedIsNotCollateral,
    /// F < A: there are tokens that nothing secures. A human has to look.
    Undercollateralised,
    /// F < E: collateral was freed at the token, past the Lock Manager (H2).
    FreedPastTheLocks,
    /// E < A: tokens that no lock secures.
    TokensWithoutLocks,
    /// E > A: locks that secure nothing: stranded mints, or burns that were not released.
    LocksWithoutTokens,
    /// F > E: more is locked at the token than the Lock Manager knows.
    LockedPastTheLocks,
    /// C < A, beyond what is known: a mint that was not booked.
    MintNotBooked,
    /// C > A, beyond what is known: a burn that was not booked.
    BurnNotBooked,
}

impl Disagreement {
    /// Whether nothing more may be minted before somebody has looked.
    #[must_use]
    pub const fn halts(self) -> bool {
        matches!(
            self,
            Self::SupplyIsNotBalances
                | Self::MintedIsNotCollateral
                | Self::Undercollateralised
                | Self::FreedPastTheLocks
                | Self::TokensWithoutLocks
        )
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SupplyIsNotBalances => "the token's supply is not the sum of its balances",
            Self::MintedIsNotCollateral => "the Coordinator has minted something else than it has collateral for",
            Self::Undercollateralised => "there are tokens that no locked collateral secures",
            Self::FreedPastTheLocks => "collateral was freed at the token, past the Lock Manager",
            Self::TokensWithoutLocks => "there are tokens that no lock secures",
            Self::LocksWithoutTokens => "there are locks that secure nothing",
            Self::LockedPastTheLocks => "more is locked at the token than the Lock Manager knows",
            Self::MintNotBooked => "a mint is not in the Coordinator's books",
            Self::BurnNotBooked => "a burn is not in the Coordinator's books",
        })
    }
}

/// How books that were read while nothing was on its way disagree.
#[must_use]
pub fn judge(books: &Books, unbooked: &Unbooked) -> Vec<Disagreement> {
    use Disagreement as D;
    let Books { supply: a, balances: b, minted: c, collateral: d, locks: e, held: f } = *books;
    // What the Coordinator would say had it booked everything.
    let booked = c.checked_add(unbooked.mints).and_then(|sum| sum.checked_sub(unbooked.burns)).unwrap_or(c);
    [
        (a != b, D::SupplyIsNotBalances),
        (c != d, D::MintedIsNotCollateral),
        (f < a, D::Undercollateralised),
        (f < e, D::FreedPastTheLocks),
        (e < a, D::TokensWithoutLocks),
        (e > a, D::LocksWithoutTokens),
        (f > e, D::LockedPastTheLocks),
        (booked < a, D::MintNotBooked),
        (booked > a, D::BurnNotBooked),
    ]
    .into_iter()
    .filter_map(|(is, what)| is.then_some(what))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    fn books(values: [&str; 6]) -> Books {
        let [supply, balances, minted, collateral, locks, held] = values.map(q);
        Books { supply, balances, minted, collateral, locks, held }
    }

    #[test]
    fn agreeing_books_are_left_alone() {
        assert!(judge(&books(["25"; 6]), &Unbooked::default()).is_empty());
        let unbooked = Unbooked { mints: q("5"), burns: q("0") };
        assert!(judge(&books(["30", "30", "25", "25", "30", "30"]), &unbooked).is_empty());
    }

    #[test]
    fn each_disagreement_has_its_name() {
        use Disagreement as D;
        let cases = [
            (["25", "24", "25", "25", "25", "25"], vec![D::SupplyIsNotBalances]),
            (["25", "25", "25", "24", "25", "25"], vec![D::MintedIsNotCollateral]),
            (["25", "25", "25", "25", "25", "0"], vec![D::Undercollateralised, D::FreedPastTheLocks]),
            (["25", "25", "25", "25", "50", "50"], vec![D::LocksWithoutTokens]),
            (["25", "25", "25", "25", "25", "50"], vec![D::LockedPastTheLocks]),
            (
                ["34", "34", "25", "25", "25", "25"],
                vec![D::Undercollateralised, D::TokensWithoutLocks, D::MintNotBooked],
            ),
            (["25", "25", "30", "30", "25", "25"], vec![D::BurnNotBooked]),
        ];
        for (values, expected) in cases {
            assert_eq!(judge(&books(values), &Unbooked::default()), expected, "{values:?}");
        }
    }
}
