//! The frames between two ends of a real socket.

use std::io::Cursor;

use super::*;
use crate::host::wire::receive;

fn ends() -> (UnixStream, FrameReader, BufReader<UnixStream>) {
    let (daemon, host) = UnixStream::pair().unwrap();
    let replies = BufReader::new(daemon.try_clone().unwrap());
    let write = host.try_clone().unwrap();
    (daemon, FrameReader::new(BufReader::new(host), write), replies)
}

/// Waits for the host's wish, then sends.
fn sends(
    daemon: UnixStream,
    mut replies: BufReader<UnixStream>,
    mut content: impl Content + Send + 'static,
) -> std::thread::JoinHandle<io::Result<()>> {
    std::thread::spawn(move || {
        assert_eq!(receive(&mut replies)?, Some(Reply::Send));
        send_with(&daemon, &mut content, Duration::from_millis(5))
    })
}

/// Content that goes wrong after its first bytes.
struct Breaks(bool, fn() -> io::Error);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err((self.1)());
        }
        buffer[0] = 7;
        Ok(1)
    }
}

impl Content for Breaks {
    fn begin_again(&mut self) -> io::Result<()> {
        unreachable!("nobody asked")
    }
}

#[test]
fn what_is_sent_arrives_whole() {
    for length in [0, 1, 65_536, 65_537, 1_000_000] {
        let bytes: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[1]).collect();
        let (daemon, mut host, replies) = ends();
        let sent = sends(daemon, replies, Cursor::new(bytes.clone()));
        let mut arrived = Vec::new();
        host.read_to_end(&mut arrived).unwrap();
        assert!(arrived == bytes, "{length}");
        assert_eq!(host.read(&mut [0; 8]).unwrap(), 0, "the end stays the end");
        sent.join().unwrap().unwrap();
    }
}

#[test]
fn a_failure_crosses_with_its_reason() {
    let (daemon, mut host, replies) = ends();
    let failure = || Failure::new(Reason::NoSpace, "the disk is full");
    let sent =
        sends(daemon, replies, Breaks(false, || io::Error::other(Failure::new(Reason::NoSpace, "the disk is full"))));
    let mut arrived = Vec::new();
    let error = host.read_to_end(&mut arrived).unwrap_err();
    assert_eq!((arrived, failure_in(&error)), (vec![7], failure()));
    sent.join().unwrap().expect("the host was told");
}

#[test]
fn any_other_error_crosses_as_a_sentence() {
    let (daemon, mut host, replies) = ends();
    let sent = sends(daemon, replies, Breaks(true, || io::Error::other("rain")));
    let error = host.read(&mut [0; 8]).unwrap_err();
    assert_eq!(failure_in(&error), Failure::new(Reason::FetchFailed, "the bundle broke off: rain"));
    sent.join().unwrap().unwrap();
}

#[test]
fn a_daemon_that_is_gone_is_no_end() {
    for sent in [&b""[..], b"\0\0", b"\0\0\0\x09abc", b"\0\0\0\x03abc", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff{\"rea"]
    {
        let (mut daemon, mut host, replies) = ends();
        daemon.write_all(sent).unwrap();
        drop((daemon, replies));
        assert!(host.read_to_end(&mut Vec::new()).is_err(), "{sent:?}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused() {
    let (mut daemon, mut host, _replies) = ends();
    daemon.write_all(&65_537_u32.to_be_bytes()).unwrap();
    let error = host.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_host_that_has_heard_enough_is_not_sent_the_rest() {
    let (daemon, mut host, replies) = ends();
    let sent = sends(daemon, replies, Cursor::new(vec![1; 50_000_000]));
    host.read_exact(&mut [0; 100]).unwrap();
    drop(host);
    assert!(sent.join().unwrap().is_err(), "it was sent everything");
}

#[test]
fn a_daemon_that_waits_says_that_it_is_there() {
    struct Waits(mpsc::Receiver<()>);
    impl Read for Waits {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }
    impl Content for Waits {
        fn begin_again(&mut self) -> io::Result<()> {
            unreachable!("nobody asked")
        }
    }
    let (daemon, host, replies) = ends();
    let (go_on, waits) = mpsc::channel();
    let sent = sends(daemon, replies, Waits(waits));
    let mut raw = host.read.get_ref().try_clone().unwrap();
    send(&mut &host.write, &Reply::Send).unwrap();
    for _ in 0..3 {
        let mut length = [0; 4];
        raw.read_exact(&mut length).unwrap();
        assert_eq!(u32::from_be_bytes(length), ALIVE);
    }
    drop(go_on);
    sent.join().unwrap().unwrap();
}
