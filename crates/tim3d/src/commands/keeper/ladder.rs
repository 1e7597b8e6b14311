//! `tim3d keeper ladder`: how near to liquidation positions stand, and what other prices would do.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tim3_api::ControlError;
use tim3_domain::{
    amount::{self, Rounding, SYNTHETIC_DECIMALS, display, scale},
    clock::utc,
    identity::{Account, AssetId},
    price::{Price, Verdict},
};
use tim3_keeper::{
    Keeper,
    config::MarketConfig,
    risk::{Book, Change, Outlook, Rung},
};

use crate::{config::Config, directory::Directory, output::Table};

/// Lower ends of the bands of health above the lowest, in basis points.
const BANDS: [u32; 6] = [10_000, 10_500, 11_000, 12_500, 15_000, 20_000];
/// Digits of a health that people are shown.
const HEALTH_DIGITS: u8 = 4;
/// All of a price, in basis points.
const WHOLE: i32 = 10_000;

/// A price that is supposed: `WETH=-30%`, `WETH=1500`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WhatIf {
    symbol: String,
    change: Change,
}

impl FromStr for WhatIf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (symbol, change) =
            text.split_once('=').ok_or("expected SYMBOL=CHANGE, for example WETH=-30% or WETH=1500")?;
        AssetId::from_symbol(symbol).map_err(|error| error.to_string())?;
        let change = match change.strip_suffix('%') {
            Some(percent) => Change::By(bps(percent)?),
            None => Change::To(change.parse::<Price>().map_err(|error| error.to_string())?),
        };
        Ok(Self { symbol: symbol.to_owned(), change })
    }
}

/// Basis points of a percentage with its sign. Without one `30%` might be meant as a fall.
fn bps(percent: &str) -> Result<i32, String> {
    let wrong = "expected a percentage with its sign, above -100 and with at most two digits behind the point, such as -30% or +2.5%";
    let (is_fall, digits) = match (percent.strip_prefix('-'), percent.strip_prefix('+')) {
        (Some(digits), _) => (true, digits),
        (None, Some(digits)) => (false, digits),
        (None, None) => return Err(wrong.to_owned()),
    };
    let bps = amount::parse(digits, 2).ok().and_then(|bps| i32::try_from(bps).ok()).ok_or(wrong)?;
    if is_fall && bps >= WHOLE {
        return Err(wrong.to_owned());
    }
    Ok(if is_fall { bps.saturating_neg() } else { bps })
}

/// The ladder of some markets. Amounts are decimal numbers of whole units, exact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Ladders {
    /// When the keepers were last told something, in milliseconds since 1970.
    at_ms: u64,
    markets: Vec<Ladder>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Ladder {
    name: String,
    chain: String,
    synthetic: String,
    collateral: String,
    /// Of the collateral in US dollars, whatever the verdict on it; none where there is none at all.
    price: Option<Price>,
    verdict: Verdict,
    positions: usize,
    without_debt: u64,
    /// Positions that are neither healthy nor unhealthy, because they could not be read, or for want of a valid price.
    unknown: u64,
    /// The first of those that could not be read.
    unreadable: Vec<Unreadable>,
    bands: Vec<Band>,
    /// The least healthy first.
    least_healthy: Vec<Debtor>,
    /// The synthetic at hand on the chain, what is under way left out.
    inventory: String,
    /// The pool that lends what is repaid, so that no inventory is needed.
    lent_by: Option<String>,
    /// At the price as it is; none without a valid one.
    now: Option<Stress>,
    /// At the supposed prices; none where nothing is supposed, or what the price hangs on besides is not valid.
    what_if: Option<Stress>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Unreadable {
    owner: String,
    since_ms: u64,
    reason: String,
}

/// Positions with debt whose health is in a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Band {
    from: String,
    /// Exclusive.
    to: Option<String>,
    positions: u64,
    debt: String,
    collateral: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Debtor {
    owner: String,
    debt: String,
    collateral: String,
    /// Rounded down; none without a valid price.
    health: Option<String>,
    liquidatable: bool,
    /// It becomes liquidatable below this price; none where it is at any.
    liquidation_price: Option<Price>,
    /// By how much the price may fall until then, in percent, rounded down.
    distance_percent: Option<String>,
}

/// A market at one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Stress {
    price: Price,
    liquidatable: u64,
    debt: String,
    collateral: String,
    bad_debt: String,
    /// What one liquidation of each would repay.
    to_repay: String,
    /// What of it the inventory pays, the least healthy first.
    covered: String,
}

