//! Whatever a script does, its plan leaves what the script on the root itself would have left, and takes it back.

use belay_testkit::{RootSnapshot, assert_same_root};

use super::{World, same_time};
use crate::host::bundle::capture::{Layer, LayerKind};

/// What scripts do, by what it is called.
const SCRIPTS: &[(&str, &str)] = &[
    ("nothing", ":"),
    ("create", "echo new > etc/new.conf; mkdir -p srv/a/b; echo x > srv/a/b/c"),
    ("append", "echo more >> etc/app.conf"),
    (
        "replace by rename",
        "printf program-2 > usr/bin/app.new; chmod 755 usr/bin/app.new; mv usr/bin/app.new usr/bin/app",
    ),
    ("open without writing", ": >> etc/app.conf"),
    ("delete", "rm etc/app.conf opt/app/current var/pipe"),
    ("delete a tree", "rm -r opt/app"),
    ("make a deleted folder anew", "rm -r opt/app/v1; mkdir opt/app/v1; echo c > opt/app/v1/c"),
    ("make it anew with the same in it", "cp -a opt/app/v1 x; rm -r opt/app/v1; mv x opt/app/v1; rm opt/app/v1/a"),
    ("rename a folder", "mv opt/app/v1 opt/app/v3 2>/dev/null || { cp -a opt/app/v1 opt/app/v3; rm -r opt/app/v1; }"),
    ("swap a link", "ln -sfn v2 opt/app/current; ln -s nowhere opt/dangling"),
    ("file to folder", "rm etc/app.conf; mkdir etc/app.conf; echo in > etc/app.conf/in"),
    ("folder to file", "rm -r opt/app/v1; echo file > opt/app/v1"),
    ("folder to link", "rm -r opt/app/v1; ln -s v2 opt/app/v1"),
    ("link to folder", "rm opt/app/current; mkdir opt/app/current; echo x > opt/app/current/x"),
    (
        "file to link and back",
        "rm etc/app.conf; ln -s other.conf etc/app.conf; rm opt/app/current; echo f > opt/app/current",
    ),
    ("link two new names", "echo one > etc/l1; ln etc/l1 etc/l2; ln etc/l1 srv-link"),
    ("link to an old file", "ln etc/app.conf etc/app.conf.bak"),
    ("link to an old file and change it", "ln etc/app.conf etc/bak; echo more >> etc/bak"),
    ("link over another", "ln -f etc/app.conf etc/other.conf"),
    ("delete one name of two", "rm usr/bin/one"),
    (
        "mode of file and folder",
        "chmod 640 etc/app.conf; chmod 700 opt/app; chmod 2755 etc/app.d; chmod 755 usr/bin/app",
    ),
    ("times", "touch -d '2021-01-01' etc/app.conf opt/app; touch -h -d '2021-01-01' opt/app/current"),
    ("attributes", "attr etc/app.conf note new; attr etc/app.d more x; echo q > etc/q; attr etc/q tag y"),
    ("fifo", "mkfifo var/other; rm var/pipe; mkfifo var/pipe; chmod 666 var/pipe"),
    ("sparse", "truncate -s 4M var/sparse; printf end >> var/sparse; truncate -s 1M etc/app.conf"),
    (
        "names",
        "cd etc; n=$(printf 'a\\nb'); echo 1 > \"$n\"; echo 2 > \"$(printf 'z\\377\\\\y')\"; echo 3 > ' sp ace'; : > -dash",
    ),
    ("long name", "echo x > etc/$(printf '%0255d' 7)"),
    ("empty folders", "mkdir -p e/m/p/t/y; rm opt/app/v2/a"),
    ("deep", "p=deep; for i in $(seq 60); do p=$p/a-folder-in-a-folder; done; mkdir -p $p; echo x > $p/x"),
    ("a thousand files", "mkdir many; for i in $(seq 1000); do echo $i > many/$i; done"),
    ("top folder", "rm -r home; echo x > top; mkdir newtop"),
    ("what goes with the namespace", "echo x > /dev/null; echo y > etc/y"),
    ("private and closed", "mkdir -m 700 priv; echo s > priv/s; chmod 400 priv/s; chmod 500 priv"),
];

/// What only root may do.
const AS_ROOT: &[(&str, &str)] = &[
    ("owners", "chown 12:34 etc/app.conf opt/app; chown -h 5:6 opt/app/current; echo n > etc/n; chown 7:8 etc/n"),
    (
        "capabilities",
        "cp etc/app.conf usr/bin/cap; setcap cap_net_bind_service=ep usr/bin/cap; setcap -r etc/other.conf",
    ),
    ("all of a tree", "chown -R 1:1 opt; chmod -R g+w opt"),
];

