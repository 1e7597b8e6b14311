//! Constant-product pools of Botega's kind (`contracts/ao/pool` says where that is written down): what their processes say, what they pay, and how one swaps
//! in them. Pure and total: whatever a process answers is read or an error.

use tim3_domain::{
    amm::{Fee, Hop, Leg, Size},
    price::read_answer,
};
use tim3_rpc::CallError;

use crate::{
    ans104::Tag,
    id::Id,
    link::garbage,
    units::{
        UnitError,
        compute::{Outcome, Outgoing},
        plain,
    },
};

/// The reason with which a pool sends back what would bring less than its least.
const TOO_LITTLE: &str = "Could not swap with expected min output";

/// A pool, as its process has it for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    /// Its process.
    pub(super) process: Id,
    /// The processes of its tokens.
    pub(super) tokens: [Id; 2],
    /// What it takes.
    pub(super) fee: Fee,
}

/// What a process says that it is, and its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) tokens: [Id; 2],
    /// Decimals of the tokens.
    pub(super) decimals: [u8; 2],
    /// Its fee in percent, with its decimals.
    pub(super) percentage: (i128, u8),
}

/// What a pool sends to the account that swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payment {
    /// At which token.
    pub(super) token: Id,
    pub(super) quantity: u128,
    /// Why, where it sends back what it was sent.
    pub(super) refund: Option<String>,
}

impl Payment {
    /// Whether the swap's own guard stopped it.
    pub(super) fn is_guard(reason: &str) -> bool {
        reason.contains(TOO_LITTLE)
    }
}

impl Facts {
    /// The pool, if it takes what is configured.
    ///
    /// # Errors
    /// In words, with what it takes.
    pub(super) fn pool(&self, process: Id, fee: Fee) -> Result<Pool, String> {
        let (percentage, decimals) = self.percentage;
        let is_equal = || {
            let taken = u128::from(fee.of().checked_sub(fee.kept())?).checked_mul(100)?;
            let taken = taken.checked_mul(10_u128.checked_pow(decimals.into())?)?;
            Some(taken == u128::try_from(percentage).ok()?.checked_mul(fee.of().into())?)
        };
        if is_equal() == Some(true) {
            return Ok(Pool { process, tokens: self.tokens, fee });
        }
        let configured = format!("{}/{}", fee.of().saturating_sub(fee.kept()), fee.of());
        let takes = format!("{percentage}/{}", 10_u128.saturating_pow(decimals.into()).saturating_mul(100));
        Err(format!("{process} takes {takes}, and {configured} is configured: correct fee_bps"))
    }
}

impl Pool {
    /// What it holds of what goes in and of what comes out, where `from` becomes `to`.
    pub(super) fn ends(&self, from: Id, to: Id, [one, other]: [u128; 2]) -> Option<[u128; 2]> {
        match [from, to] {
            ends if ends == self.tokens => Some([one, other]),
            [from, to] if [to, from] == self.tokens => Some([other, one]),
            _ => None,
        }
    }

    /// What it pays for `input`, holding so much of what goes in and of what comes out: the fee is taken first and rounded by itself.
    pub(super) fn output(&self, input: u128, ends: [u128; 2]) -> u128 {
        self.hop(ends).output(self.kept().output(input))
    }

    /// The least that it must be given to pay `output`.
    pub(super) fn input(&self, output: u128, ends: [u128; 2]) -> Option<u128> {
        self.kept().input(self.hop(ends).input(output)?)
    }

    fn kept(&self) -> Leg {
        Leg::Fixed { kept: self.fee.kept().into(), of: self.fee.of().into() }
    }

    fn hop(&self, [reserve_in, reserve_out]: [u128; 2]) -> Hop {
        Hop { reserve_in, reserve_out, fee: Fee::NONE }
    }

    /// What is sent to it for a trade, and the least that it is to bring.
    ///
    /// # Errors
    /// In words, where the pool pays less.
    pub(super) fn amounts(&self, size: Size, ends: [u128; 2]) -> Result<[u128; 2], String> {
        let few = || "TooLittle: the pool has moved".to_owned();
        match size {
            // A pool takes no order for nothing.
            Size::Sell { input, min_output } if self.output(input, ends) >= min_output.max(1) => {
                Ok([input, min_output.max(1)])
            }
            Size::Sell { .. } => Err(few()),
            Size::Buy { output, max_input } => {
                let input = self.input(output, ends).filter(|input| *input <= max_input && output != 0);
                Ok([input.ok_or_else(few)?, output])
            }
        }
    }
}

