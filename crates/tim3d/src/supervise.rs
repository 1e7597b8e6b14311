//! A group of tasks that ends as one: the first that ends ends all, and every error is told.

use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Tasks that run until `stop`.
#[derive(Debug)]
pub(crate) struct Group {
    tasks: JoinSet<(&'static str, Result<(), Vec<Error>>)>,
    stop: CancellationToken,
}

impl Group {
    /// An empty group whose tasks end when `stop` is cancelled.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), stop }
    }

    /// Runs `task` until it ends, which it is only to do after `stop`.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), Vec<Error>>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Waits for `stop` or the first task that ends, then for all others, at most `patience` long. Gives every error.
    pub(crate) async fn run(mut self, patience: Duration) -> Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        tokio::select! {
            () = self.stop.cancelled() => {}
            Some(ended) = self.tasks.join_next() => self.ended(ended, &mut errors),
        }
        let rest = async {
            while let Some(ended) = self.tasks.join_next().await {
                self.ended(ended, &mut errors);
            }
        };
        if tokio::time::timeout(patience, rest).await.is_err() {
            errors.push(anyhow!(
                "not everything ended within daemon.shutdown_timeout ({} s); the journal holds what was under way",
                patience.as_secs()
            ));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn ended(
        &self,
        ended: Result<(&'static str, Result<(), Vec<Error>>), tokio::task::JoinError>,
        errors: &mut Vec<Error>,
    ) {
        match ended {
            Ok((name, Ok(()))) if !self.stop.is_cancelled() => errors.push(anyhow!("{name} ended by itself")),
            Ok((_, Ok(()))) => {}
            Ok((name, Err(causes))) => errors.extend(causes.into_iter().map(|cause| cause.context(name))),
            Err(panic) => errors.push(anyhow!("a task broke off: {panic}")),
        }
        self.stop.cancel();
    }
}

/// Cancels `stop` at the first SIGTERM or SIGINT, and ends the process at the second.
///
/// # Errors
/// What the operating system says about installing the handlers.
pub(crate) fn watch_signals(stop: CancellationToken) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let signal = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal, "stopping; a second signal ends at once");
        stop.cancel();
        let signal = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal, "ended at once; the journal holds what was under way");
        std::process::exit(1);
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn until(stop: &CancellationToken) -> impl Future<Output = Result<(), Vec<Error>>> + use<> {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            Ok(())
        }
    }

    fn texts(errors: Vec<Error>) -> Vec<String> {
        errors.iter().map(|error| format!("{error:#}")).collect()
    }

    #[tokio::test]
    async fn a_stop_ends_every_task_without_an_error() {
        let stop = CancellationToken::new();
        let mut group = Group::new(stop.clone());
        group.spawn("a", until(&stop));
        group.spawn("b", until(&stop));
        stop.cancel();
        group.run(PATIENCE).await.unwrap();
    }

    #[tokio::test]
    async fn the_first_failure_ends_all_and_every_error_is_told() {
        let stop = CancellationToken::new();
        let mut group = Group::new(stop.clone());
        let token = stop.clone();
        group.spawn("late", async move {
            token.cancelled().await;
            Err(vec![anyhow!("could not flush")])
        });
        group.spawn("early", async { Err(vec![anyhow!("one"), anyhow!("two")]) });
        let errors = texts(group.run(PATIENCE).await.unwrap_err());
        assert_eq!(errors, ["early: one", "early: two", "late: could not flush"]);
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_or_panics_is_an_error() {
        let stop = CancellationToken::new();
        let mut group = Group::new(stop.clone());
        group.spawn("quiet", async { Ok(()) });
        assert_eq!(texts(group.run(PATIENCE).await.unwrap_err()), ["quiet ended by itself"]);
        let mut group = Group::new(CancellationToken::new());
        group.spawn("broken", async { panic!("on purpose") });
        assert!(texts(group.run(PATIENCE).await.unwrap_err())[0].contains("broke off"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_left_after_the_patience() {
        let stop = CancellationToken::new();
        let mut group = Group::new(stop.clone());
        group.spawn("stuck", pending());
        stop.cancel();
        let errors = texts(group.run(PATIENCE).await.unwrap_err());
        assert!(errors[0].contains("shutdown_timeout (60 s)"), "{errors:?}");
    }
}
