//! Trading in pools of Botega's kind and at par, and moving inventory.
//!
//! A swap is a transfer of a token to the pool, at the token: the token tells the pool, the pool has the other token pay, or the first one pay back. These are messages
//! between three processes, each of which happens by itself, and so a trade here is one step: nothing could take back the first of two. What a swap carries is the least that it
//! is to bring. Nothing ends its life: it is posted until it is scheduled.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use tim3_chain::{
    Attempt, BlockRef, ChainError, Move, PoolAt, Sale, TokenAt, Trade, TradeStep, Traded, Trader, Transaction, TxId,
    Via,
};
use tim3_domain::{
    amm::Size,
    identity::{Account, AssetId, MarketId},
};
use tim3_rpc::{Call, CallError, Http};

use super::{
    Keeper,
    fills::operation,
    par::{self, Reserve},
    pool::{self, Facts, Payment, Pool},
};
use crate::{
    ans104::Tag,
    assets::Assets,
    id::Id,
    link::lock,
    network::anchor,
    units::{
        UnitError,
        compute::{self, Outcome, Trial},
    },
    view::{Number, Query},
};

const WHAT: &str = "trade";

#[async_trait]
impl Trader for Keeper {
    /// Nothing has to be made possible: whoever has a token may send it.
    async fn set_up(&self, executor: Option<Account>, _tokens: &[Account]) -> Result<(), ChainError> {
        match executor {
            Some(_) => Err(self.link.rejected("set up", "trades of this chain need no executor: remove it")),
            None => Ok(()),
        }
    }

    /// Of several synthetics of one gateway the first one: processes know a token by the process that keeps it.
    async fn token_of(&self, asset: AssetId) -> Result<TokenAt, ChainError> {
        const WHAT: &str = "token";
        let found = self.link.registered(WHAT, asset).await?;
        if found.token == self.link.process() {
            let assets = self.link.view::<Assets>(WHAT, Query::new("Assets")).await?.assets;
            let first = assets.iter().find(|other| other.token == found.token);
            if first.is_some_and(|first| first.id != asset) {
                let reason = format!("{} is not the gateway's first synthetic, which alone is traded", found.symbol);
                return Err(self.link.rejected(WHAT, reason));
            }
        }
        Ok(TokenAt { token: found.token.account(), decimals: found.native_decimals.0 })
    }

    async fn pool(&self, at: &PoolAt) -> Result<[TokenAt; 2], ChainError> {
        const WHAT: &str = "pool";
        let process = Id::from(at.pool);
        if at.router != at.pool {
            return Err(self.link.rejected(WHAT, "a pool of this chain swaps by itself: remove its router"));
        }
        let ask = |cu: Arc<Http>| async move { facts(&cu, process).await };
        let agreed = self.link.compute_units.quorum(Call::new(WHAT).moving(), ask).await;
        let facts = agreed.map_err(|error| self.link.error(WHAT, error))?.value;
        let known = facts.pool(process, at.fee).map_err(|reason| self.link.rejected(WHAT, reason))?;
        lock(&self.pools).insert(process, Arc::new(known));
        let token = |index: usize| {
            let (token, decimals) = facts.tokens.get(index).zip(facts.decimals.get(index))?;
            Some(TokenAt { token: token.account(), decimals: *decimals })
        };
        let tokens = token(0).zip(token(1));
        tokens.map(|(one, other)| [one, other]).ok_or_else(|| self.link.transient(WHAT, "two tokens were asked for"))
    }

    /// What they hold after their newest message: there is no past state, and `block` is of another process.
    async fn reserves(&self, pools: &[Account], _block: &BlockRef) -> Result<Vec<[u128; 2]>, ChainError> {
        const WHAT: &str = "reserves";
        let one = |account: &Account| {
            let known = self.known(*account);
            async move {
                let known = known?;
                let (newest, known) = (self.link.latest(known.process).await?.id, &known);
                let ask = |cu: Arc<Http>| async move { reserves_of(&cu, known, newest).await };
                // Somebody may trade between two answers.
                let agreed = self.link.compute_units.quorum(Call::new(WHAT).moving(), ask).await;
                Ok::<_, ChainError>(agreed.map_err(|error| self.link.error(WHAT, error))?.value)
            }
        };
        try_join_all(pools.iter().map(one)).await
    }

