//! What all cases share: following the gateway with proof, playing the foreign gateway, and the conservation law.

use std::sync::Arc;

use tim3_domain::{
    amount::{Rounding, SYNTHETIC_DECIMALS, scale},
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{Action, EventBody, Operation, OperationKind, Order, OrderCode, OrderContent, SignedOrder},
    word::keccak_text,
};

use super::{
    Harness,
    report::{Failure, check},
};
use crate::{
    Books, Chain, ChainError, ErrorClass, EventChain, FinalEvent, Holding, MarketState, Skip, TxId, UserAction,
    block::BlockRef,
};

/// One whole synthetic.
pub(super) const WHOLE: u128 = 1_000_000;

/// How one order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: OrderCode,
    pub(super) reason: String,
}

pub(super) struct Suite<'a> {
    pub(super) harness: &'a dyn Harness,
    pub(super) chain: Arc<dyn Chain>,
    pub(super) market: MarketState,
    /// Every event so far, proved.
    pub(super) history: Vec<FinalEvent>,
    /// The final block the history reaches to.
    pub(super) block: BlockRef,
    proved: EventChain,
    next_height: u64,
    incoming: u64,
}

impl<'a> Suite<'a> {
    pub(super) async fn open(harness: &'a dyn Harness) -> Result<Self, Failure> {
        let chain = harness.chain();
        let market = chain.market(harness.market()).await?;
        let market = market.ok_or_else(|| format!("market {} is not at home here", harness.market()))?;
        let birth = chain.birth().await?;
        let proved = EventChain::genesis(chain.gateway());
        let (history, incoming, next_height) = (Vec::new(), 0, birth.height);
        let mut suite = Self { harness, chain, market, history, block: birth, proved, next_height, incoming };
        suite.observe().await?;
        Ok(suite)
    }

    pub(super) fn asset(&self) -> AssetId {
        self.market.synthetic
    }

    pub(super) fn gateway(&self) -> GatewayId {
        self.chain.gateway()
    }

    pub(super) fn peer(&self) -> GatewayId {
        self.harness.peer()
    }

    pub(super) fn user(&self) -> Account {
        self.harness.user().account()
    }

    /// An account at the foreign gateway, in a form that fits every chain.
    pub(super) fn abroad(&self) -> Account {
        Account::from_evm([7; 20])
    }

    /// Collateral that is worth `debt` at par.
    pub(super) fn collateral(&self, debt: u128) -> Result<u128, Failure> {
        Ok(scale(debt, SYNTHETIC_DECIMALS, self.market.collateral_decimals, Rounding::Exact)?)
    }

    // ---------------------------------------------------------------------------------------------------------- following

    /// Makes everything final, proves what is new, and checks the law. Gives the new events and skips.
    pub(super) async fn observe(&mut self) -> Result<(Vec<FinalEvent>, Vec<Skip>), Failure> {
        self.harness.finalize().await;
        let block = self.chain.tips().await?.finalized;
        let (mut events, mut skips) = (Vec::new(), Vec::new());
        while self.next_height <= block.height {
            let (fetched, last) = self.chain.events(self.next_height..=block.height).await?;
            check!(
                (self.next_height..=block.height).contains(&last),
                "asked for blocks {} to {}, the answer covers up to {last}",
                self.next_height,
                block.height
            );
            events.extend(fetched.events);
            skips.extend(fetched.skips);
            self.next_height = last.saturating_add(1);
        }
        let target = self.chain.quorum_head(&block).await?;
        let events = self.proved.extend(events, &target)?;
        self.history.extend(events.iter().cloned());
        self.block = block;
        self.check_law().await?;
        Ok((events, skips))
    }

    pub(super) async fn books(&self) -> Result<Books, Failure> {
        Ok(self.chain.books(self.asset(), &[self.peer()], &self.block).await?)
    }

    /// What the books say of the market's collateral.
    pub(super) fn holding(&self, books: &Books) -> Result<Holding, Failure> {
        let found = books.holdings.iter().find(|holding| holding.collateral == self.market.collateral);
        found.copied().ok_or_else(|| format!("the books do not name the market's collateral: {books:?}").into())
    }

