//! How scripts end: well, badly, late, never, and with the power.

use std::os::unix::fs::PermissionsExt;

use belay_protocol::Reason;
use belay_testkit::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

#[test]
fn a_script_that_fails_is_told_with_its_code_and_its_last_lines() {
    both("ends::a_script_that_fails_is_told_with_its_code_and_its_last_lines", |bench| {
        let failure = bench.try_to("seq 1 9\necho broken >&2\nexit 3").unwrap_err();
        assert_eq!(failure.reason, Reason::ScriptFailed);
        assert_eq!(failure.message, "install.sh ended with exit code 3; it said last:\n6\n7\n8\n9\nbroken");
        assert_eq!(bench.said(), "1\n2\n3\n4\n5\n6\n7\n8\n9\nbroken\n");
        assert!(!bench.scratch().exists(), "nothing is left");
        let failure = bench.try_to("kill -SEGV $$").unwrap_err();
        assert_eq!(failure.message, "install.sh was ended by signal 11; it said nothing");
    });
}

#[test]
fn a_script_that_takes_too_long_is_ended_with_everything_that_it_started() {
    both("ends::a_script_that_takes_too_long_is_ended_with_everything_that_it_started", |_| {
        let mut bench = Bench::new(program());
        bench.timeout = Duration::from_secs(5);
        let mark = mark();
        let failure = bench.try_to(&format!("setsid sleep {mark} &\necho waiting\nsleep {mark}")).unwrap_err();
        assert_eq!(failure.reason, Reason::ScriptTimeout);
        let expected = "install.sh was ended because it ran longer than 5 s; it said last:\nwaiting";
        assert_eq!(failure.message, expected);
        assert_eq!(running(&mark), Vec::<i32>::new(), "gone when it is told");
        assert!(!bench.scratch().exists(), "nothing is left");
    });
}

#[test]
fn a_script_that_leaves_a_daemon_fails_and_the_daemon_is_ended() {
    both("ends::a_script_that_leaves_a_daemon_fails_and_the_daemon_is_ended", |bench| {
        let mark = mark();
        let failure = bench.try_to(&format!("setsid sleep {mark} > /dev/null 2>&1 &")).unwrap_err();
        assert_eq!(failure.reason, Reason::ScriptLeftProcess);
        assert!(failure.message.contains(&format!("were ended: sleep {mark};")), "{}", failure.message);
        assert_eq!(running(&mark), Vec::<i32>::new());
    });
}

#[test]
fn orphans_that_end_by_themselves_are_no_daemons_however_many() {
    both("ends::orphans_that_end_by_themselves_are_no_daemons_however_many", |bench| {
        bench.rehearse("for n in $(seq 1 200); do (true &) ; done\n(sleep 0.05; echo late) &\necho done\n");
        assert_eq!(bench.said(), "done\nlate\n");
    });
}

#[test]
fn of_endless_output_the_log_holds_the_beginning_and_the_end() {
    both("ends::of_endless_output_the_log_holds_the_beginning_and_the_end", |_| {
        let mut bench = Bench::new(program());
        bench.log_bytes = 10_000;
        write(&bench.log(), "of an earlier script\n");
        bench.rehearse("echo first\nhead -c 5000000 /dev/zero | tr '\\0' x\necho\necho last");
        let said = bench.said();
        assert!(said.starts_with("of an earlier script\nfirst\nxxx") && said.ends_with("xxx\nlast\n"), "{said}");
        assert!(said.contains("x\n[4990012 bytes left out]\nx"), "{}", said.replace('x', ""));
        assert!(said.len() < 10_100);
    });
}

#[test]
fn the_log_is_written_while_the_script_runs() {
    both("ends::the_log_is_written_while_the_script_runs", |bench| {
        let (log, go) = (bench.log(), bench.root().join("var/tmp/go"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let began = || fs::read_to_string(&log).ok().filter(|said| said == "began\n");
                wait_until("the first line", PATIENCE, began);
                write(&go, "");
            });
            bench.rehearse("echo began\nwhile ! ls /var/tmp | grep -q go; do sleep 0.02; done\necho done");
        });
        assert_eq!(bench.said(), "began\ndone\n");
    });
}

#[test]
fn what_watches_a_script_is_killed_and_nothing_is_left_but_files() {
    both("ends::what_watches_a_script_is_killed_and_nothing_is_left_but_files", |bench| {
        let mark = mark();
        let killer = mark.clone();
        let failure = std::thread::scope(|scope| {
            scope.spawn(move || {
                let script = wait_until("the script", PATIENCE, || running(&killer).first().copied());
                // It, the shell, the first process of the namespaces, what watches that.
                let watcher = parent(parent(parent(script)));
                kill(Pid::from_raw(watcher), Signal::SIGKILL).unwrap();
            });
            bench.try_to(&format!("touch /etc/half\nmkdir -m 0 /opt/closed\nsleep {mark}\ntrue")).unwrap_err()
        });
        assert_eq!(failure.reason, Reason::ScriptFailed);
        assert!(failure.message.contains("was ended from outside"), "{}", failure.message);
        wait_until("the end of everything", PATIENCE, || running(&mark).is_empty().then_some(()));
        capture::clear(&bench.scratch()).unwrap();
        assert!(!bench.root().join("etc/half").exists());
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(bench.dir.path().to_str().unwrap()), "{mounts}");
    });
}

#[test]
fn a_script_is_started_by_the_interpreter_that_it_wants() {
    both("ends::a_script_is_started_by_the_interpreter_that_it_wants", |bench| {
        let file = bench.bundle().join("install.sh");
        for (text, mode, expected) in [
            ("#!/bin/bash\necho ${BASH_VERSION:+bash}", 0o755, "bash"),
            ("#!/bin/bash\necho ${BASH_VERSION:+bash}", 0o644, "bash"),
            ("echo plain", 0o755, "plain"),
            ("echo plain", 0o644, "plain"),
        ] {
            let ended = bench.given("", |script| {
                write(&file, text);
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
                capture::rehearse(&bench.root(), &bench.scratch(), script)
            });
            ended.unwrap_or_else(|failure| panic!("{text}: {failure}"));
            assert_eq!(bench.said().lines().last(), Some(expected), "{text} {mode:o}");
        }
        let failure = bench.given("", |script| {
            write_with_mode(&file, "#!/bin/fish\n", 0o755);
            capture::rehearse(&bench.root(), &bench.scratch(), script)
        });
        let message = failure.unwrap_err().message;
        assert!(message.contains("install.sh cannot be started: it or its interpreter is not there"), "{message}");
    });
}

/// The agent's program, for a bench that differs from the usual one.
fn program() -> PathBuf {
    std::env::var_os(ORDINARY).map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_belay-agent")), PathBuf::from)
}

/// Seconds to sleep that no other test sleeps.
fn mark() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("{}.{next:03}", 10_000_000 + std::process::id())
}

/// Processes, in any namespace, that sleep for so long.
fn running(mark: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("it is listed").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if words == format!("sleep\0{mark}\0").as_bytes() {
            found.push(pid);
        }
    }
    found
}

fn parent(pid: i32) -> i32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("it has a parent");
    line.trim().parse().expect("a number")
}
