//! What can be published: folders, archives, zips and lists against a live server.

use std::path::Path;
use std::process::Command;

use belay_testkit::command::output;
use serde_json::{Value, json};

use crate::support::{Fleet, Operator, Ran};

const NAME: [&str; 6] = ["--device-type", "debian", "--distribution", "alpha", "--version", "1.0"];

/// `release publish` of a source as debian/alpha/1.0.
fn publish<'a>(source: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["release", "publish", source][..], &NAME, more].concat()
}

/// Runs another program in the operator's working folder, where it must succeed.
#[track_caller]
fn tool(operator: &Operator, line: &str) -> Ran {
    let mut command: Command = operator.any(Path::new("/bin/sh"));
    let ran = Ran::from(output(command.args(["-euc", line])));
    assert_eq!(ran.code, Some(0), "{line}: {ran}");
    ran
}

/// A folder with a script and a program.
fn folder(operator: &Operator) {
    tool(operator, "mkdir -p build/bin && printf '#!/bin/sh\\n' >build/install.sh && echo program >build/bin/demo");
    tool(operator, "chmod 755 build/install.sh build/bin/demo && mkdir build/.git && echo x >build/.git/config");
}

#[test]
fn a_folder_is_published_once_and_the_same_again_changes_nothing() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    folder(&operator);
    let first = operator.json(&publish("build", &["--notes", "new: tides"]));
    assert_eq!(
        (&first["new"], &first["kind"], &first["notes"]),
        (&json!(true), &json!("bundle"), &json!("new: tides"))
    );
    assert_eq!(first["bundle"]["archive"], "update.tar.gz");
    // Another folder with the same in it, at another time, by another mask.
    tool(
        &operator,
        "umask 077; mkdir other && cp -r build/bin build/install.sh other/ && touch -d 2001-01-01 other/bin/demo",
    );
    let again = operator.json(&publish("other", &[]));
    assert_eq!((&again["new"], &again["sha256"]), (&json!(false), &first["sha256"]));
    operator.run(&publish("other", &[])).exits(0).says(&["was there already"]);
    // What devices fetch is what was packed.
    operator.succeed(&[&["release", "download"][..], &NAME, &["--file", "back.tar.gz"]].concat());
    let listed = tool(&operator, "tar -tvzf back.tar.gz");
    listed.says(&["-rwxr-xr-x 0/0", "1970-01-01 00:00 install.sh", "bin/demo"]);
    assert!(!listed.stdout.contains(".git"), "{listed}");
    tool(&operator, "echo other >other/bin/demo");
    operator.run(&publish("other", &[])).exits(2).complains(&["publish another version", "release_exists"]);
}

#[test]
fn a_zip_is_published_as_what_its_folder_would_be() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    folder(&operator);
    let pack = "import shutil; shutil.make_archive('update', 'zip', 'build')";
    tool(&operator, &format!("rm -r build/.git; python3 -c \"{pack}\""));
    let zip = operator.json(&publish("update.zip", &[]));
    assert_eq!(zip["bundle"]["archive"], "update.tar.gz");
    let folder = operator.json(&publish("build", &[]));
    assert_eq!((&folder["new"], &folder["bundle"]), (&json!(false), &zip["bundle"]));
}

#[test]
fn an_archive_is_sent_as_it_is_and_read_again_with_check() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    folder(&operator);
    tool(&operator, "tar -czf demo-1.0.tar.gz -C build install.sh bin");
    let digest = tool(&operator, "sha256sum demo-1.0.tar.gz | cut -c1-64").stdout;
    let published = operator.json(&publish("demo-1.0.tar.gz", &["--check"]));
    assert_eq!(published["bundle"]["sha256"], digest.trim());
    assert_eq!(published["bundle"]["archive"], "demo-1.0.tar.gz");
    assert_eq!(published["check"]["sha256_match"], json!(true));
    // The words of before.
    let again = operator.json(&[&["release", "publish", "--bundle", "demo-1.0.tar.gz"][..], &NAME].concat());
    assert_eq!(again["new"], json!(false));
    tool(&operator, "head -c 100 demo-1.0.tar.gz >cut.tar.gz");
    operator.run(&publish("cut.tar.gz", &[])).exits(1).complains(&["cut.tar.gz is damaged or cut off"]);
    // Between two entries, where a tar looks whole but for its end.
    tool(&operator, "tar -cf demo.tar -C build install.sh bin && head -c 1024 demo.tar >cut.tar");
    operator.run(&publish("cut.tar", &[])).exits(1).complains(&["cut.tar is damaged or cut off", "no end"]);
}

