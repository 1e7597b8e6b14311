//! Orders as messages carry them, and what the gateway answers about each.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};
use tim3_chain::Verdict;
use tim3_domain::{
    protocol::{Action, OrderCode, SignedOrder},
    word::Word,
};

use crate::{units::plain, view::Number};

/// What an order ends with that waits for further votes.
const RECORDED: u8 = 4;

const ACTIONS: [Action; 7] =
    [Action::Mint, Action::Release, Action::Void, Action::Refund, Action::Conflict, Action::Mirror, Action::Resend];

/// The data of a message about orders.
pub(crate) fn data<'a>(orders: impl IntoIterator<Item = &'a SignedOrder>) -> String {
    let one = |order: &SignedOrder| {
        let mut content = String::from("0x");
        for byte in order.order.content.words().iter().flat_map(|word| word.0) {
            // Writing to a text does not fail.
            let _ = write!(content, "{byte:02x}");
        }
        json!({ "action": order.order.action.code().to_string(), "content": content })
    };
    Value::Array(orders.into_iter().map(one).collect()).to_string()
}

/// What the gateway says about the orders of a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Answers {
    pub(crate) epoch: Number<u64>,
    pub(crate) orders: Vec<Answer>,
}

/// What the gateway says about one order.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    action: Number<u8>,
    pub(crate) content: Option<Word>,
    code: Number<u8>,
    reason: Option<String>,
    #[serde(default)]
    detail: Value,
}

impl Answer {
    /// How it ended; `None` where it waits for further votes.
    pub(crate) fn code(&self) -> Option<OrderCode> {
        (self.code.0 != RECORDED).then(|| OrderCode::from_code(self.code.0).unwrap_or(OrderCode::Rejected))
    }

    pub(crate) fn action(&self) -> Option<Action> {
        ACTIONS.into_iter().find(|action| action.code() == self.action.0)
    }

    /// The reason with what belongs to it.
    pub(crate) fn reason(&self) -> String {
        let name = self.reason.as_deref().unwrap_or_default();
        match &self.detail {
            Value::Null => plain(name),
            detail => plain(&format!("{name} {detail}")),
        }
    }

    /// Why the order at `index` would not be executed; `None` where it would.
    pub(crate) fn verdict(&self, index: usize) -> Option<Verdict> {
        let code = self.code().filter(|code| *code != OrderCode::Done)?;
        let permanent = code == OrderCode::Rejected && self.reason.as_deref().is_some_and(is_permanent);
        Some(Verdict { index, code, reason: self.reason(), permanent })
    }
}

/// Whether an order that was refused for `reason` can never be executed as it is. What a setting, a price, time or further votes can change
/// is not permanent.
fn is_permanent(reason: &str) -> bool {
    const NEVER: [&str; 11] = [
        "FeeTooHigh",
        "InvalidAccount",
        "MalformedContent",
        "MirrorConflict",
        "Retired",
        "SlotTaken",
        "UnknownAction",
        "UnknownOperation",
        "UnknownPayout",
        "WrongGateway",
        "WrongKind",
    ];
    NEVER.contains(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u8, reason: Option<&str>) -> Answer {
        let text = json!({"action": "1", "code": code.to_string(), "reason": reason, "detail": {"kind": 2}});
        serde_json::from_value(text).expect("an answer")
    }

    #[test]
    fn what_time_or_settings_can_change_is_not_permanent() {
        let permanent = |code, reason| answer(code, Some(reason)).verdict(0).expect("not done").permanent;
        assert!(permanent(3, "SlotTaken") && permanent(3, "WrongKind"));
        assert!(!permanent(3, "Paused") && !permanent(3, "TooFewVotes") && !permanent(2, "WindowFull"));
        assert!(!permanent(1, "AlreadyDone"));
    }

    #[test]
    fn an_order_that_is_done_or_waits_for_votes_is_not_left_out() {
        assert_eq!(answer(0, None).verdict(0), None);
        assert_eq!(answer(RECORDED, None).verdict(0), None);
        let verdict = answer(99, Some("Strange")).verdict(5).expect("not done");
        assert_eq!((verdict.index, verdict.code), (5, OrderCode::Rejected));
        assert_eq!(verdict.reason, r#"Strange {"kind":2}"#);
    }
}
