//! Values that only `[keeper]` has.

use config::ValueKind;
use tim3_domain::{amount, price::Price};
use tim3_keeper::Mode;

use super::{text, word_of};
use crate::config::node::Given;

/// How the sources of an asset make its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Combination {
    Primary,
    Worst,
    Median,
    Bounded,
}

/// Decimals of values in US dollars.
const USD_DECIMALS: u8 = 18;

pub(in crate::config) fn keeper_mode(given: &Given<'_>) -> Result<Mode, String> {
    word_of(given, &[("observe", Mode::Observe), ("paper", Mode::Paper), ("live", Mode::Live)])
}

pub(in crate::config) fn combination(given: &Given<'_>) -> Result<Combination, String> {
    let words = [
        ("primary", Combination::Primary),
        ("worst", Combination::Worst),
        ("median", Combination::Median),
        ("bounded", Combination::Bounded),
    ];
    word_of(given, &words)
}

/// US dollars, with 18 decimals: `"1000"` or `"0.5"`.
pub(in crate::config) fn usd(given: &Given<'_>) -> Result<u128, String> {
    amount::parse(&number(given), USD_DECIMALS)
        .ok()
        .filter(|value| i128::try_from(*value).is_ok())
        .ok_or_else(|| "an amount of US dollars, for example \"1000\" or \"0.5\"".to_owned())
}

/// The same, below zero for a loss.
pub(in crate::config) fn usd_or_loss(given: &Given<'_>) -> Result<i128, String> {
    let text = number(given);
    let (digits, is_loss) = text.strip_prefix('-').map_or((text.as_str(), false), |digits| (digits, true));
    let value = amount::parse(digits, USD_DECIMALS).ok().and_then(|value| i128::try_from(value).ok());
    value
        .map(|value| if is_loss { value.saturating_neg() } else { value })
        .ok_or_else(|| "an amount of US dollars, for example \"5\", or below zero \"-20\"".to_owned())
}

fn number(given: &Given<'_>) -> String {
    match given.kind {
        ValueKind::String(text) => text.clone(),
        ValueKind::I64(value) => value.to_string(),
        ValueKind::I128(value) => value.to_string(),
        _ => String::new(),
    }
}

pub(in crate::config) fn price(given: &Given<'_>) -> Result<Price, String> {
    number(given).parse().map_err(|_| "a price above 0 in US dollars, for example \"1\"".to_owned())
}

/// A list of names; on the command line and in the environment, with commas between them.
pub(in crate::config) fn names(given: &Given<'_>) -> Result<Vec<String>, String> {
    let found: Option<Vec<String>> = match given.kind {
        ValueKind::Array(items) => items
            .iter()
            .map(|item| match &item.kind {
                ValueKind::String(name) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        ValueKind::String(text) if given.is_text => Some(text.split(',').map(|name| name.trim().to_owned()).collect()),
        _ => None,
    };
    let is_right = |names: &Vec<String>| {
        !names.is_empty()
            && names.iter().all(|name| super::name(name).is_ok())
            && names.iter().enumerate().all(|(index, name)| !names.iter().take(index).any(|other| other == name))
    };
    found.filter(is_right).ok_or_else(|| "a list of different names, for example [\"weth\"]".to_owned())
}

/// What oracles call an asset.
pub(in crate::config) fn ticker(given: &Given<'_>) -> Result<String, String> {
    let is_right = |text: &String| text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let ticker = text(given).ok().filter(is_right);
    ticker.ok_or_else(|| "at most 32 letters, digits and signs, for example \"AR\"".to_owned())
}

/// The way to a value in a document: names and positions with points between them.
pub(in crate::config) fn json_path(given: &Given<'_>) -> Result<String, String> {
    let path = text(given).ok().filter(|path| path.split('.').all(|step| !step.is_empty()));
    path.ok_or_else(|| "names and positions with points between them, for example \"data.0.price\"".to_owned())
}
