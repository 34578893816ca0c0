//! A minimal HTTP/1.1 client that sends exactly the given bytes and shows exactly what came back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A TCP address.
    Tcp(SocketAddr),
}

/// An answer, its body put together from chunks if it came in chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The text after the status code.
    pub reason: String,
    /// Header names as sent, with their values, in order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// An open connection: for pipelining, for keep-alive, and for answers that do not end, such as event streams.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Endpoint {
    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(&self) -> std::io::Result<Connection> {
        let stream = match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Stream::Unix(stream)
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Stream::Tcp(stream)
            }
        };
        Ok(Connection { stream: BufReader::new(stream) })
    }

    /// Sends raw bytes on a new connection and reads one answer.
    ///
    /// # Panics
    /// When nobody listens or the answer is not HTTP.
    #[track_caller]
    pub fn exchange(&self, request: impl AsRef<[u8]>) -> Response {
        let mut connection = self.connect().unwrap_or_else(|error| panic!("cannot connect to {self:?}: {error}"));
        connection.send(request);
        connection.response()
    }

    /// Sends a GET request.
    ///
    /// # Panics
    /// When nobody listens or the answer is not HTTP.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.exchange(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a POST request with a body.
    ///
    /// # Panics
    /// When nobody listens or the answer is not HTTP.
    #[track_caller]
    pub fn post(&self, target: &str, content_type: &str, body: &str) -> Response {
        self.exchange(format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}

impl Connection {
    /// Sends raw bytes.
    ///
    /// # Panics
    /// When the connection is broken.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A server may refuse a request before it has read all of it; its answer is what counts then.
        if let Err(error) = self.stream.get_mut().write_all(bytes.as_ref()) {
            assert!(error.kind() == std::io::ErrorKind::BrokenPipe, "cannot send the request: {error}");
        }
    }

    /// Reads one whole answer.
    ///
    /// # Panics
    /// When it is cut off or is not HTTP.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        let mut response = self.head();
        response.body = self.body(&response);
        response
    }

    /// Reads status line and headers only; the body stays to be read by [`Connection::line`].
    ///
    /// # Panics
    /// When it is cut off or is not HTTP.
    #[track_caller]
    pub fn head(&mut self) -> Response {
        let line = self.line().expect("the server closed the connection without an answer");
        let mut parts = line.splitn(3, ' ');
        assert_eq!(parts.next(), Some("HTTP/1.1"), "not an HTTP answer: {line:?}");
        let status = parts.next().and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status code in {line:?}"));
        let reason = parts.next().unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("the answer was cut off within its headers");
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a header: {line:?}"));
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Response { status, reason, headers, body: Vec::new() }
    }

    /// Reads one line without its end, `None` when the server has closed the connection.
    ///
    /// # Panics
    /// When nothing comes in time.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let length = self.stream.read_until(b'\n', &mut line).expect("the answer stopped within a line");
        let text = String::from_utf8_lossy(&line);
        (length > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned())
    }

    #[track_caller]
    fn body(&mut self, head: &Response) -> Vec<u8> {
        if (100..200).contains(&head.status) || head.status == 204 || head.status == 304 {
            return Vec::new();
        }
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.chunks();
        }
        match head.header("content-length") {
            Some(length) => {
                let length = length.parse().unwrap_or_else(|_| panic!("not a length: {length:?}"));
                self.bytes(length)
            }
            None => {
                let mut body = Vec::new();
                self.stream.read_to_end(&mut body).expect("the answer stopped within its body");
                body
            }
        }
    }

    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.line().expect("the answer was cut off before its last chunk");
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("not a chunk size: {line:?}"));
            body.extend(self.bytes(size));
            let end = self.line();
            assert_eq!(end.as_deref(), Some(""), "a chunk does not end where it says");
            if size == 0 {
                return body;
            }
        }
    }

    #[track_caller]
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).expect("the answer was cut off within its body");
        bytes
    }
}

impl Response {
    /// Returns a header's value; the name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Parses the body as JSON.
    ///
    /// # Panics
    /// When it is not JSON; the message holds the body.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buffer),
            Self::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.flush(),
            Self::Tcp(stream) => stream.flush(),
        }
    }
}
