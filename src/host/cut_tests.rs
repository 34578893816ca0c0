//! Power cuts: every failpoint of this folder is listed, and after a cut at any of them the next run completes.

use std::collections::BTreeSet;

#[test]
fn each_file_lists_exactly_its_failpoints() {
    let restore_point = [
        include_str!("restore_point.rs"),
        include_str!("restore_point/capture.rs"),
        include_str!("restore_point/inspect.rs"),
        include_str!("restore_point/retention.rs"),
    ]
    .concat();
    let captured = [
        include_str!("bundle/files/archive.rs"),
        include_str!("bundle/files/apply.rs"),
        include_str!("bundle/files/place.rs"),
        include_str!("bundle/files/undo.rs"),
    ]
    .concat();
    let files: [(&str, &[&str]); 7] = [
        (&captured, super::bundle::files::FAILPOINTS),
        (include_str!("vault.rs"), super::vault::FAILPOINTS),
        (include_str!("tree/restore.rs"), super::tree::FAILPOINTS),
        (include_str!("database.rs"), super::database::FAILPOINTS),
        (&restore_point, super::restore_point::FAILPOINTS),
        (include_str!("settle.rs"), super::settle::FAILPOINTS),
        (include_str!("rollback_file.rs"), super::rollback_file::FAILPOINTS),
    ];
    for (source, table) in files {
        let used: BTreeSet<&str> =
            source.split("failpoint!(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(used, table.iter().copied().collect());
        assert_eq!(table.len(), used.len());
    }
}

#[cfg(feature = "failpoints")]
mod cut {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use belay_protocol::job::JobId;

    use crate::config::settings::Undo;
    use crate::host::device::Device;
    use crate::host::restore_point::{self, UndoneMark, list, load, verify};
    use crate::host::settle::Settling;
    use crate::host::settle::tests::{CHANGES, device, go_back, scripts};
    use crate::host::tiny::{Tiny, moment};

    /// Runs `work` and ends it by a panic at the first time that it comes to the point of that name.
    fn cut_at(name: &'static str, work: impl FnOnce()) -> bool {
        let (mine, cut) = (std::thread::current().id(), Arc::new(AtomicBool::new(false)));
        let flag = cut.clone();
        // Points are global and tests run side by side: only this thread is cut.
        let callback = move || {
            assert!(std::thread::current().id() != mine || flag.swap(true, Ordering::SeqCst), "cut at {name}");
        };
        fail::cfg_callback(name, callback).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(work));
        fail::remove(name);
        assert_eq!(ended.is_err(), cut.load(Ordering::SeqCst), "{name}");
        ended.is_err()
    }

    fn points_of(starts: &[&str]) -> Vec<&'static str> {
        let tables = [
            crate::host::vault::FAILPOINTS,
            crate::host::tree::FAILPOINTS,
            crate::host::database::FAILPOINTS,
            crate::host::restore_point::FAILPOINTS,
            crate::host::settle::FAILPOINTS,
            crate::host::rollback_file::FAILPOINTS,
        ];
        let named = |name: &&'static str| starts.iter().any(|start| name.starts_with(start));
        tables.into_iter().flatten().copied().filter(named).collect()
    }

    fn way_back(tiny: &Tiny) {
        let mut stored = load(&tiny.points_dir(), 1).unwrap();
        let (points, rollback_file) = ([&stored], tiny.rollback_file());
        let settling = Settling { device: tiny, vault: &tiny.vault, points: &points, rollback_file: &rollback_file };
        settling.prepare().unwrap();
        go_back(tiny, &points);
        assert_eq!(settling.settle().unwrap(), Vec::<String>::new());
        stored.mark_undone(UndoneMark { job: JobId(2), at: moment(2) }).unwrap();
    }

    #[test]
    fn a_way_back_that_was_cut_is_completed_by_the_next_run() {
        let starts = [
            "vault.restore",
            "tree",
            "database.status",
            "database.marks",
            "database.info",
            "restore_point.und",
            "restore_point.release",
            "settle",
            "rollback_file.write",
        ];
        for name in points_of(&starts) {
            let tiny = device();
            tiny.write("etc/folder/file", "x");
            std::os::unix::fs::symlink("file", tiny.at("etc/folder/link")).unwrap();
            // dpkg cannot select a package that it only half knows: the hold goes back by a selection.
            tiny.set("broken", "1.0", "hold ok half-configured");
            let before = tiny.exact_tier();
            let changes: Vec<_> = CHANGES.into_iter().chain([("broken", Some("2.0"))]).collect();
            tiny.update(1, &changes, |tiny| {
                scripts(tiny);
                tiny.write("var/lib/dpkg/updates/tmp.i", "");
                std::fs::remove_dir_all(tiny.at("etc/folder")).unwrap();
            });
            assert!(cut_at(name, || way_back(&tiny)), "{name} was never reached");
            way_back(&tiny);
            let expected: Vec<_> = before
                .into_iter()
                .map(|(text, content)| (text.replace("hold ok half-configured", "hold ok installed"), content))
                .collect();
            assert_eq!(tiny.exact_tier(), expected, "cut at {name}");
            assert_eq!(std::fs::read_to_string(tiny.at("etc/folder/link")).unwrap(), "x", "cut at {name}");
        }
    }

    #[test]
    fn a_capture_that_was_cut_changes_nothing_and_is_taken_again() {
        let starts = ["vault.import", "database.copy", "restore_point.build", "restore_point.reserve"];
        for name in points_of(&starts) {
            let tiny = device();
            let before = tiny.exact_tier();
            let plan = tiny.plan(&CHANGES);
            assert!(cut_at(name, || drop(tiny.capture(1, &plan, Undo::Required).unwrap())), "{name} was never reached");
            assert_eq!(tiny.exact_tier(), before, "cut at {name}");
            assert!(list(&tiny.points_dir()).unwrap().damaged.is_empty(), "cut at {name}");
            let stored = tiny.capture(1, &plan, Undo::Required).unwrap().stored;
            let findings = verify(&stored, &tiny.vault, tiny.root(), tiny.architecture()).unwrap();
            assert_eq!(findings, Vec::<String>::new(), "cut at {name}");
        }
    }

    #[test]
    fn a_point_is_open_or_committed_and_there_or_gone_whenever_it_is_cut() {
        for name in points_of(&["restore_point.commit"]) {
            let tiny = device();
            assert!(cut_at(name, || drop(tiny.update(1, &CHANGES, scripts))), "{name} was never reached");
            let stored = load(&tiny.points_dir(), 1).unwrap();
            assert_eq!(stored.commit.is_some(), name.ends_with("after"));
        }
        for name in points_of(&["restore_point.remove"]) {
            let tiny = device();
            tiny.update(1, &CHANGES, scripts);
            assert!(cut_at(name, || restore_point::remove(&tiny.points_dir(), 1).unwrap()), "{name} was never reached");
            let listing = list(&tiny.points_dir()).unwrap();
            assert_eq!((listing.points.len(), listing.damaged.len()), (usize::from(name.ends_with("before")), 0));
            restore_point::remove(&tiny.points_dir(), 1).unwrap();
            assert!(list(&tiny.points_dir()).unwrap().points.is_empty());
        }
    }
}