    async fn holdings(&self, tokens: &[Account]) -> Result<Vec<u128>, ChainError> {
        try_join_all(tokens.iter().map(|token| self.link.balance(Id::from(*token), self.address))).await
    }

    /// Messages cost nothing.
    async fn step_cost(&self) -> Result<u128, ChainError> {
        Ok(0)
    }

    /// One step. What goes in is fixed here, by what the pool holds now. The token is asked what it would do with a transfer, and whom it is for what it would do with
    /// what the token would tell it.
    async fn prepare_trade(&self, trade: &Trade) -> Result<Transaction, ChainError> {
        let refused = |reason: String| self.link.rejected(WHAT, reason);
        let [TradeStep { via, from, to }] = trade.steps.as_slice() else {
            return Err(refused("a trade on this chain is one step: messages are not done as one".to_owned()));
        };
        let (from, to) = (Id::from(*from), Id::from(*to));
        match via {
            Via::Pool { pool, .. } => self.prepare_swap(*pool, [from, to], trade.size).await,
            Via::Par(market) => self.prepare_par(*market, [from, to], trade.size).await,
        }
    }

    async fn prepare_sale(&self, _sale: &Sale) -> Result<Transaction, ChainError> {
        Err(self.link.rejected("sale", "what is seized is paid by another message, and cannot be sold in the same one"))
    }

    async fn prepare_transfer(&self, transfer: &Move) -> Result<Transaction, ChainError> {
        const WHAT: &str = "transfer";
        let own = self.address.account();
        let Move { asset, amount, destination, recipient, max_fee } = transfer;
        let tags = [
            ("Action", "Burn".to_owned()),
            ("Intent", "Transfer".to_owned()),
            ("Asset", asset.to_string()),
            ("Quantity", amount.to_string()),
            ("Destination", destination.to_string()),
            ("Recipient", recipient.to_string()),
            ("Refund-To", own.to_string()),
            ("Max-Fee", max_fee.to_string()),
            ("Key", String::from_utf8_lossy(&anchor()).into_owned()),
        ];
        let tags: Vec<Tag> = tags.into_iter().map(|(name, value)| Tag::new(name, value)).collect();
        let trial = Trial { from: Some(self.address), tags: tags.clone(), data: String::new() };
        let outcome = self.link.dry_run(self.link.process(), &trial).await?;
        operation(&outcome, self.address).map_err(|reason| self.link.rejected(WHAT, reason))?;
        self.signed(self.link.process(), &tags)
    }

    async fn trades(&self, transactions: &[Transaction]) -> Result<Vec<Attempt<Traded>>, ChainError> {
        self.read_trades(transactions).await
    }
}

impl Keeper {
    fn known(&self, pool: Account) -> Result<Arc<Pool>, ChainError> {
        let process = Id::from(pool);
        let known = lock(&self.pools).get(&process).cloned();
        known.ok_or_else(|| self.link.transient(WHAT, format!("the pool {process} was not looked at yet")))
    }

    async fn prepare_swap(&self, pool: Account, [from, to]: [Id; 2], size: Size) -> Result<Transaction, ChainError> {
        let refused = |reason: String| self.link.rejected(WHAT, reason);
        let known = self.known(pool)?;
        let held = self.link.ask(&self.link.compute_units, "reserves", |cu| {
            let known = Arc::clone(&known);
            async move {
                pool::reserves(&compute::dry_run(&cu, known.process, &request("Get-Reserves")).await?, known.tokens)
            }
        });
        let ends = known.ends(from, to, held.await?);
        let ends = ends.ok_or_else(|| refused(format!("the pool does not turn {from} into {to}")))?;
        let [quantity, least] = known.amounts(size, ends).map_err(refused)?;
        let order = pool::order(least);
        let answer = self.try_transfer(from, known.process, quantity, &order).await?;
        match pool::payment(&answer, self.address) {
            Some(Payment { refund: None, .. }) => {}
            Some(Payment { refund: Some(reason), .. }) => return Err(refused(reason)),
            None => return Err(refused("the pool would not answer it".to_owned())),
        }
        self.signed(from, &pool::transfer(known.process, quantity, &order))
    }

