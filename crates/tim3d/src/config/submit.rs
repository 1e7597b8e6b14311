//! What a submitter is told.

use std::time::Duration;

use super::{
    model::{Family, Spending, Submit},
    node::Table,
    secret, text,
};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

pub(super) fn of(family: Family) -> fn(&Table<'_>) -> Option<(Submit, Spending)> {
    match family {
        Family::Ethereum => submit,
        Family::Solana => submit_solana,
        Family::Ao => submit_ao,
    }
}

/// Where there is no gas, there are no fees that rise, and no nonces that leave gaps.
fn without_gas(signer: secret::KeyRef, max_orders: u64, max_in_flight: u64) -> Option<Submit> {
    Some(Submit {
        signer,
        max_orders: usize::try_from(max_orders).ok()?,
        max_in_flight: usize::try_from(max_in_flight).ok()?,
        escalate_after: Duration::MAX,
        gap_patience: Duration::ZERO,
        max_fee: 0,
        max_tip: 0,
        tip: None,
        max_gas: 0,
    })
}

/// A message on AO costs nothing.
fn submit_ao(table: &Table<'_>) -> Option<(Submit, Spending)> {
    let signer = secret::key(table, "signer");
    let max_orders = table.or("max_orders", text::integer::<1, 100>, 50_u64);
    let max_in_flight = table.or("max_in_flight", text::integer::<1, 1_000>, 8_u64);
    Some((without_gas(signer?, max_orders?, max_in_flight?)?, Spending::default()))
}

/// What a submitter on Solana is told, and what it may spend.
fn submit_solana(table: &Table<'_>) -> Option<(Submit, Spending)> {
    let signer = secret::key(table, "signer");
    let max_orders = table.or("max_orders", text::integer::<1, 32>, 8_u64);
    let max_in_flight = table.or("max_in_flight", text::integer::<1, 1_000>, 32_u64);
    let escalate_after = table.or("escalate_after", text::duration::<SECOND, HOUR>, "30s");
    // In millionths of a lamport for each compute unit.
    let max_price = table.or("max_price", text::integer::<1, 1_000_000_000>, 5_000_000_u64);
    let create_accounts = table.or("create_accounts", text::integer::<0, 1_000_000>, 500_u64);
    let submit = Submit { escalate_after: escalate_after?, ..without_gas(signer?, max_orders?, max_in_flight?)? };
    Some((submit, Spending { max_price: max_price?, create_accounts: u32::try_from(create_accounts?).ok()? }))
}

fn submit(table: &Table<'_>) -> Option<(Submit, Spending)> {
    let signer = secret::key(table, "signer");
    let max_orders = table.or("max_orders", text::integer::<1, 1_000>, 100_u64);
    let max_in_flight = table.or("max_in_flight", text::integer::<1, 1_000>, 16_u64);
    let escalate_after = table.or("escalate_after", text::duration::<SECOND, HOUR>, "30s");
    let gap_patience = table.or("gap_patience", text::duration::<100, HOUR>, "5s");
    let max_fee = table.or("max_fee", text::gas_price, "500 gwei");
    let max_tip = table.or("max_tip", text::gas_price, "10 gwei");
    let tip = table.get("tip", text::gas_price);
    let max_gas = table.or("max_gas", text::integer::<200_000, 1_000_000_000>, 16_000_000_u64);
    let (max_fee, max_tip) = (max_fee?, max_tip?);
    let bound = |key: &'static str, price: u128, at_most: &str, bound: u128| {
        if price > bound {
            let expected = format!("at most {at_most}, {bound} wei");
            table.conflict(key, format!("{price} wei"), expected, &format!("lower {key} or raise {at_most}"));
        }
    };
    bound("max_tip", max_tip, "max_fee", max_fee);
    bound("tip", tip.unwrap_or_default(), "max_tip", max_tip);
    let submit = Submit {
        signer: signer?,
        max_orders: usize::try_from(max_orders?).ok()?,
        max_in_flight: usize::try_from(max_in_flight?).ok()?,
        escalate_after: escalate_after?,
        gap_patience: gap_patience?,
        max_fee,
        max_tip,
        tip,
        max_gas: max_gas?,
    };
    Some((submit, Spending::default()))
}
