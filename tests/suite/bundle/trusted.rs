//! Keys on the device: what they vouch for comes in, and nothing else.

use belay_protocol::Reason;
use belay_protocol::job::{Job, JobState};
use belay_testkit::bundle::manifest;
use belay_testkit::{Agent, Bundle, Publisher};
use serde_json::json;

use super::world::*;
use crate::support::*;

fn signed(agent: &Agent<'_>, bundle: &Bundle, publisher: &Publisher, text: &str) -> Job {
    let manifest = json!({ "text": text, "signature": publisher.sign(text) });
    install_with(agent, bundle, json!({ "bundle": { "manifest": manifest } }))
}

#[test]
fn where_keys_are_pinned_only_what_they_signed_comes_in() {
    let sandbox = recorder_sandbox();
    let keys = sandbox.run_dir().join("keys");
    let (publisher, stranger) = (Publisher::new(), Publisher::new());
    publisher.pin(&keys, "publisher");
    let agent = launch(&sandbox).toml(&format!("[bundle]\nkeys = {keys:?}")).start();
    let bundle = recorder("2.0");
    let archive = bundle.gzip();
    let refused = install(&agent, &bundle);
    assert_end(&refused, JobState::Refused, Some(Reason::Unsigned));
    let text = manifest(&archive, "debian", "stable", "2.0");
    assert_end(&signed(&agent, &bundle, &stranger, &text), JobState::Refused, Some(Reason::BadSignature));
    let other = manifest(&archive, "toaster", "stable", "2.0");
    assert_end(&signed(&agent, &bundle, &publisher, &other), JobState::Refused, Some(Reason::OtherDeviceType));
    let wrong = manifest(b"something else", "debian", "stable", "2.0");
    assert_nothing_prepared(&sandbox);
    let body = json!({ "bundle": {
        "uploaded": upload(&agent, &archive),
        "manifest": { "text": wrong, "signature": publisher.sign(&wrong) },
    }});
    refusal(&ask(&agent, "/update", &body), 422, "bad_manifest");
    let job = signed(&agent, &bundle, &publisher, &text);
    assert_committed(&job);
    assert!(!job.warnings.iter().any(|warning| warning.contains("nobody vouches")), "{:?}", job.warnings);
}

#[test]
fn a_promoted_release_keeps_the_manifest_of_its_first_ring() {
    let sandbox = recorder_sandbox();
    let keys = sandbox.run_dir().join("keys");
    let publisher = Publisher::new();
    publisher.pin(&keys, "publisher");
    let agent = launch(&sandbox).toml(&format!("[bundle]\nkeys = {keys:?}")).start();
    let bundle = recorder("2.0");
    let text = manifest(&bundle.gzip(), "debian", "alpha", "2.0");
    assert_committed(&signed(&agent, &bundle, &publisher, &text));
}

#[test]
fn without_keys_a_bundle_comes_in_and_that_is_said() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let job = install(&agent, &recorder("2.0"));
    assert_committed(&job);
    assert!(job.warnings.iter().any(|warning| warning.contains("nobody vouches")), "{:?}", job.warnings);
}
