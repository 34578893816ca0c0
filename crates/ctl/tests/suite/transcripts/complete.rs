//! No command is without a transcript, a JSON answer and a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::CommandFactory;

use super::transcript::split;
use crate::support::command_in;

/// Takes the whole screen, or has another test of its own; why.
const WITHOUT_ANSWER: [(&str, &str); 1] = [("lan ui", "it takes the whole screen; suite::screen drives it")];

#[test]
fn every_command_has_a_transcript_as_text_and_as_json() {
    let transcripts = transcripts();
    let mut missing = Vec::new();
    for command in commands().iter().filter(|command| !is_without_answer(command)) {
        let words = command.join(" ");
        let found = transcripts.get(command);
        let has = |json: bool| found.is_some_and(|kinds| kinds.contains(&json));
        missing.extend((!has(false)).then(|| words.clone()));
        missing.extend((!has(true)).then(|| format!("{words} --json")));
    }
    assert!(missing.is_empty(), "no transcript in tests/suite/transcripts/ shows: {missing:#?}");
}

/// A transcript that nobody compares any more says what once was.
#[test]
fn every_transcript_is_written_by_a_test() {
    let tests = files("rs");
    let compares = |name: &str| tests.values().any(|text| text.contains(&format!("transcript.compare({name:?})")));
    assert!(!compares("nobody"), "the search finds what is not there");
    let orphans: Vec<_> = files("snap").into_keys().filter(|name| !compares(name)).collect();
    assert!(orphans.is_empty(), "no test compares these transcripts, delete them: {orphans:?}");
}

#[test]
fn every_command_has_a_schema_and_every_schema_a_command() {
    let schema = belayctl::schema();
    let known: BTreeSet<String> = schema["anyOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["$ref"].as_str().unwrap().trim_start_matches("#/$defs/").to_owned())
        .collect();
    let mut expected: BTreeSet<String> =
        commands().into_iter().filter(|command| !is_without_answer(command)).map(|command| command.join("-")).collect();
    expected.insert("refusal".to_owned());
    assert_eq!(known, expected);
}

/// Every command that does something.
fn commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    walk(&belayctl::Arguments::command(), &mut Vec::new(), &mut found);
    assert!(found.len() > 20, "the walk lost its way: {found:?}");
    found
}

fn walk(command: &clap::Command, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut leaf = true;
    for next in command.get_subcommands().filter(|next| next.get_name() != "help") {
        leaf = false;
        path.push(next.get_name().to_owned());
        walk(next, path, found);
        path.pop();
    }
    if leaf {
        found.push(path.clone());
    }
}

fn is_without_answer(command: &[String]) -> bool {
    WITHOUT_ANSWER.iter().any(|(name, _)| *name == command.join(" "))
}

/// What the transcripts show: a command, and whether with `--json`. That they are true is what the other tests see to.
fn transcripts() -> BTreeMap<Vec<String>, BTreeSet<bool>> {
    let mut found: BTreeMap<_, BTreeSet<bool>> = BTreeMap::new();
    for (_, text) in files("snap") {
        for line in text.lines().filter_map(|line| line.strip_prefix("$ belayctl ")) {
            let words = split(line);
            let json = words.iter().any(|word| word == "--json");
            found.entry(command_in(&words)).or_default().insert(json);
        }
    }
    found
}

/// The files of this folder with that ending: their names without it, and what is in them.
fn files(ending: &str) -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/transcripts");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == ending));
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    wanted.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}
