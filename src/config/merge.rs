//! Second stage: defaults, file, drop-ins, environment and command line become one. Later ones win; a list is
//! replaced as a whole, but health checks are told apart by their names.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::error::{ConfigError, Place, Problem};
use super::file::File;

/// A few settings given outside of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `state_dir`; `BELAY_STATE_DIR` in the environment.
    pub state_dir: Option<String>,
    /// `root.path`; `BELAY_ROOT`.
    pub root: Option<String>,
    /// `control.socket`; `BELAY_SOCKET`.
    pub socket: Option<String>,
    /// `log.level`; `BELAY_LOG`.
    pub log_level: Option<String>,
}

/// One source of settings.
#[derive(Debug)]
pub(super) enum Layer {
    File { path: PathBuf, text: String },
    Environment(Overrides),
    CommandLine(Overrides),
}

impl Overrides {
    /// Asks `variable` for each variable of the environment; an empty one counts as none.
    pub(super) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let [state_dir, root, socket, log_level] =
            VARIABLES.map(|(name, _)| variable(name).filter(|value| !value.is_empty()));
        Self { state_dir, root, socket, log_level }
    }

    fn values(&self) -> [(&'static str, &'static [&'static str], Option<&String>); 4] {
        let values = [&self.state_dir, &self.root, &self.socket, &self.log_level];
        std::array::from_fn(|at| (VARIABLES[at].0, VARIABLES[at].1, values[at].as_ref()))
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        for (_, key, value) in self.values() {
            let (Some((last, tables)), Some(value)) = (key.split_last(), value) else { continue };
            let mut inner = Table::from_iter([((*last).to_owned(), Value::String(value.clone()))]);
            for name in tables.iter().rev() {
                inner = Table::from_iter([((*name).to_owned(), Value::Table(inner))]);
            }
            overlay(&mut table, inner);
        }
        table
    }

    fn variable_of(&self, key: &[String]) -> Option<&'static str> {
        let mut values = self.values().into_iter();
        values.find(|(_, name, value)| value.is_some() && *name == key).map(|(variable, ..)| variable)
    }
}

/// Merges the layers, lowest first.
pub(super) fn merge(layers: &[Layer]) -> Result<File, ConfigError> {
    let mut merged = Table::new();
    for layer in layers {
        match layer {
            Layer::File { path, text } => {
                let wrong = |error: &toml::de::Error| ConfigError::Wrong {
                    place: Place::File {
                        path: path.clone(),
                        line: line_at(text, error.span().map_or(0, |at| at.start)),
                    },
                    message: in_our_words(error),
                };
                toml::from_str::<File>(text).map_err(|error| wrong(&error))?;
                overlay(&mut merged, toml::from_str(text).map_err(|error| wrong(&error))?);
            }
            Layer::Environment(overrides) | Layer::CommandLine(overrides) => overlay(&mut merged, overrides.table()),
        }
    }
    // What remains wrong came from outside of files: only they were looked at above. Read from text as they were, because a
    // second way to read the same settings is a second copy of it in the program.
    toml::from_str(&merged.to_string()).map_err(|error| {
        let level = Problem::new(&["log", "level"], in_our_words(&error));
        locate(layers, level)
    })
}

/// Says where a setting was written that cannot be used: its last place, or that of the table around it.
pub(super) fn locate(layers: &[Layer], problem: Problem) -> ConfigError {
    let Problem { key, message } = problem;
    let places = (1..=key.len()).rev().map(|length| &key[..length]);
    let place = places.flat_map(|key| layers.iter().rev().filter_map(move |layer| place_in(layer, key))).next();
    let message = format!("{}: {message}", key.join("."));
    ConfigError::Wrong { place: place.unwrap_or(Place::Default), message }
}

fn place_in(layer: &Layer, key: &[String]) -> Option<Place> {
    match layer {
        Layer::File { path, text } => {
            let document = DeTable::parse(text).ok()?;
            let start = start_of(document.get_ref(), key)?;
            Some(Place::File { path: path.clone(), line: line_at(text, start) })
        }
        Layer::Environment(overrides) => overrides.variable_of(key).map(Place::Environment),
        Layer::CommandLine(overrides) => overrides.variable_of(key).map(|_| Place::CommandLine),
    }
}

/// Where the setting begins, in bytes.
fn start_of(table: &DeTable<'_>, key: &[String]) -> Option<usize> {
    let (name, rest) = key.split_first()?;
    let (found, value) = table.iter().find(|(found, _)| found.get_ref() == name)?;
    let Some((next, beyond)) = rest.split_first() else { return Some(found.span().start) };
    match value.get_ref() {
        DeValue::Table(inner) => start_of(inner, rest),
        DeValue::Array(entries) => entries.iter().find_map(|entry| {
            let table = entry.get_ref().as_table()?;
            let named =
                table.iter().any(|(key, value)| key.get_ref() == "name" && value.get_ref().as_str() == Some(next));
            if !named {
                return None;
            }
            if beyond.is_empty() { Some(entry.span().start) } else { start_of(table, beyond) }
        }),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    }
}

fn line_at(text: &str, start: usize) -> usize {
    1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count()
}

/// Lays `upper` over `lower`.
fn overlay(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (Some(Value::Array(below)), Value::Array(above)) if is_named(below) && is_named(&above) => {
                overlay_named(below, above);
            }
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

fn overlay_named(lower: &mut Vec<Value>, upper: Vec<Value>) {
    for value in upper {
        match lower.iter_mut().find(|below| below.get("name") == value.get("name")) {
            Some(below) => *below = value,
            None => lower.push(value),
        }
    }
}

fn is_named(entries: &[Value]) -> bool {
    !entries.is_empty() && entries.iter().all(|entry| entry.get("name").is_some())
}

/// The parser's message with our word for what it calls a field.
fn in_our_words(error: &toml::de::Error) -> String {
    let message = error.message().trim().replace('\n', ", ").replace('`', "\"");
    let message = message.replace("unknown field", "unknown setting").replace("missing field", "missing setting");
    if message.starts_with("unknown setting") { message + "; the shipped agent.toml explains each" } else { message }
}

const VARIABLES: [(&str, &[&str]); 4] = [
    ("BELAY_STATE_DIR", &["state_dir"]),
    ("BELAY_ROOT", &["root", "path"]),
    ("BELAY_SOCKET", &["control", "socket"]),
    ("BELAY_LOG", &["log", "level"]),
];
