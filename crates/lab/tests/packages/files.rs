//! What is on a device after the installation: whose it is, who may do what, what starts at boot.

use crate::stage::{PACKAGES, SUITES, Stage};

#[test]
fn everything_belongs_to_whom_it_should_and_nothing_is_open() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&PACKAGES);
        let listed = stage.root.sh(
            "stat -c '%n %a %U:%G' /usr/bin/belay-agent /usr/bin/belay-server /usr/bin/belayctl /etc/belay \
             /etc/belay/agent.toml /etc/belay/server.toml /etc/belay/keys /etc/belay/health/required.d \
             /etc/belay/health/wanted.d /var/lib/belay /var/lib/belay-server /opt/updates/rollback.sh",
        );
        let expected = "\
/usr/bin/belay-agent 755 root:root
/usr/bin/belay-server 755 root:root
/usr/bin/belayctl 755 root:root
/etc/belay 755 root:root
/etc/belay/agent.toml 644 root:root
/etc/belay/server.toml 644 root:root
/etc/belay/keys 755 root:root
/etc/belay/health/required.d 755 root:root
/etc/belay/health/wanted.d 755 root:root
/var/lib/belay 755 root:root
/var/lib/belay-server 700 belay-server:belay-server
/opt/updates/rollback.sh 755 root:root
";
        assert_eq!(listed, expected, "{suite:?}");
    }
}

#[test]
fn the_users_cannot_log_in_and_keep_their_numbers_through_a_purge() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&["belay-agent", "belay-server"]);
        let users =
            stage.root.sh("getent passwd belay belay-server; getent group belay belay-server; grep ^belay /etc/shadow");
        for line in users.lines().take(2) {
            assert!(line.ends_with("nologin"), "{users}");
        }
        assert!(users.lines().skip(4).all(|line| line.contains(":!")), "somebody has a password:\n{users}");
        stage.root.sh("apt-get -q -y purge belay-agent belay-server");
        stage.root.install(&["belay-agent", "belay-server"]);
        let again =
            stage.root.sh("getent passwd belay belay-server; getent group belay belay-server; grep ^belay /etc/shadow");
        assert_eq!(again, users);
    }
}

#[test]
fn what_waits_to_be_asked_starts_at_boot_and_the_host_does_not() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&["belay-agent", "belay-server"]);
        stage
            .root
            .sh("systemctl is-enabled belay-agent.service belay-agent.socket belay-host.socket belay-guard.service \
             belay-guard.timer belay-server.service");
        let host = stage.root.run(&["systemctl", "is-enabled", "belay-host.service"]);
        assert_eq!(String::from_utf8_lossy(&host.stdout).trim(), "static");
    }
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&["belay-agent", "belay-server"]);
        let said =
            stage.root.run(&["sh", "-c", "systemd-analyze verify --man=no /usr/lib/systemd/system/belay-* 2>&1"]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        // The guard is a copy that the first restore point leaves.
        let expected = |line: &&str| line.contains("/host/guard/belay-agent is not executable");
        let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("belay") && !expected(line)).collect();
        assert!(about_ours.is_empty(), "{suite:?}: {said}");
    }
}
