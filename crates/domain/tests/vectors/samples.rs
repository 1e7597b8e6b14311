//! The records the vectors are made of: plausible ones, and ones at the ends of their ranges.

use tim3_domain::{
    identity::{Account, AssetId, ChainId, GatewayId, MarketId, MarketKind, OperationId},
    protocol::{
        Action, EventBody, MirrorRecord, Operation, OperationKind, Order, OrderContent, Outcome, PositionState,
        RouteFee, Window,
    },
    word::{Word, keccak_text, keccak_words},
};

/// A word that is told from every other by `name`.
pub(crate) fn word(name: &str) -> Word {
    keccak_text(&format!("tim3/vectors/{name}"))
}

/// An EVM account that is told from every other by `name`.
fn account(name: &str) -> Account {
    let [.., a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = word(name).0;
    Account::from_evm([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t])
}

pub(crate) struct Gateway {
    pub(crate) chain: ChainId,
    pub(crate) account: Account,
    pub(crate) salt: Word,
}

impl Gateway {
    pub(crate) fn id(&self) -> GatewayId {
        GatewayId::derive(&self.chain, self.account, self.salt)
    }
}

/// Two EVM gateways, one with another salt at the same place, Solana, AO.
pub(crate) fn gateways() -> Vec<Gateway> {
    let gateway = |chain: &str, account, salt| Gateway { chain: chain.parse().unwrap(), account, salt: word(salt) };
    vec![
        gateway("eip155:31337", account("gateway/home"), "salt/home"),
        gateway("eip155:31338", account("gateway/away"), "salt/away"),
        gateway("eip155:31338", account("gateway/away"), "salt/redeployed"),
        gateway("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", Account(word("gateway/solana")), "salt/solana"),
        gateway("ao:testnet", Account(word("gateway/ao")), "salt/ao"),
    ]
}

pub(crate) fn home() -> GatewayId {
    gateways()[0].id()
}

fn away() -> GatewayId {
    gateways()[1].id()
}

fn ao() -> GatewayId {
    gateways()[4].id()
}

pub(crate) const SYMBOLS: [&str; 5] = ["TIM3", "TIME", "USDA", "WETH", "ABCDEFGHIJ09"];

fn asset(symbol: &str) -> AssetId {
    AssetId::from_symbol(symbol).unwrap()
}

/// Home, synthetic, collateral and kind of each market.
pub(crate) fn markets() -> Vec<(GatewayId, AssetId, AssetId, MarketKind)> {
    vec![
        (home(), asset("TIM3"), asset("USDA"), MarketKind::Reserve),
        (home(), asset("TIM3"), asset("WETH"), MarketKind::Vault),
        (ao(), asset("TIME"), asset("USDA"), MarketKind::Vault),
    ]
}

fn market(index: usize) -> MarketId {
    let (home, synthetic, collateral, kind) = markets()[index];
    MarketId::derive(home, synthetic, collateral, kind)
}

fn mint() -> Operation {
    Operation {
        kind: OperationKind::Mint,
        origin: home(),
        destination: away(),
        nonce: 0,
        asset: asset("TIM3"),
        market: market(0),
        owner: market(0).reserve_owner(),
        actor: account("alice"),
        refund_to: account("alice"),
        recipient: account("bob"),
        amount: 100_000_000,
        fee: 150_000,
        wanted: 100_000_000,
        timestamp: 1_700_000_000,
    }
}

fn redeem() -> Operation {
    Operation {
        kind: OperationKind::Redeem,
        origin: away(),
        destination: home(),
        nonce: 7,
        market: market(1),
        owner: account("carol"),
        actor: account("router"),
        refund_to: account("carol"),
        recipient: account("carol"),
        amount: 40_000_000,
        fee: 20_000,
        wanted: 25_000_000_000,
        timestamp: 1_700_000_100,
        ..mint()
    }
}

fn transfer() -> Operation {
    Operation {
        kind: OperationKind::Transfer,
        origin: away(),
        destination: home(),
        nonce: 8,
        market: MarketId::ZERO,
        owner: Account::ZERO,
        wanted: 0,
        ..redeem()
    }
}

/// One of each kind, and one with every field at its upper end.
pub(crate) fn operations() -> Vec<Operation> {
    let widest = Operation {
        destination: ao(),
        nonce: u64::MAX,
        recipient: Account(Word([0xff; 32])),
        amount: u128::MAX,
        fee: u128::MAX - 1,
        wanted: u128::MAX,
        timestamp: u64::MAX,
        ..mint()
    };
    vec![mint(), redeem(), transfer(), widest]
}

fn position(collateral: u128, debt: u128) -> PositionState {
    PositionState { market: market(1), owner: account("carol"), collateral, debt }
}

fn outcome(operation: &Operation, peer: GatewayId, parts: [u128; 3]) -> Outcome {
    let [fee, paid, surplus] = parts;
    let Operation { nonce, asset, amount, .. } = *operation;
    Outcome { operation: operation.id(), peer, nonce, asset, gross: amount, fee, paid, surplus }
}

/// One body of each kind in their order, Locked in both its forms.
pub(crate) fn bodies() -> Vec<EventBody> {
    let (mint, redeem, transfer) = (mint(), redeem(), transfer());
    let mut bodies = vec![
        EventBody::Locked {
            position: position(60_000_000_000, 50_000_000),
            actor: account("carol"),
            collateral: 60_000_000_000,
            minted: 50_000_000,
            recipient: account("carol"),
            operation: None,
        },
        EventBody::Locked {
            position: PositionState {
                market: market(0),
                owner: market(0).reserve_owner(),
                collateral: mint.wanted,
                debt: mint.amount,
            },
            actor: mint.actor,
            collateral: mint.wanted,
            minted: 0,
            recipient: Account::ZERO,
            operation: Some(Box::new(mint.clone())),
        },
        EventBody::Burned { operation: Box::new(transfer.clone()) },
        EventBody::Minted { outcome: outcome(&mint, home(), [150_000, 99_850_000, 0]), recipient: mint.recipient },
        EventBody::Released {
            outcome: outcome(&redeem, away(), [20_000, 39_000_000, 980_000]),
            payout: 25_000_000_000,
            recipient: redeem.recipient,
            position: position(35_000_000_000, 11_000_000),
        },
        EventBody::Voided { outcome: outcome(&transfer, away(), [0, 0, 0]), kind: OperationKind::Transfer },
        EventBody::Refunded {
            outcome: outcome(&mint, away(), [0, 99_000_000, 1_000_000]),
            payout: 99_000_000,
            refund_to: mint.refund_to,
            position: PositionState {
                market: market(0),
                owner: market(0).reserve_owner(),
                collateral: 1_000_000,
                debt: 0,
            },
        },
    ];
    bodies.extend(position_bodies());
    bodies.extend(local_bodies(mint.id()));
    bodies
}

fn position_bodies() -> [EventBody; 3] {
    [
        EventBody::Liquidated {
            position: position(0, 0),
            liquidator: account("keeper"),
            repaid: 10_000_000,
            seized: 35_000_000_000,
            bad_debt: 1_000_000,
        },
        EventBody::Repaid { position: position(5, 4), payer: account("dave"), amount: u128::MAX },
        EventBody::Withdrawn { position: position(u128::MAX, 0), recipient: account("carol"), amount: 1 },
    ]
}

fn local_bodies(cause: OperationId) -> [EventBody; 10] {
    let (tim3, usda) = (asset("TIM3"), asset("USDA"));
    [
        EventBody::Claimable { account: account("bob"), asset: tim3, amount: 99_850_000, cause },
        EventBody::Claimed { account: account("bob"), asset: tim3, amount: 99_850_000, recipient: account("bob/new") },
        EventBody::BadDebt { market: market(1), asset: tim3, amount: 3, cause },
        EventBody::Covered { market: market(1), asset: tim3, payer: account("dave"), amount: 2, left: 1 },
        EventBody::ControllerSet {
            market: market(1),
            owner: account("carol"),
            gateway: away(),
            account: account("router"),
        },
        EventBody::PauseSet { asset: usda, level: 3, actor: account("guardian") },
        EventBody::AttestersSet {
            epoch: 1,
            threshold: 2,
            count: 3,
            signers: keccak_words(&[account("a").0, account("b").0, account("c").0]),
        },
        EventBody::LimitsSet { what: 2, subject: tim3.0, peer: away(), values: word("limits") },
        EventBody::TreasurySet { treasury: account("treasury") },
        EventBody::Tombstoned { peer: ao(), count: u64::MAX, hash: word("final") },
    ]
}

/// One order of each action.
pub(crate) fn orders() -> Vec<Order> {
    let operation = |action, gateway, operation: Operation| Order {
        action,
        gateway,
        epoch: 1,
        content: OrderContent::Operation(operation),
    };
    let conflict = OrderContent::Conflict {
        operation: mint(),
        orphan: OperationId(word("orphan")),
        market: market(0),
        orphan_amount: 5_000_000,
    };
    let record = MirrorRecord { home: home(), position: position(60_000_000_000, 50_000_000), version: 0 };
    let resend = OrderContent::Resend { payout: word("payout"), attempt: 2 };
    vec![
        operation(Action::Mint, away(), mint()),
        operation(Action::Release, home(), redeem()),
        operation(Action::Void, away(), mint()),
        operation(Action::Refund, home(), mint()),
        Order { action: Action::Conflict, gateway: home(), epoch: 2, content: conflict },
        Order { action: Action::Mirror, gateway: away(), epoch: 2, content: OrderContent::Mirror(record) },
        Order { action: Action::Resend, gateway: ao(), epoch: u64::MAX, content: resend },
    ]
}

/// Route fees with the amounts they are taken of.
pub(crate) fn fees() -> Vec<(RouteFee, u128)> {
    let fee = |flat, bps, amount| (RouteFee { flat, bps }, amount);
    vec![
        fee(0, 0, 1),
        fee(0, 0, 0),
        fee(50_000, 10, 100_000_000),
        fee(0, 1, 9_999),
        fee(0, 1, 10_000),
        fee(0, 33, 12_345_678_901),
        fee(5, 0, 5),
        fee(5, 0, 6),
        fee(1, 9_999, 10_000),
        fee(0, 10_000, 10_000),
        fee(0, 9_999, u128::MAX),
        fee(u128::MAX, 1, u128::MAX),
    ]
}

/// Amounts with the decimals they are scaled between.
pub(crate) const SCALES: [(u128, u8, u8); 9] = [
    (1_000_000, 6, 6),
    (1_000_000, 6, 18),
    (1_999_999_999_999, 18, 6),
    (999_999_999_999, 18, 6),
    (1_999_999, 6, 0),
    (7, 0, 6),
    (u128::MAX, 18, 6),
    (340_282_366_920_938_463_463_374_607, 6, 18),
    (0, 6, 18),
];

/// Windows with the time they are asked at.
pub(crate) fn windows() -> Vec<(Window, u64)> {
    let window = |limit, period, available, updated, now| (Window { limit, period, available, updated }, now);
    vec![
        window(1_000_000, 3_600, 1_000_000, 1_000, 1_000),
        window(1_000_000, 3_600, 0, 1_000, 1_001),
        window(1_000_000, 3_600, 0, 1_000, 2_800),
        window(1_000_000, 3_600, 0, 1_000, 4_600),
        window(1_000_000, 3_600, 999_999, 1_000, 1_004),
        window(1_000_000, 3_600, -500_000, 1_000, 2_800),
        window(1_000_000, 3_600, -2_000_000, 1_000, 4_600),
        window(1_000_000, 3_600, -2_000_000, 1_000, 1_000_000),
        window(7, 3, 0, 0, 1),
        window(7, 3, 0, 0, 2),
        window(1, 86_400, 0, 0, 86_399),
        window(1_000_000_000_000_000_000_000_000, 86_400, 5, 1_700_000_000, 1_700_000_013),
    ]
}
