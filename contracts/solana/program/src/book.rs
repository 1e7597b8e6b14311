//! The markets and positions at home.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word, accounts::Position, external::PriceUpdate, limits::SYNTHETIC_DECIMALS, protocol::market, seeds,
};

use crate::{
    access::{Data, NewAccount, absent, address, create, derived, open, proven},
    ledger::Session,
    pauses,
    rules::{
        health::{Balances, Scales},
        price::{PriceTerms, Quote, quote},
    },
    tokens::Token,
};

/// A market, as far as every action needs it.
#[derive(Clone, Copy)]
pub(crate) struct MarketRef {
    /// Its number.
    pub index: u8,
    /// MarketId.
    pub id: Word,
    /// Number of the synthetic.
    pub synthetic: u8,
    /// Number of the collateral.
    pub collateral: u8,
    /// Whether it is a vault market.
    pub vault: bool,
}

impl MarketRef {
    /// The market with a number.
    pub(crate) fn load(s: &Session<'_>, index: u8) -> Result<Self, GatewayError> {
        let market = s.gateway.market(index).ok_or(GatewayError::UnknownMarket)?;
        Ok(Self {
            index,
            id: market.id(),
            synthetic: market.synthetic(),
            collateral: market.collateral(),
            vault: market.kind() == market::VAULT,
        })
    }

    /// The market with an id.
    pub(crate) fn find(s: &Session<'_>, id: &Word) -> Result<Self, GatewayError> {
        Self::load(s, s.gateway.market_index(id).ok_or(GatewayError::UnknownMarket)?)
    }

    /// The same, provided that it is a vault market whose synthetic's level is not above `highest`.
    pub(crate) fn vault(s: &Session<'_>, index: u8, highest: Option<u8>) -> Result<Self, GatewayError> {
        let market = Self::load(s, index)?;
        if !market.vault {
            return Err(GatewayError::WrongMarketKind);
        }
        if let Some(highest) = highest {
            pauses::check(s, market.synthetic, highest)?;
        }
        Ok(market)
    }

    pub(crate) fn synthetic(&self, s: &Session<'_>) -> Result<Token, GatewayError> {
        Token::load(s, self.synthetic)
    }

    pub(crate) fn collateral(&self, s: &Session<'_>) -> Result<Token, GatewayError> {
        Token::load(s, self.collateral)
    }
}

/// A position and where it is kept.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// Its market.
    pub market: MarketRef,
    /// Its owner; in a reserve market the market itself.
    pub owner: &'a Word,
    /// What it holds.
    pub balances: Balances,
    /// Its account, in a vault market.
    pub account: Option<&'a AccountView>,
}

/// A position. One whose account nobody has made holds nothing.
#[inline(never)]
pub(crate) fn position<'a>(
    s: &Session<'_>,
    market: &MarketRef,
    owner: &'a Word,
    account: Option<&'a AccountView>,
) -> Result<Kept<'a>, GatewayError> {
    let mut kept = Kept { market: *market, owner, balances: Balances::default(), account: None };
    if !market.vault {
        if *owner != market.id {
            return Err(GatewayError::WrongOwner);
        }
        let record = s.gateway.market(market.index).ok_or(GatewayError::UnknownMarket)?;
        kept.balances = Balances { collateral: record.total_collateral(), debt: record.total_debt() };
        return Ok(kept);
    }
    let account = account.ok_or(GatewayError::AccountMissing)?;
    if !account.is_writable() {
        return Err(GatewayError::NotWritable);
    }
    kept.account = Some(account);
    if absent(account) {
        derived(account, &seeds::position(s.address, &market.id, owner), s.program)?;
    } else {
        let record = open_position(s, account, &market.id, owner)?;
        kept.balances = Balances { collateral: record.collateral(), debt: record.debt() };
    }
    Ok(kept)
}

/// A position's record, provided that it is this account.
pub(crate) fn open_position<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    market: &Word,
    owner: &Word,
) -> Result<Position<Data<'a>>, GatewayError> {
    let record = Position::new(open(account, s.program)?)?;
    if record.gateway() != *s.address || record.market() != *market || record.owner() != *owner {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::position(s.address, market, owner), record.bump(), s.program)?;
    Ok(record)
}

