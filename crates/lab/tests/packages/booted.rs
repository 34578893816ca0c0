//! What the maintainer scripts do where systemd runs: they start what listens, and interrupt nobody's work.

use belay_lab::{Change, Container, OurDeb};

use crate::stage::{SUITES, Stage};

const INSTALL: &str = "apt-get -y -q -o Dpkg::Use-Pty=0 --no-install-recommends install";

#[test]
fn an_upgrade_starts_the_daemon_again_and_stops_neither_host_nor_sockets() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        let device = Container::boot(&stage.root);
        device.root().write("/etc/belay/agent.toml.d/50-test.toml", "[host]\nidle_s = 0\n");
        device.sh(&format!("{INSTALL} belay-agent"));
        device.wait("the agent", "belay-agent status");
        device.wait("the host", "systemctl is-active --quiet belay-host.service");
        let sockets = "stat -c '%i %n' /run/belay/agent.sock /run/belay-host/host.sock";
        let before = device.sh(sockets);
        let daemon = device.unit("belay-agent.service", "MainPID");

        stage.publish("belay-agent", "9.0-1", &[Change::Append { program: "/usr/bin/belay-agent", bytes: b"more" }]);
        device.sh(&format!("apt-get -q update; {INSTALL} belay-agent"));
        let another = "pid=$(systemctl show -P MainPID belay-agent); [ \"$pid\" -gt 0 ]";
        device.wait("the new daemon", &format!("{another} && [ \"$pid\" != {daemon} ] && belay-agent status"));
        assert_eq!(device.sh(sockets), before, "{suite:?}");
        // It may have ended by itself, because its program is another one now.
        let stopped = device.journal("--unit=belay-host.service --unit=belay-host.socket --unit=belay-agent.socket");
        assert!(!stopped.contains("Stopping") && !stopped.contains("Closed"), "{suite:?}: {stopped}");
    }
}

#[test]
fn an_upgrade_does_not_wait_for_the_daemon() {
    let stage = Stage::new(SUITES[0]);
    let device = Container::boot(&stage.root);
    device.sh(&format!("{INSTALL} belay-agent"));
    device.wait("the agent", "belay-agent status");
    let slow = "[Service]\nExecStop=sh -c 'until [ -e /run/may-end ]; do sleep 0.1; done'\nTimeoutStopSec=infinity\n";
    device.root().write("/etc/systemd/system/belay-agent.service.d/slow.conf", slow);
    device.sh("systemctl daemon-reload");
    stage.publish("belay-agent", "9.0-1", &[Change::Append { program: "/usr/bin/belay-agent", bytes: b"more" }]);
    device.sh(&format!("apt-get -q update; timeout 60 {INSTALL} belay-agent"));
    assert_eq!(stage.state("belay-agent"), "ii 9.0-1");
    assert_eq!(device.unit("belay-agent.service", "ActiveState"), "deactivating", "the old one has not ended yet");
    device.sh("touch /run/may-end");
    device.wait("the new daemon", "systemctl is-active --quiet belay-agent && belay-agent status");
}

#[test]
fn a_removal_ends_what_listens_but_not_a_host_at_work_and_a_purge_leaves_no_unit() {
    let stage = Stage::new(SUITES[0]);
    let device = Container::boot(&stage.root);
    device.root().write("/etc/belay/agent.toml.d/50-test.toml", "[host]\nidle_s = 0\n");
    device.sh(&format!("{INSTALL} belay-agent belay-server"));
    device.wait("the agent", "belay-agent status");
    device.wait("the server", "systemctl is-active --quiet belay-server");
    device.wait("the host", "systemctl is-active --quiet belay-host.service");
    let host = device.unit("belay-host.service", "MainPID");

    device.sh("apt-get -y -q remove belay-agent belay-server");
    for unit in
        ["belay-agent.service", "belay-agent.socket", "belay-host.socket", "belay-guard.timer", "belay-server.service"]
    {
        assert!(!device.holds(&format!("systemctl is-active --quiet {unit}")), "{unit} is still there");
    }
    assert!(device.holds(&format!("kill -0 {host}")), "the host was ended, which may have been what removed it");

    device.sh(&format!("kill {host}; apt-get -y -q purge belay-agent belay-server"));
    device.wait("the host's end", &format!("! kill -0 {host}"));
    assert_eq!(device.sh("systemctl list-unit-files --no-legend 'belay*' || true"), "");
    assert_eq!(device.sh("find / -xdev -name '*belay*' -path '/etc/*' -o -xdev -path '/var/lib/*belay*'"), "");
    assert_eq!(device.sh("systemctl --failed --no-legend --plain"), "");
}

#[test]
fn a_drop_in_opens_a_port_and_what_was_switched_off_stays_off() {
    let stage = Stage::new(SUITES[1]);
    let device = Container::boot(&stage.root);
    device.sh(&format!("{INSTALL} belay-agent"));
    device.wait("the agent", "belay-agent status");
    let drop_in = "/etc/systemd/system/belay-agent.socket.d/port.conf";
    device.root().write(drop_in, "[Socket]\nListenStream=127.0.0.1:5000\n");
    device.sh("systemctl daemon-reload; systemctl stop belay-agent.socket belay-agent.service; \
         systemctl start belay-agent.socket belay-agent.service");
    device.wait("the agent", "belay-agent status");
    assert!(device.sh("ss --listening --tcp --numeric --no-header").contains("127.0.0.1:5000"));

    device.sh("systemctl disable --now --quiet belay-guard.timer");
    let built = OurDeb::built("belay-agent").version();
    device.sh(&format!("{INSTALL} --reinstall belay-agent={built}"));
    assert!(!device.holds("systemctl is-active --quiet belay-guard.timer"));
    assert!(device.sh("ss --listening --tcp --numeric --no-header").contains("127.0.0.1:5000"));
}
