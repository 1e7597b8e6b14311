//! A user of the simulated chain.

use async_trait::async_trait;
use tim3_chain::{Actor, ChainError, TxId, UserAction};
use tim3_domain::identity::Account;

use crate::{
    SimNode,
    gateway::{Call, Reject},
    node::Whereabouts,
};

/// A user. What it does is refused at once where the newest state refuses it, and sent again where the chain forgets it.
#[derive(Clone, Debug)]
pub struct SimActor {
    node: SimNode,
    name: String,
    account: Account,
}

impl SimActor {
    /// The user behind `account`; `name` is the chain's in errors.
    #[must_use]
    pub fn new(node: SimNode, name: &str, account: Account) -> Self {
        Self { node, name: name.to_owned(), account }
    }

    /// Sends any call and gives its transaction without waiting for a block.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the newest state refuses it.
    pub fn send(&self, call: Call) -> Result<TxId, ChainError> {
        let now = self.node.head().timestamp.saturating_add(self.node.config().block_seconds);
        self.node.state().apply(&call, self.account, now).map_err(|reason| self.rejected(&reason))?;
        Ok(self.node.submit(self.account, call))
    }

    /// Sends any call and waits until it is included.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] with the gateway's reason.
    pub async fn call(&self, call: Call) -> Result<TxId, ChainError> {
        let mut news = self.node.subscribe();
        let mut id = self.send(call.clone())?;
        loop {
            match self.node.whereabouts(&id) {
                Whereabouts::Included => return Ok(id),
                Whereabouts::Refused(reason) => return Err(self.rejected(&reason)),
                Whereabouts::Forgotten => id = self.send(call.clone())?,
                Whereabouts::Waiting => {
                    // A reorg may take away what came before it, and the chain forget that: it would wait for ever.
                    if let Some(renumbered) = self.node.renumber(&id) {
                        id = renumbered;
                    }
                    // The node holds the sender as long as this user holds the node.
                    let _ = news.changed().await;
                }
            }
        }
    }

    fn rejected(&self, reason: &Reject) -> ChainError {
        ChainError::Rejected { chain: self.name.clone(), what: "act", reason: reason.to_string() }
    }
}

#[async_trait]
impl Actor for SimActor {
    fn account(&self) -> Account {
        self.account
    }

    async fn act(&self, action: UserAction) -> Result<TxId, ChainError> {
        self.call(Call::User(action)).await
    }
}
