//! Markets, windows and routes.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    external::PriceUpdate,
    instruction::{Call, MarketTerms, Oracle},
    limits::ONE_BPS,
    protocol::{asset, event, limits_of, market, window},
    words::of_u128,
};

use crate::{
    access::{address, given},
    chain, codec,
    ledger::{Body, Session},
    records,
    rules::window::Bucket,
    windows::{self, Direction},
};

/// Says that limits were set: what, of which (subject, peer), and the hash of the values.
#[inline(never)]
pub(super) fn limits_set(
    s: &mut Session<'_>,
    what: u8,
    subject: [&Word; 2],
    values: &[Word],
) -> Result<(), GatewayError> {
    let [subject, peer] = subject;
    let mut body = Body::new();
    body.number(what.into()).word(subject).word(peer).word(&chain::keccak(&[values.as_flattened()]));
    s.append(event::LIMITS_SET, body.as_slice())
}

fn check_kind(s: &Session<'_>, index: u8, kind: u8) -> Result<Word, GatewayError> {
    let record = s.gateway.asset(index).filter(|record| record.kind() == kind);
    record.map(|record| record.id()).ok_or(GatewayError::UnknownAsset)
}

/// Sets a market's terms, and makes it when it is new.
#[inline(never)]
pub(super) fn set_market(s: &mut Session<'_>, call: &Call<'_>, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let Call::SetMarket { synthetic, collateral, kind, terms } = call else { return Err(GatewayError::MalformedData) };
    let synthetic_id = check_kind(s, *synthetic, asset::SYNTHETIC)?;
    let collateral_id = check_kind(s, *collateral, asset::COLLATERAL)?;
    let oracle = terms.oracle.account != ZERO;
    // A ceiling of 0 closes a market; below its dust floor it would only look open.
    let sane = (terms.ceiling == 0 || terms.dust <= terms.ceiling)
        && match *kind {
            market::RESERVE => sane_reserve(terms, oracle),
            market::VAULT => sane_vault(terms, oracle),
            _ => false,
        };
    if !sane {
        return Err(GatewayError::InvalidValue);
    }
    check_oracle(s, &terms.oracle, accounts)?;

    let id = codec::market_id(&s.gateway.id(), &synthetic_id, &collateral_id, *kind);
    let index = match s.gateway.market_index(&id) {
        Some(index) => index,
        None => {
            let index = s.gateway.push_market().ok_or(GatewayError::TableFull)?;
            let mut record = s.gateway.market_mut(index).ok_or(GatewayError::TableFull)?;
            record.set_id(id);
            record.set_synthetic(*synthetic);
            record.set_collateral(*collateral);
            record.set_kind(*kind);
            s.gateway.learn(&id);
            index
        }
    };
    let mut record = s.gateway.market_mut(index).ok_or(GatewayError::UnknownMarket)?;
    record.set_has_oracle(u8::from(oracle));
    record.set_oracle_program(terms.oracle.program);
    record.set_oracle_account(terms.oracle.account);
    record.set_oracle_feed(terms.oracle.feed);
    record.set_max_age(terms.oracle.max_age);
    record.set_max_confidence(terms.oracle.max_confidence);
    record.set_max_ltv(terms.max_ltv);
    record.set_liquidation_threshold(terms.liquidation_threshold);
    record.set_bonus(terms.bonus);
    record.set_close_factor(terms.close_factor);
    record.set_depeg(terms.depeg);
    record.set_ceiling(terms.ceiling);
    record.set_dust(terms.dust);
    announce_market(s, &id, terms, oracle)
}

#[inline(never)]
fn announce_market(s: &mut Session<'_>, id: &Word, terms: &MarketTerms, oracle: bool) -> Result<(), GatewayError> {
    let Oracle { program, account, feed, max_age, max_confidence } = &terms.oracle;
    let age = of_u128((*max_age).into());
    let oracle =
        if oracle { chain::keccak(&[program, account, feed, &age, &of_u128((*max_confidence).into())]) } else { ZERO };
    let values = [
        oracle,
        of_u128(terms.max_ltv.into()),
        of_u128(terms.liquidation_threshold.into()),
        of_u128(terms.bonus.into()),
        of_u128(terms.close_factor.into()),
        of_u128(terms.depeg.into()),
        of_u128(terms.ceiling),
        of_u128(terms.dust),
    ];
    limits_set(s, limits_of::MARKET, [id, &ZERO], &values)
}