/// The record of a position, made where nobody has done it.
#[inline(never)]
pub(crate) fn ensure_position<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    market: &Word,
    owner: &Word,
) -> Result<Position<Data<'a>>, GatewayError> {
    if !absent(account) {
        return open_position(s, account, market, owner);
    }
    let new = NewAccount { account, payer: s.payer, owner: s.program, length: Position::LENGTH };
    let bump = create(&new, &seeds::position(s.address, market, owner), s.program)?;
    let mut record = Position::create(open(account, s.program)?)?;
    record.set_gateway(*s.address);
    record.set_market(*market);
    record.set_owner(*owner);
    record.set_bump(bump);
    record.set_payer(*address(s.payer));
    Ok(record)
}

/// Writes a position; its version is the event that the caller appends next.
#[inline(never)]
pub(crate) fn save(s: &mut Session<'_>, kept: &Kept<'_>, after: &Balances) -> Result<(), GatewayError> {
    let (before, version) = (kept.balances, s.next());
    let exchange = |total: u128, before: u128, after: u128| {
        total.checked_sub(before).and_then(|rest| rest.checked_add(after)).ok_or(GatewayError::Overflow)
    };
    let mut asset = s.gateway.asset_mut(kept.market.synthetic).ok_or(GatewayError::UnknownAsset)?;
    let debt = exchange(asset.debt(), before.debt, after.debt)?;
    asset.set_debt(debt);
    let mut market = s.gateway.market_mut(kept.market.index).ok_or(GatewayError::UnknownMarket)?;
    let collateral = exchange(market.total_collateral(), before.collateral, after.collateral)?;
    let debt = exchange(market.total_debt(), before.debt, after.debt)?;
    market.set_total_collateral(collateral);
    market.set_total_debt(debt);
    if !kept.market.vault {
        market.set_version(version);
        return Ok(());
    }
    let account = kept.account.ok_or(GatewayError::AccountMissing)?;
    if absent(account) && *after == Balances::default() {
        return Ok(()); // what was never there needs no account to say so
    }
    let mut record = ensure_position(s, account, &kept.market.id, kept.owner)?;
    record.set_collateral(after.collateral);
    record.set_debt(after.debt);
    record.set_version(version);
    Ok(())
}

// --------------------------------------------------------------------------------------------------------------------------- prices

/// Both prices of a market's collateral.
///
/// The outer error is that of whoever gave the account: it is not the market's. The inner one says why there is no valid price.
#[inline(never)]
pub(crate) fn prices(
    s: &Session<'_>,
    market: &MarketRef,
    account: Option<&AccountView>,
    out: &mut Quote,
) -> Result<Result<(), GatewayError>, GatewayError> {
    let record = s.gateway.market(market.index).ok_or(GatewayError::UnknownMarket)?;
    let account = account.ok_or(GatewayError::AccountMissing)?;
    if record.has_oracle() == 0 || *address(account) != record.oracle_account() {
        return Err(GatewayError::WrongAddress);
    }
    if !account.owned_by(&record.oracle_program().into()) {
        return Ok(Err(GatewayError::PriceUnavailable));
    }
    let Some(update) = account.try_borrow().ok().and_then(|data| PriceUpdate::read(&data)) else {
        return Ok(Err(GatewayError::PriceUnavailable));
    };
    let terms =
        PriceTerms { feed: record.oracle_feed(), max_age: record.max_age(), max_confidence: record.max_confidence() };
    Ok(quote(&update, &terms, s.now, out))
}

/// Both prices, valid, or an error.
pub(crate) fn valid_prices(
    s: &Session<'_>,
    market: &MarketRef,
    account: Option<&AccountView>,
) -> Result<Quote, GatewayError> {
    let mut both = Quote::default();
    prices(s, market, account, &mut both)??;
    Ok(both)
}

/// What turns amounts of a market into values, at a price.
pub(crate) fn scales(s: &Session<'_>, market: &MarketRef, price: &u128) -> Result<Scales, GatewayError> {
    let synthetic = s.gateway.asset(market.synthetic).ok_or(GatewayError::UnknownAsset)?;
    let collateral = s.gateway.asset(market.collateral).ok_or(GatewayError::UnknownAsset)?;
    debug_assert_eq!(synthetic.decimals(), SYNTHETIC_DECIMALS);
    Ok(Scales { price: *price, target: synthetic.target(), decimals: collateral.decimals() })
}
