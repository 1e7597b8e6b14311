//! Walking the merged configuration: every key that is read is recorded, every mistake is collected and none ends the walk.

use std::{cell::RefCell, path::Path};

use config::{Map, Value, ValueKind};

use super::{
    problem::Problem,
    source::{Origin, Origins},
};

/// What a walk knows and gathers.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) origins: Origins,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) warnings: RefCell<Vec<Problem>>,
    pub(super) settings: RefCell<Vec<Setting>>,
}

/// A key with the value that holds, for `config show`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Setting {
    /// Path of the key.
    pub(crate) key: String,
    /// The value in TOML; secrets redacted.
    pub(crate) value: String,
    /// What set it: a file with line, an environment variable, a flag, `default`.
    pub(crate) source: String,
}

/// A value to be read as some type.
pub(super) struct Given<'a> {
    pub(super) kind: &'a ValueKind,
    /// Text stands for any type.
    pub(super) is_text: bool,
    /// Relative paths start here.
    pub(super) base: &'a Path,
}

/// Reads a value, or says what would be right.
pub(super) type Parse<T> = fn(&Given<'_>) -> Result<T, String>;

/// A table of the configuration.
pub(super) struct Table<'a> {
    walk: &'a Walk,
    path: String,
    entries: Option<&'a Map<String, Value>>,
    asked: RefCell<Vec<&'static str>>,
}

impl Walk {
    pub(super) fn new(origins: Origins, problems: Vec<Problem>) -> Self {
        Self { origins, problems: RefCell::new(problems), warnings: RefCell::default(), settings: RefCell::default() }
    }

    /// Reads the whole with `read`.
    pub(super) fn root<T>(&self, value: &Value, read: impl FnOnce(&Table<'_>) -> T) -> T {
        self.table(Some(value), String::new(), read)
    }

    fn table<T>(&self, value: Option<&Value>, path: String, read: impl FnOnce(&Table<'_>) -> T) -> T {
        let entries = match value.map(|value| &value.kind) {
            Some(ValueKind::Table(entries)) => Some(entries),
            None | Some(ValueKind::Nil) => None,
            Some(_) => {
                self.wrong(&path, value, "a table".to_owned());
                None
            }
        };
        let table = Table { walk: self, path, entries, asked: RefCell::default() };
        let result = read(&table);
        table.report_unknown();
        result
    }

    /// Adds a problem with the value at `key`.
    fn wrong(&self, key: &str, value: Option<&Value>, expected: String) {
        let found = value.map_or_else(|| "nothing".to_owned(), |value| describe(&value.kind));
        self.report(key, value, found, expected, "correct it");
    }

    /// Adds a problem with what is at `key`.
    fn report(&self, key: &str, value: Option<&Value>, found: String, expected: String, remedy: &str) {
        let problem = self.problem(key, value, found, expected, remedy);
        self.problems.borrow_mut().push(problem);
    }

    fn problem(&self, key: &str, value: Option<&Value>, found: String, expected: String, remedy: &str) -> Problem {
        let parent = key.rsplit_once('.').map_or("", |(parent, _)| parent);
        let origin = value.and_then(|value| self.origins.of(value)).map(|(_, origin)| origin);
        let origin = origin.or_else(|| self.origins.last_with(key)).or_else(|| self.origins.last_with(parent));
        let origin = origin.or_else(|| self.origins.last());
        Problem {
            source: origin.map_or_else(|| "configuration".to_owned(), |origin| origin.name.clone()),
            line: origin.and_then(|origin| origin.line(key).or_else(|| origin.line(parent))),
            key: key.to_owned(),
            found,
            expected,
            remedy: remedy.to_owned(),
        }
    }

    fn note(&self, key: &str, value: String, origin: Option<&Origin>) {
        let source = origin.map_or_else(
            || "default".to_owned(),
            |origin| match origin.line(key) {
                Some(line) => format!("{}:{line}", origin.name),
                None => origin.name.clone(),
            },
        );
        self.settings.borrow_mut().push(Setting { key: key.to_owned(), value, source });
    }
}

impl<'a> Table<'a> {
    /// Path of `key` in this table.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value at `key`, which counts as known from now on.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(key);
        self.entries?.get(key)
    }

    /// Reads an optional key.
    pub(super) fn get<T>(&self, key: &'static str, parse: Parse<T>) -> Option<T> {
        let value = self.value(key)?;
        self.parse(key, value, parse, None)
    }

    /// Reads an optional key whose value is shown as `show` says.
    pub(super) fn get_shown<T>(&self, key: &'static str, parse: Parse<T>, show: fn(&T) -> String) -> Option<T> {
        let value = self.value(key)?;
        self.parse(key, value, parse, Some(show))
    }

    /// Reads a key that has a default.
    pub(super) fn or<T>(&self, key: &'static str, parse: Parse<T>, default: impl Into<ValueKind>) -> Option<T> {
        match self.value(key) {
            Some(value) => self.parse(key, value, parse, None),
            None => self.parse(key, &Value::new(None, default.into()), parse, None),
        }
    }

    /// Reads a key that must be there; `what` says what belongs there.
    pub(super) fn required<T>(&self, key: &'static str, parse: Parse<T>, what: &str) -> Option<T> {
        if self.value(key).is_none() {
            self.missing(key, what);
        }
        self.get(key, parse)
    }

    /// Reports that `key` is not there.
    pub(super) fn missing(&self, key: &str, what: &str) {
        let key = self.key(key);
        let remedy = format!("set {key}");
        self.walk.report(&key, None, "nothing".to_owned(), what.to_owned(), &remedy);
    }

    /// Reports that the value at `key` does not fit with others.
    pub(super) fn conflict(&self, key: &'static str, found: String, expected: String, remedy: &str) {
        let value = self.entries.and_then(|entries| entries.get(key));
        self.walk.report(&self.key(key), value, found, expected, remedy);
    }

    /// The same for the key at `path`, from the root.
    pub(super) fn conflict_at(&self, path: &str, found: String, expected: String, remedy: &str) {
        self.walk.report(path, None, found, expected, remedy);
    }

    /// Points at a value that is allowed and should be looked at.
    pub(super) fn warn(&self, key: &'static str, found: String, expected: String, remedy: &str) {
        let value = self.entries.and_then(|entries| entries.get(key));
        let warning = self.walk.problem(&self.key(key), value, found, expected, remedy);
        self.walk.warnings.borrow_mut().push(warning);
    }

    /// Reads the table at `key`, which may be absent.
    pub(super) fn table<T>(&self, key: &'static str, read: impl FnOnce(&Table<'_>) -> T) -> T {
        self.walk.table(self.value(key), self.key(key), read)
    }

