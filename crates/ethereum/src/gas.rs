//! How much gas a batch of orders is given.

/// Gas that a transaction costs besides its orders: the transaction itself, and the first order's cold slots.
const BASE: u64 = 150_000;
/// What the gateway wants to be left before it tries an order (`ORDER_GAS` of the contract), and a margin for what it adds to it.
const FLOOR: u64 = 500_000;
/// What the gateway wants besides for each signature of the order.
const PER_SIGNATURE: u64 = 8_000;
/// What an order is taken to use before a batch was measured: twice what a Mint among many does, less than one alone does.
const FIRST_GUESS: u64 = 80_000;
/// An order is never taken to use less: the next ones may write slots that are colder.
const LEAST: u64 = 50_000;

/// What an order uses, learned from what batches used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GasModel {
    per_order: u64,
}

impl Default for GasModel {
    fn default() -> Self {
        Self { per_order: FIRST_GUESS }
    }
}

impl GasModel {
    /// The gas limit for `orders` orders with `signatures` signatures each: a quarter more than they are taken to use, and the floor of the last.
    pub(crate) fn limit(&self, orders: usize, signatures: usize) -> u64 {
        let orders = u64::try_from(orders).unwrap_or(u64::MAX);
        let signatures = u64::try_from(signatures).unwrap_or(u64::MAX);
        let used = self.per_order.saturating_mul(orders);
        used.saturating_add(used.div_ceil(4))
            .saturating_add(BASE)
            .saturating_add(FLOOR)
            .saturating_add(PER_SIGNATURE.saturating_mul(signatures))
    }

    /// How many orders fit under `limit`.
    pub(crate) fn fitting(&self, limit: u64, signatures: usize) -> usize {
        let room = limit.saturating_sub(self.limit(0, signatures));
        let each = self.per_order.saturating_add(self.per_order.div_ceil(4)).max(1);
        usize::try_from(room.checked_div(each).unwrap_or_default()).unwrap_or(usize::MAX)
    }

    /// A transaction with `orders` orders used `gas`: more is believed at once, less bit by bit.
    pub(crate) fn used(&mut self, orders: usize, gas: u64) {
        let Some(each) = u64::try_from(orders).ok().and_then(|orders| gas.checked_div(orders)) else { return };
        let lower = self.per_order.saturating_sub(self.per_order.saturating_sub(each).div_ceil(8));
        self.per_order = if each > self.per_order { each } else { lower.max(LEAST) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_learns_more_at_once_and_less_bit_by_bit() {
        let mut model = GasModel::default();
        model.used(10, 4_000_000);
        assert_eq!(model.per_order, 400_000);
        model.used(10, 2_000_000);
        assert_eq!(model.per_order, 375_000);
        for _ in 0..200 {
            model.used(10, 10);
        }
        assert_eq!(model.per_order, LEAST);
        model.used(0, 1_000_000);
        assert_eq!(model.per_order, LEAST);
    }

    proptest! {
        #[test]
        fn what_fits_is_within_the_limit(limit in 0_u64..100_000_000, signatures in 0_usize..32) {
            let model = GasModel::default();
            let orders = model.fitting(limit, signatures);
            prop_assert!(orders == 0 || model.limit(orders, signatures) <= limit.saturating_add(4));
        }
    }
}
