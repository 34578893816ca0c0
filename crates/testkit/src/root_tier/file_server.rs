//! A package source on the loopback that knows which user each of its clients is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A server of files over HTTP, on 127.0.0.1. It goes on until the process ends.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    clients: Arc<Mutex<BTreeSet<(u32, String)>>>,
}

impl FileServer {
    /// Serves a folder.
    ///
    /// # Panics
    /// When the loopback is not there.
    pub fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback is there");
        let address = listener.local_addr().expect("a bound socket has an address");
        let clients = Arc::new(Mutex::new(BTreeSet::new()));
        let (folder, seen) = (folder.to_owned(), Arc::clone(&clients));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, seen) = (folder.clone(), Arc::clone(&seen));
                thread::spawn(move || serve(&stream, &folder, &seen));
            }
        });
        Self { address, clients }
    }

    /// Returns the line for sources.list that names this server.
    pub fn source_line(&self) -> String {
        format!("deb [trusted=yes] http://{} ./", self.address)
    }

    /// Returns the users that asked for a path with this ending.
    pub fn users_of(&self, ending: &str) -> BTreeSet<u32> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.iter().filter(|(_, path)| path.ends_with(ending)).map(|(user, _)| *user).collect()
    }
}

/// Answers one request after the other until the client hangs up.
fn serve(stream: &TcpStream, folder: &Path, seen: &Mutex<BTreeSet<(u32, String)>>) {
    let Ok(port) = stream.peer_addr().map(|peer| peer.port()) else { return };
    let user = user_of_port(port);
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(first)) = lines.next() {
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let Some(target) = first.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()) else { return };
        if let Some(user) = user {
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert((user, target.to_owned()));
        }
        let found = inside(folder, target).and_then(|path| fs::read(path).ok());
        let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
        let body = found.unwrap_or_default();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut writer = stream;
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
            return;
        }
    }
}

fn inside(folder: &Path, target: &str) -> Option<PathBuf> {
    let relative = Path::new(target.trim_start_matches('/'));
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    plain.then(|| folder.join(relative))
}

/// Which user made the connection that comes from this port, as the kernel has it.
fn user_of_port(port: u16) -> Option<u32> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let local = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(1)?.ends_with(&local)).then(|| fields.get(7)?.parse().ok())?
    })
}
