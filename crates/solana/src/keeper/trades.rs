//! Trading in pools and with reserve markets of the gateway. A transaction of this chain holds all steps of a trade and happens as a whole, so no executor is
//! needed: what goes into each step is fixed when it is signed, and each swap carries the least that it must bring.
//!
//! A trade may happen as long as its blockhash is valid: 150 blocks, about a minute. It is not signed again afterwards.

use std::sync::Arc;

use async_trait::async_trait;
use solana_instruction::{AccountMeta, Instruction as Raw};
use solana_pubkey::Pubkey;
use tim3_chain::{
    Attempt, BlockRef, ChainError, Move, PoolAt, Sale, TokenAt, Trade, TradeStep, Traded, Trader, Transaction,
    UserAction, Via,
};
use tim3_domain::{
    amm::{Fee, Size},
    amount::{Rounding, SYNTHETIC_DECIMALS, scale},
    identity::{Account, AssetId, MarketId},
};
use tim3_rpc::{Call, CallError};
use tim3_solana_interface::{
    external::{mint, token_account as token},
    limits::{EVENT_PAGE_BYTES, EVENT_PAGE_HEADER, RECORD_HEADER},
    protocol::market::RESERVE,
};

use super::{Keeper, pool::Pool};
use crate::{
    address::{account, pubkey, token_account, token_program},
    chain::{integer, is_token},
    fees,
    link::{lock, mint_of},
    message::Budget,
    node::{self, Commitment, Found, Node, NodeError},
    sender::margin,
    submitter::written,
    user::open,
};

const WHAT: &str = "trade";

/// Pools in one request: each with the two accounts that hold what it has.
const POOLS: usize = 33;

/// Compute units that one step of a trade is taken to use, with its share of the rest.
const STEP_UNITS: u32 = 60_000;

/// Bytes of the record that minting or redeeming at par makes, at most: a header, eight identities and six amounts of 128 bits.
const RECORD: usize = RECORD_HEADER + 8 * 33 + 6 * 17;

/// A pool that was looked at, with what it takes.
#[derive(Debug)]
pub(super) struct Known {
    pool: Pool,
    fee: Fee,
}

/// A step with what it takes to do it.
enum Part {
    Swap { known: Arc<Known>, side: usize, held: [u64; 2] },
    Mint(Reserve),
    Redeem(Reserve),
}

/// A reserve market.
struct Reserve {
    id: MarketId,
    /// Decimals of the collateral: canonical ones, and its mint's.
    decimals: [u8; 2],
    /// What it owes, and so the most that it redeems.
    debt: u128,
}

#[async_trait]
impl Trader for Keeper {
    /// Makes the token accounts that are missing.
    async fn set_up(&self, executor: Option<Account>, tokens: &[Account]) -> Result<(), ChainError> {
        const WHAT: &str = "token accounts";
        /// As many as fit in a transaction.
        const TOGETHER: usize = 5;
        if executor.is_some() {
            return Err(self.link.rejected(WHAT, "transactions of this chain need no executor: remove it"));
        }
        let mints: Vec<Pubkey> = tokens.iter().map(pubkey).collect();
        let accounts: Vec<Pubkey> = mints.iter().map(|mint| token_account(&self.acts.me, mint)).collect();
        let found = self.link.accounts(WHAT, &accounts).await?;
        let missing = mints.iter().zip(&found).filter(|(_, found)| !found.as_ref().is_some_and(is_token));
        let opens: Vec<Raw> = missing.map(|(mint, _)| open(&self.acts.me, &self.acts.me, mint)).collect();
        for opens in opens.chunks(TOGETHER) {
            let sender = self.sender()?;
            let units = self.simulated(WHAT, opens).await?;
            let price = sender.price(&written(opens), &self.link.config.fees).await;
            sender.transact(WHAT, opens, Budget { units: margin(units), price }, &[]).await?;
        }
        Ok(())
    }

    async fn token_of(&self, asset: AssetId) -> Result<TokenAt, ChainError> {
        let found = self.link.registered("token", asset).await?;
        Ok(TokenAt { token: account(&found.mint), decimals: found.native_decimals })
    }

