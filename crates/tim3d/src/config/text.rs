//! How single values are written: each function reads one kind, or says what would be right.

mod keeper;

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use config::ValueKind;
use tim3_domain::{
    amount::{self, SYNTHETIC_DECIMALS},
    identity::{Account, AssetId, ChainId, GatewayId, MarketKind},
    word::Word,
};
use tim3_ethereum::Address;
use tim3_rpc::SecretUrl;
use tim3_telemetry::LogFormat;

pub(super) use keeper::{Combination, combination, json_path, keeper_mode, names, price, ticker, usd, usd_or_loss};

use super::{
    model::{Family, Policy, Unit},
    node::Given,
};

pub(super) fn text(given: &Given<'_>) -> Result<String, String> {
    match given.kind {
        ValueKind::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err("a text that is not empty".to_owned()),
    }
}

pub(super) fn flag(given: &Given<'_>) -> Result<bool, String> {
    match given.kind {
        ValueKind::Boolean(value) => Ok(*value),
        ValueKind::String(text) if given.is_text => text.parse().map_err(|_| "true or false".to_owned()),
        _ => Err("true or false".to_owned()),
    }
}

/// An integer from `MIN` to `MAX`.
pub(super) fn integer<const MIN: u64, const MAX: u64>(given: &Given<'_>) -> Result<u64, String> {
    let value = match given.kind {
        ValueKind::I64(value) => u64::try_from(*value).ok(),
        ValueKind::I128(value) => u64::try_from(*value).ok(),
        ValueKind::U64(value) => Some(*value),
        ValueKind::String(text) if given.is_text => text.parse().ok(),
        _ => None,
    };
    value.filter(|value| (MIN..=MAX).contains(value)).ok_or_else(|| format!("a whole number from {MIN} to {MAX}"))
}

/// A duration from `MIN` to `MAX` milliseconds.
pub(super) fn duration<const MIN: u64, const MAX: u64>(given: &Given<'_>) -> Result<Duration, String> {
    let wrong = || {
        let [min, max] = [MIN, MAX].map(show_duration);
        format!("a duration from {min} to {max}, for example \"5s\", \"250ms\", \"10m\", \"2h\" or \"1d\"")
    };
    let ValueKind::String(text) = given.kind else { return Err(wrong()) };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    milliseconds.filter(|ms| (MIN..=MAX).contains(ms)).map(Duration::from_millis).ok_or_else(wrong)
}

fn show_duration(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.iter().find(|(size, _)| ms >= *size && ms.is_multiple_of(*size));
    let (size, name) = unit.copied().unwrap_or((1, "ms"));
    format!("{}{name}", ms.checked_div(size).unwrap_or(ms))
}

/// A path, relative to where it is written.
pub(super) fn path(given: &Given<'_>) -> Result<PathBuf, String> {
    text(given).map(|text| given.base.join(text)).map_err(|_| "a path".to_owned())
}

pub(super) fn address(given: &Given<'_>) -> Result<SocketAddr, String> {
    parsed(given).map_err(|()| "an address with a port, for example \"127.0.0.1:9180\" or \"[::1]:9180\"".to_owned())
}

pub(super) fn http_url(given: &Given<'_>) -> Result<SecretUrl, String> {
    url(given, &["http", "https"], "https://node.example/key")
}

pub(super) fn websocket_url(given: &Given<'_>) -> Result<SecretUrl, String> {
    url(given, &["ws", "wss"], "wss://node.example/key")
}

/// Where JSON is fetched, or sent by a server.
pub(super) fn json_url(given: &Given<'_>) -> Result<SecretUrl, String> {
    url(given, &["http", "https", "ws", "wss"], "https://exchange.example/eth-usd")
}

fn url(given: &Given<'_>, schemes: &[&str], example: &str) -> Result<SecretUrl, String> {
    let url = parsed::<SecretUrl>(given).ok().filter(|url| schemes.contains(&url.expose().scheme()));
    url.ok_or_else(|| format!("a URL with {}, for example \"{example}\"", schemes.join(" or ")))
}

