//! The messenger: takes signed items and has them scheduled.

use tim3_rpc::{CallError, Http};

use super::{Refusal, UnitError, is_success, said};

/// Hands an item in. One that was handed in before is taken again and does nothing.
///
/// # Errors
/// [`CallError::Refused`] for an item that no messenger takes.
pub async fn post(mu: &Http, raw: &[u8]) -> Result<(), UnitError> {
    let response = mu.post("", "application/octet-stream", raw.to_vec()).await?;
    match response.status {
        _ if is_success(&response) => Ok(()),
        // It does not verify, or the process does not exist. A process made a moment ago may not be known everywhere.
        400 => Err(CallError::Refused(Refusal { reason: said(&response) })),
        404 => Err(CallError::Behind(said(&response))),
        401..500 => Err(CallError::Fault(said(&response))),
        _ => Err(CallError::Transport(said(&response))),
    }
}
