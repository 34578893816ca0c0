//! What a person sees, as they see it.

use belay_protocol::Reason;
use belay_protocol::bundle::{BundleOrder, BundleSource};
use belay_protocol::job::{Generation, Job, JobId, JobState, Progress, Request};
use belay_protocol::local::{
    Bundles, GenerationView, History, KeptBundle, Polled, Pruned, RestorePointState, RestorePointView, RestorePoints,
    RestoredPackage, ServerLink, ServerWish, Status,
};
use belay_protocol::plan::{Action, Candidate, Change, FileAction, FileChange, Installed, Plan, UndoCost};
use belay_protocol::sync::AssignmentRef;
use belay_terminal::Paint;
use belay_terminal::job::{accepted, ended, planned};
use insta::assert_snapshot;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::cli::tests::{job, rollback, update};

fn page() -> Page {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    Page { paint: Paint { colour: false }, now: at("2026-01-02T05:04:05Z"), zone }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn change(package: &str, action: Action, old: Option<&str>, new: Option<&str>) -> Change {
    let architecture = || "arm64".parse().unwrap();
    Change {
        package: package.parse().unwrap(),
        action,
        old: old.map(|old| Installed { version: old.parse().unwrap(), architecture: architecture() }),
        new: new.map(|new| Candidate {
            version: new.parse().unwrap(),
            architecture: architecture(),
            origins: vec![],
            uri: String::new(),
            file_name: String::new(),
            size: 0,
            sha256: belay_protocol::Sha256::from_bytes([0; 32]),
        }),
        asked: package.starts_with("demo"),
        held: package == "demo-held",
    }
}

fn a_plan() -> Plan {
    Plan {
        files: Vec::new(),
        changes: vec![
            change("demo-app", Action::Upgrade, Some("1.0"), Some("2.0")),
            change("demo-held", Action::Downgrade, Some("1:3.1-2"), Some("1:3.0-1")),
            change("libdep:armhf", Action::Install, None, Some("1.0+deb12u1")),
            change("old-tool", Action::Remove, Some("0.9"), None),
            change("older-tool", Action::Purge, Some("0.1"), None),
            change("same-tool", Action::Reinstall, Some("5"), Some("5")),
            change("half-tool", Action::Configure, Some("6"), None),
        ],
        status: belay_protocol::Sha256::from_bytes([0; 32]),
        download_bytes: 1_450_000,
        undo: UndoCost { bytes: 2_000, seconds: 65 },
    }
}

fn one_change() -> Plan {
    Plan { changes: vec![change("demo-app", Action::Upgrade, Some("1.0"), Some("2.0"))], ..a_plan() }
}

#[test]
fn a_plan_is_a_diff() {
    let dry = Job { plan: Some(a_plan()), reason: Some(Reason::DryRun), ..job(update(), JobState::Refused) };
    assert_snapshot!(planned(&dry, &page()), @r"
    7 packages change: 1 new, 1 upgraded, 1 downgraded, 2 done again, 2 removed
      ↑  demo-app      1.0 → 2.0
      ↓  demo-held     1:3.1-2 → 1:3.0-1  on hold
      +  libdep:armhf  1.0+deb12u1        not named by the list
      -  old-tool      0.9                not named by the list
      -  older-tool    0.1                not named by the list, with its configuration
      =  same-tool     5 again            not named by the list
      =  half-tool     6 configured       not named by the list
    fetches 1.5 MB; going back takes 2.0 kB of disk and about 1 min 5 s
    nothing was changed
    ");
    let refused = Job {
        plan: Some(one_change()),
        reason: Some(Reason::GuardHeld),
        message: "demo-app is on hold".into(),
        ..job(update(), JobState::Refused)
    };
    assert_snapshot!(planned(&refused, &page()), @r"
    1 package changes: 1 upgraded
      ↑  demo-app  1.0 → 2.0
    fetches 1.5 MB; going back takes 2.0 kB of disk and about 1 min 5 s
    ✘ job 7: refused (guard_held); nothing was changed
      demo-app is on hold
      to do it nevertheless, ask again with --approve guard_held
    ");
    let empty = Job { plan: Some(Plan { changes: vec![], ..a_plan() }), ..job(update(), JobState::Committed) };
    assert_eq!(planned(&empty, &page()), "nothing to do: the device already is as asked\nnothing was changed");
}

fn a_bundle() -> Request {
    let order = BundleOrder {
        source: BundleSource::Upload,
        sha256: belay_protocol::Sha256::from_bytes([0xa7; 32]),
        size: Some(10),
        version: Some("2.33.07".parse().unwrap()),
        manifest: None,
    };
    let Request::Update { packages, dry_run, approve, release, .. } = crate::control::tests::update_of("") else {
        unreachable!()
    };
    Request::Update { packages, dry_run, approve, release, bundle: Some(Box::new(order)) }
}

fn file(path: &str, action: FileAction) -> FileChange {
    FileChange { path: path.to_owned(), action, size: 1_450 }
}

fn plan_of_files(files: Vec<FileChange>) -> Plan {
    Plan { changes: vec![], download_bytes: 0, files, ..a_plan() }
}

#[test]
fn a_bundles_plan_shows_what_becomes_of_files() {
    let files = vec![
        file("/opt/demo/new", FileAction::Create),
        file("/opt/demo/program", FileAction::Replace),
        file("/opt/demo/old", FileAction::Delete),
        file("/etc/demo.conf", FileAction::Metadata),
    ];
    let dry = Job {
        plan: Some(plan_of_files(files)),
        reason: Some(Reason::DryRun),
        warnings: vec!["it runs directly: undone by its rollback.sh".to_owned()],
        ..job(a_bundle(), JobState::Refused)
    };
    assert_snapshot!(planned(&dry, &page()), @r"
    update to bundle 2.33.07 (a7a7a7a7a7a7)
    4 paths change: 1 new, 1 replaced, 1 deleted, 1 with other attributes
      +  /opt/demo/new      1.5 kB
      ~  /opt/demo/program  1.5 kB
      -  /opt/demo/old
      m  /etc/demo.conf
    fetches 0 B; going back takes 2.0 kB of disk and about 1 min 5 s
    ! it runs directly: undone by its rollback.sh
    nothing was changed
    ");
    let unknown = Job { plan: Some(plan_of_files(vec![])), ..dry.clone() };
    assert_snapshot!(planned(&Job { warnings: vec![], ..unknown }, &page()), @r"
    update to bundle 2.33.07 (a7a7a7a7a7a7)
    no package changes; what the bundle does to files is known once it is applied
    nothing was changed
    ");
    let both = Job { plan: Some(one_change()), warnings: vec![], ..dry };
    assert_snapshot!(planned(&both, &page()), @r"
    update to bundle 2.33.07 (a7a7a7a7a7a7)
    1 package changes: 1 upgraded
      ↑  demo-app  1.0 → 2.0
    what the bundle does to files is known once it is applied
    fetches 1.5 MB; going back takes 2.0 kB of disk and about 1 min 5 s
    nothing was changed
    ");
}

#[test]
fn of_many_paths_the_first_forty_are_shown() {
    let files: Vec<FileChange> = (0..43).map(|at| file(&format!("/opt/demo/{at}"), FileAction::Create)).collect();
    let done = Job {
        plan: Some(plan_of_files(files)),
        generation: Some(Generation(3)),
        warnings: vec!["captured".to_owned()],
        ..job(a_bundle(), JobState::Committed)
    };
    let shown = ended(&done, false, &page());
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2 + 40 + 2, "{shown}");
    assert_eq!(lines[0], "✔ job 7: updated; generation 3 is in force");
    assert_eq!(lines[1], "  bundle 2.33.07 (a7a7a7a7a7a7)");
    assert_eq!(lines[41].trim(), "+  /opt/demo/39  1.5 kB");
    assert_eq!(lines[42], "  and 3 more; --json shows all");
    assert_eq!(lines[43], "  ! captured");
}

#[test]
fn a_job_that_waits_for_its_restart_says_so() {
    let waits = Job { message: "waiting for a window".into(), ..job(a_bundle(), JobState::Rebooting) };
    assert_snapshot!(accepted(&waits, &page()), @r"
    job 7: update to bundle 2.33.07 (a7a7a7a7a7a7), rebooting
    how it ends: belay-agent status
    ");
}

#[test]
fn kept_bundles_are_a_table() {
    let bundle = |version: &str, in_force| KeptBundle {
        version: version.parse().unwrap(),
        sha256: belay_protocol::Sha256::from_bytes([0xa7; 32]),
        bytes: 2_048_000,
        in_force,
    };
    let kept = Bundles { bundles: vec![bundle("2.33.07", true), bundle("2.33.06", false)] };
    assert_snapshot!(bundles(&kept, &page()), @r"
       version  digest        size
    ▶  2.33.07  a7a7a7a7a7a7  2.0 MB
       2.33.06  a7a7a7a7a7a7  2.0 MB
    ");
    assert_snapshot!(bundles(&Bundles::default(), &page()), @"no bundles: none was installed, or none is kept (bundle.keep_mb)");
}

#[test]
fn what_the_server_wants_is_said_in_a_line() {
    let server = ServerLink {
        url: "https://belay.example".into(),
        device: None,
        authorized: Some(true),
        last_contact: None,
        last_error: None,
    };
    let wish = |action: &str, release: Option<&str>| ServerWish {
        assignment: AssignmentRef { deployment: "spring".parse().unwrap(), attempt: 2 },
        action: action.to_owned(),
        release: release.map(|text| text.parse().unwrap()),
    };
    let shown = |wants| polled(&Polled { server: server.clone(), wants, job: Some(JobId(7)) }, &page());
    assert_snapshot!(shown(None), @"✓ https://belay.example wants nothing done");
    assert_snapshot!(shown(Some(wish("install_bundle", Some("2.33.07")))), @"✓ https://belay.example wants bundle 2.33.07 (spring, attempt 2); job 7 is at it");
    assert_snapshot!(shown(Some(wish("install_packages", Some("2.0")))), @"✓ https://belay.example wants release 2.0 (spring, attempt 2); job 7 is at it");
    assert_snapshot!(shown(Some(wish("roll_back", None))), @"✓ https://belay.example wants a way back (spring, attempt 2); job 7 is at it");
    assert_snapshot!(shown(Some(wish("dance", None))), @"✓ https://belay.example wants something that only a newer belay-agent knows (spring, attempt 2); job 7 is at it");
    let away = Polled { server: ServerLink { authorized: Some(false), ..server.clone() }, wants: None, job: None };
    assert_snapshot!(polled(&away, &page()), @"✓ https://belay.example wants nothing done; an operator has to let this device in first");
}

#[test]
fn each_end_says_what_is_so_now_and_what_to_do() {
    let done = Job { plan: Some(one_change()), generation: Some(Generation(3)), ..job(update(), JobState::Committed) };
    assert_snapshot!(ended(&done, false, &page()), @r"
    ✔ job 7: updated; generation 3 is in force
      demo-app 1.0 → 2.0
    ");
    let because =
        |state, reason, message: &str| Job { reason: Some(reason), message: message.into(), ..job(update(), state) };
    let undone = because(JobState::RolledBack, Reason::Unhealthy, "the unit demo failed\nit was restarted 5 times");
    assert_snapshot!(ended(&undone, false, &page()), @r"
    ↩ job 7: failed and undone (unhealthy); the device is as before
      the unit demo failed
      it was restarted 5 times
    ");
    let refused = because(JobState::Refused, Reason::GuardRemoval, "old-tool would be removed");
    assert_snapshot!(ended(&refused, false, &page()), @r"
    ✘ job 7: refused (guard_removal); nothing was changed
      old-tool would be removed
      to do it nevertheless, ask again with --approve guard_removal
    ");
    let full = because(JobState::Refused, Reason::NoSpace, "2.0 MB are missing on /");
    assert_snapshot!(ended(&full, false, &page()), @r"
    ✘ job 7: refused (no_space); nothing was changed
      2.0 MB are missing on /
    ");
    let stuck = because(JobState::NeedsAttention, Reason::UndoFailed, "demo-app 1.0 cannot be installed");
    assert_snapshot!(ended(&stuck, false, &page()), @r"
    ‼ job 7: a person must look at this device (undo_failed)
      demo-app 1.0 cannot be installed
      see `belay-agent verify` and `journalctl -u belay-agent`
    ");
    let back = Job { generation: Some(Generation(2)), ..job(rollback(), JobState::RolledBack) };
    assert_snapshot!(ended(&back, true, &page()), @r"✔ job 7: went back; generation 2 is in force");
    let cancelled = because(JobState::Refused, Reason::Cancelled, "");
    assert_snapshot!(ended(&cancelled, true, &page()), @r"✔ job 7: the update was cancelled");
    assert_snapshot!(accepted(&job(update(), JobState::Planning), &page()), @r"
    job 7: update of demo-app, planning
    how it ends: belay-agent status
    ");
}

fn a_status() -> Status {
    Status {
        hostname: None,
        version: "0.1.0".into(),
        generation: Generation(3),
        previous: Some(Generation(2)),
        needs_attention: false,
        job: None,
        progress: None,
        queued: None,
        last: Some(Job { ended_at: Some(at("2026-01-02T03:04:05Z")), ..job(update(), JobState::Committed) }),
        warnings: vec![],
        server: None,
    }
}

#[test]
fn the_status_fits_a_glance() {
    assert_snapshot!(status(&a_status(), &page()), @r"
    generation  3
    way back    to generation 2
    running     nothing
    last        job 7, update of demo-app: done, 2 hours ago
    agent       0.1.0
    ");
    let busy = Status {
        hostname: Some("kitchen".into()),
        previous: None,
        job: Some(job(crate::control::tests::update_of("demo-app\nother=1.0\nmore"), JobState::Applying)),
        progress: Some(Progress {
            job: JobId(7),
            phase: JobState::Applying,
            percent: 41.6,
            detail: "unpacking demo-app".into(),
        }),
        queued: Some(JobId(8)),
        last: Some(Job { reason: Some(Reason::UndoFailed), ..job(rollback(), JobState::NeedsAttention) }),
        needs_attention: true,
        warnings: vec!["control.legacy: a door is open".into()],
        ..a_status()
    };
    assert_snapshot!(status(&busy, &page()), @r"
    device      kitchen
    generation  3
    way back    nothing to go back to
    running     job 7, update of demo-app and 2 more: applying 42 %, unpacking demo-app
    waiting     rollback, job 8
    last        job 7, rollback: needs attention (undo_failed)
    agent       0.1.0
    ‼ a person must look at this device: `belay-agent verify`, `journalctl -u belay-agent`
    ! control.legacy: a door is open
    ");
}

#[test]
fn the_status_tells_how_the_device_stands_with_its_server() {
    let link = ServerLink {
        url: "https://belay.example".into(),
        device: Some("d1".parse().unwrap()),
        authorized: Some(true),
        last_contact: Some(at("2026-01-02T05:02:05Z")),
        last_error: None,
    };
    let shown = |link: &ServerLink| {
        let text = status(&Status { server: Some(link.clone()), ..a_status() }, &page());
        text.lines().find_map(|line| line.strip_prefix("server ")).unwrap().trim().to_owned()
    };
    assert_snapshot!(shown(&link), @"https://belay.example, device d1: spoke 2 minutes ago");
    let away = ServerLink { authorized: Some(false), last_error: Some("failed to reach it".into()), ..link.clone() };
    assert_snapshot!(
        shown(&away),
        @"https://belay.example, device d1, not let in: spoke 2 minutes ago; failed to reach it"
    );
    let new = ServerLink { device: None, authorized: None, last_contact: None, ..link.clone() };
    assert_snapshot!(shown(&new), @"https://belay.example, not enrolled");
    assert_snapshot!(enrolled(&link, &page()), @"✓ enrolled: this device is d1 at https://belay.example");
    assert_snapshot!(
        enrolled(&ServerLink { authorized: Some(false), ..link }, &page()),
        @"✓ enrolled: this device is d1 at https://belay.example; it waits until an operator lets it in"
    );
}

#[test]
fn the_history_marks_the_generation_in_force() {
    let generation = |number: u64, current, changes: &[&str]| GenerationView {
        generation: Generation(number),
        parent: number.checked_sub(1).map(Generation),
        current,
        reachable: !current,
        job: (number > 0).then_some(JobId(number + 4)),
        committed_at: (number > 0).then(|| at("2026-01-02T03:04:05Z")),
        changes: changes.iter().map(|text| (*text).to_owned()).collect(),
        release: (number == 2).then(|| "v2.1.0".parse().unwrap()),
    };
    let failed = Job { reason: Some(Reason::Unhealthy), ..job(update(), JobState::RolledBack) };
    let shown = History {
        generations: vec![
            generation(2, false, &["demo-app 2.0 → 3.0"]),
            generation(1, true, &["demo-app 1.0 → 2.0", "libdep + 1.0"]),
            generation(0, false, &[]),
        ],
        jobs: vec![job(rollback(), JobState::RolledBack), failed],
    };
    assert_snapshot!(history(&shown, &page()), @r"
       generation  since                           job  changes
       2           2026-01-02 05:04 (2 hours ago)  6    release v2.1.0
                                                        demo-app 2.0 → 3.0
    ▶  1           2026-01-02 05:04 (2 hours ago)  5    demo-app 1.0 → 2.0
                                                        libdep + 1.0
       0           before the first update

    job  when                            asked for           end
    7    2026-01-02 05:04 (2 hours ago)  rollback            went back
    7    2026-01-02 05:04 (2 hours ago)  update of demo-app  undone (unhealthy)
    ");
    assert_snapshot!(history(&History { generations: vec![], jobs: vec![] }, &page()), @r"  generation  since  job  changes");
}

#[test]
fn restore_points_say_what_they_put_back() {
    let point = RestorePointView {
        id: 4,
        job: JobId(9),
        taken_at: at("2026-01-02T03:04:05Z"),
        state: RestorePointState::Committed,
        bytes: 2_048_000,
        packages: vec![
            RestoredPackage {
                package: "demo-app".parse().unwrap(),
                version: Some("1.0".parse().unwrap()),
                source: Some("cache".into()),
            },
            RestoredPackage { package: "libdep".parse().unwrap(), version: None, source: None },
        ],
    };
    assert_snapshot!(restore_point(&point, &page()), @r"
    restore point 4: taken 2026-01-02 05:04 (2 hours ago) by job 9, committed, 2.0 MB
      demo-app  1.0   from cache
      libdep    goes
    ");
    let mut other = point.clone();
    other.id = 13;
    other.state = RestorePointState::Undone;
    other.packages.clear();
    assert_snapshot!(restore_points(&RestorePoints { restore_points: vec![other, point] }, &page()), @r"
    id  taken                           job  state           size    puts back
    13  2026-01-02 05:04 (2 hours ago)  9    gone back from  2.0 MB  0 packages
    4   2026-01-02 05:04 (2 hours ago)  9    committed       2.0 MB  2 packages
    ");
    assert_snapshot!(restore_points(&RestorePoints::default(), &page()), @r"no restore points: nothing was updated yet");
    assert_snapshot!(pruned(&Pruned { dropped: vec![1, 2], freed_bytes: 5_000 }, &page()), @r"dropped 1, 2; 5.0 kB freed");
    assert_snapshot!(pruned(&Pruned::default(), &page()), @r"nothing to drop");
}

#[test]
fn findings_are_a_list_or_a_relief() {
    assert_eq!(findings(&Findings::default(), &page()), "all is well");
    let found = Findings { findings: vec!["demo-app is 1.0, not 2.0".into(), "a vault file is damaged".into()] };
    assert_snapshot!(findings(&found, &page()), @r"
    ✘ demo-app is 1.0, not 2.0
    ✘ a vault file is damaged
    ");
}

#[test]
fn colours_never_change_the_text() {
    let coloured = Page { paint: Paint { colour: true }, ..page() };
    let text = status(&a_status(), &coloured);
    assert!(text.contains("\x1b["), "{text}");
    let mut bare = String::new();
    for (at, part) in text.split("\x1b[").enumerate() {
        bare.push_str(if at == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(bare, status(&a_status(), &page()));
}
