//! What cannot be captured, and what others changed meanwhile, is refused by name and changes nothing.

use belay_protocol::Reason;

use super::World;
use belay_testkit::assert_same_root;

#[test]
fn what_cannot_be_captured_is_refused_by_name() {
    for (script, path) in [
        ("echo x >> var/lib/dpkg/status", "/var/lib/dpkg/status"),
        ("mkdir -p var/lib/apt/lists; echo x > var/lib/apt/lists/x", "/var/lib/apt/lists/x"),
        ("echo x > var/lib/belay/x", "/var/lib/belay/x"),
        ("mkdir -p var/lib/state; echo x > var/lib/state/x", "/var/lib/state/x"),
        ("rm -r var/lib", "/var/lib/dpkg"),
        (
            "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"etc/socket\", Listen => 1) or die'",
            "/etc/socket",
        ),
    ] {
        let world = World::new(script);
        let failure = world.plan().unwrap_err();
        assert_eq!(failure.reason, Reason::CapturedRefused, "{script}: {failure}");
        assert!(failure.message.contains(&format!("{path} (")), "{script}: {failure}");
        assert_same_root(&world.old, &world.now(), script);
    }
}

#[test]
fn reading_the_records_of_others_is_no_change() {
    let world = World::new("cat var/lib/dpkg/status; : >> var/lib/dpkg/status; echo x > etc/x");
    assert_eq!(world.plan().unwrap().shown().len(), 1);
}

#[test]
fn a_socket_that_goes_is_refused() {
    let more = "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"etc/app.d/socket\", Listen => 1) or die'";
    let failure = World::on(more, "rm -r etc/app.d").plan().unwrap_err();
    assert_eq!(failure.reason, Reason::CapturedRefused);
    assert!(failure.message.contains("/etc/app.d/socket (a socket"), "{failure}");
}

#[test]
fn a_file_that_somebody_else_changed_meanwhile_is_a_conflict() {
    for (script, meanwhile) in [
        ("echo ours >> etc/app.conf", "echo theirs >> etc/app.conf"),
        ("echo ours >> etc/app.conf", "chmod 600 etc/app.conf"),
        ("rm etc/app.conf", "echo theirs >> etc/app.conf"),
        ("rm -r opt/app", "echo theirs > opt/app/v1/theirs"),
        ("echo ours > etc/new", "echo theirs > etc/new"),
        ("chmod 700 opt/app", "chmod 750 opt/app"),
        ("ln -sfn v2 opt/app/current", "ln -sfn v3 opt/app/current"),
    ] {
        let world = World::new(script);
        world.run(&format!("cd root; {meanwhile}"));
        let now = world.now();
        let failure = world.plan().unwrap_err();
        assert_eq!(failure.reason, Reason::CapturedConflict, "{script}: {failure}");
        assert_same_root(&now, &world.now(), script);
    }
}

#[test]
fn a_neighbour_that_somebody_else_changed_is_none() {
    let world = World::new("echo ours >> etc/app.conf; rm etc/secret; echo x > opt/app/v1/x");
    world.run("cd root; echo theirs > etc/theirs; echo theirs >> etc/other.conf; rm opt/app/v1/a");
    world.update();
    assert_eq!(world.undo(true).unwrap(), Vec::<String>::new());
    assert!(world.root().join("etc/theirs").exists() && !world.root().join("opt/app/v1/a").exists());
    assert_eq!(world.now().fact("etc/app.conf", "kind"), world.old.fact("etc/app.conf", "kind"));
}

#[test]
fn what_changes_between_archive_and_rename_is_a_conflict_too() {
    for meanwhile in ["echo theirs >> etc/app.conf", "mv etc/app.conf x; echo old > etc/app.conf", "echo new > etc/new"]
    {
        let world = World::new("echo ours >> etc/app.conf; echo ours > etc/new");
        let plan = world.plan().unwrap();
        plan.archive(&world.root(), &world.rehearsal, &world.point()).unwrap();
        world.run(&format!("cd root; {meanwhile}"));
        let failure = plan.apply(&world.root(), &world.rehearsal).unwrap_err();
        assert_eq!(failure.reason, Reason::CapturedConflict, "{meanwhile}: {failure}");
    }
}
