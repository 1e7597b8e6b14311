//! Where inventory should be, and what to move.

use serde::{Deserialize, Serialize};

/// How much of an asset a chain should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Name of the chain.
    pub chain: String,
    /// The amount, in canonical base units.
    pub amount: u128,
    /// Below this nothing is tolerated: it is filled up to `amount`.
    pub least: u128,
}

/// What a chain has of an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// There and not spoken for.
    pub held: u128,
    /// On its way there.
    pub incoming: u128,
    /// The most that may leave now: what routes and windows have free.
    pub quota: u128,
}

/// A Transfer operation to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Name of the synthetic.
    pub asset: String,
    /// From this chain.
    pub from: String,
    /// To this one.
    pub to: String,
    /// How much, gross.
    pub amount: u128,
}

/// Fills chains below their least from those above their target, the emptiest from the fullest first, in parts of at least `smallest`. No chain
/// falls below its target, and what is on its way already is not sent again.
#[must_use]
pub fn rebalance(asset: &str, stocks: &[(Target, Stock)], smallest: u128) -> Vec<Transfer> {
    let mut missing: Vec<(u128, &str)> = stocks
        .iter()
        .filter(|(target, stock)| stock.held.saturating_add(stock.incoming) < target.least)
        .map(|(target, stock)| {
            let expected = stock.held.saturating_add(stock.incoming);
            (target.amount.saturating_sub(expected), target.chain.as_str())
        })
        .collect();
    let mut spare: Vec<(u128, &str)> = stocks
        .iter()
        .map(|(target, stock)| (stock.held.saturating_sub(target.amount).min(stock.quota), target.chain.as_str()))
        .collect();
    missing.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let mut transfers = Vec::new();
    for (mut wanted, to) in missing {
        spare.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        for (left, from) in &mut spare {
            let amount = wanted.min(*left);
            if amount == 0 || amount < smallest {
                break;
            }
            wanted = wanted.saturating_sub(amount);
            *left = left.saturating_sub(amount);
            transfers.push(Transfer { asset: asset.to_owned(), from: (*from).to_owned(), to: to.to_owned(), amount });
        }
    }
    transfers
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stock(chain: u8, amount: u128, held: u128, incoming: u128) -> (Target, Stock) {
        let target = Target { chain: chain.to_string(), amount, least: amount / 2 };
        (target, Stock { held, incoming, quota: u128::MAX })
    }

    #[test]
    fn what_is_missing_comes_from_where_most_is_spare() {
        let stocks = [stock(1, 100, 20, 0), stock(2, 100, 130, 0), stock(3, 100, 160, 0), stock(4, 100, 10, 80)];
        let moved: Vec<_> = rebalance("TIM3", &stocks, 1).into_iter().map(|t| (t.from, t.to, t.amount)).collect();
        assert_eq!(moved, [("3".into(), "1".into(), 60), ("2".into(), "1".into(), 20)]);
        assert!(rebalance("TIM3", &stocks, 61).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_falls_below_its_target_and_nothing_is_filled_above_it(
            all in prop::collection::vec((0..1_000_u128, 0..2_000_u128, 0..300_u128, 0..2_000_u128), 0..6), smallest in 0..50_u128,
        ) {
            let stocks: Vec<(Target, Stock)> = (0_u8..)
                .zip(all)
                .map(|(chain, (amount, held, incoming, quota))| {
                    let (target, stock) = stock(chain, amount, held, incoming);
                    (target, Stock { quota, ..stock })
                })
                .collect();
            let transfers = rebalance("TIM3", &stocks, smallest);
            for (target, stock) in &stocks {
                let sum = |is: &dyn Fn(&&Transfer) -> bool| transfers.iter().filter(is).map(|t| t.amount).sum::<u128>();
                let (gone, come) = (sum(&|t| t.from == target.chain), sum(&|t| t.to == target.chain));
                prop_assert!(gone == 0 || (stock.held - gone >= target.amount && gone <= stock.quota));
                prop_assert!(come == 0 || stock.held + stock.incoming + come <= target.amount);
                prop_assert!(gone == 0 || come == 0);
            }
            prop_assert!(transfers.iter().all(|transfer| transfer.amount >= smallest.max(1)));
        }
    }
}