/// What the keepers' record says of one market, or of all.
///
/// # Errors
/// Where there is no such market, or no such price to suppose; says which there are.
pub(super) fn ladders(
    keeper: &Keeper,
    market: Option<&str>,
    what_if: &[WhatIf],
    limit: usize,
    names: &Names<'_>,
) -> Result<Ladders> {
    let all = &keeper.config().markets;
    let shown: Vec<(&String, &MarketConfig)> =
        all.iter().filter(|(name, _)| market.is_none_or(|wanted| wanted == *name)).collect();
    if let (Some(name), true) = (market, shown.is_empty()) {
        let hint = format!("there are {}", listed(all.keys()));
        return Err(ControlError::NotFound { what: "vault market", name: name.to_owned(), hint }.into());
    }
    let supposed = supposed(keeper, &shown, what_if)?;
    // Markets share an inventory; as the keepers go through them, one after the other takes from it.
    let (mut spent, mut spent_then) = (BTreeMap::new(), BTreeMap::new());
    let mut markets = Vec::new();
    for (name, config) in shown {
        let Some(book) = keeper.book(name) else { continue };
        let judged = keeper.price_if(&config.feed, &BTreeMap::new());
        let mut book = book.clone();
        book.tick(judged.and_then(|quote| quote.higher(Verdict::Valid)));
        let then = keeper.price_if(&config.feed, &supposed).and_then(|quote| quote.higher(Verdict::Valid));
        let then = then.ok().filter(|_| !supposed.is_empty());
        let ladder = book.ladder(&BANDS);
        let decimals = book.vault().decimals;
        let unknown = book.unknown().take(limit).map(|(owner, unknown)| Unreadable {
            owner: names.owner(name, owner),
            since_ms: unknown.since_ms,
            reason: unknown.reason.clone(),
        });
        markets.push(Ladder {
            name: name.clone(),
            chain: config.chain.clone(),
            synthetic: config.synthetic.clone(),
            collateral: config.collateral.clone(),
            price: judged.and_then(|quote| quote.higher(Verdict::Unavailable)).ok(),
            verdict: judged.map_or_else(|verdict| verdict, |quote| quote.verdict()),
            positions: book.len(),
            without_debt: ladder.without_debt,
            unknown: ladder.unknown,
            unreadable: unknown.collect(),
            bands: bands(&ladder.rungs, decimals),
            least_healthy: book
                .debtors()
                .take(limit)
                .map(|it| debtor(&it, &book, names.owner(name, it.position.owner)))
                .collect(),
            inventory: synthetic(keeper.at_hand(&config.chain, &config.synthetic)),
            lent_by: config.exit.clone().filter(|_| config.flash),
            now: book.price().ok().map(|price| stress(keeper, &book, config, price, &mut spent)),
            what_if: then.map(|price| stress(keeper, &book, config, price, &mut spent_then)),
        });
    }
    Ok(Ladders { at_ms: keeper.now_ms(), markets })
}

/// Changes by feed.
fn supposed(
    keeper: &Keeper,
    shown: &[(&String, &MarketConfig)],
    what_if: &[WhatIf],
) -> Result<BTreeMap<String, Change>> {
    let known: BTreeSet<&str> = shown.iter().flat_map(|(_, market)| keeper.assets_behind(&market.feed)).collect();
    let mut supposed = BTreeMap::new();
    for WhatIf { symbol, change } in what_if {
        let asset = keeper.config().assets.get(symbol).filter(|_| known.contains(symbol.as_str()));
        let Some(asset) = asset else {
            bail!("--what-if {symbol}=…: no position hangs on a price of it; those of {} count", listed(&known));
        };
        if supposed.insert(asset.feed.clone(), *change).is_some() {
            bail!("--what-if {symbol}=…: its price is supposed twice");
        }
    }
    Ok(supposed)
}