    async fn prepare_par(&self, id: MarketId, ends: [Id; 2], size: Size) -> Result<Transaction, ChainError> {
        let (link, own) = (&self.link, self.address);
        let refused = |reason: String| link.rejected(WHAT, reason);
        let few = || refused("TooLittle: it does not bring at par what it must".to_owned());
        let key = String::from_utf8_lossy(&anchor()).into_owned();
        let reserve = self.reserve(id).await?;
        let gateway = link.process();
        if ends == [reserve.collateral, gateway] {
            let [quantity, minted] = reserve.minted(size).ok_or_else(few)?;
            let order = reserve.lock(own.account(), link.id, minted, &key);
            let answer = self.try_transfer(reserve.collateral, gateway, quantity, &order).await?;
            let locked = par::locked(&answer, own);
            locked.unwrap_or_else(|| Err("the gateway would not answer it".to_owned())).map_err(refused)?;
            return self.signed(reserve.collateral, &pool::transfer(gateway, quantity, &order));
        }
        if ends != [gateway, reserve.collateral] {
            return Err(refused(format!("{id} does not exchange {} for {}", ends[0], ends[1])));
        }
        let amount = reserve.redeemed(size).ok_or_else(few)?;
        if amount > reserve.debt {
            return Err(refused(format!("the reserve redeems {} at most", reserve.debt)));
        }
        let tags = reserve.redeem(own.account(), amount, &key);
        let trial = Trial { from: Some(own), tags: tags.clone(), data: String::new() };
        par::redeemed(&link.dry_run(gateway, &trial).await?, own).map_err(refused)?;
        self.signed(gateway, &tags)
    }

    async fn reserve(&self, id: MarketId) -> Result<Reserve, ChainError> {
        let found = self.link.market(WHAT, id).await?;
        let market = found.filter(|market| market.kind == Number(0));
        let market = market.ok_or_else(|| self.link.rejected(WHAT, format!("{id} is no reserve market")))?;
        let asset = self.link.registered(WHAT, market.collateral).await?;
        let decimals = [asset.decimals.0, asset.native_decimals.0];
        Ok(Reserve { market: id, collateral: asset.token, decimals, debt: market.total_debt.0 })
    }

    /// What a process would do with an order; fails unless the token would move what is sent with it.
    async fn try_transfer(&self, token: Id, to: Id, quantity: u128, order: &[Tag]) -> Result<Outcome, ChainError> {
        let trial = Trial { from: Some(self.address), tags: pool::transfer(to, quantity, order), data: String::new() };
        let moved = self.link.dry_run(token, &trial).await?;
        pool::credited(&moved, to).ok_or_else(|| self.link.rejected(WHAT, pool::refusal(&moved)))?;
        let trial = Trial { from: Some(token), tags: pool::notice(self.address, quantity, order), data: String::new() };
        self.link.dry_run(to, &trial).await
    }

    fn signed(&self, process: Id, tags: &[Tag]) -> Result<Transaction, ChainError> {
        let item = self.link.message(self.wallet()?, process, tags, "")?;
        Ok(Transaction { id: TxId(item.id().to_string()), raw: item.into_raw(), nonce: 0, replaces: None })
    }
}

fn request(action: &str) -> Trial {
    Trial::new(&[("Action", action)])
}

/// What a process and its tokens say, where it is a pool.
async fn facts(cu: &Http, process: Id) -> Result<Facts, UnitError> {
    let asked = async |process, action| compute::dry_run(cu, process, &request(action)).await;
    let tokens = pool::pair(&asked(process, "Get-Pair").await?)?;
    let percentage = pool::percentage(&asked(process, "Get-Fee-Percentage").await?)?;
    let [one, other] = tokens;
    let decimals = [pool::decimals(&asked(one, "Info").await?)?, pool::decimals(&asked(other, "Info").await?)?];
    Ok(Facts { tokens, decimals, percentage })
}

/// What a pool holds, by a compute unit that has evaluated its message `newest`.
async fn reserves_of(cu: &Http, known: &Pool, newest: Id) -> Result<[u128; 2], UnitError> {
    if compute::result(cu, known.process, newest).await?.is_none() {
        return Err(CallError::Behind(format!("it has not evaluated {newest}")));
    }
    pool::reserves(&compute::dry_run(cu, known.process, &request("Get-Reserves")).await?, known.tokens)
}
