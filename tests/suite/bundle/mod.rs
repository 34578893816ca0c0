//! Bundles end to end: what comes in, what a script changes, how all of it goes back.

#[cfg(feature = "failpoints")]
pub(crate) mod cut;
mod direct;
mod memory;
mod reboot;
mod refused;
mod trusted;
mod versions;
mod world;

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::{Bundle, wait_until};

use crate::support::*;
use world::*;

#[test]
fn a_captured_bundle_changes_the_root_and_goes_back_exactly() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let job = install(&agent, &recorder("2.0"));
    assert_committed(&job);
    assert_eq!(program(&sandbox), "recorder 2.0");
    assert_eq!(release_in_force(&agent).as_deref(), Some("2.0"));
    assert!(!sandbox.path("etc/recorder/old.conf").exists(), "the script removes it");
    assert_gone_back(&rollback(&agent));
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn both_halves_apart_carry_a_bundle_as_well() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let launch = launch(&sandbox).separate_host();
    let _host = launch.clone().start_host();
    let agent = launch.start();
    assert_committed(&install(&agent, &recorder("2.0")));
    assert_eq!(program(&sandbox), "recorder 2.0");
    assert_gone_back(&rollback(&agent));
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn a_script_that_fails_half_way_changes_nothing() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let bundle =
        Bundle::new("echo half > /etc/recorder/half\nrm /usr/local/bin/recorder\necho 'no camera' >&2\nexit 7")
            .toml("version = \"2.0\"");
    let job = install(&agent, &bundle);
    assert_end(&job, JobState::Refused, Some(Reason::ScriptFailed));
    assert_says(&job.message, &["no camera", "7"]);
    assert_same_files(&old, &exact(&sandbox));
    assert_nothing_prepared(&sandbox);
    let log = std::fs::read_to_string(sandbox.state_dir().join(format!("host/logs/{:08}.log", job.id.0)));
    assert_says(&log.expect("the job has a log"), &["no camera"]);
}

#[test]
fn a_program_that_is_not_healthy_goes_back_to_the_byte() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).toml(&health(&sandbox)).start();
    let job = install(&agent, &recorder("bad"));
    assert_end(&job, JobState::RolledBack, Some(Reason::Unhealthy));
    assert_same_files(&old, &exact(&sandbox));
    assert_eq!(status(&agent).generation, Generation(0));
}

#[test]
fn a_check_that_the_bundle_brings_judges_it() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let checked = recorder_script("2.0", "true").toml(
        "version = \"2.0\"\n[[health]]\nname = \"never\"\ncommand = [\"/bin/false\"]\ngrace_s = 0\ninterval_s = 0.05\n\
         retries = 0\nsettle_s = 0\n",
    );
    let job = install(&agent, &checked);
    assert_end(&job, JobState::RolledBack, Some(Reason::Unhealthy));
    assert_says(&job.message, &["never"]);
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn packages_and_files_of_one_bundle_come_and_go_together() {
    let sandbox = recorder_sandbox_with(&[demo("1.0"), demo("3.0")], &["demo-app=1.0"]);
    let old = exact(&sandbox).without("mtime");
    let before = belay_testkit::Snapshot::of(&sandbox);
    let agent = launch(&sandbox).toml(&health(&sandbox)).start();
    let both = |version: &str| {
        recorder_script(version, "test \"$(cat /usr/share/demo-app/version)\" = 3.0")
            .toml(&format!("version = \"{version}\"\npackages = [\"demo-app=3.0\"]\n"))
    };
    let failed = install(&agent, &both("bad"));
    assert_end(&failed, JobState::RolledBack, Some(Reason::Unhealthy));
    // Packages give the folders that they write in other times.
    assert_same_files(&old, &exact(&sandbox).without("mtime"));
    belay_testkit::assert_same(&before, &belay_testkit::Snapshot::of(&sandbox));
    let job = install(&agent, &both("2.0"));
    assert_committed(&job);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("3.0"));
    assert_eq!(program(&sandbox), "recorder 2.0");
    assert_gone_back(&rollback(&agent));
    assert_same_files(&old, &exact(&sandbox).without("mtime"));
    belay_testkit::assert_same(&before, &belay_testkit::Snapshot::of(&sandbox));
}