pub(super) fn chain_id(given: &Given<'_>) -> Result<ChainId, String> {
    let chain = parsed::<ChainId>(given).ok().filter(|chain| {
        chain.namespace() == "eip155"
            && chain.reference().parse::<u64>().is_ok_and(|id| id > 0 && !chain.reference().starts_with('0'))
    });
    chain.ok_or_else(|| "the CAIP-2 name of an EVM chain, for example \"eip155:1\"".to_owned())
}

/// An EVM address. Mixed case must be a correct EIP-55 checksum, because a mistyped address would otherwise pass.
pub(super) fn evm_account(given: &Given<'_>) -> Result<Account, String> {
    let expected = || "an address of 0x and 40 hexadecimal digits, not zero".to_owned();
    let text = text(given).map_err(|_| expected())?;
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40).ok_or_else(expected)?;
    let address: Address = digits.parse().map_err(|_| expected())?;
    let account = Account::from_evm(address.0.0);
    let mixed = digits.bytes().any(|b| b.is_ascii_uppercase()) && digits.bytes().any(|b| b.is_ascii_lowercase());
    let right = address.to_checksum(None);
    if mixed && text != right {
        return Err(format!("the checksummed address {right}, if these are its digits"));
    }
    account.to_evm().map(|_| account).ok_or_else(expected)
}

pub(super) fn word(given: &Given<'_>) -> Result<Word, String> {
    parsed(given).map_err(|()| "0x and 64 hexadecimal digits".to_owned())
}

pub(super) fn gateway_id(given: &Given<'_>) -> Result<GatewayId, String> {
    let id = word(given).map(GatewayId)?;
    if id.is_zero() { Err("0x and 64 hexadecimal digits, not zero".to_owned()) } else { Ok(id) }
}

/// An amount of a synthetic in whole tokens: `"250000"` or `"0.5"`.
pub(super) fn tokens(given: &Given<'_>) -> Result<u128, String> {
    let text = match given.kind {
        ValueKind::String(text) => text.clone(),
        ValueKind::I64(value) => value.to_string(),
        ValueKind::I128(value) => value.to_string(),
        _ => String::new(),
    };
    let amount = amount::parse(&text, SYNTHETIC_DECIMALS).ok().filter(|amount| *amount > 0);
    amount.ok_or_else(|| format!("an amount above 0 in tokens, with at most {SYNTHETIC_DECIMALS} digits behind the point, for example \"250000\""))
}

/// A price of gas: `"30 gwei"` or `"7 wei"`, in wei.
pub(super) fn gas_price(given: &Given<'_>) -> Result<u128, String> {
    let expected = || "a gas price above 0, for example \"30 gwei\" or \"0.1 gwei\"".to_owned();
    let text = text(given).map_err(|_| expected())?;
    let (number, decimals) = match text.trim().split_once(' ') {
        Some((number, "gwei")) => (number, 9),
        Some((number, "wei")) => (number, 0),
        _ => return Err(expected()),
    };
    amount::parse(number, decimals).ok().filter(|price| *price > 0).ok_or_else(expected)
}

/// A sum of Arweave's coin: `"0.01 AR"`, in winstons.
pub(super) fn ar(given: &Given<'_>) -> Result<u128, String> {
    let expected = || "an amount with its unit, for example \"0.01 AR\"".to_owned();
    let text = text(given).map_err(|_| expected())?;
    let number = text.trim().strip_suffix("AR").ok_or_else(expected)?;
    amount::parse(number.trim(), 12).ok().filter(|amount| *amount > 0).ok_or_else(expected)
}

/// A typing error must not silence the log.
pub(super) fn log_filter(given: &Given<'_>) -> Result<String, String> {
    let filter = text(given).ok().filter(|filter| tim3_telemetry::log::check_filter(filter).is_ok());
    filter.ok_or_else(|| {
        "levels (off, error, warn, info, debug, trace) by module, for example \"info,tim3_ethereum=debug\"".to_owned()
    })
}

pub(super) fn symbol(given: &Given<'_>) -> Result<String, String> {
    let text = text(given).map_err(|_| SYMBOL.to_owned())?;
    asset_name(&text).map(|()| text)
}

