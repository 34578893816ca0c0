//! The host as a process of its own: the daemon can die without it, it can die without the daemon, and it listens to
//! nobody else.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::command::{command, ordinary_user, output, succeed};
use belay_testkit::http::Endpoint;
use belay_testkit::ownership::write;
use belay_testkit::tools::reachable_copy;
use belay_testkit::{Launch, Sandbox, Script, Snapshot, assert_same};

use crate::support::*;

/// Tells the second run of a test that it is a foreign user, and where to knock.
const KNOCK: &str = "BELAY_KNOCK";

/// A question that every peer of the host may ask.
const QUESTION: &[u8] = b"{\"perform\":{\"effect\":\"survey\"}}\n";

#[test]
fn an_update_and_its_way_back_go_through_a_host_of_its_own() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let launch = apart(&sandbox);
    let mut host = launch.start_host();
    let agent = launch.start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    assert_eq!(status(&agent).generation, Generation(1));
    // The host ends between two jobs, as it does when it is idle, and is there again for the next one.
    assert!(host.stop().success());
    let _host = agent.into_launch().start_host();
    let agent = apart(&sandbox).start();
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_daemon_killed_while_the_host_applies_learns_the_end_of_its_job() {
    let sandbox = stopping();
    let launch = apart(&sandbox);
    let _host = launch.start_host();
    let mut agent = launch.start();
    let id = begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "postinst");
    agent.kill();
    let mut agent = agent.into_launch().spawn();
    release(&sandbox, "postinst");
    agent.wait_ready();
    let job = wait_end(&agent, id);
    assert_committed(&job);
    assert_eq!(
        (sandbox.installed_version("demo-app").as_deref(), status(&agent).generation),
        (Some("2.0"), Generation(1))
    );
}

#[test]
fn a_daemon_that_stops_in_the_middle_leaves_the_host_to_it() {
    let sandbox = stopping();
    let launch = apart(&sandbox);
    let _host = launch.start_host();
    let mut agent = launch.start();
    let id = begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "postinst");
    assert!(agent.stop().success(), "it does not wait for what goes on without it");
    release(&sandbox, "postinst");
    let agent = agent.into_launch().start();
    assert_committed(&wait_end(&agent, id));
}

#[test]
fn a_host_killed_while_applying_takes_the_device_back_when_it_is_started_again() {
    let sandbox = stopping();
    let before = Snapshot::of(&sandbox);
    let launch = apart(&sandbox);
    let mut host = launch.start_host();
    let agent = launch.clone().start();
    let id = begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "postinst");
    host.kill();
    let mut host = launch.spawn_host();
    host.wait_log("closing it", PATIENCE);
    release(&sandbox, "postinst");
    host.wait_ready();
    let job = wait_end(&agent, id);
    assert_end(&job, JobState::RolledBack, Some(Reason::Interrupted));
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!(status(&agent).generation, Generation(0));
}

#[test]
fn after_a_power_cut_the_guard_alone_takes_the_device_back_before_host_and_daemon() {
    let sandbox = stopping();
    let before = Snapshot::of(&sandbox);
    let launch = apart(&sandbox);
    let host = launch.start_host();
    let mut agent = launch.clone().start();
    begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "postinst");
    agent.kill_tree();
    drop(host);
    release(&sandbox, "postinst");
    let guard = sandbox.state_dir().join("host/guard/belay-agent");
    let file = launch.write_config();
    let recovered = output(sandbox.command(guard).env_remove("APT_CONFIG").arg("--config").arg(file).arg("guard"));
    assert!(recovered.status.success(), "{recovered:?}");
    assert_same(&before, &Snapshot::of(&sandbox));

    let _host = launch.start_host();
    let agent = agent.into_launch().start();
    let job = wait_idle(&agent).expect("the journal knows the job");
    assert_end(&job, JobState::RolledBack, Some(Reason::Interrupted));
}

#[test]
fn a_daemon_waits_for_a_host_that_is_not_there_yet() {
    let sandbox = demo_sandbox();
    let launch = apart(&sandbox);
    let mut agent = launch.clone().spawn();
    agent.wait_log("does not answer", PATIENCE);
    let _host = launch.start_host();
    agent.wait_ready();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
}

