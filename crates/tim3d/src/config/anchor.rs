//! `[anchor]`, key by key.

use super::{endpoints, model::Anchor, node::Table, secret, text};

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;

pub(super) fn anchor(table: &Table<'_>) -> Option<Anchor> {
    let gateways = endpoints::gateways(table);
    let key = secret::key(table, "key");
    let interval = table.or("interval", text::duration::<{ 10 * SECOND }, { 30 * DAY }>, "1h");
    let confirmations = table.or("confirmations", text::integer::<1, 1_000>, 10_u64);
    let max_fee = table.or("max_fee", text::ar, "0.01 AR");
    let request_timeout = table.or("request_timeout", text::duration::<100, { 60 * SECOND }>, "30s");
    Some(Anchor {
        gateways,
        key: key?,
        interval: interval?,
        confirmations: confirmations?,
        max_fee: max_fee?,
        request_timeout: request_timeout?,
    })
}