#[test]
fn a_dry_run_says_what_would_happen_and_sends_nothing() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    folder(&operator);
    let dry = publish("build", &["--dry-run"]);
    let shown = operator.json(&dry);
    assert_eq!((&shown["standing"], &shown["source"], &shown["entries"]), (&json!("new"), &json!("folder"), &json!(3)));
    assert_eq!((&shown["signed"], &shown["archive_is_there"]), (&json!(false), &json!(false)));
    operator.run(&dry).exits(0).says(&["it would be published", "nothing was sent"]);
    assert_eq!(fleet.ask("GET", "/api/v1/releases", &Value::Null)["total"], json!(0));
    let digest = shown["sha256"].as_str().expect("a digest is text");
    assert_eq!(fleet.send("GET", &format!("/api/v1/artifacts/{digest}"), &Value::Null).status, 404);

    let published = operator.json(&publish("build", &[]));
    assert_eq!(published["bundle"]["sha256"], digest);
    let there = operator.json(&dry);
    assert_eq!((&there["standing"], &there["archive_is_there"]), (&json!("there"), &json!(true)));
    for change in [&["--approve", "guard_removal"][..], &["--sign", "site.key"]] {
        if change[0] == "--sign" {
            operator.succeed(&["key", "generate", "site", "--no-password"]);
        }
        operator.run(&[&dry[..], change].concat()).exits(2).says(&["REFUSED", "publish another version"]);
    }
    tool(&operator, "echo other >build/bin/demo");
    let refused = operator.run(&[&dry[..], &["--json"]].concat());
    assert_eq!(refused.exits(2).json()["standing"], json!("refused"));
    assert_eq!(fleet.ask("GET", "/api/v1/releases", &Value::Null)["total"], json!(1));
}

#[test]
fn a_dry_run_needs_no_server_and_says_what_a_token_may_not() {
    let nobody = Operator::new();
    folder(&nobody);
    nobody.run(&publish("build", &["--dry-run"])).exits(0).says(&["no server is named", "nothing was sent"]);
    let fleet = Fleet::start();
    let viewer = fleet.operator_with(&fleet.server().token("viewer", "updates:view"));
    folder(&viewer);
    viewer.run(&publish("build", &["--dry-run"])).exits(2).says(&["REFUSED", "updates:publish"]);
    let publisher = fleet.operator_with(&fleet.server().token("publisher", "updates:publish"));
    folder(&publisher);
    publisher.run(&publish("build", &["--dry-run"])).exits(0).says(&["not known", "updates:view"]);
}

#[test]
fn a_tag_names_the_release_and_another_one_is_refused_with_the_forms() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    operator.write("app.list", "demo-app=2.0\n");
    let maps = ["--map", "rtsp-recorder-*-stable=RTSP-Recorder/232", "--map", "jupiter-*-stable=Jupiter/other"];
    let by_tag = |tag| [&["release", "publish", "app.list", "--tag", tag][..], &maps].concat();
    let published = operator.json(&by_tag("rtsp-recorder-2.33.07-stable"));
    assert_eq!(
        [&published["device_type"], &published["distribution"], &published["version"]],
        [&json!("RTSP-Recorder"), &json!("232"), &json!("2.33.07")]
    );
    operator
        .run(&by_tag("rtsp-recorder-2.33.07-gamma"))
        .exits(1)
        .complains(&["rtsp-recorder-*-stable=RTSP-Recorder/232"]);
    let ambiguous = [&by_tag("jupiter-1.0-stable")[..], &["--map", "jupiter-*=Jupiter/232", "--dry-run"]].concat();
    operator.run(&ambiguous).exits(1).complains(&["jupiter-*=Jupiter/232", "jupiter-*-stable=Jupiter/other"]);
    let listed = operator.run_with_input(&publish("-", &["--json"]), "demo-app=2.0\n");
    assert_eq!(listed.exits(0).json()["packages"], json!(["demo-app=2.0"]));
}