    /// Reads every table of the table at `key`, each under a name that `name` accepts; `None` for what was reported.
    pub(super) fn named<T>(
        &self,
        key: &'static str,
        name: fn(&str) -> Result<(), String>,
        mut read: impl FnMut(&str, &Table<'_>) -> Option<T>,
    ) -> Vec<(String, Option<T>)> {
        let path = self.key(key);
        let entries = match self.value(key) {
            None => return Vec::new(),
            Some(Value { kind: ValueKind::Table(entries), .. }) => entries,
            Some(value) => {
                self.walk.wrong(&path, Some(value), format!("tables [{path}.NAME]"));
                return Vec::new();
            }
        };
        let mut names: Vec<_> = entries.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        let read_one = |(text, value): (&String, &Value)| {
            let path = format!("{path}.{text}");
            if let Err(expected) = name(text) {
                let found = format!("the name {text:?}");
                self.walk.report(&path, Some(value), found, expected, "rename it");
                return (text.clone(), None);
            }
            (text.clone(), self.walk.table(Some(value), path, |table| read(text, table)))
        };
        names.into_iter().map(read_one).collect()
    }

    /// Reads every table of the list at `key`.
    pub(super) fn list<T>(&self, key: &'static str, mut read: impl FnMut(&Table<'_>) -> Option<T>) -> Vec<T> {
        let path = self.key(key);
        match self.value(key) {
            None => Vec::new(),
            Some(Value { kind: ValueKind::Array(items), .. }) => {
                let item = |(index, value)| self.walk.table(Some(value), format!("{path}[{index}]"), &mut read);
                items.iter().enumerate().filter_map(item).collect()
            }
            Some(value) => {
                self.walk.wrong(&path, Some(value), "a list of tables, for example [{ … }]".to_owned());
                Vec::new()
            }
        }
    }

