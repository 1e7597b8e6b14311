//! Constant-product pools of `spl-token-swap` and its forks: what their accounts say, what they pay, and how one swaps in them. Pure.

use solana_instruction::{AccountMeta, Instruction as Raw};
use solana_pubkey::Pubkey;
use tim3_domain::amm::{Fee, Hop};
use tim3_solana_interface::{bytes, pool as layout};

use crate::{
    address::{token_account, token_program},
    node::Found,
};

/// A pool, as its account has it for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    /// Its account.
    swap: Pubkey,
    /// The program that it belongs to.
    program: Pubkey,
    /// Owner of what it holds.
    authority: Pubkey,
    /// The token accounts that hold it.
    pub(super) vaults: [Pubkey; 2],
    /// Their mints.
    pub(super) mints: [Pubkey; 2],
    mint: Pubkey,
    fee_account: Pubkey,
    /// What stays in the pool, and what is its owner's, as numerators and denominators.
    fees: [[u64; 2]; 2],
}

impl Pool {
    /// The pool in an account, which `program` must own.
    ///
    /// # Errors
    /// In words, what is wrong.
    pub(super) fn read(swap: Pubkey, program: Pubkey, found: Option<&Found>) -> Result<Self, String> {
        let found = found.ok_or_else(|| format!("there is no account {swap}"))?;
        if found.owner != program {
            return Err(format!("{swap} belongs to {}, not to {program}", found.owner));
        }
        let data = found.data.as_slice();
        if data.len() != layout::LENGTH || bytes::array(data, 0) != [layout::VERSION, 1] {
            return Err(format!("{swap} is no pool of version 1 of spl-token-swap"));
        }
        let key = |at| Pubkey::new_from_array(bytes::array(data, at));
        if bytes::array(data, layout::CURVE) != [layout::CONSTANT_PRODUCT] {
            return Err(format!("{swap} has another curve than the constant product"));
        }
        if key(layout::TOKEN_PROGRAM) != token_program() {
            return Err(format!("the tokens of {swap} are not of the classic token program"));
        }
        let bump: [u8; 1] = bytes::array(data, layout::BUMP);
        let authority = Pubkey::create_program_address(&[swap.as_ref(), &bump], &program);
        let authority = authority.map_err(|_| format!("{swap} has no authority"))?;
        let number = |at: usize| u64::from_le_bytes(bytes::array(data, layout::FEES.saturating_add(at)));
        Ok(Self {
            swap,
            program,
            authority,
            vaults: [key(layout::TOKEN_A), key(layout::TOKEN_B)],
            mints: [key(layout::MINT_A), key(layout::MINT_B)],
            mint: key(layout::MINT),
            fee_account: key(layout::FEE_ACCOUNT),
            fees: [[number(0), number(8)], [number(16), number(24)]],
        })
    }

    /// Fails unless what stays in the pool and what its owner takes are together what is configured.
    ///
    /// # Errors
    /// In words, with what the pool takes.
    pub(super) fn check_fee(&self, fee: Fee) -> Result<(), String> {
        let [[kept, of], [owner, whole]] = self.fees.map(|[part, of]| [u128::from(part), u128::from(of.max(1))]);
        let equal = || {
            let taken = kept.checked_mul(whole)?.checked_add(owner.checked_mul(of)?)?;
            let configured = u128::from(fee.of().checked_sub(fee.kept())?);
            Some(taken.checked_mul(fee.of().into())? == configured.checked_mul(of.checked_mul(whole)?)?)
        };
        if equal() == Some(true) {
            return Ok(());
        }
        let owner = if owner == 0 { String::new() } else { format!(" and {owner}/{whole} for its owner") };
        let configured = format!("{}/{}", fee.of().saturating_sub(fee.kept()), fee.of());
        Err(format!("{} takes {kept}/{of}{owner}, and {configured} is configured: correct fee_bps", self.swap))
    }

    /// Which of its tokens goes in where `from` becomes `to`: the first one (0) or the second.
    pub(super) fn side(&self, from: &Pubkey, to: &Pubkey) -> Option<usize> {
        let [one, other] = &self.mints;
        match (from, to) {
            ends if ends == (one, other) => Some(0),
            ends if ends == (other, one) => Some(1),
            _ => None,
        }
    }

    /// What it pays for `amount`, holding so much of what goes in and of what comes out: `SwapCurve::swap` and `constant_product::swap` of the program.
    pub(super) fn output(&self, amount: u64, [held, other]: [u64; 2]) -> Option<u64> {
        let amount = u128::from(amount);
        let fee = |[part, of]: [u64; 2]| {
            if part == 0 || amount == 0 {
                return Some(0);
            }
            Some(amount.checked_mul(part.into())?.checked_div(of.into())?.max(1))
        };
        let [kept, owner] = self.fees;
        let traded = amount.checked_sub(fee(kept)?.checked_add(fee(owner)?)?)?;
        let (held, other) = (u128::from(held), u128::from(other));
        let after = held.checked_add(traded).filter(|after| *after != 0)?;
        // The program refuses what would leave less than one unit.
        let invariant = held.checked_mul(other).filter(|invariant| *invariant >= after)?;
        let left = invariant.div_ceil(after);
        other.checked_sub(left).filter(|paid| *paid != 0).and_then(|paid| u64::try_from(paid).ok())
    }

    /// The least that it must be given, within a unit or two, to pay `output`.
    pub(super) fn input(&self, output: u64, held: [u64; 2], fee: Fee) -> Option<u64> {
        /// Each fee is rounded, and is one unit at least.
        const ROUNDINGS: u64 = 4;
        let [reserve_in, reserve_out] = held.map(u128::from);
        let guess = Hop { reserve_in, reserve_out, fee }.input(output.into())?;
        let guess = u64::try_from(guess).ok()?;
        (0..=ROUNDINGS).find_map(|more| {
            let input = guess.checked_add(more)?;
            (self.output(input, held)? >= output).then_some(input)
        })
    }

    /// Swaps `amount` of the token on `side` for at least `least` of the other one.
    pub(super) fn swap(&self, user: &Pubkey, side: usize, amount: u64, least: u64) -> Raw {
        let turned = |[one, other]: [Pubkey; 2]| if side == 0 { [one, other] } else { [other, one] };
        let ([into, out_of], [from, to]) = (turned(self.vaults), turned(self.mints));
        let data = [&[layout::SWAP][..], &amount.to_le_bytes(), &least.to_le_bytes()].concat();
        Raw {
            program_id: self.program,
            accounts: vec![
                AccountMeta::new_readonly(self.swap, false),
                AccountMeta::new_readonly(self.authority, false),
                AccountMeta::new_readonly(*user, true),
                AccountMeta::new(token_account(user, &from), false),
                AccountMeta::new(into, false),
                AccountMeta::new(out_of, false),
                AccountMeta::new(token_account(user, &to), false),
                AccountMeta::new(self.mint, false),
                AccountMeta::new(self.fee_account, false),
                AccountMeta::new_readonly(token_program(), false),
            ],
            data,
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
