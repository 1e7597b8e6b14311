//! Where configuration comes from: files, the environment, flags. Each later one wins.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use config::{Map, Source, Value, ValueKind};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::problem::Problem;

/// Environment variables that set keys begin with this; levels are separated by two underscores.
pub(crate) const PREFIX: &str = "TIM3D__";

/// What the operator handed in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    /// Configuration files, later ones win.
    pub(crate) files: Vec<PathBuf>,
    /// Environment variables; those that do not begin with `TIM3D__` are ignored.
    pub(crate) environment: Vec<(String, String)>,
    /// `key=value` of `--set`.
    pub(crate) flags: Vec<String>,
}

/// One place that sets keys.
#[derive(Debug)]
pub(super) struct Origin {
    /// As problems name it: a path, `environment variable X`, `flag --set x`.
    pub(super) name: String,
    /// Relative paths start here: the directory of the file, or the working directory.
    pub(super) base: PathBuf,
    /// Values are text that stands for any type, because the environment and the command line have no other.
    pub(super) is_text: bool,
    /// Every key that is set here, with its line in a file.
    keys: BTreeMap<String, Option<usize>>,
}

impl Origin {
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        self.keys.get(key).copied().flatten()
    }
}

/// Every place that sets keys, in rising order of precedence. The index of an origin is the `origin` of each [`Value`] it sets.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    /// The place that set `value`, and its rank.
    pub(super) fn of(&self, value: &Value) -> Option<(usize, &Origin)> {
        let index = value.origin()?.parse().ok()?;
        self.0.get(index).map(|origin| (index, origin))
    }

    /// The last place that sets something at or below `key`.
    pub(super) fn last_with(&self, key: &str) -> Option<&Origin> {
        self.0.iter().rev().find(|origin| origin.keys.contains_key(key))
    }

    /// The last place of all.
    pub(super) fn last(&self) -> Option<&Origin> {
        self.0.last()
    }
}

/// Values of one origin, as the `config` crate takes them.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Reads every input and lays them over each other. What cannot be read is left out and reported.
pub(super) fn merge(inputs: &Inputs, problems: &mut Vec<Problem>) -> (Value, Origins) {
    let mut origins = Origins::default();
    let mut builder = config::Config::builder();
    for path in &inputs.files {
        builder = builder.add_source(file(path, &mut origins, problems));
    }
    let mut variables: Vec<_> = inputs.environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    for (variable, value) in variables {
        let name = format!("environment variable {variable}");
        builder = builder.add_source(text(name, &variable_path(variable), value, &mut origins, problems));
    }
    for flag in &inputs.flags {
        let (key, value) = flag.split_once('=').unwrap_or((flag, ""));
        let path: Vec<_> = key.trim().split('.').map(str::to_owned).collect();
        builder = builder.add_source(text(format!("flag --set {key}"), &path, value, &mut origins, problems));
    }
    // Our layers never fail, and nothing else is in the builder.
    (builder.build().map(|config| config.cache).unwrap_or_default(), origins)
}

fn file(path: &Path, origins: &mut Origins, problems: &mut Vec<Problem>) -> Layer {
    let name = path.display().to_string();
    let mut wrong = |line, found: String, remedy: &str| {
        let (source, key, expected) = (name.clone(), String::new(), "a TOML file".to_owned());
        problems.push(Problem { source, line, key, found, expected, remedy: remedy.to_owned() });
    };
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
        wrong(None, error.to_string(), "give a readable file with --config, or make one with `tim3d config init`");
        String::new()
    });
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let line = error.span().map(|span| line_of(&text, span.start));
        let found = format!("a syntax error ({})", error.message().replace('\n', ", "));
        wrong(line, found, "correct the syntax; texts need quotation marks");
    }
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut conversion = Conversion::new(origins, &text);
    let values = conversion.table(table.get_ref(), "");
    let keys = conversion.keys;
    origins.0.push(Origin { name, base, is_text: false, keys });
    layer(values, origins, problems)
}

