//! Power cuts: wherever archive, apply or undo ends, the next undo brings the old root back.
#![cfg(feature = "failpoints")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use belay_testkit::assert_same_root;

use super::World;
use crate::host::bundle::files::{FAILPOINTS, FilePlan};

/// Passes every point of an update, some of them several times.
const SCRIPT: &str = "
echo ours >> etc/app.conf; ln etc/app.conf etc/app.bak; rm -r opt/app/v1; ln -s v2 opt/app/v1
rm etc/other.conf; mkdir etc/other.conf; echo x > etc/other.conf/x; mkdir -p srv/a; echo y > srv/a/y
rm -r opt/app/v2; mkdir opt/app/v2; echo z > opt/app/v2/z; chmod 750 opt/app etc/app.d; rm var/pipe; echo 1 >> usr/bin/one
";

/// Ends `work` by a panic when it comes to the point the `nth` time. Whether it did.
fn cut_at(name: &'static str, nth: u32, work: impl FnOnce()) -> bool {
    let (mine, passed) = (std::thread::current().id(), Arc::new(AtomicU32::new(0)));
    // Points are global and tests run side by side: only this thread is cut.
    let callback = move || {
        let is_mine = std::thread::current().id() == mine;
        assert!(!is_mine || passed.fetch_add(1, Ordering::SeqCst) != nth, "cut at {name}");
    };
    let guard = POINTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fail::cfg_callback(name, callback).unwrap();
    let ended = catch_unwind(AssertUnwindSafe(work)).is_err();
    fail::remove(name);
    drop(guard);
    ended
}

/// Two tests that cut at one point would take it from each other.
static POINTS: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn an_update_that_was_cut_is_undone_by_the_next_run() {
    for name in FAILPOINTS {
        for nth in [0, 1, 4, 9] {
            let world = World::new(SCRIPT);
            if !cut_at(name, nth, || drop(world.update())) {
                break;
            }
            match FilePlan::load(&world.point()).unwrap() {
                None => {}
                Some(plan) => {
                    // The undo is cut too, at its first step of each kind.
                    for other in FAILPOINTS {
                        cut_at(other, 0, || drop(plan.undo(&world.root(), &world.point(), false)));
                    }
                    assert_eq!(plan.undo(&world.root(), &world.point(), false).unwrap(), Vec::<String>::new());
                }
            }
            assert_same_root(&world.old, &world.now(), &format!("cut at pass {nth} of {name}"));
        }
    }
}

#[test]
fn an_undo_of_a_committed_update_that_was_cut_is_completed_by_the_next_run() {
    let mut passed = std::collections::BTreeSet::new();
    for name in FAILPOINTS {
        for nth in [0, 1, 4, 9] {
            let world = World::new(SCRIPT);
            let plan = world.update();
            world.run("echo theirs > root/etc/theirs; echo theirs >> root/srv/a/y");
            if !cut_at(name, nth, || drop(plan.undo(&world.root(), &world.point(), true).unwrap())) {
                break;
            }
            passed.insert(*name);
            let reported = plan.undo(&world.root(), &world.point(), true).unwrap();
            assert_eq!(reported.len(), 3, "{name}: {reported:?}");
            world.run("rm root/etc/theirs; rm -r root/srv; touch -d '2020-02-02 02:02:02.123456789' root/etc root");
            assert_same_root(&world.old, &world.now(), &format!("cut at pass {nth} of {name}"));
        }
    }
    for name in
        ["files.decide.after", "files.back.before", "files.remove.after", "files.folder.after", "files.dress.before"]
    {
        assert!(passed.contains(name), "the undo never passes {name}");
    }
}
