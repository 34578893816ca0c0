//! A list is installed exactly as asked, from every format, or nothing at all is changed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_protocol::Reason;
use belay_protocol::job::{Generation, Job, JobState};
use belay_testkit::ownership::write;
use belay_testkit::{Sandbox, Script, Snapshot, assert_same};
use serde_json::json;

use crate::support::*;

#[test]
fn a_list_is_installed_from_every_format() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let list = |version: &str| format!("# the list\r\n\r\ndemo-app={version} # pinned\r\n");
    let base64 = |version: &str| STANDARD.encode(list(version));

    assert_committed(&update(&agent, &["demo-app=2.0"]));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));

    let plain =
        send(&agent, "POST", "/update", &["Content-Type: text/plain; charset=utf-8", "Prefer: wait"], &list("3.0"));
    assert_committed(&read::<Job>(&plain));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("3.0"));

    for (version, headers, body) in [
        (
            "1.0",
            &["Content-Type: application/json"][..],
            json!({ "filename": "l", "filedata": base64("1.0") }).to_string(),
        ),
        ("2.0", &["Content-Type: application/octet-stream"][..], base64("2.0")),
        ("3.0", &[][..], base64("3.0")),
    ] {
        let response = send(&agent, "POST", "/update", headers, &body);
        assert_eq!((response.status, response.text().as_str()), (200, r#"{"status":"Update completed"}"#));
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some(version));
    }
    assert_eq!(status(&agent).generation, Generation(5));
}

