//! The agent updates itself; and where the new one is broken, the old one comes back.

use belay_lab::{Change, OurDeb, Root};
use belay_testkit::Deb;

use crate::device::{Device, Lab};
use crate::packages::demo;

#[test]
fn the_agent_updates_itself_and_goes_back() {
    let world = World::new(&[]);
    let device = world.device();
    let (before, daemon) = (device.state(), device.unit("belay-agent", "MainPID"));
    device.agent(0, &format!("update belay-agent={}", world.good));
    assert_eq!(version(&device), world.good);
    assert_ne!(device.unit("belay-agent", "MainPID"), daemon, "the old daemon still runs");
    assert_eq!(device.unit("belay-host", "NRestarts"), "1", "the host did not make way for its successor");
    device.wait_served();
    // The successor is the program that is installed now, and answers as its predecessor did.
    device.agent(0, "verify");
    device.agent(0, "rollback");
    assert_eq!(device.state(), before);
    device.wait_served();
    device.agent(0, "verify");
}

#[test]
fn a_new_version_that_does_not_start_at_all_is_taken_back_by_the_guard() {
    broken_is_taken_back(&[Change::Replace { path: PROGRAM, contents: "#!/bin/sh\nexit 1\n" }]);
}

#[test]
fn a_new_version_that_hangs_is_taken_back_by_the_guard() {
    let world = World::new(&[Change::Replace { path: PROGRAM, contents: "#!/bin/sh\nexec sleep infinity\n" }]);
    // With the limits that the units ship with.
    for unit in UNITS {
        std::fs::remove_file(world.root.path(&quick(unit))).expect("it was just written");
    }
    world.is_taken_back();
}

#[test]
fn a_new_version_whose_daemon_dies_as_soon_as_it_serves_is_taken_back() {
    let script = "#!/bin/sh\n\
                  [ \"$1\" != run ] || { until [ \"$(systemctl show -P StatusText belay-agent)\" = 'in service' ]; \
                  do sleep 0.1; done; kill -KILL $$; } &\n\
                  exec /usr/lib/belay/real \"$@\"\n";
    broken_is_taken_back(&[Change::Wrap { program: PROGRAM, real: REAL, script }]);
}

#[test]
fn a_new_version_whose_daemon_does_not_start_is_taken_back() {
    let script = "#!/bin/sh\n[ \"$1\" != run ] || exit 1\nexec /usr/lib/belay/real \"$@\"\n";
    broken_is_taken_back(&[Change::Wrap { program: PROGRAM, real: REAL, script }]);
}

#[test]
fn a_new_version_whose_host_does_not_start_is_taken_back() {
    let script = "#!/bin/sh\n[ \"$1\" != host ] || exit 1\nexec /usr/lib/belay/real \"$@\"\n";
    broken_is_taken_back(&[Change::Wrap { program: PROGRAM, real: REAL, script }]);
}

#[test]
fn a_new_version_whose_maintainer_script_fails_is_taken_back() {
    broken_is_taken_back(&[Change::Before { name: "postinst", lines: "[ \"$1\" != configure ] || exit 1" }]);
}

#[test]
fn power_that_fails_in_the_new_versions_maintainer_script_leaves_the_old_version() {
    let wait = "[ \"$1\" != configure ] || { touch /run/agent-is-set-up; until false; do sleep 1; done; }";
    let world = World::new(&[Change::Before { name: "postinst", lines: wait }]);
    let device = world.device();
    device.agent(0, &format!("update belay-agent={}", world.good));
    device.wait_served();
    let before = device.state();
    device.agent(0, &format!("update --no-wait belay-agent={}", world.broken));
    device.wait("the maintainer script", "test -e /run/agent-is-set-up");
    let device = Device::boot(&device.cut_power());
    assert_eq!(device.state(), before);
    device.agent(0, "verify");
}

#[track_caller]
fn broken_is_taken_back(changes: &[Change<'_>]) {
    World::new(changes).is_taken_back();
}

/// An archive with the agent as built, a good version after it, and a broken one after that.
struct World {
    lab: Lab,
    root: Root,
    good: String,
    broken: String,
}

impl World {
    fn new(breaks: &[Change<'_>]) -> Self {
        let built = OurDeb::built("belay-agent");
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let (good, broken) = (format!("{}+1", built.version()), format!("{}+2", built.version()));
        let harmless = Change::Append { program: PROGRAM, bytes: b"\nanother build" };
        let lab = Lab::offering(&[demo("1.0"), Deb::new("companion", "1"), Deb::new("companion", "2")]);
        let good_deb = built.repacked(&good, &[harmless], folder.path());
        let broken_deb = built.repacked(&broken, breaks, folder.path());
        lab.archive.take_in(&[good_deb.file(), broken_deb.file()]);
        let root = lab.debian("device", belay_lab::Suite::Bookworm);
        root.install(&[&format!("belay-agent={}", built.version()), "demo=1.0", "companion=1"]);
        root.write("/etc/belay/agent.toml.d/50-test.toml", crate::device::QUICK);
        for unit in UNITS {
            root.write(&quick(unit), "[Service]\nTimeoutStartSec=3\n");
        }
        Self { lab, root, good, broken }
    }

    fn device(&self) -> Device {
        let _ = &self.lab;
        Device::boot(&self.root)
    }

    /// N goes to N+1, then to this N+2 with another package in the same job; afterwards everything is as with N+1.
    #[track_caller]
    fn is_taken_back(&self) {
        let device = self.device();
        device.agent(0, &format!("update belay-agent={}", self.good));
        device.wait_served();
        let before = device.state();
        device.agent(0, &format!("update --no-wait belay-agent={} companion=2", self.broken));
        let there = format!("[ \"$(dpkg-query -W -f '${{Version}}' belay-agent)\" = {} ]", self.broken);
        device.wait("the new version", &format!("{there} || timeout 3 belay-agent history | grep -q undone"));
        device.wait("the old version and its daemon", &format!("! {{ {there}; }} && {SERVES}"));
        assert_eq!(device.state(), before);
        assert_eq!(device.sh("systemctl --failed --no-legend --plain"), "");
        let history = device.agent(0, "history");
        assert!(history.contains("undone ("), "{history}");
        device.agent(0, "verify");
    }
}

fn quick(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}.service.d/quick.conf")
}

#[track_caller]
fn version(device: &Device) -> String {
    device.sh("dpkg-query -W -f '${Version}' belay-agent")
}

const UNITS: [&str; 2] = ["belay-agent", "belay-host"];
const PROGRAM: &str = "/usr/bin/belay-agent";
const REAL: &str = "/usr/lib/belay/real";
const SERVES: &str = "[ \"$(systemctl show -P StatusText belay-agent)\" = 'in service' ] && timeout 3 belay-agent status | grep -q '^running  *nothing'";
