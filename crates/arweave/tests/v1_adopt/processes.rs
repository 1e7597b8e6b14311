//! The five processes as far as the planner meets them, message by message, with their defects; and a network that delivers in any order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tim3_arweave::v1::Role;
use tim3_arweave::v1::adopt::Outcome;
use tim3_arweave::v1::books::Books;
use tim3_arweave::v1::configuration::Deployment;
use tim3_arweave::v1::coordinator::Processes;
use tim3_arweave::v1::lock_manager::{Lock, Says as LockSays};
use tim3_arweave::v1::message::{Message, Received};
use tim3_arweave::v1::quantity::Quantity;
use tim3_arweave::v1::token_manager::{Operation, Says as TokenSays};

pub(crate) fn deployment() -> Deployment {
    let [coordinator, lock_manager, token_manager, state_manager, usda, daemon] =
        ["co", "lm", "tm", "sm", "usda", "daemon"].map(str::to_owned);
    Deployment { coordinator, lock_manager, token_manager, state_manager, usda, daemon }
}

/// An amount as the Coordinator multiplies it: a float.
fn float(amount: i64) -> String {
    format!("{amount}.0")
}

fn number(text: &str) -> i64 {
    let quantity: Quantity = text.parse().expect("an amount");
    i64::try_from(quantity.millionths() / 1_000_000).expect("a small amount")
}

fn whole(amount: i64) -> Quantity {
    Quantity::from_millionths(i128::from(amount) * 1_000_000).expect("a small amount")
}

struct Pending {
    user: String,
    amount: i64,
    at: u64,
    status: &'static str,
}

struct LockRecord {
    user: String,
    amount: i64,
    purpose: String,
    status: &'static str,
    requestor: String,
    unlocking: i64,
}

struct TokenOperation {
    user: String,
    amount: i64,
    by: String,
    purpose: String,
}

/// A message that a process sent and no process has taken in yet.
#[derive(Clone)]
pub(crate) struct Flying {
    from: String,
    item: String,
    pub(crate) message: Message,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) time: u64,
    ids: u64,
    slots: BTreeMap<(Role, String), String>,
    pending_mints: BTreeMap<String, Pending>,
    pending_burns: BTreeMap<String, Pending>,
    positions: BTreeMap<String, i64>,
    locks: BTreeMap<String, LockRecord>,
    minted: BTreeMap<String, TokenOperation>,
    burned: BTreeMap<String, TokenOperation>,
    pub(crate) balances: BTreeMap<String, i64>,
    pub(crate) usda: BTreeMap<String, i64>,
    pub(crate) held: BTreeMap<String, i64>,
    pub(crate) flying: Vec<Flying>,
    /// What each process took in, and what the Coordinator sent.
    pub(crate) histories: BTreeMap<Role, Vec<Received>>,
    pub(crate) outbox: Vec<Message>,
    results: BTreeMap<String, Outcome>,
    taken: BTreeSet<String>,
    pub(crate) expire_after: u64,
    pub(crate) minting_disabled: bool,
}

impl World {
    pub(crate) fn new(expire_after: u64) -> Self {
        let mut world = Self { time: 1_756_743_000_000, expire_after, ..Self::default() };
        let wiring = [
            (Role::Coordinator, "MockUsdaProcess", "usda"),
            (Role::Coordinator, "LockManagerProcess", "lm"),
            (Role::Coordinator, "TokenManagerProcess", "tm"),
            (Role::LockManager, "CoordinatorProcess", "co"),
            (Role::LockManager, "MockUsdaProcess", "usda"),
            (Role::TokenManager, "CoordinatorProcess", "co"),
        ];
        for (role, name, value) in wiring {
            world.post(
                "operator",
                role,
                &Message::with_tags("", "Configure", &[("ConfigType", name), ("Value", value)]),
            );
        }
        world.settle();
        world
    }

    // ------------------------------------------------------------------------------------------------------------------ network

    /// A message of a wallet; it flies until it is delivered. The same item is taken in once.
    pub(crate) fn post_item(&mut self, from: &str, item: &str, role: Role, message: &Message) {
        let message = Message { target: deployment().process(role).to_owned(), ..message.clone() };
        if !self.taken.contains(item) && !self.flying.iter().any(|f| f.item == item) {
            self.flying.push(Flying { from: from.to_owned(), item: item.to_owned(), message });
        }
    }

    pub(crate) fn post(&mut self, from: &str, role: Role, message: &Message) -> String {
        self.ids += 1;
        let item = format!("item-{}", self.ids);
        self.post_item(from, &item, role, message);
        item
    }

