//! Generations are a stack with a cursor; going back needs no network and undoes nothing that others did.

use std::fs;

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::{Sandbox, Script, Snapshot, assert_same};
use serde_json::json;

use crate::support::*;

#[test]
fn generations_are_a_stack_and_a_rollback_is_a_commit() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let first = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let second = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=3.0"]));
    assert_eq!((status(&agent).generation, status(&agent).previous), (Generation(2), Some(Generation(1))));

    assert_gone_back(&rollback(&agent));
    assert_same(&second, &Snapshot::of(&sandbox));
    assert_eq!((status(&agent).generation, status(&agent).previous), (Generation(1), Some(Generation(0))));
    assert_eq!(rollback_file(&sandbox).as_deref(), Some("demo-app=2.0\n"), "the generation's own file is back");

    // A new update starts from here; what was gone back from is no longer on the way.
    assert_committed(&update(&agent, &["demo-app=3.0"]));
    assert_eq!((status(&agent).generation, status(&agent).previous), (Generation(3), Some(Generation(1))));
    assert_gone_back(&rollback(&agent));
    assert_gone_back(&rollback(&agent));
    assert_same(&first, &Snapshot::of(&sandbox));
    assert_eq!((status(&agent).generation, rollback_file(&sandbox)), (Generation(0), None));
}

#[test]
fn a_rollback_to_a_number_takes_all_steps_at_once() {
    let debs = [
        demo("1.0"),
        demo("2.0").depends("demo-lib"),
        demo("3.0").conffile("/etc/demo-3.conf", "3\n"),
        package("demo-lib", "1.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let first = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let second = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=3.0"]));
    assert_committed(&update(&agent, &["demo-lib", "demo-app=2.0"]));
    let job = ask_job(&agent, "/rollback", &json!({ "to": 1 }));
    assert_gone_back(&job);
    assert_eq!(job.generation, Some(Generation(1)));
    assert_same(&second, &Snapshot::of(&sandbox));
    assert_gone_back(&ask_job(&agent, "/rollback", &json!({ "to": 0 })));
    assert_same(&first, &Snapshot::of(&sandbox));
    let history = history(&agent);
    assert_eq!(history.generations.iter().filter(|generation| generation.current).count(), 1);
}

#[test]
fn what_cannot_be_gone_back_to_is_refused_and_changes_nothing() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_end(&rollback(&agent), JobState::Refused, Some(Reason::NothingToUndo));
    let legacy = send(&agent, "GET", "/rollback", &[], "");
    refusal(&legacy, 409, "nothing_to_undo");
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    for to in [7, 2] {
        let job = ask_job(&agent, "/rollback", &json!({ "to": to }));
        assert_end(&job, JobState::Refused, Some(Reason::UnknownGeneration));
        assert_says(&job.message, &["belay-agent history"]);
    }
    assert_end(&ask_job(&agent, "/rollback", &json!({ "to": 1 })), JobState::Refused, Some(Reason::NothingToUndo));
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_rollback_works_offline_after_the_repository_is_gone_and_the_caches_are_empty() {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib"), package("demo-lib", "1.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    sandbox.repository().delete();
    fs::remove_dir_all(sandbox.path("var/cache/apt/archives")).expect("apt's cache was there");
    fs::remove_dir_all(sandbox.path("var/lib/apt/lists")).expect("apt's lists were there");
    let agent = agent.into_launch().start();
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn drift_in_the_generations_own_packages_is_refused_until_it_is_approved() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    sandbox.install(&["demo-app=3.0"]);
    let drifted = Snapshot::of(&sandbox);
    let refused = rollback(&agent);
    assert_end(&refused, JobState::Refused, Some(Reason::Drift));
    assert_says(&refused.message, &["demo-app", "3.0", "drift"]);
    assert_same(&drifted, &Snapshot::of(&sandbox));
    assert_gone_back(&ask_job(&agent, "/rollback", &json!({ "approve": ["drift"] })));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    assert_eq!(before.facts().get("package demo-app:all"), Snapshot::of(&sandbox).facts().get("package demo-app:all"));
}

