//! `[chains.NAME]` with `profile = "tim3-v1"`, key by key.

use tim3_arweave::Id;

use super::{
    endpoints,
    model::{Family, V1},
    node::Table,
    secret, text,
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;

/// Whether the chain is one of V1 processes. Another profile is reported.
pub(super) fn is_v1(table: &Table<'_>) -> bool {
    table.get("profile", text::profile).unwrap_or_default()
}

pub(super) fn chain(name: &str, table: &Table<'_>) -> Option<V1> {
    if table.required("kind", text::family, "\"ao\"").is_some_and(|family| family != Family::Ao) {
        let expected = "\"ao\", where the processes of profile \"tim3-v1\" are".to_owned();
        table.conflict("kind", "another kind of chain".to_owned(), expected, "correct kind, or remove profile");
    }
    let id = |key, what| table.required(key, text::ao_account, what).map(Id::from);
    let coordinator = id("coordinator", "the process that takes MintTIM3 and BurnTIM3");
    let lock_manager = id("lock_manager", "the process that keeps locks");
    let token_manager = id("token_manager", "the process that is the TIM3 token");
    let state_manager = id("state_manager", "the process that is told of positions");
    let usda = id("usda", "the process that is the collateral token");
    let authority = id("authority", "whose signature makes a message of a process believable");
    let token_decimals = table.or("token_decimals", text::integer::<0, 18>, 6_u64);
    let usda_decimals = table.or("usda_decimals", text::integer::<0, 18>, 6_u64);
    let endpoints = endpoints::endpoints(table, Family::Ao);
    let poll_interval = table.or("poll_interval", text::duration::<50, { 10 * MINUTE }>, "2s");
    let request_timeout = table.or("request_timeout", text::duration::<100, MINUTE>, "30s");
    let health_interval = table.or("health_interval", text::duration::<SECOND, { 10 * MINUTE }>, "10s");
    let stall_after = table.or("stall_after", text::duration::<SECOND, { 60 * MINUTE }>, "2m");
    let deadline = table.or("deadline", text::duration::<SECOND, { 60 * MINUTE }>, "5m");
    let report_after = table.or("report_after", text::duration::<SECOND, DAY>, "10m");
    let stranded_after = table.or("stranded_after", text::duration::<0, DAY>, "10m");
    let signer = table.table("submit", |submit| secret::key(submit, "signer"));
    let decimals = |decimals: u64| u8::try_from(decimals).ok();
    Some(V1 {
        name: name.to_owned(),
        processes: [coordinator?, lock_manager?, token_manager?, state_manager?, usda?],
        authority: authority?,
        token_decimals: decimals(token_decimals?)?,
        usda_decimals: decimals(usda_decimals?)?,
        endpoints,
        poll_interval: poll_interval?,
        request_timeout: request_timeout?,
        health_interval: health_interval?,
        stall_after: stall_after?,
        deadline: deadline?,
        report_after: report_after?,
        stranded_after: stranded_after?,
        signer: signer?,
    })
}
