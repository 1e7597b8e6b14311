//! The users of a plan, on whichever chain they are: what they need, what they send, and what they must have in the end.

use std::{collections::BTreeSet, sync::Arc};

use alloy::{
    primitives::{B256, U256},
    providers::Provider as _,
};
use anyhow::{Context as _, Result, ensure};
use futures::future::{try_join, try_join_all};
use tim3_chain::{Actor as _, ChainError, TxId, UserAction};
use tim3_devnet::{
    AoSite, Devnet, Site, SolanaSite, accounts,
    contracts::{IGateway, IToken},
    daemon::until_async,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::{native, synthetic},
    solana::{Beginner, SOL},
};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::OperationKind,
};
use tim3_solana::Signer as _;
use tokio::task::JoinHandle;

use super::{
    PATIENCE,
    ao::{Posted, balance},
    plan::{AO, EVM, SOLANA, Someone, User, is_voided},
};

/// What a redeem takes out of a reserve must have been brought in: whole tokens.
pub(super) const DEPOSIT: u128 = 100_000;
/// What a user has of the collateral at first, in whole tokens.
pub(super) const PURSE: u64 = 1_000;
/// Blocks in which a transaction of Solana may be included.
const LIFE: u64 = 150;

/// A user with what the plan makes it need.
pub(super) struct Ready<'a> {
    user: &'a User,
    way: Way,
}

/// How a user acts once, and again where what it did is gone.
enum Way {
    /// The number of its transaction on an EVM chain: sent twice, it is one.
    Numbered(u64),
    /// On Solana nothing is sent before what was sent can no longer be included.
    Expiring { wallet: Arc<tim3_solana::User>, sent: Option<JoinHandle<Result<TxId, ChainError>>>, until: Option<u64> },
    /// On AO a message may be posted as often as one likes.
    Posted(Box<Posted>),
}

pub(super) fn solana(devnet: &Devnet) -> Result<&SolanaSite> {
    devnet.solana.as_ref().context("no Solana chain")
}

pub(super) fn ao(devnet: &Devnet) -> Result<&AoSite> {
    devnet.ao.as_ref().context("no AO network")
}

/// The gateway on a chain, and its market.
fn gateway(devnet: &Devnet, chain: usize) -> Result<(GatewayId, MarketId)> {
    match chain {
        SOLANA => {
            let site = solana(devnet)?;
            Ok((site.deployment.id, site.market(STABLE)?))
        }
        AO => {
            let site = ao(devnet)?;
            Ok((site.deployment.gateway, site.market(STABLE)?))
        }
        chain => {
            let site = devnet.sites()[chain];
            Ok((site.deployment.id, site.market(STABLE)?))
        }
    }
}

/// Gives every user what it needs, and waits until that is final.
pub(super) async fn prepare<'a>(devnet: &Devnet, users: &'a [User]) -> Result<Vec<Ready<'a>>> {
    for chain in 0..EVM {
        let here: Vec<_> = users.iter().filter(|user| user.origin == chain).collect();
        prepare_evm(devnet.sites()[chain], &here).await?;
    }
    let on_ao: Vec<_> = users.iter().filter(|user| user.origin == AO).collect();
    try_join(prepare_solana(devnet, users), super::ao::prepare(ao(devnet)?, &on_ao)).await?;
    let mut ready = Vec::new();
    for user in users {
        let way = match user.origin {
            SOLANA => {
                Way::Expiring { wallet: Arc::new(solana(devnet)?.user(user.who.key()).await?), sent: None, until: None }
            }
            AO => Way::Posted(Box::new(Posted::new(ao(devnet)?, user, gateway(devnet, user.destination)?)?)),
            chain => {
                let provider = devnet.sites()[chain].provider();
                Way::Numbered(provider.get_transaction_count(user.who.address()).await?)
            }
        };
        ready.push(Ready { user, way });
    }
    Ok(ready)
}

async fn prepare_evm(site: &Site, users: &[&User]) -> Result<()> {
    let alice = accounts::address("alice")?;
    let addresses: Vec<_> = users.iter().map(|user| user.who.address()).collect();
    site.fund_gas(&addresses).await?;
    site.fund_tokens(STABLE, &addresses, PURSE).await?;
    let market = (site.deployment.id, site.market(STABLE)?);
    let mut sent = Vec::new();
    for who in addresses.into_iter().chain([alice]) {
        let approve = IToken::approveCall { spender: site.deployment.gateway, amount: U256::MAX };
        sent.push(site.send_as(who, *site.token(STABLE)?.address(), &approve).await?);
    }
    let own = |who: Account, amount| evm_lock(market.1, amount, market.0, who, who);
    for user in users.iter().filter(|user| user.kind != OperationKind::Mint) {
        let lock = own(user.who.on(user.origin), user.amount);
        sent.push(site.send_as(user.who.address(), site.deployment.gateway, &lock).await?);
    }
    let deposit = own(Account::from_evm(alice.into_array()), DEPOSIT * UNIT);
    sent.push(site.send_as(alice, site.deployment.gateway, &deposit).await?);
    site.mined(&sent).await?;
    final_now(site).await
}