fn listed(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn stress(
    keeper: &Keeper,
    book: &Book,
    config: &MarketConfig,
    price: Price,
    spent: &mut BTreeMap<(String, String), u128>,
) -> Stress {
    let found = book.stress(price);
    let spent = spent.entry((config.chain.clone(), config.synthetic.clone())).or_default();
    let inventory = match config.flash {
        true => u128::MAX,
        false => keeper.at_hand(&config.chain, &config.synthetic).saturating_sub(*spent),
    };
    let repayment = book.repayment(price, keeper.config().liquidation.target_bps, inventory);
    if !config.flash {
        *spent = spent.saturating_add(repayment.covered);
    }
    Stress {
        price,
        liquidatable: found.liquidatable,
        debt: synthetic(found.debt),
        collateral: display(found.collateral, book.vault().decimals),
        bad_debt: synthetic(found.bad_debt),
        to_repay: synthetic(repayment.wanted),
        covered: synthetic(repayment.covered),
    }
}

fn bands(rungs: &[Rung], decimals: u8) -> Vec<Band> {
    let bound = |rung: &Rung| display(rung.from_bps.into(), 4);
    let above = rungs.iter().skip(1).map(|rung| Some(bound(rung))).chain([None]);
    let band = |(rung, to): (&Rung, Option<String>)| Band {
        from: bound(rung),
        to,
        positions: rung.positions,
        debt: synthetic(rung.debt),
        collateral: display(rung.collateral, decimals),
    };
    rungs.iter().zip(above).map(band).collect()
}

fn debtor(outlook: &Outlook, book: &Book, owner: String) -> Debtor {
    let position = &outlook.position;
    Debtor {
        owner,
        debt: synthetic(position.balances.debt),
        collateral: display(position.balances.collateral, book.vault().decimals),
        health: outlook.health.map(|health| display(health, Price::DECIMALS)),
        liquidatable: book.is_candidate(position.owner),
        liquidation_price: position.critical,
        distance_percent: outlook.distance_bps.map(|bps| display(bps.into(), 2)),
    }
}

fn synthetic(units: u128) -> String {
    display(units, SYNTHETIC_DECIMALS)
}

/// How owners are called, as far as the configuration is there.
pub(super) struct Names<'a>(pub(super) Option<&'a Config>);

impl Names<'_> {
    fn owner(&self, market: &str, owner: Account) -> String {
        let named = || {
            let config = self.0?;
            let market = config.markets.iter().find(|one| one.name == market)?;
            let home = config.chains.iter().find(|chain| chain.name == market.home)?;
            Some(Directory::new(config).account(home.gateway, owner))
        };
        named().unwrap_or_else(|| owner.to_string())
    }
}

impl Ladders {
    /// For people.
    pub(super) fn render(&self) -> Result<String> {
        let mut text = format!("as of {}, by the keepers' record\n", utc(self.at_ms));
        for market in &self.markets {
            text.push_str(&market.render()?);
        }
        Ok(text)
    }
}

