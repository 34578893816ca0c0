//! The settings file that is shipped tells the truth: all settings, with their defaults.

use std::collections::BTreeSet;

use toml::Table;

use super::super::file::File;
use super::settings;
use crate::config::Settings;

const SHIPPED: &str = include_str!("../../../../../config/server.toml");

/// The file with every setting switched on: prose begins with `# `, a setting with `#` alone.
fn switched_on() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if !is_prose(line) => rest,
        _ => line,
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_prose(line: &str) -> bool {
    line.strip_prefix("# ").is_some_and(|rest| !rest.starts_with(' ')) || line == "#"
}

/// Every setting's full name.
fn keys(table: &Table, within: &str) -> BTreeSet<String> {
    let name = |key: &String| if within.is_empty() { key.clone() } else { format!("{within}.{key}") };
    table
        .iter()
        .flat_map(|(key, value)| match value.as_table() {
            Some(inner) => keys(inner, &name(key)),
            None => BTreeSet::from([name(key)]),
        })
        .collect()
}

#[test]
fn the_shipped_file_changes_nothing() {
    assert_eq!(settings(SHIPPED).unwrap(), Settings::default());
}

#[test]
fn the_shipped_file_shows_every_setting_with_its_default() {
    let shown: File = toml::from_str(&switched_on()).unwrap();
    assert_eq!(shown, File::default());

    let shown: Table = toml::from_str(&switched_on()).unwrap();
    let known = Table::try_from(File::default()).unwrap();
    assert_eq!(keys(&shown, ""), keys(&known, ""));
}

#[test]
fn the_line_before_each_setting_explains_it() {
    let mut before = "";
    for line in SHIPPED.lines() {
        let is_setting = line.starts_with('#') && line[1..].starts_with(|first: char| first.is_ascii_lowercase());
        assert!(!is_setting || is_prose(before), "nothing explains {line}");
        before = line;
    }
}