#[test]
fn what_was_signed_elsewhere_is_published_and_proven_by_its_key() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    folder(&operator);
    operator.succeed(&["key", "generate", "site", "--no-password"]);
    operator.succeed(&["key", "generate", "other", "--no-password"]);
    tool(&operator, "mkdir out");
    // On the machine that has the key, which knows no server.
    let signer = operator.without_env("BELAY_SERVER");
    let written = signer.json(&publish("build", &["--sign", "site.key", "--out", "out"]));
    assert_eq!(written["archive"], "out/update.tar.gz");
    let operator = signer.env("BELAY_SERVER", &fleet.url());
    let signed = ["--manifest", "out/manifest.json", "--signature", "out/manifest.sig"];
    let published = operator.json(&publish("out/update.tar.gz", &signed));
    assert_eq!((&published["new"], &published["signed"]), (&json!(true), &json!(true)));
    let verify = |key| [&["release", "verify"][..], &NAME, &["--key", key]].concat();
    operator.run(&verify("site.pub")).exits(0).says(&["has its digest", "by this key"]);
    operator.run(&verify("other.pub")).exits(1).says(&["NOT by this key"]);
    operator.run(&verify("site.key")).exits(1).complains(&["site.key"]);
    let dry = |key| publish("build", &["--dry-run", "--sign", key]);
    operator.run(&dry("site.key")).exits(0).says(&["it is there already"]);
    operator.run(&dry("other.key")).exits(2).says(&["REFUSED", "a signature by another key"]);
    // What was signed is not lost by signing once more, nor is one half of it.
    let again = publish("build", &["--sign", "other.key", "--out", "out"]);
    tool(&operator, "cp -r out kept && rm out/manifest.json");
    operator.run(&again).exits(1).complains(&["out/manifest.sig is there already", "--force"]);
    tool(&operator, "test ! -e out/manifest.json && cp kept/manifest.json out/ && diff -r kept out");
    operator.run(&[&again[..], &["--force"]].concat()).exits(0);
    tool(&operator, "cmp kept/update.tar.gz out/update.tar.gz && ! cmp -s kept/manifest.sig out/manifest.sig");
    let sign = |key| ["key", "sign", "out/manifest.json", "--key", key];
    operator.run(&sign("site.key")).exits(1).complains(&["out/manifest.sig is there already", "--force"]);
    operator.succeed(&[&sign("site.key")[..], &["--force"]].concat());
    operator.succeed(&["key", "verify", "out/manifest.json", "--key", "site.pub"]);
    tool(&operator, "rm -r out && mv kept out");
    // And carried to a device that no server reaches.
    operator.succeed(&[&["release", "download"][..], &NAME, &["--file", "usb.tar.gz", "--with-manifest"]].concat());
    let same =
        "cmp out/manifest.json manifest.json && cmp out/manifest.sig manifest.sig && cmp out/update.tar.gz usb.tar.gz";
    tool(&operator, same);
    let download = [&["release", "download"][..], &NAME, &["--file", "usb.tar.gz", "--with-manifest"]].concat();
    operator.run(&download).exits(0);
    // Another file of the person's own is written over by neither of them.
    for (ours, names) in
        [("usb.tar.gz", "usb.tar.gz is there already"), ("manifest.sig", "manifest.sig is there already")]
    {
        tool(&operator, &format!("echo precious >{ours}"));
        operator.run(&download).exits(1).complains(&[names, "--force"]);
        tool(&operator, &format!("grep -qx precious {ours}"));
        operator.run(&[&download[..], &["--force"]].concat()).exits(0);
        tool(&operator, same);
    }
}

#[test]
fn a_list_is_shown_promoted_and_fetched_back() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    operator.write("app.list", "# ours\ndemo-app=2.0\nlibdemo\n");
    operator.write("news.txt", "new: tides\nand winds\n");
    operator.succeed(&publish("app.list", &["--notes-file", "news.txt"]));
    let of = |verb| [&["release", verb][..], &NAME].concat();
    operator.run(&of("show")).exits(0).says(&[
        "debian/alpha/1.0",
        "demo-app=2.0",
        "libdemo",
        "and winds",
        "by operator",
    ]);
    operator.run(&[&of("promote")[..], &["--to", "beta"]].concat()).exits(0).says(&["debian/beta/1.0 is published"]);
    operator.run(&[&of("promote")[..], &["--to", "beta"]].concat()).exits(0).says(&["was there already"]);
    operator.run(&of("download")).exits(0).says(&["debian-1.0.list is written: 2 packages"]);
    assert_eq!(tool(&operator, "cat debian-1.0.list").stdout, "demo-app=2.0\nlibdemo\n");
    operator.run(&of("download")).exits(0);
    operator.write("debian-1.0.list", "precious\n");
    operator.run(&of("download")).exits(1).complains(&["debian-1.0.list is there already", "--force"]);
    operator.run(&[&of("download")[..], &["--force"]].concat()).exits(0);
    assert_eq!(tool(&operator, "cat debian-1.0.list").stdout, "demo-app=2.0\nlibdemo\n");
    operator.run(&of("delete")).exits(0);
    operator.run(&of("show")).exits(2).complains(&["not_found"]);
}

#[test]
fn what_devices_will_refuse_is_said_before_it_is_sent() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    tool(&operator, "mkdir -p build/inner && echo >build/inner/install.sh && ln -s /etc build/etc");
    let ran = operator.run(&publish("build", &[]));
    ran.exits(0)
        .complains(&["warning: etc is a link to an absolute path", "warning: install.sh lies in the folder inner"]);
    operator.write("bad.list", "demo-app\n-oDebug=1\n");
    operator.run(&publish("bad.list", &[])).exits(1).complains(&["bad.list, line 2"]);
    operator.run(&publish("missing", &[])).exits(1).complains(&["failed to read missing"]);
}
