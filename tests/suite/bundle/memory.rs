//! What a large bundle takes of a small device's memory.

use std::fs;

use belay_testkit::FlakyServer;
use belay_testkit::bundle::digest;
use belay_testkit::{Agent, Bundle};
use serde_json::json;

use super::world::*;
use crate::support::*;

/// Bytes of the bundle.
const LENGTH: usize = 1 << 30;

/// The most that fetching it may take beyond what the agent takes at rest, in KiB.
const MOST: u64 = 16 * 1024;

#[test]
fn a_gigabyte_is_fetched_hashed_and_unpacked_in_sixteen_megabytes() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let content: Vec<u8> = (0..=255_u8).cycle().take(LENGTH).collect();
    let archive = Bundle::new("exit 9").toml("version = \"2.0\"").file("large", 0o644, &content).tar();
    drop(content);
    let server = FlakyServer::start(archive.clone());
    let body = json!({ "bundle": { "url": server.url(), "sha256": digest(&archive) } });
    drop(archive);
    let idle = memory(&agent, "VmRSS");
    // From here on the peak is counted anew.
    let forget = fs::OpenOptions::new().write(true).open(format!("/proc/{}/clear_refs", agent.pid()));
    std::io::Write::write_all(&mut forget.expect("its own user may"), b"5").expect("it is written");
    let job = ask_job(&agent, "/update", &body);
    let peak = memory(&agent, "VmHWM");
    // Its script fails, which shows that all of it had come.
    assert_says(&job.message, &["exit code 9"]);
    let took = peak.saturating_sub(idle);
    told(&format!("a gigabyte took {took} KiB above the {idle} KiB of an idle agent"));
    assert!(took < MOST, "fetching took {took} KiB");
}

fn memory(agent: &Agent<'_>, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("the agent runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let words = line.and_then(|line| line.split_whitespace().next()).expect("the kernel tells");
    words.parse().expect("a number")
}
