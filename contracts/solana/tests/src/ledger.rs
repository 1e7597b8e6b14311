//! What a gateway reported, read from its pages as an adapter would, and what must hold at every moment.

use tim3_domain::{
    identity::GatewayId,
    protocol::{Event, EventBody, Head, Operation},
    word::Word,
};
use tim3_solana_interface::{
    accounts::{EventPage, Gateway},
    limits::EVENT_PAGE_BYTES,
};

use crate::{
    site::{Site, TIM3, USDA, WETH},
    token,
    world::World,
};

/// Reads the events of a gateway from its pages, and proves them: sequences are dense, hashes chain, the last one is the gateway's.
pub fn events(world: &World, site: &Site) -> Vec<Event> {
    let (mut head, mut events) = (Head::genesis(site.id), vec![]);
    let current = site.read(world, |gateway| gateway.page());
    for number in 0..=current {
        let data = world.data(&site.events_at(number));
        if data.is_empty() {
            assert_eq!(head, site.head(world), "the gateway tells of events that are in no page");
            return events;
        }
        assert_eq!(data.len(), EVENT_PAGE_BYTES);
        let page = EventPage::new(&data[..]).unwrap();
        assert_eq!((page.page(), page.gateway()), (number, site.gateway.to_bytes()));
        // A page made ahead of its use learns what is before it when its first record comes.
        if page.records() > 0 {
            assert_eq!((page.first(), Word(page.before())), (head.count, head.hash), "page {number}");
        }
        let records: Vec<_> = page.iter().collect();
        assert_eq!(records.len(), usize::try_from(page.records()).unwrap(), "page {number}");
        for record in records {
            let words = site.read(world, |gateway| record.body(&gateway.dictionary()).unwrap());
            let words: Vec<Word> = words[..usize::from(record.words)].iter().map(|word| Word(*word)).collect();
            let body = EventBody::decode(record.kind, &words).unwrap();
            let event = Event { sequence: record.sequence, timestamp: record.timestamp, body };
            head = head.after(&event).expect("sequences are dense");
            events.push(event);
        }
    }
    assert_eq!(head, site.head(world), "the running hash is that of the records");
    events
}

/// The last event, believed without its predecessors.
#[track_caller]
pub fn last(world: &World, site: &Site) -> EventBody {
    let current = site.read(world, |gateway| gateway.page());
    let data = world.data(&site.events_at(current));
    let page = EventPage::new(&data[..]).expect("no page");
    let record = page.iter().last().expect("no event");
    let words = site.read(world, |gateway| record.body(&gateway.dictionary()).unwrap());
    let words: Vec<Word> = words[..usize::from(record.words)].iter().map(|word| Word(*word)).collect();
    EventBody::decode(record.kind, &words).unwrap()
}

/// The operation that the last event started.
#[track_caller]
pub fn started(world: &World, site: &Site) -> Operation {
    let operation = last(world, site).started().expect("the last event started no operation").clone();
    let recorded = site.outgoing(world, operation.destination, operation.nonce);
    assert_eq!(recorded, operation.id().0, "the gateway's own record of the operation");
    operation
}

/// The law of one gateway, what its tokens must cover, and that its events are those of its hash.
#[track_caller]
pub fn check(world: &World, site: &Site, peers: &[GatewayId]) -> Vec<Event> {
    let totals = site.totals(world);
    let signed = |value: u128| i128::try_from(value).unwrap();
    let way = peers.iter().map(|peer| site.peer_totals(world, *peer));
    let out: i128 = way.map(|way| signed(way.sent) - signed(way.refunded) - signed(way.settled)).sum();
    assert_eq!(
        signed(totals.debt) + signed(totals.bad_debt) - signed(totals.minted) + signed(totals.burned),
        out,
        "conservation at one gateway: {totals:?}"
    );
    assert_eq!(totals.debt, site.reserve(world).debt + site.vault_totals(world).debt, "debt is that of the markets");
    assert_eq!(totals.pending, 0);

    // Nobody but the gateway mints; holders may burn, which none of these tests does.
    let supply = u128::from(token::supply(&world.account(&site.mints[0]).unwrap()));
    assert_eq!(supply, totals.minted - totals.burned, "supply");
    assert!(u128::from(world.balance(&site.vaults[0])) >= totals.claimable, "custody of claimable synthetic");
    covers(world, site, USDA, site.reserve(world).collateral);
    covers(world, site, WETH, site.vault_totals(world).collateral);
    events(world, site)
}

/// The vault of a collateral holds what is recorded and what waits to be claimed.
#[track_caller]
fn covers(world: &World, site: &Site, asset: u8, recorded: u128) {
    let vault = u128::from(world.balance(&site.vaults[usize::from(asset)]));
    // Compared in the finer of the two units, so that nothing is rounded.
    let (held, needed) = site.read(world, |gateway| {
        let asset = gateway.asset(asset).unwrap();
        let (canonical, native) = (u32::from(asset.decimals()), u32::from(asset.native_decimals()));
        let needed = (recorded + asset.claimable()) * 10_u128.pow(native.saturating_sub(canonical));
        (vault * 10_u128.pow(canonical.saturating_sub(native)), needed)
    });
    assert!(held >= needed, "the vault of asset {asset} holds {held}, {needed} are recorded or wait to be claimed");
}

/// Bytes of the gateway account, to see that nothing changed.
pub fn gateway_bytes(world: &World, site: &Site) -> Vec<u8> {
    let data = world.data(&site.gateway);
    assert!(Gateway::new(&data[..]).is_ok() && TIM3 == 0);
    data
}