    async fn pool(&self, at: &PoolAt) -> Result<[TokenAt; 2], ChainError> {
        const WHAT: &str = "pool";
        let (swap, program) = (pubkey(&at.pool), pubkey(&at.router));
        let refused = |reason| self.link.rejected(WHAT, reason);
        let found = self.link.accounts(WHAT, &[swap]).await?;
        let pool = Pool::read(swap, program, found.first().and_then(Option::as_ref)).map_err(refused)?;
        pool.check_fee(at.fee).map_err(refused)?;
        let found = self.link.accounts(WHAT, &pool.mints).await?;
        let token = |mint: &Pubkey, found: &Option<Found>| {
            let data = found.as_ref().filter(|found| is_token(found)).map(|found| found.data.as_slice());
            let decimals = data.filter(|data| data.len() == mint::LENGTH).and_then(|data| data.get(mint::DECIMALS));
            let decimals = *decimals.ok_or_else(|| refused(format!("{mint} of the pool is no mint")))?;
            Ok::<_, ChainError>(TokenAt { token: account(mint), decimals })
        };
        let [one, other] = found.as_slice() else { return Err(self.link.transient(WHAT, "two mints were asked for")) };
        let tokens = [token(&pool.mints[0], one)?, token(&pool.mints[1], other)?];
        lock(&self.pools).insert(swap, Arc::new(Known { pool, fee: at.fee }));
        Ok(tokens)
    }

    /// What they hold in a slot that is not before that of `block`: there is no past state.
    async fn reserves(&self, pools: &[Account], block: &BlockRef) -> Result<Vec<[u128; 2]>, ChainError> {
        const WHAT: &str = "reserves";
        let known =
            pools.iter().map(|pool| Ok(self.known(pool)?.pool.clone())).collect::<Result<Vec<_>, ChainError>>()?;
        let mut all = Vec::with_capacity(pools.len());
        for pools in known.chunks(POOLS) {
            let least = block.height;
            let ask = |node: Arc<Node>| async move { holdings_of(&node, pools, Commitment::Confirmed, least).await };
            // Somebody may trade between two answers.
            let call = Call::new(WHAT).weight(pools.len()).moving();
            let agreed = self.link.pool.quorum(call, ask).await.map_err(|error| self.link.error(WHAT, error))?;
            all.extend(agreed.value.into_iter().map(|held| held.map(u128::from)));
        }
        Ok(all)
    }

    async fn holdings(&self, tokens: &[Account]) -> Result<Vec<u128>, ChainError> {
        let accounts: Vec<Pubkey> = tokens.iter().map(|mint| token_account(&self.acts.me, &pubkey(mint))).collect();
        let found = self.link.accounts("balance", &accounts).await?;
        let amount = |found: &Option<Found>| {
            let found = found.as_ref().filter(|found| is_token(found));
            found.and_then(|found| integer(&found.data, token::AMOUNT)).unwrap_or_default().into()
        };
        Ok(found.iter().map(amount).collect())
    }

    /// Fees, and the share of a page of events that a step at par takes.
    async fn step_cost(&self) -> Result<u128, ChainError> {
        let records = EVENT_PAGE_BYTES.saturating_sub(EVENT_PAGE_HEADER).checked_div(RECORD).unwrap_or(1);
        let share = u128::from(fees::rent(EVENT_PAGE_BYTES)).div_ceil(u128::try_from(records).unwrap_or(1).max(1));
        Ok(u128::from(fees::lamports(self.price().await, STEP_UNITS, 1)).saturating_add(share))
    }

    async fn prepare_trade(&self, trade: &Trade) -> Result<Transaction, ChainError> {
        let parts = self.parts(&trade.steps).await?;
        let amounts = self.amounts(&parts, trade.size)?;
        let mut instructions = Vec::new();
        for ((part, step), ends) in parts.iter().zip(&trade.steps).zip(amounts.windows(2)) {
            let [input, output] = ends else { continue };
            match part {
                Part::Swap { known, side, .. } => {
                    instructions.push(known.pool.swap(&self.acts.me, *side, *input, *output));
                }
                Part::Mint(reserve) => instructions.extend(self.mint(reserve, *input).await?),
                Part::Redeem(reserve) => {
                    instructions.extend(self.redeem(reserve, *input).await?);
                    // By itself it may pay less; the other steps count on all of it.
                    if parts.len() > 1 {
                        let first = trade.steps.first().filter(|first| first.from == step.to);
                        let spent = first.and(amounts.first()).copied().unwrap_or_default();
                        instructions.push(self.has_gained(step.to, *output, spent).await?);
                    }
                }
            }
        }
        self.signed(WHAT, &instructions).await
    }

    async fn prepare_sale(&self, _sale: &Sale) -> Result<Transaction, ChainError> {
        Err(self.link.rejected(WHAT, "keepers sell nothing on this chain in the transaction that seizes it"))
    }

    async fn prepare_transfer(&self, transfer: &Move) -> Result<Transaction, ChainError> {
        let Move { asset, amount, destination, recipient, max_fee } = *transfer;
        let refund_to = account(&self.acts.me);
        let burn = UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee };
        self.signed("transfer", &self.acts.instructions(burn).await?).await
    }

    async fn trades(&self, transactions: &[Transaction]) -> Result<Vec<Attempt<Traded>>, ChainError> {
        self.read_attempts(self.sender()?, transactions).await
    }
}

