//! Trading through an executor with pools as Uniswap V2 has them, and with reserve markets of the gateway.

use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use async_trait::async_trait;
use futures::future::try_join_all;
use serde_json::json;
use tim3_chain::{Attempt, BlockRef, ChainError, Move, PoolAt, Sale, TokenAt, Trade, Traded, Trader, Transaction, Via};
use tim3_domain::{
    DomainError,
    amm::{Fee, Hop, Size},
    amount::Rounding,
    identity::{Account, AssetId, MarketId},
    protocol::OperationKind,
};
use tim3_rpc::Request;

use super::{
    Keeper,
    calls::{self, Part, Reserve, Site},
};
use crate::{
    abi::{self, Executor, Factory, Gateway, Pair, Router, Token, b256, call_data},
    deploy::artifact::Artifact,
    sender::Draft,
};

const WHAT: &str = "trade";

/// Gas that one step of a trade is taken to use, with its share of the executor's own. Measured with `UniswapV2Router02`: a swap 157,000, minting at par 207,000,
/// both together 278,000.
const STEP_GAS: u64 = 200_000;

/// What a pool is asked to tell whether it takes the fee that it is said to take.
const SAMPLE: u128 = 1_000_000_000;

#[async_trait]
impl Trader for Keeper {
    async fn set_up(&self, executor: Option<Account>, tokens: &[Account]) -> Result<(), ChainError> {
        let executor = executor.ok_or_else(|| {
            let remedy = "deploy one with `tim3d contracts executor`, and name it in keeper.chains.NAME.executor";
            self.link.rejected(WHAT, format!("no executor is configured: {remedy}"))
        })?;
        let executor = self.address_of(&executor)?;
        self.check_executor(executor).await?;
        for token in tokens {
            self.allow(self.address_of(token)?, executor).await?;
        }
        // Set before, it is the same: the configuration does not change while this runs.
        let _ = self.executor.set(executor);
        Ok(())
    }

    async fn token_of(&self, asset: AssetId) -> Result<TokenAt, ChainError> {
        let found = self.link.known_asset("token", asset).await?;
        Ok(TokenAt { token: abi::account(found.token), decimals: found.native_decimals })
    }

    async fn pool(&self, at: &PoolAt) -> Result<[TokenAt; 2], ChainError> {
        const WHAT: &str = "pool";
        let (pool, router) = (self.address_of(&at.pool)?, self.address_of(&at.router)?);
        let (one, other) = tokio::try_join!(
            self.link.view_of(WHAT, pool, &Pair::token0Call {}),
            self.link.view_of(WHAT, pool, &Pair::token1Call {}),
        )?;
        let factory = self.link.view_of(WHAT, router, &Router::factoryCall {}).await?;
        let known = self.link.view_of(WHAT, factory, &Factory::getPairCall { tokenA: one, tokenB: other }).await?;
        if known != pool {
            let reason = format!("the pool of {one} and {other} that {router} swaps in is {known}, not {pool}");
            return Err(self.link.rejected(WHAT, reason));
        }
        self.check_fee(router, at.fee).await?;
        let token = async |token| {
            let decimals = self.link.view_of(WHAT, token, &Token::decimalsCall {}).await?;
            Ok::<_, ChainError>(TokenAt { token: abi::account(token), decimals })
        };
        let (one, other) = tokio::try_join!(token(one), token(other))?;
        Ok([one, other])
    }

    async fn reserves(&self, pools: &[Account], block: &BlockRef) -> Result<Vec<[u128; 2]>, ChainError> {
        const WHAT: &str = "reserves";
        let data = call_data(&Pair::getReservesCall {});
        let calls = pools.iter().map(|pool| Ok((self.address_of(pool)?, data.clone())));
        let calls = calls.collect::<Result<Vec<_>, ChainError>>()?;
        let answers = self.link.agreed_of(WHAT, &calls, block).await?;
        let reserves = |bytes: &Bytes| {
            let found = self.link.decode::<Pair::getReservesCall>(WHAT, bytes)?;
            Ok([found.reserve0.to(), found.reserve1.to()])
        };
        answers.iter().map(reserves).collect()
    }

    async fn holdings(&self, tokens: &[Account]) -> Result<Vec<u128>, ChainError> {
        let holding = |token: &Account| {
            let token = self.address_of(token);
            async move {
                let account = self.address;
                let found = self.link.view_of("balance", token?, &Token::balanceOfCall { account }).await?;
                abi::amount(found).ok_or_else(|| self.link.rejected("balance", "more than 128 bits"))
            }
        };
        try_join_all(tokens.iter().map(holding)).await
    }

