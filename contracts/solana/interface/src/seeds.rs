//! The seeds of the program's addresses. Every account is found from the gateway's own address; the gateway's from its salt. The bump is
//! always the canonical one (the first from 255 downwards that is off the curve). `Pubkey::find_program_address(&seeds, &program)`.

use crate::Word;

/// The gateway: its settings, tables, totals and head.
#[must_use]
pub fn gateway(salt: &Word) -> [&[u8]; 2] {
    [b"gateway", salt]
}

/// The mint authority of the synthetics and the owner of the vaults. It holds no data.
#[must_use]
pub fn authority(gateway: &Word) -> [&[u8]; 2] {
    [b"authority", gateway]
}

/// The token account of an asset: collateral of the positions, and what waits to be claimed.
#[must_use]
pub fn vault<'a>(gateway: &'a Word, asset: &'a Word) -> [&'a [u8]; 3] {
    [b"vault", gateway, asset]
}

/// A page of events; `page` little-endian, from 0.
#[must_use]
pub fn events<'a>(gateway: &'a Word, page: &'a [u8; 4]) -> [&'a [u8]; 3] {
    [b"events", gateway, page]
}

/// Outcomes of operations from `origin`; `page` = nonce / 1,024, little-endian.
#[must_use]
pub fn slots<'a>(gateway: &'a Word, origin: &'a Word, page: &'a [u8; 4]) -> [&'a [u8]; 4] {
    [b"slots", gateway, origin, page]
}

/// Ids of operations to `destination`, and which were refunded; `page` = nonce / 64, little-endian.
#[must_use]
pub fn outgoing<'a>(gateway: &'a Word, destination: &'a Word, page: &'a [u8; 4]) -> [&'a [u8]; 4] {
    [b"outgoing", gateway, destination, page]
}

/// A gateway that this one sends to: next nonce and tombstone.
#[must_use]
pub fn peer<'a>(gateway: &'a Word, peer: &'a Word) -> [&'a [u8]; 3] {
    [b"peer", gateway, peer]
}

/// Limits and totals of (asset, peer).
#[must_use]
pub fn route<'a>(gateway: &'a Word, asset: &'a Word, peer: &'a Word) -> [&'a [u8]; 4] {
    [b"route", gateway, asset, peer]
}

/// A vault position and its controller. The one position of a reserve market is in the gateway account.
#[must_use]
pub fn position<'a>(gateway: &'a Word, market: &'a Word, owner: &'a Word) -> [&'a [u8]; 4] {
    [b"position", gateway, market, owner]
}

/// What could not be delivered.
#[must_use]
pub fn claimable<'a>(gateway: &'a Word, account: &'a Word, asset: &'a Word) -> [&'a [u8]; 4] {
    [b"claimable", gateway, account, asset]
}

/// Bad debt of a market, which need not be at home here.
#[must_use]
pub fn bad_debt<'a>(gateway: &'a Word, market: &'a Word) -> [&'a [u8]; 3] {
    [b"bad-debt", gateway, market]
}

/// The copy of a position of another gateway.
#[must_use]
pub fn mirror<'a>(gateway: &'a Word, market: &'a Word, owner: &'a Word) -> [&'a [u8]; 4] {
    [b"mirror", gateway, market, owner]
}

/// The home of a mirrored market.
#[must_use]
pub fn mirror_home<'a>(gateway: &'a Word, market: &'a Word) -> [&'a [u8]; 3] {
    [b"mirror-home", gateway, market]
}

/// An announced change; `hash` is the Keccak-256 of the encoded change.
#[must_use]
pub fn change<'a>(gateway: &'a Word, hash: &'a Word) -> [&'a [u8]; 3] {
    [b"change", gateway, hash]
}

/// The canonical token account of a wallet, at the associated token account program.
#[must_use]
pub fn associated_token<'a>(wallet: &'a Word, mint: &'a Word) -> [&'a [u8]; 3] {
    [wallet, &crate::external::TOKEN_PROGRAM, mint]
}
