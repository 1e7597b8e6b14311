//! An adapter that is right but for one thing.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use tim3_chain::{
    AttesterSet, BlockRef, Books, Capacity, Chain, ChainError, Direction, Endpoint, Fetched, Lock, MarketState,
    PositionRecord, Prepared, QuorumHead, Reader, RouteState, Slot, State, Submitter, Tips, Token, Transaction,
    TransactionState,
};
use tim3_domain::{
    identity::{Account, AssetId, ChainId, GatewayId, MarketId},
    protocol::{SignedOrder, Window},
};
use tim3_simchain::SimChain;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    LosesEvents,
    UnpinnedHead,
    FinalIsHead,
    FinalFallsBack,
    BlindToSlots,
    BlindToSkips,
    BlindToMirrors,
    MixedBooks,
    NoHoldings,
    SameNonce,
    NoRestore,
    NoSimulation,
    DeadTooEarly,
}

pub(crate) struct Defective {
    pub(crate) chain: SimChain,
    pub(crate) defect: Defect,
}

impl Defective {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// An adapter that remembers nothing.
    fn fresh(&self) -> SimChain {
        SimChain::new(self.chain.node().clone(), "sim", super::account("submitter"))
    }
}

#[async_trait]
impl Reader for Defective {
    async fn tips(&self) -> Result<Tips, ChainError> {
        let tips = self.chain.tips().await?;
        Ok(match self.defect {
            Defect::FinalIsHead => Tips { finalized: tips.head, ..tips },
            Defect::FinalFallsBack if tips.head.height % 2 == 0 => {
                Tips { finalized: self.chain.birth().await?, ..tips }
            }
            _ => tips,
        })
    }

    async fn wait_for_news(&self) {
        self.chain.wait_for_news().await;
    }

    async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, ChainError> {
        self.chain.block_at(height).await
    }

    async fn events(&self, heights: RangeInclusive<u64>) -> Result<(Fetched, u64), ChainError> {
        let (mut fetched, last) = self.chain.events(heights).await?;
        if self.has(Defect::LosesEvents) {
            fetched.events.pop();
        }
        if self.has(Defect::BlindToSkips) {
            fetched.skips.clear();
        }
        Ok((fetched, last))
    }

    async fn quorum_head(&self, block: &BlockRef) -> Result<QuorumHead, ChainError> {
        if self.has(Defect::UnpinnedHead) {
            let found = self.chain.block_at(block.height).await?.unwrap_or(*block);
            return self.chain.quorum_head(&found).await;
        }
        self.chain.quorum_head(block).await
    }

    async fn birth(&self) -> Result<BlockRef, ChainError> {
        self.chain.birth().await
    }

    fn distrust(&self, endpoint: Endpoint, why: &str) {
        self.chain.distrust(endpoint, why);
    }
}

#[async_trait]
impl Lock for Defective {
    async fn market(&self, market: MarketId) -> Result<Option<MarketState>, ChainError> {
        self.chain.market(market).await
    }

    async fn position(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        self.chain.position(market, owner).await
    }

    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError> {
        self.chain.collateral_held(collateral).await
    }

    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError> {
        self.chain.collateral_balance(collateral, account).await
    }
}

#[async_trait]
impl Token for Defective {
    async fn supply(&self, asset: AssetId) -> Result<u128, ChainError> {
        self.chain.supply(asset).await
    }

    async fn balance(&self, asset: AssetId, account: Account) -> Result<u128, ChainError> {
        self.chain.balance(asset, account).await
    }
}

#[async_trait]
impl State for Defective {
    async fn slots(&self, keys: &[(GatewayId, u64)], block: &BlockRef) -> Result<Vec<Slot>, ChainError> {
        let slots = self.chain.slots(keys, block).await?;
        Ok(if self.has(Defect::BlindToSlots) { vec![Slot::None; slots.len()] } else { slots })
    }

    async fn refunded(&self, destination: GatewayId, nonce: u64) -> Result<bool, ChainError> {
        self.chain.refunded(destination, nonce).await
    }

    async fn mirror(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let mirror = self.chain.mirror(market, owner).await?;
        Ok(if self.has(Defect::BlindToMirrors) { PositionRecord::default() } else { mirror })
    }

    async fn books(&self, asset: AssetId, peers: &[GatewayId], block: &BlockRef) -> Result<Books, ChainError> {
        let books = self.chain.books(asset, peers, block).await?;
        Ok(match self.defect {
            Defect::MixedBooks => Books { supply: self.chain.supply(asset).await?, ..books },
            Defect::NoHoldings => Books { holdings: Vec::new(), ..books },
            _ => books,
        })
    }

    async fn window(&self, asset: AssetId, direction: Direction) -> Result<Window, ChainError> {
        self.chain.window(asset, direction).await
    }

    async fn route(&self, asset: AssetId, peer: GatewayId) -> Result<RouteState, ChainError> {
        self.chain.route(asset, peer).await
    }

    async fn pause_level(&self, asset: AssetId) -> Result<u8, ChainError> {
        self.chain.pause_level(asset).await
    }

    async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        self.chain.attesters().await
    }

    async fn claimable(&self, account: Account, asset: AssetId) -> Result<u128, ChainError> {
        self.chain.claimable(account, asset).await
    }
}

#[async_trait]
impl Submitter for Defective {
    fn capacity(&self) -> Capacity {
        self.chain.capacity()
    }

    async fn prepare(&self, orders: &[SignedOrder]) -> Result<Prepared, ChainError> {
        let prepared = if self.has(Defect::SameNonce) {
            self.fresh().prepare(orders).await?
        } else {
            self.chain.prepare(orders).await?
        };
        let left_out = if self.has(Defect::NoSimulation) { Vec::new() } else { prepared.left_out };
        Ok(Prepared { left_out, ..prepared })
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        self.chain.broadcast(transaction).await
    }

    async fn states(&self, transactions: &[Transaction]) -> Result<Vec<TransactionState>, ChainError> {
        let states = self.chain.states(transactions).await?;
        if self.has(Defect::DeadTooEarly) {
            let given_up = |state| match state {
                TransactionState::Pending | TransactionState::Unknown => TransactionState::Dead,
                state => state,
            };
            return Ok(states.into_iter().map(given_up).collect());
        }
        Ok(states)
    }

    async fn escalate(&self, transaction: &Transaction) -> Result<Option<Transaction>, ChainError> {
        self.chain.escalate(transaction).await
    }

    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        if self.has(Defect::NoRestore) { Ok(()) } else { self.chain.restore(transactions).await }
    }

    async fn funds(&self) -> Result<(String, bool), ChainError> {
        self.chain.funds().await
    }
}

impl Chain for Defective {
    fn chain_id(&self) -> &ChainId {
        self.chain.chain_id()
    }

    fn name(&self) -> &str {
        self.chain.name()
    }

    fn gateway(&self) -> GatewayId {
        self.chain.gateway()
    }

    fn account(&self) -> Account {
        self.chain.account()
    }

    fn display_account(&self, account: &Account) -> String {
        self.chain.display_account(account)
    }
}
