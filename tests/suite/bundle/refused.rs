//! What never gets as far as the root: the guard's paths, older versions, wrong sources, bad archives.

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::Bundle;
use serde_json::json;

use super::world::*;
use crate::support::*;

#[test]
fn files_that_the_device_needs_are_protected_unless_approved() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let bundle = Bundle::new("mkdir -p /etc/ssh\necho no > /etc/ssh/sshd_config").toml("version = \"2.0\"");
    let refused = install(&agent, &bundle);
    assert_end(&refused, JobState::Refused, Some(Reason::GuardPath));
    assert_says(&refused.message, &["/etc/ssh/sshd_config", "guard_path"]);
    assert_same_files(&old, &exact(&sandbox));
    assert_committed(&install_with(&agent, &bundle, json!({ "approve": ["guard_path"] })));
}

#[test]
fn dpkgs_own_records_are_out_of_reach() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let job = install(&agent, &Bundle::new("echo x >> /var/lib/dpkg/status").toml("version = \"2.0\""));
    assert_end(&job, JobState::Refused, Some(Reason::CapturedRefused));
    assert_says(&job.message, &["/var/lib/dpkg/status"]);
}

#[test]
fn an_older_version_needs_a_word() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&install(&agent, &recorder("2.10")));
    let refused = install(&agent, &recorder("2.9"));
    assert_end(&refused, JobState::Refused, Some(Reason::OlderVersion));
    assert_says(&refused.message, &["2.10", "rollback --to"]);
    assert_committed(&install_with(&agent, &recorder("2.9"), json!({ "approve": ["older_version"] })));
}

#[test]
fn a_bundle_says_where_it_comes_from_and_what_it_needs() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let from = recorder_script("3.0", "true").toml("version = \"3.0\"\nfrom = [\">= 2.0\"]\n");
    assert_end(&install(&agent, &from), JobState::Refused, Some(Reason::WrongSource));
    let newer = recorder_script("3.0", "true").toml("version = \"3.0\"\nminimum_agent = \"99.0\"\n");
    assert_end(&install(&agent, &newer), JobState::Refused, Some(Reason::AgentTooOld));
    let wrong = recorder_script("3.0", "true").toml("version = \"3.0\"\ncolour = \"blue\"\n");
    let refused = install(&agent, &wrong);
    assert_end(&refused, JobState::Refused, Some(Reason::BadBundle));
    assert_says(&refused.message, &["belay.toml", "colour"]);
    assert_end(
        &install(&agent, &Bundle::default().toml("version = \"3.0\"")),
        JobState::Refused,
        Some(Reason::BadBundle),
    );
    let setuid = recorder_script("3.0", "true").toml("version = \"3.0\"").file("su", 0o4755, "x");
    assert_end(&install(&agent, &setuid), JobState::Refused, Some(Reason::UnpackSetuid));
    assert_nothing_prepared(&sandbox);
}

#[test]
fn what_is_no_archive_is_refused_and_leaves_nothing() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let digest = upload(&agent, b"this is no archive");
    let job = ask_job(&agent, "/update", &json!({ "bundle": { "uploaded": digest, "version": "1" } }));
    assert_end(&job, JobState::Refused, Some(Reason::UnpackCorrupt));
    assert_nothing_prepared(&sandbox);
}
