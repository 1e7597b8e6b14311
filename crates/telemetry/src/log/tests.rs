//! Lines go where they should, in the form they should, and no others do.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{debug, error, info, subscriber::with_default};

use super::*;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What `body` writes under `filter`.
fn written(json: bool, filter: &str, body: impl FnOnce(&LogControl)) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let (subscriber, control) = subscriber(json, false, filter, move || writer.clone()).unwrap();
    with_default(subscriber, || body(&control));
    buffer.text()
}

#[test]
fn json_lines_carry_the_operation_whether_in_the_event_or_in_its_span() {
    let text = written(true, "info", |_| {
        info!(op = "0xaa", amount = 100_u64, "locked");
        operation_span(&"0xbb").in_scope(|| info!("minted"));
    });
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second] = lines.as_slice() else { panic!("{text}") };
    assert_eq!((&first["op"], &first["amount"], &first["message"]), (&"0xaa".into(), &100.into(), &"locked".into()));
    assert_eq!((&first["level"], &second["span"]["op"]), (&"INFO".into(), &"0xbb".into()));
    assert!(first["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn text_lines_carry_the_operation_and_no_colours_off_a_terminal() {
    let text = written(false, "info", |_| operation_span(&"0xbb").in_scope(|| info!("minted")));
    assert!(text.contains("operation{op=0xbb}") && text.contains("minted"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn the_filter_changes_while_the_program_runs_and_a_wrong_one_changes_nothing() {
    let text = written(false, "info", |control| {
        debug!("before");
        control.set_filter("debug").unwrap();
        debug!("after");
        assert!(control.set_filter("no such filter[").is_err());
        debug!("still");
        assert_eq!(control.filter().unwrap(), "debug");
        control.set_filter("off").unwrap();
        error!("silenced");
    });
    let told: Vec<_> =
        ["before", "after", "still", "silenced"].into_iter().filter(|word| text.contains(word)).collect();
    assert_eq!(told, ["after", "still"]);
}

#[test]
fn levels_by_module_are_kept_and_a_misspelt_level_is_told() {
    for filter in
        ["info", "INFO", "info,tim3_ethereum=debug", "warn, tim3_rpc=trace", "off", "[operation{op=0xaa}]=trace", ""]
    {
        parse(filter).unwrap_or_else(|error| panic!("{error}"));
    }
    for (filter, part) in [("degub", "degub"), ("info,tim3_rpc", "tim3_rpc"), ("tim3_rpc=loud", "tim3_rpc=loud")] {
        let error = parse(filter).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("for example info,tim3_ethereum=debug"), "{error}");
    }
}

#[test]
fn what_the_websocket_libraries_call_an_error_is_not_repeated() {
    let text = written(false, "trace", |_| {
        error!(target: "alloy_pubsub::service", "Reconnecting pubsub service backend");
        error!(target: "alloy_transport_ws::native", "WS connection error");
        debug!(target: "alloy_pubsub::service", "asked for");
        error!(target: "alloy_rpc_client", "another library");
        error!("ours");
    });
    let told: Vec<_> = ["Reconnecting", "WS connection", "asked for", "another library", "ours"]
        .into_iter()
        .filter(|word| text.contains(word))
        .collect();
    assert_eq!(told, ["asked for", "another library", "ours"], "{text}");
}