#[test]
fn a_host_whose_socket_was_handed_over_answers_who_knocked_before_and_ends_without_work() {
    let sandbox = demo_sandbox();
    let binary = reachable_copy(Path::new(env!("CARGO_BIN_EXE_belay-agent")));
    let (socket, mut host) = by_a_knock(&sandbox, &binary, "idle_s = 0.2");
    let knocking = std::thread::spawn({
        let socket = socket.clone();
        move || knock(&socket)
    });
    let ended = output(&mut host);
    assert!(ended.status.success(), "{ended:?}");
    assert_says(&knocking.join().expect("it was answered"), &["surveyed"]);
    assert!(socket.exists(), "the socket is not the host's to remove");
}

#[test]
fn a_host_whose_program_was_replaced_leaves_the_question_to_its_successor() {
    let sandbox = demo_sandbox();
    let binary = sandbox.run_dir().join("belay-agent");
    let install = || {
        let new = sandbox.run_dir().join("new");
        fs::copy(env!("CARGO_BIN_EXE_belay-agent"), &new).expect("room for a copy");
        fs::set_permissions(&new, Permissions::from_mode(0o755)).expect("our own file");
        fs::rename(&new, &binary).expect("our own folder");
    };
    install();
    let (socket, mut host) = by_a_knock(&sandbox, &binary, "idle_s = 0");
    let mut host = host.spawn().expect("a shell");
    assert_says(&knock(&socket), &["surveyed"]);
    install();
    assert_eq!(knock(&socket), "", "it is the new one's to answer");
    let ended = host.wait().expect("a child of ours");
    assert_eq!(ended.code(), Some(75), "systemd starts the new one");
}

/// The host as a socket unit starts it: with a listening socket as its descriptor 3.
fn by_a_knock(sandbox: &Sandbox, binary: &Path, idle: &str) -> (PathBuf, std::process::Command) {
    let settings = fs::read_to_string(apart(sandbox).write_config()).expect("the settings are text");
    let file = sandbox.run_dir().join("knock.toml");
    write(&file, settings.replace("idle_s = 0", idle));
    let socket = sandbox.run_dir().join("host.sock");
    let listener = UnixListener::bind(&socket).expect("a short path");
    let mut host = sandbox.command("sh");
    host.env_remove("APT_CONFIG").env("LISTEN_FDS", "1").stdin(OwnedFd::from(listener));
    host.args(["-c", "exec \"$@\" 3<&0 </dev/null", "sh"]).arg(binary).arg("--config").arg(file).arg("host");
    (socket, host)
}

#[test]
fn a_foreign_user_is_refused_by_the_host_and_by_the_daemon() {
    if let Some(run) = std::env::var_os(KNOCK) {
        let run = Path::new(&run);
        assert_eq!(knock(&run.join("host.sock")), "", "the host hangs up without a word");
        refusal(&Endpoint::Unix(run.join("agent.sock")).get("/status"), 403, "foreign_peer");
        return;
    }
    if ordinary_user().is_none() {
        return skipped("needs root");
    }
    let sandbox = demo_sandbox();
    let launch = apart(&sandbox);
    let host = launch.start_host();
    let _agent = launch.start();
    assert_says(&knock(&sandbox.run_dir().join("host.sock")), &["surveyed"]);
    // Even where the files' modes would let everybody in.
    for socket in ["host.sock", "agent.sock"] {
        fs::set_permissions(sandbox.run_dir().join(socket), Permissions::from_mode(0o666)).expect("root may do this");
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut stranger = command(reachable_copy(&program));
    stranger.uid(1).gid(1).env(KNOCK, sandbox.run_dir());
    let name = "process::a_foreign_user_is_refused_by_the_host_and_by_the_daemon";
    let said = succeed(stranger.args(["--exact", name, "--nocapture"]));
    assert!(said.contains("1 passed"), "{said}");
    host.wait_log("was refused", PATIENCE);
}

/// Asks the host a question and returns what it says.
fn knock(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).expect("the host listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket has a timeout");
    // It may have hung up already.
    let _ = stream.write_all(QUESTION);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn apart(sandbox: &Sandbox) -> Launch<'_> {
    launch(sandbox).separate_host()
}

/// A sandbox on which an update to demo-app 2.0 stops in its postinst.
fn stopping() -> Sandbox {
    let new = demo("2.0").script(Script::Postinst, &stop_at("postinst"));
    sandbox_with(&[demo("1.0"), new], &["demo-app=1.0"])
}
