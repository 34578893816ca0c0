//! The doors: lets clients in while there is room, makes room where there is none, and closes in order.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::activity::Activity;
use super::connection::{House, converse};
use super::connections::Connections;
use super::crowd::Crowd;
use super::limits::Limits;
use super::tls::{Tls, TlsError, TlsSettings};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How many connections were cut because they did not end within the grace.
    pub cut: usize,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A listening socket cannot be used.
    #[error("cannot listen: {0}")]
    Listener(#[source] io::Error),
}

/// Serves until `shutdown` turns true or its sender is gone, then lets requests under way finish within the grace.
/// Handlers find the client's address in `ConnectInfo<SocketAddr>`. Who is connected is counted in `connections`.
///
/// # Errors
/// When the certificate or a socket cannot be used at the start; nothing is served then.
pub async fn run(
    listeners: Vec<StdListener>,
    router: Router,
    tls: Option<TlsSettings>,
    mut limits: Limits,
    connections: Connections,
    mut shutdown: watch::Receiver<bool>,
) -> Result<Ended, ServeError> {
    limits.connections = affordable(limits.connections);
    let room = Arc::new(Semaphore::new(limits.connections));
    let tls = tls.map(Tls::load).transpose()?;
    let house = Arc::new(House { limits, router, tls, crowd: Arc::new(Crowd::counted(connections)) });
    // Dropped with this function, and what runs in it with it.
    let mut helpers = JoinSet::new();
    for listener in listeners {
        let listener = listening(listener).map_err(ServeError::Listener)?;
        helpers.spawn(let_in(listener, Arc::clone(&house), Arc::clone(&room)));
    }
    if let Some(tls) = house.tls.clone() {
        helpers.spawn(tls.keep_fresh());
    }
    // An error says that nobody is left who could ever tell.
    let _ = shutdown.wait_for(|stop| *stop).await;
    helpers.shutdown().await;
    Ok(Ended { cut: see_off(&house, &room).await })
}

async fn let_in(listener: TcpListener, house: Arc<House>, room: Arc<Semaphore>) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let permit = make_room(&house, &room).await;
                welcome(&house, socket, peer, permit);
            }
            // The client has left already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken at present");
                house.crowd.make_room(&house.limits, None);
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Waits for a place for a newcomer. Where all are taken, those go who would be missed least; where everybody is being served,
/// it waits, and those who come after it in the kernel's queue.
async fn make_room(house: &House, room: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    loop {
        if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
            return permit;
        }
        house.crowd.make_room(&house.limits, None);
        if let Ok(Ok(permit)) = tokio::time::timeout(BREATH, Arc::clone(room).acquire_owned()).await {
            return permit;
        }
    }
}

fn welcome(house: &Arc<House>, socket: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
    let address = peer.ip().to_canonical();
    let crowd: &Arc<Crowd> = &house.crowd;
    if house.limits.per_address.is_some_and(|limit| crowd.from(address) >= limit)
        && crowd.make_room(&house.limits, Some(address)) == 0
    {
        return;
    }
    // Answers are small and written in one piece.
    let _ = socket.set_nodelay(true);
    let activity = Arc::new(Activity::new(house.first_phase()));
    let place = crowd.join(address, Arc::clone(&activity));
    let house = Arc::clone(house);
    tokio::spawn(async move {
        // Given back even where a handler panics.
        let _held = (place, permit);
        converse(house, socket, peer, activity).await;
    });
}

/// Waits for everybody to leave. Says how many had to be cut.
async fn see_off(house: &House, room: &Semaphore) -> usize {
    house.crowd.finish();
    let all = u32::try_from(house.limits.connections).unwrap_or(u32::MAX);
    if tokio::time::timeout(house.limits.grace, room.acquire_many(all)).await.is_ok() {
        return 0;
    }
    let cut = house.crowd.clear();
    let _ = tokio::time::timeout(BREATH, room.acquire_many(all)).await;
    cut
}

fn listening(listener: StdListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Raises the limit on open files as far as this process may, and says how many connections it allows.
fn affordable(wanted: usize) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let needed = (wanted as u64).saturating_add(OTHER_FILES).min(hard);
    let soft = if soft < needed && setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok() { needed } else { soft };
    let allowed = usize::try_from(soft.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    if allowed < wanted {
        tracing::warn!(wanted, allowed, "the limit on open files allows fewer connections; raise LimitNOFILE");
    }
    wanted.min(allowed).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize))
}

/// How many open files are kept for the database, artifacts and everything else.
const OTHER_FILES: u64 = 512;

/// How long is waited before somebody else is asked to leave.
const BREATH: Duration = Duration::from_millis(50);
