//! A maintainer script that fails, in each slot of dpkg's, while an update is applied and while it is undone.

use std::collections::BTreeMap;
use std::fs;

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::{Deb, Sandbox, Script, Snapshot, assert_same};

use crate::support::*;
use End::{Forced, Installed, Undone};
use Script::{Postinst, Postrm, Preinst, Prerm};

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// dpkg had a way out: the new state is reached.
    Installed,
    /// The old state is reached.
    Undone,
    /// The old state is reached, and a script had to be neutralised for it.
    Forced,
}

/// Calls that fail, `script` and first arguments, in the old and the new version of a package.
type Case = (&'static [(Script, &'static str)], &'static [(Script, &'static str)], End);

#[test]
fn an_update_stopped_by_the_old_versions_prerm_is_undone() {
    updates(&[
        (&[(Prerm, "upgrade 2.0")], &[(Prerm, "nothing")], Installed),
        (&[(Prerm, "upgrade 2.0")], &[], Undone),
        (&[(Prerm, "upgrade 2.0")], &[(Prerm, "failed-upgrade 1.0")], Undone),
        (&[(Prerm, "upgrade 2.0"), (Postinst, "abort-upgrade 2.0")], &[(Prerm, "failed-upgrade 1.0")], Undone),
    ]);
}

#[test]
fn an_update_stopped_by_the_new_versions_preinst_is_undone() {
    updates(&[
        (&[], &[(Preinst, "upgrade 1.0")], Undone),
        (&[], &[(Preinst, "upgrade 1.0"), (Postrm, "abort-upgrade 1.0")], Undone),
        (&[(Postinst, "abort-upgrade 2.0")], &[(Preinst, "upgrade 1.0")], Undone),
    ]);
}

#[test]
fn an_update_stopped_by_the_old_versions_postrm_is_undone() {
    updates(&[
        (&[(Postrm, "upgrade 2.0")], &[(Postrm, "nothing")], Installed),
        (&[(Postrm, "upgrade 2.0")], &[(Postrm, "failed-upgrade 1.0")], Undone),
        (&[(Postrm, "upgrade 2.0"), (Preinst, "abort-upgrade 2.0")], &[(Postrm, "failed-upgrade 1.0")], Undone),
        (
            &[(Postrm, "upgrade 2.0"), (Postinst, "abort-upgrade 2.0")],
            &[(Postrm, "failed-upgrade 1.0"), (Postrm, "abort-upgrade 1.0")],
            Undone,
        ),
    ]);
}

#[test]
fn an_update_stopped_by_the_new_versions_postinst_is_undone_even_when_its_other_scripts_fail_then() {
    updates(&[
        (&[], &[(Postinst, "configure 1.0")], Undone),
        (&[(Prerm, "failed-upgrade 2.0")], &[(Postinst, "configure 1.0"), (Prerm, "upgrade 1.0")], Forced),
        (&[], &[(Postinst, "configure 1.0"), (Postrm, "upgrade 1.0")], Forced),
    ]);
}

#[test]
fn a_rollback_that_the_new_versions_scripts_would_stop_ends_old() {
    rollbacks(&[
        (&[(Prerm, "nothing")], &[(Prerm, "upgrade 1.0")], Undone),
        (&[(Prerm, "failed-upgrade 2.0")], &[(Prerm, "upgrade 1.0")], Forced),
        (&[(Postrm, "failed-upgrade 2.0")], &[(Postrm, "upgrade 1.0")], Forced),
        (&[(Postrm, "failed-upgrade 2.0")], &[(Postrm, "upgrade 1.0"), (Preinst, "abort-upgrade 1.0")], Forced),
    ]);
}

#[test]
fn a_rollback_that_the_old_versions_scripts_would_stop_ends_old() {
    rollbacks(&[
        (&[(Preinst, "upgrade 2.0")], &[], Forced),
        (&[(Preinst, "upgrade 2.0"), (Postrm, "abort-upgrade 2.0")], &[(Postinst, "abort-upgrade 1.0")], Forced),
        (&[(Postinst, "configure 2.0")], &[], Forced),
    ]);
}

