//! Bundles on the live root: their script sees a copy, their services are the system's.

use belay_testkit::Bundle;
use belay_testkit::command::transcript;

use crate::device::{Device, Lab};

#[test]
fn a_captured_bundle_changes_the_live_root_with_its_service_and_goes_back_to_the_byte() {
    let lab = Lab::offering(&[]);
    let device = lab.device();
    let before = (device.state(), files(&device));
    install(&device, "1.0", &tool("1.0"));
    assert_eq!(device.sh("cat /etc/tool/mode"), "captured\n");
    assert_eq!(
        device.sh("/usr/local/bin/tool; systemctl is-active tool; systemctl is-enabled tool"),
        "1.0\nactive\nenabled\n"
    );
    let first = (device.state(), files(&device), device.unit("tool", "MainPID"));
    install(&device, "2.0", &tool("2.0"));
    assert_eq!(device.sh("/usr/local/bin/tool; systemctl is-active tool"), "2.0\nactive\n");
    assert_ne!(device.unit("tool", "MainPID"), first.2, "the service was not restarted");

    device.agent(0, "rollback");
    assert_eq!((device.state(), files(&device)), (first.0, first.1));
    assert_eq!(device.sh("/usr/local/bin/tool; systemctl is-active tool"), "1.0\nactive\n");
    device.agent(0, "rollback");
    assert_eq!((device.state(), files(&device)), before);
    assert!(!device.holds("systemctl is-active --quiet tool"), "the service of a bundle that is gone still runs");
}

#[test]
fn a_bundle_whose_service_dies_is_undone_and_one_whose_script_fails_changes_nothing() {
    let lab = Lab::offering(&[]);
    let device = lab.device();
    let before = (device.state(), files(&device));
    for (bundle, end) in [(Bundle::new("echo x > /etc/left; exit 9"), 2), (tool_that("1.0", "exit 4"), 3)] {
        put(&device, &bundle);
        device.agent(end, "update --bundle /srv/bundle.tar.gz --version 1.0");
        assert_eq!((device.state(), files(&device)), before);
        assert_eq!(device.sh("systemctl --failed --no-legend --plain"), "");
    }
}

#[test]
fn the_memory_of_a_script_is_limited_as_far_as_the_system_limits_any_service() {
    let lab = Lab::offering(&[]);
    let root = lab.root();
    root.write("/etc/belay/agent.toml.d/60-memory.toml", "[bundle]\nscript_memory_mb = 48\n");
    let device = Device::boot(&root);
    // tail keeps all that has no end of line.
    put(&device, &Bundle::new("head -c 200M /dev/zero | tail -n 1 | wc -c; touch /etc/did-it"));
    let limits = device.holds("grep -qw memory /sys/fs/cgroup/cgroup.controllers");
    device.sh("belay-agent update --bundle /srv/bundle.tar.gz --version 1.0 || [ $? -eq 3 ]");
    assert_eq!(device.holds("test -e /etc/did-it"), !limits, "limits here: {limits}");
    if !limits {
        println!(
            "skipped: the memory limit itself: this machine's control groups give a container no memory controller"
        );
    }
    let begun = device.journal("-o cat -u 'belay-*'");
    assert!(begun.contains("belay-"), "no unit of its own ran the script:\n{begun}");
}

/// A tool with a setting and a service, as bundles bring them.
fn tool(version: &str) -> Bundle {
    tool_that(version, "exec sleep infinity")
}

fn tool_that(version: &str, serves: &str) -> Bundle {
    let install = "install -m 755 tool /usr/local/bin/tool; install -D -m 644 tool.conf /etc/tool/tool.conf\n\
                   echo $BELAY_MODE > /etc/tool/mode\n\
                   install -m 644 tool.service /etc/systemd/system/tool.service\n\
                   systemctl daemon-reload; systemctl enable tool.service; systemctl restart tool.service";
    let program = format!("#!/bin/sh\n[ \"${{1-}}\" = serve ] || {{ echo {version}; exit 0; }}\n{serves}\n");
    let unit = "[Unit]\nDescription=A tool\n[Service]\nExecStart=/usr/local/bin/tool serve\n\
                [Install]\nWantedBy=multi-user.target\n";
    Bundle::new(install).file("tool", 0o755, program).file("tool.conf", 0o644, format!("version={version}\n")).file(
        "tool.service",
        0o644,
        unit,
    )
}

fn put(device: &Device, bundle: &Bundle) {
    device.root().write("/srv/bundle.tar.gz", bundle.gzip());
}

#[track_caller]
fn install(device: &Device, version: &str, bundle: &Bundle) {
    put(device, bundle);
    let said = device.run(&["belay-agent", "update", "--bundle", "/srv/bundle.tar.gz", "--version", version]);
    assert_eq!(said.status.code(), Some(0), "{}", transcript(&said));
}

/// All that a bundle may have changed outside /etc, with owners, modes and contents.
fn files(device: &Device) -> String {
    device.sh("find /usr /opt /root /srv -xdev -not -path '/srv/archive*' -not -name bundle.tar.gz -not -path '*/__pycache__*' \\( -type f -printf '%p %m %U %G %s %T@\\n' -o -printf '%p %m %U %G %l\\n' \\) | sort")
}
