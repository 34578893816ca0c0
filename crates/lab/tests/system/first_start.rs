//! The package is installed on a running system, and a system is booted with it.

use belay_lab::{Container, Suite};

use crate::device::{Device, Lab};

#[test]
fn an_installed_agent_serves_at_once_without_any_right_and_its_host_is_there_only_when_needed() {
    let lab = Lab::offering(&[]);
    let device = Container::boot(&lab.debian("device", Suite::Bookworm));
    device.root().write("/etc/belay/agent.toml.d/50-test.toml", "[host]\nidle_s = 1\n");
    device.sh("apt-get -q update; apt-get -y -q -o Dpkg::Use-Pty=0 --no-install-recommends install belay-agent");
    assert_starts(&device);
    device.sh("systemctl --wait is-system-running");
}

#[test]
fn trixie_boots_with_the_agent_and_nothing_failed() {
    let lab = Lab::offering(&[]);
    let root = lab.debian("device", Suite::Trixie);
    root.write("/etc/belay/agent.toml.d/50-test.toml", "[host]\nidle_s = 1\n");
    root.install(&["belay-agent"]);
    assert_starts(&Device::boot(&root));
}

#[track_caller]
fn assert_starts(device: &Container) {
    device.wait("the daemon", "systemctl is-active --quiet belay-agent.service");
    device.wait("what the host knows", "[ \"$(systemctl show -P StatusText belay-agent)\" = 'in service' ]");
    for (unit, state) in [
        ("belay-agent.service", "running"),
        ("belay-guard.timer", "waiting"),
        // It has run or had nothing to run, and has not failed.
        ("belay-guard.service", "dead"),
    ] {
        assert_eq!(device.unit(unit, "SubState"), state, "{unit}");
    }
    let sockets = device.sh("stat -c '%A %U %G %n' /run/belay/agent.sock /run/belay-host/host.sock");
    assert_eq!(
        sockets,
        "srw-rw---- root belay /run/belay/agent.sock\nsrw------- belay belay /run/belay-host/host.sock\n"
    );
    let folders = device.sh("stat -c '%a %U %G %n' /var/lib/belay /var/lib/belay/daemon /var/lib/belay/host");
    assert_eq!(
        folders,
        "755 root root /var/lib/belay\n700 belay belay /var/lib/belay/daemon\n700 root root /var/lib/belay/host\n"
    );
    let pid = device.unit("belay-agent.service", "MainPID");
    assert_eq!(device.sh(&format!("stat -c %U /proc/{pid}")), "belay\n");
    let told =
        |property| device.unit("belay-agent.service", property).parse::<u64>().expect("systemd tells microseconds");
    let ready = told("ActiveEnterTimestampMonotonic") - told("ExecMainStartTimestampMonotonic");
    assert!(ready < 2_000_000, "the daemon needed {ready} microseconds to say that it is ready");
    let capabilities = device.sh(&format!("grep -E '^(Cap|NoNewPrivs)' /proc/{pid}/status"));
    let none = |line: &str| line.ends_with("0000000000000000") || line == "NoNewPrivs:\t1";
    assert!(capabilities.lines().all(none), "the daemon has rights:\n{capabilities}");

    device.wait("the host's end", "[ \"$(systemctl show -P ActiveState belay-host)\" = inactive ]");
    assert_eq!(device.unit("belay-host.service", "Result"), "success");
    assert!(device.holds("systemctl is-active --quiet belay-host.socket"), "nobody listens for the host");
    device.sh("belay-agent plan base-files >/dev/null || [ $? -eq 2 ]");
    assert!(device.holds("systemctl is-active --quiet belay-host.service"), "a question starts the host");
    device.wait("the host's end", "[ \"$(systemctl show -P ActiveState belay-host)\" = inactive ]");
}
