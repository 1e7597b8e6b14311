//! `[chains.NAME]`, key by key.

use std::time::Duration;

use tim3_domain::identity::{Account, ChainId, GatewayId};

use super::{
    endpoints, finality,
    model::{Chain, Family, Kind, Voter},
    node::{Parse, Table},
    secret, submit, text,
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

pub(super) fn chain(name: &str, table: &Table<'_>) -> Option<Chain> {
    let kind = table.required("kind", text::family, "\"ethereum\", \"solana\" or \"ao\"");
    let family = kind.unwrap_or(Family::Ethereum);
    let (chain_id, gateway_account): (Parse<ChainId>, Parse<Account>) = match family {
        Family::Ethereum => (text::chain_id, text::evm_account),
        Family::Solana => (text::solana_chain_id, text::solana_account),
        Family::Ao => (text::ao_chain_id, text::ao_account),
    };
    let chain = table.required("chain", chain_id, "the CAIP-2 name of the chain, for example \"eip155:1\"");
    let account = table.required("gateway", gateway_account, "the address of the gateway");
    let gateway = gateway_id(table, chain.as_ref(), account);
    let endpoints = endpoints::endpoints(table, family);
    let quorums = endpoints::quorums(table, family, &endpoints);
    let finality = table.table("finality", finality::of(family));
    let (poll, timeout, stall, standstill) = match family {
        // Its units are slow, and a process stands still while nobody sends it anything.
        Family::Ao => ("2s", "30s", "2m", "0s"),
        _ => ("1s", "5s", "45s", "5m"),
    };
    let poll_interval = table.or("poll_interval", text::duration::<50, { 10 * MINUTE }>, poll);
    let request_timeout = table.or("request_timeout", text::duration::<100, MINUTE>, timeout);
    let health_interval = table.or("health_interval", text::duration::<SECOND, { 10 * MINUTE }>, "10s");
    let stall_after = table.or("stall_after", text::duration::<SECOND, HOUR>, stall);
    let standstill_after = table.or("standstill_after", text::duration::<0, { 24 * HOUR }>, standstill);
    let mirror = table.or("mirror", text::flag, true);
    let mirror_interval = table.or("mirror_interval", text::duration::<0, HOUR>, "5s");
    let guardian = table.value("guardian").is_some().then(|| secret::key(table, "guardian"));
    // Elsewhere the gateway says itself when it was made, and there are no logs to ask for.
    let (birth, log_range) = match family {
        Family::Ethereum => (
            table.get("birth", text::integer::<0, { u64::MAX }>),
            table.or("log_range", text::integer::<1, 1_000_000>, 2_000_u64),
        ),
        _ => (None, Some(1)),
    };
    let submitted = table.table("submit", submit::of(family));
    let own = match family {
        Family::Ethereum => Some(Kind::Ethereum),
        Family::Solana => solana(table, submitted.as_ref().map(|(_, spending)| *spending)),
        Family::Ao => ao(table),
    };
    kind?;
    let (quorum, arweave_quorum) = quorums?;
    Some(Chain {
        name: name.to_owned(),
        kind: own?,
        chain: chain?,
        account: account?,
        gateway: gateway?,
        birth,
        endpoints,
        quorum,
        arweave_quorum,
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
        submit: submitted?.0,
    })
}

fn solana(table: &Table<'_>, spending: Option<super::model::Spending>) -> Option<Kind> {
    let program = table.required("program", text::solana_account, "the gateway program");
    let lookup_table = table.get("lookup_table", text::solana_account);
    Some(Kind::Solana { program: program?, lookup_table, spending: spending? })
}

fn ao(table: &Table<'_>) -> Option<Kind> {
    let deadline: Option<Duration> = table.or("deadline", text::duration::<SECOND, HOUR>, "5m");
    let resend_after = table.or("resend_after", text::duration::<SECOND, { 24 * HOUR }>, "10m");
    let voters = table.list("voters", voter);
    if table.value("voters").is_none() {
        let what = "the attesters' wallets, for example [{ attester = \"0x…\", wallet = \"…\", key = { … } }]";
        table.missing("voters", what);
    }
    for (index, voter) in voters.iter().enumerate() {
        let shares = |other: &Voter| other.attester == voter.attester || other.wallet == voter.wallet;
        if voters.iter().take(index).any(shares) {
            table.conflict(
                "voters",
                format!("an attester or a wallet for the second time in voters[{index}]"),
                "one wallet for each attester".to_owned(),
                "remove or correct one of them",
            );
        }
    }
    Some(Kind::Ao { deadline: deadline?, voters, resend_after: resend_after? })
}

fn voter(table: &Table<'_>) -> Option<Voter> {
    let attester = table.required("attester", text::evm_account, "the address of the attester on EVM chains");
    let wallet = table.required("wallet", text::ao_account, "the address of the attester's wallet on AO");
    // Of somebody else's wallet there is no key here.
    let key = table.value("key").is_some().then(|| secret::key(table, "key"));
    Some(Voter { attester: attester?, wallet: wallet?, key: key.unwrap_or_default() })
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
