//! Bundles and packages for which the device must start again. The sandbox's "boot" is the file that names it: a command
//! writes another one, and the agent is killed and started as by a power switch.

use belay_protocol::Reason;
use belay_protocol::job::{Generation, Job, JobState};
use belay_testkit::ownership::{write, write_with_mode};
use belay_testkit::{Launch, Sandbox, wait_until};
use serde_json::json;

use super::world::*;
use crate::support::*;

const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";

/// A device that can be started again, with a mark each time that it is told to.
fn bootable() -> Sandbox {
    let sandbox = recorder_sandbox();
    write(&sandbox.path(BOOT_ID), "first\n");
    let orders = sandbox.run_dir().join("orders");
    write_with_mode(&sandbox.run_dir().join("reboot"), format!("#!/bin/sh\necho now >> {}\n", orders.display()), 0o755);
    sandbox
}

fn start(sandbox: &Sandbox) -> Launch<'_> {
    let command = sandbox.run_dir().join("reboot");
    launch(sandbox).host_setting(&format!("reboot_command = [{command:?}]")).toml(&health(sandbox))
}

fn orders(sandbox: &Sandbox) -> usize {
    std::fs::read_to_string(sandbox.run_dir().join("orders")).map_or(0, |text| text.lines().count())
}

fn wanting(version: &str) -> belay_testkit::Bundle {
    recorder_script(version, "true").toml(&format!("version = \"{version}\"\nreboot = true\n"))
}

#[test]
fn a_bundle_that_needs_a_restart_is_judged_after_it() {
    let sandbox = bootable();
    let mut agent = start(&sandbox).start();
    let body = json!({ "bundle": { "uploaded": upload(&agent, &wanting("2.0").gzip()) } });
    let id = begin(&agent, "/update", &body);
    wait_until("the order to start again", PATIENCE, || (orders(&sandbox) > 0).then_some(()));
    assert_eq!(job(&agent, id).state, JobState::Rebooting);
    assert_eq!(status(&agent).generation, Generation(0), "nothing is committed before the restart");
    agent.kill();
    // The same boot: whoever restarted the agent alone has not started the device again.
    let mut agent = agent.into_launch().start();
    assert_eq!(job(&agent, id).state, JobState::Rebooting);
    agent.kill();
    write(&sandbox.path(BOOT_ID), "second\n");
    let agent = agent.into_launch().start();
    let job = wait_end(&agent, id);
    assert_committed(&job);
    assert_eq!(program(&sandbox), "recorder 2.0");
}

#[test]
fn a_device_that_does_not_come_back_healthy_goes_back_and_starts_once_more() {
    let sandbox = bootable();
    let old = exact(&sandbox);
    let mut agent = start(&sandbox).start();
    let body = json!({ "bundle": { "uploaded": upload(&agent, &wanting("bad").gzip()) } });
    let id = begin(&agent, "/update", &body);
    wait_until("the order to start again", PATIENCE, || (orders(&sandbox) > 0).then_some(()));
    agent.kill();
    write(&sandbox.path(BOOT_ID), "second\n");
    let before = orders(&sandbox);
    let agent = agent.into_launch().start();
    let job = wait_end(&agent, id);
    assert_end(&job, JobState::RolledBack, Some(Reason::Unhealthy));
    assert_same_files(&old, &exact(&sandbox));
    assert_eq!(orders(&sandbox), before + 1, "the old program runs only after another start");
}

#[test]
fn a_rollback_asked_for_before_the_restart_undoes_the_change() {
    let sandbox = bootable();
    let old = exact(&sandbox);
    let agent = start(&sandbox).start();
    let body = json!({ "bundle": { "uploaded": upload(&agent, &wanting("2.0").gzip()) } });
    let id = begin(&agent, "/update", &body);
    wait_until("the order to start again", PATIENCE, || (orders(&sandbox) > 0).then_some(()));
    let answered = send(&agent, "POST", "/rollback", &["Content-Type: application/json"], "{}");
    assert_eq!(read::<Job>(&answered).id, id, "the rollback is answered with the update that it takes back");
    let job = wait_end(&agent, id);
    assert_end(&job, JobState::RolledBack, Some(Reason::Cancelled));
    assert_same_files(&old, &exact(&sandbox));
    assert_eq!(program(&sandbox), "recorder 1.0");
}
