//! Locks, silent sources, settings that cannot be.

use std::process::{Child, Stdio};

use belay_agent::config::settings::Scripts;
use belay_agent::host::apt::{AptDevice, AptSettings};
use belay_agent::host::device::{Device, Mend, Rung, TransactError};
use belay_protocol::Reason;
use belay_testkit::command::command;
use belay_testkit::{Deb, wait_until};

use crate::support::{World, device, ordinary, reference, settings};

/// Another process that holds the frontend lock until its standard input is closed.
fn holder(world: &World) -> Child {
    let script = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); open(sys.argv[2],'w'); sys.stdin.read()";
    let ready = world.sandbox.dir().join("locked");
    let mut command = command("python3");
    command.args(["-c", script]).arg(world.sandbox.path("var/lib/dpkg/lock-frontend")).arg(&ready);
    let child = command.stdin(Stdio::piped()).spawn().unwrap();
    wait_until("the lock is held", std::time::Duration::from_secs(10), || ready.exists().then_some(()));
    child
}

ordinary! {
    fn the_holder_of_the_lock_is_named() {
        let world = World::offering(&[Deb::new("demo-app", "1.0")]);
        let mut other = holder(&world);
        let expected = format!("process {} (python3)", other.id());
        let failure = world.device.lock().err().unwrap();
        assert_eq!(failure.reason, Reason::LockTimeout);
        assert!(failure.message.contains(&expected), "{failure}");
        for rung in [Rung::Apply, Rung::Dpkg] {
            match world.device.transact(&world.install(rung, &[("demo-app", "1.0")]), &|_, _| ()) {
                Err(TransactError::Untouched(failure)) => {
                    assert_eq!(failure.reason, Reason::LockTimeout, "{failure}");
                    assert!(failure.message.contains(&expected), "{rung:?}: {failure}");
                }
                found => panic!("{found:?}"),
            }
        }
        // Nobody needs the lock to plan.
        assert_eq!(world.plan("demo-app"), ["demo-app + 1.0"]);
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(world.device.lock().is_ok());
    }
}

ordinary! {
    fn our_lock_keeps_others_out_and_lets_our_own_steps_in() {
        let world = World::offering(&[Deb::new("demo-app", "1.0")]);
        world.sandbox.install(&["demo-app"]);
        let guard = world.device.lock().unwrap();
        let again = world.device.lock().unwrap();
        drop(again);
        let refused = world.sandbox.apt(&["-o", "DPkg::Lock::Timeout=0", "remove", "demo-app"]);
        assert!(!refused.status.success());
        world.device.mend(&Mend::Select(vec![(reference("demo-app"), "hold".into())])).unwrap();
        assert_eq!(world.packages(), ["demo-app 1.0 hi"]);
        drop(guard);
        let held = world.sandbox.apt(&["--allow-change-held-packages", "-o", "DPkg::Lock::Timeout=0", "remove", "demo-app"]);
        assert!(held.status.success(), "{held:?}");
    }
}

ordinary! {
    fn a_source_that_does_not_answer_is_named() {
        let world = World::offering(&[Deb::new("demo-app", "1.0")]);
        assert_eq!(world.plan("demo-app"), ["demo-app + 1.0"]);
        let line = b"deb [trusted=yes] http://127.0.0.1:9/demo ./\n";
        belay_agent::durable::write_atomic(&world.sandbox.path("etc/apt/sources.list"), line, 0o644).unwrap();
        let failure = world.resolve("demo-app").unwrap_err();
        assert_eq!(failure.reason, Reason::SourcesUnavailable);
        assert!(failure.message.contains("127.0.0.1:9"), "{failure}");
    }
}

ordinary! {
    fn a_damaged_index_is_never_planned_on() {
        let world = World::offering(&[Deb::new("demo-app", "1.0")]);
        let index = world.sandbox.repository().dir().join("Packages");
        let mut text = std::fs::read(&index).unwrap();
        text.extend(b"\n");
        belay_agent::durable::write_atomic(&index, &text, 0o644).unwrap();
        let failure = world.resolve("demo-app").unwrap_err();
        assert_eq!(failure.reason, Reason::SourcesUnavailable, "{failure}");
    }
}

ordinary! {
    fn what_dpkg_complains_of_is_told_a_line_a_package() {
        let world = World::offering(&[Deb::new("demo-app", "1.0"), Deb::new("other", "1.0")]);
        world.sandbox.install(&["demo-app", "other"]);
        assert!(world.device.audit().unwrap().is_empty());
        world.set_status("demo-app", "install ok half-configured");
        world.set_status("other", "install reinstreq half-installed");
        let found = world.device.audit().unwrap();
        assert!(found.contains(&"demo-app is only half configured".to_owned()), "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("other is in a mess")), "{found:?}");
    }
}

#[test]
fn root_never_runs_maintainer_scripts_outside_the_root() {
    let sandbox = belay_testkit::Sandbox::new();
    let refused = AptDevice::new(settings(&sandbox)).is_err();
    assert_eq!(refused, nix_is_root());
}

ordinary! {
    fn paths_that_apts_configuration_cannot_carry_are_refused() {
        let sandbox = belay_testkit::Sandbox::new();
        drop(device(&sandbox));
        let odd = AptSettings { work: sandbox.dir().join("a \"b"), scripts: Scripts::Chrootless, ..settings(&sandbox) };
        let failure = AptDevice::new(odd).unwrap_err();
        assert!(failure.message.contains("work folder"), "{failure}");
    }
}

fn nix_is_root() -> bool {
    belay_testkit::command::ordinary_user().is_some()
}