    pub(crate) fn act(&mut self, user: &str, action: &str, amount: i64) {
        let amount = amount.to_string();
        self.post(user, Role::Coordinator, &Message::with_tags("", action, &[("Amount", &amount)]));
    }

    /// Delivers one message that is flying.
    pub(crate) fn deliver(&mut self, at: usize) {
        let Flying { from, item, message } = self.flying.remove(at);
        let Some(role) = Role::ALL.into_iter().find(|role| deployment().process(*role) == message.target) else {
            return;
        };
        self.time += 7;
        self.taken.insert(item.clone());
        let history = self.histories.entry(role).or_default();
        history.push(Received {
            nonce: history.len() as u64,
            id: item.clone(),
            from: from.clone(),
            message: message.clone(),
        });
        let messages = match role {
            Role::Coordinator => self.coordinator(&from, &message),
            Role::LockManager => self.lock_manager(&from, &message),
            Role::TokenManager => self.token_manager(&from, &message),
            Role::Usda => self.collateral(&from, &message),
            Role::StateManager => Vec::new(),
        };
        if role == Role::Coordinator {
            self.outbox.extend(messages.iter().cloned());
        }
        for message in &messages {
            self.ids += 1;
            self.flying.push(Flying {
                from: deployment().process(role).to_owned(),
                item: format!("push-{}", self.ids),
                message: message.clone(),
            });
        }
        self.results.insert(item, Outcome { messages, error: None });
    }

    /// Delivers everything, in order.
    pub(crate) fn settle(&mut self) {
        while !self.flying.is_empty() {
            self.deliver(0);
        }
    }

    pub(crate) fn result(&self, item: &str) -> Option<Outcome> {
        self.results.get(item).cloned()
    }

    fn id(&mut self, user: &str, kind: &str) -> String {
        self.ids += 1;
        format!("{user}-{kind}-{}-{}", self.time, 1000 + self.ids % 9000)
    }

    fn slot(&self, role: Role, name: &str) -> &str {
        self.slots.get(&(role, name.to_owned())).map_or("", String::as_str)
    }

    fn configure(&mut self, role: Role, from: &str, message: &Message) -> Vec<Message> {
        let (name, value) = (
            message.tag("ConfigType").unwrap_or_default().to_owned(),
            message.tag("Value").unwrap_or_default().to_owned(),
        );
        self.slots.insert((role, name), value);
        vec![say(from, "Configure-Response", json!({ "success": true }))]
    }

    // ---------------------------------------------------------------------------------------------------------------- processes

