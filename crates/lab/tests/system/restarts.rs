//! Updates that need the device to start again, which nspawn leaves to whoever holds the container.

use belay_testkit::{Bundle, Script};

use crate::device::{Device, Lab};
use crate::packages::demo;

#[test]
fn a_bundle_that_needs_a_restart_is_judged_and_committed_by_the_next_boot() {
    let lab = Lab::offering(&[]);
    let device = lab.device();
    let bundle = Bundle::new("echo new > /etc/needs-a-restart").toml("version = \"1.0\"\nreboot = true\n");
    device.root().write("/srv/bundle.tar.gz", bundle.gzip());
    device.agent(0, "update --no-wait --bundle /srv/bundle.tar.gz");
    let device = Device::boot(&device.wait_end());
    device.wait("the verdict", "belay-agent status | grep -q 'generation  1'");
    assert_eq!(device.sh("cat /etc/needs-a-restart"), "new\n");
    device.agent(0, "rollback --no-wait");
    let device = Device::boot(&device.wait_end());
    device.wait("the way back", "belay-agent status | grep -q 'generation  0'");
    assert!(!device.holds("test -e /etc/needs-a-restart"));
}

#[test]
fn power_that_fails_while_a_restart_is_awaited_leaves_the_same_verdict_to_the_next_boot() {
    let lab = Lab::offering(&[demo("2.0")]);
    let root = lab.root();
    // A restart that does not come, as where something holds the device up.
    root.write("/etc/belay/agent.toml.d/60-restart.toml", "[host]\nreboot_command = [\"/usr/bin/true\"]\n");
    let device = Device::boot(&root);
    let bundle = Bundle::new("echo new > /etc/needs-a-restart").toml("version = \"1.0\"\nreboot = true\n");
    device.root().write("/srv/bundle.tar.gz", bundle.gzip());
    device.agent(0, "update --no-wait --bundle /srv/bundle.tar.gz");
    device.wait("the order to start again", "belay-agent status | grep -q rebooting");
    let device = Device::boot(&device.cut_power());
    device.wait("the verdict", "belay-agent status | grep -q 'generation  1'");
    assert_eq!(device.sh("cat /etc/needs-a-restart"), "new\n");
}

#[test]
fn a_package_that_asks_for_a_restart_gets_one_and_is_judged_after_it() {
    let asking =
        demo("2.0").script(Script::Postinst, "touch /run/reboot-required; echo demo > /run/reboot-required.pkgs");
    let lab = Lab::offering(&[asking]);
    let device = lab.device();
    device.agent(0, "update --no-wait demo=2.0");
    let device = Device::boot(&device.wait_end());
    device.wait("the verdict", "belay-agent status | grep -q 'generation  1'");
    assert_eq!(device.demo(), "ii 2.0 2.0");
    assert_eq!(device.sh("systemctl is-active demo"), "active\n");
}
