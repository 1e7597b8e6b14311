//! The five processes behind the units of a network: histories with their senders, results, and look-ups in a state that is not old.

use std::sync::Arc;

use serde::Deserialize;
use tim3_chain::ChainError;
use tim3_rpc::{CallError, Http};

use super::{
    Role,
    adopt::{LookUp, Outcome, Seen},
    books::Books,
    configuration::Deployment,
    coordinator, lock_manager,
    message::{Message, Received},
    probe::{self, Found},
    quantity::Quantity,
    token_manager, usda,
};
use crate::{
    ans104::{Tag, tags},
    id::Id,
    network::Network,
    units::{
        UnitError,
        compute::{self, Outgoing, Trial},
        scheduler::PAGE,
    },
};

/// The processes of a deployment on a network.
#[derive(Clone, Debug)]
pub struct Processes {
    network: Arc<Network>,
    deployment: Deployment,
    ids: [(Role, Id); 5],
    /// Who signs for processes: what it signed is from the process that it names.
    authority: Id,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    node: Node,
}

#[derive(Deserialize)]
struct Node {
    message: Raw,
    assignment: Assignment,
}

#[derive(Deserialize)]
struct Raw {
    id: Id,
    owner: Owner,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    data: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    address: String,
}

#[derive(Deserialize)]
struct Assignment {
    tags: Vec<Tag>,
}

/// What a process sent, as the planner knows messages.
fn message(outgoing: Outgoing) -> Message {
    let tags = outgoing.tags.into_iter().map(|tag| (tag.name, tag.value)).collect();
    Message { target: outgoing.target, tags, data: outgoing.data }
}

/// What a message was found to have done.
fn outcome(found: compute::Outcome) -> Outcome {
    Outcome { messages: found.messages.into_iter().map(message).collect(), error: found.error }
}

/// A page of a history, from nonce `first` on without a gap.
fn page(bytes: &[u8], process: Id, authority: Id, first: u64) -> Result<Vec<Received>, UnitError> {
    let page: Page = serde_json::from_slice(bytes).map_err(|error| CallError::Garbage(error.to_string()))?;
    let mut received = Vec::new();
    for (Edge { node: Node { message, assignment } }, expected) in page.edges.into_iter().zip(first..) {
        let nonce = tags::find(&assignment.tags, "Nonce").and_then(|nonce| nonce.parse().ok());
        if nonce != Some(expected) {
            return Err(CallError::Garbage(format!("asked for message {expected} of {process}, found {nonce:?}")));
        }
        let claimed =
            tags::find(&message.tags, "From-Process").filter(|_| message.owner.address == authority.to_string());
        let from = claimed.map_or(message.owner.address, str::to_owned);
        let tags = message.tags.into_iter().map(|tag| (tag.name, tag.value)).collect();
        let content = Message { target: process.to_string(), tags, data: message.data.unwrap_or_default() };
        received.push(Received { nonce: expected, id: message.id.to_string(), from, message: content });
    }
    Ok(received)
}

