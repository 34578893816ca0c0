//! Daemons are awaited, stopped and killed; shell scripts stand in for the agent's binary.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use belay_testkit::ownership::write_with_mode;
use belay_testkit::{Deb, Launch, Sandbox, Script, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Says that it is ready, as `sd_notify` would; perl is on every Debian.
const READY: &str = "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Type => SOCK_DGRAM, \
                     Peer => $ENV{NOTIFY_SOCKET})->send(\"READY=1\\nSTATUS=in service\")'";

#[test]
fn a_daemon_is_ready_when_it_says_so_and_stops_when_asked() {
    let sandbox = Sandbox::new();
    let binary = stand_in(&sandbox, &format!("echo \"$FAILPOINTS $*\"\n{READY}\nexec sleep 1000"));
    let launch = Launch::new(&sandbox, &binary).failpoints("apply=panic").setting("poll_interval = \"1s\"");

    let mut agent = launch.start();

    assert_eq!(agent.notifications(), ["READY=1", "STATUS=in service"]);
    let config = sandbox.run_dir().join("agent.toml");
    assert_eq!(agent.log().trim_end(), format!("apply=panic --config {} run", config.display()));
    let text = fs::read_to_string(config).expect("a configuration");
    assert!(text.contains("poll_interval = \"1s\"\n\n[root]\n"), "{text}");
    assert!(agent.is_running());
    assert!(!agent.stop().success());
}

#[test]
#[should_panic(expected = "no such device")]
fn a_daemon_that_ends_too_early_shows_its_log() {
    let sandbox = Sandbox::new();
    let binary = stand_in(&sandbox, "echo no such device >&2; exit 3");
    Launch::new(&sandbox, &binary).start();
}

#[test]
fn an_end_at_a_failpoint_is_awaited() {
    let sandbox = Sandbox::new();
    let binary = stand_in(&sandbox, "exit ${FAILPOINTS:-3}");
    let mut agent = Launch::new(&sandbox, &binary).failpoints("7").spawn();
    assert_eq!(agent.wait_exit().code(), Some(7));
    let mut again = agent.into_launch().without_env("FAILPOINTS").spawn();
    assert_eq!(again.wait_exit().code(), Some(3));
}

#[test]
fn a_daemon_gets_a_clean_environment_and_a_session_of_its_own() {
    let sandbox = Sandbox::new();
    let binary = stand_in(&sandbox, "env; echo session $(cut -d' ' -f6 /proc/$$/stat) of $$");
    let mut agent = Launch::new(&sandbox, &binary).spawn();
    agent.wait_exit();
    let (log, pid) = (agent.log(), agent.pid());
    assert!(log.contains(&format!("session {pid} of {pid}")), "{log}");
    assert!(log.contains(&format!("BELAY_SANDBOX={}\n", sandbox.root().display())), "{log}");
    assert!(!log.contains("APT_CONFIG") && !log.contains("CARGO"), "{log}");
}

#[test]
fn the_command_line_runs_beside_the_daemon() {
    let sandbox = Sandbox::new();
    let binary = stand_in(&sandbox, "shift 2; echo \"$*\"; id -u; env");
    let output = Launch::new(&sandbox, &binary).cli(&["history", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("history --json\n"), "{said}");
    assert!(!said.contains("\n0\n"), "it ran as root: {said}");
    assert!(!said.contains("APT_CONFIG"), "{said}");
}

#[test]
fn killing_the_daemon_alone_leaves_its_children() {
    let sandbox = Sandbox::new();
    let mut agent = Launch::new(&sandbox, &daemon_with_orphans(&sandbox)).spawn();
    wait_until("the children", SOON, || (sandbox.processes().members().len() == 4).then_some(()));

    agent.kill();

    assert_eq!(sandbox.processes().members().len(), 3);
    agent.kill_tree();
    assert_eq!(sandbox.processes().members(), []);
}

#[test]
fn killing_the_tree_leaves_nothing() {
    let sandbox = Sandbox::new();
    let mut agent = Launch::new(&sandbox, &daemon_with_orphans(&sandbox)).spawn();
    wait_until("the children", SOON, || (sandbox.processes().members().len() == 4).then_some(()));

    agent.kill_tree();

    assert_eq!(sandbox.processes().members(), []);
    assert!(!agent.is_running());
}

#[test]
fn killing_the_tree_reaches_a_child_that_lost_its_mark() {
    let sandbox = Sandbox::new();
    let mut agent = Launch::new(&sandbox, &stand_in(&sandbox, "env -i sleep 1000 & echo \"child $!\"; wait")).spawn();
    let line = agent.wait_log("child", SOON);
    let cmdline = format!("/proc/{}/cmdline", line.trim_start_matches("child "));
    let said = || fs::read(&cmdline).unwrap_or_default();
    wait_until("the child", SOON, || said().starts_with(b"sleep").then_some(()));

    agent.kill_tree();

    assert_eq!(said(), b"", "it still runs");
}

#[test]
fn killing_the_tree_cuts_apt_off_in_a_slow_script() {
    let sandbox = Sandbox::new();
    let slow = "touch \"$DPKG_ROOT/var/started\"; sleep 1000";
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0").script(Script::Postinst, slow)]);
    sandbox.update();
    let apt_config = sandbox.apt_config();
    let body = format!("APT_CONFIG={} setsid apt-get -y install demo-app & wait", apt_config.display());
    let mut agent = Launch::new(&sandbox, &stand_in(&sandbox, &body)).spawn();
    wait_until("the script to start", SOON, || sandbox.path("var/started").exists().then_some(()));

    agent.kill_tree();

    assert_eq!(sandbox.processes().members(), []);
    let status = sandbox.dpkg_query("${db:Status-Status}");
    assert_eq!(status, "half-configured");
}

#[test]
fn a_dropped_agent_takes_its_descendants_and_a_dropped_sandbox_the_rest() {
    let sandbox = Sandbox::new();
    let agent = Launch::new(&sandbox, &daemon_with_orphans(&sandbox)).spawn();
    wait_until("the children", SOON, || (sandbox.processes().members().len() == 4).then_some(()));
    drop(agent);
    assert_eq!(sandbox.processes().members().len(), 1, "only the orphan goes on");
    let processes = sandbox.processes();
    drop(sandbox);
    assert_eq!(processes.members(), []);
}

#[test]
fn two_sandboxes_do_not_end_each_others_processes() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    let binary = stand_in(&one, "exec sleep 1000");
    let mut killed = Launch::new(&one, &binary).spawn();
    let mut spared = Launch::new(&other, &binary).spawn();
    killed.kill_tree();
    assert!(spared.is_running());
}

/// A daemon, its child, a child in a session of its own, and an orphan in a session of its own.
fn daemon_with_orphans(sandbox: &Sandbox) -> PathBuf {
    stand_in(sandbox, "(setsid sleep 1000 &)\nsleep 1000 &\nsetsid sleep 1000 &\nwait")
}

fn stand_in(sandbox: &Sandbox, body: &str) -> PathBuf {
    let path = sandbox.dir().join("belay-agent");
    write_with_mode(&path, format!("#!/bin/sh\n{body}\n"), 0o755);
    path
}
