//! What a large download takes of a small device's memory.

use std::io::Read;

use belay_agent::remote::download::Downloads;
use belay_testkit::FlakyServer;
use belay_testkit::command::{command, succeed};
use belay_testkit::flaky::{File, Habits, pattern};
use belay_testkit::ownership::{base_dir, temp_dir_in};
use sha2::Digest;
use tokio::sync::watch;

use super::{order, settings};

/// What tells the second run from the first: the server's address.
const SERVER: &str = "BELAY_DOWNLOAD_FROM";

const LENGTH: u64 = 1 << 30;

/// The most that a download may take, in KiB.
const MOST: u64 = 16 * 1024;

#[test]
fn a_gigabyte_takes_less_than_sixteen_megabytes_of_memory() {
    if let Ok(url) = std::env::var(SERVER) {
        return downloads(&url);
    }
    // A process of its own: no other test's memory is counted, nor the server's.
    let server = FlakyServer::with(Habits::good(File::Endless(LENGTH)));
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut alone = command(program);
    alone.env(SERVER, server.url());
    if let Some(dir) = std::env::var_os("BELAY_TEST_DIR") {
        alone.env("BELAY_TEST_DIR", dir);
    }
    let test = "download::memory::a_gigabyte_takes_less_than_sixteen_megabytes_of_memory";
    let said = succeed(alone.args(["--exact", test, "--nocapture", "--test-threads=1"]));
    assert!(said.contains("1 passed"), "there is no test {test}:\n{said}");
    assert_eq!(server.served(), LENGTH);
}

fn downloads(url: &str) {
    let folder = temp_dir_in(&base_dir(), "belay-memory-");
    let digest = digest_of_pattern();
    let (_stop, stopped) = watch::channel(None);
    let downloads = Downloads::new(&settings(folder.path()));
    let mut download = downloads.open(&order(url, &digest, LENGTH), stopped, Box::new(|_, _| ()));
    let idle = memory("VmRSS");
    // From here on the peak is counted anew.
    std::fs::OpenOptions::new()
        .write(true)
        .open("/proc/self/clear_refs")
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"5"))
        .expect("a process may forget its own peak");
    let (mut hasher, mut buffer) = (sha2::Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match download.read(&mut buffer).expect("the server behaves well") {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let took = memory("VmHWM").saturating_sub(idle);
    crate::support::told(&format!("a gigabyte took {took} KiB above the {idle} KiB of an idle process"));
    assert_eq!(format!("{:x}", hasher.finalize()), digest);
    assert!(took < MOST, "{took} KiB above the {idle} KiB of an idle process");
}

fn digest_of_pattern() -> String {
    let (block, mut hasher) = (pattern(), sha2::Sha256::new());
    for _ in 0..LENGTH / block.len() as u64 {
        hasher.update(&block);
    }
    format!("{:x}", hasher.finalize())
}

/// A figure of this process, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with(name)).expect("Linux tells that too");
    line.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).expect("it is a number")
}
