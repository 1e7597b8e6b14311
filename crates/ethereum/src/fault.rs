//! What an endpoint's error body means: a pure function of its code and words, with a table of real messages.

use alloy::primitives::{Bytes, hex};
use serde_json::Value;
use tim3_rpc::Fault;

use crate::reason;

/// What an error body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// The contract reverted.
    Reverted,
    /// More blocks or results than the endpoint gives at once.
    TooLarge,
    /// The endpoint does not have the block (yet, or any more).
    UnknownBlock,
    /// The very transaction is in the pool or mined.
    AlreadyKnown,
    /// The nonce is used.
    NonceTooLow,
    /// The nonce leaves a gap that the endpoint does not accept.
    NonceTooHigh,
    /// Another transaction with this nonce waits, and this one pays too little more.
    ReplacementUnderpriced,
    /// The fee is below what the pool or the base fee asks for.
    FeeTooLow,
    /// The sender cannot pay for it.
    InsufficientFunds,
    /// It can never be included as it is: gas above the limit, too large, malformed.
    Unsendable,
    /// The endpoint does not offer the method.
    Unsupported,
    /// Nothing was decided.
    Undecided,
}

/// Words that decide, most specific first; matched in lower case.
const WORDS: &[(FaultClass, &[&str])] = &[
    (
        FaultClass::ReplacementUnderpriced,
        &[
            "replacement transaction underpriced",
            "replacementnotallowed",
            "could not replace existing tx",
            "replacement fee too low",
        ],
    ),
    (
        FaultClass::AlreadyKnown,
        &[
            "already known",
            "alreadyknown",
            "already imported",
            "known transaction",
            "already in mempool",
            "transaction already exists",
            "already exists in pool",
        ],
    ),
    (
        FaultClass::NonceTooLow,
        &[
            "nonce too low",
            "noncetoolow",
            "nonce_too_low",
            "oldnonce",
            "old nonce",
            "invalid nonce; got",
            "nonce is too low",
            "nonce below",
        ],
    ),
    (
        FaultClass::NonceTooHigh,
        &[
            "nonce too high",
            "noncetoohigh",
            "nonce_too_distant",
            "noncegap",
            "nonce gap",
            "nonce too distant",
            "exceeds maximum future nonce",
        ],
    ),
    (
        FaultClass::InsufficientFunds,
        &[
            "insufficient funds",
            "insufficientfunds",
            "insufficient balance",
            "balance too low",
            "upfront cost exceeds account balance",
            "upfront_cost_exceeds_balance",
            "doesn't have enough funds",
        ],
    ),
    (
        FaultClass::FeeTooLow,
        &[
            "transaction underpriced",
            "fee too low",
            "feetoolow",
            "max fee per gas less than block base fee",
            "gas price below configured minimum",
            "gas_price_too_low",
            "underpriced",
            "feecap less than",
            "fee cap less than",
            "gas price too low",
            "max priority fee per gas below",
        ],
    ),
    (
        FaultClass::Unsendable,
        &[
            "exceeds block gas limit",
            "exceeds_block_gas_limit",
            "intrinsic gas too",
            "exceeds transaction gas limit",
            "gas limit too high",
            "gas limit is too high",
            "greater than the cap",
            "gaslimitexceeded",
            "oversized data",
            "max initcode size exceeded",
            "tip above fee cap",
            "invalid sender",
            "invalid chain id",
            "wrong chain",
            "rlp:",
            "tx type not supported",
            "tx fee (",
        ],
    ),
    (
        FaultClass::UnknownBlock,
        &[
            "header not found",
            "unknown block",
            "block not found",
            "blockoutofrange",
            "out of range",
            "could not find block",
            "no state available",
            "missing trie node",
            "hash is not currently canonical",
            "block is not canonical",
            "state not available",
            "resource not found",
            "header for hash not found",
            "invalid block range params",
            "pruned",
        ],
    ),
    (
        FaultClass::TooLarge,
        &[
            "more than 10000 results",
            "query returned more than",
            "block range",
            "range is too",
            "range too",
            "too many results",
            "log response size exceeded",
            "response size exceeded",
            "response size should not",
            "response is too big",
            "exceeds max results",
            "limit exceeded",
            "query timeout exceeded",
            "limited to",
            "exceed max addresses",
            "logs matched by query",
        ],
    ),
    (
        FaultClass::Reverted,
        &[
            "execution reverted",
            "vm execution error",
            "revert",
            "invalid opcode",
            "out of gas",
            "outofgas",
            "stack underflow",
            "gas required exceeds allowance",
        ],
    ),
    (
        FaultClass::Unsupported,
        &[
            "method not found",
            "does not exist/is not available",
            "not supported",
            "unsupported method",
            "not available",
            "not whitelisted",
        ],
    ),
];

/// What `fault` says.
#[must_use]
pub fn classify(fault: &Fault) -> FaultClass {
    if fault.code == 3 || revert_data(fault).is_some_and(|data| data.len() >= 4) {
        return FaultClass::Reverted;
    }
    let message = fault.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if let Some((class, _)) = WORDS.iter().find(|(_, words)| says(words)) {
        return *class;
    }
    match fault.code {
        -32601 | -32004 => FaultClass::Unsupported,
        -32001 => FaultClass::UnknownBlock,
        _ => FaultClass::Undecided,
    }
}

/// The bytes of a revert, wherever the endpoint put them.
#[must_use]
pub fn revert_data(fault: &Fault) -> Option<Bytes> {
    fn find(value: &Value) -> Option<Bytes> {
        match value {
            // Nethermind and Parity write `Reverted 0x…`.
            Value::String(text) => {
                let digits = text.trim_start_matches("Reverted ").strip_prefix("0x")?;
                hex::decode(digits).ok().map(Bytes::from)
            }
            Value::Object(fields) => {
                ["data", "result", "output"].iter().find_map(|name| fields.get(*name)).and_then(find)
            }
            _ => None,
        }
    }
    fault.data.as_ref().and_then(find)
}

/// A decided answer of the chain that is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it says.
    pub class: FaultClass,
    /// In words: the decoded reason of a revert, otherwise the endpoint's message.
    pub reason: String,
}

impl Refusal {
    /// What `fault` says, in words.
    #[must_use]
    pub fn of(fault: &Fault) -> Self {
        let class = classify(fault);
        let reason = match revert_data(fault).filter(|data| class == FaultClass::Reverted && !data.is_empty()) {
            Some(data) => reason::decode(&data),
            None => fault.message.chars().filter(|c| !c.is_control()).take(300).collect(),
        };
        Self { class, reason }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

#[cfg(test)]
mod tests;