    /// `debt + badDebt − (minted − burned) = Σ sent − Σ refunded − Σ settled`, no more tokens than were counted, and no less collateral than is owed.
    async fn check_law(&self) -> Result<(), Failure> {
        let books = self.books().await?;
        let peer = books.peers.first().copied().ok_or("books for one peer were asked for, and none given")?;
        let sum = |amounts: &[u128]| amounts.iter().try_fold(0_u128, |sum, amount| sum.checked_add(*amount));
        // With every term on the side where it is positive.
        let left = sum(&[books.debt, books.bad_debt, books.burned, peer.refunded, peer.settled]);
        let right = sum(&[books.minted, peer.sent]);
        check!(
            left.is_some() && left == right,
            "the conservation law is broken: {left:?} is not {right:?} in {books:?}"
        );
        let counted = books.minted.saturating_sub(books.burned);
        check!(books.supply <= counted, "the token has a supply of {}, the gateway counted {counted}", books.supply);
        let holding = self.holding(&books)?;
        check!(holding.covers(), "what is held does not cover what is owed: {holding:?}");
        Ok(())
    }

    /// The operations that went to the foreign gateway so far.
    pub(super) fn sent(&self) -> u64 {
        let started = self.history.iter().filter_map(|event| event.event().body.started());
        u64::try_from(started.filter(|operation| operation.destination == self.peer()).count()).unwrap_or(u64::MAX)
    }

    // ------------------------------------------------------------------------------------------------------------- users

    /// The user acts; gives the events of that transaction once they are final.
    pub(super) async fn act(&mut self, action: UserAction) -> Result<Vec<FinalEvent>, Failure> {
        let transaction = self.harness.user().act(action).await?;
        let (events, _) = self.observe().await?;
        Ok(events.into_iter().filter(|event| *event.transaction() == transaction).collect())
    }

    /// The user acts several times; gives the events of each transaction once all of them are final.
    pub(super) async fn act_each<const N: usize>(
        &mut self,
        actions: [UserAction; N],
    ) -> Result<[Vec<FinalEvent>; N], Failure> {
        let mut transactions = Vec::with_capacity(N);
        for action in actions {
            transactions.push(self.harness.user().act(action).await?);
        }
        let (events, _) = self.observe().await?;
        let mut of_each = transactions.iter().map(|transaction| {
            let own = events.iter().filter(|event| event.transaction() == transaction);
            own.cloned().collect()
        });
        Ok(std::array::from_fn(|_| of_each.next().unwrap_or_default()))
    }

    /// The user tries what the gateway must refuse. That nothing happened shows in the next observation.
    pub(super) async fn refused(&self, what: &str, action: UserAction) -> Result<(), Failure> {
        match self.harness.user().act(action).await {
            Ok(transaction) => Err(format!("{what} was accepted in {transaction}").into()),
            Err(error) => {
                check!(
                    error.class() == ErrorClass::Rejected,
                    "{what}: a {} error instead of a rejection: {error}",
                    error.class().name()
                );
                Ok(())
            }
        }
    }

    /// A lock of `debt` at par for `destination`.
    pub(super) fn lock(&self, debt: u128, destination: GatewayId) -> Result<UserAction, Failure> {
        let recipient = if destination == self.gateway() { self.user() } else { self.abroad() };
        Ok(UserAction::Lock {
            market: self.market.id,
            collateral: self.collateral(debt)?,
            debt,
            destination,
            recipient,
            refund_to: self.user(),
            max_fee: debt,
        })
    }

    pub(super) fn transfer(&self, amount: u128) -> UserAction {
        UserAction::Transfer {
            asset: self.asset(),
            amount,
            destination: self.peer(),
            recipient: self.abroad(),
            refund_to: self.user(),
            max_fee: amount,
        }
    }

    /// Locks for the foreign gateway and gives the operation.
    pub(super) async fn lock_abroad(&mut self, debt: u128) -> Result<Operation, Failure> {
        let action = self.lock(debt, self.peer())?;
        let events = self.act(action).await?;
        started(&events)
    }

    /// Gives the user `amount` of the synthetic, by a lock at home.
    pub(super) async fn mint_at_home(&mut self, amount: u128) -> Result<(), Failure> {
        let action = self.lock(amount, self.gateway())?;
        self.act(action).await.map(|_| ())
    }

    // ------------------------------------------------------------------------------------------------- the foreign gateway

    /// The next operation of the foreign gateway.
    pub(super) fn incoming(&mut self, kind: OperationKind, amount: u128) -> Operation {
        let nonce = self.incoming;
        self.incoming = nonce.saturating_add(1);
        let redeem = kind == OperationKind::Redeem;
        let foreign = MarketId(keccak_text("a market at home abroad"));
        let (market, owner) = match kind {
            OperationKind::Mint => (foreign, foreign.reserve_owner()),
            OperationKind::Redeem => (self.market.id, self.market.id.reserve_owner()),
            OperationKind::Transfer => (MarketId::ZERO, Account::ZERO),
        };
        Operation {
            kind,
            origin: self.peer(),
            destination: self.gateway(),
            nonce,
            asset: self.asset(),
            market,
            owner,
            actor: self.abroad(),
            refund_to: self.abroad(),
            recipient: if redeem { self.harness.stranger() } else { self.user() },
            amount,
            fee: 0,
            wanted: if kind == OperationKind::Mint { amount } else { 0 },
            timestamp: self.block.timestamp,
        }
    }

