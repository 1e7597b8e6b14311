//! What an endpoint's error body means: a pure function of its code.

use std::fmt;

use serde_json::Value;
use solana_client::rpc_custom_error as codes;
use tim3_rpc::{CallError, Fault};

use crate::failure::Failure;

/// A decided answer of the chain that is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The transaction would fail.
    Transaction(Failure),
    /// There is no block at the slot, or the endpoint no longer has it.
    NoBlock,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transaction(failure) => failure.fmt(f),
            Self::NoBlock => f.write_str("no block at this slot"),
        }
    }
}

/// What an error body is to the pool.
#[must_use]
pub fn decided(fault: &Fault) -> CallError<Refusal> {
    match fault.code {
        codes::JSON_RPC_SERVER_ERROR_SLOT_SKIPPED
        | codes::JSON_RPC_SERVER_ERROR_LONG_TERM_STORAGE_SLOT_SKIPPED
        | codes::JSON_RPC_SERVER_ERROR_BLOCK_CLEANED_UP => CallError::Refused(Refusal::NoBlock),
        codes::JSON_RPC_SERVER_ERROR_BLOCK_NOT_AVAILABLE
        | codes::JSON_RPC_SERVER_ERROR_BLOCK_STATUS_NOT_AVAILABLE_YET
        | codes::JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED
        | codes::JSON_RPC_SERVER_ERROR_NODE_UNHEALTHY => CallError::Behind(fault.to_string()),
        codes::JSON_RPC_SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE => {
            let error = fault.data.as_ref().and_then(|data| data.get("err")).unwrap_or(&Value::Null);
            CallError::Refused(Refusal::Transaction(Failure::of(error)))
        }
        // It does not decode, is too large, or its signatures are not right: nobody takes it.
        codes::JSON_RPC_SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE
        | codes::JSON_RPC_SERVER_ERROR_TRANSACTION_SIGNATURE_LEN_MISMATCH => {
            CallError::Refused(Refusal::Transaction(Failure::Transaction(fault.to_string())))
        }
        _ => CallError::Fault(fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fault(code: i64, data: Option<Value>) -> Fault {
        Fault { code, message: "said so".to_owned(), data }
    }

    #[test]
    fn codes_decide() {
        assert_eq!(decided(&fault(-32007, None)), CallError::Refused(Refusal::NoBlock));
        for behind in [-32004, -32014, -32016, -32005] {
            assert!(matches!(decided(&fault(behind, None)), CallError::Behind(_)), "{behind}");
        }
        assert!(matches!(decided(&fault(-32601, None)), CallError::Fault(_)));
        let refused = decided(&fault(-32002, Some(json!({"err": "BlockhashNotFound", "logs": []}))));
        assert_eq!(refused, CallError::Refused(Refusal::Transaction(Failure::Blockhash)));
    }

    proptest! {
        #[test]
        fn any_error_body_is_one_of_them(code in prop_oneof![-32100_i64..-32000, any::<i64>()], text in "\\PC{0,40}") {
            let _ = decided(&fault(code, Some(json!({"err": {text.clone(): text}}))));
        }
    }
}
