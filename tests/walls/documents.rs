//! Walls around the documents: every route, setting and reason is told, and nothing that does not exist.

use std::collections::BTreeSet;

use belay_protocol::Reason;
use belay_protocol::job::JobState;

use crate::tree::{file, files};

#[test]
fn every_route_is_documented_and_every_documented_route_is_served() {
    let served = routes();
    assert!(!served.is_empty(), "src/control registers no route by `.route(\"/…\"`: has that changed?");
    let documented = documented_routes(&file("docs/api.md"));
    let (untold, gone): (Vec<_>, Vec<_>) =
        (served.difference(&documented).collect(), documented.difference(&served).collect());
    assert!(untold.is_empty(), "docs/api.md does not tell of `GET …` or `POST …` of these: {untold:?}");
    assert!(gone.is_empty(), "docs/api.md tells of these, which src/control does not serve: {gone:?}");
}

#[test]
fn every_reason_and_every_state_is_documented() {
    let api = file("docs/api.md");
    let reasons = Reason::ALL.iter().map(|reason| reason.code());
    let words = reasons.chain(JobState::ALL.iter().map(|state| state.word()));
    let missing: Vec<&str> = words.filter(|word| !api.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "docs/api.md does not tell what these mean: {missing:?}");
}

#[test]
fn every_setting_is_explained_where_it_is_written() {
    for config in files("config/", ".toml") {
        let unexplained = unexplained(&config.content);
        assert!(unexplained.is_empty(), "{} has no comment above these: {unexplained:#?}", config.path);
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    for document in files("", ".md") {
        let folder = document.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for target in links(&document.content) {
            let path = format!("{folder}{}", target.split('#').next().unwrap_or_default());
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
            assert!(path.exists(), "{} links to {target}, which is not there", document.path);
        }
    }
}

#[test]
fn routes_are_found_in_a_document() {
    let text = "`GET /jobs/{id}` and `POST /rollback?to=3`, also `curl -X POST localhost:5000/other` and GET /loose";
    let found: Vec<String> = documented_routes(text).into_iter().collect();
    assert_eq!(found, ["/jobs/{id}", "/rollback"]);
}

#[test]
fn a_setting_without_a_word_is_seen() {
    let text = "# Why.\na = 1\nb = 2\n\n[t]\n# Why.\n#c = 3\n\n#d_1 = 4\ne = 5 # seconds\nlist = [\n  \"x=y\",\n]\n";
    assert_eq!(unexplained(text), ["b = 2", "#d_1 = 4", "list = ["]);
}

fn routes() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for file in files("src/control/", ".rs").iter().filter(|file| !file.is_test()) {
        for (at, opening) in file.content.match_indices(".route(") {
            let argument = file.content[at + opening.len()..].trim_start().strip_prefix('"');
            let argument =
                argument.unwrap_or_else(|| panic!("{}: write routes as literals, so that they are found", file.path));
            routes.extend(argument.split('"').next().map(str::to_owned));
        }
    }
    routes
}

fn documented_routes(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let paths = quoted.filter_map(|words| words.strip_prefix("GET ").or_else(|| words.strip_prefix("POST ")));
    paths.filter_map(|path| path.split([' ', '?']).next()).map(str::to_owned).collect()
}

/// Lines `key = value` and `#key = value` that have no words above or behind them.
fn unexplained(text: &str) -> Vec<&str> {
    let mut explained = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let setting = is_setting(line);
        if setting && !explained && !line.contains(" # ") {
            found.push(line);
        }
        explained = line.starts_with("# ");
    }
    found
}

fn is_setting(line: &str) -> bool {
    let key = line.strip_prefix('#').unwrap_or(line).split_once('=').map(|(key, _)| key.trim_end());
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
    key.is_some_and(|key| !key.is_empty() && key.bytes().all(letter))
}

/// The targets of links to files: not addresses, not places in the same document.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#')).collect()
}
