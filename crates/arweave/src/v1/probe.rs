//! What to ask the processes at the start, by dry-run, and what their answers show them to be. Deployed copies differ from their sources (H15).
//!
//! `SystemHealth` is not among the questions: asked of a process and not dry-run, it would expire what is on its way (H4).

use serde::Serialize;

use super::configuration::Deployment;
use super::message::Message;
use super::quantity::Quantity;
use super::{Role, coordinator, lock_manager, token_manager, usda};

/// A dry-run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whom to ask.
    pub role: Role,
    /// As whom: `None` is as anybody, otherwise this is the message's owner.
    pub owner: Option<String>,
    /// What.
    pub message: Message,
}

/// A user that does not exist.
const NOBODY: &str = "tim3d-probe";

/// The questions. [`judge`] takes the answers in the same order.
#[must_use]
pub fn questions(deployment: &Deployment) -> Vec<Question> {
    let ask = |role, action: &str, tags: &[(&str, &str)], owner: Option<&str>| Question {
        role,
        owner: owner.map(str::to_owned),
        message: Message::with_tags(deployment.process(role), action, tags),
    };
    let daemon = Some(deployment.daemon.as_str());
    let one = [("User", NOBODY), ("Amount", "1"), ("Purpose", NOBODY)];
    vec![
        ask(Role::Coordinator, "GetConfig", &[], None),
        ask(Role::LockManager, "Info", &[], None),
        ask(Role::LockManager, "GetLockInfo", &[("User", NOBODY)], None),
        ask(Role::LockManager, "LockCollateral", &one, daemon),
        ask(Role::TokenManager, "Info", &[], None),
        ask(Role::TokenManager, "GetOperation", &[("OperationType", "mint"), ("User", NOBODY)], None),
        ask(Role::TokenManager, "Mint", &[("Recipient", NOBODY), ("Amount", "1"), ("Purpose", NOBODY)], daemon),
        ask(Role::Usda, "Info", &[], None),
        ask(Role::Usda, "Lock", &one, None),
    ]
}

/// What was found. A field that is `None` was not answered, or not in a form that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Collateral for one token, as the Coordinator says.
    pub ratio: Option<Quantity>,
    /// The Coordinator's slots.
    #[serde(skip)]
    pub slots: Option<coordinator::Processes>,
    /// Whether the Coordinator says it is active.
    pub active: Option<bool>,
    /// Whether the Lock Manager asks who calls.
    pub asks_who_calls: Option<bool>,
    /// Whether locks can be found again.
    pub finds_locks: bool,
    /// Whether mints can be found again.
    pub finds_operations: bool,
    /// Whether the Lock Manager takes the daemon for its Coordinator.
    pub lock_slot: Option<bool>,
    /// Whether the Token Manager takes the daemon for its Coordinator.
    pub token_slot: Option<bool>,
    /// Whether the Lock Manager waits for users' transfers (H17).
    pub waits_for_transfers: bool,
    /// Whether answers to mints name their purpose (a patched Token Manager).
    pub names_purposes: Option<bool>,
    /// Decimals of the synthetic, as the Token Manager claims.
    pub token_decimals: Option<u8>,
    /// Decimals of the collateral, as its token claims.
    pub usda_decimals: Option<u8>,
    /// Whether the collateral token locks at all; the real USDA does not.
    pub locks: bool,
}

/// What the configuration says of decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Decimals {
    /// Of the synthetic.
    pub token: u8,
    /// Of the collateral.
    pub usda: u8,
}

/// Why processes cannot be adopted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
pub enum Unfit {
    /// A process did not answer something that everything else needs.
    #[error("the {role} does not answer {action}; found: {found}")]
    Silent {
        /// Which.
        role: Role,
        /// What it was asked.
        action: &'static str,
        /// What came instead.
        found: String,
    },
    /// Amounts would not mean what they are taken for (H11).
    #[error(
        "the {role} has {found} decimals, and the configuration says {expected}: correct the configuration, after finding out which is right"
    )]
    Decimals {
        /// Which.
        role: Role,
        /// What it says.
        found: u8,
        /// What the configuration says.
        expected: u8,
    },
    /// Collateral and tokens are not one to one, and then the Coordinator's floating point decides (H10).
    #[error("the Coordinator asks {0} of collateral for one token; only 1 is supported")]
    Ratio(Quantity),
    /// The collateral token cannot lock, so that no lock would ever be confirmed.
    #[error("the collateral token does not lock (as the real USDA): mints by lock cannot complete with it")]
    NoLock,
    /// What users transfer to it is theirs no more: it asks the token to unlock what was never locked (H17).
    #[error(
        "the Lock Manager was changed to wait for users' transfers, which it cannot give back: restore its own LockCollateral"
    )]
    Transfers,
    /// Anybody may lock and unlock.
    #[error("the Lock Manager asks nobody who he is: set RequireConfirmation to true")]
    Open,
}

