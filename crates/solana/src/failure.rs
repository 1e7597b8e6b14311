//! Why a transaction failed, or would: from an endpoint's JSON to the program's own names. Total: whatever an endpoint sends has a reason.

use std::fmt;

use serde_json::Value;
use tim3_chain::ChainError;
use tim3_solana_interface::{
    GatewayError,
    pool::{EXCEEDED_SLIPPAGE, ZERO_TRADING_TOKENS},
};

/// Errors of the token program and of pools that users run into, by their custom code.
const KNOWN_ERRORS: [(u64, &str); 8] = [
    (1, "InsufficientFunds"),
    (3, "MintMismatch"),
    (4, "OwnerMismatch"),
    (9, "UninitializedState"),
    (14, "Overflow"),
    (17, "AccountFrozen"),
    (EXCEEDED_SLIPPAGE as u64, "ExceededSlippage"),
    (ZERO_TRADING_TOKENS as u64, "ZeroTradingTokens"),
];

/// Why a transaction failed, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The gateway refused.
    Gateway(GatewayError),
    /// Something else in the instruction at this place: another program, the runtime.
    Instruction {
        /// Place of the instruction in the transaction.
        index: u64,
        /// In words.
        reason: String,
    },
    /// Its blockhash is unknown: too old, or too new for the endpoint.
    Blockhash,
    /// It was executed before.
    AlreadyProcessed,
    /// The transaction as a whole cannot be executed: no money for the fee, an account that is not there.
    Transaction(String),
}

impl Failure {
    /// What an `err` of simulation, status or preflight says.
    #[must_use]
    pub fn of(error: &Value) -> Self {
        match error {
            Value::String(name) => match name.as_str() {
                "BlockhashNotFound" => Self::Blockhash,
                "AlreadyProcessed" => Self::AlreadyProcessed,
                other => Self::Transaction(plain(other)),
            },
            Value::Object(fields) => {
                match fields.get("InstructionError").and_then(Value::as_array).map(Vec::as_slice) {
                    Some([index, error]) => instruction(index.as_u64().unwrap_or_default(), error),
                    _ => Self::Transaction(plain(&error.to_string())),
                }
            }
            other => Self::Transaction(plain(&other.to_string())),
        }
    }

    /// Whether the transaction was too much at once: fewer orders may pass.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        matches!(self, Self::Instruction { reason, .. } if TOO_MUCH.contains(&reason.as_str()))
    }

    pub(crate) fn into_chain_error(self, chain: String, what: &'static str) -> ChainError {
        match self {
            Self::Blockhash => ChainError::StaleNonce { chain, detail: self.to_string() },
            Self::Gateway(_) | Self::Instruction { .. } | Self::Transaction(_) | Self::AlreadyProcessed => {
                ChainError::Rejected { chain, what, reason: self.to_string() }
            }
        }
    }
}

const TOO_MUCH: [&str; 4] = [
    "ComputationalBudgetExceeded",
    "ProgramFailedToComplete",
    "MaxAccountsDataAllocationsExceeded",
    "MaxInstructionTraceLengthExceeded",
];

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(error) => f.write_str(error.name()),
            Self::Instruction { index, reason } => write!(f, "{reason} in instruction {index}"),
            Self::Blockhash => f.write_str("BlockhashNotFound"),
            Self::AlreadyProcessed => f.write_str("AlreadyProcessed"),
            Self::Transaction(reason) => f.write_str(reason),
        }
    }
}

fn instruction(index: u64, error: &Value) -> Failure {
    let custom = error.get("Custom").and_then(Value::as_u64);
    let gateway = custom.and_then(|code| GatewayError::from_code(u32::try_from(code).ok()?));
    if let Some(error) = gateway {
        return Failure::Gateway(error);
    }
    let reason = match (custom, error) {
        (Some(code), _) => {
            let known = KNOWN_ERRORS.iter().find(|(known, _)| *known == code);
            known.map_or_else(|| format!("Custom({code})"), |(_, name)| (*name).to_owned())
        }
        (None, Value::String(name)) => plain(name),
        (None, other) => plain(&other.to_string()),
    };
    Failure::Instruction { index, reason }
}

/// What somebody else wrote, fit for a line.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Whether an order that was refused for `reason` can never be executed as it is. What a setting, a price, an account, time or further
/// signatures can change is not permanent.
#[must_use]
pub fn is_permanent(reason: GatewayError) -> bool {
    use GatewayError as E;
    matches!(
        reason,
        E::InvalidAccount
            | E::MalformedContent
            | E::MirrorConflict
            | E::Retired
            | E::SlotTaken
            | E::UnknownAction
            | E::UnknownMarket
            | E::UnknownOperation
            | E::WrongGateway
            | E::WrongKind
            | E::WrongOwner
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_have_the_names_of_the_program() {
        for (error, expected) in [
            (json!({"InstructionError": [2, {"Custom": 6061}]}), "WindowFull"),
            (json!({"InstructionError": [2, {"Custom": 1}]}), "InsufficientFunds in instruction 2"),
            (json!({"InstructionError": [3, {"Custom": 16}]}), "ExceededSlippage in instruction 3"),
            (json!({"InstructionError": [0, {"Custom": 77}]}), "Custom(77) in instruction 0"),
            (
                json!({"InstructionError": [1, "ComputationalBudgetExceeded"]}),
                "ComputationalBudgetExceeded in instruction 1",
            ),
            (json!("InsufficientFundsForFee"), "InsufficientFundsForFee"),
            (
                json!({"InsufficientFundsForRent": {"account_index": 2}}),
                r#"{"InsufficientFundsForRent":{"account_index":2}}"#,
            ),
        ] {
            assert_eq!(Failure::of(&error).to_string(), expected);
        }
        assert_eq!(Failure::of(&json!("BlockhashNotFound")), Failure::Blockhash);
        assert_eq!(Failure::of(&json!("AlreadyProcessed")), Failure::AlreadyProcessed);
    }

    #[test]
    fn fewer_orders_may_pass_where_they_were_too_much_and_nowhere_else() {
        let instruction = |error: Value| Failure::of(&json!({"InstructionError": [0, error]}));
        assert!(instruction(json!("ComputationalBudgetExceeded")).is_too_much());
        assert!(!instruction(json!({"Custom": 6061})).is_too_much());
        assert!(!Failure::of(&json!("InsufficientFundsForFee")).is_too_much());
    }

    #[test]
    fn what_time_or_settings_can_change_is_not_permanent() {
        use GatewayError as E;
        for reason in [E::SlotTaken, E::UnknownMarket, E::MalformedContent, E::WrongGateway] {
            assert!(is_permanent(reason), "{}", reason.name());
        }
        for reason in [E::Paused, E::WindowFull, E::TooFewSignatures, E::PriceStale, E::AccountMissing] {
            assert!(!is_permanent(reason), "{}", reason.name());
        }
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_sends_has_a_reason(name in "\\PC{0,300}", index in any::<i64>(), code in any::<u64>(), form in 0_usize..6) {
            let error = match form {
                0 => json!(name),
                1 => json!({"InstructionError": [index, {"Custom": code}]}),
                2 => json!({"InstructionError": [index, name]}),
                3 => json!({"InstructionError": name}),
                4 => json!({name: [code]}),
                _ => json!(null),
            };
            let reason = Failure::of(&error).to_string();
            prop_assert!(reason.chars().count() < 300);
        }
    }
}
