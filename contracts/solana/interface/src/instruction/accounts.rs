//! Which accounts an instruction takes, in order, and what it may do with them. The program checks signers and writable accounts against
//! these very tables.

use super::{
    BurnArgs, ClaimArgs, CoverArgs, InitializeArgs, LiquidateArgs, LockArgs, RedeemArgs, RepayArgs, SetControllerArgs,
    SetPauseArgs, WithdrawArgs,
};
use crate::Word;

/// An account of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSpec {
    /// Its name.
    pub name: &'static str,
    /// It has to sign.
    pub signer: bool,
    /// It has to be writable.
    pub writable: bool,
    /// The program's own address may stand in its place.
    pub optional: bool,
    /// The only address it may have.
    pub address: Option<&'static Word>,
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionSpec {
    /// Its name.
    pub name: &'static str,
    /// The first byte of its data.
    pub tag: u8,
    /// Its accounts.
    pub accounts: &'static [AccountSpec],
    /// Whether further accounts follow.
    pub more: bool,
    /// Names and types of its arguments; empty where [`Call`](super::Call) or [`Orders`](super::Orders) say it.
    pub arguments: &'static [(&'static str, &'static str)],
}

macro_rules! listed {
    ($name:ident r) => {
        listed!(@ $name false false false None)
    };
    ($name:ident w) => {
        listed!(@ $name false true false None)
    };
    ($name:ident s) => {
        listed!(@ $name true false false None)
    };
    ($name:ident ws) => {
        listed!(@ $name true true false None)
    };
    ($name:ident ro) => {
        listed!(@ $name false false true None)
    };
    ($name:ident wo) => {
        listed!(@ $name false true true None)
    };
    ($name:ident system) => {
        listed!(@ $name false false false Some(&$crate::external::SYSTEM_PROGRAM))
    };
    ($name:ident token) => {
        listed!(@ $name false false false Some(&$crate::external::TOKEN_PROGRAM))
    };
    (@ $name:ident $signer:literal $writable:literal $optional:literal $address:expr) => {
        AccountSpec {
            name: stringify!($name),
            signer: $signer,
            writable: $writable,
            optional: $optional,
            address: $address,
        }
    };
}

pub(super) use listed;

macro_rules! specs {
    ($($spec:ident $name:literal $tag:literal $more:literal $arguments:expr, [$($account:ident $how:ident),* $(,)?];)*) => {
        $(
            pub(super) const $spec: InstructionSpec = InstructionSpec {
                name: $name,
                tag: $tag,
                accounts: &[$(listed!($account $how)),*],
                more: $more,
                arguments: $arguments,
            };
        )*

        pub(super) const ALL: &[&InstructionSpec] = &[$(&$spec),*];
    };
}

// r read, w write, s sign, o optional, system and token the programs of that name. `page` is the current page of events, `next_page` the one after it, which is made when it is needed.
specs! {
    INITIALIZE "Initialize" 0 false InitializeArgs::FIELDS, [gateway w, payer ws, system_program system, admin s];
    CONFIGURE "Configure" 1 true &[], [gateway w, payer ws, system_program system, page w, next_page w, admin s];
    ACTIVATE "Activate" 2 false &[], [gateway w, admin s];
    SCHEDULE "Schedule" 3 false &[], [gateway w, payer ws, system_program system, admin s, change w];
    APPLY "Apply" 4 true &[], [
        gateway w, payer ws, system_program system, page w, next_page w, admin s, change w, rent_payer w,
    ];
    CANCEL "Cancel" 5 false &[], [gateway r, authorized s, change w, rent_payer w];
    ACCEPT_ADMIN "AcceptAdmin" 6 false &[], [gateway w, admin s];
    SET_PAUSE "SetPause" 7 false SetPauseArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, authorized s,
    ];
    LOCK "Lock" 8 false LockArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, user_collateral wo,
        collateral_vault wo, position wo, price ro, authority ro, synthetic_mint wo, recipient_token wo, route wo, peer wo,
        outgoing wo, next_outgoing wo,
    ];
    BURN "Burn" 9 false BurnArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, user_token w,
        synthetic_mint w, route w, peer w, outgoing w, next_outgoing wo,
    ];
    REPAY "Repay" 10 false RepayArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, user_token w,
        synthetic_mint w, position wo,
    ];
    WITHDRAW "Withdraw" 11 false WithdrawArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, authority r,
        collateral_vault w, recipient_collateral w, position w, price ro,
    ];
    REDEEM "Redeem" 12 false RedeemArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, authority r, user_token w,
        synthetic_mint w, collateral_vault wo, recipient_collateral wo, position wo, price ro, recipient_token wo,
        synthetic_vault wo, claimable wo,
    ];
    LIQUIDATE "Liquidate" 13 false LiquidateArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, authority r, user_token w,
        synthetic_mint w, collateral_vault w, user_collateral w, position w, price r, bad_debt wo,
    ];
    COVER "Cover" 14 false CoverArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, user_token w,
        synthetic_mint w, bad_debt w,
    ];
    SET_CONTROLLER "SetController" 15 false SetControllerArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, user s, position w,
    ];
    CLAIM "Claim" 16 false ClaimArgs::FIELDS, [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, user s, authority r, claimable w,
        vault w, recipient_token w, rent_payer w,
    ];
    CLOSE_POSITION "ClosePosition" 17 false &[], [gateway r, position w, rent_payer w];
    EXECUTE "Execute" 18 true &[], [
        gateway w, payer ws, system_program system, page w, next_page w, token_program token, authority r,
    ];
    OPEN_PAGE "OpenPage" 19 false &[], [gateway r, payer ws, system_program system, next_page w];
}
