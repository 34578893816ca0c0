//! Belay's own memory is damaged, old or lost: what the host knows wins, and nothing is made up.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::command::{command, succeed};
use belay_testkit::ownership::write;
use belay_testkit::{Sandbox, Snapshot, assert_same};

use super::{assert_interrupted, cut_in_postinst, sandbox_that_stops};
use crate::support::*;

#[test]
fn a_torn_last_record_of_the_journal_and_of_the_ledger_is_dropped() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let launch = agent.into_launch();
    for file in ["daemon/journal.0", "host/ledger/ledger.0"] {
        let path = sandbox.state_dir().join(file);
        let end = end_of_records(&path);
        patch(&path, end, b"99 0123456789abcdef {\"next_jo");
    }
    let agent = launch.start();
    assert_eq!(status(&agent).generation, Generation(1));
    assert_eq!(status(&agent).warnings, Vec::<String>::new());
    assert_gone_back(&rollback(&agent));
}

#[test]
fn a_damaged_journal_and_ledger_are_set_aside_and_told() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let launch = agent.into_launch();
    for file in ["daemon/journal.0", "host/ledger/ledger.0"] {
        let path = sandbox.state_dir().join(file);
        patch(&path, 40, b"XXXX");
    }
    let agent = launch.start();
    let warnings = status(&agent).warnings.join("\n");
    assert_says(&warnings, &["journal.0 was damaged at byte 0", "ledger.0 was damaged at byte 0", "ledger.0.damaged"]);
    assert_eq!(status(&agent).generation, Generation(1));
    assert_gone_back(&rollback(&agent));
}

#[test]
fn a_journal_that_is_older_than_the_ledger_learns_from_it() {
    let sandbox = sandbox_that_stops();
    let before = Snapshot::of(&sandbox);
    let agent = launch(&sandbox).start();
    let (journal, saved) = (sandbox.state_dir().join("daemon"), sandbox.run_dir().join("daemon"));
    let launch = agent.into_launch();
    copy(&journal, &saved);
    let agent = launch.start();
    assert_committed(&update(&agent, &["demo-app=3.0"]));
    let launch = agent.into_launch();
    replace(&saved, &journal);

    let mut agent = launch.start();
    let known = status(&agent).last.expect("the verdict is in the ledger");
    assert_end(&known, JobState::Committed, None);
    assert_eq!((status(&agent).generation, known.id.0), (Generation(1), 1));
    assert_gone_back(&rollback(&agent));
    // Once more, with a transaction that the old journal never heard of.
    cut_in_postinst(&mut agent, &sandbox);
    replace(&saved, &journal);
    let agent = agent.into_launch().start();
    assert_interrupted(&agent);
    assert_same(&before, &Snapshot::of(&sandbox));
    let next = update(&agent, &["demo-app=3.0"]);
    assert_committed(&next);
    assert!(next.id.0 > 3, "a number was used twice: {}", next.id);
}

#[test]
fn a_lost_ledger_is_rebuilt_from_the_restore_points() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    assert_committed(&update(&agent, &["demo-app=3.0"]));
    assert_gone_back(&rollback(&agent));
    let launch = agent.into_launch();
    fs::remove_dir_all(sandbox.state_dir().join("host/ledger")).expect("there was a ledger");
    let agent = launch.start();
    assert_eq!((status(&agent).generation, status(&agent).previous), (Generation(1), Some(Generation(0))));
    assert_says(&status(&agent).warnings.join("\n"), &["ledger"]);
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_ledger_lost_in_the_middle_of_an_update_still_leads_back() {
    let sandbox = sandbox_that_stops();
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    cut_in_postinst(&mut agent, &sandbox);
    fs::remove_dir_all(sandbox.state_dir().join("host/ledger")).expect("there was a ledger");
    let agent = agent.into_launch().start();
    assert_eq!(super::last(&agent).state, JobState::RolledBack);
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_committed(&update(&agent, &["demo-app=3.0"]));
}

#[test]
fn a_missing_vault_file_is_fetched_again_or_named_and_a_tampered_one_is_never_installed() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let before = Snapshot::of(&sandbox);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let installed = Snapshot::of(&sandbox);
    let object = object_of(&sandbox, "demo-app", "1.0");
    let honest = fs::read(&object).expect("the vault holds the old version");

    let pool = sandbox.repository().deb("demo-app", "1.0");
    let pooled = fs::read(&pool).expect("the repository has it");
    fs::remove_file(&pool).expect("it was there");
    let forged = demo("1.0").file("/usr/share/demo-app/backdoor", "").build(&sandbox.run_dir());
    for damage in [None, Some(fs::read(&forged).expect("it was built")), Some(honest[..honest.len() / 2].to_vec())] {
        match damage {
            None => fs::remove_file(&object).expect("it was there"),
            Some(bytes) => write(&object, bytes),
        }
        let job = rollback(&agent);
        assert_end(&job, JobState::Refused, Some(Reason::VaultDamaged));
        assert_says(&job.message, &["demo-app 1.0"]);
        assert_same(&installed, &Snapshot::of(&sandbox));
        let findings = send(&agent, "GET", "/verify", &[], "").text();
        assert_says(&findings, &["demo-app"]);
    }
    // The archive has the same bytes again: they are as good.
    write(&pool, pooled);
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_tampered_restore_point_is_refused_by_name() {
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let installed = Snapshot::of(&sandbox);
    let path = sandbox.state_dir().join("host/restore-points/0001/point.json");
    let text = fs::read_to_string(&path).expect("a restore point is text");
    assert!(text.contains("demo-app.conf"), "{text}");
    write(&path, text.replace("demo-app.conf", "demo-own.conf"));
    let job = rollback(&agent);
    assert_end(&job, JobState::Refused, Some(Reason::VaultDamaged));
    assert_says(&job.message, &["restore-points/0001/point.json"]);
    assert_same(&installed, &Snapshot::of(&sandbox));
    write(&path, text);
    assert_gone_back(&rollback(&agent));
}

/// The vault's file that holds this version of a package.
fn object_of(sandbox: &Sandbox, name: &str, version: &str) -> PathBuf {
    let objects =
        fs::read_dir(sandbox.state_dir().join("host/vault/objects")).expect("the vault has objects").flatten();
    let is_wanted = |path: &PathBuf| {
        let mut show = command("dpkg-deb");
        let shown = show.args(["--show", "--showformat=${Package} ${Version}"]).arg(path).output();
        shown.is_ok_and(|output| output.status.success() && output.stdout == format!("{name} {version}").as_bytes())
    };
    objects.map(|entry| entry.path()).find(is_wanted).unwrap_or_else(|| panic!("the vault has no {name} {version}"))
}

fn end_of_records(path: &Path) -> u64 {
    let content = fs::read(path).expect("a slot can be read");
    content.iter().position(|byte| *byte == 0).expect("a slot has room left") as u64
}

fn patch(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).expect("a slot can be written");
    file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes)).expect("a slot can be written");
}

fn copy(from: &Path, to: &Path) {
    succeed(command("cp").arg("-a").arg(from).arg(to));
}

fn replace(from: &Path, to: &Path) {
    fs::remove_dir_all(to).expect("the folder was there");
    copy(from, to);
}