#[test]
fn a_plan_leaves_what_the_script_would_have_left_and_takes_it_back() {
    let root_only = if crate::host::disk::is_root() { AS_ROOT } else { &[] };
    for (name, script) in SCRIPTS.iter().chain(root_only) {
        for committed in [false, true] {
            let world = World::new(script);
            let upper = RootSnapshot::of(&world.at("upper"));
            let plan = world.update();
            let (now, twin) = (world.now(), RootSnapshot::of(&world.at("twin")));
            assert_same_root(&twin.without("mtime"), &now.clone().without("mtime"), name);
            for change in plan.changes.iter().filter(|change| change.after.is_some() && !change.is_touched_only()) {
                let path = change.path.as_path();
                assert!(same_time(&upper, &now, path), "{name}: {path:?} has not the time that the script gave it");
            }
            for path in world.old.paths().into_iter().filter(|path| now.fact(path, "kind").is_some()) {
                let planned =
                    plan.changes.iter().any(|change| change.path.as_path() == path && !change.is_touched_only());
                assert!(planned || same_time(&world.old, &now, path), "{name}: {path:?} has another time");
            }
            assert_eq!(plan.drift(&world.root(), true).unwrap(), Vec::<String>::new(), "{name}");
            assert_eq!(plan.drift(&world.root(), false).unwrap(), Vec::<String>::new(), "{name}");
            assert_eq!(plan.verify(&world.point()).unwrap(), Vec::<String>::new(), "{name}");
            assert_eq!(world.undo(committed).unwrap(), Vec::<String>::new(), "{name}");
            assert_same_root(&world.old, &world.now(), name);
            assert_eq!(world.undo(committed).unwrap(), Vec::<String>::new(), "{name}, again");
            assert_same_root(&world.old, &world.now(), name);
        }
    }
}

#[test]
fn a_file_that_loses_a_name_by_a_change_has_it_again_after_undo() {
    let world = World::new("echo more >> usr/bin/one");
    world.update();
    let now = world.now();
    assert_eq!(now.fact("usr/bin/two", "kind"), world.old.fact("usr/bin/two", "kind"));
    assert_ne!(now.fact("usr/bin/one", "kind"), world.old.fact("usr/bin/one", "kind"));
    world.undo(true).unwrap();
    assert_same_root(&world.old, &world.now(), "after undo");
}

#[test]
fn a_plan_says_what_it_does() {
    let world = World::new(
        "echo more >> etc/app.conf; rm etc/secret; echo x > etc/x; chmod 755 usr/bin/app; : >> etc/other.conf",
    );
    let plan = world.plan().unwrap();
    let shown: Vec<_> = plan.shown().into_iter().map(|change| (change.path, format!("{:?}", change.action))).collect();
    let expected =
        [("/etc/app.conf", "Replace"), ("/etc/x", "Create"), ("/usr/bin/app", "Metadata"), ("/etc/secret", "Delete")];
    assert_eq!(shown, expected.map(|(path, action)| (path.to_owned(), action.to_owned())));
}

#[test]
fn what_a_copy_of_a_file_system_shows_is_written_and_taken_back() {
    let mut world = World::new(":");
    world.run("cp -r root/opt copy; cd copy; echo more >> app/v1/a; rm -r app/v1/deep; mkdir new; echo n > new/n; rm app/current");
    world.rehearsal.layers = vec![Layer { at: "opt".into(), upper: world.at("copy"), kind: LayerKind::Copy }];
    std::fs::remove_file(world.root().join("opt/app/current")).unwrap();
    world.rehearsal.began = world.tick();
    let old = world.now().without("mtime");
    let plan = world.update();
    assert_eq!(plan.growth(), 9, "{plan:?}");
    let told = |path: &str| world.now().fact(path, "kind").map(str::to_owned);
    assert_eq!(told("opt/app/v1/deep"), None);
    assert_eq!(std::fs::read(world.root().join("opt/app/v1/a")).unwrap(), b"a\nmore\n");
    assert_eq!(std::fs::read(world.root().join("opt/new/n")).unwrap(), b"n\n");
    assert_eq!(world.undo(true).unwrap(), Vec::<String>::new());
    assert_same_root(
        &old.without("mode").without("owner"),
        &world.now().without("mtime").without("mode").without("owner"),
        "",
    );
}
