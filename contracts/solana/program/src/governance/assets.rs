//! Registering tokens.

use pinocchio::AccountView;
use pinocchio_token::instructions::InitializeAccount3;
use tim3_solana_interface::{
    GatewayError, ZERO, bytes,
    external::{TOKEN_PROGRAM, mint, token_account},
    limits::{MAX_DECIMALS, SYNTHETIC_DECIMALS},
    protocol::{asset, limits_of},
    seeds,
    words::of_u128,
};

use super::limits::limits_set;
use crate::{
    access::{NewAccount, address, create, succeeded},
    codec,
    ledger::Session,
    tokens::is_token_programs,
};

/// What is registered.
struct New<'a> {
    symbol: &'a [u8; 12],
    kind: u8,
    decimals: u8,
    target: u128,
}

/// A synthetic: a mint without supply, of which the gateway alone is and remains the master.
#[inline(never)]
pub(super) fn add_synthetic(
    s: &mut Session<'_>,
    symbol: &[u8; 12],
    target: &u128,
    accounts: &[AccountView],
) -> Result<(), GatewayError> {
    if *target == 0 {
        return Err(GatewayError::InvalidValue);
    }
    let [account, ..] = accounts else { return Err(GatewayError::AccountMissing) };
    let data = account.try_borrow().map_err(|_| GatewayError::AliasedAccount)?;
    let flag = |at: usize| u32::from_le_bytes(bytes::array(&data, at));
    let mastered = flag(mint::HAS_AUTHORITY) == 1
        && *bytes::word(&data, mint::AUTHORITY) == s.gateway.authority()
        && flag(mint::HAS_FREEZE_AUTHORITY) == 0
        && bytes::array::<8>(&data, mint::SUPPLY) == [0; 8]
        && bytes::array(&data, mint::DECIMALS) == [SYNTHETIC_DECIMALS];
    drop(data);
    if !mastered {
        return Err(GatewayError::InvalidMint);
    }
    add(s, &New { symbol, kind: asset::SYNTHETIC, decimals: SYNTHETIC_DECIMALS, target: *target }, accounts)
}

/// A collateral. A freeze authority is allowed: what cannot be paid to a frozen account is claimable.
#[inline(never)]
pub(super) fn add_collateral(
    s: &mut Session<'_>,
    symbol: &[u8; 12],
    decimals: u8,
    accounts: &[AccountView],
) -> Result<(), GatewayError> {
    add(s, &New { symbol, kind: asset::COLLATERAL, decimals, target: 0 }, accounts)
}

#[inline(never)]
fn add(s: &mut Session<'_>, new: &New<'_>, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let [mint_account, vault, authority, ..] = accounts else { return Err(GatewayError::AccountMissing) };
    let id = codec::asset_id(symbol(new.symbol)?);
    let token = *address(mint_account);
    for index in 0..s.gateway.asset_count() {
        // Two assets over one token would count its balance twice.
        if s.gateway.asset(index).is_some_and(|known| known.id() == id || known.mint() == token) {
            return Err(GatewayError::AlreadyRegistered);
        }
    }
    if mint_account.data_len() != mint::LENGTH || !is_token_programs(mint_account) {
        return Err(GatewayError::InvalidMint);
    }
    let data = mint_account.try_borrow().map_err(|_| GatewayError::AliasedAccount)?;
    let ([native], [initialized]) = (bytes::array(&data, mint::DECIMALS), bytes::array(&data, mint::INITIALIZED));
    drop(data);
    if initialized != 1 {
        return Err(GatewayError::InvalidMint);
    }
    if new.decimals > MAX_DECIMALS || native > MAX_DECIMALS {
        return Err(GatewayError::InvalidValue);
    }
    if *address(authority) != s.gateway.authority() {
        return Err(GatewayError::WrongAddress);
    }
    let owner = &TOKEN_PROGRAM.into();
    let made = NewAccount { account: vault, payer: s.payer, owner, length: token_account::LENGTH };
    create(&made, &seeds::vault(s.address, &id), s.program)?;
    succeeded(InitializeAccount3 { account: vault, mint: mint_account, owner: authority.address() }.invoke())?;

    let index = s.gateway.push_asset().ok_or(GatewayError::TableFull)?;
    let mut record = s.gateway.asset_mut(index).ok_or(GatewayError::TableFull)?;
    record.set_id(id);
    record.set_mint(token);
    record.set_symbol(*new.symbol);
    record.set_kind(new.kind);
    record.set_decimals(new.decimals);
    record.set_native_decimals(native);
    record.set_target(new.target);
    record.set_vault(*address(vault));
    s.gateway.learn(&id);
    let values =
        [of_u128(new.kind.into()), token, of_u128(new.decimals.into()), of_u128(native.into()), of_u128(new.target)];
    limits_set(s, limits_of::ASSET, [&id, &ZERO], &values)
}

/// The letters of a symbol: 1 to 12 of A to Z and 0 to 9, then only zero bytes.
fn symbol(padded: &[u8; 12]) -> Result<&[u8], GatewayError> {
    let length = padded.iter().take_while(|letter| **letter != 0).count();
    let (letters, rest) = padded.split_at_checked(length).ok_or(GatewayError::InvalidValue)?;
    let fits = !letters.is_empty()
        && letters.iter().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        && rest.iter().all(|letter| *letter == 0);
    if fits { Ok(letters) } else { Err(GatewayError::InvalidValue) }
}