    fn coordinator(&mut self, from: &str, message: &Message) -> Vec<Message> {
        let text = |name: &str| message.tag(name).unwrap_or_default().to_owned();
        let content: Value = serde_json::from_str(&message.data).unwrap_or_default();
        let told = |name: &str| content[name].as_str().unwrap_or_default().to_owned();
        let (lock_slot, token_slot) = (
            self.slot(Role::Coordinator, "LockManagerProcess").to_owned(),
            self.slot(Role::Coordinator, "TokenManagerProcess").to_owned(),
        );
        match message.action() {
            "Configure" => self.configure(Role::Coordinator, from, message),
            "MintTIM3" => {
                let (id, amount) = (self.id(from, "mint"), number(&text("Amount")));
                self.pending_mints
                    .insert(id.clone(), Pending { user: from.into(), amount, at: self.time, status: "pending" });
                let purpose = format!("TIM3-mint-{id}");
                vec![
                    Message::with_tags(
                        &lock_slot,
                        "LockCollateral",
                        &[("User", from), ("Amount", &float(amount)), ("Purpose", &purpose)],
                    ),
                    say(from, "MintTIM3-Pending", json!({ "mintId": id })),
                ]
            }
            "LockCollateral-Success" if from == lock_slot => {
                let purpose = told("purpose");
                let Some(pending) = purpose.strip_prefix("TIM3-mint-").and_then(|id| self.pending_mints.get_mut(id))
                else {
                    return Vec::new();
                };
                pending.status = "pending-token-mint";
                let amount = pending.amount.to_string();
                vec![Message::with_tags(
                    &token_slot,
                    "Mint",
                    &[("Recipient", &pending.user), ("Amount", &amount), ("Purpose", &purpose)],
                )]
            }
            "Mint-Response" if from == token_slot => {
                let purpose = told("purpose");
                let Some(id) = purpose.strip_prefix("TIM3-mint-") else { return Vec::new() };
                let Some(pending) = self.pending_mints.remove(id) else { return Vec::new() };
                *self.positions.entry(pending.user.clone()).or_default() += pending.amount;
                vec![say(
                    &pending.user,
                    "MintTIM3-Response",
                    json!({ "mintId": id, "tim3Minted": pending.amount.to_string() }),
                )]
            }
            "BurnTIM3" => {
                let amount = number(&text("Amount"));
                if self.positions.get(from).copied().unwrap_or(0) < amount {
                    return vec![Message {
                        data: "Insufficient TIM3 balance to burn".into(),
                        ..Message::with_tags(from, "BurnTIM3-Error", &[])
                    }];
                }
                let id = self.id(from, "burn");
                self.pending_burns
                    .insert(id.clone(), Pending { user: from.into(), amount, at: self.time, status: "pending-burn" });
                let (purpose, amount) = (format!("TIM3-burn-{id}"), amount.to_string());
                vec![Message::with_tags(
                    &token_slot,
                    "Burn",
                    &[("User", from), ("Amount", &amount), ("Purpose", &purpose)],
                )]
            }
            "Burn-Response" if from == token_slot => {
                // D3: the burnId wins over the purpose.
                let Some(pending) = self.pending_burns.get_mut(&told("burnId")) else { return Vec::new() };
                pending.status = "pending-unlock";
                let purpose = format!("TIM3-burn-{}", told("burnId"));
                vec![Message::with_tags(
                    &lock_slot,
                    "UnlockCollateral",
                    &[("User", &pending.user), ("Amount", &float(pending.amount)), ("Purpose", &purpose)],
                )]
            }
            "UnlockCollateral-Success" if from == lock_slot => {
                // D4: user and text of the amount.
                let matching = self.pending_burns.iter().find(|(_, burn)| {
                    burn.user == told("user")
                        && float(burn.amount) == told("unlockedAmount")
                        && burn.status == "pending-unlock"
                });
                let Some(id) = matching.map(|(id, _)| id.clone()) else { return Vec::new() };
                let Some(burn) = self.pending_burns.remove(&id) else { return Vec::new() };
                *self.positions.entry(burn.user.clone()).or_default() -= burn.amount;
                let amount = burn.amount.to_string();
                vec![say(
                    &burn.user,
                    "BurnTIM3-Response",
                    json!({ "burnId": id, "tim3Burned": amount, "collateralReleased": amount }),
                )]
            }
            "SystemHealth" => {
                let (now, after) = (self.time, self.expire_after);
                let mut said = Vec::new();
                for (pending, action, name) in [
                    (&mut self.pending_mints, "MintTIM3-Timeout", "mintId"),
                    (&mut self.pending_burns, "BurnTIM3-Timeout", "burnId"),
                ] {
                    pending.retain(|id, operation| {
                        let old = now - operation.at > after;
                        if old {
                            said.push(say(
                                &operation.user,
                                action,
                                json!({ name: id, "message": "Operation timed out after 300 seconds" }),
                            ));
                        }
                        !old
                    });
                }
                said
            }
            _ => Vec::new(),
        }
    }

