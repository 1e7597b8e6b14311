//! Who sits in which slot of which process, and every message that could change that: anybody may send them (H1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Role;
use super::coordinator::Processes;
use super::message::{Message, Received};

/// The five processes, and the wallet that stands in the managers' slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The Coordinator.
    pub coordinator: String,
    /// The Lock Manager.
    pub lock_manager: String,
    /// The Token Manager.
    pub token_manager: String,
    /// The State Manager.
    pub state_manager: String,
    /// The collateral token.
    pub usda: String,
    /// The daemon's wallet.
    pub daemon: String,
}

impl Deployment {
    /// The process of a role.
    #[must_use]
    pub fn process(&self, role: Role) -> &str {
        match role {
            Role::Coordinator => &self.coordinator,
            Role::LockManager => &self.lock_manager,
            Role::TokenManager => &self.token_manager,
            Role::StateManager => &self.state_manager,
            Role::Usda => &self.usda,
        }
    }

    /// What must hold while the processes are adopted, in the order of setting it. Whoever changes one of these can take collateral,
    /// make tokens of nothing, or stop what is on its way.
    #[must_use]
    pub fn required(&self) -> Vec<Setting> {
        let setting =
            |role, name: &'static str, value: &str| Setting { role, name: name.to_owned(), value: value.to_owned() };
        vec![
            setting(Role::LockManager, "CoordinatorProcess", &self.daemon),
            setting(Role::LockManager, "MockUsdaProcess", &self.usda),
            // It may call the Lock Manager, so it is a slot like the Coordinator's.
            setting(Role::LockManager, "StateManagerProcess", &self.state_manager),
            setting(Role::LockManager, "RequireConfirmation", "true"),
            setting(Role::TokenManager, "CoordinatorProcess", &self.daemon),
            setting(Role::Coordinator, "CollateralRatio", "1"),
            // Milliseconds, whatever the process calls them: with its 300 anybody's SystemHealth expires what is on its way (H4, H5).
            setting(Role::Coordinator, "PendingTimeout", "86400000"),
            setting(Role::Coordinator, "MockUsdaProcess", &self.usda),
            setting(Role::Coordinator, "TokenManagerProcess", &self.daemon),
            setting(Role::Coordinator, "LockManagerProcess", &self.daemon),
        ]
    }
}

/// A value of a process's configuration, by the name of its `ConfigType`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    /// Of which process.
    pub role: Role,
    /// `ConfigType`; `Eval` for code, `Pause` for an emergency pause.
    pub name: String,
    /// What it was set to.
    pub value: String,
}

const SLOTS: [&str; 5] =
    ["MockUsdaProcess", "StateManagerProcess", "LockManagerProcess", "TokenManagerProcess", "AllowedUSDAProcess"];

/// What a message to a process sets, if it is let: the process may not know the name, or not believe the sender of an `Eval`.
#[must_use]
pub fn changes(role: Role, message: &Message) -> Vec<Setting> {
    let set = |name: &str, value: &str| Setting { role, name: name.to_owned(), value: value.to_owned() };
    match message.action() {
        "Configure" => message
            .tag("ConfigType")
            .map(|name| set(name, message.tag("Value").unwrap_or_default()))
            .into_iter()
            .collect(),
        "Eval" => vec![set("Eval", "")],
        _ if role != Role::Coordinator => Vec::new(),
        "SetProcessConfig" => SLOTS.iter().filter_map(|slot| message.tag(slot).map(|value| set(slot, value))).collect(),
        "EmergencyPause" => vec![set("Pause", if message.tag("Pause") == Some("true") { "true" } else { "false" })],
        action => {
            let slot = action.strip_prefix("Set").filter(|slot| SLOTS.contains(slot) && *slot != "AllowedUSDAProcess");
            slot.map(|slot| set(slot, message.tag("ProcessId").unwrap_or(&message.data))).into_iter().collect()
        }
    }
}

/// A change that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intrusion {
    /// What it is now.
    pub setting: Setting,
    /// What it must be, where that is so.
    pub required: Option<String>,
    /// Who sent it, where that was seen.
    pub by: Option<String>,
    /// Its place in the process's history, where that was seen.
    pub nonce: Option<u64>,
}

/// What is known of the configuration.
#[derive(Clone, Debug)]
pub struct Watch {
    deployment: Deployment,
    known: BTreeMap<(Role, String), String>,
    /// What the daemon has set, and how often; before that, nobody can take it from it.
    ours: BTreeMap<(Role, String), usize>,
    seen: BTreeMap<Role, u64>,
    /// Up to which message of each history a human has looked.
    forgiven: BTreeMap<Role, u64>,
}