#[test]
fn a_dry_run_shows_the_files_and_changes_nothing() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let body = serde_json::json!({ "bundle": { "uploaded": upload(&agent, &recorder("2.0").gzip()) } });
    let job = ask_job(&agent, "/plan", &body);
    assert_end(&job, JobState::Refused, Some(Reason::DryRun));
    let files = job.plan.expect("a dry run has a plan").files;
    let shown: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert!(shown.contains(&"/usr/local/bin/recorder") && shown.contains(&"/etc/recorder/old.conf"), "{shown:?}");
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn a_file_that_others_change_meanwhile_is_never_overwritten() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let bundle = Bundle::new("echo ours > /etc/recorder/recorder.conf\ntouch /etc/recorder/reached\nsleep 3")
        .toml("version = \"2.0\"");
    let body = serde_json::json!({ "bundle": { "uploaded": upload(&agent, &bundle.gzip()) } });
    let id = begin(&agent, "/update", &body);
    let scratch = sandbox.state_dir().join("host/capture");
    wait_until("the script's half", PATIENCE, || find(&scratch, "reached").then_some(()));
    belay_testkit::ownership::write(&sandbox.path("etc/recorder/recorder.conf"), "theirs\n");
    let job = wait_end(&agent, id);
    assert_end(&job, JobState::Refused, Some(Reason::CapturedConflict));
    assert_says(&job.message, &["/etc/recorder/recorder.conf"]);
    let kept = std::fs::read_to_string(sandbox.path("etc/recorder/recorder.conf")).expect("it is there");
    assert_eq!(kept, "theirs\n");
}

#[test]
fn a_daemon_that_the_script_leaves_running_fails_the_job() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let bundle = Bundle::new("setsid sleep 600 >/dev/null 2>&1 </dev/null &\n").toml("version = \"2.0\"");
    let job = install(&agent, &bundle);
    assert_end(&job, JobState::Refused, Some(Reason::ScriptLeftProcess));
    assert_says(&job.message, &["sleep"]);
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn apt_inside_a_script_is_refused_with_advice() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let job = install(&agent, &Bundle::new("apt-get install -y demo-app").toml("version = \"2.0\""));
    assert_end(&job, JobState::Refused, Some(Reason::ScriptFailed));
    assert_says(&job.message, &["belay.toml", "packages"]);
}

#[test]
fn a_service_is_enabled_by_links_and_its_restart_is_told() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let unit =
        "[Unit]\nDescription=r\n[Service]\nExecStart=/usr/local/bin/recorder\n[Install]\nWantedBy=multi-user.target\n";
    let script = "mkdir -p /etc/systemd/system\ncp recorder.service /etc/systemd/system/\n\
                  systemctl daemon-reload\nsystemctl enable --now recorder.service\nsystemctl restart recorder.service";
    let bundle = Bundle::new(script).file("recorder.service", 0o644, unit).toml("version = \"2.0\"");
    assert_committed(&install(&agent, &bundle));
    let link = sandbox.path("etc/systemd/system/multi-user.target.wants/recorder.service");
    assert!(link.is_symlink(), "the unit should be enabled");
    assert_gone_back(&rollback(&agent));
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn an_old_recorders_archive_is_a_bundle() {
    let sandbox = recorder_sandbox();
    let old = exact(&sandbox);
    let agent = launch(&sandbox).start();
    let program = "#!/bin/sh\necho recorder 2.33.07\n";
    let manifest = serde_json::json!({
        "schema_version": 1, "version": "2.33.07", "created_at": "2026-01-02T03:04:05Z", "requires_reboot": false,
        "required_packages": [], "restart_services": ["recorder"],
        "files": [{
            "path": "usr\\local\\bin\\recorder", "size": program.len(),
            "sha256": belay_testkit::bundle::digest(program.as_bytes()),
        }],
    });
    let archive = Bundle::default().file("update_manifest.json", 0o644, manifest.to_string()).file(
        "payload/usr/local/bin/recorder",
        0o755,
        program,
    );
    assert_committed(&install(&agent, &archive));
    assert_eq!(
        belay_testkit::command::succeed(sandbox.command("sh").arg(sandbox.path("usr/local/bin/recorder"))).trim(),
        "recorder 2.33.07"
    );
    assert_eq!(release_in_force(&agent).as_deref(), Some("2.33.07"));
    assert_gone_back(&rollback(&agent));
    assert_same_files(&old, &exact(&sandbox));
}

#[test]
fn what_others_changed_since_is_told_and_left_alone_unless_approved() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&install(&agent, &recorder("2.0")));
    belay_testkit::ownership::write(&sandbox.path("etc/recorder/recorder.conf"), "mine\n");
    let refused = rollback(&agent);
    assert_end(&refused, JobState::Refused, Some(Reason::Drift));
    assert_says(&refused.message, &["/etc/recorder/recorder.conf"]);
    assert_gone_back(&ask_job(&agent, "/rollback", &serde_json::json!({ "approve": ["drift"] })));
    assert_eq!(program(&sandbox), "recorder 1.0");
    let kept = std::fs::read_to_string(sandbox.path("etc/recorder/recorder.conf")).expect("it is there");
    assert_eq!(kept, "mine\n", "a person's change is not undone");
}
