//! Scripts over an overlay of a root with a userland of its own: as root, and as an ordinary user.

mod direct;
mod ends;
mod layers;
mod walls;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_agent::host::bundle::capture::{self, Layer, Rehearsal};
use belay_agent::host::bundle::script::Script;
use belay_protocol::Failure;
use belay_testkit::command::{command, ordinary_user, succeed};
use belay_testkit::ownership::{base_dir, create_dir, temp_dir_in, write, write_with_mode};
use belay_testkit::tools::reachable_copy;
use belay_testkit::userland;
use tempfile::TempDir;

use crate::support::{PATIENCE, skipped};

/// Tells the second run of a test that it is an ordinary user, and where the agent's program is for it.
const ORDINARY: &str = "BELAY_CAPTURE_PROGRAM";

/// A root with a userland, and a bundle.
struct Bench {
    dir: TempDir,
    program: PathBuf,
    timeout: Duration,
    log_bytes: u64,
}

/// Runs a test of this module, named below it, as root where that can be, and as an ordinary user.
#[track_caller]
fn both(test: &str, body: impl Fn(&Bench)) {
    if let Some(program) = std::env::var_os(ORDINARY) {
        return body(&Bench::new(PathBuf::from(program)));
    }
    let agent = Path::new(env!("CARGO_BIN_EXE_belay-agent"));
    if ordinary_user().is_none() {
        skipped("the half of it that needs root");
        return body(&Bench::new(agent.to_owned()));
    }
    body(&Bench::new(agent.to_owned()));
    let mut again = command(reachable_copy(&std::env::current_exe().expect("a test knows its own program")));
    again.env(ORDINARY, reachable_copy(agent)).args(["--exact", &format!("capture::{test}"), "--nocapture"]);
    for variable in ["BELAY_TEST_DIR", "TMPDIR", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(variable) {
            again.env(variable, value);
        }
    }
    let said = succeed(&mut again);
    assert!(said.contains("1 passed"), "there is no test {test}:\n{said}");
}

impl Bench {
    fn new(program: PathBuf) -> Self {
        let dir = temp_dir_in(&base_dir(), "belay-capture-");
        let bench = Self { dir, program, timeout: PATIENCE, log_bytes: 1 << 20 };
        create_dir(&bench.root());
        userland::install(&bench.root());
        write(&bench.root().join("etc/app.conf"), "old\n");
        write(&bench.root().join("opt/app/program"), "old\n");
        write(&bench.root().join("opt/app/data/one"), "1\n");
        bench
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn scratch(&self) -> PathBuf {
        self.dir.path().join("scratch")
    }

    fn bundle(&self) -> PathBuf {
        self.dir.path().join("bundle")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("script.log")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// What the root holds at that path.
    #[track_caller]
    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn given<T>(&self, text: &str, run: impl FnOnce(&Script<'_>) -> T) -> T {
        write_with_mode(&self.bundle().join("install.sh"), format!("#!/bin/sh\n{PRELUDE}{text}\n"), 0o755);
        let (bundle, log) = (self.bundle(), self.log());
        let environment = vec![("BELAY_VERSION".to_owned(), "2.0".to_owned())];
        run(&Script {
            program: &self.program,
            bundle: &bundle,
            name: "install.sh",
            environment,
            timeout: self.timeout,
            memory: None,
            log,
            log_bytes: self.log_bytes,
            unit: None,
        })
    }

    fn try_to(&self, text: &str) -> Result<Rehearsal, Failure> {
        self.given(text, |script| capture::rehearse(&self.root(), &self.scratch(), script))
    }

    #[track_caller]
    fn rehearse(&self, text: &str) -> Rehearsal {
        self.try_to(text).unwrap_or_else(|failure| panic!("{failure}\n{}", self.said()))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Folders that a script closed keep the temporary folder.
        let _ = capture::clear(&self.scratch());
    }
}

/// What a script may say of something that must not work: `set -e` knows nothing of `!`.
const PRELUDE: &str = "no() { if \"$@\"; then echo \"works: $*\"; exit 1; fi; }\n";

/// The layer of the root.
fn of_root(rehearsal: &Rehearsal) -> &Layer {
    rehearsal.layers.iter().find(|layer| layer.at.as_os_str().is_empty()).expect("the root is a layer")
}
