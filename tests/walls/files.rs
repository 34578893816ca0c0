//! Walls around every file: short, introduced by a sentence, readable anywhere.

use crate::tree::files;

#[test]
fn no_rust_file_is_longer_than_500_lines_and_half_are_at_most_150() {
    let mut lengths: Vec<(usize, String)> =
        files("", ".rs").into_iter().map(|file| (file.content.lines().count(), file.path)).collect();
    lengths.sort();
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > 500).collect();
    assert!(long.is_empty(), "each of these wants to be two: {long:#?}");
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= 150, "half of the files have more than {median} lines");
}

#[test]
fn every_rust_file_says_first_what_it_is_for() {
    let silent: Vec<String> = files("", ".rs")
        .into_iter()
        .filter(|file| !file.path.ends_with("/tests.rs") && !file.content.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    assert!(silent.is_empty(), "these begin without a line of `//!`: {silent:#?}");
}

#[test]
fn every_toml_file_parses() {
    for file in files("", ".toml") {
        if let Err(error) = file.content.parse::<toml::Table>() {
            panic!("{} is no TOML: {error}", file.path);
        }
    }
}

#[test]
fn nothing_points_to_where_it_was_written() {
    for file in files("", "") {
        for (line, number) in file.content.lines().zip(1..) {
            if let Some(word) = WORKPLACES.iter().find(|word| points_to(line, word)) {
                panic!("{}:{number} names a place that only one machine has, {word}: {line}", file.path);
            }
        }
    }
}

#[test]
fn a_workplace_is_told_from_a_device() {
    for word in WORKPLACES {
        let line =
            if word.starts_with('.') { format!("at http://wiki{word}:80/x") } else { format!("see \"{word}x\"") };
        assert!(points_to(&line, word), "{line}");
    }
    assert!(!points_to(&format!("http://x.example/ calls self{}()", WORKPLACES[5]), WORKPLACES[5]));
    assert!(!points_to("mount -o workdir=/mnt/overlay/work/x", WORKPLACES[2]));
    assert!(!points_to("lives below its home/", WORKPLACES[1]));
}

/// In two pieces each, or this file would name them itself.
const WORKPLACES: [&str; 7] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/fa", "rm/"),
    concat!(".inter", "nal"),
    concat!(".co", "rp"),
];

/// Whether the line has that path from the root on, or an address of a host whose name ends so.
fn points_to(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, behind) = (&line[..at], &line[at + word.len()..]);
        if word.starts_with('.') {
            let address = before.rsplit(char::is_whitespace).next().is_some_and(|start| start.contains("://"));
            address && !behind.starts_with(char::is_alphanumeric)
        } else {
            !before.ends_with(|c: char| c.is_alphanumeric() || "/_-.}".contains(c))
        }
    })
}
