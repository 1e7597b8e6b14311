//! What the processes of a devnet have in common: where their programs are, and their last words.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io::{BufRead as _, BufReader, PipeReader},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

/// Lines of output that are kept to explain a failure.
const KEPT: usize = 20;

/// The last lines a process wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output(Arc<Mutex<VecDeque<String>>>);

impl Output {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn explain(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.trim());
        match text.collect::<Vec<_>>().join(" | ") {
            text if text.is_empty() => "it wrote nothing".to_owned(),
            text => text,
        }
    }

    /// Keeps what the process writes until it ends, so that it never waits for a reader; gives the first thing that `announced` finds in a
    /// line.
    pub(crate) fn drain<T: Send + 'static>(
        &self,
        reader: PipeReader,
        announced: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let output = self.clone();
        let (sender, receiver) = oneshot::channel();
        let mut sender = Some(sender);
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.is_some()
                    && let Some(found) = announced(&line)
                    && let Some(sender) = sender.take()
                {
                    let _ = sender.send(found);
                }
                output.push(line);
            }
        });
        receiver
    }
}

/// The program of this name on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Where tests/setup.sh keeps what it installs.
pub(crate) fn cache() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    from("TIM3_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|cache| cache.join("tim3")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/tim3")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let output = Output::default();
        for line in 0..KEPT + 5 {
            output.push(line.to_string());
        }
        assert!(output.explain().starts_with("5 | "), "{}", output.explain());
        assert_eq!(Output::default().explain(), "it wrote nothing");
    }
}
