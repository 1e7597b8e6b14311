use tim3_chain::{Direction, RouteState, UserAction, conformance::Keys};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId, OperationId},
    price::Price,
    protocol::{
        Action, EventBody, Operation, OperationKind, Order, OrderCode, OrderContent, Outcome, PositionState, RouteFee,
    },
    word::keccak_text,
};

use super::{Admin, Answer, Call, Gateway, KeeperAction, Outside, Receipt, Reject, Terms};
use crate::Assets;

const WHOLE: u128 = 1_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;
const NOW: u64 = 1_000;

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

fn id(name: &str) -> GatewayId {
    GatewayId(keccak_text(name))
}

fn keys() -> Keys {
    Keys::from_seed("unit", 1, 1)
}

fn assets() -> Assets {
    Assets::new().unwrap()
}

/// A gateway with a vault of WETH at 2,000, where alice has 10 WETH, and a route to "abroad".
fn gateway() -> Gateway {
    let Assets { tim3, weth, .. } = assets();
    let mut gateway = Gateway::new(id("home"), account("gateway"), account("admin"), account("guardian"));
    let window = |direction| Admin::SetWindow { asset: tim3, direction, limit: 100_000 * WHOLE, period: 3_600 };
    let route = RouteState { enabled: true, min: 1, max: 100_000 * WHOLE, fee: RouteFee::default() };
    for call in [
        Admin::SetAttesters { threshold: 1, signers: keys().addresses() },
        Admin::SetTreasury { treasury: account("treasury") },
        Admin::AddSynthetic { symbol: "TIM3".to_owned(), target: Price::ONE.raw() },
        Admin::AddCollateral { symbol: "WETH".to_owned(), decimals: 18, native_decimals: 18 },
        Admin::SetMarket {
            synthetic: tim3,
            collateral: weth,
            kind: tim3_domain::identity::MarketKind::Vault,
            terms: Terms::vault(u128::MAX),
        },
        window(Direction::Mint),
        window(Direction::Release),
        Admin::SetRoute { asset: tim3, peer: id("abroad"), route },
    ] {
        gateway.apply(&Call::Admin(call), account("admin"), NOW).unwrap();
    }
    for outside in [
        Outside::SetPrice { asset: weth, lower: 2_000 * ETHER, higher: 2_000 * ETHER },
        Outside::Fund { asset: weth, account: account("alice"), amount: 10 * ETHER },
    ] {
        gateway.apply(&Call::Outside(outside), account("admin"), NOW).unwrap();
    }
    gateway
}

fn vault() -> MarketId {
    assets().vault(id("home"))
}

fn lock(gateway: &mut Gateway, collateral: u128, debt: u128, destination: GatewayId) -> Result<Receipt, Reject> {
    let (recipient, refund_to) = (account("alice"), account("alice"));
    let action =
        UserAction::Lock { market: vault(), collateral, debt, destination, recipient, refund_to, max_fee: debt };
    gateway.apply(&Call::User(action), account("alice"), NOW)
}

fn execute(gateway: &mut Gateway, action: Action, content: OrderContent, now: u64) -> (Answer, Vec<EventBody>) {
    let order = Order { action, gateway: id("home"), epoch: gateway.attesters().epoch, content };
    let call = Call::Execute(vec![keys().sign(order)]);
    let mut receipt = gateway.apply(&call, account("anybody"), now).unwrap();
    (receipt.answers.remove(0), receipt.events.into_iter().map(|event| event.body).collect())
}

/// A redeem of alice's position by `actor` abroad.
fn redeem(nonce: u64, actor: &str, amount: u128, wanted: u128) -> Operation {
    Operation {
        kind: OperationKind::Redeem,
        origin: id("abroad"),
        destination: id("home"),
        nonce,
        asset: assets().tim3,
        market: vault(),
        owner: account("alice"),
        actor: account(actor),
        refund_to: account(actor),
        recipient: account("bob"),
        amount,
        fee: 0,
        wanted,
        timestamp: NOW,
    }
}

fn released(events: &[EventBody]) -> (Outcome, u128, PositionState) {
    match events.first() {
        Some(EventBody::Released { outcome, payout, position, .. }) => (*outcome, *payout, *position),
        other => panic!("expected Released, found {other:?}"),
    }
}

