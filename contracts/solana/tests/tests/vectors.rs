//! The golden vectors of `contracts/vectors.json` against what the program computes and stores: it takes the place of the vectors' gateways,
//! with their identities, epochs and signers, and executes their orders with their signatures.

use serde_json::Value;
use solana_account::Account;
use solana_address::Address;
use tim3_domain::{
    identity::GatewayId,
    protocol::{Action, Event, EventBody, Head, MirrorRecord, Operation, Order, OrderContent},
    word::{Word, WordReader, words_of},
};
use tim3_solana_interface::{
    GatewayError,
    accounts::{Gateway, OutgoingPage},
    instruction::{OrderResult, Role},
    protocol::code,
    seeds,
};
use tim3_solana_tests::{Signed, Site, World, ledger, site::TIM3, token, world::holder};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../vectors.json")).unwrap()
}

fn word(value: &Value) -> Word {
    value.as_str().unwrap().parse().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().strip_prefix("0x").unwrap();
    (0..text.len() / 2).map(|index| u8::from_str_radix(&text[index * 2..][..2], 16).unwrap()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn operation(words: &[Word]) -> Operation {
    Operation::read(&mut WordReader::new(words)).unwrap()
}

/// The order of a vector, its words as the domain reads them.
fn order(vector: &Value) -> Option<Order> {
    let words = words_of("order", &bytes(&vector["words"])).unwrap();
    let action = match number(&vector["action"]) {
        1 => Action::Mint,
        2 => Action::Release,
        3 => Action::Void,
        4 => Action::Refund,
        5 => Action::Conflict,
        6 => Action::Mirror,
        _ => return None, // Resend is not for this chain
    };
    let content = match action {
        Action::Conflict => OrderContent::Conflict {
            operation: operation(&words),
            orphan: words[14].into(),
            market: words[15].into(),
            orphan_amount: words[16].to_u128().unwrap(),
        },
        Action::Mirror => OrderContent::Mirror(MirrorRecord::read(&mut WordReader::new(&words)).unwrap()),
        _ => OrderContent::Operation(operation(&words)),
    };
    Some(Order { action, gateway: word(&vector["gateway"]).into(), epoch: number(&vector["epoch"]), content })
}

/// The gateway `site` in the identity of a vector's, with its signers.
fn stand_in(world: &mut World, site: &Site, vector: &Value) -> Site {
    let id = GatewayId(word(&vector["gateway"]));
    let mut signers: Vec<[u8; 20]> =
        vector["signatures"].as_array().unwrap().iter().map(|one| bytes(&one["address"]).try_into().unwrap()).collect();
    signers.sort_unstable();
    let mut account = world.account(&site.gateway).unwrap();
    let mut gateway = Gateway::new(&mut account.data[..]).unwrap();
    gateway.set_id(id.0.0);
    gateway.set_domain(id.domain_separator().0);
    gateway.set_epoch(number(&vector["epoch"]));
    gateway.set_threshold(signers.len().try_into().unwrap());
    gateway.set_signers(&signers);
    // A gateway with another past: its hash begins anew.
    gateway.set_count(0);
    gateway.set_hash(id.0.0);
    gateway.set_page(0);
    let empty = Account::default();
    for page in 0..2 {
        world.set(&site.events_at(page), empty.clone());
    }
    world.set(&site.gateway, account);
    Site { id, ..site.clone() }
}

#[test]
fn identities_are_those_of_the_vectors() {
    let all = vectors();
    for vector in all["gateways"].as_array().unwrap() {
        let id = GatewayId::derive(
            &vector["caip2"].as_str().unwrap().parse().unwrap(),
            word(&vector["account"]).into(),
            word(&vector["salt"]),
        );
        assert_eq!((id.0, id.domain_separator()), (word(&vector["id"]), word(&vector["domainSeparator"])));
    }
    // What the program derived itself, at addresses that no vector can name.
    let (world, home, _) = World::with_gateways();
    home.read(&world, |gateway| {
        assert_eq!((gateway.id(), gateway.domain()), (home.id.0.0, home.id.domain_separator().0));
        let symbols = all["assets"].as_array().unwrap();
        for (index, name) in ["TIM3", "USDA", "WETH"].iter().enumerate() {
            let asset = gateway.asset(index.try_into().unwrap()).unwrap();
            for vector in symbols.iter().filter(|vector| vector["symbol"] == **name) {
                assert_eq!(asset.id(), word(&vector["id"]).0);
            }
        }
    });
}

#[test]
fn the_vectors_orders_are_executed_with_their_own_signatures() {
    let mut executed = vec![];
    for vector in vectors()["orders"].as_array().unwrap() {
        let Some(order) = order(vector) else { continue };
        assert_eq!(order.digest(), word(&vector["digest"]));
        let (mut world, home, _) = World::with_gateways();
        let site = stand_in(&mut world, &home, vector);
        let mut pairs: Vec<([u8; 20], [u8; 65])> = vector["signatures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (bytes(&one["address"]).try_into().unwrap(), bytes(&one["signature"]).try_into().unwrap()))
            .collect();
        pairs.sort_unstable();
        let signatures: Vec<[u8; 65]> = pairs.iter().map(|(_, signature)| *signature).collect();
        let accounts = site.order_accounts(&order);
        let signed = Signed { order: order.clone(), signatures: signatures.clone(), accounts };
        let signed = prepare(&mut world, &site, signed);

        // One byte of the content changed: the signatures are of nobody.
        let mut spoiled = signed.clone();
        spoiled.signatures[0][3] ^= 1;
        let [result] = world.execute(&site, &[spoiled])[..] else { panic!() };
        assert_eq!(result.code, code::REJECTED);
        let [result] = world.execute(&site, std::slice::from_ref(&signed))[..] else { panic!() };
        assert_eq!(result, OrderResult { code: code::DONE, reason: None }, "{:?}", order.action);
        executed.push(order.action);
        if let Some(operation) = order.operation() {
            let outcome = ledger::events(&world, &site).iter().find_map(|event| event.body.outcome().copied()).unwrap();
            assert_eq!(outcome.operation, operation.id());
            let [again] = world.execute(&site, &[signed])[..] else { panic!() };
            assert_eq!(again.reason, Some(GatewayError::AlreadyDone));
        }
    }
    assert!(executed.len() >= 5, "{executed:?}");
}

/// What a vector's order finds at its gateway: the markets, positions and records it is about.
fn prepare(world: &mut World, site: &Site, signed: Signed) -> Signed {
    let Some(operation) = signed.order.operation().cloned() else { return signed };
    let mut account = world.account(&site.gateway).unwrap();
    let mut gateway = Gateway::new(&mut account.data[..]).unwrap();
    // The market of the operation is the first one here; what is owed there is what it repays.
    if !operation.market.is_zero() {
        let vault = operation.owner.0 != operation.market.0;
        let number = u8::from(vault);
        let mut market = gateway.market_mut(number).unwrap();
        market.set_id(operation.market.0.0);
        if !vault {
            market.set_total_debt(operation.amount);
            market.set_total_collateral(operation.amount);
        }
        let mut asset = gateway.asset_mut(TIM3).unwrap();
        asset.set_debt(if vault { 0 } else { operation.amount });
        asset.set_id(operation.asset.0.0);
    }
    world.set(&site.gateway, account);
    world.set(&site.vaults[1], token::holding(&site.mints[1], &site.authority, u64::MAX / 2));
    let mut site = site.clone();
    if !operation.market.is_zero() {
        site.markets[usize::from(operation.owner.0 != operation.market.0)] = operation.market;
    }
    if operation.origin == site.id {
        // The gateway's own record of what it sent.
        let at = site.outgoing_at(operation.destination, OutgoingPage::of(operation.nonce).unwrap());
        let mut data = vec![0; OutgoingPage::LENGTH];
        let mut page = OutgoingPage::create(&mut data[..]).unwrap();
        page.set_gateway(site.gateway.to_bytes());
        page.set_peer(operation.destination.0.0);
        page.set_page(OutgoingPage::of(operation.nonce).unwrap());
        let (gateway, page_number) =
            (site.gateway.to_bytes(), OutgoingPage::of(operation.nonce).unwrap().to_le_bytes());
        let seeds = seeds::outgoing(&gateway, &operation.destination.0.0, &page_number);
        page.set_bump(Address::find_program_address(&seeds, &site.program).1);
        page.set_operation(operation.nonce, &operation.id().0.0);
        world.set(
            &at,
            Account { lamports: 100_000_000, data, owner: site.program, executable: false, rent_epoch: u64::MAX },
        );
    }
    let accounts = site.order_accounts(&signed.order);
    for paid in [operation.recipient, operation.refund_to] {
        let wallet = Address::from(paid.0.0);
        for (asset, mint) in site.mints.iter().enumerate() {
            let _ = holder(&wallet);
            let account = site.wallet(&wallet, asset.try_into().unwrap());
            world.set(&account, token::holding(mint, &wallet, 0));
        }
    }
    Signed { accounts, ..signed }.without(Role::Claimable)
}

#[test]
fn every_events_record_comes_back_as_its_words_and_hash() {
    // The forms that the program appends are those of the interface; their words and hashes those of the vectors.
    for vector in vectors()["events"].as_array().unwrap() {
        let words = words_of("body", &bytes(&vector["body"])).unwrap();
        let kind = u8::try_from(number(&vector["kind"])).unwrap();
        let body = EventBody::decode(kind, &words).unwrap();
        assert_eq!(body.words(), words);
        let event = Event { sequence: number(&vector["sequence"]), timestamp: number(&vector["timestamp"]), body };
        let before = Head { count: event.sequence, hash: word(&vector["before"]) };
        assert_eq!(before.after(&event).unwrap().hash, word(&vector["after"]));

        let plain: Vec<[u8; 32]> = words.iter().map(|word| word.0).collect();
        let mut data = vec![0; tim3_solana_interface::limits::EVENT_PAGE_BYTES];
        let mut page = tim3_solana_interface::accounts::EventPage::create(&mut data[..]).unwrap();
        page.set_first(event.sequence);
        let known = tim3_solana_interface::words::Dictionary::new(&[]);
        let mut compact = vec![0; plain.len() * 33];
        let length = tim3_solana_interface::words::compress(&plain, &known, &mut compact).unwrap();
        page.append(kind, plain.len().try_into().unwrap(), event.timestamp, 1, &compact[..length]).unwrap();
        let record = page.iter().next().unwrap();
        assert_eq!(record.body(&known).unwrap()[..plain.len()], plain);
    }
}
