//! What is written is read again, hostile bytes give errors, and layouts do not overlap.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what went wrong by panicking"
)]

use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    accounts::{
        Asset, BadDebt, Change, Claimable, EventPage, Gateway, Market, Mirror, MirrorHome, OutgoingPage, Peer,
        Position, Route, SlotPage, Window,
    },
    external::PriceUpdate,
    instruction::{
        Call, INSTRUCTIONS, Instruction, LockArgs, OrderArgs, OrderResult, OrderView, Orders, Role, SkipHint,
        encode_orders,
    },
    limits,
    protocol::{action, slot},
    words::{Dictionary, compress, expand, of_u128, to_u8, to_u64, to_u128},
};

fn id(seed: u8) -> Word {
    let mut word = [seed; 32];
    word[0] = seed.wrapping_add(1).max(1);
    word
}

fn address(seed: u8) -> Word {
    let mut word = ZERO;
    word[12..].fill(seed);
    word
}

fn operation() -> [Word; 14] {
    let (market, amount) = (id(5), of_u128(100_000_000));
    [
        of_u128(1),
        id(1),
        id(2),
        of_u128(70_000),
        id(3),
        market,
        market,
        address(9),
        address(9),
        id(77),
        amount,
        of_u128(150_000),
        amount,
        of_u128(1_700_000_000),
    ]
}

fn dictionary() -> Vec<u8> {
    [id(2), id(3), id(5), id(1)].concat()
}

#[test]
fn compact_words_come_back() {
    let known = dictionary();
    let dictionary = Dictionary::new(&known);
    let mut out = [0; 14 * 33];
    let length = compress(&operation(), &dictionary, &mut out).unwrap();
    assert!(length < 100, "{length} bytes");
    let mut words = [ZERO; 14];
    assert_eq!(expand(&out[..length], &dictionary, &mut words), Ok(length));
    assert_eq!(words, operation());
    for cut in 0..length {
        assert!(expand(&out[..cut], &dictionary, &mut words).is_err(), "cut at {cut}");
    }
}

#[test]
fn words_without_a_dictionary_come_back() {
    let empty = Dictionary::new(&[]);
    let run = [ZERO, id(9), [0xff; 32], id(9), of_u128(u128::MAX), of_u128(1)];
    let mut out = [0; 6 * 33];
    let length = compress(&run, &empty, &mut out).unwrap();
    let mut words = [ZERO; 6];
    assert_eq!(expand(&out[..length], &empty, &mut words), Ok(length));
    assert_eq!(words, run);
}

#[test]
fn tags_without_a_meaning_are_refused() {
    let known = dictionary();
    let dictionary = Dictionary::new(&known);
    let mut words = [ZERO; 2];
    for tag in (33..64).chain([64]).chain(66..128).chain(132..=255) {
        let data = [tag; 2];
        assert_eq!(expand(&data, &dictionary, &mut words), Err(GatewayError::MalformedContent), "tag {tag}");
    }
    assert_eq!(expand(&[0, 64], &dictionary, &mut words), Ok(2));
}

#[test]
fn every_byte_string_of_two_is_read_without_a_panic() {
    let known = dictionary();
    let dictionary = Dictionary::new(&known);
    let mut words = [ZERO; limits::CONFLICT_WORDS];
    for first in 0..=255 {
        for second in 0..=255 {
            let data = [first, second, 1, 2, 3];
            let _ = expand(&data, &dictionary, &mut words);
            let _ = Instruction::decode(&data);
            let _ = Call::read(&data);
            let _ = Orders::new(&data).count();
            let _ = PriceUpdate::read(&data);
        }
    }
}

#[test]
fn integers_of_words_are_bounded() {
    assert_eq!(to_u128(&of_u128(u128::MAX)), Some(u128::MAX));
    assert_eq!(to_u128(&id(1)), None);
    assert_eq!(to_u64(&of_u128(1 << 64)), None);
    assert_eq!(to_u8(&of_u128(256)), None);
    assert_eq!(to_u8(&of_u128(255)), Some(255));
}

#[test]
fn instructions_come_back() {
    let lock = Instruction::Lock(LockArgs {
        market: 3,
        collateral: u64::MAX,
        debt: 7,
        destination: id(1),
        recipient: id(2),
        refund_to: id(3),
        max_fee: u128::MAX,
    });
    let signers = [[1; 20], [2; 20]];
    let call = Call::SetAttesters { threshold: 2, signers: &signers };
    for instruction in
        [lock, Instruction::Configure(call), Instruction::Schedule(&call.encode()), Instruction::Activate]
    {
        let mut data = instruction.encode();
        assert_eq!(Instruction::decode(&data), Ok(instruction));
        assert_eq!(data[0], instruction.spec().tag);
        if !matches!(instruction, Instruction::Schedule(_)) {
            data.push(0);
            assert_eq!(Instruction::decode(&data), Err(GatewayError::MalformedData), "one byte too many");
        }
    }
}