#[test]
fn a_vault_draws_debt_up_to_its_maximum_and_not_beyond() {
    let mut gateway = gateway();
    // 70 % of 2,000.
    assert_eq!(lock(&mut gateway, ETHER, 1_400 * WHOLE + 1, id("home")).unwrap_err(), Reject::Undercollateralized);
    lock(&mut gateway, ETHER, 1_400 * WHOLE, id("home")).unwrap();
    assert_eq!(gateway.balance(assets().tim3, account("alice")), 1_400 * WHOLE);
}

#[test]
fn a_stale_price_forbids_drawing_and_withdrawing() {
    let mut gateway = gateway();
    lock(&mut gateway, ETHER, WHOLE, id("home")).unwrap();
    let later = NOW + 3_601;
    let withdraw = UserAction::Withdraw { market: vault(), collateral: 1, to: account("alice") };
    let refused = gateway.apply(&Call::User(withdraw), account("alice"), later);
    assert_eq!(refused, Err(Reject::PriceUnavailable));
}

#[test]
fn only_the_controller_takes_collateral_from_elsewhere() {
    let mut gateway = gateway();
    lock(&mut gateway, ETHER, 1_000 * WHOLE, id("home")).unwrap();
    // A stranger repays, and gets nothing.
    let stranger = OrderContent::Operation(redeem(0, "mallory", 100 * WHOLE, ETHER));
    let (_, events) = execute(&mut gateway, Action::Release, stranger, NOW);
    let (outcome, payout, position) = released(&events);
    assert_eq!((outcome.paid, payout, position.debt), (100 * WHOLE, 0, 900 * WHOLE));

    let name = KeeperAction::SetController { market: vault(), gateway: id("abroad"), account: account("alice abroad") };
    gateway.apply(&Call::Keeper(name), account("alice"), NOW).unwrap();
    // 200 WHOLE of debt left needs 200 / 2,000 / 0.7 of collateral, rounded up.
    let controller = OrderContent::Operation(redeem(1, "alice abroad", 700 * WHOLE, ETHER));
    let (_, events) = execute(&mut gateway, Action::Release, controller, NOW);
    let (_, payout, position) = released(&events);
    assert_eq!((position.debt, position.collateral), (200 * WHOLE, 142_857_142_857_142_858));
    assert_eq!(gateway.balance(assets().weth, account("bob")), payout);

    // With a stale price the last of the debt still frees everything.
    let rest = OrderContent::Operation(redeem(2, "alice abroad", 200 * WHOLE, ETHER));
    let (_, events) = execute(&mut gateway, Action::Release, rest, NOW + 100_000);
    assert_eq!(released(&events).2, PositionState { collateral: 0, debt: 0, ..position });
}

#[test]
fn surplus_waits_in_custody_while_supply_is_paused() {
    let mut gateway = gateway();
    let tim3 = assets().tim3;
    let pause = |level| Call::Admin(Admin::SetPause { asset: tim3, level });
    gateway.apply(&pause(2), account("guardian"), NOW).unwrap();
    let (answer, events) =
        execute(&mut gateway, Action::Release, OrderContent::Operation(redeem(0, "bob", 5 * WHOLE, 0)), NOW);
    assert_eq!(answer.code, OrderCode::Done);
    let cause = redeem(0, "bob", 5 * WHOLE, 0).id();
    let claimable = EventBody::Claimable { account: account("bob"), asset: tim3, amount: 5 * WHOLE, cause };
    assert_eq!(events.get(1), Some(&claimable));
    assert_eq!((gateway.claimable(account("bob"), tim3), gateway.supply(tim3)), (5 * WHOLE, 5 * WHOLE));

    let claim = Call::User(UserAction::Claim { asset: tim3, to: account("carol") });
    assert_eq!(gateway.apply(&claim, account("bob"), NOW), Err(Reject::Paused(tim3, 2)));
    assert_eq!(gateway.apply(&pause(1), account("guardian"), NOW), Err(Reject::NotGuardian));
    gateway.apply(&pause(1), account("admin"), NOW).unwrap();
    gateway.apply(&claim, account("bob"), NOW).unwrap();
    assert_eq!(gateway.balance(tim3, account("carol")), 5 * WHOLE);
    assert_eq!(gateway.apply(&claim, account("bob"), NOW), Err(Reject::NothingToClaim));
}

#[test]
fn a_freeze_falls_to_no_supply_after_seven_days() {
    let mut gateway = gateway();
    let tim3 = assets().tim3;
    gateway.apply(&Call::Admin(Admin::SetPause { asset: tim3, level: 3 }), account("guardian"), NOW).unwrap();
    let week = NOW + 7 * 24 * 3_600;
    assert_eq!(gateway.pause_level(tim3, week - 1), Some(3));
    assert_eq!(gateway.pause_level(tim3, week), Some(2));
}

