//! What a gateway says about itself.

use tim3_domain::{
    identity::{Account, GatewayId, MarketId, MarketKind},
    word::keccak_text,
};

use super::super::{
    report::{Failure, check, check_eq},
    suite::{Suite, WHOLE},
};
use crate::{Books, Direction, Holding, PositionRecord, Slot};

pub(super) async fn identity(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let (chain, market) = (&suite.chain, &suite.market);
    let expected = GatewayId::derive(chain.chain_id(), chain.account(), suite.harness.salt());
    check_eq!(chain.gateway(), expected, "the gateway id of this chain, account and salt");
    check_eq!(market.kind, MarketKind::Reserve, "the kind of the harness's market");
    let derived = MarketId::derive(chain.gateway(), market.synthetic, market.collateral, MarketKind::Reserve);
    check_eq!(market.id, derived, "the market's id");
    let unknown = MarketId(keccak_text("no market"));
    check_eq!(chain.market(unknown).await?, None, "a market that does not exist");
    check_eq!(
        chain.position(market.id, Account::from_evm([9; 20])).await?,
        PositionRecord::default(),
        "a position that does not exist"
    );
    check!(!chain.name().is_empty(), "the chain has no name");
    check!(!chain.display_account(&chain.account()).is_empty(), "the gateway's account cannot be displayed");
    Ok(())
}

pub(super) async fn limits(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let (chain, asset) = (suite.chain.clone(), suite.asset());
    let attesters = chain.attesters().await?;
    check_eq!(attesters.signers, suite.harness.keys().addresses(), "the attesters");
    check_eq!(attesters.threshold, suite.harness.keys().threshold(), "the threshold");
    check!(attesters.epoch > 0, "the epoch of appointed attesters is 0");
    let route = chain.route(asset, suite.peer()).await?;
    check!(route.enabled, "the route to the foreign gateway is closed");
    check!(route.min <= WHOLE && route.max >= 100 * WHOLE, "a route for 1 to 100 whole was asked for, found {route:?}");
    check!(!chain.route(asset, GatewayId(keccak_text("nowhere"))).await?.enabled, "a route that was never set is open");
    check_eq!(chain.pause_level(asset).await?, 0, "the pause level");
    for direction in [Direction::Mint, Direction::Release] {
        let window = chain.window(asset, direction).await?;
        check!(window.period > 0 && window.limit >= 10_000 * WHOLE, "{direction:?} has {window:?}");
        let available = window.available_at(suite.block.timestamp);
        check_eq!(u128::try_from(available).ok(), Some(window.limit), "what an unused window holds");
    }
    check_eq!(chain.claimable(suite.user(), asset).await?, 0, "what waits for the user");
    let keys = [(suite.peer(), 0), (GatewayId(keccak_text("nowhere")), 77)];
    check_eq!(chain.slots(&keys, &suite.block).await?, [Slot::None, Slot::None], "slots never used");
    check!(!chain.refunded(suite.peer(), 0).await?, "an operation that never was is refunded");
    let mirror = chain.mirror(MarketId(keccak_text("no market")), suite.user()).await?;
    check_eq!(mirror, PositionRecord::default(), "a mirror that does not exist");
    Ok(())
}

/// What the laws over the books relate: it must be of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    counted: u128,
    supply: u128,
    debt: u128,
    holding: Holding,
}

fn moment(suite: &Suite<'_>, books: &Books) -> Result<Moment, Failure> {
    let counted = books.minted.saturating_sub(books.burned);
    Ok(Moment { counted, supply: books.supply, debt: books.debt, holding: suite.holding(books)? })
}

pub(super) async fn books(suite: &mut Suite<'_>) -> Result<(), Failure> {
    suite.mint_at_home(3 * WHOLE).await?;
    let (before, block) = (moment(suite, &suite.books().await?)?, suite.block);
    let amount = 5 * WHOLE;
    suite.mint_at_home(amount).await?;
    let after = moment(suite, &suite.books().await?)?;
    let collateral = suite.collateral(amount)?;
    let holding = Holding {
        held: before.holding.held.saturating_add(collateral),
        recorded: before.holding.recorded.saturating_add(collateral),
        ..before.holding
    };
    let expected = Moment {
        counted: before.counted.saturating_add(amount),
        supply: before.supply.saturating_add(amount),
        debt: before.debt.saturating_add(amount),
        holding,
    };
    check_eq!(after, expected, "the books after a lock at home");
    check_eq!(suite.chain.supply(suite.asset()).await?, after.supply, "the supply by itself");
    let held = suite.chain.collateral_held(suite.market.collateral).await?;
    check_eq!(held, after.holding.held, "the collateral held by itself");
    // A chain that keeps its past answers for the block, another one for now; neither for both.
    let again = moment(suite, &suite.chain.books(suite.asset(), &[suite.peer()], &block).await?)?;
    check!(again == before || again == after, "asked for an earlier block, the books mix two moments: {again:?}");
    Ok(())
}
