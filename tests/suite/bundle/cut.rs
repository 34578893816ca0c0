//! The program ends at a named point, or everything is killed at a random instant, while a bundle is under way: the root is
//! old or new, with contents, modes, owners, times and links, and the verdict says which.
//!
//! `BELAY_CUT` repeats one point, `BELAY_SEED` draws other instants.

use std::sync::Mutex;
use std::time::Duration;

use belay_agent::{daemon, host, journal};
use belay_protocol::job::{Generation, JobState};
use belay_testkit::root_snapshot::RootSnapshot;
use belay_testkit::wait::try_wait_until;
use belay_testkit::{Agent, Bundle, Sandbox, wait_until};
use serde_json::json;

use super::world::*;
use crate::support::*;

/// The tables whose points a bundle's way has and a package list's has not.
pub(crate) const TABLES: &[&[&str]] = &[host::bundle::files::FAILPOINTS, host::bundle::store::FAILPOINTS];

/// Points that every step passes, with how often to pass them first.
const BUSY: &[(&str, u32)] = &[
    ("journal.write.before", 6),
    ("daemon.effect.before", 4),
    ("daemon.effect.after", 3),
    ("host.effect.before", 4),
    ("host.effect.after", 4),
    ("ledger.write.before", 5),
    ("ledger.write.before", 7),
    ("ledger.write.after", 6),
];

/// Points that only a device with several file systems passes: the story's root is one.
const ELSEWHERE: &[&str] = &["files.copy.before", "files.copy.after"];

/// How many random kills each mode gets.
const KILLS: u64 = 6;

