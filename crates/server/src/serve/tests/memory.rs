//! What a resting connection costs: the server runs in a process of its own, because its clients cost more.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

use belay_testkit::command::{command, ordinary_user};
use tempfile::TempDir;

use super::secure::{certify, handshake, settings};
use super::world::{HELLO, World, ask};
use crate::serve::Limits;

/// Names the folder of the certificate, and makes the test the server.
const SERVER: &str = "BELAY_SERVE_ALONE";

#[tokio::test]
async fn a_thousand_resting_tls_connections_cost_little_memory() {
    if let Some(folder) = std::env::var_os(SERVER) {
        let world = World::with_tls(Limits::default(), Some(settings(folder.as_ref())));
        println!("\nserving {}", world.address);
        let mut nothing = Vec::new();
        // Ends with the test that asked for it.
        return tokio::task::spawn_blocking(move || drop(std::io::stdin().read_to_end(&mut nothing))).await.unwrap();
    }
    let folder = TempDir::new().unwrap();
    let certificate = certify(folder.path());
    let (mut server, address) = start(&folder);
    let mut resting = Vec::new();
    let mut before = 0;
    for number in 0..1200 {
        if number == 200 {
            before = kilobytes(&server);
        }
        let mut stream = handshake(address, &certificate).await.unwrap();
        assert!(ask(&mut stream, HELLO).await.contains("hello"));
        resting.push(stream);
    }
    let each = (kilobytes(&server) - before) as f64 / 1000.0;
    drop(server.stdin.take());
    server.wait().unwrap();
    println!("a resting TLS connection costs {each:.1} KiB");
    assert!(each <= 26.0, "a resting TLS connection costs {each:.1} KiB");
}

fn start(folder: &TempDir) -> (Child, std::net::SocketAddr) {
    let mut again = command(std::env::current_exe().unwrap());
    if ordinary_user().is_some() {
        again.uid(0).gid(0);
    }
    let name = "serve::tests::memory::a_thousand_resting_tls_connections_cost_little_memory";
    again.env(SERVER, folder.path()).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let mut server = again.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = said.find_map(|line| line.strip_prefix("serving ").map(|address| address.parse().unwrap())).unwrap();
    // Somebody has to go on listening to what it says.
    std::thread::spawn(move || said.for_each(drop));
    (server, address)
}

fn kilobytes(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
