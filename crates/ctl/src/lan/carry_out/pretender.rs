//! A device on loopback that answers each request as a test wants it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a request gets.
pub(super) enum Reply {
    /// This status and body, as an agent.
    Agent(u16, String),
    /// This body, as the old program.
    Flask(String),
    /// The connection is cut, and nobody listens there any more.
    Vanish,
}

/// Where it listens, and every request that it got: head and body.
pub(super) struct Pretender {
    pub(super) address: SocketAddr,
    got: Arc<Mutex<Vec<String>>>,
}

impl Pretender {
    /// Starts it. It goes with the test's process.
    pub(super) fn start(answer: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let (log, answer, gone) = (Arc::clone(&got), Arc::new(Mutex::new(answer)), Arc::new(AtomicBool::new(false)));
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                if gone.load(Ordering::SeqCst) {
                    return;
                }
                let (log, answer, gone) = (Arc::clone(&log), Arc::clone(&answer), Arc::clone(&gone));
                // A connection that says nothing yet must not hold up the others.
                thread::spawn(move || {
                    let request = read(&mut stream);
                    log.lock().unwrap().push(request.clone());
                    let reply = answer.lock().unwrap()(&request);
                    let (status, server, body) = match reply {
                        Reply::Agent(status, body) => (status, "Server: belay-agent\r\n", body),
                        Reply::Flask(body) => (200, "", body),
                        Reply::Vanish => {
                            gone.store(true, Ordering::SeqCst);
                            while TcpStream::connect(address).is_ok() {}
                            return;
                        }
                    };
                    let head = format!("HTTP/1.1 {status} X\r\n{server}Content-Length: {}\r\n", body.len());
                    let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes());
                });
            }
        });
        Self { address, got }
    }

    /// The requests that changed something.
    pub(super) fn posts(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().filter(|request| request.starts_with("POST") || request.contains("/rollback")).cloned().collect()
    }
}

fn read(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = stream.read(&mut piece).unwrap();
        all.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&all);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| body.len() >= announced(head));
        if whole || length == 0 {
            return text.into_owned();
        }
    }
}

fn announced(head: &str) -> usize {
    let mut lengths =
        head.lines().filter_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    lengths.next().unwrap_or(0)
}
