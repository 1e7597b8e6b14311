//! Messages that the processes of contracts/ao/v1 sent in the real aos module (`said.json`), decoded; and what is not such a message.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use serde::Deserialize;
use tim3_arweave::v1::lock_manager::Status;
use tim3_arweave::v1::message::{Malformed, Message};
use tim3_arweave::v1::{Role, coordinator, lock_manager, state_manager, token_manager, usda};

#[derive(Clone, Debug, Deserialize)]
struct Said {
    role: Role,
    #[serde(flatten)]
    message: Message,
}

fn said() -> Vec<Said> {
    serde_json::from_str(include_str!("said.json")).expect("the recorded messages")
}

fn decode(role: Role, message: &Message) -> Result<String, Malformed> {
    Ok(match role {
        Role::Coordinator => format!("{:?}", coordinator::Says::decode(message)?),
        Role::LockManager => format!("{:?}", lock_manager::Says::decode(message)?),
        Role::TokenManager => format!("{:?}", token_manager::Says::decode(message)?),
        Role::StateManager => format!("{:?}", state_manager::Says::decode(message)?),
        Role::Usda => format!("{:?}", usda::Says::decode(message)?),
    })
}

/// The messages of a role with an action.
fn of(role: Role, action: &str) -> Vec<Message> {
    let found: Vec<_> =
        said().into_iter().filter(|s| s.role == role && s.message.action() == action).map(|s| s.message).collect();
    assert!(!found.is_empty(), "no {action} of the {role} was recorded");
    found
}

#[test]
fn everything_that_was_said_is_understood() {
    for Said { role, message } in said() {
        let decoded = decode(role, &message).unwrap();
        let known_other = ["Log", "Response", "Notice", "UpdatePosition", "Lock", "Unlock", "Confirmed"];
        assert!(
            decoded != "Other" || known_other.iter().any(|end| message.action().ends_with(end)),
            "{} of the {role}",
            message.action()
        );
    }
}

#[test]
fn requests_keep_how_the_coordinator_spells_amounts() {
    let [lock, burn, unlock] =
        ["LockCollateral", "Burn", "UnlockCollateral"].map(|action| of(Role::Coordinator, action).remove(0));
    let Ok(coordinator::Says::LockCollateral(lock)) = coordinator::Says::decode(&lock) else { panic!("{lock:?}") };
    assert_eq!(
        (lock.amount.text.as_str(), lock.purpose.is_burn(), lock.purpose.id().user() == lock.user),
        ("2.5", false, true)
    );
    let Ok(coordinator::Says::Burn(burn)) = coordinator::Says::decode(&burn) else { panic!("{burn:?}") };
    let Ok(coordinator::Says::UnlockCollateral(unlock)) = coordinator::Says::decode(&unlock) else {
        panic!("{unlock:?}")
    };
    assert_eq!((burn.amount.text.as_str(), unlock.amount.text.as_str()), ("10", "10.0"));
    assert_eq!((burn.amount.quantity, &burn.purpose), (unlock.amount.quantity, &unlock.purpose));
}

#[test]
fn an_operation_is_followed_through_the_answers() {
    let [pending, timeout] =
        ["MintTIM3-Pending", "MintTIM3-Timeout"].map(|action| of(Role::Coordinator, action).remove(0));
    let Ok(coordinator::Says::Pending(pending)) = coordinator::Says::decode(&pending) else { panic!("{pending:?}") };
    assert_eq!(coordinator::Says::decode(&timeout), Ok(coordinator::Says::Expired(pending)));
    let Ok(coordinator::Says::Minted { amount, .. }) =
        coordinator::Says::decode(&of(Role::Coordinator, "MintTIM3-Response")[0])
    else {
        panic!()
    };
    let Ok(coordinator::Says::Burned { released, .. }) =
        coordinator::Says::decode(&of(Role::Coordinator, "BurnTIM3-Response")[0])
    else {
        panic!()
    };
    assert_eq!((amount.to_string(), released.to_string()), ("25".into(), "10".into()));

    // D1 and D2: no purpose, but it can be looked up.
    let locked = of(Role::LockManager, "LockCollateral-Success").remove(1);
    let Ok(lock_manager::Says::Locked(locked)) = lock_manager::Says::decode(&locked) else { panic!("{locked:?}") };
    assert_eq!((locked.status, locked.purpose), (Status::Locked, None));
    let Ok(lock_manager::Says::Locks(locks)) =
        lock_manager::Says::decode(&of(Role::LockManager, "LockInfo-Response")[1])
    else {
        panic!()
    };
    let lock = &locks[&locked.lock_id];
    let operations = of(Role::TokenManager, "Operation-Response").remove(1);
    let Ok(token_manager::Says::Operations(operations)) = token_manager::Says::decode(&operations) else {
        panic!("{operations:?}")
    };
    assert_eq!(
        operations.into_values().map(|operation| operation.purpose).collect::<Vec<_>>(),
        std::slice::from_ref(&lock.purpose)
    );
    let Ok(token_manager::Says::Minted(minted)) =
        token_manager::Says::decode(&of(Role::TokenManager, "Mint-Response")[0])
    else {
        panic!()
    };
    assert_eq!((minted.purpose, minted.amount.to_string()), (None, "25".into()));
}