#[test]
fn a_package_that_others_left_half_configured_is_refused_and_named() {
    let sandbox = sandbox_with(&[demo("1.0").script(Script::Postinst, "exit 1")], &[]);
    sandbox.update();
    assert!(!sandbox.apt(&["-y", "install", "demo-app"]).status.success());
    let before = Snapshot::of(&sandbox);
    let agent = launch(&sandbox).start();
    let job = update(&agent, &["demo-app=1.0"]);
    assert_end(&job, JobState::Refused, Some(Reason::DeviceBroken));
    assert!(job.message.starts_with("demo-app is half-configured (ok)"), "{}", job.message);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_new_dependency_comes_along_as_automatic_and_the_listed_package_as_asked_for() {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib"), package("demo-lib", "1.0"), package("demo-tool", "1.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let job = update(&agent, &["demo-app", "demo-tool"]);
    assert_committed(&job);
    let plan = job.plan.expect("a committed job has a plan");
    let changes: Vec<String> = plan.changes.iter().map(|change| change.describe()).collect();
    assert_eq!(changes, ["demo-app 1.0 → 2.0", "demo-lib + 1.0", "demo-tool + 1.0"]);
    assert_eq!(marks(&sandbox), "demo-lib\n");
}

#[test]
fn an_automatic_package_stays_automatic_when_it_is_upgraded_along() {
    let debs = [
        demo("1.0").depends("demo-lib"),
        package("demo-lib", "1.0"),
        demo("2.0").depends("demo-lib (>= 2.0)"),
        package("demo-lib", "2.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-lib=1.0"]);
    let marked = sandbox.command("apt-mark").args(["auto", "demo-lib"]).output().expect("apt-mark starts");
    assert!(marked.status.success(), "{marked:?}");
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app"]));
    assert_eq!(sandbox.installed_version("demo-lib").as_deref(), Some("2.0"));
    assert_eq!(marks(&sandbox), "demo-lib\n");
}

#[test]
fn names_with_architectures_and_versions_with_epochs_are_understood() {
    let native = belay_testkit::deb::native_architecture();
    let app = |version: &str| demo(version).architecture(&native);
    let debs = [app("2:1.0-1"), app("2:1.0-1+deb12u1"), app("9.0"), package("demo-lib", "1:0.5~rc1")];
    let sandbox = sandbox_with(&debs, &["demo-app=2:1.0-1"]);
    let agent = launch(&sandbox).start();
    let job = update(&agent, &[&format!("demo-app:{native}=2:1.0-1+deb12u1"), "demo-lib=1:0.5~rc1"]);
    assert_committed(&job);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2:1.0-1+deb12u1"));
    assert_eq!(sandbox.installed_version("demo-lib").as_deref(), Some("1:0.5~rc1"));
    assert_gone_back(&rollback(&agent));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2:1.0-1"));
    assert_eq!(sandbox.installed_version("demo-lib"), None);
}

#[test]
fn an_empty_list_is_done_at_once_and_changes_no_file() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let before = (Snapshot::of(&sandbox), rollback_file(&sandbox), status(&agent).generation);
    for body in [json!({ "packages": [] }), json!({ "packages": ["", "# nothing"] })] {
        assert_committed(&ask_job(&agent, "/update", &body));
    }
    let legacy =
        send(&agent, "POST", "/update", &["Content-Type: application/json"], r#"{"filedata":"","filename":""}"#);
    assert_eq!((legacy.status, legacy.text().as_str()), (200, r#"{"status":"Update completed"}"#));
    assert_same(&before.0, &Snapshot::of(&sandbox));
    assert_eq!((before.1, before.2), (rollback_file(&sandbox), status(&agent).generation));
}

#[test]
fn the_same_idempotency_key_never_runs_twice_even_after_a_restart() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let body = json!({ "packages": ["demo-app=2.0"], "idempotency_key": "push-17" });
    let first = ask_job(&agent, "/update", &body);
    assert_committed(&first);
    assert_gone_back(&rollback(&agent));
    let agent = agent.into_launch().start();
    let second = ask_job(&agent, "/update", &body);
    assert_eq!((second.id, second.state), (first.id, JobState::Committed));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"), "it did not run again");
    let other = ask(&agent, "/update", &json!({ "packages": ["demo-app"], "idempotency_key": "push-17" }));
    assert_eq!(refusal(&other, 409, "key_reused").job, Some(first.id));
}

#[test]
fn a_dry_run_and_a_plan_change_nothing_and_show_the_transaction() {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib"), package("demo-lib", "1.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    let got = send(&agent, "GET", "/plan?packages=demo-app", &[], "");
    assert_eq!(got.status, 200, "{}", got.text());
    for job in [
        ask_job(&agent, "/update", &json!({ "packages": ["demo-app"], "dry_run": true })),
        ask_job(&agent, "/plan", &json!({ "packages": ["demo-app"] })),
        read(&got),
    ] {
        assert_end(&job, JobState::Refused, Some(Reason::DryRun));
        let plan = job.plan.expect("a dry run shows its plan");
        let changes: Vec<String> = plan.changes.iter().map(|change| change.describe()).collect();
        assert_eq!(changes, ["demo-app 1.0 → 2.0", "demo-lib + 1.0"]);
        assert!(plan.download_bytes > 0 && plan.changes[0].asked && !plan.changes[1].asked, "{plan:?}");
    }
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!((rollback_file(&sandbox), status(&agent).generation), (None, Generation(0)));
}

#[test]
fn the_rollback_file_holds_the_listed_packages_of_the_last_commit_and_no_failed_update_touches_it() {
    let debs = [
        demo("1.0"),
        demo("2.0").depends("demo-lib"),
        demo("3.0").script(belay_testkit::Script::Postinst, "exit 1"),
        package("demo-lib", "1.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    assert_eq!(rollback_file(&sandbox).as_deref(), Some("demo-app=2.0\n"));

    // A mark of ours in its place: who writes the file again, even with the same text, is found out.
    write(&rollback_file_path(&sandbox), "demo-app=2.0\n# ours\n");
    assert_end(&update(&agent, &["demo-app=3.0"]), JobState::RolledBack, Some(Reason::ApplyFailed));
    assert_end(&update(&agent, &["no-such-package"]), JobState::Refused, Some(Reason::UnknownPackage));
    assert_eq!(rollback_file(&sandbox).as_deref(), Some("demo-app=2.0\n# ours\n"));

    assert_gone_back(&rollback(&agent));
    assert_eq!(rollback_file(&sandbox), None, "before the first update there was none");
}

#[test]
fn what_apt_cannot_do_is_refused_in_apts_words_and_nothing_is_changed() {
    let debs = [
        demo("1.0"),
        demo("2.0"),
        package("demo-tool", "1.0").depends("demo-missing (>= 7)"),
        package("demo-new", "1.0").conflicts("demo-app"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    for (list, reason, words) in [
        (&["demo-nothing"][..], Reason::UnknownPackage, &["Unable to locate package demo-nothing"][..]),
        (&["demo-app=7.7"][..], Reason::VersionUnavailable, &["7.7", "demo-app"][..]),
        (&["demo-tool"][..], Reason::UnmetDependency, &["demo-tool", "demo-missing (>= 7)"][..]),
        (&["demo-app=2.0", "demo-nothing"][..], Reason::UnknownPackage, &["demo-nothing"][..]),
        (&["demo-app=2.0", "demo-new"][..], Reason::UnmetDependency, &["demo-new", "demo-app"][..]),
        (&["demo-new"][..], Reason::GuardRemoval, &["demo-app - 1.0", "guard_removal"][..]),
    ] {
        let job = update(&agent, list);
        assert_end(&job, JobState::Refused, Some(reason));
        assert_says(&job.message, words);
        assert_same(&before, &Snapshot::of(&sandbox));
    }
    assert_eq!((rollback_file(&sandbox), status(&agent).generation), (None, Generation(0)));
}

#[test]
fn a_silent_source_is_a_refusal_and_never_an_update_on_old_lists() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    sandbox.repository().delete();
    let job = update(&agent, &["demo-app"]);
    assert_end(&job, JobState::Refused, Some(Reason::SourcesUnavailable));
    assert_same(&before, &Snapshot::of(&sandbox));
}

/// The packages that apt takes for automatically installed.
fn marks(sandbox: &Sandbox) -> String {
    let shown = sandbox.command("apt-mark").arg("showauto").output().expect("apt-mark starts");
    String::from_utf8_lossy(&shown.stdout).into_owned()
}
