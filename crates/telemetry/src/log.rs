//! Tracing to standard error.
//!
//! One id goes through an operation's whole life: the field `op` of events, or of the span made by [`operation_span`].

use std::{
    fmt::Display,
    io::{self, IsTerminal},
};

use tracing::{Level, Metadata, Span, Subscriber, info_span};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::filter_fn,
    fmt::MakeWriter,
    layer::SubscriberExt,
    reload::{self, Handle},
};

use crate::TelemetryError;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line, with the fields of the event beside `timestamp`, `level`, `target`, `message` and `span`.
    Json,
}

/// Changes the filter of a running program. Clones change the same one.
#[derive(Clone, Debug)]
pub struct LogControl(Handle<EnvFilter, Registry>);

impl LogControl {
    /// Replaces the filter, from the next event on.
    ///
    /// # Errors
    /// [`TelemetryError::Filter`]; the old filter stays then.
    pub fn set_filter(&self, filter: &str) -> Result<(), TelemetryError> {
        self.0.reload(parse(filter)?).map_err(|error| TelemetryError::Log(error.to_string()))
    }

    /// The filter as it is now, in the words of the library.
    ///
    /// # Errors
    /// [`TelemetryError::Log`] where nothing logs any more.
    pub fn filter(&self) -> Result<String, TelemetryError> {
        self.0.with_current(ToString::to_string).map_err(|error| TelemetryError::Log(error.to_string()))
    }
}

/// Sends what the whole program traces to standard error, from now on. Colours appear on a terminal, unless `NO_COLOR` is set.
///
/// # Errors
/// [`TelemetryError::Filter`]; [`TelemetryError::Log`] when it was called before.
pub fn init(format: LogFormat, filter: &str) -> Result<LogControl, TelemetryError> {
    let on_terminal = io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !on_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let colours = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (subscriber, control) = subscriber(json, colours, filter, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| TelemetryError::Log(error.to_string()))?;
    Ok(control)
}

/// The span of work on one operation.
#[must_use]
pub fn operation_span(op: &impl Display) -> Span {
    info_span!("operation", %op)
}

fn subscriber<W>(
    json: bool,
    colours: bool,
    filter: &str,
    writer: W,
) -> Result<(impl Subscriber + use<W>, LogControl), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(colours).boxed()
    };
    let lines = lines.with_filter(filter_fn(|metadata| !is_told_otherwise(metadata)));
    Ok((Registry::default().with(filter).with(lines), LogControl(handle)))
}

/// Whether a library takes for an error what is none: websockets end, and the one who uses them warns of that and goes on without. What these
/// libraries say at lower levels can still be asked for.
fn is_told_otherwise(metadata: &Metadata<'_>) -> bool {
    const LOUD: [&str; 2] = ["alloy_pubsub", "alloy_transport_ws"];
    *metadata.level() <= Level::WARN && LOUD.iter().any(|module| metadata.target().starts_with(module))
}

/// Whether `filter` is one, before there is anything to log.
///
/// # Errors
/// [`TelemetryError::Filter`].
pub fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    parse(filter).map(|_| ())
}

/// A filter, with the misspelt level told that the library would take for the name of a module.
fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = |detail: String| TelemetryError::Filter { found: filter.to_owned(), detail };
    let parts: Vec<_> = filter.split(',').map(str::trim).collect();
    for part in &parts {
        let bare = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b));
        if bare && part.parse::<tracing::level_filters::LevelFilter>().is_err() {
            return Err(wrong(format!("{part:?} is no level (off, error, warn, info, debug, trace)")));
        }
    }
    EnvFilter::try_new(parts.join(",")).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests;
