//! Layers become one table, later ones winning; and a problem in it finds back to the line it came from.

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::error::{ConfigError, Place, Problem};
use crate::layer::{Given, Layer};

/// Merges the layers, lowest first. `shipped` is the file that explains each setting.
pub(crate) fn merge<F: DeserializeOwned>(layers: &[Layer], shipped: &str) -> Result<F, ConfigError> {
    let mut merged = Table::new();
    for layer in layers {
        match layer {
            Layer::File { path, text } => {
                let wrong = |error: &toml::de::Error| ConfigError::Wrong {
                    place: Place::File {
                        path: path.clone(),
                        line: line_at(text, error.span().map_or(0, |at| at.start)),
                    },
                    message: in_our_words(error, shipped),
                };
                toml::from_str::<F>(text).map_err(|error| wrong(&error))?;
                overlay(&mut merged, toml::from_str(text).map_err(|error| wrong(&error))?);
            }
            Layer::Environment(given) | Layer::CommandLine(given) => {
                for one in given {
                    overlay(&mut merged, table(one));
                }
            }
        }
    }
    // Read from text as the files were, because a second way to read the same settings is a second copy of it in the
    // program.
    toml::from_str(&merged.to_string()).map_err(|error| outside::<F>(layers, shipped, &error))
}

/// What was wrong outside of files: each setting that is given there can be read by itself, and the last place is the one
/// that counts.
fn outside<F: DeserializeOwned>(layers: &[Layer], shipped: &str, error: &toml::de::Error) -> ConfigError {
    let given = layers.iter().rev().flat_map(|layer| match layer {
        Layer::File { .. } => &[][..],
        Layer::Environment(given) | Layer::CommandLine(given) => given,
    });
    let mut settled = Vec::new();
    for one in given {
        let key = one.variable.key;
        if settled.contains(&key) {
            continue;
        }
        settled.push(key);
        if let Err(error) = toml::from_str::<F>(&table(one).to_string()) {
            return locate(layers, Problem::new(key, in_our_words(&error, shipped)));
        }
    }
    ConfigError::Wrong { place: Place::Default, message: in_our_words(error, shipped) }
}

/// Says where a setting was written that cannot be used: its last place, or that of the table around it.
pub(crate) fn locate(layers: &[Layer], problem: Problem) -> ConfigError {
    let Problem { key, message } = problem;
    let places = (1..=key.len()).rev().map(|length| &key[..length]);
    let place = places.flat_map(|key| layers.iter().rev().filter_map(move |layer| place_in(layer, key))).next();
    let message = format!("{}: {message}", key.join("."));
    ConfigError::Wrong { place: place.unwrap_or(Place::Default), message }
}

fn place_in(layer: &Layer, key: &[String]) -> Option<Place> {
    let find = |given: &[Given]| given.iter().find(|one| one.variable.key == key).map(|one| one.variable.name);
    match layer {
        Layer::File { path, text } => {
            let document = DeTable::parse(text).ok()?;
            let start = start_of(document.get_ref(), key)?;
            Some(Place::File { path: path.clone(), line: line_at(text, start) })
        }
        Layer::Environment(given) => find(given).map(Place::Environment),
        Layer::CommandLine(given) => find(given).map(|_| Place::CommandLine),
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

/// A setting within its tables.
fn table(given: &Given) -> Table {
    let mut table = Table::new();
    for name in given.variable.key.iter().rev() {
        let value = if table.is_empty() { given.value.clone() } else { Value::Table(table) };
        table = Table::from_iter([((*name).to_owned(), value)]);
    }
    table
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
fn in_our_words(error: &toml::de::Error, shipped: &str) -> String {
    let message = error.message().trim().replace('\n', ", ").replace('`', "\"");
    let message = message.replace("unknown field", "unknown setting").replace("missing field", "missing setting");
    if message.starts_with("unknown setting") {
        format!("{message}; the shipped {shipped} explains each")
    } else {
        message
    }
}
