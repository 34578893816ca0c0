//! Installing where nothing may start: in images that are being made.

use crate::stage::{SUITES, Stage};

#[test]
fn whoever_makes_an_image_can_forbid_every_start() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.write("/usr/sbin/policy-rc.d", "#!/bin/sh\necho \"$@\" >>/var/log/asked\nexit 101\n");
        // As it is where the folder of a running systemd is seen from inside.
        stage.root.sh("mkdir -p /run/systemd/system; \
             apt-get -y -q -o Dpkg::Use-Pty=0 --no-install-recommends install belay-agent belay-server; \
             apt-get -y -q -o Dpkg::Use-Pty=0 --reinstall install belay-agent; \
             apt-get -y -q -o Dpkg::Use-Pty=0 remove belay-agent");
        let asked = stage.root.read("/var/log/asked");
        for unit in ["belay-agent.service restart", "belay-agent.socket start", "belay-server.service restart"] {
            assert!(asked.contains(unit), "{suite:?}: {unit} was not asked for:\n{asked}");
        }
        assert!(!asked.contains("belay-host.service"), "{asked}");
    }
}

#[test]
fn a_system_is_made_from_outside_by_chrootless_scripts() {
    let stage = Stage::new(SUITES[1]);
    stage.root.sh("mkdir -p /tmp/target/var/lib/dpkg/info /tmp/target/var/lib/dpkg/updates /tmp/target/etc; \
         touch /tmp/target/var/lib/dpkg/status; cp /etc/passwd /etc/group /tmp/target/etc; cd /tmp; \
         apt-get -q download belay-agent; \
         dpkg --root=/tmp/target --force-script-chrootless --force-depends --install /tmp/belay-agent_*.deb; \
         grep -q ^belay: /tmp/target/etc/passwd; test -d /tmp/target/var/lib/belay; \
         test -L /tmp/target/etc/systemd/system/sockets.target.wants/belay-host.socket; \
         dpkg --root=/tmp/target --force-script-chrootless --force-depends --purge belay-agent; \
         ! test -e /tmp/target/var/lib/belay; ! test -e /tmp/target/etc/belay");
    let outside = stage.root.sh("getent passwd belay || true; ls /etc/belay /var/lib/belay 2>&1 || true");
    assert!(outside.lines().all(|line| line.contains("No such file")), "it reached beyond its root:\n{outside}");
}
