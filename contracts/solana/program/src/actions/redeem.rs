//! Redeem at home: the rule of Release, without a fee, and all or nothing.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{GatewayError, ZERO, instruction::RedeemArgs};

use crate::{
    access::{address, given},
    book::MarketRef,
    ledger::Session,
    settle::{Release, Till},
    tokens::{self, Press, Vault},
};

/// Burns the user's synthetic for collateral.
#[inline(never)]
pub(crate) fn redeem(program: &Address, accounts: &[AccountView], args: &RedeemArgs) -> Result<(), GatewayError> {
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        user,
        authority,
        source,
        mint,
        vault,
        collateral_token,
        position,
        price,
        token,
        custody,
        claimable,
    ] = accounts
    else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    if args.amount == 0 {
        return Err(GatewayError::ZeroAmount);
    }
    let market = MarketRef::load(&s, args.market)?;
    let synthetic = market.synthetic(&s)?;
    tokens::burn(&mut s, &synthetic, [source, mint, user], &args.amount)?;

    let till = Till {
        press: Press { mint: Some(mint), custody: given(custody, program), authority: Some(authority) },
        vault: Vault { account: given(vault, program), authority: Some(authority) },
        position: given(position, program),
        price: given(price, program),
        token: given(token, program),
        claimable: given(claimable, program),
        collateral_token: given(collateral_token, program),
        collateral_claimable: None,
        treasury_token: None,
        treasury_claimable: None,
    };
    let id = s.gateway.id();
    let release = Release {
        operation: ZERO,
        peer: &id,
        nonce: 0,
        asset: &synthetic.id,
        owner: &args.owner,
        recipient: &args.recipient,
        amount: args.amount,
        fee: 0,
        actor: address(user),
        wanted: args.wanted,
    };
    let released = release.plan(&s, &market, &till)?;
    if !released.reaches(&s, &market) {
        return Err(GatewayError::InvalidTokenAccount);
    }
    released.apply(&mut s, &release, &market, &till)
}
