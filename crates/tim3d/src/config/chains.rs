//! `[chains.NAME]`, key by key.

use std::time::Duration;

use tim3_domain::identity::{Account, ChainId, GatewayId};
use tim3_rpc::{Rate, SecretUrl};

use super::{
    model::{Chain, Endpoint, Finality, Kind, Policy, Spending, Submit, UrlRef},
    node::{Parse, Table},
    secret, text,
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

pub(super) fn chain(name: &str, table: &Table<'_>) -> Option<Chain> {
    let kind = table.required("kind", text::chain_kind, "\"ethereum\" or \"solana\"");
    let solana = kind == Some(true);
    let (chain_id, gateway_account): (Parse<ChainId>, Parse<Account>) =
        if solana { (text::solana_chain_id, text::solana_account) } else { (text::chain_id, text::evm_account) };
    let chain = table.required("chain", chain_id, "the CAIP-2 name of the chain, for example \"eip155:1\"");
    let account = table.required("gateway", gateway_account, "the address of the gateway");
    let program = if solana { table.required("program", text::solana_account, "the gateway program") } else { None };
    let lookup_table = if solana { table.get("lookup_table", text::solana_account) } else { None };
    let gateway = gateway_id(table, chain.as_ref(), account);
    // A gateway on Solana says itself when it was made.
    let birth = if solana { None } else { table.get("birth", text::integer::<0, { u64::MAX }>) };
    let endpoints = endpoints(table);
    let quorum = quorum(table, &endpoints);
    let finality = table.table("finality", if solana { finalized } else { finality });
    let poll_interval = table.or("poll_interval", text::duration::<50, { 10 * MINUTE }>, "1s");
    let request_timeout = table.or("request_timeout", text::duration::<100, MINUTE>, "5s");
    let health_interval = table.or("health_interval", text::duration::<SECOND, { 10 * MINUTE }>, "10s");
    let stall_after = table.or("stall_after", text::duration::<SECOND, HOUR>, "45s");
    let standstill_after = table.or("standstill_after", text::duration::<0, { 24 * HOUR }>, "5m");
    let log_range = if solana { Some(1) } else { table.or("log_range", text::integer::<1, 1_000_000>, 2_000_u64) };
    let mirror = table.or("mirror", text::flag, true);
    let mirror_interval = table.or("mirror_interval", text::duration::<0, HOUR>, "5s");
    let guardian = table.value("guardian").is_some().then(|| secret::key(table, "guardian"));
    let submitted = table.table("submit", if solana { submit_solana } else { submit });
    kind?;
    let (submit, spending) = submitted?;
    Some(Chain {
        name: name.to_owned(),
        kind: if solana { Kind::Solana { program: program?, lookup_table, spending } } else { Kind::Ethereum },
        chain: chain?,
        account: account?,
        gateway: gateway?,
        birth,
        endpoints,
        quorum: quorum?,
        finality: finality?,
        poll_interval: poll_interval?,
        request_timeout: request_timeout?,
        health_interval: health_interval?,
        stall_after: stall_after?,
        standstill_after: standstill_after?,
        log_range: log_range?,
        mirror: mirror?,
        mirror_interval: mirror_interval?,
        guardian: guardian.unwrap_or_default(),
        submit,
    })
}

fn gateway_id(table: &Table<'_>, chain: Option<&ChainId>, account: Option<Account>) -> Option<GatewayId> {
    const WHAT: &str = "gateway_id, or the gateway_salt it was deployed with: what tells it from another deployment";
    match table.one_of(&["gateway_id", "gateway_salt"]).ok()? {
        Some(("gateway_id", _)) => table.get("gateway_id", text::gateway_id),
        Some(_) => {
            table.get("gateway_salt", text::word).and_then(|salt| Some(GatewayId::derive(chain?, account?, salt)))
        }
        None => {
            table.missing("gateway_id", WHAT);
            None
        }
    }
}

fn endpoints(table: &Table<'_>) -> Vec<Endpoint> {
    const WHAT: &str = "at least one endpoint, for example [{ url = \"http://127.0.0.1:8545\" }]";
    let endpoints = table.list("endpoints", endpoint);
    match table.value("endpoints").map(|value| &value.kind) {
        None => table.missing("endpoints", WHAT),
        Some(config::ValueKind::Array(list)) if list.is_empty() => {
            table.conflict("endpoints", "an empty list".to_owned(), WHAT.to_owned(), "add one");
        }
        Some(_) => {}
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        let before = endpoints.iter().take(index);
        if before.clone().any(|other| other.url == endpoint.url) {
            let found = format!("the URL of {:?} twice", endpoint.name);
            table.conflict(
                "endpoints",
                found,
                "different endpoints, because each has a voice in the quorum".to_owned(),
                "remove one",
            );
        } else if before.clone().any(|other| other.name == endpoint.name) {
            let found = format!("two endpoints named {:?}", endpoint.name);
            table.conflict(
                "endpoints",
                found,
                "different names".to_owned(),
                "give one of them a name = \"…\" of its own",
            );
        }
    }
    endpoints
}

fn endpoint(table: &Table<'_>) -> Option<Endpoint> {
    let url = url(table, "url", text::http_url);
    if table.value("url").is_none() {
        table.missing(
            "url",
            "the URL of the endpoint, for example \"http://127.0.0.1:8545\", or { env = \"NAME\" } if it carries a key",
        );
    }
    let ws = url_optional(table);
    let name = table.get("name", text::text);
    let priority = table.or("priority", text::integer::<0, 1_000>, 0_u64);
    let per_second = table.get("requests_per_second", text::integer::<1, 1_000_000>);
    let burst = table.get("burst", text::integer::<1, 1_000_000>);
    if burst.is_some() && per_second.is_none() {
        table.missing("requests_per_second", "the rate that burst goes with");
    }
    let url = url?;
    let rate = per_second.and_then(|rate| {
        Some(Rate { per_second: u32::try_from(rate).ok()?, burst: u32::try_from(burst.unwrap_or(rate)).ok()? })
    });
    Some(Endpoint { name: name.unwrap_or_else(|| url.host()), url, ws, priority: u32::try_from(priority?).ok()?, rate })
}

fn url_optional(table: &Table<'_>) -> Option<UrlRef> {
    url(table, "ws", text::websocket_url)
}

/// A URL in plain, which is shown redacted, or the place of one.
fn url(table: &Table<'_>, key: &'static str, parse: Parse<SecretUrl>) -> Option<UrlRef> {
    if matches!(table.value(key)?.kind, config::ValueKind::Table(_)) {
        return secret::secret(table, key).map(UrlRef::Secret);
    }
    table.get_shown(key, parse, |url| format!("\"{url}\"")).map(UrlRef::Plain)
}

impl UrlRef {
    /// A name for whoever gave none: host and port, or where the URL is kept.
    fn host(&self) -> String {
        match self {
            Self::Plain(url) => {
                let url = url.expose();
                let host = url.host_str().unwrap_or_default();
                url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
            }
            Self::Secret(place) => place.to_string(),
        }
    }
}

fn quorum(table: &Table<'_>, endpoints: &[Endpoint]) -> Option<usize> {
    let count = endpoints.len();
    let majority = u64::try_from(count / 2).ok()?.saturating_add(1);
    let quorum = usize::try_from(table.or("quorum", text::integer::<1, 100>, majority)?).ok()?;
    if quorum > count && count > 0 {
        table.conflict(
            "quorum",
            quorum.to_string(),
            format!("1 to {count}, the number of endpoints of this chain"),
            "add endpoints or lower the quorum",
        );
    }
    let is_local = |endpoint: &Endpoint| matches!(&endpoint.url, UrlRef::Plain(url) if is_loopback(url));
    if quorum == 1 && !endpoints.iter().all(is_local) {
        table.warn(
            "quorum",
            "1".to_owned(),
            "2 or more, because a single endpoint that lies can then have anything signed".to_owned(),
            "add endpoints of other providers, or use a node of your own",
        );
    }
    Some(quorum)
}

fn is_loopback(url: &SecretUrl) -> bool {
    let host = url.expose().host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
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

/// What a submitter on Solana is told, and what it may spend.
fn submit_solana(table: &Table<'_>) -> Option<(Submit, Spending)> {
    let signer = secret::key(table, "signer");
    let max_orders = table.or("max_orders", text::integer::<1, 32>, 8_u64);
    let max_in_flight = table.or("max_in_flight", text::integer::<1, 1_000>, 32_u64);
    let escalate_after = table.or("escalate_after", text::duration::<SECOND, HOUR>, "30s");
    // In millionths of a lamport for each compute unit.
    let max_price = table.or("max_price", text::integer::<1, 1_000_000_000>, 5_000_000_u64);
    let create_accounts = table.or("create_accounts", text::integer::<0, 1_000_000>, 500_u64);
    let submit = Submit {
        signer: signer?,
        max_orders: usize::try_from(max_orders?).ok()?,
        max_in_flight: usize::try_from(max_in_flight?).ok()?,
        escalate_after: escalate_after?,
        // There is no gas, and there are no nonces that leave gaps.
        gap_patience: Duration::ZERO,
        max_fee: 0,
        max_tip: 0,
        tip: None,
        max_gas: 0,
    };
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
