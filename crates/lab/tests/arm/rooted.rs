//! In a chroot: agent and host in one process, no systemd.

use belay_lab::{Archive, Root, Site};

use crate::packages::{STATE, publish_broken, publish_first, publish_good};
use crate::tree;

#[test]
fn an_arm64_debian_is_updated_survives_a_failing_package_and_goes_back() {
    let (site, archive) = (Site::new(), Archive::new());
    publish_first(&archive);
    let device = device(&site, &archive);
    device.install(&["scale"]);
    assert_eq!(device.read("/var/lib/scale.machine"), "aarch64\n");

    publish_good(&archive);
    with_agent(&device, "belay-agent update scale");
    assert_eq!(device.sh(STATE), "2.0 installed");
    assert_eq!(device.read("/var/lib/belay/rollbackFile"), "scale=2.0\n");
    let good = facts(&device);

    publish_broken(&archive);
    let told = with_agent(&device, "code=0; belay-agent update scale || code=$?; echo ended with $code");
    assert!(told.contains("ended with 3"), "failed and undone is 3: {told}");
    assert!(device.read("/var/log/dpkg.log").contains("status half-configured scale:all 3.0"), "3.0 was never tried");
    assert_eq!(facts(&device), good, "the failed update left something behind");

    with_agent(&device, "mv /etc/apt/sources.list /etc/apt/away; belay-agent rollback; belay-agent verify");
    assert_eq!(device.sh(STATE), "1.0 installed");
    assert_eq!(device.sh("cat /etc/scale.conf"), "unit = g\n# 1.0\n");
}

fn device(site: &Site, archive: &Archive) -> Root {
    let device = site.root("device", &tree::debian());
    device.offer(archive);
    device.write("/etc/belay/agent.toml", SETTINGS);
    let program = device.path("/usr/bin/belay-agent");
    std::fs::copy(tree::agent(), &program).unwrap_or_else(|error| panic!("cannot copy the agent: {error}"));
    let version = device.sh("dpkg --print-architecture; belay-agent --version");
    assert!(version.starts_with("arm64\nbelay-agent "), "{version}");
    device
}

/// Runs a script beside an agent that is at work, and returns what it said.
#[track_caller]
fn with_agent(device: &Root, script: &str) -> String {
    device.sh(&format!(
        "belay-agent run >>/var/log/belay.log 2>&1 & agent=$!
         until belay-agent status >/dev/null 2>&1; do
             kill -0 $agent || {{ cat /var/log/belay.log >&2; exit 1; }}
             sleep 0.1
         done
         {script}
         kill $agent; wait $agent || :"
    ))
}

/// What must be as before after an update that failed.
fn facts(device: &Root) -> String {
    device.sh("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'; apt-mark showmanual; sha256sum /etc/scale.conf \
               /usr/share/scale/version /var/lib/belay/rollbackFile")
}

const SETTINGS: &str = "[host]\nmode = \"in_process\"\n[control]\ngroup = \"root\"\n[health]\nsettle_s = 1\n";
