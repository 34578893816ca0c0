//! What a server orders, on real apt: exact versions or a refusal, the release as measured, and going back from it.
//!
//! The daemon's loop runs in this process, so that a test can hand it a server's answers; the host is the real program.

use std::sync::Arc;

use belay_agent::clock::Clock;
use belay_agent::config::Settings;
use belay_agent::daemon::Engine;
use belay_agent::daemon::handle::Handle;
use belay_agent::host::remote::RemoteHost;
use belay_agent::journal::Journal;
use belay_agent::machine::effect::{Inspected, Inspection};
use belay_agent::machine::rules::Rules;
use belay_protocol::sync::{Action, Assignment, AssignmentRef, Installed, Report, ReportStatus, SyncResponse};
use belay_protocol::{Closure, PackageList, Reason};
use belay_testkit::{HostProcess, Sandbox, Snapshot, assert_same};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::support::*;

#[test]
fn a_release_is_reported_with_its_closure_and_measured_as_installed() {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib"), package("demo-lib", "1.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let mut server = Server::of(&sandbox);
    assert_eq!(server.measured(), Installed::default());
    let end = server.orders(install("v2.0", &["demo-app"], None));
    assert_eq!((end.status, end.reason.as_deref()), (ReportStatus::Completed, None), "{}", end.message);
    assert_eq!(end.closure, Some(closure(&["demo-app=2.0", "demo-lib=1.0"])));
    let measured = server.measured();
    assert_eq!(measured.release.as_ref().map(|release| release.as_str()), Some("v2.0"));
    assert_eq!((measured.generation.0, measured.drift), (1, vec![]));
    // What others do is measured, whatever was installed once.
    assert!(sandbox.apt(&["-y", "--allow-downgrades", "install", "demo-app=1.0"]).status.success());
    let measured = server.measured();
    assert_eq!((measured.release, measured.drift), (None, vec!["demo-app is 1.0 and was 2.0".to_owned()]));
}