#[test]
fn surplus_may_drive_the_mint_window_below_zero() {
    let mut gateway = gateway();
    let tim3 = assets().tim3;
    let mint = |nonce, amount| {
        let kind = OperationKind::Transfer;
        let (market, owner) = (MarketId::ZERO, Account::ZERO);
        OrderContent::Operation(Operation { kind, market, owner, ..redeem(nonce, "bob", amount, 0) })
    };
    let (answer, _) = execute(&mut gateway, Action::Mint, mint(0, 100_000 * WHOLE), NOW);
    assert_eq!(answer.code, OrderCode::Done);
    let surplus = OrderContent::Operation(redeem(1, "bob", 50_000 * WHOLE, 0));
    assert_eq!(execute(&mut gateway, Action::Release, surplus, NOW).0.code, OrderCode::Done);
    let window = gateway.window(tim3, Direction::Mint).unwrap();
    assert_eq!(window.available_at(NOW), -50_000 * i128::try_from(WHOLE).unwrap());
    // Half a period only pays that back.
    assert_eq!(execute(&mut gateway, Action::Mint, mint(2, 1), NOW + 1_800).0.code, OrderCode::Delayed);
    assert_eq!(execute(&mut gateway, Action::Mint, mint(2, WHOLE), NOW + 1_801).0.code, OrderCode::Done);
}

#[test]
fn a_conflict_refunds_and_records_the_orphan_as_bad_debt_that_can_be_covered() {
    let mut gateway = gateway();
    let tim3 = assets().tim3;
    let receipt = lock(&mut gateway, ETHER, 300 * WHOLE, id("abroad")).unwrap();
    let operation = receipt.events.first().unwrap().body.started().unwrap().clone();
    let orphan = OperationId(keccak_text("orphan"));
    let content = OrderContent::Conflict { operation, orphan, market: vault(), orphan_amount: 40 * WHOLE };
    let (answer, events) = execute(&mut gateway, Action::Conflict, content.clone(), NOW);
    assert_eq!(answer.code, OrderCode::Done);
    assert!(matches!(events.first(), Some(EventBody::Refunded { .. })));
    let recorded = EventBody::BadDebt { market: vault(), asset: tim3, amount: 40 * WHOLE, cause: orphan };
    assert_eq!(events.get(1), Some(&recorded));
    assert_eq!(execute(&mut gateway, Action::Conflict, content, NOW).0.code, OrderCode::AlreadyDone);

    let books = gateway.books(tim3, &[id("abroad")]);
    let peer = books.peers.first().unwrap();
    assert_eq!((books.debt, books.bad_debt, peer.sent, peer.refunded), (0, 40 * WHOLE, 340 * WHOLE, 300 * WHOLE));

    lock(&mut gateway, ETHER, 100 * WHOLE, id("home")).unwrap();
    let cover = Call::Keeper(KeeperAction::Cover { market: vault(), amount: 100 * WHOLE });
    let receipt = gateway.apply(&cover, account("alice"), NOW).unwrap();
    let covered = receipt.events.first().map(|event| event.body.clone());
    let payer = account("alice");
    let expected = EventBody::Covered { market: vault(), asset: tim3, payer, amount: 40 * WHOLE, left: 0 };
    assert_eq!(covered, Some(expected));
    assert_eq!(gateway.books(tim3, &[]).bad_debt, 0);
}

#[test]
fn a_position_under_water_is_taken_whole_and_leaves_bad_debt() {
    let mut gateway = gateway();
    let Assets { tim3, weth, .. } = assets();
    lock(&mut gateway, ETHER, 1_400 * WHOLE, id("home")).unwrap();
    let liquidate = |max_repay| {
        Call::Keeper(KeeperAction::Liquidate { market: vault(), owner: account("alice"), max_repay, min_seized: 0 })
    };
    assert_eq!(gateway.apply(&liquidate(WHOLE), account("alice"), NOW), Err(Reject::Healthy));

    let crash = Outside::SetPrice { asset: weth, lower: 1_000 * ETHER, higher: 1_050 * ETHER };
    gateway.apply(&Call::Outside(crash), account("admin"), NOW).unwrap();
    // 1,050 buys itself at a bonus of 5 % for 1,000.
    assert_eq!(
        gateway.apply(&liquidate(999 * WHOLE), account("alice"), NOW),
        Err(Reject::MustTakeWhole(1_000 * WHOLE))
    );
    let receipt = gateway.apply(&liquidate(1_400 * WHOLE), account("alice"), NOW).unwrap();
    match receipt.events.first().map(|event| &event.body) {
        Some(EventBody::Liquidated { position, repaid, seized, bad_debt, .. }) => {
            assert_eq!((*repaid, *seized, *bad_debt), (1_000 * WHOLE, ETHER, 400 * WHOLE));
            assert_eq!((position.collateral, position.debt), (0, 0));
        }
        other => panic!("expected Liquidated, found {other:?}"),
    }
    assert_eq!(gateway.books(tim3, &[]).bad_debt, 400 * WHOLE);
}

