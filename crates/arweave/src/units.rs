//! What the units of an AO network answer over HTTP, read by total functions: the messenger takes items, the scheduler orders them, compute
//! units say what they did, and a gateway of Arweave shows what lies on the base layer.

pub mod base;
pub mod compute;
pub mod messenger;
pub mod scheduler;

use std::fmt;

use serde::de::DeserializeOwned;
use tim3_rpc::{CallError, Response};

/// A decided answer that is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was said, for example the name of a process's error.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// How a call to a unit ends without a value.
pub type UnitError = CallError<Refusal>;

/// What somebody else wrote, fit for a line.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn said(response: &Response) -> String {
    format!("HTTP status {}: {}", response.status, plain(&String::from_utf8_lossy(&response.body)))
}

fn is_success(response: &Response) -> bool {
    (200..300).contains(&response.status)
}

/// The value in an answer; `None` where what was asked for is not known (yet): status 404, or nothing in a good answer.
fn value<T: DeserializeOwned>(response: &Response) -> Result<Option<T>, UnitError> {
    match response.status {
        404 => Ok(None),
        200..300 if response.body.trim_ascii().is_empty() => Ok(None),
        200..300 => serde_json::from_slice(&response.body)
            .map(Some)
            .map_err(|error| CallError::Garbage(format!("{error}: {}", said(response)))),
        // It says why it does not want to: another unit may.
        400..500 => Err(CallError::Fault(said(response))),
        _ => Err(CallError::Transport(said(response))),
    }
}

#[cfg(test)]
mod tests;
