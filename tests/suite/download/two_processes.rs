//! The bytes over the host's socket, with a host that hashes what it is given and may go away.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use belay_agent::host::Host;
use belay_agent::host::remote::RemoteHost;
use belay_agent::host::wire::frames::FrameReader;
use belay_agent::host::wire::{Call, Reply, receive, send};
use belay_agent::machine::effect::{Arrived, Effect, Outcome};
use belay_agent::remote::download::Downloads;
use belay_protocol::job::JobId;
use belay_protocol::{Failure, PackageList, Reason};
use belay_testkit::FlakyServer;
use sha2::Digest;
use tokio::sync::watch;

use super::{order, settings};

/// How a host treats one connection.
type Treats = fn(UnixStream);

/// Reads everything, and says by which digest it knows it.
fn hashes(stream: UnixStream) {
    let (read, mut write) = called(stream);
    let mut bytes = Vec::new();
    let mut content = FrameReader::new(read, write.try_clone().expect("a descriptor"));
    let taken = match content.read_to_end(&mut bytes) {
        Ok(_) => Ok(Arrived {
            version: "2.0".parse().expect("a version"),
            packages: PackageList::default(),
            warnings: vec![format!("{:x}", sha2::Sha256::digest(&bytes))],
        }),
        Err(_) => Err(Failure::new(Reason::UnpackCorrupt, "the archive broke off")),
    };
    answer(&mut write, taken);
}

/// Reads a little and is gone.
fn dies(stream: UnixStream) {
    let (read, write) = called(stream);
    let _ = FrameReader::new(read, write).read(&mut [0; 100]);
}

/// Reads a little and has heard enough.
fn refuses(stream: UnixStream) {
    let (read, mut write) = called(stream);
    let _ = FrameReader::new(read, write.try_clone().expect("a descriptor")).read(&mut [0; 100]);
    answer(&mut write, Err(Failure::new(Reason::UnpackAbsolute, "an absolute path")));
}

fn called(stream: UnixStream) -> (BufReader<UnixStream>, UnixStream) {
    let write = stream.try_clone().expect("a descriptor");
    let mut read = BufReader::new(stream);
    let call: Option<Call> = receive(&mut read).expect("a call");
    assert!(matches!(call, Some(Call::Receive(Effect::Download { .. }))), "{call:?}");
    (read, write)
}

fn answer(write: &mut impl Write, taken: Result<Arrived, Failure>) {
    send(write, &Reply::Outcome(Box::new(Outcome::Downloaded(taken)))).expect("the daemon listens");
}

/// What a daemon hears that downloads these bytes for a host that treats its connections so, one after the other.
fn hears(treats: &[Treats], bytes: &[u8], server: &FlakyServer) -> Result<Arrived, Failure> {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("host.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let treats = treats.to_vec();
    thread::spawn(move || {
        for (treat, stream) in treats.into_iter().zip(listener.incoming().flatten()) {
            treat(stream);
        }
    });
    let order = order(&server.url(), &format!("{:x}", sha2::Sha256::digest(bytes)), bytes.len() as u64);
    let (_stop, stopped) = watch::channel(None);
    let mut download = Downloads::new(&settings(folder.path())).open(&order, stopped, Box::new(|_, _| ()));
    let effect = Effect::Download { job: JobId(1), order: Box::new(order), assignment: None, approve: Vec::new() };
    RemoteHost::new(socket).receive(&effect, &mut download)
}

fn served() -> (Vec<u8>, FlakyServer) {
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let server = FlakyServer::start(bytes.clone());
    (bytes, server)
}

#[test]
fn the_host_gets_every_byte() {
    let (bytes, server) = served();
    let arrived = hears(&[hashes], &bytes, &server).expect("it is taken");
    assert_eq!(arrived.warnings, [format!("{:x}", sha2::Sha256::digest(&bytes))]);
}

#[test]
fn a_host_that_dies_gets_everything_again_and_the_network_does_not_notice() {
    let (bytes, server) = served();
    let arrived = hears(&[dies, dies, hashes], &bytes, &server).expect("it is taken");
    assert_eq!(arrived.warnings, [format!("{:x}", sha2::Sha256::digest(&bytes))]);
    // What was on its way when the host went comes again, and nothing that had arrived.
    for request in server.requests().iter().skip(1) {
        let from =
            request.to_lowercase().lines().find_map(|line| line.strip_prefix("range: bytes=").map(str::to_owned));
        assert!(from.as_ref().is_some_and(|from| !from.starts_with("0-")), "{request}");
    }
}

#[test]
fn a_host_that_refuses_is_heard_in_the_middle() {
    let (bytes, server) = served();
    let refused = hears(&[refuses], &bytes, &server).expect_err("it is refused");
    assert_eq!(refused.reason, Reason::UnpackAbsolute);
}

#[test]
fn a_line_that_is_no_call_is_no_content() {
    // The reader of frames and the reader of lines share one buffer: what follows the call is not lost.
    let (mut daemon, host) = UnixStream::pair().expect("a socket");
    let write = host.try_clone().expect("a descriptor");
    daemon.write_all(b"{\"survey\"}\n\0\0\0\x03abc\0\0\0\0").expect("it fits");
    let mut read = BufReader::new(host);
    let mut line = String::new();
    read.read_line(&mut line).expect("a line");
    let mut bytes = Vec::new();
    FrameReader::new(read, write).read_to_end(&mut bytes).expect("a frame and an end");
    assert_eq!(bytes, b"abc");
}
