//! How much of everything there can be.

/// Assets of a gateway, synthetics and collaterals together.
pub const ASSETS: usize = 12;
/// Markets at home at a gateway.
pub const MARKETS: usize = 12;
/// Attesters of an epoch.
pub const SIGNERS: usize = 32;
/// Signatures that an order may need: with as many, each kind of order with all its accounts fits a transaction of 1,232 bytes, given a
/// lookup table. `INTERFACE.md` has the measurements.
pub const THRESHOLD: u8 = 7;
/// Words of the dictionary: this gateway, then assets, markets and peers in the order of their registration. When it is full, further ones
/// work as well and take 33 bytes in place of one.
pub const DICTIONARY: usize = 64;
/// Bytes of a page of events: what one instruction may create.
pub const EVENT_PAGE_BYTES: usize = 10_240;
/// Bytes in front of a page's records.
pub const EVENT_PAGE_HEADER: usize = 96;
/// Bytes in front of a record's words.
pub const RECORD_HEADER: usize = 20;
/// Words of the longest event body (Locked with its operation).
pub const BODY_WORDS: usize = 22;
/// Bytes of the longest record.
pub const RECORD_BYTES: usize = 20 + 22 * 33;
/// Nonces whose outcomes one page holds.
pub const SLOTS_PER_PAGE: u64 = 1_024;
/// Nonces whose operation ids one page holds.
pub const OUTGOING_PER_PAGE: u64 = 64;
/// Words of an operation.
pub const OPERATION_WORDS: usize = 14;
/// Words that a Conflict order carries.
pub const CONFLICT_WORDS: usize = 17;
/// Words that a Mirror order carries.
pub const MIRROR_WORDS: usize = 6;
/// Bytes of one signature: r, s, v.
pub const SIGNATURE_BYTES: usize = 65;
/// Orders in one instruction.
pub const ORDERS: usize = 32;
/// Bytes of a scheduled change.
pub const CHANGE_BYTES: usize = 704;
/// Seconds a freeze lasts unless the admin renews it: 7 days.
pub const FREEZE_SECONDS: u64 = 604_800;
/// Seconds during which a change that is ready may be made: 14 days.
pub const CHANGE_LIFETIME: u64 = 1_209_600;
/// Decimals of every synthetic.
pub const SYNTHETIC_DECIMALS: u8 = 6;
/// The most decimals a collateral may have, canonical or native.
pub const MAX_DECIMALS: u8 = 27;
/// Basis points in one.
pub const ONE_BPS: u16 = 10_000;
/// Below this health (C · threshold / D, basis points) a position may be liquidated whole.
pub const DEEP_BPS: u16 = 9_500;
