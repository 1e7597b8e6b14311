//! Liquidation: permissionless, in one transaction that checks the price itself.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, ZERO,
    instruction::LiquidateArgs,
    protocol::{event, level},
};

use crate::{
    access::{address, given},
    bad_debt,
    book::{self, MarketRef},
    delivery::{Delivery, Due, Payee, resolve},
    ledger::{Body, Session},
    rules::{
        health::Balances,
        liquidation::{LiquidationTerms, liquidation},
    },
    tokens::{self, Vault},
};

/// Repays debt of an unhealthy position and takes its collateral plus a bonus.
#[inline(never)]
pub(crate) fn liquidate(program: &Address, accounts: &[AccountView], args: &LiquidateArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, _, user, authority, source, mint, vault, receiver, position, price, bad] = accounts else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let market = MarketRef::vault(&s, args.market, Some(level::NO_SUPPLY))?;
    let (synthetic, collateral) = (market.synthetic(&s)?, market.collateral(&s)?);
    let kept = book::position(&s, &market, &args.owner, Some(position))?;
    if kept.balances.debt == 0 {
        return Err(GatewayError::NoDebt);
    }
    let higher = book::valid_prices(&s, &market, Some(price))?.higher;
    let record = s.gateway.market(market.index).ok_or(GatewayError::UnknownMarket)?;
    let terms = LiquidationTerms {
        threshold: record.liquidation_threshold(),
        bonus: record.bonus(),
        close_factor: record.close_factor(),
        dust: record.dust(),
    };
    let mut taken = liquidation(&kept.balances, &terms, &book::scales(&s, &market, &higher)?, &args.max_repay)?;
    // Of a whole position all is debited, though native precision may keep a remainder from the liquidator.
    if !taken.whole {
        taken.seized = collateral.precision.payable(taken.seized);
    }
    if taken.seized < args.min_seized {
        return Err(GatewayError::SeizedTooLittle);
    }
    let left = |before: u128, less: u128| before.checked_sub(less).ok_or(GatewayError::Overflow);
    let after = Balances {
        collateral: left(kept.balances.collateral, taken.seized)?,
        debt: left(left(kept.balances.debt, taken.repaid)?, taken.bad)?,
    };
    let payee = Payee { wallet: address(user), token: Some(receiver), claimable: None };
    let delivery = match resolve(&s, &collateral, &payee, &taken.seized)? {
        Delivery::Claim(_) => return Err(GatewayError::InvalidTokenAccount),
        delivery => delivery,
    };
    let vault = Vault { account: Some(vault), authority: Some(authority) };
    vault.check(&s, &collateral, &taken.seized)?;

    book::save(&mut s, &kept, &after)?;
    if taken.bad != 0 {
        let bad = given(bad, program);
        bad_debt::check(&s, bad, &market.id, &synthetic.id)?;
        bad_debt::add(&mut s, bad.ok_or(GatewayError::AccountMissing)?, &market.id, &synthetic, &taken.bad)?;
    }
    let mut body = Body::new();
    body.word(&market.id).word(&args.owner).number(after.collateral).number(after.debt);
    body.word(address(user)).number(taken.repaid).number(taken.seized).number(taken.bad);
    s.append(event::LIQUIDATED, body.as_slice())?;
    tokens::burn(&mut s, &synthetic, [source, mint, user], &taken.repaid)?;
    let due = Due { wallet: address(user), amount: taken.seized, cause: &ZERO, delivery };
    vault.pay(&mut s, &collateral, &due)
}
