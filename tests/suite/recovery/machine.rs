//! The machine itself fails: dpkg's status is empty, the clock is wrong, folders cannot be written, the disk is full,
//! apt does not run any more.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::ownership::{create_dir, write, write_with_mode};
use belay_testkit::{Sandbox, Script, Snapshot, assert_same};

use super::{assert_interrupted, cut_in_postinst, last, sandbox_that_stops};
use crate::private_mounts;
use crate::support::*;

#[test]
fn a_dpkg_status_of_length_zero_is_put_back() {
    let sandbox = sandbox_that_stops();
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    cut_in_postinst(&mut agent, &sandbox);
    write(&sandbox.path("var/lib/dpkg/status"), "");
    let agent = agent.into_launch().start();
    assert_interrupted(&agent);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_file_list_of_dpkgs_that_was_cut_short_is_put_back() {
    let sandbox = sandbox_that_stops();
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    cut_in_postinst(&mut agent, &sandbox);
    write(&sandbox.path("var/lib/dpkg/info/demo-app.list"), "");
    let agent = agent.into_launch().start();
    assert_interrupted(&agent);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
#[cfg(feature = "failpoints")]
fn with_a_clock_far_in_the_past_nothing_new_is_installed_and_going_back_works() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let agent = agent.into_launch().failpoints("clock=return(1970-01-02T00:00:00Z)").start();
    let refused = ask(&agent, "/update", &serde_json::json!({ "packages": ["demo-app=3.0"] }));
    let body = refusal(&refused, 409, "clock");
    assert_eq!(
        body.message,
        "the device's clock says 1970-01-02T00:00:00Z, which is before this program was built; set it with \
         timedatectl, or wait for time sync"
    );
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_nothing_is_changed() {
    private_mounts::rerun("recovery::machine::a_folder_that_cannot_be_written_is_named_and_nothing_is_changed", |_| {
        let sandbox = demo_sandbox();
        let before = Snapshot::of(&sandbox);
        let agent = launch(&sandbox).start();
        for folder in ["host/vault/objects", "host/restore-points"] {
            let path = sandbox.state_dir().join(folder);
            let read_only = private_mounts::read_only(&path);
            let job = update(&agent, &["demo-app=2.0"]);
            drop(read_only);
            assert_eq!(job.state, JobState::Refused, "{}", job.message);
            assert_says(&job.message, &[path.to_str().expect("it is text"), "Read-only file system"]);
            assert_same(&before, &Snapshot::of(&sandbox));
        }
        assert_committed(&update(&agent, &["demo-app=2.0"]));
    });
}

#[test]
fn a_folder_of_the_device_that_cannot_be_written_is_found_in_the_middle_and_the_update_undone() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let etc = sandbox.path("etc");
    fs::set_permissions(&etc, Permissions::from_mode(0o555)).expect("the mode can be set");
    let before = Snapshot::of(&sandbox);
    let job = update(&agent, &["demo-app=2.0"]);
    assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
    assert_says(&job.message, &["/etc/demo-app.conf", "Permission denied"]);
    assert_same(&before, &Snapshot::of(&sandbox));
    // Only then can the sandbox be removed.
    fs::set_permissions(&etc, Permissions::from_mode(0o755)).expect("the mode can be set");
}

#[test]
fn a_state_folder_that_cannot_be_written_stops_the_start_with_its_name() {
    let sandbox = demo_sandbox();
    let state = sandbox.state_dir();
    fs::set_permissions(&state, Permissions::from_mode(0o555)).expect("the mode can be set");
    let mut agent = launch(&sandbox).spawn();
    let ended = agent.wait_exit();
    fs::set_permissions(&state, Permissions::from_mode(0o755)).expect("the mode can be set");
    assert!(!ended.success());
    assert_says(&agent.log(), &[state.to_str().expect("it is text"), "ermission denied"]);
}

#[test]
fn a_second_agent_on_the_same_state_folder_is_refused() {
    let sandbox = demo_sandbox();
    let _first = launch(&sandbox).start();
    let mut second = launch(&sandbox).control(&format!("group = {:?}", "nogroup")).spawn();
    assert!(!second.wait_exit().success());
    assert_says(&second.log(), &["another belay-agent works on this state folder"]);
}

#[test]
fn a_disk_that_cannot_hold_the_update_and_its_undo_is_told_before_anything_happens() {
    private_mounts::rerun(
        "recovery::machine::a_disk_that_cannot_hold_the_update_and_its_undo_is_told_before_anything_happens",
        |dir| {
            let disk = private_mounts::small_disk(dir, 112);
            let sandbox = Sandbox::new_in(&disk);
            sandbox.repository().publish(&[demo("1.0").size(1 << 20), demo("2.0").size(4 << 20)]);
            sandbox.install(&["demo-app=1.0"]);
            let before = Snapshot::of(&sandbox);
            // The default reserve of 64 MB is more than this disk has left beside the copy of the program.
            let agent = launch(&sandbox).start();
            let job = update(&agent, &["demo-app=2.0"]);
            assert_end(&job, JobState::Refused, Some(Reason::NoSpace));
            assert_says(&job.message, &["MB"]);
            assert_same(&before, &Snapshot::of(&sandbox));
        },
    );
}

#[test]
fn a_disk_that_fills_up_in_the_middle_is_undone_in_the_space_kept_for_it() {
    private_mounts::rerun(
        "recovery::machine::a_disk_that_fills_up_in_the_middle_is_undone_in_the_space_kept_for_it",
        |dir| {
            let disk = private_mounts::small_disk(dir, 192);
            let sandbox = Sandbox::new_in(&disk);
            let fill = "cat /dev/zero >\"$DPKG_ROOT/../run/ballast\" || true; exit 1";
            let new = demo("2.0").size(3 << 20).script(Script::Postinst, fill);
            sandbox.repository().publish(&[demo("1.0").size(2 << 20), new, package("demo-lib", "1.0")]);
            sandbox.install(&["demo-app=1.0"]);
            let before = Snapshot::of(&sandbox);
            let agent = launch(&sandbox).toml("[guard]\nreserve_mb = 1").start();
            let job = update(&agent, &["demo-app=2.0"]);
            assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
            assert!(fs::metadata(sandbox.run_dir().join("ballast")).is_ok_and(|ballast| ballast.len() > 1 << 20));
            assert_same(&before, &Snapshot::of(&sandbox));
            // And it remembers: the journal and the ledger had their space before.
            let agent = agent.into_launch().start();
            assert_end(&last(&agent), JobState::RolledBack, Some(Reason::ApplyFailed));
        },
    );
}

#[test]
fn with_an_apt_that_no_longer_runs_dpkg_takes_the_device_back() {
    private_mounts::rerun("recovery::machine::with_an_apt_that_no_longer_runs_dpkg_takes_the_device_back", |dir| {
        let sandbox = Sandbox::new();
        let breaks = "touch \"$DPKG_ROOT/../run/apt-is-broken\"; exit 1";
        let new = demo("2.0").depends("demo-lib").script(Script::Postinst, breaks);
        sandbox.repository().publish(&[demo("1.0"), new, package("demo-lib", "1.0")]);
        sandbox.install(&["demo-app=1.0"]);
        let broken = sandbox.run_dir().join("apt-is-broken");
        let honest = dir.join("honest/apt-get");
        create_dir(&dir.join("honest"));
        fs::copy("/usr/bin/apt-get", &honest).expect("this machine has apt-get");
        let wrapper = format!(
            "#!/bin/sh\nif test -e {0}; then echo 'apt-get: error while loading shared libraries: libapt-pkg.so.6.0' >&2; exit 127; fi\nexec {1} \"$@\"\n",
            broken.display(),
            honest.display()
        );
        write_with_mode(&dir.join("apt-get"), wrapper, 0o755);
        private_mounts::bind(&dir.join("apt-get"), std::path::Path::new("/usr/bin/apt-get"));

        let before = Snapshot::of(&sandbox);
        let agent = launch(&sandbox).start();
        let job = update(&agent, &["demo-app"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
        assert!(broken.exists(), "apt did not run at all while the device went back");
        assert_same(&before, &Snapshot::of(&sandbox));
    });
}
