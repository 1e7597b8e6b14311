//! Why a contract refused, in words, and whether asking again can help.

use alloy::{
    primitives::{I256, U256, hex},
    sol_types::SolInterface,
};

use crate::abi::{Executor::ExecutorErrors, Gateway::GatewayErrors, Solidity, Token::TokenErrors};

/// A decoded revert: the error's name with its arguments, for example `RouteClosed(0x…, 0x…)`.
///
/// Total: bytes that are no known error are shown by their first four.
#[must_use]
pub fn decode(data: &[u8]) -> String {
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
        return "no reason given".to_owned();
    };
    if let Ok(standard) = Solidity::SolidityErrors::abi_decode(data) {
        return match standard {
            Solidity::SolidityErrors::Error(error) => {
                format!("Error({:?})", error.reason.chars().take(200).collect::<String>())
            }
            Solidity::SolidityErrors::Panic(panic) => format!("Panic({:#04x})", panic.code),
        };
    }
    let known = GatewayErrors::signature_by_selector(*selector)
        .or_else(|| TokenErrors::signature_by_selector(*selector))
        .or_else(|| ExecutorErrors::signature_by_selector(*selector));
    match known {
        Some(signature) => render(signature, arguments),
        None => format!("unknown error 0x{}", hex::encode(selector)),
    }
}

/// Every argument of these errors is one word.
fn render(signature: &str, arguments: &[u8]) -> String {
    let (name, types) = signature.split_once('(').unwrap_or((signature, ")"));
    let types = types.trim_end_matches(')');
    let (words, _) = arguments.as_chunks::<32>();
    let shown: Vec<_> = types
        .split(',')
        .filter(|kind| !kind.is_empty())
        .zip(words)
        .map(|(kind, word)| match kind {
            kind if kind.starts_with("uint") => U256::from_be_bytes(*word).to_string(),
            kind if kind.starts_with("int") => I256::from_be_bytes(*word).to_string(),
            "address" => format!("0x{}", hex::encode(word.split_at(12).1)),
            _ => format!("0x{}", hex::encode(word)),
        })
        .collect();
    format!("{name}({})", shown.join(", "))
}

/// Whether an order that was refused for `reason` (as [`decode`] gives it) can never be executed as it is. What a setting, a price, time or
/// further signatures can change is not permanent.
#[must_use]
pub fn is_permanent(reason: &str) -> bool {
    const PERMANENT: [&str; 11] = [
        "InvalidAccount",
        "MalformedContent",
        "MirrorConflict",
        "Retired",
        "SlotTaken",
        "UnknownAction",
        "UnknownMarket",
        "UnknownOperation",
        "WrongGateway",
        "WrongKind",
        "WrongOwner",
    ];
    let name = reason.split('(').next().unwrap_or_default();
    PERMANENT.contains(&name)
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{Address, B256},
        sol_types::SolError,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::abi::{Gateway, Token};

    #[test]
    fn errors_are_shown_with_their_arguments() {
        assert_eq!(decode(&Gateway::NotActive {}.abi_encode()), "NotActive()");
        let full = Gateway::WindowFull { available: I256::MINUS_ONE, needed: U256::from(7) };
        assert_eq!(decode(&full.abi_encode()), "WindowFull(-1, 7)");
        let paused = Gateway::Paused { asset: B256::repeat_byte(1), level: 3 };
        assert_eq!(decode(&paused.abi_encode()), format!("Paused({}, 3)", B256::repeat_byte(1)));
        let poor = Token::ERC20InsufficientBalance {
            sender: Address::repeat_byte(0xab),
            balance: U256::ZERO,
            needed: U256::ONE,
        };
        assert_eq!(
            decode(&poor.abi_encode()),
            "ERC20InsufficientBalance(0xabababababababababababababababababababab, 0, 1)"
        );
        assert_eq!(decode(&Solidity::Error { reason: "no".to_owned() }.abi_encode()), "Error(\"no\")");
        assert_eq!(decode(&Solidity::Panic { code: U256::from(0x11) }.abi_encode()), "Panic(0x11)");
        assert_eq!(decode(&[0xde, 0xad, 0xbe, 0xef, 1]), "unknown error 0xdeadbeef");
        assert_eq!(decode(&[]), "no reason given");
    }

    #[test]
    fn what_time_or_settings_can_change_is_not_permanent() {
        for reason in ["SlotTaken(2)", "UnknownMarket(0x00)", "MalformedContent()", "WrongGateway(0x00)"] {
            assert!(is_permanent(reason), "{reason}");
        }
        for reason in [
            "Paused(0x00, 3)",
            "WindowFull(0, 1)",
            "TooFewSignatures(1, 2)",
            "PriceUnavailable(4)",
            "unknown error 0x00000000",
        ] {
            assert!(!is_permanent(reason), "{reason}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_reason(data in prop::collection::vec(any::<u8>(), 0..200), known in 0_usize..GatewayErrors::SELECTORS.len()) {
            prop_assert!(!decode(&data).is_empty());
            let mut hostile = GatewayErrors::SELECTORS[known].to_vec();
            hostile.extend(&data);
            prop_assert!(decode(&hostile).contains('('));
        }
    }
}
