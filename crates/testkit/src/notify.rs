//! The service manager's side of `sd_notify`: a datagram socket that collects what a daemon says about itself.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::ownership::hand_over;

/// What the kit sends to its own socket to end the listening thread.
const FAREWELL: &[u8] = b"X_BELAY_TESTKIT_END=1";

/// The longest path a Unix socket can be bound to.
const LONGEST_PATH: usize = 107;

/// A bound notification socket and everything received on it; read all the time, so that no sender ever blocks.
#[derive(Debug)]
pub struct NotifySocket {
    path: PathBuf,
    messages: Arc<Mutex<Vec<String>>>,
    listener: Option<JoinHandle<()>>,
}

impl NotifySocket {
    /// Binds the socket, replacing an old one.
    ///
    /// # Panics
    /// When it cannot be bound, for instance because the path is too long for a socket.
    pub fn bind(path: &Path) -> Self {
        assert_socket_path(path);
        let _ = std::fs::remove_file(path);
        let socket = UnixDatagram::bind(path).unwrap_or_else(|error| panic!("cannot bind {}: {error}", path.display()));
        hand_over(path);
        let messages = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&messages);
        let listener = thread::spawn(move || listen(&socket, &collected));
        Self { path: path.to_owned(), messages, listener: Some(listener) }
    }

    /// Tells whether the process is ready, and knows where it stands where it says so in its status.
    pub fn is_in_service(&self) -> bool {
        let messages = self.messages();
        let status = messages.iter().rev().find(|line| line.starts_with("STATUS="));
        messages.iter().any(|line| line == "READY=1") && status.is_none_or(|status| status == "STATUS=in service")
    }

    /// Returns the socket's path, the value of `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns all lines received so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells whether a line such as `READY=1` was received.
    pub fn has(&self, line: &str) -> bool {
        self.messages().iter().any(|message| message == line)
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(FAREWELL, &self.path));
        if let (Ok(_), Some(listener)) = (sent, self.listener.take()) {
            let _ = listener.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Asserts that a path is short enough for a Unix socket.
///
/// # Panics
/// When it is not; the message names the way out.
pub fn assert_socket_path(path: &Path) {
    assert!(
        path.as_os_str().len() <= LONGEST_PATH,
        "{} is too long for a Unix socket; set BELAY_TEST_DIR to a shorter folder",
        path.display()
    );
}

fn listen(socket: &UnixDatagram, messages: &Mutex<Vec<String>>) {
    let mut buffer = [0; 8192];
    while let Ok(length) = socket.recv(&mut buffer) {
        let datagram = &buffer[..length];
        if datagram == FAREWELL {
            break;
        }
        let lines = String::from_utf8_lossy(datagram);
        messages.lock().unwrap_or_else(PoisonError::into_inner).extend(lines.lines().map(str::to_owned));
    }
}
