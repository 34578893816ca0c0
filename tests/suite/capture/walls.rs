//! What a script can reach, and what it cannot.

use std::os::unix::net::UnixListener;

use super::*;

#[test]
fn a_script_gets_a_clean_environment_its_own_folder_and_no_input() {
    both("walls::a_script_gets_a_clean_environment_its_own_folder_and_no_input", |bench| {
        bench.rehearse("env\necho input: $(wc -c)\npwd\numask\nid -u\nls");
        let said = bench.said();
        for line in [
            "PATH=/run/belay/shims:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive",
            "BELAY_VERSION=2.0",
            "input: 0",
            "/run/belay/bundle",
            "0022",
            "0",
            "install.sh",
        ] {
            assert!(said.lines().any(|said| said == line), "{line:?} is missing in {said}");
        }
        let known =
            ["PATH", "HOME", "LC_ALL", "DEBIAN_FRONTEND", "BELAY_VERSION", "BELAY_SANDBOX", "PWD", "OLDPWD", "_"];
        let names = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
        let strange: Vec<_> = names.filter(|name| !known.contains(name)).collect();
        assert!(strange.is_empty(), "{strange:?}");
    });
}

#[test]
fn a_script_sees_only_its_own_processes_and_nothing_of_the_systems_run_and_tmp() {
    both("walls::a_script_sees_only_its_own_processes_and_nothing_of_the_systems_run_and_tmp", |bench| {
        let socket = bench.root().join("run/there.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        write(&bench.root().join("tmp/there"), "");
        bench.rehearse(&format!(
            "set -e\ntest $$ -lt 100\nno test -e /proc/{}\ntest \"$(ls /proc | grep -c '^[0-9]*$')\" -lt 10\n\
             ls -A /run /tmp\nno test -e /run/there.sock\nno test -e /tmp/there\ntouch /run/x /tmp/x /dev/shm/x /run/lock/x",
            std::process::id()
        ));
        let listed: Vec<_> = bench.said().lines().map(str::to_owned).collect();
        assert_eq!(listed, ["/run:", "belay", "lock", "", "/tmp:"]);
        assert!(!bench.root().join("run/x").exists() && !bench.root().join("tmp/x").exists());
    });
}

#[test]
fn the_kernel_and_its_devices_are_out_of_reach() {
    both("walls::the_kernel_and_its_devices_are_out_of_reach", |bench| {
        bench.rehearse(
            "set -e\necho x > /dev/null\nhead -c 3 /dev/zero | wc -c\nno test -e /dev/vda\nno test -e /dev/kmsg\n\
             no sh -c 'cat /proc/sys/kernel/hostname > /proc/sys/kernel/hostname'\nno sh -c 'echo h > /proc/sysrq-trigger'\n\
             no touch /sys/x\ngrep -q ' /sys sysfs ro' /proc/self/mounts\n\
             if mknod /opt/disk b 7 0; then no cat /opt/disk; fi\nls /dev",
        );
        let said = bench.said();
        for node in ["null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "shm"] {
            assert!(said.lines().any(|line| line == node), "{node} is missing in {said}");
        }
    });
}

#[test]
fn the_name_service_works_where_its_settings_lie_in_run() {
    both("walls::the_name_service_works_where_its_settings_lie_in_run", |bench| {
        write(&bench.root().join("run/systemd/resolve/stub-resolv.conf"), "nameserver 127.0.0.53\n");
        let link = bench.root().join("etc/resolv.conf");
        std::os::unix::fs::symlink("../run/systemd/resolve/stub-resolv.conf", link).unwrap();
        bench.rehearse("cat /etc/resolv.conf\nno sh -c 'echo x > /etc/resolv.conf'");
        assert!(bench.said().starts_with("nameserver 127.0.0.53\n"), "{}", bench.said());
    });
}

#[test]
fn shims_stand_before_and_over_what_they_stand_in_for() {
    both("walls::shims_stand_before_and_over_what_they_stand_in_for", |bench| {
        bench.rehearse(
            "set -e\ncommand -v systemctl\ntest /usr/bin/systemctl -ef /run/belay/belay-agent\n\
             no test /run/belay/real/systemctl -ef /run/belay/belay-agent\ntest -s /run/belay/real/systemctl",
        );
        assert!(bench.said().starts_with("/run/belay/shims/systemctl\n"), "{}", bench.said());
    });
}

#[test]
fn a_root_without_a_userland_is_refused_in_a_sentence_and_one_with_it_is_not() {
    both("walls::a_root_without_a_userland_is_refused_in_a_sentence_and_one_with_it_is_not", |bench| {
        let empty = bench.dir.path().join("empty");
        create_dir(&empty);
        let why = capture::available(&empty, &bench.scratch(), &bench.program).unwrap_err();
        assert!(why.contains("a script needs a userland of its own"), "{why}");
        capture::available(&bench.root(), &bench.scratch(), &bench.program).unwrap();
        assert!(!bench.scratch().exists());
    });
}
