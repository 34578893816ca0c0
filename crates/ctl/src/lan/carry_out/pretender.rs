//! A device on loopback that answers each request as a test wants it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
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
    pub(super) fn start(mut answer: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&got);
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let request = read(&mut stream);
                log.lock().unwrap().push(request.clone());
                let (status, server, body) = match answer(&request) {
                    Reply::Agent(status, body) => (status, "Server: belay-agent\r\n", body),
                    Reply::Flask(body) => (200, "", body),
                    Reply::Vanish => return,
                };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\n{server}Content-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
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
