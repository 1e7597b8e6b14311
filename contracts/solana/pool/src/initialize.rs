//! A new pool, of token accounts that were filled before and are its authority's already.

use pinocchio::{
    AccountView, Address,
    cpi::{Seed, Signer},
};
use pinocchio_token::instructions::MintTo;
use tim3_solana_interface::{
    bytes,
    external::{TOKEN_PROGRAM, mint},
    pool,
};

use crate::{Holding, SwapError};

/// What the pool's own token begins with.
const SUPPLY: u64 = 1_000_000_000;

pub(crate) fn initialize(program: &Address, accounts: &[AccountView], terms: &[u8]) -> Result<(), SwapError> {
    let [swap, authority, token_a, token_b, pool_mint, fee_account, destination, token_program, ..] = accounts else {
        return Err(SwapError::InvalidInstruction);
    };
    if terms.len() < pool::TERMS {
        return Err(SwapError::InvalidInstruction);
    }
    if !swap.owned_by(program) || swap.data_len() != pool::LENGTH {
        return Err(SwapError::InvalidOwner);
    }
    let mut data = swap.try_borrow_mut().map_err(|_| SwapError::InvalidInput)?;
    if data.iter().any(|byte| *byte != 0) {
        return Err(SwapError::AlreadyInUse);
    }
    let (expected, bump) = authority_of(swap.address(), program)?;
    if expected != *authority.address().as_array() {
        return Err(SwapError::InvalidProgramAddress);
    }
    if *token_program.address().as_array() != TOKEN_PROGRAM {
        return Err(SwapError::IncorrectTokenProgramId);
    }
    let (a, b, fees) = (Holding::read(token_a)?, Holding::read(token_b)?, Holding::read(fee_account)?);
    if a.owner != expected || b.owner != expected {
        return Err(SwapError::InvalidOwner);
    }
    if a.mint == b.mint {
        return Err(SwapError::RepeatedMint);
    }
    if a.amount == 0 || b.amount == 0 {
        return Err(SwapError::EmptySupply);
    }
    if fees.mint != *pool_mint.address().as_array() {
        return Err(SwapError::IncorrectPoolMint);
    }
    check_mint(pool_mint, &expected)?;
    check_terms(terms)?;

    bytes::put(&mut data, 0, &[pool::VERSION, 1, bump]);
    for (at, word) in [
        (pool::TOKEN_PROGRAM, &TOKEN_PROGRAM),
        (pool::TOKEN_A, token_a.address().as_array()),
        (pool::TOKEN_B, token_b.address().as_array()),
        (pool::MINT, pool_mint.address().as_array()),
        (pool::MINT_A, &a.mint),
        (pool::MINT_B, &b.mint),
        (pool::FEE_ACCOUNT, fee_account.address().as_array()),
    ] {
        bytes::put(&mut data, at, word);
    }
    bytes::put(&mut data, pool::FEES, terms.get(..pool::TERMS).unwrap_or_default());
    drop(data);
    let bump = [bump];
    let seeds = [Seed::from(swap.address().as_array()), Seed::from(&bump)];
    MintTo { mint: pool_mint, account: destination, mint_authority: authority, amount: SUPPLY }
        .invoke_signed(&[Signer::from(&seeds)])
        .map_err(|_| SwapError::InvalidInput)
}

fn check_mint(account: &AccountView, authority: &[u8; 32]) -> Result<(), SwapError> {
    if account.data_len() != mint::LENGTH || !account.owned_by(&Address::new_from_array(TOKEN_PROGRAM)) {
        return Err(SwapError::ExpectedMint);
    }
    let data = account.try_borrow().map_err(|_| SwapError::InvalidInput)?;
    if u32::from_le_bytes(bytes::array(&data, mint::HAS_AUTHORITY)) != 1
        || bytes::array::<32>(&data, mint::AUTHORITY) != *authority
    {
        return Err(SwapError::InvalidOwner);
    }
    if u64::from_le_bytes(bytes::array(&data, mint::SUPPLY)) != 0 {
        return Err(SwapError::InvalidSupply);
    }
    Ok(())
}

/// A fee for whoever provides liquidity, and none for the pool's owner; the constant product.
fn check_terms(terms: &[u8]) -> Result<(), SwapError> {
    let fee = |at| u64::from_le_bytes(bytes::array(terms, at));
    let [numerator, denominator] = [fee(0), fee(8)];
    let is_none = numerator == 0 && denominator == 0;
    if !(is_none || numerator < denominator) || fee(16) != 0 {
        return Err(SwapError::InvalidFee);
    }
    if bytes::array::<1>(terms, pool::CURVE.saturating_sub(pool::FEES)) != [pool::CONSTANT_PRODUCT] {
        return Err(SwapError::UnsupportedCurveType);
    }
    Ok(())
}

/// The account that owns what is in the pool, and its bump.
fn authority_of(swap: &Address, program: &Address) -> Result<([u8; 32], u8), SwapError> {
    let seeds: [&[u8]; 1] = [swap.as_array()];
    let (mut address, mut bump) = ([0_u8; 32], 255_u8);
    #[cfg(any(target_os = "solana", target_arch = "bpf"))]
    {
        // SAFETY: the call reads the seeds as pairs of address and length, and the program, and writes 32 bytes and one.
        let failed = unsafe {
            pinocchio::syscalls::sol_try_find_program_address(
                seeds.as_ptr().cast(),
                seeds.len() as u64,
                program.as_array().as_ptr(),
                address.as_mut_ptr(),
                &raw mut bump,
            )
        };
        if failed == 0 { Ok((address, bump)) } else { Err(SwapError::InvalidProgramAddress) }
    }
    #[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
    {
        let _ = (seeds, program, &mut address, &mut bump);
        Err(SwapError::InvalidProgramAddress)
    }
}
