//! What users do.

mod burn;
mod claim;
mod debt;
mod liquidate;
mod lock;
mod redeem;
mod withdraw;

pub(crate) use burn::burn;
pub(crate) use claim::claim;
pub(crate) use debt::{cover, repay};
pub(crate) use liquidate::liquidate;
pub(crate) use lock::lock;
pub(crate) use redeem::redeem;
pub(crate) use withdraw::{close_position, set_controller, withdraw};