    fn lock_manager(&mut self, from: &str, message: &Message) -> Vec<Message> {
        let text = |name: &str| message.tag(name).unwrap_or_default().to_owned();
        let content: Value = serde_json::from_str(&message.data).unwrap_or_default();
        let refuse = |why: &str| {
            vec![Message { data: why.into(), ..Message::with_tags(from, &format!("{}-Error", message.action()), &[]) }]
        };
        let authorised = from == self.slot(Role::LockManager, "CoordinatorProcess");
        match message.action() {
            "Configure" => self.configure(Role::LockManager, from, message),
            "LockCollateral" | "UnlockCollateral" if !authorised => refuse("Unauthorized caller"),
            "LockCollateral" => {
                let (user, amount, purpose) = (text("User"), number(&text("Amount")), text("Purpose"));
                let id = self.id(&user, "lock");
                let record = LockRecord {
                    user: user.clone(),
                    amount,
                    purpose: purpose.clone(),
                    status: "pending",
                    requestor: from.into(),
                    unlocking: 0,
                };
                self.locks.insert(id.clone(), record);
                vec![
                    Message::with_tags(
                        "usda",
                        "Lock",
                        &[
                            ("User", &user),
                            ("Amount", &float(amount)),
                            ("Locker", "lm"),
                            ("LockId", &id),
                            ("Purpose", &purpose),
                        ],
                    ),
                    say(
                        from,
                        "LockCollateral-Pending",
                        json!({ "lockId": id, "user": user, "amount": amount.to_string(), "status": "pending" }),
                    ),
                ]
            }
            "Lock-Confirmed" if from == "usda" => {
                let id = content["lockId"].as_str().unwrap_or_default();
                let Some(lock) = self.locks.get_mut(id).filter(|lock| lock.status == "pending") else {
                    return Vec::new();
                };
                lock.status = "locked";
                vec![say(
                    &lock.requestor,
                    "LockCollateral-Success",
                    json!({ "lockId": id, "user": lock.user, "amount": lock.amount.to_string(), "status": "locked" }),
                )]
            }
            "UnlockCollateral" => {
                let (id, amount) = (text("LockId"), number(&text("Amount")));
                let Some(lock) = self.locks.get_mut(&id).filter(|lock| lock.status == "locked") else {
                    return refuse("Lock not found or not in locked state");
                };
                (lock.status, lock.unlocking) = ("unlocking", amount.min(lock.amount));
                let unlocking = lock.unlocking.to_string();
                vec![
                    Message::with_tags("usda", "Unlock", &[("User", &lock.user), ("Amount", &unlocking)]),
                    say(
                        from,
                        "UnlockCollateral-Pending",
                        json!({ "lockId": id, "user": lock.user, "unlockAmount": unlocking, "status": "unlocking" }),
                    ),
                ]
            }
            "Unlock-Response" if from == "usda" => {
                let (user, amount) = (
                    content["user"].as_str().unwrap_or_default(),
                    number(content["amount"].as_str().unwrap_or_default()),
                );
                let found = self
                    .locks
                    .iter_mut()
                    .find(|(_, lock)| lock.user == user && lock.status == "unlocking" && lock.unlocking == amount);
                let Some((id, lock)) = found else { return Vec::new() };
                if amount >= lock.amount {
                    lock.status = "unlocked";
                } else {
                    lock.status = "locked";
                    lock.amount -= amount;
                }
                vec![say(
                    &lock.requestor,
                    "UnlockCollateral-Success",
                    json!({
                        "lockId": id, "user": user, "unlockedAmount": amount.to_string(), "remainingLocked": lock.amount.to_string(), "status": lock.status,
                    }),
                )]
            }
            _ => Vec::new(),
        }
    }

    fn token_manager(&mut self, from: &str, message: &Message) -> Vec<Message> {
        let text = |name: &str| message.tag(name).unwrap_or_default().to_owned();
        let refuse = |why: &str| {
            vec![Message { data: why.into(), ..Message::with_tags(from, &format!("{}-Error", message.action()), &[]) }]
        };
        let mint = message.action() == "Mint";
        match message.action() {
            "Configure" => self.configure(Role::TokenManager, from, message),
            "Mint" if self.minting_disabled => refuse("Minting is currently disabled"),
            "Mint" | "Burn" if from != self.slot(Role::TokenManager, "CoordinatorProcess") => {
                refuse("Unauthorized minter - must be coordinator process")
            }
            "Mint" | "Burn" => {
                let (user, amount) = (if mint { text("Recipient") } else { text("User") }, number(&text("Amount")));
                let balance = self.balances.entry(user.clone()).or_default();
                if !mint && *balance < amount {
                    return refuse("Insufficient balance to burn");
                }
                *balance += if mint { amount } else { -amount };
                let balance = balance.to_string();
                let id = self.id(&user, if mint { "mint" } else { "burn" });
                let operation =
                    TokenOperation { user: user.clone(), amount, by: from.into(), purpose: text("Purpose") };
                let mut answer = json!({ "amount": amount.to_string(), "newBalance": balance, "totalSupply": "0" });
                answer[if mint { "mintId" } else { "burnId" }] = json!(id);
                answer[if mint { "recipient" } else { "user" }] = json!(user);
                if mint {
                    self.minted.insert(id, operation)
                } else {
                    self.burned.insert(id, operation)
                };
                vec![say(from, &format!("{}-Response", message.action()), answer)]
            }
            _ => Vec::new(),
        }
    }

