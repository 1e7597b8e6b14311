use alloy::sol_types::SolError;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::abi::Gateway;

fn fault(code: i64, message: &str) -> Fault {
    Fault { code, message: message.to_owned(), data: None }
}

#[test]
fn messages_of_real_nodes_are_understood() {
    use FaultClass::{
        AlreadyKnown, FeeTooLow, InsufficientFunds, NonceTooHigh, NonceTooLow, ReplacementUnderpriced, Reverted,
        TooLarge, Undecided, UnknownBlock, Unsendable, Unsupported,
    };
    let table: &[(&str, i64, &str, FaultClass)] = &[
        // Sending.
        ("geth", -32000, "already known", AlreadyKnown),
        ("geth", -32000, "nonce too low: next nonce 5, tx nonce 3", NonceTooLow),
        ("geth", -32000, "nonce too high", NonceTooHigh),
        ("geth", -32000, "replacement transaction underpriced", ReplacementUnderpriced),
        ("geth", -32000, "transaction underpriced: gas tip cap 0, minimum needed 1", FeeTooLow),
        (
            "geth",
            -32000,
            "max fee per gas less than block base fee: address 0xab, maxFeePerGas: 1, baseFee: 7",
            FeeTooLow,
        ),
        (
            "geth",
            -32000,
            "insufficient funds for gas * price + value: balance 0, tx cost 21000, overshot 21000",
            InsufficientFunds,
        ),
        ("geth", -32000, "exceeds block gas limit", Unsendable),
        ("geth", -32000, "intrinsic gas too low: gas 20000, minimum needed 21000", Unsendable),
        ("geth", -32000, "transaction gas limit too high (cap: 16777216, tx: 30000000)", Unsendable),
        ("geth", -32000, "oversized data: transaction size 140000, limit 131072", Unsendable),
        ("geth", -32000, "max priority fee per gas higher than max fee per gas: tip above fee cap", Unsendable),
        ("geth", -32000, "txpool is full", Undecided),
        ("anvil", -32003, "transaction already imported", AlreadyKnown),
        ("anvil", -32003, "nonce too low", NonceTooLow),
        ("anvil", -32003, "replacement transaction underpriced", ReplacementUnderpriced),
        ("anvil", -32003, "max fee per gas less than block base fee", FeeTooLow),
        ("anvil", -32003, "Insufficient funds for gas * price + value", InsufficientFunds),
        ("anvil", -32003, "intrinsic gas too high -- tx.gas_limit > env.block.gas_limit", Unsendable),
        ("anvil", -32003, "transaction gas limit (30000000) is greater than the cap (16777216)", Unsendable),
        ("nethermind", -32010, "AlreadyKnown", AlreadyKnown),
        ("nethermind", -32010, "OldNonce, Current nonce: 5, nonce of rejected tx: 3", NonceTooLow),
        ("nethermind", -32010, "NonceGap, Future nonce. Expected nonce: 5", NonceTooHigh),
        ("nethermind", -32010, "ReplacementNotAllowed", ReplacementUnderpriced),
        ("nethermind", -32010, "FeeTooLow, EffectivePriorityFeePerGas too low 1 < 2", FeeTooLow),
        ("nethermind", -32010, "InsufficientFunds, Account balance: 0, cumulative cost: 21000", InsufficientFunds),
        ("nethermind", -32010, "GasLimitExceeded, Gas limit: 30000000, gas limit of rejected tx: 40000000", Unsendable),
        ("erigon", -32000, "already known", AlreadyKnown),
        ("erigon", -32000, "nonce too low", NonceTooLow),
        ("erigon", -32000, "could not replace existing tx", ReplacementUnderpriced),
        ("erigon", -32000, "underpriced", FeeTooLow),
        ("erigon", -32000, "insufficient funds", InsufficientFunds),
        ("besu", -32000, "Known transaction", AlreadyKnown),
        ("besu", -32001, "Nonce too low", NonceTooLow),
        ("besu", -32006, "Nonce too distant from current sender nonce", NonceTooHigh),
        ("besu", -32000, "Replacement transaction underpriced", ReplacementUnderpriced),
        ("besu", -32009, "Gas price below configured minimum gas price", FeeTooLow),
        ("besu", -32004, "Upfront cost exceeds account balance", InsufficientFunds),
        ("besu", -32005, "Transaction gas limit exceeds block gas limit", Unsendable),
        // Reading.
        ("geth", -32000, "header not found", UnknownBlock),
        ("geth", -32000, "hash is not currently canonical", UnknownBlock),
        ("geth", -32000, "missing trie node 5a (path ) state 0x5a is not available", UnknownBlock),
        ("geth", -32000, "invalid block range params", UnknownBlock),
        ("anvil", -32602, "BlockOutOfRangeError: block height is 5 but requested was 9", UnknownBlock),
        ("erigon", -32000, "block not found: 0xab", UnknownBlock),
        ("besu", -32000, "Unknown block", UnknownBlock),
        ("nethermind", -32001, "Unable to find block by hash 0xab", UnknownBlock),
        ("geth", 3, "execution reverted: no", Reverted),
        ("geth", -32000, "out of gas", Reverted),
        ("nethermind", -32015, "VM execution error.", Reverted),
        ("besu", -32000, "Execution reverted", Reverted),
        ("geth", -32601, "the method eth_simulateV1 does not exist/is not available", Unsupported),
        ("erigon", -32601, "the method eth_simulateV1 does not exist/is not available", Unsupported),
        ("nethermind", -32601, "Method eth_simulateV1 is not supported", Unsupported),
        // Logs, as the large providers word it.
        ("infura", -32005, "query returned more than 10000 results. Try with this block range [0x1, 0x2].", TooLarge),
        (
            "alchemy",
            -32602,
            "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range",
            TooLarge,
        ),
        ("quicknode", -32614, "eth_getLogs is limited to a 10,000 range", TooLarge),
        ("bsc", -32005, "limit exceeded", TooLarge),
        ("ankr", -32600, "block range is too wide", TooLarge),
        ("erigon", -32000, "query timeout exceeded. Consider reducing your block range.", TooLarge),
        ("besu", -32000, "Requested range exceeds maximum RPC range limit: block range too large", TooLarge),
        // Nothing decided.
        ("any", -32603, "Internal error", Undecided),
        ("any", -32000, "request failed", Undecided),
        ("any", 0, "", Undecided),
    ];
    for (node, code, message, class) in table {
        assert_eq!(classify(&fault(*code, message)), *class, "{node}: {message}");
    }
}

#[test]
fn a_revert_is_decoded_wherever_its_bytes_are() {
    let bytes = format!("0x{}", hex::encode(Gateway::NotActive {}.abi_encode()));
    for data in [
        json!(bytes),
        json!(format!("Reverted {bytes}")),
        json!({"data": bytes}),
        json!({"originalError": 1, "result": bytes}),
    ] {
        let fault = Fault { code: -32015, message: "VM execution error.".to_owned(), data: Some(data) };
        assert_eq!(Refusal::of(&fault), Refusal { class: FaultClass::Reverted, reason: "NotActive()".to_owned() });
    }
}

proptest! {
    #[test]
    fn every_error_body_has_a_class(code in any::<i64>(), message in ".{0,80}", data in prop::option::of(".{0,40}")) {
        let fault = Fault { code, message, data: data.map(Value::from) };
        let refusal = Refusal::of(&fault);
        prop_assert!(refusal.reason.chars().count() <= 300);
        prop_assert_eq!(refusal.class, classify(&fault));
    }
}
