//! Processes that are killed, stopped or hang in the middle of a job, and power that fails there.

use belay_lab::Root;

use crate::device::{Device, Lab};
use crate::packages::slow_demo;

#[test]
fn a_daemon_that_hangs_is_ended_by_the_watchdog_and_its_job_goes_on() {
    let (_lab, root) = root();
    root.write("/etc/systemd/system/belay-agent.service.d/watchdog.conf", "[Service]\nWatchdogSec=2\n");
    let device = in_postinst(&root);
    device.sh("kill -STOP $(systemctl show -P MainPID belay-agent)");
    device.wait("the watchdog", "[ \"$(systemctl show -P NRestarts belay-agent)\" -ge 1 ]");
    let told = device.journal("-o cat -u belay-agent.service");
    assert!(told.contains("Watchdog timeout"), "{told}");
    let_go_on(&device);
    assert_eq!(device.demo(), "ii 2.0 2.0");
}

#[test]
fn a_daemon_that_is_killed_finds_its_job_again() {
    let (_lab, root) = root();
    let device = in_postinst(&root);
    device.sh("kill -KILL $(systemctl show -P MainPID belay-agent)");
    device.wait("the daemon", "[ \"$(systemctl show -P NRestarts belay-agent)\" -ge 1 ] && belay-agent status");
    let_go_on(&device);
    assert_eq!(device.demo(), "ii 2.0 2.0");
}

#[test]
fn a_daemon_that_starts_while_its_update_is_judged_comes_into_service_and_the_update_stays() {
    let (_lab, root) = root();
    let waits = "#!/bin/sh\ntouch /run/judging\nuntil [ -e /run/judge ]; do sleep 0.05; done\n";
    root.write("/etc/belay/health/required.d/waits", waits);
    let device = in_postinst(&root);
    device.sh("touch /run/demo-may-go-on");
    device.wait("the health gate", "test -e /run/judging");
    let daemon = device.unit("belay-agent", "MainPID");
    device.sh(&format!("kill -KILL {daemon}"));
    let another = format!(
        "[ \"$(systemctl show -P MainPID belay-agent)\" -gt 0 ] && [ \"$(systemctl show -P MainPID belay-agent)\" != {daemon} ]"
    );
    device.wait(
        "the next daemon",
        &format!("{another} && [ \"$(systemctl show -P StatusText belay-agent)\" = 'in service' ]"),
    );
    device.sh("touch /run/judge");
    device.wait("the job's end", IDLE);
    assert_eq!(device.demo(), "ii 2.0 2.0");
}

#[test]
fn a_host_that_hangs_is_ended_by_the_watchdog_and_the_device_is_old_or_new() {
    let (_lab, root) = root();
    root.write("/etc/systemd/system/belay-host.service.d/watchdog.conf", "[Service]\nWatchdogSec=15\n");
    let device = Device::boot(&root);
    let before = device.state();
    begin(&device);
    device.sh("kill -STOP $(systemctl show -P MainPID belay-host)");
    device.wait("the watchdog", "[ \"$(systemctl show -P NRestarts belay-host)\" -ge 1 ]");
    let told = device.journal("-o cat -u belay-host.service");
    assert!(told.contains("Watchdog timeout"), "{told}");
    let_go_on(&device);
    assert_eq!(device.state(), before);
}

#[test]
fn a_host_that_is_killed_while_apt_runs_takes_the_device_back() {
    let (_lab, root) = root();
    let device = Device::boot(&root);
    let before = device.state();
    begin(&device);
    device.sh("kill -KILL $(systemctl show -P MainPID belay-host)");
    assert!(device.holds("systemctl is-active --quiet 'belay-apt-*'"), "apt went with the host");
    let barred = |unit: &str| {
        let walls =
            "NoNewPrivileges,ProtectSystem,PrivateTmp,PrivateDevices,SystemCallFilter,CapabilityBoundingSet,Slice";
        device.sh(&format!("systemctl show --property={walls} '{unit}'"))
    };
    assert_eq!(barred("belay-apt-*"), barred("demo.service"), "apt runs behind walls of ours");
    let_go_on(&device);
    assert_eq!(device.state(), before);
    assert!(device.agent(0, "history").contains("interrupted"), "{}", device.agent(0, "history"));
}

#[test]
fn stopping_daemon_and_host_while_apt_runs_does_not_stop_apt() {
    let (_lab, root) = root();
    let device = Device::boot(&root);
    let before = device.state();
    begin(&device);
    device.sh("systemctl --no-block stop belay-agent.service belay-host.service");
    device.wait("the daemon's end", "[ \"$(systemctl show -P ActiveState belay-agent)\" = inactive ]");
    assert!(device.holds("systemctl is-active --quiet 'belay-apt-*'"), "apt was stopped too");
    device.sh("touch /run/demo-may-go-on");
    device.wait("the host's end", "[ \"$(systemctl show -P ActiveState belay-host)\" = inactive ]");
    assert!(!device.holds("systemctl is-active --quiet 'belay-apt-*'"));
    device.sh("systemctl start belay-agent");
    device.wait("the job's end", IDLE);
    assert!(device.state() == before || device.demo() == "ii 2.0 2.0", "neither old nor new:\n{}", device.state());
    device.agent(0, "verify");
}

#[test]
fn power_that_fails_while_a_package_is_set_up_leaves_the_old_one_at_the_next_boot() {
    let (_lab, root) = root();
    let device = Device::boot(&root);
    let before = device.state();
    begin(&device);
    let root = device.cut_power();
    assert!(root.sh("dpkg --audit").contains("demo"), "the cut came too late");
    let device = Device::boot(&root);
    device.wait("the job's end", IDLE);
    assert_eq!(device.state(), before);
    // The guard did it, before host and daemon began, from the copy that was made before anything was touched.
    let guard = device.journal("-o json -b _SYSTEMD_UNIT=belay-guard.service");
    assert!(guard.contains("\"_EXE\":\"/var/lib/belay/host/guard/belay-agent\""), "not the copy: {guard}");
    assert!(guard.contains("\"BELAY_JOB_ID\":\"1\""), "{guard}");
    device.agent(0, "verify");
}

fn root() -> (Lab, Root) {
    let lab = Lab::offering(&[slow_demo("2.0")]);
    let root = lab.root();
    (lab, root)
}

/// A device on which a maintainer script waits in the middle of a job.
#[track_caller]
fn in_postinst(root: &Root) -> Device {
    let device = Device::boot(root);
    begin(&device);
    device
}

#[track_caller]
fn begin(device: &Device) {
    device.agent(0, "update --no-wait demo=2.0");
    device.wait("the maintainer script", "test -e /run/demo-is-set-up");
}

#[track_caller]
fn let_go_on(device: &Device) {
    device.sh("touch /run/demo-may-go-on");
    device.wait("the job's end", IDLE);
}

/// The daemon has heard from its host, and nothing runs.
const IDLE: &str = "[ \"$(systemctl show -P StatusText belay-agent)\" = 'in service' ] && \
                    belay-agent status | grep -q '^running  *nothing'";
