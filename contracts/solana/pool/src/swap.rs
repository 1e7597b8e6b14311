//! One token for the other.

use pinocchio::{
    AccountView, Address,
    cpi::{Seed, Signer},
};
use pinocchio_token::instructions::Transfer;
use tim3_solana_interface::{bytes, pool};

use crate::{
    Holding, SwapError,
    curve::{self, Swapped},
};

pub(crate) fn swap(program: &Address, accounts: &[AccountView], offered: u64, least: u64) -> Result<(), SwapError> {
    let [swap, authority, user, source, into, out_of, destination, pool_mint, fee_account, token_program, ..] =
        accounts
    else {
        return Err(SwapError::InvalidInstruction);
    };
    if !swap.owned_by(program) {
        return Err(SwapError::InvalidOwner);
    }
    let data = swap.try_borrow().map_err(|_| SwapError::InvalidInput)?;
    if data.len() != pool::LENGTH || bytes::array(&data, 0) != [pool::VERSION, 1] {
        return Err(SwapError::InvalidOwner);
    }
    let is = |account: &AccountView, at| *account.address().as_array() == bytes::array::<32>(&data, at);
    if !is(token_program, pool::TOKEN_PROGRAM) {
        return Err(SwapError::IncorrectTokenProgramId);
    }
    let ways = [[pool::TOKEN_A, pool::TOKEN_B], [pool::TOKEN_B, pool::TOKEN_A]];
    if !ways.iter().any(|[held, other]| is(into, *held) && is(out_of, *other)) {
        return Err(SwapError::IncorrectSwapAccount);
    }
    if source.address() == into.address() || destination.address() == out_of.address() {
        return Err(SwapError::InvalidInput);
    }
    if !is(pool_mint, pool::MINT) {
        return Err(SwapError::IncorrectPoolMint);
    }
    if !is(fee_account, pool::FEE_ACCOUNT) {
        return Err(SwapError::IncorrectFeeAccount);
    }
    let fee = |at: usize| u64::from_le_bytes(bytes::array(&data, pool::FEES.saturating_add(at)));
    let (held, other) = (Holding::read(into)?.amount, Holding::read(out_of)?.amount);
    let swapped = curve::swap(offered, held, other, fee(0), fee(8));
    let Swapped { taken, paid } = swapped.ok_or(SwapError::ZeroTradingTokens)?;
    if paid < least {
        return Err(SwapError::ExceededSlippage);
    }
    let bump: [u8; 1] = bytes::array(&data, pool::BUMP);
    drop(data);
    Transfer { from: source, to: into, authority: user, amount: taken }
        .invoke()
        .map_err(|_| SwapError::InvalidInput)?;
    // Whoever is not the authority of this pool cannot sign for it.
    let seeds = [Seed::from(swap.address().as_array()), Seed::from(&bump)];
    Transfer { from: out_of, to: destination, authority, amount: paid }
        .invoke_signed(&[Signer::from(&seeds)])
        .map_err(|_| SwapError::InvalidInput)
}
