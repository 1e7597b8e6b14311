//! What an account must be before it is believed.

use pinocchio::{
    AccountView, Address, ProgramResult,
    account::RefMut,
    cpi::{Seed, Signer},
};
use pinocchio_system::instructions::{Allocate, Assign, CreateAccount, Transfer};
use tim3_solana_interface::{
    GatewayError, Word, accounts::Gateway, external::SYSTEM_PROGRAM, instruction::AccountSpec, seeds,
};

use crate::chain;

/// The bytes of an account, borrowed: the same account in another place cannot be borrowed meanwhile.
pub(crate) struct Data<'a>(RefMut<'a, [u8]>);

impl AsRef<[u8]> for Data<'_> {
    #[inline(always)]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Data<'_> {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// The address of an account as a word.
#[inline(always)]
pub(crate) fn address(account: &AccountView) -> &Word {
    account.address().as_array()
}

/// Checks accounts against their descriptions: there are as many, those that have to sign do, those that have to be writable are, and
/// those that can have only one address have it.
#[inline(never)]
pub(crate) fn check(specs: &[AccountSpec], accounts: &[AccountView], program: &Address) -> Result<(), GatewayError> {
    if accounts.len() < specs.len() {
        return Err(GatewayError::AccountMissing);
    }
    for (spec, account) in specs.iter().zip(accounts) {
        if spec.optional && account.address() == program {
            continue;
        }
        if spec.signer && !account.is_signer() {
            return Err(GatewayError::NotSigner);
        }
        if spec.writable && !account.is_writable() {
            return Err(GatewayError::NotWritable);
        }
        if spec.address.is_some_and(|expected| address(account) != expected) {
            return Err(GatewayError::WrongAddress);
        }
    }
    Ok(())
}

/// An optional account, unless the program stands in its place.
#[inline(always)]
pub(crate) fn given<'a>(account: &'a AccountView, program: &Address) -> Option<&'a AccountView> {
    if account.address() == program { None } else { Some(account) }
}

/// An optional account that is needed.
#[inline(always)]
pub(crate) fn needed<'a>(account: &'a AccountView, program: &Address) -> Result<&'a AccountView, GatewayError> {
    given(account, program).ok_or(GatewayError::AccountMissing)
}

/// The bytes of an account of this program.
#[inline(always)]
pub(crate) fn open<'a>(account: &'a AccountView, program: &Address) -> Result<Data<'a>, GatewayError> {
    if !account.owned_by(program) {
        return Err(GatewayError::WrongProgram);
    }
    account.try_borrow_mut().map(Data).map_err(|_| GatewayError::AliasedAccount)
}

/// Whether nobody has made the account yet. Lamports that somebody sent ahead do not matter.
#[inline(always)]
pub(crate) fn absent(account: &AccountView) -> bool {
    account.is_data_empty() && account.owned_by(&Address::new_from_array(SYSTEM_PROGRAM))
}

/// Checks that an account is the one of `seeds`, and gives its bump.
#[inline(always)]
pub(crate) fn derived(account: &AccountView, seeds: &[&[u8]], program: &Address) -> Result<u8, GatewayError> {
    let (expected, bump) = chain::derive(seeds, program.as_array())?;
    if expected == *address(account) { Ok(bump) } else { Err(GatewayError::WrongAddress) }
}

/// Checks that an account of this program is the one of `seeds` (at most four), by the bump that it keeps since it was made.
#[inline(never)]
pub(crate) fn proven(account: &AccountView, seeds: &[&[u8]], bump: u8, program: &Address) -> Result<(), GatewayError> {
    let expected = chain::derived_with(seeds, bump, program.as_array());
    if expected == *address(account) { Ok(()) } else { Err(GatewayError::WrongAddress) }
}

/// The gateway, provided that it is this account.
#[inline(never)]
pub(crate) fn open_gateway<'a>(account: &'a AccountView, program: &Address) -> Result<Gateway<Data<'a>>, GatewayError> {
    let gateway = Gateway::new(open(account, program)?)?;
    proven(account, &seeds::gateway(&gateway.salt()), gateway.bump(), program)?;
    Ok(gateway)
}

/// What is to be made.
pub(crate) struct NewAccount<'a> {
    /// The account; it must be absent.
    pub account: &'a AccountView,
    /// Who pays its rent.
    pub payer: &'a AccountView,
    /// Who will own it.
    pub owner: &'a Address,
    /// Bytes of it.
    pub length: usize,
}

/// Makes an account at the canonical address of `seeds` (at most four), zeroed, and gives its bump.
#[inline(never)]
pub(crate) fn create(new: &NewAccount<'_>, seeds: &[&[u8]], program: &Address) -> Result<u8, GatewayError> {
    let NewAccount { account, payer, owner, length } = *new;
    let bump = derived(account, seeds, program)?;
    if !absent(account) {
        return Err(GatewayError::AlreadyRegistered);
    }
    if !account.is_writable() {
        return Err(GatewayError::NotWritable);
    }
    let last = [bump];
    let mut signing = [(); 5].map(|()| Seed::from(&[]));
    for (place, seed) in signing.iter_mut().zip(seeds.iter().copied().chain([&last[..]])) {
        *place = Seed::from(seed);
    }
    let signing = signing.get(..seeds.len().saturating_add(1)).ok_or(GatewayError::WrongAddress)?;
    let signer = [Signer::from(signing)];

    let lamports = chain::rent(length)?;
    let space = length as u64;
    if account.lamports() == 0 {
        succeeded(CreateAccount { from: payer, to: account, lamports, space, owner }.invoke_signed(&signer))?;
        return Ok(bump);
    }
    // Somebody sent lamports ahead, which must not keep the account from being made.
    if let Some(missing) = lamports.checked_sub(account.lamports()).filter(|missing| *missing != 0) {
        succeeded(Transfer { from: payer, to: account, lamports: missing }.invoke())?;
    }
    succeeded(Allocate { account, space }.invoke_signed(&signer))?;
    succeeded(Assign { account, owner }.invoke_signed(&signer))?;
    Ok(bump)
}

/// A call of another program that fails ends the transaction; what comes back as an error is a borrow of ours that is still open.
#[inline(always)]
pub(crate) fn succeeded(result: ProgramResult) -> Result<(), GatewayError> {
    result.map_err(|_| GatewayError::AliasedAccount)
}

/// Closes an account of this program. Its lamports go to `receiver`.
#[inline(never)]
pub(crate) fn close(account: &AccountView, receiver: &AccountView) -> Result<(), GatewayError> {
    if account.address() == receiver.address() {
        return Err(GatewayError::AliasedAccount);
    }
    let lamports = receiver.lamports().checked_add(account.lamports()).ok_or(GatewayError::Overflow)?;
    receiver.set_lamports(lamports);
    account.set_lamports(0);
    account.close().map_err(|_| GatewayError::AliasedAccount)
}
