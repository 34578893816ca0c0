//! `belayctl release watch` on a folder that others write into, against a live server.

use std::path::Path;

use belay_testkit::bundle::Bundle;
use belay_testkit::command::output;
use belay_testkit::wait_until;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Fleet, Operator, PATIENCE, Ran, Running};

const FIRST: &str = "rpi-cam-2.33.07-stable.tar.gz";

/// Somebody with a folder `builds`.
fn operator(fleet: &Fleet) -> Operator {
    let operator = fleet.operator();
    tool(&operator, "mkdir builds");
    operator
}

#[track_caller]
fn tool(operator: &Operator, line: &str) -> String {
    let ran = Ran::from(output(operator.any(Path::new("/bin/sh")).args(["-euc", line])));
    assert_eq!(ran.code, Some(0), "{line}: {ran}");
    ran.stdout
}

fn archive(words: &str) -> Vec<u8> {
    Bundle::new(&format!("echo {words}")).gzip()
}

/// One run of two looks, without a pause.
fn once(operator: &Operator, more: &[&str]) -> Ran {
    operator.run(&[&["release", "watch", "builds", "--once", "--interval", "0", "--json"][..], more].concat())
}

/// `FILE became` of each piece of news.
fn news(ran: &Ran) -> Vec<String> {
    let files = ran.json()["files"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    files.iter().map(|file| format!("{} {}", word(&file["file"]), word(&file["became"]))).collect()
}

fn ledger(operator: &Operator) -> Value {
    let text = std::fs::read_to_string(operator.home().join("state/belay/published.json"));
    serde_json::from_str(&text.expect("there is a ledger")).expect("it is JSON")
}

#[track_caller]
fn wait_for(running: &Running, words: &str) {
    wait_until(words, PATIENCE, || running.so_far().1.contains(words).then_some(()));
}

fn releases(fleet: &Fleet) -> Vec<String> {
    let page = fleet.ask("GET", "/api/v1/releases", &Value::Null);
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let word = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let name = |item| ["device_type", "distribution", "version"].map(|part| word(item, part)).join("/");
    let mut names: Vec<String> = items.iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn what_appears_in_a_folder_is_published_once() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    operator.write(&format!("builds/{FIRST}"), archive("one"));
    operator.write("builds/Jupiter-1.0-nightly.tar.gz", archive("two"));
    operator.write("builds/notes.txt", "no archive");
    operator.write("builds/odd.tar.gz", archive("three"));
    let ran = once(&operator, &["--ring", "nightly=alpha"]);
    ran.exits(0);
    assert_eq!(
        news(&ran),
        ["odd.tar.gz ignored", "Jupiter-1.0-nightly.tar.gz published", &format!("{FIRST} published")]
    );
    assert_eq!(releases(&fleet), ["Jupiter/alpha/1.0", "rpi-cam/232/2.33.07"]);
    let shown = fleet.ask("GET", "/api/v1/releases/rpi-cam/232/2.33.07", &Value::Null);
    assert_eq!(shown["notes"], format!("Auto-published from {FIRST}"));
    let again = once(&operator, &["--ring", "nightly=alpha"]);
    assert_eq!(news(again.exits(0)), ["odd.tar.gz ignored"]);
    // Whoever loses the ledger loses nothing.
    tool(&operator, "rm \"$XDG_STATE_HOME\"/belay/published.json");
    let ran = once(&operator, &[]);
    assert!(news(&ran).contains(&format!("{FIRST} was_there")), "{ran}");
}

#[test]
fn a_file_that_grows_or_is_cut_off_waits_until_it_is_complete() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    let whole = archive("one");
    operator.write(&format!("builds/{FIRST}"), &whole[..whole.len() / 2]);
    let mut watcher = operator.start(&["release", "watch", "builds", "--interval", "1"]);
    wait_for(&watcher, "waits as rpi-cam/232/2.33.07");
    operator.write("builds/empty-1-beta.tar.gz", "");
    operator.write(&format!("builds/{FIRST}"), &whole);
    wait_for(&watcher, "is published as rpi-cam/232/2.33.07");
    operator.write("builds/later-1-beta.tar.gz", archive("two"));
    wait_for(&watcher, "is published as later/beta/1");
    watcher.signal(Signal::SIGTERM);
    let ended = watcher.wait();
    ended.exits(0).says(&["2 published, 1 not complete"]);
    // Each is said once, however often it was looked at.
    assert_eq!(ended.stderr.matches(" waits ").count(), 1, "{ended}");
    assert_eq!(releases(&fleet), ["later/beta/1", "rpi-cam/232/2.33.07"]);
}

#[test]
fn a_file_that_changed_after_it_was_published_is_told_and_not_published_over() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    operator.write(&format!("builds/{FIRST}"), archive("one"));
    once(&operator, &[]).exits(0);
    tool(&operator, &format!("touch -d 2001-01-01 builds/{FIRST}"));
    assert_eq!(news(once(&operator, &[]).exits(0)), Vec::<String>::new());
    let before = fleet.ask("GET", "/api/v1/releases/rpi-cam/232/2.33.07", &Value::Null);
    operator.write(&format!("builds/{FIRST}"), archive("another one"));
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(3)), [format!("{FIRST} changed")]);
    assert_eq!(news(once(&operator, &[]).exits(0)), Vec::<String>::new());
    assert_eq!(fleet.ask("GET", "/api/v1/releases/rpi-cam/232/2.33.07", &Value::Null), before);
}