#[test]
fn tags_are_dense_and_accounts_unique() {
    for (tag, spec) in INSTRUCTIONS.iter().enumerate() {
        assert_eq!(usize::from(spec.tag), tag, "{}", spec.name);
        let mut names: Vec<_> = spec.accounts.iter().map(|account| account.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), spec.accounts.len(), "{}", spec.name);
    }
}

#[test]
fn orders_come_back() {
    let known = dictionary();
    let dictionary = Dictionary::new(&known);
    let words = operation();
    let signatures = [[7; 65], [8; 65]];
    let mint = OrderArgs {
        action: action::MINT,
        words: &words,
        signatures: &signatures,
        accounts: vec![(Role::Token, 9), (Role::Page, 7), (Role::MirrorHome, 200)],
    };
    let mirror = OrderArgs { action: action::MIRROR, words: &words[..6], signatures: &[], accounts: vec![] };
    let mut data = encode_orders(&[mint, mirror], &dictionary).unwrap();
    data.extend_from_slice(&[2, 0, 1, 1]); // an order cut short within its length
    data.extend_from_slice(&[9, 9, 1]); // a length beyond the end

    let orders: Vec<Result<OrderView<'_>, GatewayError>> = Orders::new(&data).collect();
    let first = orders[0].unwrap();
    assert_eq!((first.action, first.signatures), (action::MINT, &signatures[..]));
    assert_eq!(
        [Role::Page, Role::Token, Role::MirrorHome].map(|role| first.place(role)),
        [Some(7), Some(9), Some(200)]
    );
    assert_eq!(first.place(Role::Route), None);
    let mut read = [ZERO; limits::CONFLICT_WORDS];
    assert_eq!(first.words(&dictionary, &mut read), Ok(14));
    assert_eq!(read[..14], words);
    assert_eq!(orders[1].unwrap().words(&dictionary, &mut read), Ok(6));
    assert_eq!(orders[2..], [Err(GatewayError::MalformedContent), Err(GatewayError::MalformedData)]);
}

#[test]
fn skip_hints_come_back() {
    let hint = SkipHint { index: 3, action: 1, code: 2, reason: GatewayError::WindowFull.code(), content: id(4) };
    assert_eq!(SkipHint::decode(&hint.encode()), Some(hint));
    assert_eq!(SkipHint::decode(&hint.encode()[1..]), None);
}

#[test]
fn results_come_back_without_the_zeros_at_their_end() {
    let [low, high] = GatewayError::WindowFull.code().to_le_bytes();
    let data = [2, low, high, 0, 0, 0, 1, 0x18];
    let results: Vec<_> = (0..4).map(|index| OrderResult::at(&data, index)).map(|one| (one.code, one.reason)).collect();
    assert_eq!(results, [(2, Some(GatewayError::WindowFull)), (0, None), (1, None), (0, None)]);
    assert_eq!(OrderResult::read(&data).count(), 2);
}

#[test]
fn prices_come_back() {
    for full in [true, false] {
        let price = PriceUpdate { full, feed: id(3), price: -5, confidence: 7, exponent: -8, published: 1_700_000_000 };
        assert_eq!(PriceUpdate::read(&price.write(&id(1))), Some(price));
    }
}

#[test]
fn error_codes_are_unique_and_named() {
    for error in GatewayError::ALL {
        assert_eq!(GatewayError::from_code(error.code().into()), Some(*error));
        assert!(!error.name().is_empty() && !error.message().is_empty());
    }
    assert_eq!(GatewayError::from_code(1), None);
}

#[test]
fn layouts_neither_overlap_nor_overflow() {
    let check = |name: &str, length: usize, first: usize, fields: &[tim3_solana_interface::Field]| {
        let mut end = first;
        for field in fields {
            let size = match field.kind {
                "u8" => 1,
                "u16" => 2,
                "u32" => 4,
                "u64" => 8,
                "u128" | "i128" => 16,
                "word" => 32,
                "symbol" => 12,
                other => panic!("{other}"),
            };
            assert!(field.offset >= end, "{name}.{} at {} overlaps", field.name, field.offset);
            end = field.offset + size;
        }
        assert!(end <= length, "{name} is {length} bytes, its fields end at {end}");
    };
    macro_rules! check {
        ($($name:ident $first:literal),*) => { $(check(stringify!($name), $name::LENGTH, $first, $name::FIELDS);)* };
    }
    check!(
        Gateway 8, EventPage 8, SlotPage 8, OutgoingPage 8, Peer 8, Route 8, Position 8, Claimable 8, BadDebt 8, Mirror 8,
        MirrorHome 8, Change 8, Asset 0, Market 0, Window 0
    );
    const { assert!(Gateway::LENGTH <= 10_240, "one instruction must be able to make it") };
}

