//! Instructions: one byte that says which, then the arguments; and the order of their accounts.
//!
//! Where an optional account is not needed, the program's own address stands in its place. Accounts after the listed ones are allowed only
//! where the description says so.

mod accounts;
mod call;
mod execute;

pub use accounts::{AccountSpec, InstructionSpec};
pub use call::{CALLS, Call, MarketTerms, Oracle};
#[cfg(feature = "client")]
pub use execute::{OrderArgs, encode_orders};
pub use execute::{OrderResult, OrderView, Orders, Role, SkipHint};

use crate::{GatewayError, Word, bytes::Reader};

/// Declares argument structs with one encoding.
macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl $name {
            /// Names and types of the fields, in the order in which they are encoded.
            pub const FIELDS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), <$kind as $crate::bytes::Value>::NAME)),*];
        }

        impl $crate::bytes::Value for $name {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn read(reader: &mut $crate::bytes::Reader<'_>) -> Option<Self> {
                Some(Self { $($field: reader.value()?,)* })
            }

            #[cfg(feature = "client")]
            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::bytes::Value::write(&self.$field, out);)*
            }
        }
    )*};
}
use arguments;

arguments! {
    /// Makes a gateway, whose set-up begins.
    InitializeArgs {
        /// 32 random bytes, so that no other gateway has this one's id.
        salt: Word,
        /// Keccak-256 of the chain's CAIP-2 text. The program cannot know its chain: `contracts check` compares.
        chain: Word,
        /// Guardian.
        guardian: Word,
        /// Seconds between announcing and making a change; above 0 and below the length of a freeze.
        delay: u64,
    }

    /// Sets the pause level of a synthetic.
    SetPauseArgs {
        /// Number of the synthetic.
        asset: u8,
        /// 0 to 3.
        level: u8,
    }

    /// Brings collateral into a market and draws debt.
    LockArgs {
        /// Number of the market.
        market: u8,
        /// Native units of the collateral.
        collateral: u64,
        /// Synthetic to draw, gross of the route fee. 0 only adds collateral; then what follows is ignored.
        debt: u128,
        /// Gateway that mints.
        destination: Word,
        /// Account there.
        recipient: Word,
        /// Wallet here that is paid if the operation is voided.
        refund_to: Word,
        /// Highest route fee the user accepts.
        max_fee: u128,
    }

    /// Burns the user's synthetic and sends it to another gateway, or redeems it at a market's home.
    BurnArgs {
        /// Number of the synthetic.
        asset: u8,
        /// 2 Redeem, 3 Transfer.
        kind: u8,
        /// Gross amount.
        amount: u128,
        /// Gateway that mints, or the market's home.
        destination: Word,
        /// Market, or zero.
        market: Word,
        /// Owner of the position, or zero.
        owner: Word,
        /// Account at the destination.
        recipient: Word,
        /// Collateral asked for.
        wanted: u128,
        /// Wallet here that is paid if the operation is voided.
        refund_to: Word,
        /// Highest route fee the user accepts.
        max_fee: u128,
    }

    /// Burns the user's synthetic against the debt of a position; takes no more than the debt.
    RepayArgs {
        /// Number of the market.
        market: u8,
        /// Owner of the position.
        owner: Word,
        /// The most to burn.
        amount: u128,
    }

    /// Pays collateral out of the user's own vault position.
    WithdrawArgs {
        /// Number of the market.
        market: u8,
        /// Canonical units, rounded down to what the token can represent.
        collateral: u128,
        /// Wallet that is paid.
        to: Word,
    }

    /// Redeems at home by the rule of Release, without a fee.
    RedeemArgs {
        /// Number of the market.
        market: u8,
        /// Owner of the position.
        owner: Word,
        /// Synthetic to burn.
        amount: u128,
        /// Collateral asked for; counts only for the owner or his controller, and not at all in a reserve market.
        wanted: u128,
        /// Wallet that is paid.
        recipient: Word,
    }

    /// Repays debt of an unhealthy vault position and takes its collateral plus a bonus.
    LiquidateArgs {
        /// Number of the market.
        market: u8,
        /// Owner of the position.
        owner: Word,
        /// The most synthetic the caller lets be burned.
        max_repay: u128,
        /// The least collateral, in canonical units, the caller wants for it.
        min_seized: u128,
    }

    /// Burns the user's synthetic against the bad debt of a market; takes no more than there is.
    CoverArgs {
        /// MarketId.
        market: Word,
        /// The most to burn.
        amount: u128,
    }

    /// Names the account on another gateway that may withdraw from the user's vault position; two zeros revoke it.
    SetControllerArgs {
        /// Number of the market.
        market: u8,
        /// Its gateway.
        gateway: Word,
        /// The account there.
        account: Word,
    }

    /// Pays the user what could not be delivered to him.
    ClaimArgs {
        /// Number of the asset.
        asset: u8,
        /// Wallet that is paid.
        to: Word,
    }
}

