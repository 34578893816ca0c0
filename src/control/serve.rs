//! Serving connections: on the Unix socket and on TCP. A slow or silent client costs only itself.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::unistd::Group;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::peer::{Membership, Peer};

/// How long a request's head may take, the wait for the next one on a kept connection included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of a request's head.
const MAX_HEAD: usize = 16 * 1024;

/// The most connections that one listener serves at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;

/// How long connections may go on after the shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(3);

/// How long to wait when no connection can be accepted, because files ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why the socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another agent answers on it.
    #[error("{}: another agent answers there; only one may run: `systemctl status belay-agent`", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Opens the Unix socket: mode 0660, owned by `group` where that exists. A socket that a killed agent left is replaced.
///
/// # Errors
/// Another agent answers there, or the folder cannot be written.
pub fn bind_socket(path: &Path, group: &str) -> Result<UnixListener, BindError> {
    let system = |source| BindError::System { path: path.to_owned(), source };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(BindError::Taken { path: path.to_owned() });
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            std::fs::remove_file(path).map_err(system)?;
        }
        Ok(_) => return Err(system(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(system(error)),
    }
    let listener = UnixListener::bind(path).map_err(system)?;
    if let Ok(Some(found)) = Group::from_name(group) {
        if let Err(error) = nix::unistd::chown(path, None, Some(found.gid)) {
            tracing::warn!(%error, group, "the socket stays with its own group: members of that group cannot use it");
        }
    } else {
        tracing::debug!(group, "there is no such group; only root and the agent's own user may use the socket");
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(system)?;
    Ok(listener)
}

/// Serves the Unix socket until `shutdown` is done. `group` is whose members are let in beside root and this user.
pub async fn serve_socket(listener: UnixListener, group: &str, router: Router, shutdown: impl Future<Output = ()>) {
    serve(Socket { listener, membership: Membership::new(group) }, router, shutdown).await;
}

/// Serves one TCP listener until `shutdown` is done.
pub async fn serve_tcp(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve(listener, router, shutdown).await;
}

/// Where connections come from, each with its peer.
trait Listen: Sync {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>> + Send;
}

struct Socket {
    listener: UnixListener,
    membership: Membership,
}

impl Listen for Socket {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        let credentials = stream.peer_cred()?;
        Ok((stream, self.membership.judge(credentials.uid(), credentials.gid())))
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, remote) = self.accept().await?;
        let local = stream.local_addr()?;
        stream.set_nodelay(true)?;
        Ok((stream, Peer::Tcp { remote, local }))
    }
}

async fn serve(listener: impl Listen, router: Router, shutdown: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
            (place, listener.next().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (place, accepted) = next => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve_one(stream, peer, router.clone(), stopped.clone(), place));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop((listener, stop));
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::debug!("connections were cut off at the end");
    }
}

async fn serve_one<S>(
    stream: S,
    peer: Peer,
    router: Router,
    mut stopped: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, ?peer, "a connection ended badly");
    }
}