#[test]
fn what_others_did_beside_the_generation_stays() {
    let debs = [demo("1.0"), demo("2.0"), package("demo-tool", "1.0"), package("demo-tool", "2.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-tool=1.0"]);
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    sandbox.install(&["demo-tool=2.0"]);
    belay_testkit::ownership::write(&sandbox.path("etc/demo-tool.conf"), "edited since\n");
    assert_gone_back(&rollback(&agent));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    assert_eq!(sandbox.installed_version("demo-tool").as_deref(), Some("2.0"));
    assert_eq!(fs::read_to_string(sandbox.path("etc/demo-tool.conf")).expect("it is there"), "edited since\n");
}

#[test]
fn foreign_packages_in_the_way_need_a_person_and_then_a_rollback_goes_on() {
    let debs = [demo("1.0"), demo("2.0"), package("demo-plugin", "1.0").depends("demo-app (>= 2.0)")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    sandbox.install(&["demo-plugin"]);
    let job = rollback(&agent);
    assert!(matches!(job.state, JobState::Refused | JobState::NeedsAttention), "{}", job.message);
    assert_eq!(job.reason, Some(Reason::ForeignChange), "{}", job.message);
    assert_says(&job.message, &["demo-plugin"]);
    assert!(sandbox.apt(&["purge", "demo-plugin"]).status.success());
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn after_a_failure_that_needs_attention_a_rollback_takes_up_where_it_ended() {
    // Every archive goes away from the vault and from the repository between capture and undo.
    let hide = "v=$DPKG_ROOT/../state/host/vault; test ! -e $DPKG_ROOT/../run/hide || { rm -f $DPKG_ROOT/../run/hide; \
                cp -a $v $DPKG_ROOT/../run/vault; find $v -type f -delete; rm -f $DPKG_ROOT/../repo/pool/demo-app_1.0_all.deb; }; exit 1";
    let debs = [demo("1.0"), demo("2.0").script(Script::Postinst, hide), package("demo-tool", "1.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    belay_testkit::ownership::write(&sandbox.run_dir().join("hide"), "");
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_needs_attention_then_goes_back(agent, &sandbox, &before);
}

#[test]
fn a_version_gone_back_from_is_refused_unless_it_is_asked_for_by_name() {
    let sandbox = sandbox_with(&[demo("1.0"), demo("2.0")], &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app"]));
    assert_gone_back(&rollback(&agent));
    let before = Snapshot::of(&sandbox);
    let agent = agent.into_launch().start();
    let job = update(&agent, &["demo-app"]);
    assert_end(&job, JobState::Refused, Some(Reason::Denied));
    assert_says(&job.message, &["demo-app 1.0 → 2.0", "name=version"]);
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_committed(&update(&agent, &["demo-app=2.0"]));
}

fn assert_needs_attention_then_goes_back(agent: belay_testkit::Agent<'_>, sandbox: &Sandbox, before: &Snapshot) {
    let job = update(&agent, &["demo-app=2.0"]);
    assert_eq!(job.state, JobState::NeedsAttention, "{}", job.message);
    assert_says(&job.message, &["demo-app", "1.0"]);
    assert!(status(&agent).needs_attention);
    // It stays loud over a restart, and no update piles up on it.
    let agent = agent.into_launch().start();
    assert!(status(&agent).needs_attention);
    let piled = update(&agent, &["demo-tool"]);
    assert_end(&piled, JobState::Refused, Some(Reason::UndoFailed));
    assert_says(&piled.message, &["rollback"]);

    let vault = sandbox.state_dir().join("host/vault");
    let copy = sandbox.run_dir().join("vault/.");
    let mut put_back = belay_testkit::command::command("cp");
    belay_testkit::command::succeed(put_back.arg("-a").arg(copy).arg(vault));
    assert_gone_back(&rollback(&agent));
    assert_same(before, &Snapshot::of(sandbox));
    assert!(!status(&agent).needs_attention);
    assert_committed(&update(&agent, &["demo-tool"]));
}