/// Waits until what is in a block of an EVM chain now is final.
pub(super) async fn final_now(site: &Site) -> Result<()> {
    let height = site.height().await?;
    until_async(PATIENCE, async || Ok((site.height().await? > height + 4).then_some(()))).await
}

async fn prepare_solana(devnet: &Devnet, users: &[User]) -> Result<()> {
    let site = solana(devnet)?;
    let stable = u64::try_from(u128::from(PURSE) * UNIT)?;
    let here = |user: &&User| user.origin == SOLANA;
    let beginner = |who: Someone, lamports, stable| Beginner { wallet: who.key().pubkey(), lamports, stable };
    let senders = users.iter().filter(here).map(|user| beginner(user.who, SOL / 10, stable));
    let recipients = users.iter().filter(|user| user.destination == SOLANA).map(|user| beginner(user.recipient, 0, 0));
    site.welcome(&senders.chain(recipients).collect::<Vec<_>>()).await?;
    let (id, market) = gateway(devnet, SOLANA)?;
    let lock_in = async |key, amount| {
        let user = site.user(key).await?;
        let own = user.account();
        user.act(lock(market, amount, id, own, own)).await?;
        Ok::<_, anyhow::Error>(())
    };
    let burners = users.iter().filter(here).filter(|user| user.kind != OperationKind::Mint);
    try_join_all(burners.map(|user| lock_in(user.who.key(), user.amount))).await?;
    lock_in(accounts::solana_key("alice"), DEPOSIT * UNIT).await?;
    let height = site.height("confirmed").await?;
    until_async(PATIENCE, async || Ok((site.height("finalized").await? >= height).then_some(()))).await
}

impl Ready<'_> {
    /// Sends the user's one transaction.
    pub(super) async fn act(&mut self, devnet: &Devnet) -> Result<()> {
        let user = self.user;
        let there = gateway(devnet, user.destination)?;
        match &mut self.way {
            Way::Numbered(nonce) => {
                let origin = devnet.sites()[user.origin];
                let (gateway, from) = (origin.deployment.gateway, user.who.address());
                let sent = match user.kind {
                    OperationKind::Mint => {
                        let (recipient, refund) = (user.recipient.on(user.destination), user.who.on(user.origin));
                        let lock = evm_lock(origin.market(STABLE)?, user.amount, there.0, recipient, refund);
                        origin.send_numbered(from, *nonce, gateway, &lock).await
                    }
                    _ => origin.send_numbered(from, *nonce, gateway, &evm_burn(user, there)?).await,
                };
                // It is in the pool or in a block already.
                match sent {
                    Err(error) if error.to_string().contains("already") || error.to_string().contains("too low") => {
                        Ok(())
                    }
                    sent => sent.map(|_| ()),
                }
            }
            Way::Expiring { wallet, sent, until } => {
                let (action, wallet) = (action(user, gateway(devnet, SOLANA)?.1, there)?, Arc::clone(wallet));
                (*sent, *until) = (Some(tokio::spawn(async move { wallet.act(action).await })), None);
                Ok(())
            }
            Way::Posted(posted) => {
                posted.post();
                Ok(())
            }
        }
    }

    /// Looks what became of a message on AO.
    pub(super) async fn look(&mut self) -> Result<()> {
        match &mut self.way {
            Way::Posted(posted) => posted.look().await,
            _ => Ok(()),
        }
    }

    /// Sends it again where nothing came of it.
    pub(super) async fn act_again(
        &mut self,
        devnet: &Devnet,
        heights: Heights,
        actors: &BTreeSet<Account>,
    ) -> Result<()> {
        let user = self.user;
        let is_due = match &mut self.way {
            Way::Numbered(nonce) => {
                let provider = devnet.sites()[user.origin].provider();
                provider.get_transaction_count(user.who.address()).await? == *nonce
            }
            _ if actors.contains(&user.who.on(user.origin)) => false,
            Way::Expiring { sent, until, .. } => {
                if sent.as_ref().is_some_and(JoinHandle::is_finished) {
                    // Whatever it came to: the chain tells.
                    (*sent, *until) = (None, Some(heights.confirmed + LIFE));
                }
                until.is_some_and(|until| heights.finalized > until)
            }
            Way::Posted(posted) => {
                if posted.is_scheduled() {
                    posted.recover(ao(devnet)?, user, gateway(devnet, user.destination)?).await?;
                }
                false
            }
        };
        if is_due { self.act(devnet).await } else { Ok(()) }
    }

    /// The recipient has what was sent, once; or the user has it back.
    pub(super) async fn paid(&self, devnet: &Devnet) -> Result<()> {
        let User { who, recipient, amount, kind, origin, destination } = *self.user;
        let (chain, whose, symbol, expected) = match kind {
            OperationKind::Mint if is_voided(amount) => (origin, who, STABLE, u128::from(PURSE) * UNIT),
            _ if is_voided(amount) => (origin, who, SYNTHETIC, amount),
            OperationKind::Redeem => (destination, recipient, STABLE, amount),
            _ => (destination, recipient, SYNTHETIC, amount),
        };
        let (found, expected) = match chain {
            SOLANA => (U256::from(solana(devnet)?.balance(symbol, &whose.key().pubkey()).await?), U256::from(expected)),
            AO => (balance(ao(devnet)?, symbol, whose).await?, U256::from(expected)),
            chain => {
                let whole = native(1) * U256::from(expected / UNIT);
                let expected = if symbol == STABLE { whole } else { U256::from(expected) };
                (devnet.sites()[chain].balance(symbol, whose.address()).await?, expected)
            }
        };
        ensure!(
            found == expected,
            "{kind:?} of {amount} from {origin} to {destination}: there is {found} {symbol} on {chain}, expected {expected}",
        );
        Ok(())
    }
}

