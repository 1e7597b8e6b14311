//! Pause levels of a synthetic (contracts/PROTOCOL.md section 6).

use tim3_solana_interface::{GatewayError, protocol::asset};

use crate::ledger::Session;

/// Refuses what is no synthetic, and a level above `highest`.
pub(crate) fn check(s: &Session<'_>, index: u8, highest: u8) -> Result<(), GatewayError> {
    let asset = s.gateway.asset(index).ok_or(GatewayError::UnknownAsset)?;
    if asset.kind() != asset::SYNTHETIC {
        return Err(GatewayError::UnknownAsset);
    }
    if asset.level_at(s.now) > highest { Err(GatewayError::Paused) } else { Ok(()) }
}
