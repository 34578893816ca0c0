//! Scripts that run on the root itself, and the three ways to undo them.

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::Bundle;

use super::world::*;
use crate::support::*;

#[test]
fn declared_paths_go_back_when_a_direct_script_fails_half_way() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let script =
        "rm -r /opt/app\nmkdir /opt/app\necho new > /opt/app/new\necho x > /etc/recorder/recorder.conf\nexit 1";
    belay_testkit::ownership::write(&sandbox.path("opt/app/old"), "old\n");
    let before = exact(&sandbox);
    assert_ne!(old.diff(&before), Vec::<String>::new());
    let bundle = Bundle::new(script).toml("version = \"2.0\"\nmode = \"direct\"\npaths = [\"/opt/app\"]\n");
    let job = install(&agent, &bundle);
    assert_end(&job, JobState::RolledBack, Some(Reason::ScriptFailed));
    assert!(job.warnings.iter().any(|warning| warning.contains("paths that it declares")), "{:?}", job.warnings);
    assert_contents(&before, &exact(&sandbox));
}

#[test]
fn a_direct_bundle_goes_back_by_its_own_script() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let bundle = Bundle::new("echo 2 > /srv/state")
        .file("rollback.sh", 0o755, "#!/bin/sh\nrm -f /srv/state\n")
        .toml("version = \"2.0\"\nmode = \"direct\"\n");
    assert_committed(&install(&agent, &bundle));
    assert!(sandbox.path("srv/state").exists());
    assert_gone_back(&rollback(&agent));
    assert!(!sandbox.path("srv/state").exists(), "rollback.sh removes it");
}

#[test]
fn a_direct_bundle_goes_back_by_the_one_before_it() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let version = |version: &str| {
        Bundle::new(&format!("echo {version} > /srv/state"))
            .toml(&format!("version = \"{version}\"\nmode = \"direct\"\n"))
    };
    let first = version("1.0").file("rollback.sh", 0o755, "#!/bin/sh\nrm -f /srv/state\n");
    assert_committed(&install(&agent, &first));
    assert_committed(&install(&agent, &version("2.0")));
    assert_gone_back(&rollback(&agent));
    assert_eq!(std::fs::read_to_string(sandbox.path("srv/state")).expect("it is there"), "1.0\n");
}

#[test]
fn a_direct_bundle_that_nothing_undoes_is_refused() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let bundle = Bundle::new("echo 2 > /srv/state").toml("version = \"2.0\"\nmode = \"direct\"\n");
    let job = install(&agent, &bundle);
    assert_end(&job, JobState::Refused, Some(Reason::UndoUnavailable));
    assert_says(&job.message, &["paths", "best_effort"]);
    assert!(!sandbox.path("srv/state").exists());
}

/// Asserts equal files but for times: what is put back from a copy is new to the file system.
#[track_caller]
fn assert_contents(old: &belay_testkit::root_snapshot::RootSnapshot, new: &belay_testkit::root_snapshot::RootSnapshot) {
    let differences = old.clone().without("mtime").diff(&new.clone().without("mtime"));
    assert!(differences.is_empty(), "the root differs:\n  {}", differences.join("\n  "));
}