    async fn step_cost(&self) -> Result<u128, ChainError> {
        Ok(self.offered().await?.saturating_mul(STEP_GAS.into()))
    }

    async fn prepare_trade(&self, trade: &Trade) -> Result<Transaction, ChainError> {
        let executor = self.executor()?;
        let parts = self.parts(trade).await?;
        let amounts = self.amounts(&parts, trade.size).await?;
        let (gateway, gateway_id) = (self.link.config.gateway, b256(self.link.id));
        let site = Site { executor, gateway, gateway_id, keeper: self.address };
        let run = calls::run(&site, &parts, &amounts, trade.size, trade.deadline).map_err(|error| self.bad(&error))?;
        self.signed(WHAT, executor, call_data(&run)).await
    }

    async fn prepare_sale(&self, sale: &Sale) -> Result<Transaction, ChainError> {
        let executor = self.executor()?;
        let Via::Pool { pool, router } = sale.step.via else {
            return Err(self.link.rejected(WHAT, "collateral is sold in pools alone"));
        };
        let call = calls::sale(&calls::Sold {
            gateway: self.link.config.gateway,
            pool: self.address_of(&pool)?,
            router: self.address_of(&router)?,
            collateral: self.address_of(&sale.step.from)?,
            synthetic: self.address_of(&sale.step.to)?,
            executor,
            keeper: self.address,
            treasury: sale.treasury.map_or(Ok(self.address), |treasury| self.address_of(&treasury))?,
            sale: *sale,
        });
        self.signed(WHAT, executor, call).await
    }

    async fn prepare_transfer(&self, transfer: &Move) -> Result<Transaction, ChainError> {
        let Move { asset, amount, destination, recipient, max_fee } = *transfer;
        let intent = Gateway::Intent {
            kind: OperationKind::Transfer.code(),
            destination: b256(destination),
            market: B256::ZERO,
            owner: B256::ZERO,
            recipient: b256(recipient),
            wanted: 0,
        };
        let refund_to = self.address.into_word();
        let burn = Gateway::burnCall { asset: b256(asset), amount, intent, refundTo: refund_to, maxFee: max_fee };
        self.signed("transfer", self.link.config.gateway, call_data(&burn)).await
    }

    async fn trades(&self, transactions: &[Transaction]) -> Result<Vec<Attempt<Traded>>, ChainError> {
        self.read_attempts(self.sender()?, transactions).await
    }
}

impl Keeper {
    fn executor(&self) -> Result<Address, ChainError> {
        self.executor.get().copied().ok_or_else(|| self.link.transient(WHAT, "the executor was not checked yet"))
    }

    fn address_of(&self, account: &Account) -> Result<Address, ChainError> {
        abi::address(account).ok_or_else(|| self.link.rejected(WHAT, format!("{account} is no address of this chain")))
    }

    fn bad(&self, error: &DomainError) -> ChainError {
        self.link.rejected(WHAT, error.to_string())
    }

    /// That it is this program's executor, and obeys this account.
    async fn check_executor(&self, executor: Address) -> Result<(), ChainError> {
        let request = Request::new("eth_getCode", json!([executor, "latest"]));
        let code = self.link.ask("code", |node| {
            let request = request.clone();
            async move { node.one(request).await?.bytes() }
        });
        let code = code.await?;
        let artifact = Artifact::named("Executor").map_err(|error| self.link.rejected(WHAT, error.to_string()))?;
        if artifact.matches(&code).is_none() {
            return Err(self
                .link
                .rejected(WHAT, format!("the code at {executor} is not that of this version's executor")));
        }
        let owner = self.link.view_of(WHAT, executor, &Executor::OWNERCall {}).await?;
        if owner != self.address {
            let reason = format!("the executor at {executor} obeys {owner}, and the keeper is {}", self.address);
            return Err(self.link.rejected(WHAT, reason));
        }
        Ok(())
    }

    /// Lets the executor take a token for good. It obeys nobody else.
    async fn allow(&self, token: Address, executor: Address) -> Result<(), ChainError> {
        const WHAT: &str = "approve";
        let call = Token::allowanceCall { owner: self.address, spender: executor };
        // No amount is larger than that.
        if self.link.view_of(WHAT, token, &call).await? > U256::from(u128::MAX) {
            return Ok(());
        }
        let sender = self.sender()?;
        let input = call_data(&Token::approveCall { spender: executor, amount: U256::MAX });
        let Draft { gas, .. } = self.draft(WHAT, token, input.clone()).await?;
        let draft = Draft { to: TxKind::Call(token), value: U256::ZERO, input, gas };
        let (id, receipt) = sender.transact(WHAT, draft).await?;
        if receipt.succeeded() { Ok(()) } else { Err(self.link.rejected(WHAT, format!("reverted: {id}"))) }
    }