    /// An order of this gateway under the current epoch, not yet signed.
    pub(super) async fn order(&self, action: Action, content: OrderContent) -> Result<Order, Failure> {
        let epoch = self.chain.attesters().await?.epoch;
        Ok(Order { action, gateway: self.gateway(), epoch, content })
    }

    /// An order about an operation, signed.
    pub(super) async fn signed(&self, action: Action, operation: &Operation) -> Result<SignedOrder, Failure> {
        let order = self.order(action, OrderContent::Operation(operation.clone())).await?;
        Ok(self.harness.keys().sign(order))
    }

    /// Executes a batch; gives how each order ended, and the events.
    pub(super) async fn execute(&mut self, orders: &[SignedOrder]) -> Result<(Vec<Answer>, Vec<FinalEvent>), Failure> {
        let mut parts = Vec::new();
        for orders in orders.chunks(self.harness.orders_at_once().max(1)) {
            parts.push((orders, self.harness.execute(orders).await?));
        }
        let (events, skips) = self.observe().await?;
        let answers = parts
            .iter()
            .flat_map(|(orders, transaction)| orders.iter().map(|order| answer(order, transaction, &skips)))
            .collect();
        let own = |event: &FinalEvent| parts.iter().any(|(_, transaction)| event.transaction() == transaction);
        Ok((answers, events.into_iter().filter(own).collect()))
    }

    /// Executes one order after the other, each in a transaction of its own, and waits once until all of them are final. Each must end with its
    /// code, and only what is done makes events; gives them.
    pub(super) async fn expect(
        &mut self,
        steps: &[(&str, SignedOrder, OrderCode)],
    ) -> Result<Vec<FinalEvent>, Failure> {
        let mut transactions = Vec::new();
        for (_, order, _) in steps {
            transactions.push(self.harness.execute(std::slice::from_ref(order)).await?);
        }
        let (mut events, skips) = self.observe().await?;
        for ((what, order, code), transaction) in steps.iter().zip(&transactions) {
            let found = answer(order, transaction, &skips);
            check!(found.code == *code, "{what}: expected {code:?}, found {:?} {}", found.code, found.reason);
            let made: Vec<_> = events.iter().filter(|event| event.transaction() == transaction).collect();
            check!(*code == OrderCode::Done || made.is_empty(), "{what}: {code:?} and yet it made {made:?}");
        }
        events.retain(|event| transactions.contains(event.transaction()));
        Ok(events)
    }

    /// The same with orders about operations, which are signed first.
    pub(super) async fn expect_signed(
        &mut self,
        steps: &[(&str, Action, &Operation, OrderCode)],
    ) -> Result<Vec<FinalEvent>, Failure> {
        let mut signed = Vec::new();
        for (what, action, operation, code) in steps {
            signed.push((*what, self.signed(*action, operation).await?, *code));
        }
        self.expect(&signed).await
    }
}

fn answer(order: &SignedOrder, transaction: &TxId, skips: &[Skip]) -> Answer {
    let (content, action) = (order.order.content.hash(), order.order.action);
    let skip =
        skips.iter().find(|skip| skip.transaction == *transaction && skip.content == content && skip.action == action);
    skip.map_or(Answer { code: OrderCode::Done, reason: String::new() }, |skip| Answer {
        code: skip.code,
        reason: skip.reason.clone(),
    })
}

/// The operation that the events start.
pub(super) fn started(events: &[FinalEvent]) -> Result<Operation, Failure> {
    let operation = events.iter().find_map(|event| event.event().body.started());
    operation.cloned().ok_or_else(|| format!("no operation was started by {events:?}").into())
}

/// The body of the only event.
pub(super) fn only(events: &[FinalEvent]) -> Result<&EventBody, Failure> {
    match events {
        [event] => Ok(&event.event().body),
        _ => Err(format!("expected one event, found {events:?}").into()),
    }
}

/// Fails unless a call failed, and not as if it might succeed with another endpoint's help.
pub(super) fn is_error<T: std::fmt::Debug>(what: &str, found: Result<T, ChainError>) -> Result<(), Failure> {
    found.map_or(Ok(()), |found| Err(format!("{what} gave {found:?}").into()))
}