impl Watch {
    /// Nothing is known.
    #[must_use]
    pub const fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            known: BTreeMap::new(),
            ours: BTreeMap::new(),
            seen: BTreeMap::new(),
            forgiven: BTreeMap::new(),
        }
    }

    /// A human has looked at everything up to these places.
    pub fn forgive(&mut self, seen: BTreeMap<Role, u64>) {
        self.forgiven.extend(seen);
    }

    /// A message that a process took in, each once and in the order of its history. Gives what somebody else changed after the daemon
    /// had set it, or, of what is not required, after the daemon had set anything of that process.
    pub fn received(&mut self, role: Role, received: &Received) -> Vec<Intrusion> {
        if self.seen.get(&role).is_some_and(|seen| received.nonce <= *seen) {
            return Vec::new();
        }
        self.seen.insert(role, received.nonce);
        let mut intrusions = Vec::new();
        for setting in changes(role, &received.message) {
            let required = self.required(&setting);
            let wanted = required.as_ref().is_some_and(|required| same(&setting.name, required, &setting.value));
            let adopted = self.ours.keys().any(|(r, name)| *r == role && (required.is_none() || *name == setting.name));
            if received.from == self.deployment.daemon {
                let times = self.ours.entry((role, setting.name.clone())).or_default();
                *times = times.saturating_add(1);
            } else if adopted && !wanted && self.forgiven.get(&role).is_none_or(|until| received.nonce > *until) {
                let (by, nonce) = (Some(received.from.clone()), Some(received.nonce));
                intrusions.push(Intrusion { setting: setting.clone(), required, by, nonce });
            }
            self.known.insert((setting.role, setting.name), setting.value);
        }
        intrusions
    }

    /// How often the daemon has set this, as far as history was seen.
    #[must_use]
    pub fn times_set(&self, setting: &Setting) -> usize {
        self.ours.get(&(setting.role, setting.name.clone())).copied().unwrap_or(0)
    }

    /// What the Coordinator answered to `GetConfig` just now. Gives what the daemon had set and is different now.
    pub fn told(&mut self, processes: &Processes) -> Vec<Intrusion> {
        let told = [
            ("MockUsdaProcess", &processes.mock_usda_process),
            ("LockManagerProcess", &processes.lock_manager_process),
            ("TokenManagerProcess", &processes.token_manager_process),
        ];
        let mut intrusions = Vec::new();
        for (name, value) in told {
            let value = value.clone().unwrap_or_default();
            let key = (Role::Coordinator, name.to_owned());
            let setting = Setting { role: Role::Coordinator, name: name.to_owned(), value: value.clone() };
            let required = self.required(&setting);
            let was_right = required.is_some() && self.known.get(&key) == required.as_ref();
            if was_right && self.ours.contains_key(&key) && required.as_ref() != Some(&value) {
                intrusions.push(Intrusion { setting, required, by: None, nonce: None });
            }
            self.known.insert(key, value);
        }
        intrusions
    }

    fn required(&self, setting: &Setting) -> Option<String> {
        let required = self.deployment.required();
        required.into_iter().find(|r| r.role == setting.role && r.name == setting.name).map(|r| r.value)
    }

    /// What is not as it must be, as far as is known; what was never seen to be set counts as not set.
    #[must_use]
    pub fn missing(&self) -> Vec<Setting> {
        let holds = |s: &Setting| {
            let known = self.known.get(&(s.role, s.name.clone()));
            // These two hold from the start.
            known.map_or(matches!(s.name.as_str(), "RequireConfirmation" | "CollateralRatio"), |known| {
                same(&s.name, known, &s.value)
            })
        };
        self.deployment.required().into_iter().filter(|s| !holds(s)).collect()
    }
}