    /// Pools do not say their fee; their router computes with it.
    async fn check_fee(&self, router: Address, fee: Fee) -> Result<(), ChainError> {
        let hop = Hop { reserve_in: SAMPLE, reserve_out: SAMPLE, fee };
        let sample = U256::from(SAMPLE);
        let call = Router::getAmountOutCall { amountIn: sample, reserveIn: sample, reserveOut: sample };
        let found = self.link.view_of("fee", router, &call).await?;
        let expected = hop.output(SAMPLE);
        if found == U256::from(expected) {
            return Ok(());
        }
        let reason = format!("of a sample {router} pays {found}, and with the configured fee it would be {expected}");
        Err(self.link.rejected("fee", reason))
    }

    /// The calls that a trade takes: steps through pools of one router are one.
    async fn parts(&self, trade: &Trade) -> Result<Vec<Part>, ChainError> {
        let mut parts: Vec<Part> = Vec::new();
        for step in &trade.steps {
            let (from, to) = (self.address_of(&step.from)?, self.address_of(&step.to)?);
            match step.via {
                Via::Pool { router, .. } => {
                    let router = self.address_of(&router)?;
                    match parts.last_mut() {
                        Some(Part::Swap { router: last, path }) if *last == router && path.last() == Some(&from) => {
                            path.push(to);
                        }
                        _ => parts.push(Part::Swap { router, path: vec![from, to] }),
                    }
                }
                Via::Par(market) => parts.push(self.par(market, from, to).await?),
            }
        }
        Ok(parts)
    }

    async fn par(&self, market: MarketId, from: Address, to: Address) -> Result<Part, ChainError> {
        let found = self.link.view(WHAT, &Gateway::marketCall { marketId: b256(market) }).await?;
        let synthetic = self.link.known_asset(WHAT, AssetId(abi::word(found.synthetic))).await?;
        let collateral = self.link.known_asset(WHAT, AssetId(abi::word(found.collateral))).await?;
        let reserve = Reserve {
            market: b256(market),
            collateral: collateral.token,
            decimals: collateral.native_decimals,
            synthetic: synthetic.token,
        };
        match (from, to) {
            ends if ends == (collateral.token, synthetic.token) => Ok(Part::Mint(reserve)),
            ends if ends == (synthetic.token, collateral.token) => Ok(Part::Redeem(reserve)),
            _ => Err(self.link.rejected(WHAT, format!("{market} does not exchange {from} for {to}"))),
        }
    }

    /// What goes into each part, and what comes out of the last one, as quoted now.
    async fn amounts(&self, parts: &[Part], size: Size) -> Result<Vec<u128>, ChainError> {
        match size {
            Size::Sell { input, .. } => {
                let mut amounts = vec![input];
                let mut amount = input;
                for part in parts {
                    amount = self.output(part, amount).await?;
                    amounts.push(amount);
                }
                Ok(amounts)
            }
            Size::Buy { output, .. } => {
                let mut amounts = vec![output];
                let mut amount = output;
                for part in parts.iter().rev() {
                    amount = self.input(part, amount).await?;
                    amounts.push(amount);
                }
                amounts.reverse();
                Ok(amounts)
            }
        }
    }

    async fn output(&self, part: &Part, amount: u128) -> Result<u128, ChainError> {
        match part {
            Part::Swap { router, path } => {
                let call = Router::getAmountsOutCall { amountIn: U256::from(amount), path: path.clone() };
                self.quoted(self.link.view_of("quote", *router, &call).await?.last())
            }
            Part::Mint(reserve) => reserve.synthetic(amount, Rounding::Down).map_err(|error| self.bad(&error)),
            Part::Redeem(reserve) => reserve.collateral(amount, Rounding::Down).map_err(|error| self.bad(&error)),
        }
    }

    async fn input(&self, part: &Part, amount: u128) -> Result<u128, ChainError> {
        match part {
            Part::Swap { router, path } => {
                let call = Router::getAmountsInCall { amountOut: U256::from(amount), path: path.clone() };
                self.quoted(self.link.view_of("quote", *router, &call).await?.first())
            }
            Part::Mint(reserve) => reserve.collateral(amount, Rounding::Up).map_err(|error| self.bad(&error)),
            Part::Redeem(reserve) => reserve.synthetic(amount, Rounding::Up).map_err(|error| self.bad(&error)),
        }
    }

    fn quoted(&self, amount: Option<&U256>) -> Result<u128, ChainError> {
        let amount = amount.copied().and_then(abi::amount);
        amount.ok_or_else(|| self.link.rejected("quote", "a router quotes no amount"))
    }
}
