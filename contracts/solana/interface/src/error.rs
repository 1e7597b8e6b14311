//! Why the gateway refuses.

macro_rules! errors {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)*) => {
        /// Why an instruction fails or an order is not executed. On the wire a custom program error; the codes start at 6,000 so that
        /// none is mistaken for one of the token or system program, which come through unchanged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum GatewayError {
            $($(#[doc = $doc])* $name = $code,)*
        }

        impl GatewayError {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its code on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The error with a code.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name, for people and for classification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What it means.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*),)*
                }
            }
        }
    };
}

errors! {
    /// the gateway is still being set up
    NotActive = 6000,
    /// the gateway is active: changes have to be announced
    AlreadyActive = 6001,
    /// attesters or treasury are missing
    NotReady = 6002,
    /// the gateway is retired
    Retired = 6003,
    /// the signer is not the admin
    NotAdmin = 6004,
    /// the signer is neither the admin nor the guardian, or the guardian may not do this
    NotGuardian = 6005,
    /// the pause level of the asset forbids it
    Paused = 6006,

    /// no such instruction
    UnknownInstruction = 6010,
    /// the instruction's data cannot be decoded
    MalformedData = 6011,
    /// a value is out of its range
    InvalidValue = 6012,
    /// no such asset, or not of the kind that is needed
    UnknownAsset = 6013,
    /// no such market
    UnknownMarket = 6014,
    /// the market is not of the kind that is needed
    WrongMarketKind = 6015,
    /// the word is not an account there
    InvalidAccount = 6016,
    /// the fields of the burn do not fit its kind
    InvalidIntent = 6017,
    /// the amount is zero
    ZeroAmount = 6018,
    /// the amount is not exact in canonical units
    Unrepresentable = 6019,
    /// the route does not exist, is closed, or leads to a dead gateway
    RouteClosed = 6020,
    /// the amount is outside its limits
    AmountOutOfRange = 6021,
    /// the fee is not below the amount or above what the user accepts
    FeeTooHigh = 6022,
    /// nothing waits for this account
    NothingToClaim = 6023,
    /// it exists already
    AlreadyRegistered = 6024,
    /// the change is not announced
    NotScheduled = 6025,
    /// the delay has not passed
    TooEarly = 6026,
    /// the change was not made in time
    Expired = 6027,
    /// a table of the gateway is full
    TableFull = 6028,
    /// a sum does not fit its integer
    Overflow = 6029,
    /// the position still holds something
    NotEmpty = 6030,

    /// the market's debt would be above its ceiling
    CeilingExceeded = 6040,
    /// the debt would be below the dust floor
    BelowDust = 6041,
    /// the collateral does not carry the debt
    Undercollateralized = 6042,
    /// the price account cannot be read
    PriceUnavailable = 6043,
    /// the price is zero, negative or out of range
    PriceNonPositive = 6044,
    /// the price was not verified in full
    PriceUnverified = 6045,
    /// the price's confidence interval is too wide
    PriceUncertain = 6046,
    /// the price is too old
    PriceStale = 6047,
    /// the collateral is below its peg
    Depegged = 6048,
    /// there is no debt
    NoDebt = 6049,
    /// the position is healthy
    Healthy = 6050,
    /// the position can only be liquidated whole
    MustTakeWhole = 6051,
    /// the collateral seized is less than asked for
    SeizedTooLittle = 6052,

    /// the order was executed before
    AlreadyDone = 6060,
    /// the window is full
    WindowFull = 6061,
    /// the slot holds another outcome
    SlotTaken = 6062,
    /// no such action
    UnknownAction = 6063,
    /// the order's content cannot be decoded
    MalformedContent = 6064,
    /// the order is for another gateway
    WrongGateway = 6065,
    /// the action does not fit the kind of operation
    WrongKind = 6066,
    /// the one position of a reserve market is the market's own
    WrongOwner = 6067,
    /// the gateway's own record has another operation under this nonce
    UnknownOperation = 6068,
    /// the mirror contradicts what is recorded under the same version, or its market has another home
    MirrorConflict = 6069,
    /// a signature is malformed or has a high s
    InvalidSignature = 6070,
    /// the signers are not strictly ascending
    UnorderedSigners = 6071,
    /// a signer is not of the current epoch
    UnknownSigner = 6072,
    /// there are fewer signatures than the threshold
    TooFewSignatures = 6073,

    /// an account that is needed was not given
    AccountMissing = 6080,
    /// an account has not the address it should have
    WrongAddress = 6081,
    /// an account belongs to another program
    WrongProgram = 6082,
    /// an account has to sign
    NotSigner = 6083,
    /// an account has to be writable
    NotWritable = 6084,
    /// an account has another discriminator or length
    WrongDiscriminator = 6085,
    /// an account belongs to another gateway, or to another subject
    WrongSubject = 6086,
    /// the mint's authority, decimals or supply are not what they must be
    InvalidMint = 6087,
    /// a token account is of another mint or owner, frozen, or holds too little
    InvalidTokenAccount = 6088,
    /// neither page given is the current one, or the next one is missing
    PageMissing = 6089,
    /// one account was given for two purposes
    AliasedAccount = 6090,
    /// the gateway's own token account is frozen or holds too little
    VaultUnavailable = 6091,
}
