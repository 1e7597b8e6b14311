//! Mirror: the copy of a position of another gateway. The newest version wins. It is keyed by market and owner; the market stands for its
//! home. It authorises nothing and makes no event.

use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    accounts::{Mirror, MirrorHome},
    instruction::Role,
    limits::CONFLICT_WORDS,
    seeds,
    words::{to_u64, to_u128},
};

use super::{Carried, Halt, check_signatures};
use crate::{
    access::{NewAccount, absent, create, derived, open, proven},
    ledger::Session,
};

/// A mirror as it is recorded.
#[derive(Default, PartialEq, Eq)]
struct Recorded {
    collateral: u128,
    debt: u128,
    version: u64,
}

#[inline(never)]
pub(super) fn run(
    s: &Session<'_>,
    carried: &Carried<'_>,
    words: &[Word; CONFLICT_WORDS],
    content: &Word,
) -> Result<(), Halt> {
    let [home, market, owner, collateral, debt, version, ..] = words;
    let (Some(collateral), Some(debt), Some(version)) = (to_u128(collateral), to_u128(debt), to_u64(version)) else {
        return Err(GatewayError::MalformedContent.into());
    };
    if *home == s.gateway.id() || *home == ZERO {
        return Err(GatewayError::WrongGateway.into());
    }
    let new = Recorded { collateral, debt, version };
    let known = known_home(s, carried, market)?;
    let recorded = recorded(s, carried, market, owner)?;
    if let Some(recorded) = recorded.as_ref().filter(|_| known == *home)
        && (version < recorded.version || new == *recorded)
    {
        return Err(GatewayError::AlreadyDone.into());
    }
    // A conflict stops whoever sees it, so only the attesters can make one.
    check_signatures(s, carried, content)?;
    if recorded.is_some_and(|recorded| recorded.version == version) || (known != ZERO && known != *home) {
        return Err(GatewayError::MirrorConflict.into());
    }
    write(s, carried, [home, market, owner], &new).map_err(Halt::Abort)
}

/// The market's known home, or zero.
#[inline(never)]
fn known_home(s: &Session<'_>, carried: &Carried<'_>, market: &Word) -> Result<Word, GatewayError> {
    let account = carried.written(Role::MirrorHome)?;
    if absent(account) {
        return derived(account, &seeds::mirror_home(s.address, market), s.program).map(|_| ZERO);
    }
    let record = MirrorHome::new(open(account, s.program)?)?;
    if record.gateway() != *s.address || record.market() != *market {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::mirror_home(s.address, market), record.bump(), s.program)?;
    Ok(record.home())
}

#[inline(never)]
fn recorded(
    s: &Session<'_>,
    carried: &Carried<'_>,
    market: &Word,
    owner: &Word,
) -> Result<Option<Recorded>, GatewayError> {
    let account = carried.written(Role::Mirror)?;
    if absent(account) {
        return derived(account, &seeds::mirror(s.address, market, owner), s.program).map(|_| None);
    }
    let record = Mirror::new(open(account, s.program)?)?;
    if record.gateway() != *s.address || record.market() != *market || record.owner() != *owner {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::mirror(s.address, market, owner), record.bump(), s.program)?;
    Ok(Some(Recorded { collateral: record.collateral(), debt: record.debt(), version: record.version() }))
}

#[inline(never)]
fn write(s: &Session<'_>, carried: &Carried<'_>, key: [&Word; 3], new: &Recorded) -> Result<(), GatewayError> {
    let [home, market, owner] = key;
    let account = carried.written(Role::MirrorHome)?;
    if absent(account) {
        let made = NewAccount { account, payer: s.payer, owner: s.program, length: MirrorHome::LENGTH };
        let bump = create(&made, &seeds::mirror_home(s.address, market), s.program)?;
        let mut record = MirrorHome::create(open(account, s.program)?)?;
        record.set_gateway(*s.address);
        record.set_market(*market);
        record.set_home(*home);
        record.set_bump(bump);
    }
    let account = carried.written(Role::Mirror)?;
    let mut record = if absent(account) {
        let made = NewAccount { account, payer: s.payer, owner: s.program, length: Mirror::LENGTH };
        let bump = create(&made, &seeds::mirror(s.address, market, owner), s.program)?;
        let mut record = Mirror::create(open(account, s.program)?)?;
        record.set_gateway(*s.address);
        record.set_market(*market);
        record.set_owner(*owner);
        record.set_bump(bump);
        record
    } else {
        Mirror::new(open(account, s.program)?)?
    };
    record.set_collateral(new.collateral);
    record.set_debt(new.debt);
    record.set_version(new.version);
    Ok(())
}
