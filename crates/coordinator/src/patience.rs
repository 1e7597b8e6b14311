//! At the start nothing works without the chains: what fails for reasons that pass is tried again for a while.

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts until one succeeds, fails with an error that does not `pass`, or `patience` is over; the pauses between them double. Ends
/// early with the last error when `cancel` is cancelled.
///
/// # Errors
/// That of the last attempt.
pub async fn patiently<T, E: Display, F: Future<Output = Result<T, E>>>(
    chain: &str,
    patience: Duration,
    cancel: &CancellationToken,
    passes: impl Fn(&E) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<T, E> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt().await {
            Err(error) if passes(&error) => error,
            other => return other,
        };
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(error);
        }
        warn!(chain, %error, left_s = left.as_secs(), "the chain did not answer at the start, trying again");
        tokio::select! {
            () = cancel.cancelled() => return Err(error),
            () = tokio::time::sleep(pause.min(left)) => {}
        }
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    const SILENCE: &str = "nobody answered";

    async fn run(mut fate: impl FnMut(u32) -> Result<u32, &'static str>) -> (Result<u32, &'static str>, u32) {
        let attempts = Cell::new(0_u32);
        let cancel = CancellationToken::new();
        let result = patiently(
            "a",
            PATIENCE,
            &cancel,
            |error| *error == SILENCE,
            || {
                attempts.set(attempts.get().strict_add(1));
                let result = fate(attempts.get());
                async move { result }
            },
        )
        .await;
        (result, attempts.get())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_out() {
        let (result, attempts) = run(|attempt| if attempt < 4 { Err(SILENCE) } else { Ok(attempt) }).await;
        assert_eq!((result.unwrap(), attempts), (4, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_within_the_patience_is_told() {
        let began = Instant::now();
        let (result, attempts) = run(|_| Err(SILENCE)).await;
        assert_eq!(result, Err(SILENCE));
        assert_eq!(began.elapsed(), PATIENCE);
        assert!((5..20).contains(&attempts), "{attempts}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_passes_is_told_at_once() {
        let (result, attempts) = run(|_| Err("wrong")).await;
        assert_eq!((result, attempts), (Err("wrong"), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_waiting() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let began = Instant::now();
        let result: Result<(), _> =
            patiently("a", PATIENCE, &cancel, |error| *error == SILENCE, || async { Err(SILENCE) }).await;
        assert!(result.is_err() && began.elapsed().is_zero());
    }
}
