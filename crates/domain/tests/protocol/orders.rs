//! Orders and the digests that attesters sign.

use tim3_domain::protocol::{Action, Order, OrderCode, OrderContent};

use super::*;

fn any_content() -> impl Strategy<Value = OrderContent> {
    prop_oneof![
        any_operation().prop_map(OrderContent::Operation),
        (any_operation(), any_operation_id(), any_word(), any::<u128>()).prop_map(
            |(operation, orphan, market, orphan_amount)| OrderContent::Conflict {
                operation,
                orphan,
                market: MarketId(market),
                orphan_amount
            }
        ),
        any_mirror().prop_map(OrderContent::Mirror),
        (any_word(), any::<u64>()).prop_map(|(payout, attempt)| OrderContent::Resend { payout, attempt }),
    ]
}

const ACTIONS: [Action; 7] =
    [Action::Mint, Action::Release, Action::Void, Action::Refund, Action::Conflict, Action::Mirror, Action::Resend];

proptest! {
    #[test]
    fn no_signature_holds_for_another_gateway_epoch_action_or_content(
        content in any_content(), other in any_content(), gateway in any_word(), epoch: u64, action in 0..7_usize,
    ) {
        prop_assume!(content != other);
        let gateway = GatewayId(gateway);
        let order = Order { action: ACTIONS[action], gateway, epoch, content };
        for changed in [
            Order { gateway: GatewayId(Word(gateway.0.0.map(|byte| byte ^ 1))), ..order.clone() },
            Order { epoch: epoch ^ 1, ..order.clone() },
            Order { action: ACTIONS[(action + 1) % 7], ..order.clone() },
            Order { content: other, ..order.clone() },
        ] {
            prop_assert_ne!(changed.digest(), order.digest());
        }
    }

    #[test]
    fn the_words_carried_are_as_many_as_the_protocol_says(content in any_content()) {
        let words = match content {
            OrderContent::Operation(_) => 14,
            OrderContent::Conflict { .. } => 17,
            OrderContent::Mirror(_) => 6,
            OrderContent::Resend { .. } => 2,
        };
        prop_assert_eq!(content.words().len(), words);
    }

    #[test]
    fn an_answer_is_one_of_four_or_refused(code: u8) {
        prop_assert_eq!(OrderCode::from_code(code).is_ok(), code < 4);
    }
}
