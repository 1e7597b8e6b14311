//! The real binary in a directory of its own.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test's support fails the test")]
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// The output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Panics unless it failed with `code` and one line of error that contains every one of `words`.
    pub(crate) fn assert_one_line_error(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        let errors: Vec<_> = self.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        for word in words {
            assert!(errors[0].contains(word), "{word:?} is not in {:?}", errors[0]);
        }
        assert_eq!(self.err.lines().last(), errors.first().copied(), "nothing follows the error: {self:?}");
    }
}

/// A directory in which the binary runs, without the caller's environment.
#[derive(Debug)]
pub(crate) struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A file that only its owner may read.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tim3d"));
        command.args(arguments).current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        // Where programs that a test starts are found.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments))
    }
}

pub(crate) fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// A configuration of one chain behind `url`, with plain keys beside it.
pub(crate) fn configuration(url: &str, chain_id: u64, gateway: &str, gateway_id: &str) -> String {
    format!(
        r#"
[journal]
path = "journal.redb"
[daemon]
start_patience = "0s"
[api]
listen = "127.0.0.1:0"
[chains.a]
kind = "ethereum"
chain = "eip155:{chain_id}"
gateway = "{gateway}"
gateway_id = "{gateway_id}"
endpoints = [{{ url = "{url}" }}]
request_timeout = "1s"
submit.signer = {{ file = "submitter.key" }}
[assets.TIM3]
[attesters.one]
key = {{ file = "attester.key" }}
"#
    )
}

pub(crate) const GATEWAY: &str = "0x1111111111111111111111111111111111111111";
pub(crate) const GATEWAY_ID: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

/// A URL where nobody listens: the port was free a moment ago.
pub(crate) fn nobody() -> String {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

/// The site of [`configuration`] with its keys, at a URL where nobody listens.
pub(crate) fn unreachable(site: &Site) {
    site.write("tim3d.toml", &configuration(&nobody(), 31_337, GATEWAY, GATEWAY_ID));
    keys(site);
}

/// Plain keys of the names that [`configuration`] uses.
pub(crate) fn keys(site: &Site) {
    site.write_secret("submitter.key", &"11".repeat(32));
    site.write_secret("attester.key", &"22".repeat(32));
}

/// The last line of a text file.
pub(crate) fn last_line(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().lines().last().unwrap_or_default().to_owned()
}
