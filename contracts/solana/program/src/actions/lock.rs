//! Lock: collateral in, debt drawn.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    instruction::LockArgs,
    limits::{ONE_BPS, OPERATION_WORDS, SYNTHETIC_DECIMALS},
    protocol::{event, kind, level},
    words::of_u128,
};

use crate::{
    access::{address, given, needed},
    book::{self, Kept, MarketRef},
    delivery::{Delivery, Due, Payee, resolve},
    ledger::{Body, Session},
    outbox::{Outbox, dispatch},
    pauses,
    rules::{
        amounts::{power, scale},
        health::Balances,
        wide::Wide,
    },
    tokens::{Press, Token, check_local, pull},
};

/// Brings collateral into a market and draws debt.
#[inline(never)]
pub(crate) fn lock(program: &Address, accounts: &[AccountView], args: &LockArgs) -> Result<(), GatewayError> {
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        user,
        source,
        vault,
        position,
        price,
        authority,
        mint,
        recipient_token,
        route,
        peer,
        outgoing,
        next,
    ] = accounts
    else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let market = MarketRef::load(&s, args.market)?;
    pauses::check(&s, market.synthetic, level::NORMAL)?;
    if args.collateral == 0 && args.debt == 0 {
        return Err(GatewayError::ZeroAmount);
    }
    let mut brought = 0;
    let source = [given(source, program), given(vault, program), Some(user)];
    pull(&market.collateral(&s)?, source, args.collateral, &mut brought)?;

    let actor = address(user);
    let owner = if market.vault { actor } else { &market.id };
    let kept = book::position(&s, &market, owner, given(position, program))?;
    let after = Balances {
        collateral: kept.balances.collateral.checked_add(brought).ok_or(GatewayError::Overflow)?,
        debt: kept.balances.debt.checked_add(args.debt).ok_or(GatewayError::Overflow)?,
    };
    if args.debt != 0 {
        let draw = Draw { kept: &kept, after: &after, brought: &brought, drawn: &args.debt };
        draw.check(&s, given(price, program))?;
    }
    book::save(&mut s, &kept, &after)?;

    let mut body = Body::new();
    body.word(&market.id).word(owner).number(after.collateral).number(after.debt).word(actor).number(brought);
    if args.debt == 0 {
        body.number(0).number(0);
        return s.append(event::LOCKED, body.as_slice());
    }
    if args.destination == s.gateway.id() {
        let token = market.synthetic(&s)?;
        check_local(&s, &args.recipient)?;
        let payee = Payee { wallet: &args.recipient, token: given(recipient_token, program), claimable: None };
        let delivery @ Delivery::Account(_) = resolve(&s, &token, &payee, &args.debt)? else {
            return Err(GatewayError::InvalidTokenAccount);
        };
        let press = Press { mint: given(mint, program), custody: None, authority: given(authority, program) };
        press.check(&s, &token, false, &args.debt)?;
        body.number(args.debt).word(&args.recipient);
        s.append(event::LOCKED, body.as_slice())?;
        return press.mint(&mut s, &token, &Due { wallet: &args.recipient, amount: args.debt, cause: &ZERO, delivery });
    }
    let outbox = Outbox {
        route: needed(route, program)?,
        peer: needed(peer, program)?,
        pages: [given(outgoing, program), given(next, program)],
    };
    let mut words = operation(&s, &market, args, &brought)?;
    for (index, word) in [(6, owner), (7, actor)] {
        if let Some(place) = words.get_mut(index) {
            *place = *word;
        }
    }
    dispatch(&mut s, &outbox, &mut words, &args.max_fee)?;
    body.number(0).number(0).words(&words);
    s.append(event::LOCKED, body.as_slice())
}

/// The operation's words, but for owner, actor, nonce, fee and time.
fn operation(
    s: &Session<'_>,
    market: &MarketRef,
    args: &LockArgs,
    brought: &u128,
) -> Result<[Word; OPERATION_WORDS], GatewayError> {
    Ok([
        of_u128(kind::MINT.into()),
        s.gateway.id(),
        args.destination,
        ZERO,
        Token::load(s, market.synthetic)?.id,
        market.id,
        ZERO,
        ZERO,
        args.refund_to,
        args.recipient,
        of_u128(args.debt),
        ZERO,
        of_u128(*brought),
        ZERO,
    ])
}

/// A draw of debt.
struct Draw<'a> {
    kept: &'a Kept<'a>,
    after: &'a Balances,
    brought: &'a u128,
    drawn: &'a u128,
}

impl Draw<'_> {
    /// What it needs: room under the ceiling; in a reserve market as much collateral as debt, at par; in a vault market LTV within the
    /// maximum at the lower price, and no dust.
    #[inline(never)]
    fn check(&self, s: &Session<'_>, price: Option<&AccountView>) -> Result<(), GatewayError> {
        let market = &self.kept.market;
        let terms = s.gateway.market(market.index).ok_or(GatewayError::UnknownMarket)?;
        // In a reserve market the one position is the total.
        let total = terms.total_debt().checked_add(*self.drawn).ok_or(GatewayError::Overflow)?;
        if total > terms.ceiling() {
            return Err(GatewayError::CeilingExceeded);
        }
        if self.after.debt < terms.dust() {
            return Err(GatewayError::BelowDust);
        }
        if market.vault {
            let lower = book::valid_prices(s, market, price)?.lower;
            let scales = book::scales(s, market, &lower)?;
            let covered = scales.covers(self.after, terms.max_ltv().into(), ONE_BPS.into());
            return if covered { Ok(()) } else { Err(GatewayError::Undercollateralized) };
        }
        // What this lock brings must carry what it draws: the surplus of a reserve is nobody's to draw against.
        let decimals = market.collateral(s)?.precision.decimals;
        if scale(*self.drawn, SYNTHETIC_DECIMALS, decimals) > *self.brought
            || scale(*self.brought, decimals, SYNTHETIC_DECIMALS) < *self.drawn
        {
            return Err(GatewayError::Undercollateralized);
        }
        if terms.has_oracle() == 0 {
            return Ok(());
        }
        let lower = book::valid_prices(s, market, price)?.lower;
        let target = s.gateway.asset(market.synthetic).ok_or(GatewayError::UnknownAsset)?.target();
        let least = Wide::of(target).times(&u128::from(ONE_BPS.saturating_sub(terms.depeg())));
        if Wide::of(lower).times(&power(4)) < least { Err(GatewayError::Depegged) } else { Ok(()) }
    }
}