#[test]
fn a_new_package_whose_scripts_fail_goes_without_a_trace() {
    for (calls, end) in [
        (&[(Preinst, "install ")][..], Undone),
        (&[(Preinst, "install "), (Postrm, "abort-install ")], Undone),
        (&[(Postinst, "configure "), (Prerm, "remove ")], Forced),
        (&[(Postinst, "configure "), (Postrm, "purge ")], Forced),
    ] {
        let name = format!("{calls:?}");
        let lib = failing(package("demo-lib", "1.0"), calls);
        let sandbox = sandbox_with(&[demo("1.0"), demo("2.0").depends("demo-lib"), lib], &["demo-app=1.0"]);
        let agent = launch(&sandbox).start();
        let before = Snapshot::of(&sandbox);
        let job = update(&agent, &["demo-app"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
        assert_eq!(job.message.contains("undone_forced"), end == Forced, "{name}: {}", job.message);
        assert_as_before(&name, &before, &sandbox);
    }
}

#[test]
fn a_package_that_came_along_and_does_not_want_to_go_goes_all_the_same_on_a_rollback() {
    for calls in [&[(Prerm, "remove ")][..], &[(Postrm, "remove ")], &[(Postrm, "purge ")]] {
        let name = format!("{calls:?}");
        let lib = failing(package("demo-lib", "1.0"), calls);
        let sandbox = sandbox_with(&[demo("1.0"), demo("2.0").depends("demo-lib"), lib], &["demo-app=1.0"]);
        let agent = launch(&sandbox).start();
        let before = Snapshot::of(&sandbox);
        assert_committed(&update(&agent, &["demo-app"]));
        let job = rollback(&agent);
        assert_gone_back(&job);
        assert_says(&job.message, &["undone_forced", "demo-lib"]);
        assert_as_before(&name, &before, &sandbox);
    }
}

/// Contents of all installed maintainer scripts: a neutralised one must not stay.
pub(super) fn installed_scripts(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let entries = fs::read_dir(sandbox.path("var/lib/dpkg/info")).expect("dpkg has an info folder").flatten();
    let scripts = entries.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        ["preinst", "postinst", "prerm", "postrm"].iter().any(|script| name.ends_with(script))
    });
    let named = scripts.map(|entry| {
        let text = fs::read_to_string(entry.path()).expect("a script of ours is text");
        (entry.file_name().to_string_lossy().into_owned(), text)
    });
    named.collect()
}

fn updates(cases: &[Case]) {
    for (old, new, end) in cases {
        let name = format!("old {old:?}, new {new:?}");
        let sandbox = upgrade(old, new);
        let agent = launch(&sandbox).start();
        let before = (Snapshot::of(&sandbox), installed_scripts(&sandbox));
        let job = update(&agent, &["demo-app=2.0"]);
        if *end == Installed {
            assert_end(&job, JobState::Committed, None);
            continue;
        }
        assert_eq!(
            (job.state, job.reason),
            (JobState::RolledBack, Some(Reason::ApplyFailed)),
            "{name}: {}",
            job.message
        );
        assert_eq!(job.message.contains("undone_forced"), *end == Forced, "{name}: {}", job.message);
        assert_as_before(&name, &before.0, &sandbox);
        assert_eq!(before.1, installed_scripts(&sandbox), "{name}");
    }
}

fn rollbacks(cases: &[Case]) {
    for (old, new, end) in cases {
        let name = format!("old {old:?}, new {new:?}");
        let sandbox = upgrade(old, new);
        let agent = launch(&sandbox).start();
        let before = (Snapshot::of(&sandbox), installed_scripts(&sandbox));
        assert_committed(&update(&agent, &["demo-app=2.0"]));
        let job = rollback(&agent);
        assert_eq!((job.state, job.reason), (JobState::RolledBack, None), "{name}: {}", job.message);
        assert_eq!(job.message.contains("undone_forced"), *end == Forced, "{name}: {}", job.message);
        assert_as_before(&name, &before.0, &sandbox);
        assert_eq!(before.1, installed_scripts(&sandbox), "{name}");
    }
}

#[track_caller]
fn assert_as_before(name: &str, before: &Snapshot, sandbox: &Sandbox) {
    let differences = before.diff(&Snapshot::of(sandbox));
    assert!(differences.is_empty(), "{name}: {differences:#?}");
    let audit = sandbox.dpkg(&["--audit"]);
    assert!(audit.status.success() && audit.stdout.is_empty(), "{name}: {audit:?}");
    assert_same(before, &Snapshot::of(sandbox));
}

/// demo-app 1.0 installed and 2.0 at hand, with these calls failing, beside a package that depends on it.
fn upgrade(old: &[(Script, &str)], new: &[(Script, &str)]) -> Sandbox {
    let old = failing(demo("1.0").file("/usr/share/demo-app/older/file", "old"), old);
    let new = failing(demo("2.0").file("/usr/share/demo-app/newer/file", "new"), new);
    let debs = [old, new, package("demo-user", "1.0").depends("demo-app")];
    sandbox_with(&debs, &["demo-app=1.0", "demo-user"])
}

/// Gives a package scripts that fail in exactly these calls.
fn failing(deb: Deb, calls: &[(Script, &str)]) -> Deb {
    let in_script = |script: Script| calls.iter().filter(move |(other, _)| *other == script).map(|(_, call)| *call);
    [Preinst, Postinst, Prerm, Postrm].into_iter().fold(deb, |deb, script| {
        let patterns: Vec<String> = in_script(script).map(|call| format!("\"{call}\"*")).collect();
        if patterns.is_empty() {
            return deb;
        }
        let body = format!("case \"$1 $2\" in {}) echo \"$0 $* fails\" >&2; exit 1;; esac", patterns.join("|"));
        deb.script(script, &body)
    })
}
