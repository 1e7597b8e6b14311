//! Claim: what could not be delivered, to where its owner says.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, ZERO,
    instruction::ClaimArgs,
    protocol::{event, level},
};

use crate::{
    access::{address, close},
    delivery::{Delivery, Due, Payee, open_claimable, resolve},
    ledger::{Body, Session},
    pauses,
    tokens::{Token, Vault, check_local},
};

/// Pays what waits for the user. Collateral may be claimed unless a synthetic that it backs is frozen; a synthetic only while supply may
/// be handed out.
#[inline(never)]
pub(crate) fn claim(program: &Address, accounts: &[AccountView], args: &ClaimArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, _, user, authority, claimable, vault, recipient, rent_payer] = accounts else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let token = Token::load(&s, args.asset)?;
    if token.synthetic {
        pauses::check(&s, args.asset, level::NO_RISK)?;
    }
    for index in 0..s.gateway.market_count() {
        let market = s.gateway.market(index).ok_or(GatewayError::UnknownMarket)?;
        if market.collateral() == args.asset {
            pauses::check(&s, market.synthetic(), level::NO_SUPPLY)?;
        }
    }
    let wallet = address(user);
    let record = open_claimable(&s, claimable, wallet, &token.id)?;
    if record.payer() != *address(rent_payer) {
        return Err(GatewayError::WrongSubject);
    }
    let amount = record.amount();
    drop(record);
    if amount == 0 {
        return Err(GatewayError::NothingToClaim);
    }
    check_local(&s, &args.to)?;
    let payee = Payee { wallet: &args.to, token: Some(recipient), claimable: None };
    let delivery @ Delivery::Account(_) = resolve(&s, &token, &payee, &amount)? else {
        return Err(GatewayError::InvalidTokenAccount);
    };
    let vault = Vault { account: Some(vault), authority: Some(authority) };
    vault.check(&s, &token, &amount)?;

    let mut asset = s.gateway.asset_mut(args.asset).ok_or(GatewayError::UnknownAsset)?;
    let left = asset.claimable().checked_sub(amount).ok_or(GatewayError::Overflow)?;
    asset.set_claimable(left);
    let mut body = Body::new();
    body.word(wallet).word(&token.id).number(amount).word(&args.to);
    s.append(event::CLAIMED, body.as_slice())?;
    vault.pay(&mut s, &token, &Due { wallet: &args.to, amount, cause: &ZERO, delivery })?;
    close(claimable, rent_payer)
}