#[test]
fn a_refusal_is_final_and_a_server_that_is_away_is_tried_again() {
    let mut fleet = Fleet::start();
    let operator = operator(&fleet);
    let body = json!({"device_type": "rpi-cam", "distribution": "232", "version": "2.33.07", "packages": ["demo-app"]});
    fleet.ask("POST", "/api/v1/releases", &body);
    operator.write(&format!("builds/{FIRST}"), archive("one"));
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(3)), [format!("{FIRST} refused")]);
    assert!(ran.stdout.contains("publish another version"), "{ran}");
    assert_eq!(news(once(&operator, &[]).exits(0)), Vec::<String>::new());

    operator.write("builds/later-1-beta.tar.gz", archive("two"));
    let launch = fleet.kill();
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(3)), ["later-1-beta.tar.gz failed"]);
    let url = ledger(&operator)["published"].as_object().and_then(|all| all.keys().next().cloned()).expect("a server");
    let folder = std::fs::canonicalize(operator.path("builds")).expect("it is there");
    let record = |operator: &Operator| {
        ledger(operator)["published"][&url][folder.to_str().expect("text")]["later-1-beta.tar.gz"].clone()
    };
    assert_eq!((&record(&operator)["state"], &record(&operator)["attempts"]), (&json!("failed"), &json!(1)));
    fleet.revive(launch);
    // Not before its time, unless somebody says so.
    assert_eq!(news(once(&operator, &[]).exits(0)), Vec::<String>::new());
    let ran = once(&operator, &["--retry"]);
    assert_eq!(news(ran.exits(3)), ["later-1-beta.tar.gz published".to_owned(), format!("{FIRST} refused")]);
    assert_eq!(record(&operator)["state"], "published");
}

#[test]
fn two_watchers_do_not_share_a_ledger_and_a_wrong_token_is_said() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    let mut watcher = operator.start(&["release", "watch", "builds"]);
    wait_for(&watcher, "watching ");
    operator.run(&["release", "watch", "builds"]).exits(1).complains(&["another watcher", "--ledger"]);
    once(&operator, &["--ledger", "other.json"]).exits(0);
    watcher.signal(Signal::SIGTERM);
    watcher.wait().exits(0).says(&["nothing new"]);

    operator.write(&format!("builds/{FIRST}"), archive("one"));
    let operator = operator.env("BELAY_TOKEN", "wrong");
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(3)), [format!("{FIRST} failed")]);
    assert!(ran.stdout.contains("token"), "{ran}");
    operator.run(&["release", "watch", "missing", "--once"]).exits(1).complains(&["missing"]);
}

#[test]
fn a_folder_that_is_away_for_a_while_does_not_end_a_watcher() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    let mut watcher = operator.start(&["release", "watch", "builds", "--interval", "1"]);
    wait_for(&watcher, "watching ");
    tool(&operator, "mv builds away");
    wait_for(&watcher, "the folder cannot be read");
    operator.write(&format!("away/{FIRST}"), archive("one"));
    tool(&operator, "mv away builds");
    wait_for(&watcher, "is published as rpi-cam/232/2.33.07");
    // Killed in the middle it has forgotten nothing.
    watcher.signal(Signal::SIGKILL);
    assert_eq!(watcher.wait().code, None);
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(0)), Vec::<String>::new());
}

#[test]
fn a_file_that_cannot_be_read_is_tried_again_though_it_does_not_change() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    operator.write(&format!("builds/{FIRST}"), archive("one"));
    tool(&operator, &format!("chmod 0 builds/{FIRST}"));
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(3)), [format!("{FIRST} failed")]);
    assert!(ran.stdout.contains("Permission denied") && ran.stdout.contains("again at"), "{ran}");
    tool(&operator, &format!("chmod 600 builds/{FIRST}"));
    assert_eq!(news(once(&operator, &["--retry"]).exits(0)), [format!("{FIRST} published")]);

    // One that was published and cannot be compared is said, and compared as soon as it can be read.
    operator.write(&format!("builds/{FIRST}"), archive("another"));
    tool(&operator, &format!("chmod 0 builds/{FIRST}"));
    assert_eq!(news(once(&operator, &[]).exits(3)), [format!("{FIRST} failed")]);
    tool(&operator, &format!("chmod 600 builds/{FIRST}"));
    assert_eq!(news(once(&operator, &[]).exits(3)), [format!("{FIRST} changed")]);
}

#[test]
fn only_a_tar_gz_is_published_whatever_it_is_called() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    operator.write(&format!("builds/{FIRST}"), Bundle::new("echo one").tar());
    operator.write("builds/list-1-beta.tar.gz", "demo-app=1.0\n");
    let ran = once(&operator, &[]);
    assert_eq!(news(ran.exits(0)), ["list-1-beta.tar.gz waiting".to_owned(), format!("{FIRST} waiting")]);
    assert!(ran.stdout.contains("is no .tar.gz"), "{ran}");
    assert!(releases(&fleet).is_empty());
}

#[test]
fn a_key_that_cannot_sign_is_said_before_anything_is_watched() {
    let fleet = Fleet::start();
    let operator = operator(&fleet);
    let operator = operator.env("BELAY_KEY_PASSWORD", "right");
    operator.succeed(&["key", "generate", "site"]);
    // There is nothing to be signed yet.
    let watch = |operator: &Operator, key: &str| once(operator, &["--sign", key]);
    watch(&operator, "site.key").exits(0);
    watch(&operator, "site.pub").exits(1);
    let operator = operator.env("BELAY_KEY_PASSWORD", "wrong");
    let ran = watch(&operator, "site.key");
    assert!(ran.exits(1).stdout.contains("site.key"), "{ran}");
    operator.run(&["release", "watch", "builds", "--interval", "0"]).exits(1).complains(&["--once"]);
}
