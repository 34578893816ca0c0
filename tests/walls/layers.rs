//! Walls between the parts: machine and domain are pure, and the protocol does no I/O.

use crate::source::{code_of, has_word, paths_of};
use crate::tree::{Text, file, files};

#[test]
fn the_machine_decides_and_never_acts() {
    let machine = Core { manifest: "Cargo.toml", sources: "src/", module: "machine" };
    let allowed = ["belay_protocol", "jiff", "serde", "thiserror"];
    assert_eq!(machine.breaches(&allowed), Vec::<String>::new(), "the machine may only compute");
}

#[test]
fn the_domain_decides_about_a_fleet_and_never_acts() {
    let domain = Core { manifest: "crates/server/Cargo.toml", sources: "crates/server/src/", module: "domain" };
    // A digest orders devices, and JSON is what a decision was made on, as it is stored and shown.
    let allowed = ["belay_protocol", "jiff", "serde", "serde_json", "sha2", "thiserror"];
    assert_eq!(domain.breaches(&allowed), Vec::<String>::new(), "the domain may only compute");
}

/// A part of a package that may only compute.
struct Core {
    manifest: &'static str,
    sources: &'static str,
    module: &'static str,
}

impl Core {
    /// Every path in its code that leaves it or acts, but for the libraries that it is allowed.
    fn breaches(&self, allowed: &[&str]) -> Vec<String> {
        let foreign: Vec<String> =
            dependencies(self.manifest).into_iter().filter(|name| !allowed.contains(&&**name)).collect();
        let folder = format!("{}{}/", self.sources, self.module);
        let sources = files(&folder, ".rs");
        assert!(!sources.is_empty(), "{folder} holds no code: this wall stands around nothing");
        let mut broken = Vec::new();
        // What only tests are made of stands in files of its own.
        for file in sources.iter().filter(|file| !file.is_test() && !file.path.ends_with("/testing.rs")) {
            let code = code_of(&file.content);
            broken.extend(has_word(&code, "async").then(|| format!("{}: async", file.path)));
            for path in paths_of(&code) {
                let path = from_the_crate(&path, file.path.trim_start_matches(self.sources));
                let leaves = path.strip_prefix("crate::").is_some_and(|inner| !inner.starts_with(self.module));
                if leaves || acts(&path) || foreign.iter().any(|name| begins(&path, name)) {
                    broken.push(format!("{}: {path}", file.path));
                }
            }
        }
        broken
    }
}

#[test]
fn the_protocol_does_no_input_or_output() {
    let expected = ["deb_version", "jiff", "serde", "serde_json", "thiserror"];
    assert_eq!(
        dependencies("crates/protocol/Cargo.toml"),
        expected,
        "each program that speaks the protocol pays for it"
    );
    let sources = files("crates/protocol/src/", ".rs");
    let acting = |file: &Text| {
        let code = code_of(&file.content);
        let path = paths_of(&code).into_iter().find(|path| acts(path));
        path.or_else(|| has_word(&code, "async").then(|| "async".to_owned()))
            .map(|word| format!("{}: {word}", file.path))
    };
    let broken: Vec<String> = sources.iter().filter(|file| !file.is_test()).filter_map(acting).collect();
    assert!(broken.is_empty(), "the protocol is words, nothing more: {broken:#?}");
}

#[test]
fn a_way_out_through_super_is_seen() {
    assert_eq!(from_the_crate("super::rules::Rules", "src/machine/guard.rs"), "crate::machine::rules::Rules");
    assert_eq!(from_the_crate("super::super::host::Host", "src/machine/guard.rs"), "crate::host::Host");
    assert_eq!(from_the_crate("super::rules", "src/machine/guard/space.rs"), "crate::machine::guard::rules");
    assert_eq!(from_the_crate("super::host", "src/machine/mod.rs"), "crate::host");
    assert_eq!(from_the_crate("self::a::b", "src/machine/guard.rs"), "crate::machine::guard::a::b");
    assert_eq!(from_the_crate("std::fmt", "src/machine/guard.rs"), "std::fmt");
}

/// Whether a path leads to files, network, processes, threads, the environment or a clock.
fn acts(path: &str) -> bool {
    let doors = [
        "std::fs",
        "std::io",
        "std::net",
        "std::os",
        "std::process",
        "std::thread",
        "std::env",
        "std::time::Instant",
        "std::time::SystemTime",
        "tokio",
    ];
    doors.iter().any(|door| begins(path, door)) || path.ends_with("::now")
}

fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The path with `super` and `self` resolved, where the file stands.
fn from_the_crate(path: &str, file: &str) -> String {
    let module = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let mut here: Vec<&str> = module.split('/').collect();
    let mut rest = path;
    loop {
        if let Some(after) = rest.strip_prefix("super::") {
            here.pop();
            rest = after;
        } else if let Some(after) = rest.strip_prefix("self::") {
            rest = after;
        } else {
            break;
        }
    }
    if rest.len() == path.len() {
        path.to_owned()
    } else {
        ["crate", &here.join("::"), rest].join("::").replace("::::", "::")
    }
}

/// The libraries that a package is always built with, as code names them; those of its tests and of features that must
/// be asked for are not among them.
fn dependencies(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = file(manifest).parse().expect("cargo has read it, or this would not run");
    let table = manifest["dependencies"].as_table().expect("cargo has read it, or this would not run");
    let always =
        table.iter().filter(|(_, asked)| asked.get("optional").is_none_or(|value| value.as_bool() != Some(true)));
    always.map(|(name, _)| name.replace('-', "_")).collect()
}
