//! Accounts that act, and the transactions they sign beforehand, so that signing takes no time while something is measured.

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718 as _,
    hex,
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::{SignerSync as _, local::PrivateKeySigner},
    sol_types::SolCall as _,
};
use anyhow::{Context as _, Result};
use tim3_devnet::{
    Site,
    contracts::{IGateway, IToken},
    plan, site,
};
use tim3_domain::{identity::GatewayId, word::keccak_text};

/// Far above any base fee of a devnet.
const MAX_FEE: u128 = 1_000_000_000_000;
const TRANSFER_GAS: u64 = 21_000;
/// A lock uses about 160,000, and the gateway wants 405,000 to be left when it reads a price.
const LOCK_GAS: u64 = 700_000;

/// Accounts of one chain, used in turn.
#[derive(Debug)]
pub(crate) struct Purse {
    chain_id: u64,
    signers: Vec<PrivateKeySigner>,
    signed: u64,
}

impl Purse {
    /// `accounts` accounts that no other purse has, with coins for gas.
    pub(crate) async fn new(site: &Site, name: &str, accounts: u64) -> Result<Self> {
        let signer = |index| PrivateKeySigner::from_slice(&keccak_text(&format!("tim3 load {name} {index}")).0);
        let signers = (0..accounts).map(signer).collect::<Result<Vec<_>, _>>()?;
        let purse = Self { chain_id: site.deployment.chain_id, signers, signed: 0 };
        site.fund_gas(&purse.addresses()).await?;
        Ok(purse)
    }

    /// Gives each account collateral, and lets the gateway take it.
    pub(crate) async fn with_collateral(self, site: &Site) -> Result<Self> {
        site.fund_tokens(plan::STABLE, &self.addresses(), 1_000_000).await?;
        let token = *site.token(plan::STABLE)?.address();
        let approve = IToken::approveCall { spender: site.deployment.gateway, amount: U256::MAX };
        let mut sent = Vec::with_capacity(self.signers.len());
        for signer in &self.signers {
            sent.push(site.send_as(signer.address(), token, &approve).await?);
        }
        site.mined(&sent).await?;
        Ok(Self { signed: u64::try_from(sent.len().saturating_mul(2))?, ..self })
    }

    fn addresses(&self) -> Vec<Address> {
        self.signers.iter().map(PrivateKeySigner::address).collect()
    }

    /// Signs `count` transfers of nothing to the account itself.
    pub(crate) fn transfers(&mut self, count: u64) -> Result<Vec<String>> {
        self.sign(count, TRANSFER_GAS, |from| (from, Bytes::new()))
    }

    /// Signs `count` locks at `home`, each of one unit of collateral for one unit of debt, which the same account receives at `destination`.
    pub(crate) fn locks(&mut self, count: u64, home: &Site, destination: &Site) -> Result<Vec<String>> {
        self.locks_for(count, home, destination.deployment.id, |from| from.into_word())
    }

    /// The same for a gateway on any chain, and whoever receives there.
    pub(crate) fn locks_for(
        &mut self,
        count: u64,
        home: &Site,
        destination: GatewayId,
        recipient: impl Fn(Address) -> B256,
    ) -> Result<Vec<String>> {
        let market = home.market(plan::STABLE)?.0.0.into();
        let gateway = home.deployment.gateway;
        self.sign(count, LOCK_GAS, |from| {
            let call = IGateway::lockCall {
                market,
                collateral: site::native(1),
                debt: plan::UNIT,
                destination: destination.0.0.into(),
                recipient: recipient(from),
                refundTo: from.into_word(),
                maxFee: 0,
            };
            (gateway, call.abi_encode().into())
        })
    }

    /// Signs as often, the accounts in turn, so that each one's nonces rise by one.
    fn sign(&mut self, count: u64, gas: u64, call: impl Fn(Address) -> (Address, Bytes)) -> Result<Vec<String>> {
        let accounts = u64::try_from(self.signers.len())?;
        let mut signed = Vec::with_capacity(usize::try_from(count)?);
        for _ in 0..count {
            let turn = self.signed.checked_rem(accounts).context("no accounts")?;
            let signer = self.signers.get(usize::try_from(turn)?).context("no such account")?;
            let (to, input) = call(signer.address());
            let transaction = TxEip1559 {
                chain_id: self.chain_id,
                nonce: self.signed.checked_div(accounts).context("no accounts")?,
                gas_limit: gas,
                max_fee_per_gas: MAX_FEE,
                max_priority_fee_per_gas: 1,
                to: TxKind::Call(to),
                value: U256::ZERO,
                access_list: Default::default(),
                input,
            };
            let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
            let raw = TxEnvelope::from(transaction.into_signed(signature)).encoded_2718();
            signed.push(hex::encode_prefixed(raw));
            self.signed = self.signed.saturating_add(1);
        }
        Ok(signed)
    }
}
