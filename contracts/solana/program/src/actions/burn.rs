//! Burn: synthetic to another gateway, or back to its market's home.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, ZERO,
    instruction::BurnArgs,
    protocol::{event, kind, level},
    words::of_u128,
};

use crate::{
    access::{address, given},
    ledger::Session,
    outbox::{Outbox, dispatch},
    pauses,
    tokens::{self, Token},
};

/// Burns the user's synthetic for an operation.
#[inline(never)]
pub(crate) fn burn(program: &Address, accounts: &[AccountView], args: &BurnArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, _, user, source, mint, route, peer, outgoing, next] = accounts else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let redeemed = args.kind == kind::REDEEM;
    pauses::check(&s, args.asset, if redeemed { level::NO_SUPPLY } else { level::NO_RISK })?;
    let fits = match args.kind {
        kind::REDEEM => args.market != ZERO && args.owner != ZERO,
        kind::TRANSFER => args.market == ZERO && args.owner == ZERO && args.wanted == 0,
        _ => false,
    };
    if !fits || args.destination == s.gateway.id() {
        return Err(GatewayError::InvalidIntent);
    }
    let token = Token::load(&s, args.asset)?;
    let mut words = [
        of_u128(args.kind.into()),
        s.gateway.id(),
        args.destination,
        ZERO,
        token.id,
        args.market,
        args.owner,
        *address(user),
        args.refund_to,
        args.recipient,
        of_u128(args.amount),
        ZERO,
        of_u128(args.wanted),
        ZERO,
    ];
    let outbox = Outbox { route, peer, pages: [Some(outgoing), given(next, program)] };
    dispatch(&mut s, &outbox, &mut words, &args.max_fee)?;
    s.append(event::BURNED, &words)?;
    tokens::burn(&mut s, &token, [source, mint, user], &args.amount)
}