#[test]
fn what_is_empty_and_what_is_a_fraction_is_read() {
    let Ok(lock_manager::Says::Locks(locks)) =
        lock_manager::Says::decode(&of(Role::LockManager, "LockInfo-Response")[0])
    else {
        panic!()
    };
    assert!(locks.is_empty());
    let Ok(token_manager::Says::Balances(balances)) =
        token_manager::Says::decode(&of(Role::TokenManager, "Balances-Response")[0])
    else {
        panic!()
    };
    assert!(balances.is_empty());
    let Ok(usda::Says::Balance(balance)) = usda::Says::decode(&of(Role::Usda, "Balance-Response")[0]) else { panic!() };
    assert_eq!((balance.locked.millionths(), balance.available.to_string().as_str()), (17_500_000, "982.5"));
    let decimals: Vec<u8> = of(Role::Usda, "Info-Response")
        .iter()
        .filter_map(|m| match usda::Says::decode(m) {
            Ok(usda::Says::Info { denomination, .. }) => Some(denomination),
            _ => None,
        })
        .collect();
    assert_eq!(decimals, [6, 12]);
}

#[test]
fn errors_are_words() {
    let Ok(usda::Says::Error { of, why }) = usda::Says::decode(&of(Role::Usda, "Unlock-Error")[0]) else { panic!() };
    assert_eq!((of.as_str(), why.as_str()), ("Unlock", "Insufficient locked balance"));
}

proptest! {
    /// Whatever is cut from, put into or exchanged in a message, decoding ends with an answer.
    #[test]
    fn spoiled_messages_are_decoded_or_refused(at in 0_usize..89, cut in 0_usize..600, more in ".{0,12}", role in 0_usize..5, tag in 0_usize..6) {
        let all = said();
        let Said { role: own, mut message } = all[at].clone();
        let cut = (0..=cut.min(message.data.len())).rev().find(|cut| message.data.is_char_boundary(*cut)).unwrap_or(0);
        let spoiled = format!("{}{more}{}", &message.data[..cut], &message.data[cut..]);
        let _ = decode(own, &Message { data: spoiled, ..message.clone() });
        let _ = decode(own, &Message { data: format!("{}{more}", &message.data[..cut]), ..message.clone() });
        if let Some(tag) = message.tags.get_mut(tag) {
            tag.1 = more;
        }
        for role in [own, Role::ALL[role]] {
            let _ = decode(role, &message);
        }
    }

    /// JSON of the right names with anything in it.
    #[test]
    fn any_values_are_decoded_or_refused(at in 0_usize..89, value in "null|true|-?[0-9]{1,20}|\"[0-9a-zA-Z.+-]{0,20}\"|\\[\\]|\\{\\}|\\[1\\]|1e[0-9]{1,3}") {
        let all = said();
        let Said { role, message } = &all[at];
        let Ok(serde_json::Value::Object(map)) = serde_json::from_str::<serde_json::Value>(&message.data) else { return Ok(()) };
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&value) else { return Ok(()) };
        for name in map.keys() {
            let mut map = map.clone();
            map.insert(name.clone(), value.clone());
            let _ = decode(*role, &Message { data: serde_json::Value::Object(map).to_string(), ..message.clone() });
        }
    }
}
