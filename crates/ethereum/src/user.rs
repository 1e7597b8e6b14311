//! What a user does at a gateway, with a key of its own.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use alloy::{
    primitives::{Address, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use serde_json::json;
use tim3_chain::{Actor, ChainError, TxId, UserAction};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{OperationKind, SignedOrder},
};
use tim3_rpc::Request;

use crate::{
    abi::{self, Gateway, Token, b256, call_data},
    link::{Link, lock},
    sender::{Draft, Sender},
    submitter::encoded,
};

/// A user of a gateway. Many actions may be on their way at once.
#[derive(Debug)]
pub struct User {
    link: Arc<Link>,
    sender: Sender,
    approved: Mutex<BTreeSet<Address>>,
}

impl User {
    pub(crate) fn new(link: Arc<Link>, signer: PrivateKeySigner) -> Self {
        let sender = Sender::new(Arc::clone(&link.network), signer);
        Self { link, sender, approved: Mutex::default() }
    }

    /// The user's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.sender.address()
    }

    /// Mints a devnet's test token, which lets anybody do so: `amount` in canonical units.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the collateral is no such token.
    pub async fn mint_test_token(&self, collateral: AssetId, to: Address, amount: u128) -> Result<TxId, ChainError> {
        let asset = self.link.known_asset("mint", collateral).await?;
        let amount = self.native("mint", asset.decimals, asset.native_decimals, amount)?;
        self.call("mint", asset.token, call_data(&Token::mintCall { to, amount })).await
    }

    /// Executes orders as anybody may: exactly these, in this order, in one transaction, without simulation. Waits until it is mined.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the transaction as a whole reverts; what became of each order is told by events and skips.
    pub async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        // An estimate is of no use: with too little gas orders are skipped, and the transaction succeeds.
        let gas = orders.iter().fold(1_000_000_u64, |gas, _| gas.saturating_add(400_000));
        let input = call_data(&Gateway::executeCall { orders: orders.iter().map(encoded).collect() });
        let draft = Draft { to: TxKind::Call(self.link.config.gateway), value: U256::ZERO, input, gas };
        self.done("execute", draft).await
    }

    /// Estimates, sends, and waits until it is mined.
    async fn call(&self, what: &'static str, to: Address, input: Bytes) -> Result<TxId, ChainError> {
        let call = json!({"from": self.address(), "to": to, "input": input});
        let request = Request::new("eth_estimateGas", json!([call]));
        let estimate = self.link.ask(what, |node| {
            let request = request.clone();
            async move { node.one(request).await?.quantity() }
        });
        let estimate = estimate.await?;
        // What others do before it is mined can make it dearer.
        let gas = estimate.saturating_add(estimate.div_ceil(3)).saturating_add(20_000);
        self.done(what, Draft { to: TxKind::Call(to), value: U256::ZERO, input, gas }).await
    }

    async fn done(&self, what: &'static str, draft: Draft) -> Result<TxId, ChainError> {
        let (id, receipt) = self.sender.transact(what, draft).await?;
        if receipt.succeeded() {
            Ok(id)
        } else {
            Err(self.link.rejected(what, format!("reverted in block {}: {id}", receipt.block_number)))
        }
    }

    async fn at_gateway(&self, what: &'static str, input: Bytes) -> Result<TxId, ChainError> {
        self.call(what, self.link.config.gateway, input).await
    }

    /// Lets the gateway take `token` from the user, once.
    async fn approve(&self, token: Address, amount: U256) -> Result<(), ChainError> {
        let known = lock(&self.approved).contains(&token);
        if known {
            return Ok(());
        }
        let spender = self.link.config.gateway;
        let allowance =
            self.link.view_of("allowance", token, &Token::allowanceCall { owner: self.address(), spender }).await?;
        if allowance < amount {
            let input = call_data(&Token::approveCall { spender, amount: U256::MAX });
            self.call("approve", token, input).await?;
        }
        if allowance == U256::MAX || allowance < amount {
            lock(&self.approved).insert(token);
        }
        Ok(())
    }

    fn native(&self, what: &'static str, from: u8, to: u8, amount: u128) -> Result<U256, ChainError> {
        scale(amount, from, to, Rounding::Exact)
            .map(U256::from)
            .map_err(|error| self.link.rejected(what, error.to_string()))
    }

    #[expect(clippy::too_many_arguments, reason = "those of the gateway's call")]
    async fn lock(
        &self,
        market: MarketId,
        collateral: u128,
        debt: u128,
        destination: GatewayId,
        recipient: Account,
        refund_to: Account,
        max_fee: u128,
    ) -> Result<TxId, ChainError> {
        let found = self.link.view("market", &Gateway::marketCall { marketId: b256(market) }).await?;
        if found.synthetic.is_zero() {
            return Err(self.link.rejected("lock", format!("UnknownMarket({market})")));
        }
        let asset = self.link.known_asset("lock", AssetId(abi::word(found.collateral))).await?;
        let native = self.native("lock", asset.decimals, asset.native_decimals, collateral)?;
        self.approve(asset.token, native).await?;
        let input = call_data(&Gateway::lockCall {
            market: b256(market),
            collateral: native,
            debt,
            destination: b256(destination),
            recipient: b256(recipient),
            refundTo: b256(refund_to),
            maxFee: max_fee,
        });
        self.at_gateway("lock", input).await
    }

    async fn burn(
        &self,
        asset: AssetId,
        amount: u128,
        intent: Gateway::Intent,
        refund_to: Account,
        max_fee: u128,
    ) -> Result<TxId, ChainError> {
        let input = call_data(&Gateway::burnCall {
            asset: b256(asset),
            amount,
            intent,
            refundTo: b256(refund_to),
            maxFee: max_fee,
        });
        self.at_gateway("burn", input).await
    }
}