/// How far Solana is.
#[derive(Clone, Copy)]
pub(super) struct Heights {
    confirmed: u64,
    finalized: u64,
}

impl Heights {
    pub(super) async fn of(site: &SolanaSite) -> Result<Self> {
        Ok(Self { confirmed: site.height("confirmed").await?, finalized: site.height("finalized").await? })
    }
}

fn evm_lock(
    market: MarketId,
    amount: u128,
    destination: GatewayId,
    recipient: Account,
    refund_to: Account,
) -> IGateway::lockCall {
    IGateway::lockCall {
        market: B256::new(market.0.0),
        collateral: native(1) * U256::from(amount / UNIT),
        debt: amount,
        destination: B256::new(destination.0.0),
        recipient: B256::new(recipient.0.0),
        refundTo: B256::new(refund_to.0.0),
        maxFee: 0,
    }
}

fn evm_burn(user: &User, (destination, market): (GatewayId, MarketId)) -> Result<IGateway::burnCall> {
    let is_redeem = user.kind == OperationKind::Redeem;
    let named = |word: [u8; 32]| if is_redeem { B256::new(word) } else { B256::ZERO };
    Ok(IGateway::burnCall {
        asset: synthetic()?,
        amount: user.amount,
        intent: IGateway::Intent {
            kind: user.kind.code(),
            destination: B256::new(destination.0.0),
            market: named(market.0.0),
            owner: named(market.reserve_owner().0.0),
            recipient: B256::new(user.recipient.on(user.destination).0.0),
            wanted: 0,
        },
        refundTo: B256::new(user.who.on(user.origin).0.0),
        maxFee: 0,
    })
}

fn lock(market: MarketId, amount: u128, destination: GatewayId, recipient: Account, refund_to: Account) -> UserAction {
    UserAction::Lock { market, collateral: amount, debt: amount, destination, recipient, refund_to, max_fee: 0 }
}

/// What a user on Solana does; `own` is the market there.
fn action(user: &User, own: MarketId, (destination, market): (GatewayId, MarketId)) -> Result<UserAction> {
    let (recipient, refund_to) = (user.recipient.on(user.destination), user.who.on(user.origin));
    let (asset, amount) = (AssetId::from_symbol(SYNTHETIC)?, user.amount);
    Ok(match user.kind {
        OperationKind::Mint => lock(own, amount, destination, recipient, refund_to),
        OperationKind::Redeem => {
            let (home, owner) = (destination, market.reserve_owner());
            UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted: 0, refund_to, max_fee: 0 }
        }
        OperationKind::Transfer => {
            UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee: 0 }
        }
    })
}
