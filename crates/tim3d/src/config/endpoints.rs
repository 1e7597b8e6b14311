//! The endpoints of a chain, and how many of them must agree.

use tim3_rpc::{Rate, SecretUrl};

use super::{
    model::{Endpoint, Family, Unit, UrlRef},
    node::{Parse, Table},
    secret, text,
};

pub(super) fn endpoints(table: &Table<'_>, family: Family) -> Vec<Endpoint> {
    let what = match family {
        Family::Ao => "endpoints of each unit, for example [{ unit = \"cu\", url = \"http://127.0.0.1:6363\" }, …]",
        _ => "at least one endpoint, for example [{ url = \"http://127.0.0.1:8545\" }]",
    };
    let endpoints = some(table, "endpoints", what, |endpoint| self::endpoint(endpoint, family));
    let given = match table.value("endpoints").map(|value| &value.kind) {
        Some(config::ValueKind::Array(list)) => list.len(),
        _ => 0,
    };
    if family == Family::Ao && given > 0 && given == endpoints.len() {
        each_unit(table, &endpoints);
    }
    endpoints
}

/// Gateways of Arweave alone.
pub(super) fn gateways(table: &Table<'_>) -> Vec<Endpoint> {
    let what = "at least one gateway of Arweave, for example [{ url = \"https://arweave.example\" }]";
    some(table, "gateways", what, |gateway| located(gateway, None, None))
}

fn some(
    table: &Table<'_>,
    key: &'static str,
    what: &str,
    read: impl FnMut(&Table<'_>) -> Option<Endpoint>,
) -> Vec<Endpoint> {
    let endpoints = table.list(key, read);
    match table.value(key).map(|value| &value.kind) {
        None => table.missing(key, what),
        Some(config::ValueKind::Array(list)) if list.is_empty() => {
            table.conflict(key, "an empty list".to_owned(), what.to_owned(), "add one");
        }
        Some(_) => {}
    }
    distinct(table, key, &endpoints);
    endpoints
}

/// A message has to be sent, ordered and evaluated, and to lie on Arweave.
fn each_unit(table: &Table<'_>, endpoints: &[Endpoint]) {
    let missing: Vec<_> = Unit::ALL.iter().filter(|unit| of_unit(endpoints, **unit).next().is_none()).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.into_iter().map(|unit| format!("{:?}", unit.name())).collect();
        let found = format!("no endpoint with unit = {}", names.join(" or "));
        table.conflict("endpoints", found, "at least one of each unit".to_owned(), "add it");
    }
}

fn of_unit(endpoints: &[Endpoint], unit: Unit) -> impl Iterator<Item = &Endpoint> {
    endpoints.iter().filter(move |endpoint| endpoint.unit == Some(unit))
}

fn distinct(table: &Table<'_>, key: &'static str, endpoints: &[Endpoint]) {
    for (index, endpoint) in endpoints.iter().enumerate() {
        let mut before = endpoints.iter().take(index);
        if before.clone().any(|other| (other.unit, &other.url) == (endpoint.unit, &endpoint.url)) {
            let found = format!("the URL of {:?} twice", endpoint.name);
            table.conflict(
                key,
                found,
                "different endpoints, because each has a voice in the quorum".to_owned(),
                "remove one",
            );
        } else if before.any(|other| other.name == endpoint.name) {
            let found = format!("two endpoints named {:?}", endpoint.name);
            table.conflict(key, found, "different names".to_owned(), "give one of them a name = \"…\" of its own");
        }
    }
}

fn endpoint(table: &Table<'_>, family: Family) -> Option<Endpoint> {
    // There is nothing to subscribe to on AO.
    let (unit, ws) = match family {
        Family::Ao => {
            (Some(table.required("unit", text::unit, "which unit it is: \"mu\", \"su\", \"cu\" or \"arweave\"")), None)
        }
        _ => (None, self::url(table, "ws", text::websocket_url)),
    };
    located(table, unit, ws)
}

/// What every endpoint has; `unit` is `Some(None)` where it was wrong.
fn located(table: &Table<'_>, unit: Option<Option<Unit>>, ws: Option<UrlRef>) -> Option<Endpoint> {
    let url = url(table, "url", text::http_url);
    if table.value("url").is_none() {
        table.missing(
            "url",
            "the URL of the endpoint, for example \"http://127.0.0.1:8545\", or { env = \"NAME\" } if it carries a key",
        );
    }
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
    let unit = match unit {
        Some(unit) => Some(unit?),
        None => None,
    };
    let name = name.unwrap_or_else(|| match unit {
        Some(unit) => format!("{} {}", unit.name(), url.host()),
        None => url.host(),
    });
    Some(Endpoint { name, unit, url, ws, priority: u32::try_from(priority?).ok()?, rate })
}

/// A URL in plain, which is shown redacted, or the place of one.
pub(super) fn url(table: &Table<'_>, key: &'static str, parse: Parse<SecretUrl>) -> Option<UrlRef> {
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

/// How many endpoints must agree; on AO, how many compute units, and how many gateways of Arweave.
pub(super) fn quorums(table: &Table<'_>, family: Family, endpoints: &[Endpoint]) -> Option<(usize, Option<usize>)> {
    if family != Family::Ao {
        return Some((
            quorum(table, "quorum", "endpoints of this chain", &endpoints.iter().collect::<Vec<_>>())?,
            None,
        ));
    }
    let of = |unit| of_unit(endpoints, unit).collect::<Vec<_>>();
    let units = quorum(table, "quorum", "compute units", &of(Unit::Cu));
    let gateways = quorum(table, "arweave_quorum", "gateways of Arweave", &of(Unit::Arweave));
    Some((units?, Some(gateways?)))
}

fn quorum(table: &Table<'_>, key: &'static str, of: &str, endpoints: &[&Endpoint]) -> Option<usize> {
    let count = endpoints.len();
    let majority = u64::try_from(count / 2).ok()?.saturating_add(1);
    let quorum = usize::try_from(table.or(key, text::integer::<1, 100>, majority)?).ok()?;
    if quorum > count && count > 0 {
        let expected = format!("1 to {count}, the number of {of}");
        table.conflict(key, quorum.to_string(), expected, "add endpoints or lower the quorum");
    }
    let is_local = |endpoint: &&Endpoint| matches!(&endpoint.url, UrlRef::Plain(url) if is_loopback(url));
    if quorum == 1 && !endpoints.iter().all(is_local) {
        table.warn(
            key,
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
