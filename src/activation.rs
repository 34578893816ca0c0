//! Sockets that systemd opened for this process and handed to it: they outlive its restarts, and who knocks meanwhile waits.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use tokio::net::TcpListener;

/// What was handed over; both empty where systemd did not start this process by a socket.
#[derive(Debug, Default)]
pub struct Activation {
    /// The Unix socket.
    pub socket: Option<UnixListener>,
    /// TCP listeners, in the order of the unit file.
    pub tcp: Vec<std::net::TcpListener>,
}

impl Activation {
    /// Takes what was handed to this process, once.
    ///
    /// # Errors
    /// Something else was handed over than one Unix stream socket and TCP listeners: the unit file asks for what this
    /// program cannot serve.
    pub fn take() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let mut taken = Self::default();
        for index in 0..passed.len() {
            // A TCP socket is tried first: each attempt keeps what is of another kind.
            if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
                listener.set_nonblocking(true)?;
                taken.tcp.push(listener);
                continue;
            }
            let socket = passed.take_unix_listener(index)?.ok_or(io::ErrorKind::InvalidInput)?;
            if taken.socket.is_some() {
                let message = "two Unix sockets were handed over; the socket unit may name one";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            socket.set_nonblocking(true)?;
            taken.socket = Some(socket);
        }
        Ok(taken)
    }

    /// The addresses of the TCP listeners.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// The TCP listeners, for the runtime.
    ///
    /// # Errors
    /// The system refused.
    pub fn listeners(self) -> io::Result<Vec<TcpListener>> {
        self.tcp.into_iter().map(TcpListener::from_std).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_systemd_nothing_is_handed_over() {
        assert!(std::env::var_os("LISTEN_FDS").is_none(), "this test is about a process that systemd did not start");
        let taken = Activation::take().unwrap();
        assert!(taken.socket.is_none() && taken.tcp.is_empty());
    }
}