    /// The one key of `keys` that the last place that sets any of them sets: naming another form in a later file replaces the first.
    pub(super) fn one_of(&self, keys: &[&'static str]) -> Result<Option<(&'static str, &'a Value)>, ()> {
        let rank = |value: &Value| self.walk.origins.of(value).map(|(rank, _)| rank);
        let set: Vec<_> = keys.iter().filter_map(|key| Some((*key, self.value(key)?))).collect();
        let last = set.iter().map(|(_, value)| deepest(value, &rank)).max();
        let mut chosen = set.iter().filter(|(_, value)| Some(deepest(value, &rank)) == last);
        match (chosen.next(), chosen.next()) {
            (Some(_), Some((second, value))) => {
                let expected = format!("one of {} only", keys.join(", "));
                self.walk.report(
                    &self.key(second),
                    Some(value),
                    "several forms of one thing".to_owned(),
                    expected,
                    "keep one",
                );
                Err(())
            }
            (chosen, _) => Ok(chosen.copied()),
        }
    }

    /// Reads `value` and notes it; one that may be a secret is shown as `show` says, or not at all.
    fn parse<T>(&self, key: &str, value: &Value, parse: Parse<T>, show: Option<fn(&T) -> String>) -> Option<T> {
        let key = self.key(key);
        match self.read(value, parse) {
            Ok(read) => {
                let text = show.map_or_else(|| shown(&value.kind), |show| show(&read));
                self.walk.note(&key, text, self.walk.origins.of(value).map(|(_, origin)| origin));
                Some(read)
            }
            Err(expected) => {
                let found = match show {
                    None => describe(&value.kind),
                    Some(_) => format!("{}, not shown because it may be a secret", kind_name(&value.kind)),
                };
                self.walk.report(&key, Some(value), found, expected, "correct it");
                None
            }
        }
    }

    fn read<T>(&self, value: &Value, parse: Parse<T>) -> Result<T, String> {
        let origin = self.walk.origins.of(value).map(|(_, origin)| origin);
        let base = origin.map_or(Path::new(""), |origin| &origin.base);
        parse(&Given { kind: &value.kind, is_text: origin.is_some_and(|origin| origin.is_text), base })
    }

    fn report_unknown(&self) {
        let asked = self.asked.borrow();
        let Some(entries) = self.entries else { return };
        let mut unknown: Vec<_> = entries.iter().filter(|(key, _)| !asked.contains(&key.as_str())).collect();
        unknown.sort_by_key(|(key, _)| *key);
        for (key, value) in unknown {
            let (expected, remedy) = match closest(key, &asked) {
                Some(near) => (near.to_owned(), format!("rename it to {near} or remove it")),
                None => (format!("one of {}", asked.join(", ")), "remove it".to_owned()),
            };
            self.walk.report(&self.key(key), Some(value), "an unknown key".to_owned(), expected, &remedy);
        }
    }
}

/// The highest rank among everything in `value`: merged tables have none of their own.
fn deepest(value: &Value, rank: &dyn Fn(&Value) -> Option<usize>) -> Option<usize> {
    match &value.kind {
        ValueKind::Table(entries) => entries.values().filter_map(|value| deepest(value, rank)).max().or(rank(value)),
        _ => rank(value),
    }
}

/// The known key that a misspelt one most likely stands for.
fn closest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|known| (distance(key, known), *known)).min()?;
    (near.0 <= 1.max(near.1.len() / 4)).then_some(near.1)
}

/// How many letters must be put in, left out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut above_left = i.saturating_add(1);
        let mut next = vec![above_left];
        for (right, above) in b.chars().zip(row.iter().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(left != right));
            let best = replaced.min(above.saturating_add(1)).min(above_left.saturating_add(1));
            diagonal = *above;
            above_left = best;
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// A value as problems show it.
pub(super) fn describe(kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) => {
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
        }
        ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => kind_name(kind).to_owned(),
        scalar => scalar.to_string(),
    }
}

fn kind_name(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        ValueKind::Boolean(_) => "true or false",
        _ => "a number",
    }
}

/// A value in TOML.
fn shown(kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) => toml::Value::from(text.as_str()).to_string(),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shown(&item.kind)).collect();
            format!("[{}]", items.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
