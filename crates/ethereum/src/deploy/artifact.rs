//! The compiled contracts, built into this program. `contracts/ethereum` exports them.

use std::collections::BTreeMap;

use alloy::primitives::{Address, hex};
use serde::Deserialize;

use crate::EthereumError;

const ARTIFACTS: [&str; 9] = [
    include_str!("../../artifacts/Actions.json"),
    include_str!("../../artifacts/ChainlinkOracle.json"),
    include_str!("../../artifacts/Executor.json"),
    include_str!("../../artifacts/Gateway.json"),
    include_str!("../../artifacts/Governance.json"),
    include_str!("../../artifacts/Orders.json"),
    include_str!("../../artifacts/Synthetic.json"),
    include_str!("../../artifacts/TestAggregator.json"),
    include_str!("../../artifacts/TestToken.json"),
];

/// Bytes of an address in code.
const ADDRESS: usize = 20;
/// `PUSH32`, behind which an immutable's value stands.
const PUSH32: u8 = 0x7f;
/// A library's code begins with its own address (`PUSH20`), against calls that are not delegated.
const LIBRARY_GUARD: usize = 21;

/// A compiled contract.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    contract_name: String,
    /// Creation code; the places of library addresses are no hexadecimal digits.
    bytecode: String,
    /// File, library, places in the creation code.
    link_references: BTreeMap<String, BTreeMap<String, Vec<Place>>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    start: usize,
}

impl Artifact {
    /// The contract called `name`.
    ///
    /// # Errors
    /// [`EthereumError::Deploy`] where there is none.
    pub fn named(name: &str) -> Result<Self, EthereumError> {
        let unreadable = |error: serde_json::Error| EthereumError::Deploy(format!("artifact: {error}"));
        for text in ARTIFACTS {
            let artifact: Self = serde_json::from_str(text).map_err(unreadable)?;
            if artifact.contract_name == name {
                return Ok(artifact);
            }
        }
        Err(EthereumError::Deploy(format!("no artifact of {name}")))
    }

    /// The gateway.
    ///
    /// # Errors
    /// As [`Artifact::named`].
    pub fn gateway() -> Result<Self, EthereumError> {
        Self::named("Gateway")
    }

    /// The libraries it has to be linked with.
    #[must_use]
    pub fn libraries(&self) -> Vec<String> {
        self.link_references.values().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// The creation code with the addresses of its libraries.
    ///
    /// # Errors
    /// [`EthereumError::Deploy`] where one is missing.
    pub fn linked(&self, libraries: &BTreeMap<String, Address>) -> Result<Vec<u8>, EthereumError> {
        let mut code = self.unlinked()?;
        for (name, places) in self.link_references.values().flatten() {
            let library = libraries
                .get(name)
                .ok_or_else(|| EthereumError::Deploy(format!("{}: library {name} is missing", self.contract_name)))?;
            for place in places {
                self.place(&mut code, place.start)?.copy_from_slice(library.as_slice());
            }
        }
        Ok(code)
    }

    /// Whether code on a chain is this contract's, apart from immutables; if it is, the libraries that it is linked with.
    #[must_use]
    pub fn matches(&self, found: &[u8]) -> Option<BTreeMap<String, Address>> {
        let mut code = self.unlinked().ok()?;
        // What the constructor returns stands at the end of the creation code.
        let offset = code.len().checked_sub(found.len())?;
        let mut libraries = BTreeMap::new();
        for (name, places) in self.link_references.values().flatten() {
            for place in places.iter().filter(|place| place.start >= offset) {
                let start = place.start.checked_sub(offset)?;
                let address = Address::try_from(found.get(start..start.checked_add(ADDRESS)?)?).ok()?;
                if *libraries.entry(name.clone()).or_insert(address) != address {
                    return None;
                }
                self.place(&mut code, place.start).ok()?.copy_from_slice(address.as_slice());
            }
        }
        let expected = code.get(offset..)?;
        let mut index = 0;
        while index < found.len() {
            let guard = index == 0 && is_guard(expected, found);
            index = if guard {
                LIBRARY_GUARD
            } else if expected.get(index) == found.get(index) {
                index.checked_add(1)?
            } else {
                after_immutable(expected, index)?
            };
        }
        Some(libraries)
    }

    fn unlinked(&self) -> Result<Vec<u8>, EthereumError> {
        let digits = self.bytecode.trim_start_matches("0x");
        // Places are written `__$…$__`, forty characters.
        let clean: String = digits.chars().map(|c| if c.is_ascii_hexdigit() { c } else { '0' }).collect();
        hex::decode(clean).map_err(|error| EthereumError::Deploy(format!("{}: {error}", self.contract_name)))
    }

    fn place<'a>(&self, code: &'a mut [u8], start: usize) -> Result<&'a mut [u8], EthereumError> {
        start
            .checked_add(ADDRESS)
            .and_then(|end| code.get_mut(start..end))
            .ok_or_else(|| EthereumError::Deploy(format!("{}: a link reference lies outside", self.contract_name)))
    }
}

fn is_guard(expected: &[u8], found: &[u8]) -> bool {
    let head = |code: &[u8]| code.first() == Some(&0x73);
    head(expected) && head(found) && expected.get(1..LIBRARY_GUARD).is_some_and(|own| own.iter().all(|byte| *byte == 0))
}

/// Where code goes on after the immutable that the byte at `index` belongs to: 32 zeros behind a `PUSH32`.
fn after_immutable(expected: &[u8], index: usize) -> Option<usize> {
    let from = index.saturating_sub(31);
    (from..=index).find_map(|start| {
        let end = start.checked_add(32)?;
        let push = expected.get(start.checked_sub(1)?)? == &PUSH32;
        let zeros = expected.get(start..end)?.iter().all(|byte| *byte == 0);
        (push && zeros).then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_links_with_its_libraries_and_with_nothing_less() {
        let gateway = Artifact::gateway().expect("an artifact");
        let names = gateway.libraries();
        assert_eq!(names, ["Actions", "Governance", "Orders"]);
        let libraries: BTreeMap<_, _> =
            names.iter().zip(1..).map(|(name, byte)| (name.clone(), Address::repeat_byte(byte))).collect();
        let code = gateway.linked(&libraries).expect("linked");
        for library in libraries.values() {
            assert!(code.windows(ADDRESS).any(|window| window == library.as_slice()));
        }
        let missing = gateway.linked(&BTreeMap::new()).expect_err("no libraries").to_string();
        assert_eq!(missing, "deploy: Gateway: library Actions is missing");
    }

    #[test]
    fn other_code_is_not_taken_for_the_contract() {
        let token = Artifact::named("TestToken").expect("an artifact");
        let mut code = token.linked(&BTreeMap::new()).expect("code");
        let mut runtime = code.split_off(code.len() / 2);
        assert_eq!(token.matches(&runtime), Some(BTreeMap::new()));
        *runtime.last_mut().expect("code") ^= 1;
        assert_eq!(token.matches(&runtime), None);
        assert_eq!(token.matches(&[0; 100_000]), None);
    }

    #[test]
    fn every_artifact_is_readable() {
        for name in [
            "Actions",
            "ChainlinkOracle",
            "Executor",
            "Gateway",
            "Governance",
            "Orders",
            "Synthetic",
            "TestAggregator",
            "TestToken",
        ] {
            let artifact = Artifact::named(name).expect(name);
            assert!(artifact.unlinked().is_ok_and(|code| !code.is_empty()), "{name}");
        }
    }
}
