//! What a service manager is told: the protocol of sd_notify(3), in datagrams to the socket that it names in the environment.
//!
//! Without one nothing is told. Whether the daemon makes progress is looked at here, too: a watchdog that is fed by a timer alone would keep
//! a daemon alive that has stood still for hours.

use std::{io, os::unix::net::UnixDatagram, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use tim3_api::{Control as _, view::ReadinessView};
use tim3_coordinator::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::control::Live;

/// How often the status is looked at, where the watchdog does not want to hear more often.
const LOOK: Duration = Duration::from_secs(1);

/// The service manager, if there is one. Clones talk to the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manager {
    socket: Option<Arc<UnixDatagram>>,
    /// How long it waits for a sign of life before it ends this process.
    watchdog: Option<Duration>,
}

impl Manager {
    /// The manager that the environment names.
    ///
    /// # Errors
    /// Where it names one that cannot be talked to: it would end the service for want of a word.
    pub(crate) fn of_environment() -> Result<Self> {
        let text = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let Some(address) = text("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let socket = connect(&address)
            .with_context(|| format!("cannot reach the service manager at NOTIFY_SOCKET={address}"))?;
        let for_another = text("WATCHDOG_PID").is_some_and(|pid| pid != std::process::id().to_string());
        let watchdog = match text("WATCHDOG_USEC").filter(|_| !for_another) {
            None => None,
            Some(microseconds) => match microseconds.parse() {
                Ok(microseconds) if microseconds > 0 => Some(Duration::from_micros(microseconds)),
                _ => {
                    bail!("WATCHDOG_USEC={microseconds} is no number of microseconds; correct WatchdogSec= of the unit")
                }
            },
        };
        Ok(Self { socket: Some(Arc::new(socket)), watchdog })
    }

    /// It works from now on, or again after [`Self::reloading`].
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// What it does, for people. Lines separate words to the manager.
    pub(crate) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={}", status.replace(char::is_control, " ")));
    }

    /// It reads its configuration again; [`Self::ready`] says that it has.
    pub(crate) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping: what is on its way is finished or parked");
    }

    fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// A manager that does not listen is not waited for.
    fn tell(&self, words: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(words.as_bytes())
        {
            warn!(%error, "the service manager does not listen");
        }
    }

    /// Feeds the watchdog while `live` makes progress, and says how it does, until `stop`, which it tells as well.
    pub(crate) async fn attend(self, live: Arc<Live>, stop: CancellationToken) {
        if self.socket.is_none() {
            return stop.cancelled().await;
        }
        // systemd asks for at least two signs of life in its time; more, because a busy machine makes timers late.
        let part = |parts| self.watchdog.and_then(|watchdog| watchdog.checked_div(parts));
        let patience = part(2);
        let pause = part(4).map_or(LOOK, |part| LOOK.min(part));
        let (mut said, mut told_stuck) = (String::new(), false);
        loop {
            let now = words(&live.readiness(), &live.handle);
            if now != said {
                self.status(&now);
                said = now;
            }
            if let Some(patience) = patience {
                match live.handle.stuck(patience).map(|asset| asset.symbol.clone()) {
                    None => {
                        self.alive();
                        told_stuck = false;
                    }
                    Some(asset) if !told_stuck => {
                        let seconds = patience.as_secs();
                        error!(
                            asset,
                            seconds,
                            "no progress: the journal does not answer or a part is stuck; the watchdog is not fed"
                        );
                        told_stuck = true;
                    }
                    Some(_) => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => return self.stopping(),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// How the daemon does, on one line.
fn words(readiness: &ReadinessView, handle: &Handle) -> String {
    let open: usize = handle.assets().flat_map(|(_, board)| board.phases.into_values()).sum();
    match readiness.reasons.as_slice() {
        [] => format!("relaying between {} chains, {open} operations open", handle.chains().count()),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            format!("not ready: {}: {}{more}", first.subject, first.reason)
        }
    }
}

fn connect(address: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match address.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)?;
        }
        _ => socket.connect(address)?,
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
