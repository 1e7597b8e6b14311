//! The state of the chain: the gateway, and what senders have used up.

use rpds::HashTrieMapSync;
use tim3_domain::identity::Account;

use super::Tx;
use crate::gateway::{Gateway, Receipt, Reject};

/// Cheap to clone, as every part of it is.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    nonces: HashTrieMapSync<Account, u64>,
    spent: HashTrieMapSync<Account, u128>,
}

impl World {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway, nonces: HashTrieMapSync::new_sync(), spent: HashTrieMapSync::new_sync() }
    }

    /// The nonce that an account's next transaction must have.
    pub(crate) fn nonce(&self, account: &Account) -> u64 {
        self.nonces.get(account).copied().unwrap_or(0)
    }

    /// What an account has paid in fees.
    pub(crate) fn spent(&self, account: &Account) -> u128 {
        self.spent.get(account).copied().unwrap_or(0)
    }

    /// Includes a transaction whose nonce is due: its nonce and fee are used up even where the gateway refuses it.
    pub(crate) fn execute(&mut self, tx: &Tx, now: u64) -> Result<Receipt, Reject> {
        self.nonces.insert_mut(tx.sender, tx.nonce.saturating_add(1));
        if tx.fee != 0 {
            self.spent.insert_mut(tx.sender, self.spent(&tx.sender).saturating_add(tx.fee));
        }
        self.gateway.apply(&tx.call, tx.sender, now)
    }
}