/// The first message of the answer to a question with this action.
fn answer(answers: &[Vec<Message>], at: usize) -> Option<&Message> {
    answers.get(at)?.first()
}

/// What the answers to [`questions`] show: the messages of each dry-run's result.
#[must_use]
pub fn read(answers: &[Vec<Message>]) -> Found {
    let mut found = Found::default();
    if let Some(Ok(coordinator::Says::Config { processes, system })) = answer(answers, 0).map(coordinator::Says::decode)
    {
        (found.ratio, found.slots, found.active) =
            (Some(system.collateral_ratio), Some(processes), Some(system.system_active));
    }
    if let Some(Ok(lock_manager::Says::Info(limits))) = answer(answers, 1).map(lock_manager::Says::decode) {
        found.asks_who_calls = Some(limits.require_confirmation);
    }
    found.finds_locks =
        matches!(answer(answers, 2).map(lock_manager::Says::decode), Some(Ok(lock_manager::Says::Locks(_))));
    let mut locking = answers.get(3).into_iter().flatten().filter_map(|m| lock_manager::Says::decode(m).ok());
    match locking.find(|said| matches!(said, lock_manager::Says::LockPending(_) | lock_manager::Says::Error { .. })) {
        Some(lock_manager::Says::LockPending(lock)) => {
            found.lock_slot = Some(true);
            found.waits_for_transfers = lock.status == lock_manager::Status::AwaitingTransfer;
        }
        Some(lock_manager::Says::Error { why, .. }) => found.lock_slot = Some(why != "Unauthorized caller"),
        _ => {}
    }
    if let Some(Ok(token_manager::Says::Info(info))) = answer(answers, 4).map(token_manager::Says::decode) {
        found.token_decimals = Some(info.denomination);
    }
    found.finds_operations =
        matches!(answer(answers, 5).map(token_manager::Says::decode), Some(Ok(token_manager::Says::Operations(_))));
    match answer(answers, 6).map(token_manager::Says::decode) {
        Some(Ok(token_manager::Says::Minted(done))) => {
            (found.token_slot, found.names_purposes) = (Some(true), Some(done.purpose.is_some()));
        }
        Some(Ok(token_manager::Says::Error { why, .. })) => found.token_slot = Some(!why.starts_with("Unauthorized")),
        _ => {}
    }
    if let Some(Ok(usda::Says::Info { denomination, .. })) = answer(answers, 7).map(usda::Says::decode) {
        found.usda_decimals = Some(denomination);
    }
    found.locks = matches!(
        answer(answers, 8).map(usda::Says::decode),
        Some(Ok(usda::Says::Locked(_) | usda::Says::Error { .. }))
    );
    found
}