/// What makes the transfer of a token a swap; the token hands it on.
pub(super) fn order(least: u128) -> [Tag; 2] {
    [Tag::new("X-Action", "Swap"), Tag::new("X-Expected-Min-Output", least.to_string())]
}

/// Sends `quantity` of a token to a process, with an order.
pub(super) fn transfer(to: Id, quantity: u128, order: &[Tag]) -> Vec<Tag> {
    let transfer =
        [("Action", "Transfer".to_owned()), ("Recipient", to.to_string()), ("Quantity", quantity.to_string())];
    transfer.into_iter().map(|(name, value)| Tag::new(name, value)).chain(order.iter().cloned()).collect()
}

/// What the token tells that process then.
pub(super) fn notice(sender: Id, quantity: u128, order: &[Tag]) -> Vec<Tag> {
    let notice =
        [("Action", "Credit-Notice".to_owned()), ("Sender", sender.to_string()), ("Quantity", quantity.to_string())];
    notice.into_iter().map(|(name, value)| Tag::new(name, value)).chain(order.iter().cloned()).collect()
}

/// The two tokens of a pool.
pub(super) fn pair(outcome: &Outcome) -> Result<[Id; 2], UnitError> {
    let answer = answer(outcome, "Get-Pair-Response")?;
    let token = |name: &str| answer.tag(name).and_then(|text| text.parse::<Id>().ok());
    match (token("Token-A"), token("Token-B")) {
        (Some(one), Some(other)) if one != other => Ok([one, other]),
        _ => Err(garbage("a pair that is not two processes")),
    }
}

/// What a pool takes, in percent.
pub(super) fn percentage(outcome: &Outcome) -> Result<(i128, u8), UnitError> {
    let answer = answer(outcome, "Get-Fee-Percentage-Response")?;
    answer.tag("Fee-Percentage").and_then(read_answer).ok_or_else(|| garbage("a fee that is no number"))
}

/// What a pool holds of its tokens.
pub(super) fn reserves(outcome: &Outcome, tokens: [Id; 2]) -> Result<[u128; 2], UnitError> {
    let answer = answer(outcome, "Get-Reserves-Response")?;
    let held = tokens.map(|token| answer.tag(&token.to_string()).and_then(number));
    match held {
        [Some(one), Some(other)] => Ok([one, other]),
        _ => Err(garbage("reserves that are no amounts of its tokens")),
    }
}

/// The decimals of a token.
pub(super) fn decimals(outcome: &Outcome) -> Result<u8, UnitError> {
    let text = outcome.messages.iter().find_map(|message| message.tag("Denomination"));
    text.and_then(number).and_then(|found| u8::try_from(found).ok()).ok_or_else(|| garbage("a token without decimals"))
}

/// What a token told `to` that it was given; `None` where it gave it nothing.
pub(super) fn credited(outcome: &Outcome, to: Id) -> Option<u128> {
    let to = to.to_string();
    let is_its = |message: &&Outgoing| message.target == to && message.tag("Action") == Some("Credit-Notice");
    outcome.messages.iter().find(is_its)?.tag("Quantity").and_then(number)
}

/// What a pool sends to `to` for what it was told; `None` where it sends nothing.
pub(super) fn payment(outcome: &Outcome, to: Id) -> Option<Payment> {
    let to = to.to_string();
    let is_its =
        |message: &&Outgoing| message.tag("Action") == Some("Transfer") && message.tag("Recipient") == Some(&to);
    let sent = outcome.messages.iter().find(is_its)?;
    let (token, quantity) = (sent.target.parse().ok()?, number(sent.tag("Quantity")?)?);
    let refund = ["X-Refund-Reason", "X-Error"].into_iter().find_map(|name| sent.tag(name)).map(plain);
    Some(Payment { token, quantity, refund })
}

/// Why a token does not transfer.
pub(super) fn refusal(outcome: &Outcome) -> String {
    let told = outcome.action("Transfer-Error").and_then(|error| error.tag("Error"));
    let told = told.or(outcome.error.as_deref()).unwrap_or("the token does not transfer");
    plain(told)
}

fn answer<'a>(outcome: &'a Outcome, action: &str) -> Result<&'a Outgoing, UnitError> {
    outcome
        .action(action)
        .ok_or_else(|| CallError::Fault(format!("no {action}: the process is no pool of Botega's kind")))
}

/// A whole number in decimal digits and nothing else.
fn number(text: &str) -> Option<u128> {
    let are_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { text.parse().ok() } else { None }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