const SYMBOL: &str = "a symbol of 1 to 12 of A-Z 0-9, for example TIM3";

pub(super) fn asset_name(text: &str) -> Result<(), String> {
    AssetId::from_symbol(text).map(|_| ()).map_err(|_| SYMBOL.to_owned())
}

/// Names of chains, markets and attesters: labels of metrics, and parts of environment variables.
pub(super) fn name(text: &str) -> Result<(), String> {
    let fits = (1..=32).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !text.contains("__");
    if fits { Ok(()) } else { Err("a name of 1 to 32 of a-z 0-9 _, beginning with a letter, without __".to_owned()) }
}

/// One of a few words.
fn word_of<T: Copy>(given: &Given<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let found = match given.kind {
        ValueKind::String(text) => words.iter().find(|(word, _)| word == text),
        _ => None,
    };
    let quoted = || words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
    found.map(|(_, value)| *value).ok_or_else(quoted)
}

pub(super) fn log_format(given: &Given<'_>) -> Result<LogFormat, String> {
    word_of(given, &[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)])
}

pub(super) fn family(given: &Given<'_>) -> Result<Family, String> {
    word_of(given, &[("ethereum", Family::Ethereum), ("solana", Family::Solana), ("ao", Family::Ao)])
}

/// Whether the profile is that of the V1 processes.
pub(super) fn profile(given: &Given<'_>) -> Result<bool, String> {
    word_of(given, &[("gateway", false), ("tim3-v1", true)])
}

pub(super) fn unit(given: &Given<'_>) -> Result<Unit, String> {
    word_of(given, &Unit::ALL.map(|unit| (unit.name(), unit)))
}

pub(super) fn solana_chain_id(given: &Given<'_>) -> Result<ChainId, String> {
    let chain = parsed::<ChainId>(given).ok().filter(|chain| chain.namespace() == "solana");
    chain.ok_or_else(|| {
        "solana: and the first 32 characters of the genesis hash, for example \"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\"".to_owned()
    })
}

/// An address of Solana.
pub(super) fn solana_account(given: &Given<'_>) -> Result<Account, String> {
    let key = parsed::<tim3_solana::Pubkey>(given).ok().filter(|key| *key != tim3_solana::Pubkey::default());
    key.map(|key| tim3_solana::address::account(&key)).ok_or_else(|| "an address in base58, not zero".to_owned())
}

/// The gateway on AO knows its network by the name it was given when it was deployed.
pub(super) fn ao_chain_id(given: &Given<'_>) -> Result<ChainId, String> {
    let chain = parsed::<ChainId>(given).ok().filter(|chain| chain.namespace() == "ao");
    chain.ok_or_else(|| "ao: and the name that the gateway was deployed with, for example \"ao:mainnet\"".to_owned())
}

/// A process or a wallet on AO.
pub(super) fn ao_account(given: &Given<'_>) -> Result<Account, String> {
    let id = parsed::<tim3_arweave::Id>(given).ok().filter(|id| !id.word().is_zero());
    id.map(tim3_arweave::Id::account).ok_or_else(|| "an id of 43 characters of base64url, not zero".to_owned())
}

pub(super) fn market_kind(given: &Given<'_>) -> Result<MarketKind, String> {
    word_of(given, &[("reserve", MarketKind::Reserve), ("vault", MarketKind::Vault)])
}

pub(super) fn policy(given: &Given<'_>) -> Result<Policy, String> {
    word_of(given, &[("finalized", Policy::Finalized), ("safe", Policy::Safe), ("depth", Policy::Depth)])
}

fn parsed<T: FromStr>(given: &Given<'_>) -> Result<T, ()> {
    match given.kind {
        ValueKind::String(text) => text.parse().map_err(|_| ()),
        _ => Err(()),
    }
}

/// The name of a systemd credential, which is the name of a file.
pub(super) fn credential(given: &Given<'_>) -> Result<String, String> {
    let name = text(given).ok().filter(|name| !name.contains('/') && name != "." && name != "..");
    name.ok_or_else(|| "the name of a credential, without slashes".to_owned())
}
