//! Attesters, treasury, guardian, and gateways that are dead.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word, ZERO, bytes,
    limits::{OUTGOING_PER_PAGE, SIGNERS, THRESHOLD},
    protocol::event,
};

use crate::{
    access::{address, close},
    chain,
    ledger::{Body, Session},
    records,
    tokens::check_local,
};

/// Starts a new epoch: what was signed in an earlier one is no longer valid.
#[inline(never)]
pub(super) fn set_attesters(s: &mut Session<'_>, threshold: u8, signers: &[[u8; 20]]) -> Result<(), GatewayError> {
    if threshold == 0 || threshold > THRESHOLD || usize::from(threshold) > signers.len() || signers.len() > SIGNERS {
        return Err(GatewayError::InvalidValue);
    }
    let mut last = [0; 20];
    let mut words = [ZERO; SIGNERS];
    for (signer, word) in signers.iter().zip(words.iter_mut()) {
        if *signer <= last {
            return Err(GatewayError::UnorderedSigners);
        }
        last = *signer;
        bytes::put(word, 12, signer);
    }
    let epoch = s.gateway.epoch().checked_add(1).ok_or(GatewayError::Overflow)?;
    s.gateway.set_signers(signers);
    s.gateway.set_threshold(threshold);
    s.gateway.set_epoch(epoch);
    let hash = chain::keccak(&[words.get(..signers.len()).unwrap_or_default().as_flattened()]);
    let mut body = Body::new();
    body.number(epoch.into()).number(threshold.into()).number(signers.len() as u128).word(&hash);
    s.append(event::ATTESTERS_SET, body.as_slice())
}

/// Sets the wallet that gets the fees.
#[inline(never)]
pub(super) fn set_treasury(s: &mut Session<'_>, treasury: &Word) -> Result<(), GatewayError> {
    check_local(s, treasury)?;
    s.gateway.set_treasury(*treasury);
    s.append(event::TREASURY_SET, &[*treasury])
}

/// Replaces the guardian.
#[inline(never)]
pub(super) fn set_guardian(s: &mut Session<'_>, guardian: &Word) -> Result<(), GatewayError> {
    if *guardian == ZERO {
        return Err(GatewayError::InvalidValue);
    }
    s.gateway.set_guardian(*guardian);
    Ok(())
}

/// Fixes the last final state of a dead gateway, or retires this one in the state it is in.
#[inline(always)]
pub(super) fn tombstone(
    s: &mut Session<'_>,
    peer: &Word,
    final_count: u64,
    final_hash: &Word,
    accounts: &[AccountView],
) -> Result<(), GatewayError> {
    if *peer == ZERO {
        return Err(GatewayError::WrongGateway);
    }
    let [account, ..] = accounts else { return Err(GatewayError::AccountMissing) };
    let (mut count, mut hash) = (final_count, *final_hash);
    if *peer == s.gateway.id() {
        if count != 0 || hash != ZERO {
            return Err(GatewayError::InvalidValue);
        }
        (count, hash) = (s.gateway.count(), s.gateway.hash());
        s.gateway.set_retired(1);
    }
    let mut record = records::ensure_peer(s, account, peer)?;
    if record.tombstoned() != 0 {
        return Err(GatewayError::AlreadyRegistered);
    }
    record.set_tombstoned(1);
    record.set_final_count(count);
    record.set_final_hash(hash);
    drop(record);
    let mut body = Body::new();
    body.word(peer).number(count.into()).word(&hash);
    s.append(event::TOMBSTONED, body.as_slice())
}

/// Closes a full page of outgoing ids, whose operations the admin asserts to be settled or refunded. Its rent goes back to who paid it.
#[inline(never)]
pub(super) fn close_outgoing(
    s: &Session<'_>,
    peer: &Word,
    number: u32,
    accounts: &[AccountView],
) -> Result<(), GatewayError> {
    let [account, rent_payer, ..] = accounts else { return Err(GatewayError::AccountMissing) };
    let page = records::open_outgoing(s, account, peer, number)?;
    if page.payer() != *address(rent_payer) {
        return Err(GatewayError::WrongSubject);
    }
    // The nonces are dense: the last one is there when all are, and then none comes back to this page.
    if *page.operation(OUTGOING_PER_PAGE.saturating_sub(1)) == ZERO {
        return Err(GatewayError::NotEmpty);
    }
    drop(page);
    close(account, rent_payer)
}
