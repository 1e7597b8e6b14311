//! An account that keeps markets: Pyth's prices, positions and inventory, liquidations, and trades in pools and at par.
//!
//! Each liquidation and each trade is a transaction of its own: where somebody was first, an instruction fails, and it takes all of its transaction with
//! it. What is done is what is final, and what a quorum says that it cost and did; what is only confirmed is still on its way.

mod outcomes;
mod pool;
mod pyth;
mod room;
mod trades;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use solana_instruction::Instruction as Raw;
use solana_pubkey::Pubkey;
use tim3_chain::{
    Attempt, ChainError, Feed, FeedReading, Keeper as Port, Liquidate, Liquidated, PositionRecord, Trader, Transaction,
    TxId,
};
use tim3_domain::identity::{Account, AssetId, MarketId};
use tim3_solana_interface::{
    instruction::{Instruction, LiquidateArgs},
    limits::{EVENT_PAGE_BYTES, EVENT_PAGE_HEADER, RECORD_HEADER},
    protocol::market::VAULT,
};
use tokio::time::Instant;

use crate::{
    address::{account, token_account},
    fates::Fate,
    fees,
    link::{Link, asset, id_of, lock, mint_of},
    message::Budget,
    orders::{self, common},
    sender::{Sender, margin},
    user::{Acts, open},
};
use outcomes::Deed as _;
use room::OnTheirWay;
use trades::Known;

/// Positions in one request besides the gateway.
const POSITIONS: usize = 99;

/// Compute units that a liquidation is taken to use before one was simulated: somewhat more than was measured.
const FIRST_GUESS: u32 = 60_000;

/// How long whoever was sent a transaction is left to work on it before it is sent again: some slots.
const AGAIN: Duration = Duration::from_secs(1);

/// Bytes of a Liquidated record, at most: a header, three identities and five amounts of 128 bits.
const RECORD: usize = RECORD_HEADER + 3 * 33 + 5 * 17;

/// An account that keeps markets at a gateway.
#[derive(Debug)]
pub struct Keeper {
    link: Arc<Link>,
    acts: Acts,
    sender: Option<Sender>,
    /// The pools that were looked at.
    pools: Mutex<BTreeMap<Pubkey, Arc<Known>>>,
    /// What a liquidation uses, as last simulated: more is believed at once, less bit by bit.
    units: Mutex<u32>,
    /// When transactions were sent lately.
    sent: Mutex<BTreeMap<TxId, Instant>>,
    on_their_way: Mutex<OnTheirWay>,
}

impl Keeper {
    pub(crate) fn new(link: Arc<Link>, address: Pubkey, sender: Option<Sender>) -> Self {
        let acts = Acts { link: Arc::clone(&link), me: address };
        Self {
            link,
            acts,
            sender,
            pools: Mutex::default(),
            units: Mutex::new(FIRST_GUESS),
            sent: Mutex::default(),
            on_their_way: Mutex::default(),
        }
    }

    fn sender(&self) -> Result<&Sender, ChainError> {
        self.sender.as_ref().ok_or_else(|| self.link.rejected("keep", "no key of a keeper is configured"))
    }

    fn used(&self, units: u32) {
        let mut held = lock(&self.units);
        *held = held.saturating_sub(held.saturating_sub(units).div_ceil(8)).max(units);
    }

    /// What a liquidation offers for a compute unit: each writes to the gateway, and so does everybody else there.
    async fn price(&self) -> u64 {
        let (written, policy) = ([self.link.config.gateway], &self.link.config.fees);
        match &self.sender {
            Some(sender) => sender.price(&written, policy).await,
            None => fees::price(&self.link.paid(&written).await, 0, policy),
        }
    }

    /// What liquidates, after making the token account for the collateral where there is none.
    async fn instructions(&self, what: &'static str, liquidation: &Liquidate) -> Result<[Raw; 2], ChainError> {
        let Liquidate { market: id, owner, max_repay, min_seized } = *liquidation;
        let (me, addresses) = (self.acts.me, &self.link.addresses);
        let gateway = self.link.gateway(what).await?;
        let (index, market, synthetic, collateral) = self.link.parts(what, &gateway, id)?;
        let price = orders::price(&market).filter(|_| market.kind() == VAULT);
        let price = price.ok_or_else(|| self.link.rejected(what, format!("{id} is no vault market with a price")))?;
        let (mint, taken) = (mint_of(&synthetic), mint_of(&collateral));
        let mut named = common(addresses, &gateway, &me);
        named.extend([
            ("user_token", token_account(&me, &mint)),
            ("synthetic_mint", mint),
            ("collateral_vault", addresses.vault(id_of(&collateral))),
            ("user_collateral", token_account(&me, &taken)),
            ("position", addresses.position(id, owner)),
            ("price", price),
            ("bad_debt", addresses.bad_debt(id)),
        ]);
        let args = LiquidateArgs { market: index, owner: owner.0.0, max_repay, min_seized };
        let liquidate = orders::instruction(addresses, &Instruction::Liquidate(args), &[], &named);
        Ok([open(&me, &me, &taken), liquidate])
    }
}