/// Whether two values of a setting are the same one: numbers have many spellings.
fn same(name: &str, one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<super::quantity::Quantity>().ok();
    one == other
        || matches!(name, "CollateralRatio" | "PendingTimeout") && number(one).is_some() && number(one) == number(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Deployment {
        let [coordinator, lock_manager, token_manager, state_manager, usda, daemon] =
            ["co", "lm", "tm", "sm", "usda", "me"].map(str::to_owned);
        Deployment { coordinator, lock_manager, token_manager, state_manager, usda, daemon }
    }

    fn from(sender: &str, nonce: u64, message: Message) -> Received {
        Received { nonce, id: format!("m{nonce}"), from: sender.to_owned(), message }
    }

    fn configure(name: &str, value: &str) -> Message {
        Message::with_tags("", "Configure", &[("ConfigType", name), ("Value", value)])
    }

    fn adopted() -> Watch {
        let mut watch = Watch::new(deployment());
        for setting in deployment().required() {
            assert!(
                watch
                    .received(
                        setting.role,
                        &from(
                            "me",
                            watch.seen.get(&setting.role).map_or(0, |nonce| nonce.saturating_add(1)),
                            configure(&setting.name, &setting.value)
                        )
                    )
                    .is_empty()
            );
        }
        watch
    }

    #[test]
    fn what_was_set_before_the_daemon_came_is_nobodys_fault() {
        let mut watch = Watch::new(deployment());
        assert!(
            watch.received(Role::Coordinator, &from("operator", 1, configure("LockManagerProcess", "lm"))).is_empty()
        );
        assert!(watch.received(Role::Coordinator, &from("me", 2, configure("LockManagerProcess", "me"))).is_empty());
        assert_eq!(
            watch.received(Role::Coordinator, &from("operator", 3, configure("LockManagerProcess", "lm"))).len(),
            1
        );
    }

    #[test]
    fn once_all_is_set_nothing_is_missing() {
        let mut watch = Watch::new(deployment());
        assert_eq!(watch.missing().len(), 8);
        for (nonce, setting) in (0..).zip(watch.missing()) {
            assert!(
                watch.received(setting.role, &from("me", nonce, configure(&setting.name, &setting.value))).is_empty()
            );
        }
        assert!(watch.missing().is_empty());
    }

    #[test]
    fn a_strangers_message_is_an_intrusion_by_every_way_there_is() {
        let data = Message { data: "thief".into(), ..Message::with_tags("", "SetTokenManagerProcess", &[]) };
        let messages = [
            (Role::Coordinator, configure("LockManagerProcess", "thief"), "LockManagerProcess"),
            (
                Role::Coordinator,
                Message::with_tags("", "SetProcessConfig", &[("TokenManagerProcess", "thief")]),
                "TokenManagerProcess",
            ),
            (Role::Coordinator, data, "TokenManagerProcess"),
            (
                Role::Coordinator,
                Message::with_tags("", "SetMockUsdaProcess", &[("ProcessId", "thief")]),
                "MockUsdaProcess",
            ),
            (Role::LockManager, configure("RequireConfirmation", "false"), "RequireConfirmation"),
            (Role::LockManager, configure("StateManagerProcess", "thief"), "StateManagerProcess"),
            (Role::TokenManager, configure("CoordinatorProcess", "thief"), "CoordinatorProcess"),
        ];
        for (role, message, name) in messages {
            let mut watch = adopted();
            let found = watch.received(role, &from("thief", 9, message.clone()));
            assert_eq!(
                found
                    .iter()
                    .map(|i| (i.setting.name.as_str(), i.required.is_some(), i.by.as_deref()))
                    .collect::<Vec<_>>(),
                [(name, true, Some("thief"))]
            );
            assert!(watch.missing().iter().any(|s| s.role == role && s.name == name));
            assert!(watch.received(role, &from("thief", 9, message)).is_empty(), "the same message twice");
        }
    }

    #[test]
    fn a_strangers_other_settings_are_told_and_the_right_values_are_nobodys_fault() {
        let mut watch = adopted();
        let limit = watch.received(Role::TokenManager, &from("x", 11, configure("MaxSupply", "1")));
        assert_eq!(limit.first().map(|i| i.required.clone()), Some(None));
        assert!(watch.received(Role::TokenManager, &from("x", 12, configure("CoordinatorProcess", "me"))).is_empty());
        assert!(
            watch
                .received(Role::TokenManager, &from("x", 13, Message::with_tags("", "SetMockUsdaProcess", &[])))
                .is_empty()
        );
    }

    #[test]
    fn what_a_human_has_looked_at_is_nothing_to_stop_for_again() {
        let mut watch = adopted();
        watch.forgive(BTreeMap::from([(Role::TokenManager, 9)]));
        assert!(
            watch.received(Role::TokenManager, &from("thief", 9, configure("CoordinatorProcess", "thief"))).is_empty()
        );
        assert!(!watch.missing().is_empty(), "it is to be set again all the same");
        assert_eq!(
            watch.received(Role::TokenManager, &from("thief", 10, configure("CoordinatorProcess", "thief"))).len(),
            1
        );
    }

    #[test]
    fn what_get_config_tells_differently_is_found() {
        let mut watch = adopted();
        let mut told = Processes {
            mock_usda_process: Some("usda".into()),
            lock_manager_process: Some("me".into()),
            token_manager_process: Some("me".into()),
            ..Processes::default()
        };
        assert!(watch.told(&told).is_empty());
        told.lock_manager_process = Some("thief".into());
        assert_eq!(watch.told(&told).len(), 1);
        assert!(watch.told(&told).is_empty(), "told once");
    }
}
