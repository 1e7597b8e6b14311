//! A constant-product pool for tests and local chains. It stands in for `spl-token-swap` 3.0.0, the program that Orca's and Step's pools descend
//! from: its accounts, its instructions `Initialize` and `Swap`, its error codes and its arithmetic are those of that program, to the byte and to the
//! last unit, and so an adapter that trades with one trades with the other.
//!
//! The published program itself cannot be had here. No package has it built, and its source does not compile with the toolchain that makes these
//! programs (`../build.sh`): it needs `std`, which the BPF target of plain LLVM has not (it has no compare-and-swap, hence no `Arc`, which the program
//! itself uses, too), it multiplies and divides integers of 128 bits, for which that target has no functions, and it passes more words than fit in
//! registers, also through tables of functions that cannot be inlined away. `cargo build-sbf` brings an LLVM of its own that knows all that.
//!
//! What is missing: deposits and withdrawals, other curves, and fees for the pool's owner, all refused with the codes that the original has for what
//! it does not support. Nothing real is ever deployed with it.
#![no_std]

#[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
extern crate std;

pub mod curve;
mod initialize;
mod swap;

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{bytes, pool};

/// The first bytes of the read-only data. Their address is zero on the chain, where an object would be taken for none: a test looks that
/// these are there.
#[used]
static FIRST: [u8; 16] = *b"tim3 pool/1\0\0\0\0\0";

#[cfg(any(target_os = "solana", target_arch = "bpf"))]
mod entrypoint {
    use core::mem::MaybeUninit;

    use pinocchio::{AccountView, entrypoint::deserialize};

    /// Accounts of one instruction, at most: a swap has ten, and one more where it is hosted.
    const ACCOUNTS: usize = 16;

    /// The entry. It answers 0, or what the runtime takes for the error.
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
            Err(error) => error.code(),
        }
    }

    pinocchio::no_allocator!();
    pinocchio::nostd_panic_handler!();
}

/// What is refused, with the codes of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SwapError {
    /// The pool is there already.
    AlreadyInUse = 0,
    /// An account is not the pool's authority.
    InvalidProgramAddress = 1,
    /// A token account is not the authority's.
    InvalidOwner = 2,
    /// An account is no mint.
    ExpectedMint = 4,
    /// An account is no token account.
    ExpectedAccount = 5,
    /// A pool would begin empty.
    EmptySupply = 6,
    /// The pool's own token was minted before.
    InvalidSupply = 7,
    /// What goes in is what comes out, or comes from the pool itself.
    InvalidInput = 9,
    /// An account is none of the pool's two.
    IncorrectSwapAccount = 10,
    /// Another mint than the pool's own.
    IncorrectPoolMint = 11,
    /// No such instruction here.
    InvalidInstruction = 14,
    /// Both tokens are the same.
    RepeatedMint = 15,
    /// Less would come out than was asked for.
    ExceededSlippage = 16,
    /// Another account for fees than the pool's.
    IncorrectFeeAccount = 19,
    /// Nothing would come out.
    ZeroTradingTokens = 20,
    /// No fee that is supported.
    InvalidFee = 23,
    /// Another token program.
    IncorrectTokenProgramId = 24,
    /// Another curve than the constant product.
    UnsupportedCurveType = 25,
}

impl SwapError {
    /// It as the runtime takes it, for which 0 is success.
    #[must_use]
    pub fn code(self) -> u64 {
        /// Stands for the custom error 0.
        const ZERO: u64 = 1 << 32;
        if matches!(self, Self::AlreadyInUse) { ZERO } else { u64::from(self as u32) }
    }
}

/// Executes an instruction.
///
/// # Errors
/// Why it was refused.
#[inline(never)]
pub fn process(program: &Address, accounts: &[AccountView], data: &[u8]) -> Result<(), SwapError> {
    match data.split_first() {
        Some((&pool::INITIALIZE, terms)) => initialize::initialize(program, accounts, terms),
        Some((&pool::SWAP, amounts)) if amounts.len() >= 16 => {
            let amount = |at| u64::from_le_bytes(bytes::array(amounts, at));
            swap::swap(program, accounts, amount(0), amount(8))
        }
        _ => Err(SwapError::InvalidInstruction),
    }
}

/// A token account: mint, owner, amount.
pub(crate) struct Holding {
    mint: [u8; 32],
    owner: [u8; 32],
    amount: u64,
}

impl Holding {
    pub(crate) fn read(account: &AccountView) -> Result<Self, SwapError> {
        use tim3_solana_interface::external::{TOKEN_PROGRAM, token_account as token};
        if account.data_len() != token::LENGTH || !account.owned_by(&Address::new_from_array(TOKEN_PROGRAM)) {
            return Err(SwapError::ExpectedAccount);
        }
        let data = account.try_borrow().map_err(|_| SwapError::ExpectedAccount)?;
        Ok(Self {
            mint: bytes::array(&data, token::MINT),
            owner: bytes::array(&data, token::OWNER),
            amount: u64::from_le_bytes(bytes::array(&data, token::AMOUNT)),
        })
    }
}
