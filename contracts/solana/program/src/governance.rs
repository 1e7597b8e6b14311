//! What admin and guardian do: set-up, announced changes, pauses.

mod assets;
mod limits;
mod settings;

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    accounts::{Change, Gateway, frozen_until},
    instruction::{Call, InitializeArgs, SetPauseArgs},
    limits::{CHANGE_BYTES, CHANGE_LIFETIME, FREEZE_SECONDS},
    protocol::{asset, event, level},
    seeds,
};

use crate::{
    access::{Data, NewAccount, absent, address, check, close, create, open, open_gateway, proven},
    chain, codec,
    ledger::{Body, Session, make_page},
};

/// Makes a gateway, whose set-up begins.
#[inline(never)]
pub(crate) fn initialize(
    program: &Address,
    accounts: &[AccountView],
    args: &InitializeArgs,
) -> Result<(), GatewayError> {
    let [account, payer, _, admin] = accounts else { return Err(GatewayError::AccountMissing) };
    // A freeze must outlast the replacement of the attesters.
    let delay = args.delay != 0 && args.delay < FREEZE_SECONDS;
    if args.salt == ZERO || args.chain == ZERO || args.guardian == ZERO || !delay {
        return Err(GatewayError::InvalidValue);
    }
    let new = NewAccount { account, payer, owner: program, length: Gateway::LENGTH };
    let bump = create(&new, &seeds::gateway(&args.salt), program)?;
    let this = address(account);
    let (authority, authority_bump) = chain::derive(&seeds::authority(this), program.as_array())?;
    let (slot, time) = chain::clock()?;
    let id = codec::gateway_id(&args.chain, this, &args.salt);

    let mut gateway = Gateway::create(open(account, program)?)?;
    gateway.set_version(1);
    gateway.set_bump(bump);
    gateway.set_authority_bump(authority_bump);
    gateway.set_authority(authority);
    gateway.set_hash(id);
    gateway.set_id(id);
    gateway.set_chain(args.chain);
    gateway.set_salt(args.salt);
    gateway.set_domain(codec::domain_separator(&id));
    gateway.set_admin(*address(admin));
    gateway.set_guardian(args.guardian);
    gateway.set_delay(args.delay);
    gateway.set_time(time);
    gateway.set_born(slot);
    gateway.learn(&id);
    Ok(())
}

/// Makes a change at once, while the gateway is set up.
#[inline(never)]
pub(crate) fn configure(program: &Address, accounts: &[AccountView], call: &Call<'_>) -> Result<(), GatewayError> {
    let Some(([_, _, _, _, _, admin], rest)) = accounts.split_first_chunk() else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::new(program, accounts)?;
    check_admin(&s.gateway, admin)?;
    if s.gateway.active() != 0 {
        return Err(GatewayError::AlreadyActive);
    }
    perform(&mut s, call, rest)
}

/// Ends the set-up: users may act, and changes have to wait from now on.
#[inline(never)]
pub(crate) fn activate(program: &Address, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let [account, admin] = accounts else { return Err(GatewayError::AccountMissing) };
    let mut gateway = open_gateway(account, program)?;
    check_admin(&gateway, admin)?;
    if gateway.active() != 0 {
        return Err(GatewayError::AlreadyActive);
    }
    if gateway.threshold() == 0 || gateway.treasury() == ZERO {
        return Err(GatewayError::NotReady);
    }
    gateway.set_active(1);
    Ok(())
}

// --------------------------------------------------------------------------------------------------------------- announced changes

/// Announces a change. It is kept as it will be made, for everybody to read.
#[inline(never)]
pub(crate) fn schedule(program: &Address, accounts: &[AccountView], call: &[u8]) -> Result<(), GatewayError> {
    let [account, payer, _, admin, change] = accounts else { return Err(GatewayError::AccountMissing) };
    let gateway = open_gateway(account, program)?;
    check_admin(&gateway, admin)?;
    if gateway.active() == 0 {
        return Err(GatewayError::NotActive); // during the set-up a change is made at once
    }
    if call.len() > CHANGE_BYTES || Call::read(call).is_none() {
        return Err(GatewayError::MalformedData);
    }
    let hash = chain::keccak(&[call]);
    let (_, time) = chain::clock()?;
    let ready = time.max(gateway.time()).checked_add(gateway.delay()).ok_or(GatewayError::Overflow)?;
    let new = NewAccount { account: change, payer, owner: program, length: Change::LENGTH };
    let bump = create(&new, &seeds::change(address(account), &hash), program)?;
    let mut record = Change::create(open(change, program)?)?;
    record.set_gateway(*address(account));
    record.set_hash(hash);
    record.set_payer(*address(payer));
    record.set_ready(ready);
    record.set_bump(bump);
    record.set_call(call);
    Ok(())
}

/// Makes an announced change after the delay.
#[inline(never)]
pub(crate) fn apply(program: &Address, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let Some(([_, _, _, _, _, admin, change, rent_payer], rest)) = accounts.split_first_chunk() else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::new(program, accounts)?;
    check_admin(&s.gateway, admin)?;
    let record = open_change(program, change, s.address, rent_payer)?;
    if s.now < record.ready() {
        return Err(GatewayError::TooEarly);
    }
    if s.now > record.ready().saturating_add(CHANGE_LIFETIME) {
        return Err(GatewayError::Expired);
    }
    let call = Call::read(record.call()).ok_or(GatewayError::MalformedData)?;
    perform(&mut s, &call, rest)?;
    drop(record);
    close(change, rent_payer)
}

