//! Who and what: chains, accounts, gateways, assets, markets, operations (`contracts/PROTOCOL.md` section 2).

mod caip;

use std::{fmt, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::{
    DomainError,
    word::{Word, keccak_text, keccak_words},
};

pub use caip::{AccountId, AssetType};

/// A chain's CAIP-2 name, for example `eip155:1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainId(String);

impl ChainId {
    /// The name of an EVM chain.
    #[must_use]
    pub fn eip155(chain_id: u64) -> Self {
        Self(format!("eip155:{chain_id}"))
    }

    /// The CAIP-2 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon: `eip155`, `solana`, `ao`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// The part behind the colon.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, reference)| reference)
    }

    /// The chain as a word of a preimage.
    #[must_use]
    pub fn word(&self) -> Word {
        keccak_text(&self.0)
    }
}

impl FromStr for ChainId {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // CAIP-2: namespace [-a-z0-9]{3,8}, reference [-_a-zA-Z0-9]{1,32}. `ao` is two letters long, and accepted.
        let fits = text.split_once(':').is_some_and(|(namespace, reference)| {
            caip::is_namespace(namespace, 2)
                && (1..=32).contains(&reference.len())
                && reference.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(DomainError::Name {
                what: "CAIP-2 chain id",
                found: text.chars().take(80).collect(),
                expected: "namespace:reference, for example eip155:1",
            })
        }
    }
}

/// Lets serde carry a name as its text.
macro_rules! carried_as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = DomainError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    )*};
}

carried_as_text!(ChainId, AccountId, AssetType);

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares a word with a meaning of its own, so that one identifier cannot be passed for another.
macro_rules! word_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Word);

        impl $name {
            /// The zero word: none.
            pub const ZERO: Self = Self(Word::ZERO);

            /// Whether this is the zero word.
            #[must_use]
            pub fn is_zero(&self) -> bool {
                self.0.is_zero()
            }

            /// The first eight hexadecimal digits, for people; never an identity.
            #[must_use]
            pub fn short(&self) -> String {
                self.0.to_string().chars().take(10).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = DomainError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Word> for $name {
            fn from(word: Word) -> Self {
                Self(word)
            }
        }

        impl From<$name> for Word {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

word_newtype!(
    /// An account of some chain, in the 32-byte form its gateway uses.
    Account
);
word_newtype!(
    /// One deployment of TIM3 on one chain. A redeployment is another gateway.
    GatewayId
);
word_newtype!(
    /// A synthetic or a collateral.
    AssetId
);
word_newtype!(
    /// A market: synthetic, collateral and home gateway.
    MarketId
);
word_newtype!(
    /// The name of an operation: the EIP-712 struct hash of its content.
    OperationId
);

impl Account {
    /// An EVM address, left-padded.
    #[must_use]
    pub fn from_evm(address: [u8; 20]) -> Self {
        let mut bytes = [0; 32];
        let (_, low) = bytes.split_at_mut(12);
        low.copy_from_slice(&address);
        Self(Word(bytes))
    }

    /// The EVM address in this account, if it has the form of one.
    #[must_use]
    pub fn to_evm(&self) -> Option<[u8; 20]> {
        let (high, low) = self.0.0.split_first_chunk::<12>()?;
        let address = <[u8; 20]>::try_from(low).ok()?;
        (*high == [0; 12] && address != [0; 20]).then_some(address)
    }
}

impl GatewayId {
    /// The identity of a gateway from where it lives and the salt fixed at its deployment.
    #[must_use]
    pub fn derive(chain: &ChainId, account: Account, salt: Word) -> Self {
        Self(keccak_words(&[keccak_text("tim3/gateway/1"), chain.word(), account.0, salt]))
    }

    /// The EIP-712 domain separator of what this gateway executes.
    #[must_use]
    pub fn domain_separator(&self) -> Word {
        static TYPE_NAME_VERSION: LazyLock<[Word; 3]> =
            LazyLock::new(|| ["EIP712Domain(string name,string version,bytes32 salt)", "TIM3", "1"].map(keccak_text));
        let [kind, name, version] = *TYPE_NAME_VERSION;
        keccak_words(&[kind, name, version, self.0])
    }
}

impl AssetId {
    /// The identity of the asset with this symbol.
    ///
    /// # Errors
    /// [`DomainError::Name`] when the symbol is not 1 to 12 of `A–Z 0–9`.
    pub fn from_symbol(symbol: &str) -> Result<Self, DomainError> {
        let fits =
            (1..=12).contains(&symbol.len()) && symbol.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !fits {
            return Err(DomainError::Name {
                what: "asset symbol",
                found: symbol.chars().take(80).collect(),
                expected: "1 to 12 of A-Z 0-9, for example TIM3",
            });
        }
        Ok(Self(keccak_text(&format!("tim3/asset/{symbol}"))))
    }
}

/// What secures a market's debt (`PROTOCOL` section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarketKind {
    /// 1:1 against a stable collateral; one position, owned by the market.
    Reserve,
    /// Over-collateralised, one position an owner, liquidatable.
    Vault,
}

impl MarketKind {
    /// The number of this kind on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Reserve => 0,
            Self::Vault => 1,
        }
    }
}

impl MarketId {
    /// The identity of a market.
    #[must_use]
    pub fn derive(home: GatewayId, synthetic: AssetId, collateral: AssetId, kind: MarketKind) -> Self {
        Self(keccak_words(&[keccak_text("tim3/market/1"), home.0, synthetic.0, collateral.0, Word::from(kind.code())]))
    }

    /// The owner of the one position of a reserve market.
    #[must_use]
    pub fn reserve_owner(&self) -> Account {
        Account(self.0)
    }
}