#[test]
fn tables_of_the_gateway_hold_what_is_put_in() {
    let mut data = vec![0; Gateway::LENGTH];
    let mut gateway = Gateway::create(&mut data[..]).unwrap();
    assert!(gateway.asset(0).is_none());
    for index in 0..limits::ASSETS {
        let place = gateway.push_asset().unwrap();
        assert_eq!(usize::from(place), index);
        gateway.asset_mut(place).unwrap().set_id(id(place + 1));
        assert_eq!(gateway.push_market(), Some(place));
        gateway.market_mut(place).unwrap().set_id(id(place + 101));
    }
    assert_eq!((gateway.push_asset(), gateway.push_market()), (None, None));
    assert_eq!(gateway.asset_index(&id(3)), Some(2));
    assert_eq!(gateway.market_index(&id(112)), Some(11));
    assert_eq!(gateway.market_index(&id(113)), None);

    for word in 0..100 {
        gateway.learn(&id(word));
        gateway.learn(&id(word));
    }
    assert_eq!(usize::from(gateway.dictionary_count()), limits::DICTIONARY);
    assert_eq!(gateway.dictionary().index(&id(63)), Some(63));
    assert_eq!(gateway.dictionary().index(&id(64)), None);

    let signers: Vec<[u8; 20]> = (1..=32).map(|seed| [seed; 20]).collect();
    gateway.set_signers(&signers);
    assert_eq!(gateway.signers(), signers);
    gateway.set_signers(&signers[..2]);
    assert_eq!(gateway.signers(), &signers[..2]);
    assert_eq!(gateway.asset(0).unwrap().id(), id(1), "signers stay in their table");
    assert_eq!(gateway.market(11).unwrap().id(), id(112));
}

#[test]
fn pages_hold_what_is_put_in() {
    let mut data = vec![0; SlotPage::LENGTH];
    let mut slots = SlotPage::create(&mut data[..]).unwrap();
    slots.set_slot(1_024, slot::DONE);
    slots.set_slot(1_029, slot::VOID);
    slots.set_slot(2_047, slot::DONE);
    let outcomes = [1_024, 1_025, 1_029, 1_030, 2_046, 2_047].map(|nonce| slots.slot(nonce));
    assert_eq!(outcomes, [slot::DONE, slot::NONE, slot::VOID, slot::NONE, slot::NONE, slot::DONE]);
    assert_eq!([0, 1_023, 1_024, u64::MAX].map(SlotPage::of), [Some(0), Some(0), Some(1), None]);

    let mut data = vec![0; OutgoingPage::LENGTH];
    let mut outgoing = OutgoingPage::create(&mut data[..]).unwrap();
    for nonce in 64..128 {
        outgoing.set_operation(nonce, &id(u8::try_from(nonce).unwrap()));
    }
    outgoing.set_refunded(127);
    assert!(outgoing.refunded(127) && !outgoing.refunded(126) && !outgoing.refunded(64));
    assert_eq!(outgoing.operation(64), &id(64));
    assert_eq!(outgoing.operation(127), &id(127));
}

#[test]
fn a_page_of_events_is_filled_to_its_end() {
    let mut data = vec![0; EventPage::LENGTH];
    let mut page = EventPage::create(&mut data[..]).unwrap();
    page.set_first(100);
    let known = dictionary();
    let dictionary = Dictionary::new(&known);
    let mut out = [0; 14 * 33];
    let length = compress(&operation(), &dictionary, &mut out).unwrap();
    let mut count = 0;
    while page.append(2, 14, 1_700_000_000, 55, &out[..length]).is_ok() {
        count += 1;
    }
    assert!(count > 80, "{count} records");
    assert_eq!(page.records(), count);
    let records: Vec<_> = page.iter().collect();
    assert_eq!(u32::try_from(records.len()).unwrap(), count);
    let last = records.last().unwrap();
    assert_eq!((last.sequence, last.kind, last.timestamp, last.slot), (99 + u64::from(count), 2, 1_700_000_000, 55));
    assert_eq!(last.body(&dictionary).unwrap()[..14], operation());
    assert_eq!(last.body(&Dictionary::new(&[])), Err(GatewayError::MalformedContent));
}

#[test]
fn accounts_of_another_kind_or_length_are_refused() {
    let mut data = vec![0; Position::LENGTH];
    assert!(Position::new(&data[..]).is_err());
    Position::create(&mut data[..]).unwrap();
    assert!(Position::new(&data[..]).is_ok());
    assert!(Position::new(&data[1..]).is_err());
    data.push(0);
    assert!(Position::new(&data[..]).is_err());
    assert!(Claimable::new(&data[..Claimable::LENGTH]).is_err());
}
