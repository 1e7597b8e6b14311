//! How accounts and assets are named in everything that leaves the process: CAIP-10 and CAIP-19.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Account, ChainId};
use crate::DomainError;

/// An account on its chain, a CAIP-10 name: `eip155:1:0x00…` with lower-case digits, `solana:…:<base58>`, `ao:…:<base64url>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId {
    chain: ChainId,
    address: String,
}

impl AccountId {
    /// The account with this address text on `chain`.
    ///
    /// # Errors
    /// [`DomainError::Name`] when the text cannot be an address there.
    pub fn new(chain: ChainId, address: &str) -> Result<Self, DomainError> {
        let address = reference(&chain, address, true).ok_or_else(|| wrong_account(address))?;
        Ok(Self { chain, address })
    }

    /// The name of an EVM account, or `None` where the chain is no EVM chain or the account has not the form of an address.
    #[must_use]
    pub fn evm(chain: ChainId, account: Account) -> Option<Self> {
        let address = account.to_evm().filter(|_| chain.namespace() == EIP155)?;
        Some(Self { chain, address: format!("0x{}", hex::encode(address)) })
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The address as its chain writes it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The 32-byte form of an EVM account, or `None` for the zero address and for other chains, whose adapters know their forms.
    #[must_use]
    pub fn to_evm(&self) -> Option<Account> {
        let digits = self.address.strip_prefix("0x").filter(|_| self.chain.namespace() == EIP155)?;
        let mut address = [0; 20];
        hex::decode_to_slice(digits, &mut address).ok()?;
        (address != [0; 20]).then(|| Account::from_evm(address))
    }
}

impl FromStr for AccountId {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (chain, address) = text.rsplit_once(':').ok_or_else(|| wrong_account(text))?;
        Self::new(chain.parse().map_err(|_| wrong_account(text))?, address).map_err(|_| wrong_account(text))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain, self.address)
    }
}

/// A fungible asset on its chain, a CAIP-19 asset type: `eip155:1/erc20:0x00…`, `eip155:1/slip44:60`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetType {
    chain: ChainId,
    namespace: String,
    reference: String,
}

impl AssetType {
    /// The asset with this reference in `namespace` on `chain`.
    ///
    /// # Errors
    /// [`DomainError::Name`] when either cannot be what it stands for.
    pub fn new(chain: ChainId, namespace: &str, asset: &str) -> Result<Self, DomainError> {
        let wrong = || wrong_asset(&format!("{chain}/{namespace}:{asset}"));
        if !is_namespace(namespace, 3) {
            return Err(wrong());
        }
        let reference = reference(&chain, asset, namespace == ERC20).ok_or_else(wrong)?;
        Ok(Self { chain, namespace: namespace.to_owned(), reference })
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// What kind of asset it is: `erc20`, `slip44`, `token`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Which one it is: a contract's address, a coin's number.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl FromStr for AssetType {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(chain, asset)| Some((chain, asset.split_once(':')?)));
        let (chain, (namespace, reference)) = parts.ok_or_else(|| wrong_asset(text))?;
        let chain = chain.parse().map_err(|_| wrong_asset(text))?;
        Self::new(chain, namespace, reference).map_err(|_| wrong_asset(text))
    }
}

impl fmt::Display for AssetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.chain, self.namespace, self.reference)
    }
}

const EIP155: &str = "eip155";
const ERC20: &str = "erc20";

pub(super) fn is_namespace(text: &str, least: usize) -> bool {
    (least..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// An account or asset reference, `[-.%a-zA-Z0-9]{1,128}`, plus `_` for the base64url of AO. An EVM address is brought to lower case,
/// because one account must have one name.
fn reference(chain: &ChainId, text: &str, is_address: bool) -> Option<String> {
    if is_address && chain.namespace() == EIP155 {
        let digits = text.strip_prefix("0x")?;
        let fits = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        return fits.then(|| text.to_ascii_lowercase());
    }
    let fits = (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'%' | b'_'));
    fits.then(|| text.to_owned())
}

fn wrong_account(found: &str) -> DomainError {
    DomainError::Name {
        what: "CAIP-10 account id",
        found: found.chars().take(80).collect(),
        expected: "namespace:reference:address, for example eip155:1:0x and 40 hexadecimal digits",
    }
}

fn wrong_asset(found: &str) -> DomainError {
    DomainError::Name {
        what: "CAIP-19 asset type",
        found: found.chars().take(80).collect(),
        expected: "chain/namespace:reference, for example eip155:1/erc20:0x and 40 hexadecimal digits",
    }
}

#[cfg(test)]
mod tests;