#[test]
fn a_frozen_closure_is_installed_exactly_though_newer_versions_are_offered() {
    let debs = [
        demo("1.0"),
        demo("2.0").depends("demo-lib (>= 1.0)"),
        demo("3.0"),
        package("demo-lib", "1.0"),
        package("demo-lib", "2.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let mut server = Server::of(&sandbox);
    let frozen = closure(&["demo-app=2.0", "demo-lib=1.0"]);
    let end = server.orders(install("v2.0", &["demo-app"], Some(frozen)));
    assert_eq!((end.status, end.closure), (ReportStatus::Completed, None), "the server has it: {}", end.message);
    let versions = ["demo-app", "demo-lib"].map(|name| sandbox.installed_version(name));
    assert_eq!(versions.map(Option::unwrap_or_default), ["2.0", "1.0"]);
    let marks = String::from_utf8(sandbox.command("apt-mark").arg("showauto").output().unwrap().stdout).unwrap();
    assert_eq!(marks, "demo-lib\n", "a pinned version is not asked for by name");
}

#[test]
fn a_closure_that_the_device_cannot_have_changes_nothing_and_says_what_differs() {
    let debs = [
        demo("1.0"),
        demo("2.0").depends("demo-lib"),
        package("demo-lib", "1.0"),
        package("demo-tool", "2.0"),
        package("demo-tool", "1.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-tool=2.0"]);
    let before = Snapshot::of(&sandbox);
    let mut server = Server::of(&sandbox);
    for (list, frozen, says) in [
        // A version that no source offers any more.
        (&["demo-app"][..], &["demo-app=2.0", "demo-lib=0.9"][..], "demo-lib=0.9 where the device has none"),
        // A dependency that the first device had already.
        (&["demo-app"], &["demo-app=2.0"], "demo-lib + 1.0 is not among them"),
        // A closure that does not answer its list.
        (&["demo-app", "demo-lib"], &["demo-app=1.0"], "demo-lib is asked for and not among them"),
        (&["demo-app=2.0"], &["demo-app=1.0"], "demo-app is asked for as 2.0 and is 1.0 there"),
        // A version that would be lowered.
        (&["demo-tool"], &["demo-tool=1.0"], "demo-tool 2.0 → 1.0 would be lowered"),
    ] {
        let end = server.orders(install("v2.0", list, Some(closure(frozen))));
        assert_eq!((end.status, end.reason.as_deref()), (ReportStatus::Failed, Some("closure_unavailable")));
        assert_says(&end.message, &[says]);
    }
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!(server.measured().release, None);
}

#[test]
fn a_server_orders_back_from_its_release_and_from_no_other() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let mut server = Server::of(&sandbox);
    let end = server.orders(back("v2.0"));
    assert_eq!((end.status, end.reason.as_deref()), (ReportStatus::Skipped, Some("other_release")));
    assert_eq!(server.orders(install("v2.0", &["demo-app=2.0"], None)).status, ReportStatus::Completed);
    let end = server.orders(back("v1.0"));
    assert_eq!((end.status, end.reason.as_deref()), (ReportStatus::Skipped, Some("other_release")));
    let end = server.orders(back("2.0"));
    assert_eq!((end.status, end.reason), (ReportStatus::Completed, None), "{}", end.message);
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!(server.measured(), Installed::default());
}

#[test]
fn a_release_that_is_there_already_is_in_force_and_going_back_from_it_changes_nothing() {
    let sandbox = demo_sandbox();
    let mut server = Server::of(&sandbox);
    assert_eq!(server.orders(install("v2.0", &["demo-app=2.0"], None)).status, ReportStatus::Completed);
    let second = Snapshot::of(&sandbox);
    let end = server.orders(install("v2.1", &["demo-app=2.0"], None));
    assert_eq!((end.status, end.closure), (ReportStatus::Completed, Some(closure(&["demo-app=2.0"]))));
    let release = |server: &Server| server.measured().release.map(|release| release.to_string());
    assert_eq!((release(&server).as_deref(), server.measured().generation.0), (Some("v2.1"), 1));
    let shown = server.handle.view().borrow().state.generations[0].release.clone();
    assert_eq!(shown.map(|release| release.to_string()).as_deref(), Some("v2.1"));

    assert_eq!(server.orders(back("v2.1")).status, ReportStatus::Completed);
    assert_same(&second, &Snapshot::of(&sandbox));
    assert_eq!(release(&server).as_deref(), Some("v2.0"), "the one before is in force again");
    assert_eq!(server.orders(back("v2.0")).status, ReportStatus::Completed);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    // On the state before the first update as well.
    assert_eq!(server.orders(install("v1.0", &["demo-app=1.0"], None)).status, ReportStatus::Completed);
    assert_eq!((release(&server).as_deref(), server.measured().generation.0), (Some("v1.0"), 0));
    assert_eq!(server.orders(back("v1.0")).status, ReportStatus::Completed);
    assert_eq!(server.measured(), Installed::default());
}

#[test]
fn the_host_lets_no_release_override_a_guard_that_the_device_did_not_open_whatever_the_daemon_says() {
    let sandbox = demo_sandbox();
    assert!(sandbox.command("apt-mark").args(["hold", "demo-app"]).status().unwrap().success());
    let before = Snapshot::of(&sandbox);
    let mut rules = Settings::default().rules;
    rules.policy.server_may_approve = vec![Reason::GuardHeld];
    let mut server = Server::with(&sandbox, rules);
    let mut order = install("v2.0", &["demo-app"], None);
    let Action::InstallPackages { approve, .. } = &mut order else { unreachable!() };
    approve.push("guard_held".to_owned());
    let end = server.orders(order);
    assert_eq!((end.status, end.reason.as_deref()), (ReportStatus::Failed, Some("guard_held")), "{}", end.message);
    assert!(end.message.contains("policy.server_may_approve"), "{}", end.message);
    assert_same(&before, &Snapshot::of(&sandbox));
}

/// A server with one device: the loop of its daemon, and its host.
struct Server {
    handle: Handle,
    attempts: u32,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    _host: HostProcess,
    _journal: TempDir,
}

impl Server {
    fn of(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, Settings::default().rules)
    }

    /// One with a daemon that goes by these rules; the host has its own.
    fn with(sandbox: &Sandbox, rules: Rules) -> Self {
        let host = launch(sandbox).separate_host().start_host();
        let remote = Arc::new(RemoteHost::new(sandbox.run_dir().join("host.sock")));
        let folder = tempfile::tempdir().expect("it works here");
        let (journal, state, _) = Journal::open(folder.path()).expect("it works here");
        let (engine, handle) =
            Engine::new(remote, journal, state, rules, Clock::new(None).expect("it works here"), Vec::new());
        let runtime = Builder::new_current_thread().enable_all().build().expect("it works here");
        let (stop, stopping) = watch::channel(false);
        let (ready, mut is_ready) = watch::channel(false);
        runtime.spawn(engine.run(stopping, move || {
            ready.send_replace(true);
        }));
        runtime.block_on(is_ready.wait_for(|ready| *ready)).expect("the loop starts");
        Self { handle, attempts: 0, runtime, stop, _host: host, _journal: folder }
    }

    /// Orders something, and gives the one report of its end.
    #[track_caller]
    fn orders(&mut self, action: Action) -> Report {
        self.attempts += 1;
        let id = AssignmentRef { deployment: "spring".parse().expect("it works here"), attempt: self.attempts };
        let assignment = Assignment { id: id.clone(), action, spread_s: 0 };
        self.answers(SyncResponse { assignment: Some(assignment), ..idle() });
        let mut view = self.handle.view();
        let ended = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, view.wait_for(|view| view.state.running.is_none())).await
        });
        let pending = ended.expect("it ends").expect("the loop lives").state.outbox.pending.clone();
        let [end] = Vec::from(pending).try_into().expect("it is told once");
        let end: Report = end;
        assert_eq!(end.assignment, Some(id));
        self.answers(SyncResponse { acknowledged: Some(end.seq), ..idle() });
        end
    }

    fn answers(&self, answer: SyncResponse) {
        self.runtime.block_on(self.handle.answered(answer)).expect("the loop lives");
    }

    fn measured(&self) -> Installed {
        let Ok(Inspected::Measured(installed)) = self.runtime.block_on(self.handle.inspect(Inspection::Measure)) else {
            panic!("it cannot be measured");
        };
        installed
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn idle() -> SyncResponse {
    SyncResponse {
        now: belay_agent::clock::now(),
        next_s: 60,
        authorized: true,
        acknowledged: None,
        send_profile: false,
        assignment: None,
        cancel: None,
    }
}

fn install(release: &str, packages: &[&str], closure: Option<Closure>) -> Action {
    let packages = PackageList::from_lines(packages.iter().copied()).expect("it works here");
    Action::InstallPackages {
        release: release.parse().expect("it works here"),
        packages,
        closure,
        approve: Vec::new(),
        manifest: None,
    }
}

fn back(release: &str) -> Action {
    Action::RollBack { release: Some(release.parse().expect("it works here")) }
}

fn closure(packages: &[&str]) -> Closure {
    Closure {
        packages: packages.iter().map(|spec| spec.parse().expect("it works here")).collect(),
        removed: Vec::new(),
    }
}
