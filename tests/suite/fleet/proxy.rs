//! A wire between agents and the server that can be looked at: a proxy on loopback that records what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A proxy; it ends with its listener's process.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

/// A request and its answer, in bytes on the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    pub(super) up: Vec<u8>,
    pub(super) down: Vec<u8>,
}

type Change = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

impl Proxy {
    /// Passes everything on as it is.
    pub(super) fn to(server: SocketAddr) -> Self {
        Self::changing(server, |bytes| bytes)
    }

    /// Changes what agents send; what comes out has as many bytes as what came in.
    pub(super) fn changing(server: SocketAddr, change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let (change, record): (Change, _) = (Arc::new(change), Arc::clone(&exchanges));
        thread::spawn(move || {
            for agent in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (from, to) = (agent.try_clone(), server.try_clone());
                let (Ok(from), Ok(to)) = (from, to) else { continue };
                let (up, down, change) = (Arc::clone(&record), Arc::clone(&record), Arc::clone(&change));
                thread::spawn(move || pass(from, to, |bytes| recorded_up(&up, change(bytes))));
                thread::spawn(move || pass(server, agent, |bytes| recorded_down(&down, bytes)));
            }
        });
        Self { address, exchanges }
    }

    /// Its address as an agent is told it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that passed, the last one perhaps not yet whole.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, record: impl Fn(Vec<u8>) -> Vec<u8>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&record(buffer[..length].to_vec())).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// An agent speaks in turns: bytes after an answer begin another request.
fn recorded_up(exchanges: &Mutex<Vec<Exchange>>, bytes: Vec<u8>) -> Vec<u8> {
    let mut exchanges = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
    match exchanges.last_mut().filter(|last| last.down.is_empty()) {
        Some(last) => last.up.extend(&bytes),
        None => exchanges.push(Exchange { up: bytes.clone(), down: Vec::new() }),
    }
    bytes
}

fn recorded_down(exchanges: &Mutex<Vec<Exchange>>, bytes: Vec<u8>) -> Vec<u8> {
    if let Some(last) = exchanges.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
        last.down.extend(&bytes);
    }
    bytes
}
