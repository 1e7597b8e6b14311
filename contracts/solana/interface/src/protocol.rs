//! The numbers of `contracts/PROTOCOL.md`.

/// Kinds of operations (section 3).
pub mod kind {
    /// Debt drawn at home, minted elsewhere.
    pub const MINT: u8 = 1;
    /// Burned elsewhere, released at home.
    pub const REDEEM: u8 = 2;
    /// Burned here, minted there.
    pub const TRANSFER: u8 = 3;
}

/// Words of an operation by their place (section 3).
pub mod operation {
    /// What kind it is.
    pub const KIND: usize = 0;
    /// Gateway where it starts.
    pub const ORIGIN: usize = 1;
    /// Gateway that executes it.
    pub const DESTINATION: usize = 2;
    /// Number on its way.
    pub const NONCE: usize = 3;
    /// The synthetic.
    pub const ASSET: usize = 4;
    /// The market, or zero.
    pub const MARKET: usize = 5;
    /// Owner of the position, or zero.
    pub const OWNER: usize = 6;
    /// Who called.
    pub const ACTOR: usize = 7;
    /// Who is paid when it is refunded.
    pub const REFUND_TO: usize = 8;
    /// Who is paid at the destination.
    pub const RECIPIENT: usize = 9;
    /// Gross amount.
    pub const AMOUNT: usize = 10;
    /// Route fee.
    pub const FEE: usize = 11;
    /// Collateral brought in or asked for.
    pub const WANTED: usize = 12;
    /// Time at the origin.
    pub const TIMESTAMP: usize = 13;
}

/// Kinds of events (section 4).
#[expect(missing_docs, reason = "the table of section 4 says what they are")]
pub mod event {
    pub const LOCKED: u8 = 1;
    pub const BURNED: u8 = 2;
    pub const MINTED: u8 = 3;
    pub const RELEASED: u8 = 4;
    pub const VOIDED: u8 = 5;
    pub const REFUNDED: u8 = 6;
    pub const LIQUIDATED: u8 = 7;
    pub const REPAID: u8 = 8;
    pub const WITHDRAWN: u8 = 9;
    pub const CLAIMABLE: u8 = 10;
    pub const CLAIMED: u8 = 11;
    pub const BAD_DEBT: u8 = 12;
    pub const COVERED: u8 = 13;
    pub const CONTROLLER_SET: u8 = 14;
    pub const PAUSE_SET: u8 = 15;
    pub const ATTESTERS_SET: u8 = 16;
    pub const LIMITS_SET: u8 = 17;
    pub const TREASURY_SET: u8 = 18;
    pub const TOMBSTONED: u8 = 19;
}

/// What a LimitsSet event is about (section 4).
#[expect(missing_docs, reason = "the names say it")]
pub mod limits_of {
    pub const WINDOW: u8 = 1;
    pub const ROUTE: u8 = 2;
    pub const MARKET: u8 = 3;
    pub const ASSET: u8 = 4;
}

/// Actions of orders (section 5). 7, Resend, is for chains whose payouts are messages.
#[expect(missing_docs, reason = "the table of section 5 says what they are")]
pub mod action {
    pub const MINT: u8 = 1;
    pub const RELEASE: u8 = 2;
    pub const VOID: u8 = 3;
    pub const REFUND: u8 = 4;
    pub const CONFLICT: u8 = 5;
    pub const MIRROR: u8 = 6;
}

/// How an order ended (section 5).
#[expect(missing_docs, reason = "section 5 says what they are")]
pub mod code {
    pub const DONE: u8 = 0;
    pub const ALREADY_DONE: u8 = 1;
    pub const DELAYED: u8 = 2;
    pub const REJECTED: u8 = 3;
}

/// What the two bits of a slot say (section 2).
#[expect(missing_docs, reason = "the names say it")]
pub mod slot {
    pub const NONE: u8 = 0;
    pub const DONE: u8 = 1;
    pub const VOID: u8 = 2;
}

/// Kinds of assets.
#[expect(missing_docs, reason = "the names say it")]
pub mod asset {
    pub const NONE: u8 = 0;
    pub const SYNTHETIC: u8 = 1;
    pub const COLLATERAL: u8 = 2;
}

/// Kinds of markets (section 2).
#[expect(missing_docs, reason = "the names say it")]
pub mod market {
    pub const RESERVE: u8 = 0;
    pub const VAULT: u8 = 1;
}

/// Windows (section 6).
#[expect(missing_docs, reason = "the names say it")]
pub mod window {
    pub const MINT: u8 = 1;
    pub const RELEASE: u8 = 2;
}

/// Pause levels (section 6).
pub mod level {
    /// Everything is open.
    pub const NORMAL: u8 = 0;
    /// No new risk.
    pub const NO_RISK: u8 = 1;
    /// No new supply.
    pub const NO_SUPPLY: u8 = 2;
    /// Frozen.
    pub const FROZEN: u8 = 3;
}