impl Ladder {
    fn render(&self) -> Result<String> {
        let Self { name, chain, synthetic, collateral, .. } = self;
        let verdict = serde_json::to_value(self.verdict)?;
        let verdict = verdict.as_str().context("a verdict is a word")?;
        let price = self.price.map_or_else(|| "no price".to_owned(), |price| format!("{collateral} at {price} USD"));
        let mut text = format!(
            "\n{name} on {chain}: {price}, {verdict}; {} positions, {} without debt, {} unknown\n\n",
            self.positions, self.without_debt, self.unknown
        );
        let mut bands =
            Table::new(&["HEALTH", "POSITIONS", &format!("DEBT {synthetic}"), &format!("COLLATERAL {collateral}")]);
        for band in &self.bands {
            let range = match &band.to {
                Some(to) if band.from == "0" => format!("below {to}"),
                Some(to) => format!("{} to {to}", band.from),
                None => format!("{} and above", band.from),
            };
            bands.row([range, band.positions.to_string(), band.debt.clone(), band.collateral.clone()]);
        }
        if !self.bands.is_empty() {
            text.push_str(&format!("{}\n", bands.render()));
        }
        text.push_str(&format!("{}\n{}", self.stresses().render(), self.debtors()?.render()));
        if !self.unreadable.is_empty() {
            let mut unknown = Table::new(&["UNKNOWN", "SINCE", "BECAUSE"]);
            for one in &self.unreadable {
                unknown.row([one.owner.clone(), utc(one.since_ms), one.reason.clone()]);
            }
            text.push_str(&format!("\n{}", unknown.render()));
        }
        Ok(text)
    }

    fn stresses(&self) -> Table {
        let mut table = Table::new(&["", "NOW", "WHAT IF"]);
        let mut row = |name: &str, of: &dyn Fn(&Stress) -> String| {
            let cell = |stress: &Option<Stress>| stress.as_ref().map_or_else(|| "–".to_owned(), of);
            table.row([name.to_owned(), cell(&self.now), cell(&self.what_if)]);
        };
        row("price USD", &|it| it.price.to_string());
        row("liquidatable", &|it| it.liquidatable.to_string());
        row("their debt", &|it| it.debt.clone());
        row("their collateral", &|it| it.collateral.clone());
        row("bad debt", &|it| it.bad_debt.clone());
        row("liquidations repay", &|it| it.to_repay.clone());
        let covered = match &self.lent_by {
            Some(venue) => format!("lent by {venue}"),
            None => format!("of that {} at hand pay", self.inventory),
        };
        row(&covered, &|it| it.covered.clone());
        table
    }

    fn debtors(&self) -> Result<Table> {
        let mut table = Table::new(&["OWNER", "DEBT", "COLLATERAL", "HEALTH", "LIQUIDATABLE BELOW", "AFTER A FALL OF"]);
        for one in &self.least_healthy {
            let short = |health: &String| -> Result<String> {
                let health = amount::parse(health, Price::DECIMALS)?;
                Ok(display(scale(health, Price::DECIMALS, HEALTH_DIGITS, Rounding::Down)?, HEALTH_DIGITS))
            };
            let distance = match &one.distance_percent {
                _ if one.liquidatable => "is liquidatable".to_owned(),
                Some(percent) => format!("{percent} %"),
                None => "–".to_owned(),
            };
            table.row([
                one.owner.clone(),
                one.debt.clone(),
                one.collateral.clone(),
                one.health.as_ref().map(short).transpose()?.unwrap_or_else(|| "–".to_owned()),
                one.liquidation_price.map_or_else(|| "any price".to_owned(), |price| price.to_string()),
                distance,
            ]);
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Result<Change, String> {
        text.parse().map(|it: WhatIf| it.change)
    }

    #[test]
    fn a_supposed_price_is_a_percentage_with_its_sign_or_a_price() {
        for (text, bps) in [("-30%", -3_000), ("+2.5%", 250), ("-0.01%", -1), ("-99.99%", -9_999), ("+1000%", 100_000)]
        {
            assert_eq!(change(&format!("WETH={text}")), Ok(Change::By(bps)), "{text}");
        }
        let price = Price::new(1_500_500_000_000_000_000_000).unwrap();
        assert_eq!(change("WETH=1500.5"), Ok(Change::To(price)));
        for (text, word) in [
            ("WETH", "SYMBOL=CHANGE"),
            ("WETH=30%", "with its sign"),
            ("WETH=-100%", "above -100"),
            ("WETH=-1.005%", "at most two digits"),
            ("WETH=--1%", "with its sign"),
            ("WETH=-%", "with its sign"),
            ("WETH=+99999999999%", "with its sign"),
            ("WETH=0", "above 0"),
            ("WETH=-5", "decimal number"),
            ("=5", ""),
        ] {
            let error = change(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
