//! Booted by systemd: the arm64 package with its units.

use belay_lab::{Archive, Container, OurDeb, Site};

use crate::packages::{STATE, publish_broken, publish_first, publish_good};
use crate::tree;

#[test]
fn a_booted_arm64_debian_runs_the_package_is_updated_and_goes_back() {
    let (site, archive) = (Site::new(), Archive::new());
    let package: OurDeb = tree::package();
    archive.take_in(&[package.file()]);
    publish_first(&archive);
    let root = site.root("device", &tree::debian());
    root.offer(&archive);
    root.install(&["belay-agent", "scale"]);
    root.write("/etc/belay/agent.toml.d/50-test.toml", "[health]\nsettle_s = 1\n");

    let device = Container::boot(&root);
    assert_eq!(device.sh("uname -m").trim(), "aarch64");
    device.wait("the agent", "systemctl is-active belay-agent.service && belay-agent status");
    assert_eq!(device.unit("belay-agent.service", "NRestarts"), "0");

    publish_good(&archive);
    device.sh("belay-agent update scale");
    assert_eq!(device.sh(STATE), "2.0 installed");
    assert_eq!(device.root().read("/var/lib/belay/rollbackFile"), "scale=2.0\n");

    publish_broken(&archive);
    assert_eq!(device.run(&["belay-agent", "update", "scale"]).status.code(), Some(3), "failed and undone is 3");
    assert_eq!(device.sh(STATE), "2.0 installed");

    let root = device.power_off();
    let device = Container::boot(&root);
    device.wait("the agent after a restart", "belay-agent status");
    device.sh("belay-agent rollback; belay-agent verify");
    assert_eq!(device.sh(STATE), "1.0 installed");
    let failed = device.sh("systemctl list-units --failed --no-legend --plain 'belay*'");
    assert_eq!(failed, "", "units of ours failed");
}