/// Max LTV below the threshold, and a threshold that leaves room for the bonus: otherwise liquidation makes bad debt.
fn sane_vault(t: &MarketTerms, oracle: bool) -> bool {
    let one = u64::from(ONE_BPS);
    let with_bonus = u64::from(t.liquidation_threshold).wrapping_mul(one.wrapping_add(t.bonus.into())); // below 2^33
    oracle
        && t.max_ltv != 0
        && t.max_ltv < t.liquidation_threshold
        && with_bonus <= one.wrapping_mul(one)
        && t.close_factor != 0
        && t.close_factor <= ONE_BPS
        && t.depeg == 0
}

fn sane_reserve(t: &MarketTerms, oracle: bool) -> bool {
    let vaults_only = [t.max_ltv, t.liquidation_threshold, t.bonus, t.close_factor] == [0; 4];
    vaults_only && t.depeg < ONE_BPS && (t.depeg == 0 || oracle)
}

/// Refuses an account that is no price of the feed; whether it is valid now does not matter.
#[inline(never)]
fn check_oracle(s: &Session<'_>, oracle: &Oracle, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let Oracle { program, account: expected, feed, max_age, max_confidence } = oracle;
    if *expected == ZERO {
        let empty = *program == ZERO && *feed == ZERO && *max_age == 0 && *max_confidence == 0;
        return if empty { Ok(()) } else { Err(GatewayError::InvalidValue) };
    }
    if *program == ZERO || *max_age == 0 || *max_confidence >= ONE_BPS {
        return Err(GatewayError::InvalidValue);
    }
    let account = accounts.first().and_then(|account| given(account, s.program)).ok_or(GatewayError::AccountMissing)?;
    if address(account) != expected {
        return Err(GatewayError::WrongAddress);
    }
    if !account.owned_by(&(*program).into()) {
        return Err(GatewayError::WrongProgram);
    }
    let data = account.try_borrow().map_err(|_| GatewayError::AliasedAccount)?;
    match PriceUpdate::read(&data) {
        Some(update) if update.feed == *feed => Ok(()),
        _ => Err(GatewayError::PriceUnavailable),
    }
}

/// Sets a window. A new one is full; a changed one keeps what it has, as far as the new limit holds it.
#[inline(never)]
pub(super) fn set_window(s: &mut Session<'_>, call: &Call<'_>) -> Result<(), GatewayError> {
    let Call::SetWindow { asset: index, kind, limit, period } = call else { return Err(GatewayError::MalformedData) };
    let id = check_kind(s, *index, asset::SYNTHETIC)?;
    let direction = match *kind {
        window::MINT => Direction::Mint,
        window::RELEASE => Direction::Release,
        _ => return Err(GatewayError::InvalidValue),
    };
    let full = i128::try_from(*limit).ok().filter(|full| *full != 0 && *period != 0);
    let full = full.ok_or(GatewayError::InvalidValue)?;
    let before = windows::current(s, *index, direction)?;
    let available = if before.period == 0 { full } else { before.available.min(full) };
    let bucket = Bucket { limit: *limit, available, period: *period, updated: s.now };
    windows::store(s, *index, direction, &bucket)?;
    let values = [of_u128((*kind).into()), of_u128(*limit), of_u128((*period).into())];
    limits_set(s, limits_of::WINDOW, [&id, &ZERO], &values)
}

/// Sets a route.
#[inline(never)]
pub(super) fn set_route(s: &mut Session<'_>, call: &Call<'_>, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let Call::SetRoute { asset: index, enabled, evm, fee_bps, peer, min, max, flat_fee } = call else {
        return Err(GatewayError::MalformedData);
    };
    let [route, peer_account, ..] = accounts else { return Err(GatewayError::AccountMissing) };
    let id = check_kind(s, *index, asset::SYNTHETIC)?;
    if *peer == ZERO || *peer == s.gateway.id() {
        return Err(GatewayError::WrongGateway);
    }
    if *min == 0 || min > max || *fee_bps >= ONE_BPS || *enabled > 1 || *evm > 1 {
        return Err(GatewayError::InvalidValue);
    }
    let mut record = records::ensure_route(s, route, &id, peer)?;
    record.set_enabled(*enabled);
    record.set_evm(*evm);
    record.set_fee_bps(*fee_bps);
    record.set_min(*min);
    record.set_max(*max);
    record.set_flat_fee(*flat_fee);
    drop(record);
    drop(records::ensure_peer(s, peer_account, peer)?);
    s.gateway.learn(peer);
    let values = [
        of_u128((*enabled).into()),
        of_u128(*min),
        of_u128(*max),
        of_u128(*flat_fee),
        of_u128((*fee_bps).into()),
        of_u128((*evm).into()),
    ];
    limits_set(s, limits_of::ROUTE, [&id, peer], &values)
}