/// Why the processes cannot be adopted; nothing when they can.
#[must_use]
pub fn judge(found: &Found, decimals: Decimals) -> Vec<Unfit> {
    let mut unfit = Vec::new();
    let mut silent = |missing: bool, role, action| {
        if missing {
            unfit.push(Unfit::Silent { role, action, found: "no answer of a known form".to_owned() });
        }
    };
    silent(found.slots.is_none(), Role::Coordinator, "GetConfig");
    silent(!found.finds_locks, Role::LockManager, "GetLockInfo");
    silent(found.asks_who_calls.is_none(), Role::LockManager, "Info");
    silent(!found.finds_operations, Role::TokenManager, "GetOperation");
    silent(found.token_decimals.is_none(), Role::TokenManager, "Info");
    silent(found.usda_decimals.is_none(), Role::Usda, "Info");
    for (role, found, expected) in
        [(Role::TokenManager, found.token_decimals, decimals.token), (Role::Usda, found.usda_decimals, decimals.usda)]
    {
        unfit.extend(found.filter(|found| *found != expected).map(|found| Unfit::Decimals { role, found, expected }));
    }
    let one = Quantity::from_millionths(1_000_000).ok();
    unfit.extend(found.ratio.filter(|ratio| Some(*ratio) != one).map(Unfit::Ratio));
    unfit.extend((!found.locks).then_some(Unfit::NoLock));
    unfit.extend(found.waits_for_transfers.then_some(Unfit::Transfers));
    if found.asks_who_calls == Some(false) {
        unfit.push(Unfit::Open);
    }
    unfit
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECIMALS: Decimals = Decimals { token: 6, usda: 6 };

    fn says(action: &str, data: &str) -> Vec<Message> {
        vec![Message { data: data.to_owned(), ..Message::with_tags("", action, &[]) }]
    }

    /// As the processes of contracts/ao/v1 answer once they are adopted.
    fn answers() -> Vec<Vec<Message>> {
        let config = r#"{"processes":[],"systemConfig":{"collateralRatio":1,"minMintAmount":1,"maxMintAmount":100000,"systemActive":true},"timestamp":"5"}"#;
        let limits = r#"{"config":{"minLockAmount":1,"maxLockAmount":1000000,"requireConfirmation":true,"mockUsdaConfigured":true}}"#;
        let pending = r#"{"lockId":"l","user":"u","amount":"1","status":"pending"}"#;
        let token = r#"{"tokenInfo":{"denomination":6,"totalSupply":0},"config":{"maxSupply":300,"mintingEnabled":true,"burningEnabled":true}}"#;
        let minted = r#"{"mintId":"m","recipient":"u","amount":"1","newBalance":"1","totalSupply":"1"}"#;
        vec![
            says("GetConfig-Response", config),
            says("Info-Response", limits),
            says("LockInfo-Response", r#"{"locks":[],"count":0}"#),
            [Message::with_tags("", "Lock", &[]), says("LockCollateral-Pending", pending).remove(0)].to_vec(),
            says("Info-Response", token),
            says("Operation-Response", r#"{"operations":[]}"#),
            says("Mint-Response", minted),
            says("Info-Response", r#"{"denomination":6,"ticker":"mUSDT"}"#),
            says("Lock-Error", "Insufficient available balance for lock"),
        ]
    }

    fn with(at: usize, messages: Vec<Message>) -> (Found, Vec<Unfit>) {
        let mut answers = answers();
        if let Some(answer) = answers.get_mut(at) {
            *answer = messages;
        }
        let found = read(&answers);
        let unfit = judge(&found, DECIMALS);
        (found, unfit)
    }

    #[test]
    fn processes_as_they_are_can_be_adopted() {
        let questions = questions(&Deployment {
            coordinator: "co".into(),
            lock_manager: "lm".into(),
            token_manager: "tm".into(),
            state_manager: "sm".into(),
            usda: "usda".into(),
            daemon: "me".into(),
        });
        assert_eq!(questions.len(), answers().len());
        assert!(questions.iter().all(|question| question.message.action() != "SystemHealth"));
        let found = read(&answers());
        assert_eq!(judge(&found, DECIMALS), []);
        assert_eq!(
            (found.lock_slot, found.token_slot, found.names_purposes, found.locks),
            (Some(true), Some(true), Some(false), true)
        );
    }

    #[test]
    fn whatever_differs_is_found() {
        let (found, unfit) = with(3, says("LockCollateral-Error", "Unauthorized caller"));
        assert_eq!((found.lock_slot, unfit), (Some(false), vec![]));
        let (found, unfit) = with(6, says("Mint-Error", "Unauthorized minter - must be coordinator process"));
        assert_eq!((found.token_slot, unfit), (Some(false), vec![]));
        let patched = r#"{"mintId":"m","recipient":"u","amount":"1","newBalance":"1","totalSupply":"1","purpose":"p"}"#;
        assert_eq!(with(6, says("Mint-Response", patched)).0.names_purposes, Some(true));
        let waiting = r#"{"lockId":"l","user":"u","amount":"1","status":"awaiting-transfer"}"#;
        assert_eq!(with(3, says("LockCollateral-Pending", waiting)).1, [Unfit::Transfers]);
        assert_eq!(with(8, Vec::new()).1, [Unfit::NoLock]);
        let twelve = vec![Message::with_tags("", "Info-Response", &[("Denomination", "12"), ("Ticker", "USDA")])];
        assert_eq!(with(7, twelve).1, [Unfit::Decimals { role: Role::Usda, found: 12, expected: 6 }]);
        assert!(matches!(
            with(5, Vec::new()).1.as_slice(),
            [Unfit::Silent { role: Role::TokenManager, action: "GetOperation", .. }]
        ));
        let open =
            r#"{"config":{"minLockAmount":1,"maxLockAmount":1,"requireConfirmation":false,"mockUsdaConfigured":true}}"#;
        assert_eq!(with(1, says("Info-Response", open)).1, [Unfit::Open]);
        let double = r#"{"processes":[],"systemConfig":{"collateralRatio":2,"minMintAmount":1,"maxMintAmount":1,"systemActive":true}}"#;
        assert!(matches!(with(0, says("GetConfig-Response", double)).1.as_slice(), [Unfit::Ratio(_)]));
    }
}
