//! Whatever goes wrong after the device was touched, it ends exactly as it was.

mod files;
mod packages;
mod scripts;

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::{Script, Snapshot, assert_same};

use crate::support::*;

#[test]
fn an_update_that_fails_the_health_check_is_undone_with_everything_that_came_along() {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib"), package("demo-lib", "1.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).toml(&check_against_2_0(&sandbox)).start();
    let before = Snapshot::of(&sandbox);
    let job = update(&agent, &["demo-app"]);
    assert_end(&job, JobState::RolledBack, Some(Reason::Unhealthy));
    assert_says(&job.message, &["demo", "the device is as it was before"]);
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!(status(&agent).generation, Generation(0));
}

#[test]
fn a_check_that_failed_before_the_update_does_not_speak_against_it_when_it_is_only_wanted() {
    let sandbox = demo_sandbox();
    let check = check(&["/usr/bin/false"]).replace("retries", "required = false\nretries");
    let agent = launch(&sandbox).toml(&check).start();
    let job = update(&agent, &["demo-app=2.0"]);
    assert_committed(&job);
    assert_says(&job.warnings.join("\n"), &["demo"]);
}

#[test]
fn a_failing_trigger_of_another_package_is_undone() {
    let watcher = |script: &str| {
        package("demo-watcher", "1.0").triggers("interest /usr/share/demo-watched").script(Script::Postinst, script)
    };
    let with_file = "test \"$1\" != triggered || ! test -e \"$DPKG_ROOT/usr/share/demo-watched/news\"";
    let always = "test \"$1\" != triggered";
    for script in [with_file, always] {
        let debs = [demo("1.0"), demo("2.0").file("/usr/share/demo-watched/news", "2.0"), watcher(script)];
        let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-watcher"]);
        let agent = launch(&sandbox).start();
        let before = (Snapshot::of(&sandbox), scripts::installed_scripts(&sandbox));
        let job = update(&agent, &["demo-app"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
        assert_same(&before.0, &Snapshot::of(&sandbox));
        assert_eq!(before.1, scripts::installed_scripts(&sandbox));
    }
}

#[test]
fn the_next_update_works_after_one_was_undone() {
    let debs = [demo("1.0"), demo("2.0").script(Script::Postinst, "exit 1"), demo("3.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let agent = launch(&sandbox).start();
    let job = update(&agent, &["demo-app=2.0"]);
    assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
    assert_says(&job.message, &["demo-app", "post-installation"]);
    assert_committed(&update(&agent, &["demo-app"]));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("3.0"));
    assert_gone_back(&rollback(&agent));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
}
