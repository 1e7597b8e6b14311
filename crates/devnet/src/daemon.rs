//! A `tim3d` process on a devnet: started, asked, and ended in the ways that daemons end.

use std::{
    ffi::OsStr,
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often a process or a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A program and the configuration it is given.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
    configuration: Vec<PathBuf>,
    set: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A running daemon. Dropping it kills the process.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// `binary` with a configuration file.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, configuration: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            configuration: vec![configuration.into()],
            set: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// The same with a further file, which wins over the ones before.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.configuration.push(file.into());
        self
    }

    /// The same with `key=value` laid over the files.
    #[must_use]
    pub fn with_set(mut self, assignment: impl Into<String>) -> Self {
        self.set.push(assignment.into());
        self
    }

    /// The same with a variable in its environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.binary);
        for file in &self.configuration {
            command.arg("--config").arg(file);
        }
        for assignment in &self.set {
            command.arg("--set").arg(assignment);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// Where it cannot be started; how it ended is for the caller to judge.
    pub fn output<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output> {
        self.command(arguments).output().with_context(|| format!("cannot start {}", self.binary.display()))
    }

    /// Runs a query with `--json` to its end and gives what it prints.
    ///
    /// # Errors
    /// Where it fails or prints something else, with what it said.
    pub fn query(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.output(&[arguments, &["--json"]].concat())?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        ensure!(output.status.success(), "tim3d {} ended with {}: {said}", arguments.join(" "), output.status);
        serde_json::from_slice(&output.stdout).with_context(|| format!("tim3d {} printed no JSON", arguments.join(" ")))
    }

    /// Starts the daemon; what it writes is added to `log`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run(&self, log: &Path) -> Result<Daemon> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        let child = self
            .command(&["run"])
            .stdout(file.try_clone().context("cannot share the log")?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        Ok(Daemon { child, log: log.to_owned() })
    }
}

impl Daemon {
    /// Waits until the daemon says that it does its work.
    ///
    /// # Errors
    /// Where it ends instead, or is not ready within `patience`.
    pub async fn ready(&mut self, program: &Program, patience: Duration) -> Result<()> {
        let mut last = String::new();
        let waited = until(patience, || {
            if let Some(status) = self.child.try_wait()? {
                bail!("tim3d ended with {status}: {}", self.last_words());
            }
            let output = program.output(&["status"])?;
            last = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            Ok(output.status.success().then_some(()))
        });
        waited.await.with_context(|| format!("tim3d is not ready: {last}"))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9: it has no chance to do anything more.
    ///
    /// # Errors
    /// Where it had ended by itself before.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("tim3d had ended with {status}: {}", self.last_words());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Errors
    /// Where it does not end within `patience`.
    pub async fn terminate(mut self, patience: Duration) -> Result<ExitStatus> {
        let pid = self.child.id().to_string();
        // The shell's own `kill`: signals other than SIGKILL are not in the standard library.
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status()?;
        ensure!(sent.success(), "cannot signal tim3d");
        until(patience, || Ok(self.child.try_wait()?)).await.context("tim3d goes on after SIGTERM")
    }

    /// The end of its log, for messages.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.log_end(10)
    }

    /// The last `count` lines of its log.
    #[must_use]
    pub fn log_end(&self, count: usize) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until there is something.
///
/// # Errors
/// Those of `look`, and where there is nothing within `patience`.
pub async fn until<T>(patience: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_async(patience, async || look()).await
}

/// Looks until there is something, where looking takes its time.
///
/// # Errors
/// Those of `look`, and where there is nothing within `patience`.
pub async fn until_async<T>(patience: Duration, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(begun.elapsed() < patience, "waited {patience:?} in vain");
    }
}

/// A port of 127.0.0.1 that nothing listens on.
///
/// # Errors
/// Where there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).context("no free port")?.local_addr()?.port())
}