    fn collateral(&mut self, from: &str, message: &Message) -> Vec<Message> {
        let text = |name: &str| message.tag(name).unwrap_or_default().to_owned();
        let refuse = |why: &str| {
            vec![Message { data: why.into(), ..Message::with_tags(from, &format!("{}-Error", message.action()), &[]) }]
        };
        let (user, amount) = (text("User"), number(message.tag("Amount").unwrap_or("0")));
        let balance = self.usda.get(&user).copied().unwrap_or(0);
        let held = self.held.entry(user.clone()).or_default();
        let content = json!({ "user": user, "amount": amount.to_string(), "lockId": text("LockId") });
        match message.action() {
            "Lock" if balance - *held < amount => refuse("Insufficient available balance for lock"),
            "Lock" => {
                *held += amount;
                vec![say(from, "Lock-Response", content.clone()), say(&text("Locker"), "Lock-Confirmed", content)]
            }
            "Unlock" if *held < amount => refuse("Insufficient locked balance"),
            "Unlock" => {
                *held -= amount;
                vec![say(from, "Unlock-Response", content)]
            }
            _ => Vec::new(),
        }
    }

    // ------------------------------------------------------------------------------------------------------------------ reading

    pub(crate) fn locks_of(&self, user: &str) -> BTreeMap<String, Lock> {
        let locks: serde_json::Map<String, Value> = self
            .locks
            .iter()
            .filter(|(_, lock)| lock.user == user)
            .map(|(id, lock)| {
                let value = json!({ "lockId": id, "user": user, "amount": lock.amount.to_string(), "status": lock.status, "timestamp": 5, "purpose": lock.purpose });
                (id.clone(), value)
            })
            .collect();
        let locks = if locks.is_empty() { json!([]) } else { Value::Object(locks) };
        match LockSays::decode(&say("", "LockInfo-Response", json!({ "locks": locks, "count": 0 }))) {
            Ok(LockSays::Locks(locks)) => locks,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn operations_of(&self, user: &str, burns: bool) -> BTreeMap<String, Operation> {
        let (all, id_name, user_name, by_name) = if burns {
            (&self.burned, "burnId", "user", "burner")
        } else {
            (&self.minted, "mintId", "recipient", "minter")
        };
        let found: serde_json::Map<String, Value> = all
            .iter()
            .filter(|(_, operation)| operation.user == user)
            .map(|(id, o)| (id.clone(), json!({ id_name: id, user_name: user, by_name: o.by, "amount": o.amount, "purpose": o.purpose, "timestamp": "5" })))
            .collect();
        let found = if found.is_empty() { json!([]) } else { Value::Object(found) };
        match TokenSays::decode(&say("", "Operation-Response", json!({ "operations": found }))) {
            Ok(TokenSays::Operations(operations)) => operations,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn processes(&self) -> Processes {
        let slot = |name| Some(self.slot(Role::Coordinator, name).to_owned());
        Processes {
            mock_usda_process: slot("MockUsdaProcess"),
            lock_manager_process: slot("LockManagerProcess"),
            token_manager_process: slot("TokenManagerProcess"),
            ..Processes::default()
        }
    }

    pub(crate) fn balance_of(&self, user: &str) -> Quantity {
        whole(self.balances.get(user).copied().unwrap_or(0))
    }

    pub(crate) fn taken_in(&self) -> usize {
        self.taken.len()
    }

    pub(crate) fn held_of(&self, user: &str) -> Quantity {
        whole(self.held.get(user).copied().unwrap_or(0))
    }

    pub(crate) fn books(&self) -> Books {
        let sum = |map: &BTreeMap<String, i64>| whole(map.values().sum());
        let total = |map: &BTreeMap<String, TokenOperation>| map.values().map(|o| o.amount).sum::<i64>();
        let locks = self.locks.values().filter(|l| matches!(l.status, "locked" | "unlocking")).map(|l| l.amount).sum();
        Books {
            supply: whole(total(&self.minted) - total(&self.burned)),
            balances: sum(&self.balances),
            minted: sum(&self.positions),
            collateral: sum(&self.positions),
            locks: whole(locks),
            held: sum(&self.held),
        }
    }

    /// How often each purpose was minted and burned.
    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for operation in self.minted.values().chain(self.burned.values()) {
            *times.entry(operation.purpose.clone()).or_default() += 1;
        }
        times
    }

    /// What the Coordinator still remembers as open.
    pub(crate) fn remembered(&self) -> usize {
        self.pending_mints.len() + self.pending_burns.len()
    }

    pub(crate) fn lock_statuses(&self) -> Vec<&'static str> {
        self.locks.values().map(|lock| lock.status).collect()
    }
}

fn say(target: &str, action: &str, content: Value) -> Message {
    Message { data: content.to_string(), ..Message::with_tags(target, action, &[]) }
}
