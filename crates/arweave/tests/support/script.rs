//! The reference implementations: scripts of `contracts/ao/test` that are given JSON and answer JSON.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// What a script makes of it.
pub(crate) fn answer(script: &str, given: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/ao/test").join(script);
    let mut node = Command::new("node");
    let mut child = node.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node is on PATH");
    let mut input = child.stdin.take().expect("a pipe");
    let text = given.to_string();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writing.join().expect("no panic").expect("it reads");
    assert!(output.status.success(), "run tests/setup.sh --only ao if packages are missing");
    serde_json::from_slice(&output.stdout).expect("JSON")
}