#[async_trait]
impl Actor for User {
    fn account(&self) -> Account {
        abi::account(self.address())
    }

    async fn act(&self, action: UserAction) -> Result<TxId, ChainError> {
        match action {
            UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee } => {
                self.lock(market, collateral, debt, destination, recipient, refund_to, max_fee).await
            }
            UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee } => {
                let intent = Gateway::Intent {
                    kind: OperationKind::Transfer.code(),
                    destination: b256(destination),
                    recipient: b256(recipient),
                    ..no_intent()
                };
                self.burn(asset, amount, intent, refund_to, max_fee).await
            }
            // At home a redeem is a call of its own, without a fee.
            UserAction::Redeem { home, market, owner, amount, wanted, recipient, .. } if home == self.link.id => {
                let (market, owner, recipient) = (b256(market), b256(owner), b256(recipient));
                let input = call_data(&Gateway::redeemCall { market, owner, amount, wanted, recipient });
                self.at_gateway("redeem", input).await
            }
            UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted, refund_to, max_fee } => {
                let intent = Gateway::Intent {
                    kind: OperationKind::Redeem.code(),
                    destination: b256(home),
                    market: b256(market),
                    owner: b256(owner),
                    recipient: b256(recipient),
                    wanted,
                };
                self.burn(asset, amount, intent, refund_to, max_fee).await
            }
            UserAction::Repay { market, owner, amount } => {
                let input = call_data(&Gateway::repayCall { market: b256(market), owner: b256(owner), amount });
                self.at_gateway("repay", input).await
            }
            UserAction::Withdraw { market, collateral, to } => {
                let input = call_data(&Gateway::withdrawCall { market: b256(market), collateral, to: b256(to) });
                self.at_gateway("withdraw", input).await
            }
            UserAction::Claim { asset, to } => {
                self.at_gateway("claim", call_data(&Gateway::claimCall { asset: b256(asset), to: b256(to) })).await
            }
            UserAction::RaisePause { asset, level } => {
                self.at_gateway("pause", call_data(&Gateway::setPauseCall { asset: b256(asset), level })).await
            }
        }
    }
}

fn no_intent() -> Gateway::Intent {
    Gateway::Intent {
        kind: 0,
        destination: Default::default(),
        market: Default::default(),
        owner: Default::default(),
        recipient: Default::default(),
        wanted: 0,
    }
}
