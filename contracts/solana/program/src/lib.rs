//! The TIM3 gateway of Solana: `contracts/PROTOCOL.md` as a program. `INTERFACE.md` beside it has the accounts and the reasons.
//!
//! [`rules`] and [`codec`] are pure and tested on any machine. Around them: `access` (what an account must be before it is believed),
//! `ledger` (events and running hash), `tokens` and `delivery`, `book` (positions), `outbox`, `settle` (debt undone), `actions` (what users do), `orders`
//! (what attesters sign) and `governance` (what admin and guardian do). Addresses, layouts and encodings are not here but in
//! `tim3-solana-interface`.
#![no_std]

#[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
extern crate std;

/// The first bytes of the read-only data. Their address is zero on the chain, where an object would be taken for none: a test looks that
/// these are there.
#[used]
static FIRST: [u8; 16] = *b"tim3 gateway/1\0\0";

mod access;
mod actions;
mod bad_debt;
mod book;
pub mod chain;
pub mod codec;
mod delivery;
mod governance;
mod ledger;
mod orders;
mod outbox;
mod pauses;
mod records;
pub mod rules;
mod settle;
mod signatures;
mod tokens;
mod windows;

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{GatewayError, instruction::Instruction};

#[cfg(any(target_os = "solana", target_arch = "bpf"))]
mod entrypoint {
    use core::mem::MaybeUninit;

    use pinocchio::{AccountView, entrypoint::deserialize};

    /// Accounts of one instruction, at most: what a transaction can lock.
    const ACCOUNTS: usize = 128;

    /// The entry. It answers 0, or a custom error whose code is that of a `GatewayError`.
    ///
    /// # Safety
    /// `input` is what the runtime serialized for this instruction.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn entrypoint(input: *mut u8) -> u64 {
        let mut accounts = [const { MaybeUninit::<AccountView>::uninit() }; ACCOUNTS];
        // SAFETY: the input is the runtime's.
        let (program, count, data) = unsafe { deserialize(input, &mut accounts) };
        // SAFETY: the first `count` were written.
        let accounts = unsafe { core::slice::from_raw_parts(accounts.as_ptr().cast::<AccountView>(), count) };
        match super::process(program, accounts, data) {
            Ok(()) => 0,
            Err(error) => error.code().into(),
        }
    }

    pinocchio::no_allocator!();
    pinocchio::nostd_panic_handler!();
}

/// Executes an instruction.
///
/// # Errors
/// Why it was refused.
#[inline(never)]
pub fn process(program: &Address, accounts: &[AccountView], data: &[u8]) -> Result<(), GatewayError> {
    let instruction = Instruction::decode(data)?;
    let spec = instruction.spec();
    if !spec.more && accounts.len() > spec.accounts.len() {
        return Err(GatewayError::InvalidValue);
    }
    access::check(spec.accounts, accounts, program)?;
    match &instruction {
        Instruction::Initialize(args) => governance::initialize(program, accounts, args),
        Instruction::Configure(call) => governance::configure(program, accounts, call),
        Instruction::Activate => governance::activate(program, accounts),
        Instruction::Schedule(call) => governance::schedule(program, accounts, call),
        Instruction::Apply => governance::apply(program, accounts),
        Instruction::Cancel => governance::cancel(program, accounts),
        Instruction::AcceptAdmin => governance::accept_admin(program, accounts),
        Instruction::SetPause(args) => governance::set_pause(program, accounts, args),
        Instruction::Lock(args) => actions::lock(program, accounts, args),
        Instruction::Burn(args) => actions::burn(program, accounts, args),
        Instruction::Repay(args) => actions::repay(program, accounts, args),
        Instruction::Withdraw(args) => actions::withdraw(program, accounts, args),
        Instruction::Redeem(args) => actions::redeem(program, accounts, args),
        Instruction::Liquidate(args) => actions::liquidate(program, accounts, args),
        Instruction::Cover(args) => actions::cover(program, accounts, args),
        Instruction::SetController(args) => actions::set_controller(program, accounts, args),
        Instruction::Claim(args) => actions::claim(program, accounts, args),
        Instruction::ClosePosition => actions::close_position(program, accounts),
        Instruction::Execute(orders) => orders::execute(program, accounts, *orders),
        Instruction::OpenPage => governance::open_page(program, accounts),
    }
}
