//! What others changed after an update stays, and is reported; what is not committed goes back whole.

use belay_protocol::Reason;
use belay_testkit::assert_same_root;

use super::World;

const SCRIPT: &str =
    "echo ours >> etc/app.conf; rm etc/secret; mkdir srv; echo x > srv/x; rm -r opt/app/v1; chmod 700 opt/app";

#[test]
fn what_others_changed_since_a_commit_stays_and_is_reported() {
    for (theirs, path) in [
        ("echo theirs >> etc/app.conf", "etc/app.conf"),
        ("chmod 600 etc/app.conf", "etc/app.conf"),
        ("echo theirs > etc/secret", "etc/secret"),
        ("echo theirs > srv/x", "srv/x"),
        ("chmod 711 opt/app", "opt/app"),
        ("ln -s v2 opt/app/v1", "opt/app/v1"),
    ] {
        let world = World::new(SCRIPT);
        let plan = world.update();
        world.run(&format!("cd root; {theirs}"));
        assert_ne!(plan.drift(&world.root(), true).unwrap(), Vec::<String>::new(), "{theirs}");
        let theirs_is = world.now().fact(path, "kind").map(str::to_owned);
        let reported = world.undo(true).unwrap();
        let sentence = format!("/{path} was changed by others since the update; it was left as it is");
        assert!(reported.contains(&sentence), "{theirs}: {reported:?}");
        assert_eq!(world.now().fact(path, "kind").map(str::to_owned), theirs_is, "{theirs}");
        if path != "etc/app.conf" {
            assert_eq!(world.now().fact("etc/app.conf", "kind"), world.old.fact("etc/app.conf", "kind"), "{theirs}");
        }
    }
}

#[test]
fn what_is_not_committed_goes_back_whoever_changed_it() {
    for theirs in [
        "echo theirs >> etc/app.conf",
        "chmod 600 etc/app.conf; chmod 711 opt/app",
        "echo theirs > etc/secret",
        "rm etc/app.conf; mkdir etc/app.conf",
        "rm -r srv; echo theirs > srv",
    ] {
        let world = World::new(SCRIPT);
        world.update();
        world.run(&format!("cd root; {theirs}"));
        assert_eq!(world.undo(false).unwrap(), Vec::<String>::new(), "{theirs}");
        assert_same_root(&world.old, &world.now(), theirs);
    }
}

#[test]
fn a_new_folder_that_holds_files_of_others_stays_and_is_reported() {
    for committed in [false, true] {
        let world = World::new(SCRIPT);
        world.update();
        world.run("echo theirs > root/srv/theirs");
        let reported = world.undo(committed).unwrap();
        assert_eq!(reported, ["/srv was left: it holds files that this update did not bring"]);
        assert!(world.root().join("srv/theirs").exists() && !world.root().join("srv/x").exists());
    }
}

#[test]
fn an_archive_that_was_written_to_is_refused_after_a_commit_and_told_of_before() {
    use std::io::Write;
    for committed in [true, false] {
        let world = World::new(SCRIPT);
        let mut log = std::fs::File::options().append(true).open(world.root().join("etc/app.conf")).unwrap();
        let plan = world.update();
        log.write_all(b"a daemon that was left running\n").unwrap();
        assert_eq!(plan.verify(&world.point()).unwrap().len(), 1);
        let now = world.now();
        match world.undo(committed) {
            Err(failure) => {
                assert!(committed, "{failure}");
                assert_eq!(failure.reason, Reason::VaultDamaged);
                assert!(failure.message.contains("/etc/app.conf"), "{failure}");
                assert_same_root(&now, &world.now(), "after a refused undo");
            }
            Ok(reported) => {
                assert!(!committed);
                assert!(reported[0].contains("the archive of /etc/app.conf"), "{reported:?}");
                assert_eq!(world.now().fact("etc/secret", "kind"), world.old.fact("etc/secret", "kind"));
            }
        }
    }
}

#[test]
fn an_archive_that_was_copied_serves_as_well() {
    let world = World::new(SCRIPT);
    world.update();
    // As on another file system: the same content and attributes, and other inodes.
    world.run("cp -a --no-preserve=links point/files point/copies; rm -r point/files; mv point/copies point/files");
    assert_eq!(world.undo(true).unwrap(), Vec::<String>::new());
    assert_same_root(&world.old, &world.now(), "after undo from copies");
}