#[test]
fn a_new_epoch_ends_what_was_signed_before() {
    let mut gateway = gateway();
    let order = Order {
        action: Action::Void,
        gateway: id("home"),
        epoch: 1,
        content: OrderContent::Operation(redeem(0, "bob", WHOLE, 0)),
    };
    let signed = keys().sign(order);
    let renew = Admin::SetAttesters { threshold: 1, signers: keys().addresses() };
    gateway.apply(&Call::Admin(renew), account("admin"), NOW).unwrap();
    let receipt = gateway.apply(&Call::Execute(vec![signed]), account("anybody"), NOW).unwrap();
    assert_eq!(receipt.answers.first().unwrap().code, OrderCode::Rejected);
}

#[test]
fn an_order_is_for_the_gateway_and_epoch_it_was_signed_for_whatever_it_claims() {
    let mut gateway = gateway();
    let order = |gateway, epoch| Order {
        action: Action::Void,
        gateway,
        epoch,
        content: OrderContent::Operation(redeem(0, "bob", WHOLE, 0)),
    };
    for claimed in [order(id("elsewhere"), 1), order(id("home"), 2), order(id("home"), 0)] {
        let receipt = gateway.apply(&Call::Execute(vec![keys().sign(claimed)]), account("anybody"), NOW).unwrap();
        assert_eq!(receipt.answers.first().unwrap().code, OrderCode::Rejected);
    }
}

#[test]
fn an_order_that_fails_late_takes_its_events_back() {
    let mut gateway = gateway();
    let receipt = lock(&mut gateway, ETHER, 300 * WHOLE, id("abroad")).unwrap();
    let operation = receipt.events.first().unwrap().body.started().unwrap().clone();
    let head = gateway.head();
    let nothing = OrderContent::Conflict {
        operation: operation.clone(),
        orphan: OperationId(keccak_text("orphan")),
        market: vault(),
        orphan_amount: 0,
    };
    let (answer, events) = execute(&mut gateway, Action::Conflict, nothing, NOW);
    assert_eq!((answer.code, events.len(), gateway.head()), (OrderCode::Rejected, 0, head));
    assert!(!gateway.refunded(id("abroad"), operation.nonce));
}

#[test]
fn a_tombstone_closes_the_route_and_one_of_its_own_retires_a_gateway() {
    let mut gateway = gateway();
    let tombstone = |peer| Call::Admin(Admin::Tombstone { peer, count: 7, hash: keccak_text("last") });
    assert_eq!(gateway.apply(&tombstone(id("abroad")), account("alice"), NOW), Err(Reject::NotAdmin));
    gateway.apply(&tombstone(id("abroad")), account("admin"), NOW).unwrap();
    let closed = Reject::RouteClosed(assets().tim3, id("abroad"));
    assert_eq!(lock(&mut gateway, ETHER, WHOLE, id("abroad")).unwrap_err(), closed);
    gateway.apply(&tombstone(id("home")), account("admin"), NOW).unwrap();
    assert_eq!(gateway.apply(&Call::Execute(Vec::new()), account("anybody"), NOW), Err(Reject::Retired));
}

#[test]
fn terms_that_make_bad_debt_are_refused() {
    let mut gateway = gateway();
    let Assets { tim3, weth, .. } = assets();
    let mut terms = Terms::vault(1);
    terms.market.bonus_bps = 3_000;
    let kind = tim3_domain::identity::MarketKind::Vault;
    let set = Call::Admin(Admin::SetMarket { synthetic: tim3, collateral: weth, kind, terms });
    assert!(matches!(gateway.apply(&set, account("admin"), NOW), Err(Reject::InvalidValue(_))));
}
