//! Configuration files come back as the device had them: edited, deleted, obsolete, added by the update or by others.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::ownership::{hand_over, write};
use belay_testkit::{Deb, Sandbox, Script, Snapshot, assert_same};

use serde_json::json;

use crate::support::*;

const CONFFILE: &str = "etc/demo-app.conf";

#[test]
fn an_edited_conffile_keeps_its_edits_through_an_update_and_its_way_back() {
    both_ways(vec![demo("1.0"), demo("2.0")], &["demo-app=1.0"], |sandbox| {
        write(&sandbox.path(CONFFILE), "version = mine\n");
        fs::set_permissions(sandbox.path(CONFFILE), fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    });
}

#[test]
fn a_deleted_conffile_stays_deleted() {
    both_ways(vec![demo("1.0"), demo("2.0")], &["demo-app=1.0"], |sandbox| {
        fs::remove_file(sandbox.path(CONFFILE)).expect("the conffile was there");
    });
}

#[test]
fn a_conffile_that_was_replaced_by_a_link_stays_one() {
    both_ways(vec![demo("1.0"), demo("2.0")], &["demo-app=1.0"], |sandbox| {
        fs::rename(sandbox.path(CONFFILE), sandbox.path("etc/local.conf")).expect("the conffile was there");
        link("local.conf", &sandbox.path(CONFFILE));
    });
}

#[test]
fn a_conffile_that_the_update_drops_comes_back_as_current_and_an_obsolete_one_stays_obsolete() {
    let app = |version: &str| Deb::new("demo-app", version).file("/usr/share/demo-app/version", version);
    let oldest = app("0.9").conffile("/etc/ancient.conf", "0.9\n").conffile("/etc/demo-app.conf", "0.9\n");
    let old = app("1.0").conffile("/etc/demo-app.conf", "1.0\n");
    both_ways(vec![oldest, old, app("2.0")], &["demo-app=0.9"], |sandbox| sandbox.install(&["demo-app=1.0"]));
}

#[test]
fn a_conffile_that_the_update_adds_goes_again_unless_it_was_there_before() {
    let with_more = || demo("2.0").conffile("/etc/demo-more.conf", "more\n").conffile("/etc/demo.d/new/a.conf", "a\n");
    both_ways(vec![demo("1.0"), with_more()], &["demo-app=1.0"], |_| {});
    both_ways(vec![demo("1.0"), with_more()], &["demo-app=1.0"], |sandbox| {
        write(&sandbox.path("etc/demo-more.conf"), "the device's own\n");
    });
}

#[test]
fn a_conffile_that_moves_to_another_package_comes_back() {
    let lib = Deb::new("demo-lib", "1.0")
        .conffile("/etc/demo-app.conf", "from the library\n")
        .replaces("demo-app (<< 2.0)")
        .breaks("demo-app (<< 2.0)");
    let app = Deb::new("demo-app", "2.0").file("/usr/share/demo-app/version", "2.0").depends("demo-lib");
    both_ways(vec![demo("1.0"), app, lib], &["demo-app=1.0"], |sandbox| {
        write(&sandbox.path(CONFFILE), "version = mine\n");
    });
}

#[test]
fn what_maintainer_scripts_write_below_etc_is_put_back() {
    let script = "mkdir -p $DPKG_ROOT/etc/demo.d; echo new >$DPKG_ROOT/etc/demo.d/made; \
                  echo changed >$DPKG_ROOT/etc/local.conf; rm -f $DPKG_ROOT/etc/doomed.conf; \
                  ln -sfn elsewhere $DPKG_ROOT/etc/pointer; chmod 600 $DPKG_ROOT/etc/mode.conf";
    both_ways(vec![demo("1.0"), demo("2.0").script(Script::Postinst, script)], &["demo-app=1.0"], |sandbox| {
        for name in ["local.conf", "doomed.conf", "mode.conf"] {
            write(&sandbox.path("etc").join(name), format!("{name} of the device\n"));
        }
        link("here", &sandbox.path("etc/pointer"));
    });
}

#[test]
fn alternatives_diversions_and_overrides_are_put_back() {
    let install = |name: &str| {
        format!("update-alternatives --log /dev/null --install /usr/bin/{name} {name} /usr/share/demo-app/version 50\n")
    };
    let old = format!("mkdir -p $DPKG_ROOT/etc/alternatives\ntest -n \"$2\" || {{\n{}}}", install("demo-old"));
    let new = install("demo-new")
        + "update-alternatives --log /dev/null --remove demo-old /usr/share/demo-app/version\n\
           dpkg-divert --package demo-app --add --no-rename /etc/diverted.conf\n\
           dpkg-statoverride --add '#0' '#0' 640 /etc/overridden.conf";
    let debs = vec![
        package("demo-dirs", "1.0").file("/usr/bin/other", "x"),
        demo("1.0").depends("demo-dirs").script(Script::Postinst, &old),
        demo("2.0").depends("demo-dirs").script(Script::Postinst, &new),
    ];
    both_ways(debs, &["demo-app=1.0"], |sandbox| {
        assert!(sandbox.path("usr/bin/demo-old").is_symlink());
        write(&sandbox.path("etc/overridden.conf"), "plain\n");
    });
}

/// Lets an update to demo-app 2.0 fail its health check, then commits it and goes back: both end as it was before.
fn both_ways(debs: Vec<Deb>, installed: &[&str], prepare: impl Fn(&Sandbox)) {
    let sandbox = sandbox_with(&debs, installed);
    prepare(&sandbox);
    let before = Snapshot::of(&sandbox);
    let agent = launch(&sandbox).toml(&check_against_2_0(&sandbox)).start();
    assert_end(&update(&agent, &["demo-app=2.0"]), JobState::RolledBack, Some(Reason::Unhealthy));
    assert_same(&before, &Snapshot::of(&sandbox));
    drop(agent);

    let agent = launch(&sandbox).start();
    // What came along with the version that was gone back from is not taken again without a word.
    let again = json!({ "packages": ["demo-app=2.0"], "approve": ["denied"] });
    assert_committed(&ask_job(&agent, "/update", &again));
    assert!(!before.diff(&Snapshot::of(&sandbox)).is_empty(), "the update changed something");
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

fn link(target: &str, path: &Path) {
    symlink(target, path).expect("a link can be made");
    hand_over(path);
}
