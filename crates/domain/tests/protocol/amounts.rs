//! Fees and decimals against integers too wide to overflow.

use ruint::Uint;
use tim3_domain::{
    amount::{Rounding, display, parse, scale},
    protocol::RouteFee,
};

use super::*;

type Wide = Uint<1024, 16>;

fn any_amount() -> impl Strategy<Value = u128> {
    prop_oneof![0..1_000_u128, 0..u128::from(u64::MAX), any::<u128>()]
}

proptest! {
    #[test]
    fn a_route_fee_is_the_flat_part_and_the_basis_points_rounded_down_and_below_the_amount(
        flat in any_amount(), bps: u16, amount in any_amount(),
    ) {
        let exact = Wide::from(flat) + Wide::from(amount) * Wide::from(bps) / Wide::from(10_000);
        let expected = (exact < Wide::from(amount)).then(|| exact.to::<u128>());
        prop_assert_eq!(RouteFee { flat, bps }.of(amount), expected);
    }

    #[test]
    fn scaling_is_exact_up_and_rounds_as_told_down(amount in any_amount(), from in 0..45_u8, to in 0..45_u8) {
        let numerator = Wide::from(amount) * Wide::from(10).pow(Wide::from(to));
        let denominator = Wide::from(10).pow(Wide::from(from));
        let (down, rest) = numerator.div_rem(denominator);
        let narrow = |value: Wide| u128::try_from(value).ok();
        prop_assert_eq!(scale(amount, from, to, Rounding::Down).ok(), narrow(down));
        prop_assert_eq!(scale(amount, from, to, Rounding::Up).ok(), narrow(numerator.div_ceil(denominator)));
        prop_assert_eq!(scale(amount, from, to, Rounding::Exact).ok(), narrow(down).filter(|_| rest.is_zero()));
    }

    #[test]
    fn amounts_round_trip_as_text(amount in any_amount(), decimals in 0..40_u8) {
        prop_assert_eq!(parse(&display(amount, decimals), decimals), Ok(amount));
    }

    #[test]
    fn any_text_is_an_amount_or_refused(text in "[0-9.]{0,45}|\\PC{0,20}", decimals: u8) {
        if let Ok(amount) = parse(&text, decimals) {
            prop_assert_eq!(parse(&display(amount, decimals), decimals), Ok(amount));
        }
    }
}
