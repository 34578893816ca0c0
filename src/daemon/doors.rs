//! Opening and serving the doors: the Unix socket always, TCP where a setting asks for it.

use std::path::PathBuf;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::handle::Handle;
use crate::activation::Activation;
use crate::config::Settings;
use crate::config::settings::Control;
use crate::control::{self, BindError, ControlState, TokenError, Uploads};
use crate::telemetry::metrics::Metrics;

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The Unix socket.
    #[error("failed to open the socket")]
    Socket(#[source] BindError),
    /// The socket's folder.
    #[error("failed to make the folder {path}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A TCP address.
    #[error("failed to listen on {address}; is another program there? `ss -ltnp` shows which")]
    Tcp {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The sockets that systemd hands over.
    #[error("failed to take the sockets from systemd; `systemctl cat belay-agent.socket` shows them")]
    Activation(#[source] std::io::Error),
    /// The token file.
    #[error("failed to read the token of control.token_file")]
    Token(#[source] TokenError),
}

/// Listeners, bound and not yet served.
#[derive(Debug)]
pub(super) struct Doors {
    socket: UnixListener,
    tcp: Vec<TcpListener>,
    state: ControlState,
    group: String,
}

impl Doors {
    /// Binds every door that the settings name and systemd does not hold already.
    pub(super) async fn open(
        settings: &Settings,
        handle: Handle,
        mut activation: Activation,
    ) -> Result<Self, DoorError> {
        let (metrics, observer) = Metrics::new();
        let (view, link) = (handle.view(), handle.link());
        let (uploads, settings) = (Uploads::new(settings), &settings.control);
        let state = ControlState::new(handle, metrics, settings, uploads).map_err(DoorError::Token)?;
        tokio::spawn(observer.follow(view, link));
        let socket = match activation.socket.take() {
            Some(socket) => UnixListener::from_std(socket).map_err(DoorError::Activation)?,
            None => bind_socket(settings)?,
        };
        let held = activation.addresses();
        let mut tcp = activation.listeners().map_err(DoorError::Activation)?;
        for address in &held {
            tracing::info!(control.listen = %address, "listening on a socket of systemd's");
        }
        for address in settings.listen.iter().filter(|address| !held.contains(address)) {
            let listener =
                TcpListener::bind(address).await.map_err(|source| DoorError::Tcp { address: *address, source })?;
            tracing::info!(control.listen = %address, "listening");
            tcp.push(listener);
        }
        Ok(Self { socket, tcp, state, group: settings.group.clone() })
    }

    /// Serves them all until `stopping` turns true, then lets answers under way go out.
    pub(super) async fn serve(self, stopping: watch::Receiver<bool>) {
        let router = control::router(self.state);
        let mut served = JoinSet::new();
        for listener in self.tcp {
            let (router, stopping) = (router.clone(), stopping.clone());
            served.spawn(async move { control::serve_tcp(listener, router, stopped(stopping)).await });
        }
        let group = self.group;
        served.spawn(async move { control::serve_socket(self.socket, &group, router, stopped(stopping)).await });
        while served.join_next().await.is_some() {}
    }
}

fn bind_socket(settings: &Control) -> Result<UnixListener, DoorError> {
    if let Some(folder) = settings.socket.parent() {
        std::fs::create_dir_all(folder).map_err(|source| DoorError::Folder { path: folder.to_path_buf(), source })?;
    }
    control::bind_socket(&settings.socket, &settings.group).map_err(DoorError::Socket)
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stop| *stop).await;
}
