//! What one sees while it runs: lines that say what happened, and below them, where there is a terminal, the state of things.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tim3_coordinator::{Handle, Notice};
use tim3_domain::{
    amount::{SYNTHETIC_DECIMALS, display},
    identity::OperationId,
};

use super::world::World;

/// Updates of the frame a second.
const FRAMES: u8 = 8;

/// Where lines go and what is counted. Clones share one.
#[derive(Clone, Debug)]
pub(super) struct View(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    begun: Instant,
    out: Out,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
enum Out {
    /// A terminal: lines scroll above a frame that is drawn anew.
    Live(MultiProgress, Mutex<Vec<ProgressBar>>),
    /// Lines to standard output.
    Lines,
    /// Lines to standard error, because standard output is for the summary as JSON.
    Aside,
}

/// What notices said, over all lives of the daemon.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Operations that ended, by how.
    pub(super) ended: BTreeMap<&'static str, usize>,
    /// Reorgs that took events away, by chain.
    pub(super) reorgs: BTreeMap<String, usize>,
    /// When the daemon first spoke of an operation that has not ended, and what it said last.
    begun: BTreeMap<OperationId, (u64, &'static str)>,
    /// The newest audit, and how many there were.
    pub(super) audits: usize,
}

impl Seen {
    pub(super) fn finished(&self) -> usize {
        self.ended.values().sum()
    }
}

impl View {
    /// A frame if standard output is a terminal and nobody wants lines; with `json` standard output is left alone.
    pub(super) fn new(plain: bool, json: bool) -> Self {
        let out = if json {
            Out::Aside
        } else if plain || !io::stdout().is_terminal() {
            Out::Lines
        } else {
            Out::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(FRAMES)), Mutex::default())
        };
        Self(Arc::new(Shared { begun: Instant::now(), out, seen: Mutex::default() }))
    }

    /// Says a line, with the time since the beginning.
    pub(super) fn say(&self, line: &str) {
        let tenths = self.0.begun.elapsed().as_millis() / 100;
        self.print(&format!("{:>4}.{} s  {line}", tenths / 10, tenths % 10));
    }

    /// Prints text as it is.
    pub(super) fn print(&self, text: &str) {
        // Whoever reads may have gone; the demo goes on for its exit code.
        let _ = match &self.0.out {
            Out::Live(frame, _) => frame.println(text),
            Out::Lines => writeln!(io::stdout().lock(), "{text}"),
            Out::Aside => writeln!(io::stderr().lock(), "{text}"),
        };
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.0.out, Out::Live(..))
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows `lines` below everything said so far, in place of what was shown there before.
    pub(super) fn frame(&self, lines: &[String]) {
        let Out::Live(frame, bars) = &self.0.out else { return };
        let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
        while bars.len() < lines.len() {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bars.push(frame.add(ProgressBar::no_length().with_style(style)));
        }
        for (bar, line) in bars.iter().zip(lines) {
            bar.set_message(line.clone());
        }
    }

    /// Takes the frame away.
    pub(super) fn end(&self) {
        if let Out::Live(frame, bars) = &self.0.out {
            bars.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let _ = frame.clear();
        }
    }

    /// Takes a notice of the daemon: counts it, and says what is worth a line.
    pub(super) fn notice(&self, notice: &Notice, handle: &Handle, world: &World) {
        match notice {
            Notice::OperationChanged { operation, phase, at_ms, .. } => {
                self.operation(*operation, phase, *at_ms, handle, world);
            }
            Notice::Reorg { chain, events } => {
                let mut seen = self.lock();
                let count = seen.reorgs.entry(chain.clone()).or_default();
                *count = count.saturating_add(1);
                drop(seen);
                self.say(&format!("{chain}: a reorg took {events} events away, what rested on them goes back"));
            }
            Notice::TransactionChanged { chain, state: state @ ("replaced" | "dropped"), orders, .. } => {
                self.say(&format!("{chain}: a transaction with {orders} orders was {state}"));
            }
            Notice::Audited { holds, breaches, .. } => {
                let mut seen = self.lock();
                seen.audits = seen.audits.saturating_add(1);
                drop(seen);
                if !holds {
                    self.say(&format!("AUDIT BREACH: {}", breaches.join("; ")));
                }
            }
            Notice::Paused { why: Some(why), .. } => self.say(&format!("signing stopped: {why}")),
            Notice::ErrorOccurred { subject, message } => self.say(&format!("ERROR {subject}: {message}")),
            _ => {}
        }
    }

    fn operation(&self, id: OperationId, phase: &'static str, at_ms: u64, handle: &Handle, world: &World) {
        let mut seen = self.lock();
        let (begun, before) = *seen.begun.entry(id).or_insert((at_ms, ""));
        seen.begun.insert(id, (begun, phase));
        let ended = matches!(phase, "completed" | "refunded");
        if ended {
            seen.begun.remove(&id);
            let count = seen.ended.entry(phase).or_default();
            *count = count.saturating_add(1);
        }
        drop(seen);
        let said = ended || matches!(phase, "held" | "voiding" | "dead_letter" | "orphaned");
        if !said || phase == before {
            return;
        }
        let what = handle.journal().operation(id).ok().flatten().map_or_else(
            || id.short(),
            |record| {
                let operation = &record.operation;
                let name = |gateway| {
                    let chain = world.chains().into_iter().find(|chain| chain.node.gateway() == gateway);
                    chain.map_or("?", |chain| chain.name)
                };
                let (kind, amount) = (operation.kind.name(), money(operation.amount));
                format!("{kind:<8} {amount:>8} TIM3  {} → {}", name(operation.origin), name(operation.destination))
            },
        );
        let tenths = at_ms.saturating_sub(begun) / 100;
        let after = if ended { format!(" after {}.{} s", tenths / 10, tenths % 10) } else { String::new() };
        self.say(&format!("{what}  {phase}{after}"));
    }

    /// Time since the beginning, as minutes and seconds.
    pub(super) fn clock(&self) -> String {
        let seconds = self.0.begun.elapsed().as_secs();
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }
}

/// An amount of TIM3 or USDA as people read it.
pub(super) fn money(amount: u128) -> String {
    let text = display(amount, SYNTHETIC_DECIMALS);
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && whole.len().saturating_sub(index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_by_thousands() {
        let shown = [0, 1_500_000, 999_000_000, 1_000_000_000, 1_234_567_890_123].map(money);
        assert_eq!(shown, ["0", "1.5", "999", "1,000", "1,234,567.890123"]);
    }
}
