//! Looks that cross the network: does a port accept, does a URL answer with the right status.

use std::io;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::probe::Seen;

/// Whether `host:port` accepts a connection.
pub(super) fn tcp(address: &str, timeout: Duration) -> Seen {
    within(timeout, async {
        match TcpStream::connect(address).await {
            Ok(_) => Seen::good(format!("{address} accepts connections")),
            Err(error) => Seen::bad(format!("{address} accepts no connection: {error}")),
        }
    })
}

/// Whether the URL answers with this status.
pub(super) fn http(url: &str, status: u16, timeout: Duration) -> Seen {
    within(timeout, async {
        match answer(url).await {
            Ok(answered) if answered == status => Seen::good(format!("{url} answers {answered}")),
            Ok(answered) => Seen::bad(format!("{url} answers {answered} instead of {status}")),
            Err(error) => Seen::bad(format!("{url} does not answer: {error}")),
        }
    })
}

async fn answer(url: &str) -> io::Result<u16> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, uri.authority().map_or(host, |authority| authority.as_str()))
        .header(USER_AGENT, concat!("belay-agent/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other);
    connection.abort();
    Ok(answer?.status().as_u16())
}

/// Runs the look on a small runtime of its own: its caller is a plain thread.
fn within(timeout: Duration, look: impl Future<Output = Seen>) -> Seen {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Seen::bad(format!("cannot look: {error}")),
    };
    let seen = runtime.block_on(async { tokio::time::timeout(timeout, look).await });
    // A name look-up that hangs must not hold the check up.
    runtime.shutdown_background();
    seen.unwrap_or_else(|_| Seen::bad(format!("no answer within {} s", timeout.as_secs_f32())))
}
