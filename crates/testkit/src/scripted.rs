//! A real HTTP server on loopback that does what a test says: answers, hangs, breaks off, talks nonsense, tunnels.
//!
//! It records every request as it came over the wire.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::wait::wait_until;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it ends, with all its connections, when it is dropped.
pub struct ScriptedServer {
    address: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its place among all requests, counted from 0.
    pub number: usize,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// Request line and headers, without the empty line.
    pub head: String,
    /// The body.
    pub body: String,
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers.
    Answer {
        /// The status.
        status: u16,
        /// Whole header lines.
        headers: Vec<String>,
        /// The body.
        body: String,
    },
    /// Sends these bytes and closes.
    Raw(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Never answers.
    Hang,
    /// Agrees, and passes on whatever comes to this address.
    Tunnel(SocketAddr),
}

struct Shared {
    script: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    tls: Option<Arc<ServerConfig>>,
    received: Mutex<Vec<Received>>,
    streams: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Reply {
    /// 200 with a JSON body.
    pub fn json(body: impl Into<String>) -> Self {
        Self::status(200, body)
    }

    /// An answer of any status with a JSON body.
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Answer { status, headers: vec!["content-type: application/json".to_owned()], body: body.into() }
    }

    /// The same answer with one more header line.
    #[must_use]
    pub fn header(mut self, line: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push(line.to_owned());
        }
        self
    }
}

impl Received {
    /// Bytes on the wire.
    pub fn bytes(&self) -> usize {
        self.head.len() + 4 + self.body.len()
    }

    /// `POST /path`.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }
}

impl std::fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ScriptedServer {
    /// Starts a server on a free port.
    pub fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0".parse().expect("an address"), None, Box::new(script))
    }

    /// Starts a server on a port that another one has left.
    pub fn start_at(address: SocketAddr, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(address, None, Box::new(script))
    }

    /// Starts a server that speaks TLS.
    pub fn start_tls(tls: Arc<ServerConfig>, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0".parse().expect("an address"), Some(tls), Box::new(script))
    }

    fn listen(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        script: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("cannot listen on {address}: {error}"));
        let address = listener.local_addr().expect("a listener has an address");
        let is_tls = tls.is_some();
        let shared = Arc::new(Shared {
            script,
            tls,
            received: Mutex::default(),
            streams: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &inner));
        Self { address, tls: is_tls, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a device is told it.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address)
    }

    /// Everything that came so far.
    pub fn received(&self) -> Vec<Received> {
        locked(&self.shared.received).clone()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        locked(&self.shared.streams).len()
    }

    /// Waits until at least so many requests came, and returns all.
    ///
    /// # Panics
    /// When they do not come.
    #[track_caller]
    pub fn wait_received(&self, count: usize) -> Vec<Received> {
        wait_until(&format!("{count} requests"), PATIENCE, || Some(self.received()).filter(|all| all.len() >= count))
    }

    /// Closes every connection, as a server does that was restarted or lost patience.
    pub fn close_connections(&self) {
        for stream in locked(&self.shared.streams).iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The acceptor looks at the flag when somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.close_connections();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(copy) = stream.try_clone() else { continue };
        let number = {
            let mut streams = locked(&shared.streams);
            streams.push(copy);
            streams.len() - 1
        };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || serve(&shared, stream, number));
    }
}

fn serve(shared: &Shared, mut stream: TcpStream, connection: usize) {
    match &shared.tls {
        None => {
            if let Some(target) = converse(shared, &mut stream, connection) {
                pass_on(stream, target);
            }
        }
        Some(config) => {
            let Ok(session) = ServerConnection::new(Arc::clone(config)) else { return };
            converse(shared, &mut StreamOwned::new(session, stream), connection);
        }
    }
}

/// Serves one connection to its end; returns where the rest of it is to be passed on.
fn converse(shared: &Shared, stream: &mut dyn Stream, connection: usize) -> Option<SocketAddr> {
    while let Some((head, body)) = read(stream) {
        let received = {
            let mut all = locked(&shared.received);
            let received = Received { number: all.len(), connection, head, body };
            all.push(received.clone());
            received
        };
        match (shared.script)(&received) {
            Reply::Answer { status, headers, body } => {
                let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
                for line in headers {
                    text.push_str(&line);
                    text.push_str("\r\n");
                }
                text.push_str("\r\n");
                text.push_str(&body);
                stream.write_all(text.as_bytes()).ok()?;
                stream.flush().ok()?;
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                close(shared, connection);
                return None;
            }
            Reply::Close => {
                close(shared, connection);
                return None;
            }
            // Ends when the other side gives up or the server is dropped.
            Reply::Hang => while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {},
            Reply::Tunnel(target) => {
                stream.write_all(b"HTTP/1.1 200 yes\r\n\r\n").ok()?;
                return Some(target);
            }
        }
    }
    None
}

fn close(shared: &Shared, connection: usize) {
    let _ = locked(&shared.streams)[connection].shutdown(Shutdown::Both);
}

fn pass_on(near: TcpStream, target: SocketAddr) {
    let Ok(far) = TcpStream::connect(target) else { return };
    let copies = near.try_clone().and_then(|near| Ok((near, far.try_clone()?)));
    let Ok((mut near_in, mut far_out)) = copies else { return };
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut near_in, &mut far_out);
        let _ = far_out.shutdown(Shutdown::Write);
    });
    let (mut far_in, mut near_out) = (far, near);
    let _ = std::io::copy(&mut far_in, &mut near_out);
    let _ = near_out.shutdown(Shutdown::Both);
}

/// One request; none where the connection ends.
fn read(stream: &mut dyn Stream) -> Option<(String, String)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    head.truncate(head.len() - 4);
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let length = length.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