impl Processes {
    /// The processes of a deployment.
    ///
    /// # Errors
    /// The role whose id is none.
    pub fn new(network: Arc<Network>, deployment: Deployment, authority: Id) -> Result<Self, Role> {
        let id = |role: Role| deployment.process(role).parse::<Id>().map(|id| (role, id)).map_err(|_| role);
        let [a, b, c, d, e] = Role::ALL.map(id);
        Ok(Self { ids: [a?, b?, c?, d?, e?], network, deployment, authority })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Which processes they are.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The process of a role.
    #[must_use]
    pub fn id(&self, role: Role) -> Id {
        let [first, ..] = self.ids;
        self.ids.into_iter().find(|(known, _)| *known == role).unwrap_or(first).1
    }

    /// Messages that a process took in, from number `first` on; [`PAGE`] at most.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler gives them.
    pub async fn history(&self, role: Role, first: u64) -> Result<Vec<Received>, ChainError> {
        let (process, authority) = (self.id(role), self.authority);
        let from = first.checked_sub(1).map_or_else(String::new, |from| format!("from={from}&"));
        let path = format!("{process}?{from}limit={PAGE}");
        let path = path.as_str();
        let ask = |su: Arc<Http>| async move {
            let response = su.get(path).await?;
            match response.status {
                200..300 => page(&response.body, process, authority, first),
                404 => Err(CallError::Behind(format!("process {process} is not known"))),
                status => Err(CallError::Transport(format!("HTTP status {status}"))),
            }
        };
        self.network.ask(&self.network.schedulers, "history", ask).await
    }

    /// What a message did, or `None` where it is not evaluated yet.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no compute unit answers.
    pub async fn result(&self, role: Role, item: Id) -> Result<Option<Outcome>, ChainError> {
        Ok(self.network.result(self.id(role), item).await?.map(outcome))
    }

    /// What a message would do, in a state that has everything that is scheduled by now: a unit that lags is passed over.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no compute unit is so far.
    pub async fn dry_run(&self, role: Role, wanted: &Message, from: Option<Id>) -> Result<Vec<Message>, ChainError> {
        let process = self.id(role);
        let newest = self.network.latest(process).await?.id;
        let tags = wanted.tags.iter().map(|(name, value)| Tag::new(name.as_str(), value.as_str())).collect();
        let trial = Trial { from, tags, data: wanted.data.clone() };
        let trial = &trial;
        let ask = |cu: Arc<Http>| async move {
            if compute::result(&cu, process, newest).await?.is_none() {
                return Err(CallError::Behind(format!("message {newest} of {process} is not evaluated")));
            }
            compute::dry_run(&cu, process, trial).await
        };
        let found = self.network.ask(&self.network.compute_units, "dry-run", ask).await?;
        Ok(outcome(found).messages)
    }

    pub(super) async fn ask(&self, role: Role, action: &str, tags: &[(&str, &str)]) -> Result<Message, ChainError> {
        let answers = self.dry_run(role, &Message::with_tags("", action, tags), None).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| self.network.transient("look-up", format!("the {role} does not answer {action}")))
    }

    pub(super) fn strange(&self, what: impl ToString) -> ChainError {
        self.network.transient("look-up", what.to_string())
    }