#[async_trait]
impl Port for Keeper {
    fn account(&self) -> Account {
        account(&self.acts.me)
    }

    fn can_send(&self) -> bool {
        self.sender.is_some()
    }

    fn trader(&self) -> Option<&dyn Trader> {
        Some(self)
    }

    async fn feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        self.read_feed(feed).await
    }

    async fn positions(&self, market: MarketId, owners: &[Account]) -> Result<Vec<PositionRecord>, ChainError> {
        const WHAT: &str = "positions";
        let mut positions = Vec::with_capacity(owners.len());
        for owners in owners.chunks(POSITIONS) {
            let keys: Vec<_> = owners.iter().map(|owner| self.link.addresses.position(market, *owner)).collect();
            let (gateway, found) = self.link.gateway_and(WHAT, &keys).await?;
            // Without the market nobody has a position, which is not what an operator means who names it.
            self.link.parts(WHAT, &gateway, market)?;
            positions.extend(found.into_iter().map(|found| self.link.vault_position(found)));
        }
        Ok(positions)
    }

    async fn target(&self, synthetic: AssetId) -> Result<u128, ChainError> {
        let gateway = self.link.gateway("target").await?;
        let found = asset(&gateway, synthetic);
        let (_, found) = found.ok_or_else(|| self.link.rejected("target", format!("UnknownAsset {synthetic}")))?;
        Ok(found.target())
    }

    async fn fee_balance(&self) -> Result<u128, ChainError> {
        self.link.lamports(self.acts.me).await.map(Into::into)
    }

    /// Fees, and the share of a page of events that the record takes: who fills one makes the next, and pays its rent.
    async fn liquidation_cost(&self) -> Result<u128, ChainError> {
        let units = margin(*lock(&self.units));
        let records = EVENT_PAGE_BYTES.saturating_sub(EVENT_PAGE_HEADER).checked_div(RECORD).unwrap_or(1);
        let share = u128::from(fees::rent(EVENT_PAGE_BYTES)).div_ceil(u128::try_from(records).unwrap_or(1).max(1));
        Ok(u128::from(fees::lamports(self.price().await, units, 1)).saturating_add(share))
    }

    async fn room(&self) -> Result<usize, ChainError> {
        self.read_room().await
    }

    async fn prepare(&self, liquidation: &Liquidate) -> Result<Transaction, ChainError> {
        const WHAT: &str = "liquidate";
        let sender = self.sender()?;
        let instructions = self.instructions(WHAT, liquidation).await?;
        let simulated = sender.simulate(&instructions).await?;
        let simulated = simulated.map_err(|failure| failure.into_chain_error(self.link.name.clone(), WHAT))?;
        self.used(simulated.units);
        let budget = Budget { units: margin(simulated.units), price: self.price().await };
        let signed = sender.sign(&instructions, budget, &[]).await?.transaction(None);
        lock(&self.on_their_way).add(signed.id.clone());
        Ok(signed)
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        let sender = self.sender()?;
        {
            let mut sent = lock(&self.sent);
            sent.retain(|_, at| at.elapsed() < AGAIN);
            if sent.contains_key(&transaction.id) {
                return Ok(());
            }
            sent.insert(transaction.id.clone(), Instant::now());
        }
        // A refusal is the word of one, who may have passed it on nevertheless: that it can never be included a quorum says a minute later.
        let answer = sender.send(&transaction.raw).await.map_err(ChainError::in_doubt);
        if answer.is_err() {
            lock(&self.sent).remove(&transaction.id);
        }
        answer
    }

    async fn attempts(&self, transactions: &[Transaction]) -> Result<Vec<Attempt>, ChainError> {
        self.read_attempts(self.sender()?, transactions).await
    }

    /// A fresh blockhash for a liquidation that can never be included, by the word of a quorum, as long as it would still do something. Prices move on:
    /// what a trade was signed for has passed with its blockhash.
    async fn escalate(&self, old: &Transaction) -> Result<Option<Transaction>, ChainError> {
        let sender = self.sender()?;
        if self.link.may_live(old) {
            return Ok(None);
        }
        let Some(message) = sender.journaled(old).filter(|it| Liquidated::is_in(it, &self.link.config.program)) else {
            return Ok(None);
        };
        let fates = self.link.fates(std::slice::from_ref(old)).await?;
        if fates != [Fate::Dead] || sender.simulate_message(message.clone()).await?.is_err() {
            return Ok(None);
        }
        sender.missed();
        let signed = sender.renew(message, self.price().await).await?.transaction(Some(old));
        lock(&self.on_their_way).add(signed.id.clone());
        Ok(Some(signed))
    }

    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        self.sender()?.restore(transactions);
        transactions.iter().for_each(|journaled| lock(&self.on_their_way).add(journaled.id.clone()));
        Ok(())
    }
}