#[test]
fn wherever_the_program_ends_in_a_bundle_the_root_is_old_or_new() {
    // So that a point that is named here and nowhere else is noticed.
    let known = [journal::FAILPOINTS, daemon::engine::FAILPOINTS, host::local::FAILPOINTS, host::ledger::FAILPOINTS];
    assert!(BUSY.iter().all(|(name, _)| known.iter().any(|table| table.contains(name))));
    let template = recorder_sandbox();
    let mut cuts: Vec<String> = TABLES
        .iter()
        .copied()
        .flatten()
        .filter(|name| !ELSEWHERE.contains(name))
        .map(|name| format!("{name}=return"))
        .collect();
    cuts.extend(BUSY.iter().map(|(name, passes)| format!("{name}={passes}*off->return")));
    if let Ok(only) = std::env::var("BELAY_CUT") {
        cuts.retain(|cut| *cut == only);
    }
    let cuts = Mutex::new(cuts.into_iter());
    let missed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(cut) = cuts.lock().expect("no test panics here").next() else { return };
            if !cut_at(&template, &cut) && !cut.contains("off->") {
                missed.lock().expect("no test panics here").push(cut);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let missed = missed.into_inner().expect("no test panics here");
    assert!(missed.is_empty(), "the story never passes {missed:?}");
}

#[test]
fn killed_at_any_instant_a_captured_bundle_is_there_or_not() {
    kill_at_random_instants("");
}

#[test]
fn killed_at_any_instant_a_direct_bundle_is_there_or_not() {
    kill_at_random_instants("mode = \"direct\"\npaths = [\"/usr/local\", \"/opt/recorder\"]\n");
}

/// An unhealthy bundle, a healthy one, and the way back; whether the program ended on the way.
fn cut_at(template: &Sandbox, cut: &str) -> bool {
    let sandbox = Sandbox::copy_of(template);
    let old = exact(&sandbox);
    let mut agent = launch(&sandbox).toml(&settings(&sandbox)).failpoints(cut).spawn();
    let ready = wait_until("the agent to be ready or gone", PATIENCE, || {
        let ready = agent.is_in_service();
        if ready { Some(true) } else { agent.exit_status().map(|_| false) }
    });
    let told = ready
        && lived(&agent, &slow("bad", ""))
        && lived(&agent, &slow("2.0", ""))
        && tried(&agent, "/rollback", &json!({}));
    if told {
        assert_same_files(&old, &exact(&sandbox));
        return false;
    }
    agent.wait_exit();
    agent.kill_tree();
    let agent = agent.into_launch().without_env("FAILPOINTS").start();
    judge(&sandbox, &agent, &old, cut);
    true
}

fn kill_at_random_instants(more: &str) {
    let template = recorder_sandbox();
    let seed: u64 = std::env::var("BELAY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for turn in 0..KILLS {
        let sandbox = Sandbox::copy_of(&template);
        let old = exact(&sandbox);
        let mut agent = launch(&sandbox).toml(&health(&sandbox)).start();
        let bundle = slow("2.0", more);
        let body = json!({ "bundle": { "uploaded": upload(&agent, &bundle.gzip()) } });
        begin(&agent, "/update", &body);
        // Spread over the time that such a job takes; where it ends is told by the judgement, not assumed.
        let instant = Duration::from_millis((seed * 7_919 + turn * 6_151) % 1_800);
        try_wait_until(instant, || None::<()>);
        agent.kill_tree();
        let agent = agent.into_launch().start();
        judge(&sandbox, &agent, &old, &format!("turn {turn}, {instant:?}"));
    }
}

/// The root is what the agent says, and can go back to what it was.
fn judge(sandbox: &Sandbox, agent: &Agent<'_>, old: &RootSnapshot, place: &str) {
    let last = wait_idle(agent);
    let generation = status(agent).generation;
    let now = exact(sandbox);
    if generation == Generation(0) {
        let differences = old.clone().without("mtime").diff(&now.without("mtime"));
        assert!(differences.is_empty(), "{place}: generation 0 is in force and the root differs: {differences:#?}");
        assert!(
            !last.is_some_and(|job| job.state == JobState::Committed && !job.request.is_rollback()),
            "{place}: the verdict is another one"
        );
    } else {
        assert_eq!(program(sandbox), "recorder 2.0", "{place}");
        assert!(!sandbox.path("etc/recorder/old.conf").exists(), "{place}");
        assert_gone_back(&rollback(agent));
        let differences = old.clone().without("mtime").diff(&exact(sandbox).without("mtime"));
        assert!(differences.is_empty(), "{place}: after going back the root differs: {differences:#?}");
    }
    let left = sandbox.state_dir().join("host/capture");
    assert!(
        !left.exists() || std::fs::read_dir(&left).is_ok_and(|mut names| names.next().is_none()),
        "{place}: scratch"
    );
}

/// No bundle is kept beyond the one in force, so that one goes on the way.
fn settings(sandbox: &Sandbox) -> String {
    format!("[bundle]\nkeep_mb = 0\n{}", health(sandbox))
}

/// A bundle whose script takes long enough to be killed in.
fn slow(version: &str, more: &str) -> Bundle {
    recorder_script(
        version,
        "sleep 0.1; mkdir -p /opt/recorder; echo half > /opt/recorder/half; sleep 0.2; rm /opt/recorder/half",
    )
    .toml(&format!("version = \"{version}\"\n{more}"))
}

/// Installs a bundle; whether the agent lived through it.
fn lived(agent: &Agent<'_>, bundle: &Bundle) -> bool {
    let archive = bundle.gzip();
    let digest = belay_testkit::bundle::digest(&archive);
    let mut put = format!(
        "PUT /bundles HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        archive.len()
    )
    .into_bytes();
    put.extend_from_slice(&archive);
    sent(agent, &put).contains("HTTP/1.1 201") && tried(agent, "/update", &json!({ "bundle": { "uploaded": digest } }))
}

fn tried(agent: &Agent<'_>, target: &str, body: &serde_json::Value) -> bool {
    let body = body.to_string();
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nPrefer: wait\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    sent(agent, request.as_bytes()).starts_with("HTTP/1.1 200")
}

/// What the agent answers; nothing where it ends meanwhile.
fn sent(agent: &Agent<'_>, request: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut answer = String::new();
    let spoken = std::os::unix::net::UnixStream::connect(agent.socket()).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request)?;
        stream.read_to_string(&mut answer)
    });
    spoken.map_or_else(|_| String::new(), |_| answer)
}