/// Withdraws an announced change. A guardian may stop any change but the one that replaces him.
#[inline(never)]
pub(crate) fn cancel(program: &Address, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let [account, signer, change, rent_payer] = accounts else { return Err(GatewayError::AccountMissing) };
    let gateway = open_gateway(account, program)?;
    let record = open_change(program, change, address(account), rent_payer)?;
    let replaces = matches!(Call::read(record.call()), Some(Call::SetGuardian { .. }));
    let guardian = *address(signer) == gateway.guardian() && !replaces;
    if !guardian && *address(signer) != gateway.admin() {
        return Err(GatewayError::NotGuardian);
    }
    drop(record);
    close(change, rent_payer)
}

fn open_change<'a>(
    program: &Address,
    account: &'a AccountView,
    gateway: &Word,
    rent_payer: &AccountView,
) -> Result<Change<Data<'a>>, GatewayError> {
    if absent(account) {
        return Err(GatewayError::NotScheduled);
    }
    let record = Change::new(open(account, program)?)?;
    if record.gateway() != *gateway || record.payer() != *address(rent_payer) {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::change(gateway, &record.hash()), record.bump(), program)?;
    Ok(record)
}

/// Makes a change. Who may, and after what delay, is known.
#[inline(never)]
fn perform(s: &mut Session<'_>, call: &Call<'_>, accounts: &[AccountView]) -> Result<(), GatewayError> {
    check(call.accounts(), accounts, s.program)?;
    match call {
        Call::AddSynthetic { symbol, target } => assets::add_synthetic(s, symbol, target, accounts),
        Call::AddCollateral { symbol, decimals } => assets::add_collateral(s, symbol, *decimals, accounts),
        Call::SetMarket { .. } => limits::set_market(s, call, accounts),
        Call::SetWindow { .. } => limits::set_window(s, call),
        Call::SetRoute { .. } => limits::set_route(s, call, accounts),
        Call::SetAttesters { threshold, signers } => settings::set_attesters(s, *threshold, signers),
        Call::SetTreasury { treasury } => settings::set_treasury(s, treasury),
        Call::SetGuardian { guardian } => settings::set_guardian(s, guardian),
        Call::TransferAdmin { admin } => {
            s.gateway.set_pending_admin(*admin);
            Ok(())
        }
        Call::Tombstone { peer, final_count, final_hash } => {
            settings::tombstone(s, peer, *final_count, final_hash, accounts)
        }
        Call::CloseOutgoing { peer, page } => settings::close_outgoing(s, peer, *page, accounts),
    }
}

// ------------------------------------------------------------------------------------------------------------------------- at once

/// The pending admin becomes the admin.
#[inline(never)]
pub(crate) fn accept_admin(program: &Address, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let [account, admin] = accounts else { return Err(GatewayError::AccountMissing) };
    let mut gateway = open_gateway(account, program)?;
    // The zero word is no signer's address: it is the system program's.
    if gateway.pending_admin() == ZERO || gateway.pending_admin() != *address(admin) {
        return Err(GatewayError::NotAdmin);
    }
    gateway.set_admin(*address(admin));
    gateway.set_pending_admin(ZERO);
    Ok(())
}

/// Sets a pause level: the guardian raises, the admin sets any.
#[inline(never)]
pub(crate) fn set_pause(program: &Address, accounts: &[AccountView], args: &SetPauseArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, signer] = accounts else { return Err(GatewayError::AccountMissing) };
    let mut s = Session::new(program, accounts)?;
    let record = s.gateway.asset(args.asset).filter(|record| record.kind() == asset::SYNTHETIC);
    let record = record.ok_or(GatewayError::UnknownAsset)?;
    if args.level > level::FROZEN {
        return Err(GatewayError::InvalidValue);
    }
    let raises = *address(signer) == s.gateway.guardian() && args.level > record.level_at(s.now);
    if !raises && *address(signer) != s.gateway.admin() {
        return Err(GatewayError::NotGuardian);
    }
    let id = record.id();
    let until = if args.level == level::FROZEN { frozen_until(s.now) } else { 0 };
    let mut record = s.gateway.asset_mut(args.asset).ok_or(GatewayError::UnknownAsset)?;
    record.set_level(args.level);
    record.set_frozen_until(until);
    let mut body = Body::new();
    body.word(&id).number(args.level.into()).word(address(signer));
    s.append(event::PAUSE_SET, body.as_slice())
}

/// Makes the next page of events ahead of its use.
#[inline(never)]
pub(crate) fn open_page(program: &Address, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let [account, payer, _, next] = accounts else { return Err(GatewayError::AccountMissing) };
    let gateway = open_gateway(account, program)?;
    let number = if gateway.count() == 0 { 0 } else { gateway.page().checked_add(1).ok_or(GatewayError::TableFull)? };
    match make_page(next, payer, address(account), number, program) {
        Ok(_) | Err(GatewayError::AlreadyRegistered) => Ok(()),
        Err(error) => Err(error),
    }
}

fn check_admin(gateway: &Gateway<Data<'_>>, signer: &AccountView) -> Result<(), GatewayError> {
    if *address(signer) == gateway.admin() { Ok(()) } else { Err(GatewayError::NotAdmin) }
}
