//! How an amount reaches its payee: to the canonical token account of its wallet, or, where that proves impossible, to be claimed.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word, accounts::Claimable, external::ASSOCIATED_TOKEN_PROGRAM, protocol::event, seeds,
};

use crate::{
    access::{Data, NewAccount, absent, address, create, derived, open, proven},
    chain,
    ledger::{Body, Session},
    tokens::{Holding, Token},
};

/// Who is paid, and with which accounts.
#[derive(Clone, Copy)]
pub(crate) struct Payee<'a, 'w> {
    /// The wallet.
    pub wallet: &'w Word,
    /// Its canonical token account.
    pub token: Option<&'a AccountView>,
    /// What waits for it.
    pub claimable: Option<&'a AccountView>,
}

/// How an amount reaches its payee.
#[derive(Clone, Copy)]
pub(crate) enum Delivery<'a> {
    /// There is nothing to pay.
    Nothing,
    /// To its canonical token account.
    Account(&'a AccountView),
    /// It has to claim it: its canonical token account is absent, frozen, or no longer its own.
    Claim(&'a AccountView),
}

impl Delivery<'_> {
    /// Whether it has to be claimed.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Claim(_))
    }
}

/// Finds out how `amount` reaches its payee. An account that is missing or not the right one is an error: an executor cannot turn a payout
/// into a claim.
#[inline(never)]
pub(crate) fn resolve<'a>(
    s: &Session<'_>,
    token: &Token,
    payee: &Payee<'a, '_>,
    amount: &u128,
) -> Result<Delivery<'a>, GatewayError> {
    if *amount == 0 {
        return Ok(Delivery::Nothing);
    }
    let account = payee.token.ok_or(GatewayError::AccountMissing)?;
    let (canonical, _) = chain::derive(&seeds::associated_token(payee.wallet, &token.mint), &ASSOCIATED_TOKEN_PROGRAM)?;
    if *address(account) != canonical {
        return Err(GatewayError::WrongAddress);
    }
    match Holding::read(account) {
        Some(held) if held.usable && held.mint == token.mint && held.owner == *payee.wallet => {
            if account.is_writable() { Ok(Delivery::Account(account)) } else { Err(GatewayError::NotWritable) }
        }
        None if !absent(account) => Err(GatewayError::InvalidTokenAccount), // which the token program does not make there
        _ => claim(s, token, payee),
    }
}

/// The account where an amount waits for its payee.
#[inline(never)]
pub(crate) fn claim<'a>(s: &Session<'_>, token: &Token, payee: &Payee<'a, '_>) -> Result<Delivery<'a>, GatewayError> {
    let account = payee.claimable.ok_or(GatewayError::AccountMissing)?;
    if !account.is_writable() {
        return Err(GatewayError::NotWritable);
    }
    if absent(account) {
        derived(account, &seeds::claimable(s.address, payee.wallet, &token.id), s.program)?;
    } else {
        open_claimable(s, account, payee.wallet, &token.id)?;
    }
    Ok(Delivery::Claim(account))
}

/// What waits for a wallet, provided that it is this account.
pub(crate) fn open_claimable<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    wallet: &Word,
    asset: &Word,
) -> Result<Claimable<Data<'a>>, GatewayError> {
    let record = Claimable::new(open(account, s.program)?)?;
    if record.gateway() != *s.address || record.account() != *wallet || record.asset() != *asset {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::claimable(s.address, wallet, asset), record.bump(), s.program)?;
    Ok(record)
}

/// Makes an amount that the gateway holds claimable, and says so.
#[inline(never)]
pub(crate) fn credit(
    s: &mut Session<'_>,
    token: &Token,
    due: &Due<'_>,
    account: &AccountView,
) -> Result<(), GatewayError> {
    let mut record = if absent(account) {
        let new = NewAccount { account, payer: s.payer, owner: s.program, length: Claimable::LENGTH };
        let bump = create(&new, &seeds::claimable(s.address, due.wallet, &token.id), s.program)?;
        let mut record = Claimable::create(open(account, s.program)?)?;
        record.set_gateway(*s.address);
        record.set_account(*due.wallet);
        record.set_asset(token.id);
        record.set_bump(bump);
        record.set_payer(*address(s.payer));
        record
    } else {
        open_claimable(s, account, due.wallet, &token.id)?
    };
    record.set_amount(record.amount().checked_add(due.amount).ok_or(GatewayError::Overflow)?);
    let mut asset = s.gateway.asset_mut(token.index).ok_or(GatewayError::UnknownAsset)?;
    let claimable = asset.claimable().checked_add(due.amount).ok_or(GatewayError::Overflow)?;
    asset.set_claimable(claimable);
    let mut body = Body::new();
    body.word(due.wallet).word(&token.id).number(due.amount).word(due.cause);
    s.append(event::CLAIMABLE, body.as_slice())
}

/// An amount that is due to a wallet.
#[derive(Clone, Copy)]
pub(crate) struct Due<'a> {
    /// The wallet.
    pub wallet: &'a Word,
    /// Canonical units.
    pub amount: u128,
    /// Operation whose payout it is; zero if local.
    pub cause: &'a Word,
    /// How it gets there.
    pub delivery: Delivery<'a>,
}
