use tim3_domain::identity::GatewayId;
use tim3_domain::word::Word;

use super::*;

const HOME: GatewayId = GatewayId(Word([1; 32]));
const AWAY: GatewayId = GatewayId(Word([2; 32]));
const ANA: Account = Account(Word([3; 32]));
const TREASURY: Account = Account(Word([4; 32]));

fn rules() -> Rules {
    let assets = Assets::new().expect("the symbols are right");
    Rules { assets, vaults: vec![assets.vault(HOME)], treasury: TREASURY }
}

fn lock(market: MarketId, ending: Ending) -> Effect {
    let call = Call::User(UserAction::Lock {
        market,
        collateral: 100,
        debt: 90,
        destination: AWAY,
        recipient: ANA,
        refund_to: ANA,
        max_fee: 5,
    });
    let operation = Operation {
        kind: OperationKind::Mint,
        origin: HOME,
        destination: AWAY,
        nonce: 0,
        asset: rules().assets.tim3,
        market,
        owner: market.reserve_owner(),
        actor: ANA,
        refund_to: ANA,
        recipient: ANA,
        amount: 90,
        fee: 5,
        wanted: 100,
        timestamp: 0,
    };
    let deed = Deed { site: Site::A, account: ANA, tx: TxId("1".into()), call };
    Effect { deed, started: Some((operation, Site::B, ending)), liquidated: None }
}

#[test]
fn a_settled_lock_moves_the_collateral_in_and_the_synthetic_out_less_the_fee() {
    let rules = rules();
    let Assets { tim3, usda, .. } = rules.assets;
    let after = rules.expected(Balances::new(), &[lock(rules.assets.reserve(HOME), Ending::Settled)]);
    let wanted = [((Site::A, usda, ANA), -100), ((Site::B, tim3, ANA), 85), ((Site::B, tim3, TREASURY), 5)];
    assert_eq!(after, Balances::from(wanted));
}

#[test]
fn a_refunded_lock_leaves_everything_as_it_was() {
    let rules = rules();
    for (market, asset) in
        [(rules.assets.reserve(HOME), rules.assets.usda), (rules.assets.vault(HOME), rules.assets.weth)]
    {
        let before = Balances::from([((Site::A, asset, ANA), 100)]);
        assert_eq!(rules.expected(before.clone(), &[lock(market, Ending::Refunded)]), before);
        let open = rules.expected(before, &[lock(market, Ending::Open)]);
        assert_eq!(open, Balances::from([((Site::A, asset, ANA), 0)]), "what is on its way is nobody's");
    }
}