/// A layer with one key, from an origin that knows nothing but text.
fn text(name: String, path: &[String], value: &str, origins: &mut Origins, problems: &mut Vec<Problem>) -> Layer {
    let mut conversion = Conversion::new(origins, "");
    let key = path.join(".");
    // Lists and tables are given in TOML; anything else is taken as it is and read where its type is known.
    let structured = value.trim_start().starts_with(['[', '{']).then(|| DeValue::parse(value).ok()).flatten();
    let mut value = match &structured {
        Some(parsed) => conversion.value(parsed.get_ref(), &key),
        None => Value::new(Some(&conversion.origin), value),
    };
    let (mut values, mut path) = (Map::new(), path);
    while let Some((last, rest)) = path.split_last() {
        conversion.keys.insert(path.join("."), None);
        if rest.is_empty() {
            values.insert(last.clone(), value);
            break;
        }
        value = Value::new(Some(&conversion.origin), Map::from([(last.clone(), value)]));
        path = rest;
    }
    let keys = conversion.keys;
    origins.0.push(Origin { name, base: PathBuf::new(), is_text: true, keys });
    layer(values, origins, problems)
}

/// The `config` crate reads the outermost keys as paths into the tree: only plain ones may reach it.
fn layer(mut values: Map<String, Value>, origins: &Origins, problems: &mut Vec<Problem>) -> Layer {
    let origin = origins.0.last();
    values.retain(|key, _| {
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !plain {
            problems.push(Problem {
                source: origin.map(|origin| origin.name.clone()).unwrap_or_default(),
                line: origin.and_then(|origin| origin.line(key)),
                key: key.escape_debug().take(80).collect(),
                found: "an unknown key".to_owned(),
                expected: "a section".to_owned(),
                remedy: "remove it".to_owned(),
            });
        }
        plain
    });
    Layer(values)
}

/// `TIM3D__CHAINS__A__QUORUM` is `chains.a.quorum`. Symbols of assets are upper case, everything else is lower case.
fn variable_path(variable: &str) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for part in variable.trim_start_matches(PREFIX).split("__") {
        let is_symbol = path.len() == 1 && path.first().is_some_and(|first| first == "assets");
        path.push(if is_symbol { part.to_ascii_uppercase() } else { part.to_ascii_lowercase() });
    }
    path
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

/// From parsed TOML to values that know their origin.
struct Conversion<'a> {
    origin: String,
    text: &'a str,
    keys: BTreeMap<String, Option<usize>>,
}

impl<'a> Conversion<'a> {
    fn new(origins: &Origins, text: &'a str) -> Self {
        Self { origin: origins.0.len().to_string(), text, keys: BTreeMap::new() }
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, value) in table {
            let path = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            self.note(&path, key.span().start);
            values.insert(key.get_ref().to_string(), self.value(value.get_ref(), &path));
        }
        values
    }

    fn note(&mut self, path: &str, at: usize) {
        let line = (!self.text.is_empty()).then(|| line_of(self.text, at));
        self.keys.insert(path.to_owned(), line);
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str) -> Value {
        let kind = match value {
            DeValue::String(text) => ValueKind::from(text.as_ref()),
            DeValue::Boolean(value) => ValueKind::from(*value),
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| ValueKind::from(integer.to_string()), ValueKind::from),
            DeValue::Float(float) => ValueKind::from(float.to_string()),
            DeValue::Datetime(time) => ValueKind::from(time.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| self.item(item, &format!("{path}[{index}]")));
                ValueKind::from(items.collect::<Vec<_>>())
            }
            DeValue::Table(table) => ValueKind::from(self.table(table, path)),
        };
        Value::new(Some(&self.origin), kind)
    }

    fn item(&mut self, item: &Spanned<DeValue<'_>>, path: &str) -> Value {
        self.note(path, item.span().start);
        self.value(item.get_ref(), path)
    }
}
