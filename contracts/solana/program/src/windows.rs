//! The windows of a synthetic, in the gateway's account.

use tim3_solana_interface::{
    GatewayError,
    accounts::{WINDOW_MINT, WINDOW_RELEASE, Window},
};

use crate::{ledger::Session, rules::window::Bucket};

/// Which window.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Mint,
    Release,
}

impl Direction {
    fn at(self) -> usize {
        match self {
            Self::Mint => WINDOW_MINT,
            Self::Release => WINDOW_RELEASE,
        }
    }
}

/// The window as of now.
pub(crate) fn current(s: &Session<'_>, asset: u8, direction: Direction) -> Result<Bucket, GatewayError> {
    let asset = s.gateway.asset(asset).ok_or(GatewayError::UnknownAsset)?;
    let mut bucket = bucket(&asset.window(direction.at()));
    bucket.refill(s.now);
    Ok(bucket)
}

/// Whether `amount` may pass now.
pub(crate) fn check(s: &Session<'_>, asset: u8, direction: Direction, amount: &u128) -> Result<(), GatewayError> {
    if current(s, asset, direction)?.take(amount) { Ok(()) } else { Err(GatewayError::WindowFull) }
}

/// Takes `amount`, or refuses.
pub(crate) fn take(s: &mut Session<'_>, asset: u8, direction: Direction, amount: &u128) -> Result<(), GatewayError> {
    let mut bucket = current(s, asset, direction)?;
    if !bucket.take(amount) {
        return Err(GatewayError::WindowFull);
    }
    store(s, asset, direction, &bucket)
}

/// Takes `amount` even where that leaves the window negative.
pub(crate) fn force(s: &mut Session<'_>, asset: u8, direction: Direction, amount: &u128) -> Result<(), GatewayError> {
    let mut bucket = current(s, asset, direction)?;
    bucket.force(amount);
    store(s, asset, direction, &bucket)
}

/// Writes a window.
pub(crate) fn store(s: &mut Session<'_>, asset: u8, direction: Direction, bucket: &Bucket) -> Result<(), GatewayError> {
    let mut asset = s.gateway.asset_mut(asset).ok_or(GatewayError::UnknownAsset)?;
    let mut window = asset.window_mut(direction.at());
    window.set_limit(bucket.limit);
    window.set_available(bucket.available);
    window.set_period(bucket.period);
    window.set_updated(bucket.updated);
    Ok(())
}

fn bucket<B: AsRef<[u8]>>(window: &Window<B>) -> Bucket {
    Bucket { limit: window.limit(), available: window.available(), period: window.period(), updated: window.updated() }
}
