//! The recipes of packaging/ci, carried out: every block of shell in them runs, as the pipeline would run it, against a
//! live server. What their formats demand is for `make recipes`.

mod blocks;

use std::fs;
use std::path::Path;

use belay_testkit::Sandbox;
use belay_testkit::bundle::Bundle;
use belay_testkit::command::{command, output, succeed};
use belay_testkit::ownership::{create_dir, write};
use serde_json::{Value, json};

use self::blocks::{Block, of_jenkins, of_yaml};
use crate::support::{Fleet, Operator, Ran, binary, demo_sandbox};

fn recipe(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/ci").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A runner: server and token under the names that the recipes use, a .deb of belayctl, a tree that `make build` builds.
fn runner(fleet: &Fleet) -> Operator {
    let operator = Operator::new().env("MEETING_API_URL", &fleet.url()).env("MEETING_AUTH_TOKEN", fleet.token());
    for folder in ["deb", "deb/DEBIAN", "deb/usr", "deb/usr/bin", "temp"] {
        create_dir(&operator.path(folder));
    }
    let control = "Package: belayctl\nVersion: 0.1.0\nArchitecture: all\nMaintainer: nobody <n@example.invalid>\nDescription: x\n";
    write(&operator.path("deb/DEBIAN/control"), control);
    write(&operator.path("temp/github-path"), "");
    fs::copy(binary("belayctl"), operator.path("deb/usr/bin/belayctl")).expect("belayctl can be copied");
    let deb = operator.path("made.deb");
    succeed(command("dpkg-deb").current_dir(operator.path("")).args([
        "--root-owner-group",
        "-Znone",
        "-b",
        "deb",
        "made.deb",
    ]));
    let digest = belay_testkit::bundle::digest(&fs::read(&deb).expect("it was made"));
    write(&operator.path("update.tar.gz"), Bundle::new("exit 0").gzip());
    write(&operator.path("Makefile"), "build:\n\ttest -n \"$(VERSION)\"\n\tmkdir -p dist && cp update.tar.gz dist/\n");
    operator.env("BELAYCTL_DEB", &format!("file://{}#sha256={digest}", deb.display()))
}

/// Runs one block.
fn run(operator: &Operator, shell: &[&str], script: &str) -> Ran {
    Ran::from(output(operator.any(Path::new(shell[0])).args(&shell[1..]).arg(script)))
}

const BASH: [&str; 4] = ["/bin/bash", "-eo", "pipefail", "-c"];

/// What Jenkins gives a step without a first line of its own.
const SH: [&str; 3] = ["/bin/sh", "-xe", "-c"];

/// `TYPE/RING/VERSION` of everything that is published.
fn releases(fleet: &Fleet) -> Vec<String> {
    let page = fleet.ask("GET", "/api/v1/releases", &Value::Null);
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let part = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let mut names: Vec<String> = items
        .iter()
        .map(|item| ["device_type", "distribution", "version"].map(|name| part(item, name)).join("/"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_shell_reads_every_block() {
    let mut count = 0;
    for (name, blocks) in [
        ("gitlab-ci.yml", of_yaml(&recipe("gitlab-ci.yml"))),
        ("github-publish.yml", of_yaml(&recipe("github-publish.yml"))),
        ("Jenkinsfile", of_jenkins(&recipe("Jenkinsfile"))),
    ] {
        for Block { key, script } in blocks {
            count += 1;
            for shell in ["bash", "dash"] {
                let read = output(command(shell).args(["-n", "-c", &script]));
                assert!(
                    read.status.success() || (shell == "dash" && name.contains("github")),
                    "{name}, {key}, {shell}:\n{script}\n{read:?}"
                );
            }
        }
    }
    assert_eq!(count, 14, "a block was overlooked, or a recipe has another number of them");
}

/// GitLab runs `before_script` and `script` of a job as one.
fn gitlab(operator: &Operator, tag: &str) -> Ran {
    let blocks = of_yaml(&recipe("gitlab-ci.yml"));
    let all: Vec<&str> = blocks.iter().map(|block| block.script.as_str()).collect();
    assert_eq!(
        blocks.iter().map(|block| block.key.as_str()).collect::<Vec<_>>(),
        ["script", "before_script", "script"]
    );
    let script = format!("export CI_COMMIT_TAG={tag} CI_COMMIT_SHORT_SHA=0a1b2c3d\n{}", all.join("\n"));
    run(operator, &BASH, &script)
}

#[test]
fn gitlabs_recipe_publishes_what_a_tag_says() {
    let fleet = Fleet::start();
    let operator = runner(&fleet);
    for (tag, release) in [
        ("rtsp-recorder-2.33.07-stable", "RTSP-Recorder/232/2.33.07"),
        ("rtsp-recorder-2.33.08-beta", "RTSP-Recorder/beta/2.33.08"),
        ("jupiter-1.4-stable", "Jupiter/other/1.4"),
    ] {
        gitlab(&operator, tag).exits(0).says(&[&format!("{release} is published"), "has its digest"]);
        let shown = fleet.ask("GET", &format!("/api/v1/releases/{release}"), &Value::Null);
        assert_eq!(shown["notes"], "Built from commit 0a1b2c3d");
    }
    // A job that is run again changes nothing.
    gitlab(&operator, "jupiter-1.4-stable").exits(0).says(&["was there already"]);
    gitlab(&operator, "jupiter-1.4-beta").exits(1).complains(&["none of the forms", "jupiter-*-stable=Jupiter/other"]);
    assert_eq!(releases(&fleet).len(), 3);
}

#[test]
fn no_recipe_runs_a_belayctl_that_is_not_the_one_it_names() {
    let fleet = Fleet::start();
    let operator = runner(&fleet);
    write(&operator.path("made.deb"), fs::read(operator.path("update.tar.gz")).expect("it was made"));
    let ran = gitlab(&operator, "jupiter-1.4-stable");
    ran.exits(1).says(&["belayctl.deb: FAILED"]);
    let install = &of_jenkins(&recipe("Jenkinsfile"))[0];
    run(&operator, &SH, &install.script).exits(1).says(&["belayctl.deb: FAILED"]);
    assert!(releases(&fleet).is_empty());
}

#[test]
fn githubs_recipe_publishes_what_a_tag_says() {
    let fleet = Fleet::start();
    let temp = |operator: &Operator, name: &str| operator.path("temp").join(name).display().to_string();
    let operator = runner(&fleet);
    let (path, summary) = (temp(&operator, "github-path"), temp(&operator, "summary"));
    let folder = operator.path("temp").display().to_string();
    let operator = operator.env("RUNNER_TEMP", &folder).env("GITHUB_PATH", &path).env("GITHUB_SHA", "0a1b2c3d4e5f");
    let mut operator = operator.env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_REF_NAME", "any");
    let blocks = of_yaml(&recipe("github-publish.yml"));
    let (publish, before) = blocks.split_last().expect("there are steps");
    for Block { script, .. } in before {
        run(&operator, &BASH, script).exits(0);
        let added = fs::read_to_string(&path).expect("it was made");
        operator = operator.env("PATH", &format!("{}:/usr/bin:/bin", added.trim()));
    }
    for (tag, release) in [
        ("rtsp-recorder-2.33.07-stable", "RTSP-Recorder/232/2.33.07"),
        ("rtsp-recorder-2.33.08-beta", "RTSP-Recorder/beta/2.33.08"),
        ("rtsp-recorder-v2.33.09-beta", "RTSP-Recorder/beta/v2.33.09"),
        ("jupiter-1.4-stable", "Jupiter/other/1.4"),
    ] {
        operator = operator.env("GITHUB_REF_NAME", tag);
        run(&operator, &BASH, &publish.script).exits(0);
        let summary = fs::read_to_string(&summary).expect("it was written");
        assert!(summary.contains(&format!("{release} is published")), "{summary}");
        let shown = fleet.ask("GET", &format!("/api/v1/releases/{release}"), &Value::Null);
        assert_eq!(shown["notes"], "Released from GitHub Actions, commit 0a1b2c3d");
    }
    let published = releases(&fleet);
    assert_eq!(published.len(), 4);
    // What has no channel, or another one, reaches production by no way.
    for tag in
        ["rtsp-recorder-v2.33.08", "rtsp-recorder-v2.33.08-alpha", "rtsp-recorder-v2.33.08-rc1", "jupiter-v1.5-beta"]
    {
        operator = operator.env("GITHUB_REF_NAME", tag);
        run(&operator, &BASH, &publish.script).exits(1).complains(&["none of the forms"]);
    }
    assert_eq!(releases(&fleet), published);
}

/// A Jenkins agent that was asked to bring demo-app 2.0 to the devices of `dev`.
fn jenkins(fleet: &Fleet) -> Operator {
    let operator = runner(fleet);
    operator.write("app.list", "demo-app=2.0\n");
    let path = format!("{}:/usr/bin:/bin", operator.path(".belayctl/usr/bin").display());
    let parameters = [
        ("PATH", path.as_str()),
        ("TAG", "rtsp-recorder-2.33.07-stable"),
        ("SOURCE", "app.list"),
        ("TARGET_ENV", "dev"),
        ("SOAK_SECONDS", "1"),
        ("FAIL_OVER", "5%"),
        ("BUILD_TAG", "jenkins-fleet-7"),
    ];
    parameters.iter().fold(operator, |operator, (name, value)| operator.env(name, value))
}

/// Runs the steps of these stages in their order, until one fails.
fn stages(operator: &Operator, wanted: &[&str]) -> Ran {
    let blocks = of_jenkins(&recipe("Jenkinsfile"));
    let mut last = None;
    for stage in wanted {
        let block = blocks.iter().find(|block| block.key == *stage).unwrap_or_else(|| panic!("no steps in {stage}"));
        let ran = run(operator, &SH, &block.script);
        if ran.code != Some(0) {
            return ran;
        }
        last = Some(ran);
    }
    last.expect("there is a stage")
}

const ALL: [&str; 6] = ["Install belayctl", "Pre-flight", "Plan", "Publish", "Deploy", "Watch"];

/// An agent of the ring that the pipeline brings it to; one that is ill with 2.0, or well.
fn join<'a>(fleet: &Fleet, sandbox: &'a Sandbox, is_well: bool) -> belay_testkit::Agent<'a> {
    let launch = fleet.launch(sandbox).server_setting("device_type = \"RTSP-Recorder\"\ndistribution = \"alpha\"");
    let version = sandbox.path("usr/share/demo-app/version");
    let check = ["/bin/sh", "-c", &format!("test \"$(cat {})\" != 2.0", version.display())];
    let check = format!(
        "[[health.check]]\nname = \"demo\"\ncommand = {check:?}\ngrace_s = 0\ninterval_s = 0.05\nretries = 0\nsettle_s = 0"
    );
    fleet.join_as(if is_well { launch } else { launch.toml(&check) }).0
}

#[test]
fn jenkinss_recipe_looks_first_then_deploys_and_watches() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let _agent = join(&fleet, &sandbox, true);
    let operator = jenkins(&fleet);
    // DRY_RUN ends here.
    stages(&operator, &ALL[..2]).exits(0).says(&["\"standing\": \"new\""]);
    stages(&operator, &ALL[..3]).exits(0).says(&["RTSP-Recorder/alpha/2.33.07"]);
    assert!(releases(&fleet).is_empty());
    let preview = fs::read_to_string(operator.path("preview.txt")).expect("Plan wrote it");
    let device = fleet.ask("GET", "/api/v1/devices", &Value::Null)["items"][0]["id"].clone();
    assert!(preview.contains(device.as_str().expect("an id is text")), "{preview}");
    let ran = stages(&operator, &ALL);
    ran.exits(0).says(&["completed"]);
    assert_eq!(releases(&fleet), ["RTSP-Recorder/alpha/2.33.07"]);
    assert_eq!(fs::read_to_string(sandbox.path("usr/share/demo-app/version")).expect("it is installed"), "2.0");
    stages(&operator, &["always"]).exits(0);
    let report = fs::read_to_string(operator.path("report.txt")).expect("it was written");
    assert!(report.contains("jenkins-fleet-7") && report.contains("completed"), "{report}");
}

#[test]
fn jenkinss_recipe_reads_tags_as_the_others_do_and_publishes_after_the_approval() {
    let text = recipe("Jenkinsfile");
    let at = |stage: &str| text.find(&format!("stage('{stage}')")).unwrap_or_else(|| panic!("no stage {stage}"));
    assert!(at("Plan") < at("Approval") && at("Approval") < at("Publish") && at("Publish") < at("Deploy"));
    let fleet = Fleet::start();
    let mut operator = jenkins(&fleet);
    stages(&operator, &ALL[..1]).exits(0);
    for (to, tag, release) in [
        ("prod", "rtsp-recorder-2.33.07-stable", Some(("RTSP-Recorder", "232"))),
        ("prod", "jupiter-2.33.07-stable", Some(("Jupiter", "other"))),
        ("prod", "rtsp-recorder-2.33.07-beta", None),
        ("prod", "rtsp-recorder-v2.33.07", None),
        ("staging", "rtsp-recorder-2.33.07-beta", Some(("RTSP-Recorder", "beta"))),
        ("staging", "jupiter-2.33.07-stable", Some(("Jupiter", "beta"))),
        ("dev", "rtsp-recorder-2.33.07-beta", Some(("RTSP-Recorder", "alpha"))),
        ("dev", "jupiter-2.33.07-beta", None),
    ] {
        operator = operator.env("TARGET_ENV", to).env("TAG", tag);
        let ran = stages(&operator, &["Pre-flight"]);
        match release {
            None => {
                ran.exits(1).says(&["none of the forms"]);
            }
            Some((device_type, distribution)) => {
                ran.exits(0);
                let read = fs::read_to_string(operator.path("release.env")).expect("Pre-flight wrote it");
                let expected = format!("device_type={device_type}\ndistribution={distribution}\nversion=2.33.07\n");
                assert_eq!(read, expected, "{to}, {tag}");
            }
        }
    }
}

#[test]
fn jenkinss_recipe_leaves_what_a_person_paused_or_cancelled() {
    let fleet = Fleet::start();
    let sandboxes = [demo_sandbox(), demo_sandbox()];
    let _agents = [join(&fleet, &sandboxes[0], true), join(&fleet, &sandboxes[1], true)];
    // The second device waits for the first, so the deployment does not end meanwhile.
    let operator = jenkins(&fleet).env("SOAK_SECONDS", "3600");
    stages(&operator, &ALL[..5]).exits(0);
    for (verb, code, status) in [("pause", 4, "paused"), ("cancel", 3, "cancelled")] {
        run(&operator, &SH, &format!("belayctl deployment {verb} \"$(cat deployment.id)\"")).exits(0);
        stages(&operator, &["Watch"]).exits(code);
        let deployments = fleet.ask("GET", "/api/v1/deployments", &Value::Null);
        assert_eq!(
            (&deployments["total"], &deployments["items"][0]["status"]),
            (&json!(1), &json!(status)),
            "nothing goes back: {deployments:#}"
        );
    }
}

#[test]
fn jenkinss_recipe_takes_back_what_fails_and_stops_at_what_is_refused() {
    let fleet = Fleet::start();
    let sandboxes = [demo_sandbox(), demo_sandbox()];
    let _agents = [join(&fleet, &sandboxes[0], true), join(&fleet, &sandboxes[1], false)];
    let operator = jenkins(&fleet);
    let ran = stages(&operator, &ALL);
    assert!(matches!(ran.code, Some(3 | 4)), "{ran}");
    let deployments = fleet.ask("GET", "/api/v1/deployments", &Value::Null);
    let all = deployments["items"].as_array().cloned().unwrap_or_default();
    let named = all.iter().find(|one| one["name"] == "jenkins-fleet-7").expect("it was made");
    assert!(
        ["cancelled", "failed", "rolling_back", "rolled_back"].iter().any(|word| named["status"] == *word),
        "{named:#}"
    );
    // Nobody is left with it.
    for sandbox in &sandboxes {
        belay_testkit::wait_until("a device without it", crate::support::PATIENCE, || {
            let version = fs::read_to_string(sandbox.path("usr/share/demo-app/version"));
            version.is_ok_and(|version| version == "1.0").then_some(())
        });
    }
    // Another content under the same tag goes no further than the first look.
    operator.write("app.list", "demo-app=3.0\n");
    stages(&operator, &ALL[..2]).exits(2);
    assert_eq!(fleet.ask("GET", "/api/v1/releases", &Value::Null)["total"], json!(1));
}