/// What pools hold.
async fn holdings_of(
    node: &Node,
    pools: &[Pool],
    commitment: Commitment,
    least: u64,
) -> Result<Vec<[u64; 2]>, NodeError> {
    let keys: Vec<Pubkey> = pools.iter().flat_map(|pool| pool.vaults).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = node.one(node::accounts(&keys, commitment, least)).await?.accounts(keys.len(), least)?.accounts;
    let held = |found: &Option<Found>| {
        let found = found.as_ref().filter(|found| is_token(found));
        let amount = found.and_then(|found| integer(&found.data, token::AMOUNT));
        amount.ok_or_else(|| CallError::Garbage("a pool's token account is none".to_owned()))
    };
    let (pairs, _) = found.as_chunks::<2>();
    pairs.iter().map(|[one, other]| Ok([held(one)?, held(other)?])).collect()
}

impl Keeper {
    fn known(&self, pool: &Account) -> Result<Arc<Known>, ChainError> {
        let known = lock(&self.pools).get(&pubkey(pool)).cloned();
        known.ok_or_else(|| self.link.transient(WHAT, format!("the pool {} was not looked at yet", pubkey(pool))))
    }

    /// Compute units that instructions use, where they would succeed.
    async fn simulated(&self, what: &'static str, instructions: &[Raw]) -> Result<u32, ChainError> {
        let simulated = self.sender()?.simulate(instructions).await?;
        Ok(simulated.map_err(|failure| failure.into_chain_error(self.link.name.clone(), what))?.units)
    }

    async fn signed(&self, what: &'static str, instructions: &[Raw]) -> Result<Transaction, ChainError> {
        let sender = self.sender()?;
        if !sender.fits(instructions) {
            return Err(self.link.rejected(what, "so many steps do not fit in one transaction"));
        }
        let units = self.simulated(what, instructions).await?;
        let price = sender.price(&written(instructions), &self.link.config.fees).await;
        let signed = sender.sign(instructions, Budget { units: margin(units), price }, &[]).await?.transaction(None);
        // What it writes takes room from liquidations.
        lock(&self.on_their_way).add(signed.id.clone());
        Ok(signed)
    }

    async fn parts(&self, steps: &[TradeStep]) -> Result<Vec<Part>, ChainError> {
        let mut parts = Vec::with_capacity(steps.len());
        for step in steps {
            let (from, to) = (pubkey(&step.from), pubkey(&step.to));
            parts.push(match step.via {
                Via::Pool { pool, .. } => {
                    let known = self.known(&pool)?;
                    let side = known.pool.side(&from, &to);
                    let side = side
                        .ok_or_else(|| self.link.rejected(WHAT, format!("the pool does not turn {from} into {to}")))?;
                    let pools = std::slice::from_ref(&known.pool);
                    let least = self.link.blocks.floor();
                    let read = self.link.ask("reserves", |node| async move {
                        holdings_of(&node, pools, Commitment::Confirmed, least).await
                    });
                    let held = read.await?.first().copied().unwrap_or_default();
                    Part::Swap { known, side, held: if side == 0 { held } else { [held[1], held[0]] } }
                }
                Via::Par(market) => self.par(market, &from, &to).await?,
            });
        }
        Ok(parts)
    }

    async fn par(&self, id: MarketId, from: &Pubkey, to: &Pubkey) -> Result<Part, ChainError> {
        let gateway = self.link.gateway(WHAT).await?;
        let (_, market, synthetic, collateral) = self.link.parts(WHAT, &gateway, id)?;
        if market.kind() != RESERVE {
            return Err(self.link.rejected(WHAT, format!("{id} is no reserve market")));
        }
        let decimals = [collateral.decimals(), collateral.native_decimals()];
        let reserve = Reserve { id, decimals, debt: market.total_debt() };
        match (*from, *to) {
            ends if ends == (mint_of(&collateral), mint_of(&synthetic)) => Ok(Part::Mint(reserve)),
            ends if ends == (mint_of(&synthetic), mint_of(&collateral)) => Ok(Part::Redeem(reserve)),
            _ => Err(self.link.rejected(WHAT, format!("{id} does not exchange {from} for {to}"))),
        }
    }

    /// What goes into each part, as quoted now, and the least that the last one must bring.
    fn amounts(&self, parts: &[Part], size: Size) -> Result<Vec<u64>, ChainError> {
        let few = || self.link.rejected(WHAT, "TooLittle: the pools have moved");
        let native = |amount: u128| {
            u64::try_from(amount).map_err(|_| self.link.rejected(WHAT, "more than a token account holds"))
        };
        match size {
            Size::Sell { input, min_output } => {
                let mut amounts = vec![native(input)?];
                let mut amount = native(input)?;
                for part in parts {
                    amount = part.output(amount).ok_or_else(few)?;
                    amounts.push(amount);
                }
                let least = native(min_output)?;
                amounts.pop();
                amounts.push(least);
                if amount < least { Err(few()) } else { Ok(amounts) }
            }
            Size::Buy { output, max_input } => {
                let mut amounts = vec![native(output)?];
                let mut amount = native(output)?;
                for part in parts.iter().rev() {
                    amount = part.input(amount).ok_or_else(few)?;
                    amounts.push(amount);
                }
                amounts.reverse();
                if amount > native(max_input)? { Err(few()) } else { Ok(amounts) }
            }
        }
    }