    /// Does a look-up.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where it is not answered in a form that is known.
    pub async fn look_up(&self, look_up: LookUp) -> Result<Seen, ChainError> {
        let strange = |said: &dyn std::fmt::Debug| self.strange(format!("answered with {said:?}"));
        let operations = |user: String, kind: &'static str| async move {
            let answer =
                self.ask(Role::TokenManager, "GetOperation", &[("OperationType", kind), ("User", &user)]).await?;
            match token_manager::Says::decode(&answer).map_err(|error| self.strange(error))? {
                token_manager::Says::Operations(found) => Ok((user, found)),
                other => Err(strange(&other)),
            }
        };
        match look_up {
            LookUp::Locks(user) => {
                let answer = self.ask(Role::LockManager, "GetLockInfo", &[("User", &user)]).await?;
                match lock_manager::Says::decode(&answer).map_err(|error| self.strange(error))? {
                    lock_manager::Says::Locks(locks) => Ok(Seen::Locks(user, locks)),
                    other => Err(strange(&other)),
                }
            }
            LookUp::Mints(user) => operations(user, "mint").await.map(|(user, found)| Seen::Mints(user, found)),
            LookUp::Burns(user) => operations(user, "burn").await.map(|(user, found)| Seen::Burns(user, found)),
            LookUp::Balance(user) => {
                let answer = self.ask(Role::TokenManager, "Balance", &[("Target", &user)]).await?;
                match token_manager::Says::decode(&answer).map_err(|error| self.strange(error))? {
                    token_manager::Says::Balance { balance, .. } => Ok(Seen::Balance(user, balance)),
                    other => Err(strange(&other)),
                }
            }
            LookUp::Held(user) => self.held(&user).await.map(|held| Seen::Held(user, held)),
        }
    }

    async fn held(&self, user: &str) -> Result<Quantity, ChainError> {
        Ok(self.usda_balance(user).await?.locked)
    }

    /// What a user has of the collateral token.
    pub(super) async fn usda_balance(&self, user: &str) -> Result<usda::Balance, ChainError> {
        match usda::Says::decode(&self.ask(Role::Usda, "Balance", &[("Target", user)]).await?) {
            Ok(usda::Says::Balance(balance)) => Ok(balance),
            other => Err(self.strange(format!("answered with {other:?}"))),
        }
    }

    /// What the Token Manager says of the token.
    pub(super) async fn token(&self) -> Result<token_manager::Info, ChainError> {
        match token_manager::Says::decode(&self.ask(Role::TokenManager, "Info", &[]).await?) {
            Ok(token_manager::Says::Info(info)) => Ok(info),
            other => Err(self.strange(format!("answered with {other:?}"))),
        }
    }

    /// What the Coordinator says of itself.
    pub(super) async fn coordinator(&self) -> Result<coordinator::Info, ChainError> {
        match coordinator::Says::decode(&self.ask(Role::Coordinator, "Info", &[]).await?) {
            Ok(coordinator::Says::Info(info)) => Ok(info),
            other => Err(self.strange(format!("answered with {other:?}"))),
        }
    }

    /// The Coordinator's slots.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where it is not answered in a form that is known.
    pub async fn slots(&self) -> Result<coordinator::Processes, ChainError> {
        let answer = self.ask(Role::Coordinator, "GetConfig", &[]).await?;
        match coordinator::Says::decode(&answer).map_err(|error| self.strange(error))? {
            coordinator::Says::Config { processes, .. } => Ok(processes),
            other => Err(self.strange(format!("answered with {other:?}"))),
        }
    }

    /// What the processes show themselves to be.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no unit answers.
    pub async fn probe(&self) -> Result<Found, ChainError> {
        let mut answers = Vec::new();
        for question in probe::questions(&self.deployment) {
            let owner = question.owner.and_then(|owner| owner.parse().ok());
            answers.push(self.dry_run(question.role, &question.message, owner).await?);
        }
        Ok(probe::read(&answers))
    }

    /// The books, as far as these users are in them. They fit together only when [`Processes::heads`] are the same before and after.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where something is not answered in a form that is known.
    pub async fn books(&self, users: &[String]) -> Result<Books, ChainError> {
        let mut books = Books::default();
        let add =
            |sum: Quantity, more: Quantity| sum.checked_add(more).ok_or_else(|| self.strange("a book beyond 2^53"));
        books.supply = self.token().await?.total_supply;
        match token_manager::Says::decode(&self.ask(Role::TokenManager, "Balances", &[]).await?) {
            Ok(token_manager::Says::Balances(balances)) => {
                books.balances = balances.into_values().try_fold(Quantity::ZERO, add)?
            }
            other => return Err(self.strange(format!("answered with {other:?}"))),
        }
        let coordinator = self.coordinator().await?;
        (books.minted, books.collateral) = (coordinator.total_tim3_minted, coordinator.total_collateral);
        for user in users {
            if let Seen::Locks(_, locks) = self.look_up(LookUp::Locks(user.clone())).await? {
                use lock_manager::Status::{Locked, Unlocking};
                let holding = locks.into_values().filter(|lock| matches!(lock.status, Locked | Unlocking));
                books.locks = holding.map(|lock| lock.amount).try_fold(books.locks, add)?;
            }
            books.held = add(books.held, self.held(user).await?)?;
        }
        Ok(books)
    }

    /// How many messages the processes have taken in that have books.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler answers.
    pub async fn heads(&self) -> Result<Vec<u64>, ChainError> {
        let mut heads = Vec::new();
        for role in [Role::Coordinator, Role::LockManager, Role::TokenManager, Role::Usda] {
            heads.push(self.network.latest(self.id(role)).await?.nonce);
        }
        Ok(heads)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(node: &serde_json::Value) -> Result<Vec<Received>, UnitError> {
        page(json!({ "edges": [{ "node": node }] }).to_string().as_bytes(), Id([1; 32]), Id([2; 32]), 7)
    }

    fn node(owner: Id, nonce: &str) -> serde_json::Value {
        let tags = json!([{ "name": "From-Process", "value": "claimed" }, { "name": "Action", "value": "Mint" }]);
        let message = json!({ "id": Id([3; 32]).to_string(), "owner": { "address": owner.to_string(), "key": "" }, "tags": tags, "data": "" });
        json!({ "message": message, "assignment": { "id": "", "tags": [{ "name": "Nonce", "value": nonce }] } })
    }

    #[test]
    fn a_claimed_sender_is_believed_only_where_the_authority_signed() {
        let from = |owner| read(&node(owner, "7")).expect("a page").remove(0).from;
        assert_eq!(from(Id([2; 32])), "claimed");
        assert_eq!(from(Id([9; 32])), Id([9; 32]).to_string());
    }

    #[test]
    fn a_page_with_a_gap_is_garbage() {
        assert!(matches!(read(&node(Id([2; 32]), "8")), Err(CallError::Garbage(_))));
        assert!(matches!(read(&json!({})), Err(CallError::Garbage(_))));
    }
}
