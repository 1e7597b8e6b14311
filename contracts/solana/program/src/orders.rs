//! Orders of the attesters. Each is first planned, which changes nothing and tells what is wrong with it, and then carried out. What goes
//! wrong while it is carried out fails the transaction: there is nothing else that would take back what was done.

mod destination;
mod mirror;
mod origin;

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    instruction::{OrderResult, OrderView, Orders, Role, SkipHint},
    limits::{CONFLICT_WORDS, ORDERS},
    protocol::{action, code, kind},
};

use crate::{
    chain,
    codec::{self, Operation},
    ledger::Session,
    settle::Till,
    signatures,
    tokens::{Press, Vault},
};

/// Why an order is not done.
pub(crate) enum Halt {
    /// It changed nothing: the next one is tried.
    Skip(GatewayError),
    /// It may have: the transaction fails.
    Abort(GatewayError),
}

impl From<GatewayError> for Halt {
    #[inline(always)]
    fn from(error: GatewayError) -> Self {
        Self::Skip(error)
    }
}

/// Executes orders. Permissionless; no order fails another.
#[inline(never)]
pub(crate) fn execute(program: &Address, accounts: &[AccountView], orders: Orders<'_>) -> Result<(), GatewayError> {
    let mut s = Session::active(program, accounts)?;
    if s.gateway.retired() != 0 {
        return Err(GatewayError::Retired);
    }
    let mut results = [0; ORDERS * OrderResult::LENGTH];
    let mut count = 0_usize;
    for order in orders {
        let place = results.as_chunks_mut::<{ OrderResult::LENGTH }>().0.get_mut(count);
        let place = place.ok_or(GatewayError::MalformedData)?;
        let mut content = ZERO;
        let done = match order {
            Ok(order) => run(&mut s, &Carried { order, accounts }, &mut content),
            Err(GatewayError::MalformedData) => return Err(GatewayError::MalformedData),
            Err(error) => Err(Halt::Skip(error)),
        };
        match done {
            Ok(()) => {}
            Err(Halt::Abort(error)) => return Err(error),
            Err(Halt::Skip(error)) => {
                let code = code_of(error);
                let [low, high] = error.code().to_le_bytes();
                *place = [code, low, high];
                let index = u8::try_from(count).unwrap_or(u8::MAX);
                let action = order.map_or(0, |order| order.action);
                chain::log(&SkipHint { index, action, code, reason: error.code(), content }.encode());
            }
        }
        count = count.saturating_add(1);
    }
    chain::answer(results.as_flattened_to(count));
    Ok(())
}

trait Results {
    fn as_flattened_to(&self, count: usize) -> &[u8];
}

impl<const N: usize> Results for [u8; N] {
    fn as_flattened_to(&self, count: usize) -> &[u8] {
        self.as_chunks::<{ OrderResult::LENGTH }>().0.get(..count).unwrap_or_default().as_flattened()
    }
}

fn code_of(error: GatewayError) -> u8 {
    match error {
        GatewayError::AlreadyDone => code::ALREADY_DONE,
        GatewayError::WindowFull => code::DELAYED,
        _ => code::REJECTED,
    }
}

/// An order and the accounts of its instruction.
pub(crate) struct Carried<'a> {
    order: OrderView<'a>,
    accounts: &'a [AccountView],
}

impl<'a> Carried<'a> {
    /// The account with a role.
    pub(crate) fn account(&self, role: Role) -> Option<&'a AccountView> {
        self.order.place(role).and_then(|place| self.accounts.get(usize::from(place)))
    }

    /// An account that is needed, and written.
    pub(crate) fn written(&self, role: Role) -> Result<&'a AccountView, GatewayError> {
        let account = self.account(role).ok_or(GatewayError::AccountMissing)?;
        if account.is_writable() { Ok(account) } else { Err(GatewayError::NotWritable) }
    }

    /// The accounts of a settlement.
    #[inline(never)]
    pub(crate) fn till(&self) -> Till<'a> {
        let authority = self.accounts.get(6);
        Till {
            press: Press {
                mint: self.account(Role::SyntheticMint),
                custody: self.account(Role::SyntheticVault),
                authority,
            },
            vault: Vault { account: self.account(Role::CollateralVault), authority },
            position: self.account(Role::Position),
            price: self.account(Role::Price),
            token: self.account(Role::Token),
            claimable: self.account(Role::Claimable),
            collateral_token: self.account(Role::CollateralToken),
            collateral_claimable: self.account(Role::CollateralClaimable),
            treasury_token: self.account(Role::TreasuryToken),
            treasury_claimable: self.account(Role::TreasuryClaimable),
        }
    }
}

/// Does all of an order, or gives the reason. The checks that need no signature come first: an order that somebody else was faster with
/// costs its submitter little.
#[inline(never)]
fn run(s: &mut Session<'_>, carried: &Carried<'_>, content: &mut Word) -> Result<(), Halt> {
    let mut words = [ZERO; CONFLICT_WORDS];
    let count = carried.order.words(&s.gateway.dictionary(), &mut words)?;
    let (order, run) = (&carried.order, words.get(..count).unwrap_or_default());
    *content = codec::content_hash(order.action, run);
    if order.action == action::MIRROR {
        return mirror::run(s, carried, &words, content);
    }
    let operation = Operation::read(&words)?;
    if !(kind::MINT..=kind::TRANSFER).contains(&operation.kind) {
        return Err(Halt::Skip(GatewayError::WrongKind));
    }
    match order.action {
        action::MINT => destination::mint(s, carried, &operation, content),
        action::RELEASE => destination::release(s, carried, &operation, content),
        action::VOID => destination::void(s, carried, &operation, content),
        action::REFUND => origin::refund(s, carried, &operation, content),
        _ => origin::conflict(s, carried, &words, content),
    }
}

/// Checks the signatures over an order.
pub(crate) fn check_signatures(s: &Session<'_>, carried: &Carried<'_>, content: &Word) -> Result<(), GatewayError> {
    let digest = codec::digest(&s.gateway.domain(), carried.order.action, s.gateway.epoch(), content);
    signatures::check(s, &digest, carried.order.signatures)
}
