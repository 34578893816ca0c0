//! `belayctl release …` and `belayctl key …`

use belay_testkit::Bundle;

use super::*;

#[test]
fn keys_are_made_and_sign() {
    let mut transcript = Transcript::of(Operator::new());
    transcript.operator().write("manifest.json", "{\"version\": \"1.0\"}\n");
    transcript.remark("Made once, on a machine that no device and no server can reach.");
    transcript.run("key generate release --no-password").exits(0);
    transcript.run("key sign manifest.json --key release.key").exits(0);
    transcript.run("key verify manifest.json --key release.pub").exits(0);
    transcript.remark("Nothing is written over.");
    transcript.run("key generate release --no-password").exits(1);
    transcript.operator().write("manifest.json", "{\"version\": \"1.1\"}\n");
    transcript.remark("Somebody changed the manifest after it was signed.");
    transcript.run("key verify manifest.json --key release.pub").exits(1);
    transcript.json("key verify manifest.json --key release.pub");

    transcript.remark("The same for programs.");
    transcript.json("key generate other --no-password");
    transcript.json("key sign manifest.json --key other.key --force");
    transcript.json("key verify manifest.json --key other.pub");
    transcript.compare("key");
}

#[test]
fn releases_are_published_and_looked_at() {
    let fleet = Fleet::start();
    let mut transcript = Transcript::of(fleet.operator());
    transcript.operator().write("app.list", "demo-app=2.0\n");
    let name = |version: &str| format!("--device-type debian --distribution beta --version {version}");
    transcript.run("release list").exits(0);
    transcript.remark("First look: nothing is sent.");
    transcript.run(&format!("release publish app.list {} --dry-run", name("2.0"))).exits(0);
    transcript.run(&format!("release publish app.list {} --notes 'Quieter logs.'", name("2.0"))).exits(0);
    transcript.remark("A pipeline that runs twice does no harm.");
    transcript.run(&format!("release publish app.list {} --notes 'Quieter logs.'", name("2.0"))).exits(0);
    transcript.operator().write("app.list", "demo-app=2.1\n");
    transcript.remark("What is published is never changed.");
    transcript.run(&format!("release publish app.list {}", name("2.0"))).exits(2);
    transcript.json(&format!("release publish app.list {}", name("2.1")));

    transcript.remark("A bundle, from its folder.");
    transcript.operator().write("bundle/install.sh", "#!/bin/sh\nset -eu\ncp version /usr/share/demo/version\n");
    transcript.operator().write("bundle/version", "3.0\n");
    transcript.run(&format!("release publish bundle {} --check", name("3.0"))).exits(0);
    transcript.run("release list").exits(0);
    transcript.run(&format!("release show {}", name("3.0"))).exits(0);
    transcript.run(&format!("release verify {}", name("3.0"))).exits(0);
    transcript.run(&format!("release download {} --file got.tar.gz", name("3.0"))).exits(0);
    transcript.run(&format!("release notes {} --set 'Says its version.'", name("3.0"))).exits(0);
    transcript.run(&format!("release promote {} --to stable", name("3.0"))).exits(0);
    transcript.run(&format!("release delete {}", name("2.1"))).exits(0);
    transcript.run(&format!("release delete {}", name("2.1"))).exits(2);

    transcript.remark("The same for programs.");
    transcript.json("release list --distribution stable");
    transcript.json(&format!("release show {}", name("2.0")));
    transcript.json(&format!("release verify {}", name("3.0")));
    transcript.json(&format!("release notes {}", name("2.0")));
    transcript.json(&format!("release download {} --file again.tar.gz", name("3.0")));
    transcript.json(&format!("release promote {} --to stable", name("2.0")));
    transcript.json(&format!("release delete {}", name("2.0")));
    transcript.compare("release");
}

#[test]
fn a_folder_is_watched_for_what_is_to_be_published() {
    let fleet = Fleet::start();
    let mut transcript = Transcript::of(fleet.operator());
    let bundle = Bundle::new("#!/bin/sh\nexit 0\n");
    let archive = bundle.gzip();
    transcript.operator().write("drop/rtsp-recorder-1.4.0-stable.tar.gz", &archive);
    transcript.operator().write("drop/rtsp-recorder-1.5.0-beta.tar.gz", &archive[..archive.len() - 9]);
    transcript.operator().write("drop/README", "Builds come here.\n");
    transcript.remark("One build is complete, one is still being copied.");
    transcript.run("release watch drop --once").exits(0);
    transcript.operator().write("drop/rtsp-recorder-1.5.0-beta.tar.gz", &archive);
    let watched = transcript.json("release watch drop --once");
    assert_eq!(watched["files"][0]["became"], "published", "the ledger of the first run is read again: {watched}");
    transcript.run("release list").exits(0);
    transcript.operator().write("drop/rtsp-recorder-1.6.0-stable.tar.gz", &archive);
    transcript.remark("A line for each file, for spreadsheets.");
    transcript.run("release watch drop --once -o csv").exits(0);
    transcript.compare("release-watch");
}
