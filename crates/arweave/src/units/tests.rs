use proptest::prelude::*;
use serde_json::json;

use super::{compute::Outcome, *};

fn response(status: u16, body: &str) -> Response {
    Response { status, body: body.as_bytes().to_vec() }
}

#[test]
fn what_is_not_known_yet_is_no_failure() {
    assert_eq!(value::<u8>(&response(404, "no such message")), Ok(None));
    assert_eq!(value::<u8>(&response(200, " \n")), Ok(None));
    assert_eq!(value::<u8>(&response(200, "7")), Ok(Some(7)));
    assert!(matches!(value::<u8>(&response(200, "<html>")), Err(CallError::Garbage(_))));
    assert!(matches!(value::<u8>(&response(403, "no")), Err(CallError::Fault(_))));
    assert!(matches!(value::<u8>(&response(503, "down")), Err(CallError::Transport(_))));
}

#[test]
fn a_result_is_read_whatever_a_process_puts_into_it() {
    let text = json!({
        "Messages": [{"Target": "t", "Tags": [{"name": "Action", "value": "A"}, {"name": "N", "value": 7}], "Data": 5}],
        "Output": {"data": "x"}, "Spawns": [], "Error": "",
    });
    let outcome: Outcome = serde_json::from_value(text).expect("an outcome");
    assert_eq!(outcome.error, None);
    let message = outcome.action("A").expect("a message");
    assert_eq!((message.tag("N"), message.data.as_str()), (Some("7"), "5"));
    let failed: Outcome = serde_json::from_value(json!({"Error": {"message": "no"}, "Messages": null})).expect("one");
    assert_eq!(failed.error.as_deref(), Some(r#"{"message":"no"}"#));
}

#[test]
fn a_message_without_its_place_is_garbage() {
    let id = "A".repeat(43);
    let page = |tags: serde_json::Value| {
        let node = json!({"message": {"id": id, "tags": []}, "assignment": {"id": id, "tags": tags}});
        scheduler::read(json!({"edges": [{"node": node}]}).to_string().as_bytes())
    };
    let number = |name: &str, value: &str| json!({"name": name, "value": value});
    let found = page(json!([number("Nonce", "7"), number("Timestamp", "1999")])).expect("a message");
    let block = found.first().expect("one").block();
    assert_eq!((block.height, block.timestamp), (7, 1));
    for tags in [json!([]), json!([number("Nonce", "7")]), json!([number("Nonce", "-1"), number("Timestamp", "1")])] {
        assert!(matches!(page(tags), Err(CallError::Garbage(_))));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(body in "\\PC{0,200}|\\{\"(Messages|edges)\":\\[\\{\"(Tags|node)\":[0-9{}\\[\\]]{0,9}\\}\\]\\}", status in 100_u16..600) {
        let response = response(status, &body);
        let _ = value::<Outcome>(&response);
        let _ = scheduler::read(body.as_bytes());
    }
}