/// Declares the instructions.
macro_rules! instructions {
    ($($(#[doc = $doc:literal])* $name:ident = $tag:literal ($($args:ident)?), $spec:ident;)*) => {
        /// An instruction without arguments has none behind its tag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Instruction<'a> {
            $($(#[doc = $doc])* $name $(($args))?,)*
            /// Makes a change at once, during the set-up.
            Configure(Call<'a>),
            /// Announces a change. The bytes are those of a [`Call`].
            Schedule(&'a [u8]),
            /// Executes orders of the attesters. Permissionless; no order fails another.
            Execute(Orders<'a>),
        }

        impl<'a> Instruction<'a> {
            /// Reads an instruction's data.
            ///
            /// # Errors
            /// [`GatewayError::UnknownInstruction`], [`GatewayError::MalformedData`].
            #[inline(always)]
            pub fn decode(data: &'a [u8]) -> Result<Self, GatewayError> {
                let (tag, rest) = data.split_first().ok_or(GatewayError::UnknownInstruction)?;
                let mut reader = Reader(rest);
                match tag {
                    $($tag => {
                        let instruction = instructions!(@read reader $name $($args)?);
                        reader.end(instruction)
                    })*
                    1 => Call::read(rest).map(Self::Configure),
                    3 => Some(Self::Schedule(rest)),
                    18 => Some(Self::Execute(Orders::new(rest))),
                    _ => return Err(GatewayError::UnknownInstruction),
                }
                .ok_or(GatewayError::MalformedData)
            }

            /// The instruction's data.
            #[cfg(feature = "client")]
            #[must_use]
            pub fn encode(&self) -> alloc::vec::Vec<u8> {
                let mut out = alloc::vec::Vec::new();
                match self {
                    $(instructions!(@pattern $name args $($args)?) => {
                        out.push($tag);
                        $($crate::bytes::Value::write(instructions!(@use args $args), &mut out);)?
                    })*
                    Self::Configure(call) => {
                        out.push(1);
                        call.write(&mut out);
                    }
                    Self::Schedule(call) => {
                        out.push(3);
                        out.extend_from_slice(call);
                    }
                    Self::Execute(orders) => {
                        out.push(18);
                        out.extend_from_slice(orders.bytes());
                    }
                }
                out
            }

            /// Its name, tag, accounts and arguments.
            #[must_use]
            pub const fn spec(&self) -> &'static InstructionSpec {
                match self {
                    $(instructions!(@any $name $($args)?) => &accounts::$spec,)*
                    Self::Configure(_) => &accounts::CONFIGURE,
                    Self::Schedule(_) => &accounts::SCHEDULE,
                    Self::Execute(_) => &accounts::EXECUTE,
                }
            }
        }
    };
    (@read $reader:ident $name:ident) => { Self::$name };
    (@read $reader:ident $name:ident $args:ident) => {
        match $reader.value::<$args>() {
            Some(args) => Self::$name(args),
            None => return Err(GatewayError::MalformedData),
        }
    };
    (@pattern $name:ident $bound:ident) => { Self::$name };
    (@pattern $name:ident $bound:ident $args:ident) => { Self::$name($bound) };
    (@use $bound:ident $args:ident) => { $bound };
    (@any $name:ident) => { Self::$name };
    (@any $name:ident $args:ident) => { Self::$name(_) };
}

instructions! {
    /// Makes a gateway.
    Initialize = 0 (InitializeArgs), INITIALIZE;
    /// Ends the set-up: users may act, and changes have to wait from now on.
    Activate = 2 (), ACTIVATE;
    /// Makes an announced change after the delay.
    Apply = 4 (), APPLY;
    /// Withdraws an announced change. The guardian may, too, except for the one that replaces him.
    Cancel = 5 (), CANCEL;
    /// The pending admin becomes the admin.
    AcceptAdmin = 6 (), ACCEPT_ADMIN;
    /// Sets a pause level: the guardian raises, the admin sets any. Not delayed.
    SetPause = 7 (SetPauseArgs), SET_PAUSE;
    /// Brings collateral into a market and draws debt.
    Lock = 8 (LockArgs), LOCK;
    /// Burns the user's synthetic and sends it to another gateway, or redeems it at a market's home.
    Burn = 9 (BurnArgs), BURN;
    /// Burns the user's synthetic against the debt of a position.
    Repay = 10 (RepayArgs), REPAY;
    /// Pays collateral out of the user's own vault position.
    Withdraw = 11 (WithdrawArgs), WITHDRAW;
    /// Redeems at home.
    Redeem = 12 (RedeemArgs), REDEEM;
    /// Liquidates. Permissionless.
    Liquidate = 13 (LiquidateArgs), LIQUIDATE;
    /// Burns the user's synthetic against bad debt.
    Cover = 14 (CoverArgs), COVER;
    /// Names the controller of the user's position.
    SetController = 15 (SetControllerArgs), SET_CONTROLLER;
    /// Pays what could not be delivered.
    Claim = 16 (ClaimArgs), CLAIM;
    /// Closes an empty position without a controller and gives its rent back to who paid it. Permissionless.
    ClosePosition = 17 (), CLOSE_POSITION;
    /// Makes the next page of events ahead of its use. Permissionless; nothing happens when it exists.
    OpenPage = 19 (), OPEN_PAGE;
}

/// Every instruction's description.
pub const INSTRUCTIONS: &[&InstructionSpec] = accounts::ALL;
