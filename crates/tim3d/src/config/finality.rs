//! When a block of a chain is final.

use super::{
    model::{Family, Finality, Policy},
    node::Table,
    text,
};

pub(super) fn of(family: Family) -> fn(&Table<'_>) -> Option<Finality> {
    match family {
        Family::Ethereum => finality,
        Family::Solana => finalized,
        Family::Ao => confirmed,
    }
}

fn finality(table: &Table<'_>) -> Option<Finality> {
    let policy = table.or("policy", text::policy, "finalized");
    let depth = table.get("depth", text::integer::<1, 1_000_000>);
    let tiers = tiers(table);
    let policy = policy?;
    let base = match (policy, depth) {
        (Policy::Depth, None) => {
            if table.value("depth").is_none() {
                table.missing("depth", "how many blocks below the head are final, because policy is \"depth\"");
            }
            0
        }
        (Policy::Finalized | Policy::Safe, Some(depth)) => {
            let remedy = "remove depth, or set policy = \"depth\"";
            table.conflict(
                "depth",
                depth.to_string(),
                "no depth, because the policy is not \"depth\"".to_owned(),
                remedy,
            );
            0
        }
        (_, depth) => depth.unwrap_or_default(),
    };
    in_order(table, &tiers, base);
    Some(Finality { policy, depth: base, tiers })
}

/// Solana says itself what is final; tiers only wait longer.
fn finalized(table: &Table<'_>) -> Option<Finality> {
    let tiers = tiers(table);
    in_order(table, &tiers, 0);
    Some(Finality { policy: Policy::Finalized, depth: 0, tiers })
}

/// On AO so many blocks of Arweave lie on the assignment of a message; with none, its scheduler is believed at once.
fn confirmed(table: &Table<'_>) -> Option<Finality> {
    let depth = table.or("depth", text::integer::<0, 1_000_000>, 10_u64);
    let tiers = tiers(table);
    let depth = depth?;
    if depth == 0 && tiers.is_empty() {
        table.conflict(
            "depth",
            "0, which takes the scheduler's word for any amount".to_owned(),
            "tiers that cap what its word is good for".to_owned(),
            "give tiers, or a depth above 0",
        );
    }
    in_order(table, &tiers, depth);
    Some(Finality { policy: Policy::Depth, depth, tiers })
}

fn tiers(table: &Table<'_>) -> Vec<(u128, u64)> {
    table.list("tiers", |tier| {
        let from = tier.required(
            "from",
            text::tokens,
            "the amount in tokens from which this tier holds, for example \"100000\"",
        );
        let depth = tier.required("depth", text::integer::<1, 1_000_000>, "how many blocks below the head are final");
        Some((from?, depth?))
    })
}

fn in_order(table: &Table<'_>, tiers: &[(u128, u64)], base: u64) {
    let mut last = (0, base);
    for tier in tiers {
        if tier.0 <= last.0 || tier.1 <= last.1 {
            let expected = format!("amounts and depths that rise from tier to tier, above depth {base}");
            table.conflict(
                "tiers",
                "tiers out of order".to_owned(),
                expected,
                "more value has to wait longer: sort them",
            );
            break;
        }
        last = *tier;
    }
}
