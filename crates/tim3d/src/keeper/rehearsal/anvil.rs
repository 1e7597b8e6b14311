//! An anvil for the time of a rehearsal, which ends with this process, however that ends.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, PipeReader},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;
use tim3_rpc::SecretUrl;
use tokio::{sync::oneshot, time::timeout};

/// How long anvil may take to listen; it takes a tenth of a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs anvil for as long as somebody holds the other end of its standard input: the kernel closes that with this process, also after kill -9.
const WATCH: &str = r#""$@" </dev/null & anvil=$!; exec >&- 2>&-; read -r _; kill -KILL "$anvil"; wait"#;

/// Lines of output that are kept to explain a failure.
const KEPT: usize = 5;

/// A running anvil. Dropping it ends the process.
pub(super) struct Anvil {
    watch: Child,
    /// Where it answers.
    pub(super) url: SecretUrl,
    /// What it writes.
    _directory: TempDir,
}

impl Anvil {
    /// Starts one that makes blocks when it is told to, and takes transactions of anybody.
    pub(super) async fn start(chain_id: &str) -> Result<Self> {
        let program = find()?;
        let directory =
            tempfile::Builder::new().prefix("tim3-rehearsal").tempdir().context("cannot make a directory")?;
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCH, "sh"])
            .arg(&program)
            .args(["--host=127.0.0.1", "--port=0", "--accounts=1", "--auto-impersonate", "--no-mining"])
            // A block is final when two are on top of it.
            .arg("--slots-in-an-epoch=1")
            .arg(format!("--chain-id={chain_id}"))
            .arg("--cache-path")
            .arg(directory.path())
            // Where it keeps what it asked of the chain, by chain id and height alone.
            .env("HOME", directory.path())
            .stdin(Stdio::piped())
            .stderr(writer.try_clone().context("cannot share a pipe")?)
            .stdout(writer)
            // Ctrl-C in a terminal is for this process, which tells the other one.
            .process_group(0);
        let watch = command.spawn().context("cannot start sh")?;
        // It holds the writing ends, which would keep the pipe open after the process.
        drop(command);
        // From here on, every way out ends the process.
        let mut anvil = Self { watch, url: local(0)?, _directory: directory };
        let shown = program.display();
        match timeout(PATIENCE, announced(reader)).await {
            Ok(Ok(Ok(port))) => anvil.url = local(port)?,
            Ok(Ok(Err(words))) => bail!("{shown} ended: {words}"),
            Ok(Err(_)) => bail!("{shown} ended"),
            Err(_) => bail!("{shown} did not listen within {PATIENCE:?}"),
        }
        Ok(anvil)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // The shell ends it, and then itself; where there is no shell any more, there is nothing to wait for.
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}

/// Reads what the process writes until it ends; gives the port that it announces, or its last words where it does not.
fn announced(reader: PipeReader) -> oneshot::Receiver<Result<u16, String>> {
    let (sender, receiver) = oneshot::channel();
    let mut sender = Some(sender);
    std::thread::spawn(move || {
        let mut last: VecDeque<String> = VecDeque::new();
        for line in BufReader::new(reader).lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
            if let Some(port) = port(&line)
                && let Some(sender) = sender.take()
            {
                let _ = sender.send(Ok(port));
            }
            last.push_back(line.trim().to_owned());
            if last.len() > KEPT {
                last.pop_front();
            }
        }
        if let Some(sender) = sender {
            let _ = sender.send(Err(last.into_iter().collect::<Vec<_>>().join(" | ")));
        }
    });
    receiver
}

/// The port in `Listening on 127.0.0.1:8545`.
fn port(line: &str) -> Option<u16> {
    line.trim().strip_prefix("Listening on ")?.rsplit_once(':')?.1.parse().ok()
}

fn local(port: u16) -> Result<SecretUrl> {
    format!("http://127.0.0.1:{port}").parse().map_err(|error| anyhow!("{error}"))
}

fn find() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|directory| directory.join("anvil")).filter(|file| file.is_file());
    found.next().context(
        "anvil is not on PATH, and a rehearsal copies the chain with it; install Foundry, which it is a part of",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_off_the_line_that_announces_it() {
        assert_eq!(port("Listening on 127.0.0.1:35097"), Some(35097));
        assert_eq!(port("2026-11-22T16:13:12Z  INFO node::user: eth_getBlockByNumber"), None);
        assert_eq!(port("Listening on "), None);
    }
}
