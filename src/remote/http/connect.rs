//! A connection to the server: straight or through a proxy, with TLS where the address asks for it.

use std::io;

use hyper_util::client::proxy::matcher::Intercept;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody is there.
    #[error("failed to reach {place}")]
    Tcp {
        /// The host and its port.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// The proxy is of a kind that is not spoken here.
    #[error("failed to use the proxy {0}: only http:// proxies are known; set server.proxy")]
    ProxyKind(String),
    /// The proxy does not let us through.
    #[error("failed to get through the proxy {proxy}: it answers {answer:?}")]
    ProxyRefused {
        /// The proxy.
        proxy: String,
        /// The first line of its answer.
        answer: String,
    },
    /// The proxy broke off.
    #[error("failed to get through the proxy {proxy}")]
    Proxy {
        /// The proxy.
        proxy: String,
        /// Why.
        source: io::Error,
    },
    /// The host is no name that a certificate can hold.
    #[error("failed to ask for a certificate of {host}")]
    Name {
        /// The host.
        host: String,
        /// Why.
        source: InvalidDnsNameError,
    },
    /// The server could not prove who it is, or broke off.
    #[error(
        "failed to trust {host}; a certificate of your own goes into server.ca_file, and the device's clock must be right"
    )]
    Tls {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
}

/// Something to read from and write to.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whom to connect to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer<'a> {
    /// The host, an IPv6 address without its brackets.
    pub(super) host: &'a str,
    /// The port.
    pub(super) port: u16,
}

/// Connects to somebody.
pub(super) async fn connect(
    peer: Peer<'_>,
    proxy: Option<&Intercept>,
    tls: Option<&TlsConnector>,
) -> Result<Box<dyn Stream>, ConnectError> {
    let mut stream = match proxy {
        None => tcp(peer.host, peer.port).await?,
        Some(proxy) => {
            let uri = proxy.uri();
            if uri.scheme_str() != Some("http") {
                return Err(ConnectError::ProxyKind(uri.to_string()));
            }
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            tcp(host, uri.port_u16().unwrap_or(80)).await?
        }
    };
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    if let Some(proxy) = proxy {
        tunnel(&mut stream, peer, proxy).await?;
    }
    let host = || peer.host.to_owned();
    let name = ServerName::try_from(host()).map_err(|source| ConnectError::Name { host: host(), source })?;
    let stream = tls.connect(name, stream).await.map_err(|source| ConnectError::Tls { host: host(), source })?;
    Ok(Box::new(stream))
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let failed = |source| ConnectError::Tcp { place: format!("{host}:{port}"), source };
    let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// Asks a proxy to pass on whatever comes, without reading it.
async fn tunnel(stream: &mut TcpStream, peer: Peer<'_>, proxy: &Intercept) -> Result<(), ConnectError> {
    let name = || proxy.uri().to_string();
    let broke = |source| ConnectError::Proxy { proxy: name(), source };
    let host = if peer.host.contains(':') { format!("[{}]", peer.host) } else { peer.host.to_owned() };
    let place = format!("{host}:{}", peer.port);
    let authorization = proxy.basic_auth().and_then(|value| value.to_str().ok());
    let authorization = authorization.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(broke)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head belongs to TLS.
        if head.len() > LONGEST_HEAD {
            return Err(broke(io::Error::new(io::ErrorKind::InvalidData, "its answer does not end")));
        }
        head.push(stream.read_u8().await.map_err(broke)?);
    }
    let answer = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    match answer.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        Some(_) | None => Err(ConnectError::ProxyRefused { proxy: name(), answer }),
    }
}

const LONGEST_HEAD: usize = 16 * 1024;