    /// Locks as much as makes whole units of the synthetic.
    async fn mint(&self, reserve: &Reserve, input: u64) -> Result<Vec<Raw>, ChainError> {
        let debt = reserve.minted(input).unwrap_or_default();
        let collateral = scale(debt, SYNTHETIC_DECIMALS, reserve.decimals[0], Rounding::Up);
        let collateral = collateral.map_err(|error| self.link.rejected(WHAT, error.to_string()))?;
        let me = account(&self.acts.me);
        let (market, destination) = (reserve.id, self.link.id);
        let lock = UserAction::Lock { market, collateral, debt, destination, recipient: me, refund_to: me, max_fee: 0 };
        self.acts.instructions(lock).await
    }

    /// Fails unless `come` of a token has come since now, after `spent` of it has gone. Neither the gateway nor the token program knows such a condition; a
    /// transfer to oneself has it.
    async fn has_gained(&self, token: Account, come: u64, spent: u64) -> Result<Raw, ChainError> {
        /// The tag of Transfer.
        const TRANSFER: u8 = 3;
        let held: u128 = self.holdings(&[token]).await?.into_iter().sum();
        let least = held.saturating_add(come.into()).saturating_sub(spent.into());
        let least = u64::try_from(least).map_err(|_| self.link.rejected(WHAT, "more than a token account holds"))?;
        let own = AccountMeta::new(token_account(&self.acts.me, &pubkey(&token)), false);
        let accounts = vec![own.clone(), own, AccountMeta::new_readonly(self.acts.me, true)];
        let data = [&[TRANSFER], least.to_le_bytes().as_slice()].concat();
        Ok(Raw { program_id: token_program(), accounts, data })
    }

    /// What the reserve does not have any more when this happens comes back in the synthetic, at par.
    async fn redeem(&self, reserve: &Reserve, amount: u64) -> Result<Vec<Raw>, ChainError> {
        let (amount, market) = (u128::from(amount), reserve.id);
        if amount > reserve.debt {
            return Err(self.link.rejected(WHAT, format!("the reserve redeems {} at most", reserve.debt)));
        }
        let gateway = self.link.gateway(WHAT).await?;
        let (_, _, synthetic, _) = self.link.parts(WHAT, &gateway, market)?;
        let me = account(&self.acts.me);
        let redeem = UserAction::Redeem {
            asset: crate::link::id_of(&synthetic),
            amount,
            home: self.link.id,
            market,
            owner: market.reserve_owner(),
            recipient: me,
            wanted: 0,
            refund_to: me,
            max_fee: 0,
        };
        self.acts.instructions(redeem).await
    }
}

impl Part {
    /// What it brings for `input`; `None` where that is nothing.
    fn output(&self, input: u64) -> Option<u64> {
        match self {
            Self::Swap { known, held, .. } => known.pool.output(input, *held),
            Self::Mint(reserve) => u64::try_from(reserve.minted(input)?).ok().filter(|minted| *minted != 0),
            Self::Redeem(reserve) => reserve.native(input, Rounding::Down).filter(|paid| *paid != 0),
        }
    }

    /// What it must be given to bring `output`.
    fn input(&self, output: u64) -> Option<u64> {
        match self {
            Self::Swap { known, held, .. } => known.pool.input(output, *held, known.fee),
            Self::Mint(reserve) => reserve.native(output, Rounding::Up),
            Self::Redeem(reserve) => {
                let amount = scale(output.into(), reserve.decimals[1], SYNTHETIC_DECIMALS, Rounding::Up).ok()?;
                u64::try_from(amount).ok()
            }
        }
    }
}

impl Reserve {
    /// The synthetic that so much collateral makes, in units of its mint.
    fn minted(&self, collateral: u64) -> Option<u128> {
        scale(collateral.into(), self.decimals[1], SYNTHETIC_DECIMALS, Rounding::Down).ok()
    }

    /// The collateral, in units of its mint, for so much of the synthetic.
    fn native(&self, synthetic: u64, rounding: Rounding) -> Option<u64> {
        u64::try_from(scale(synthetic.into(), SYNTHETIC_DECIMALS, self.decimals[1], rounding).ok()?).ok()
    }
}
