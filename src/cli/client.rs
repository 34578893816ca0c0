//! The agent's local API from its other end: HTTP over the Unix socket.

use std::io;
use std::path::{Path, PathBuf};

use belay_protocol::job::JobId;
use belay_protocol::local::{ErrorBody, Event};
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use indicatif::ProgressBar;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::exit::Exit;
use belay_protocol::sse::Decoder;

/// How much of a file is read at a time.
const CHUNK: usize = 64 * 1024;

/// What is sent: some JSON, or a file as it is read.
type Content = BoxBody<Bytes, io::Error>;

/// The way to one agent.
#[derive(Debug, Clone)]
pub(super) struct Client {
    socket: PathBuf,
}

/// Why the agent gave no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("no agent answers at {}: is it running? `systemctl status belay-agent`", socket.display())]
    Nobody { socket: PathBuf, source: io::Error },
    #[error("you may not use {}: use sudo, or join the group that owns it and log in again", socket.display())]
    Forbidden { socket: PathBuf },
    #[error("the agent went away in the middle of its answer: `systemctl status belay-agent`, then ask again")]
    Broken(#[source] hyper::Error),
    #[error("the agent went away while job {0} ran; when it is back, `belay-agent status` says what became of it")]
    Lost(JobId),
    #[error("{}", body.message)]
    Refused { status: StatusCode, body: ErrorBody },
    #[error("the agent's answer cannot be read ({0}): are this program and the agent of one version?")]
    Unreadable(serde_json::Error),
}

impl ClientError {
    /// How the process ends after it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Nobody { .. } | Self::Forbidden { .. } | Self::Broken(_) | Self::Lost(_) => Exit::Unreachable,
            Self::Unreadable(_) => Exit::Failed,
            Self::Refused { status, .. } => match status.as_u16() {
                503 => Exit::Unreachable,
                403 | 409 | 422 | 507 => Exit::Refused,
                _ => Exit::Failed,
            },
        }
    }

    /// The same as the agent's own refusals are written.
    pub(super) fn body(&self) -> ErrorBody {
        let error = match self {
            Self::Refused { body, .. } => return body.clone(),
            Self::Nobody { .. } | Self::Broken(_) | Self::Lost(_) => "unreachable",
            Self::Forbidden { .. } => "foreign_peer",
            Self::Unreadable(_) => "unreadable_answer",
        };
        ErrorBody { error: error.to_owned(), message: self.to_string(), line: None, field: None, job: None }
    }
}

impl Client {
    pub(super) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// What is at a path.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(self.send(Method::GET, path, None).await?).await
    }

    /// What comes of posting `body` there.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(ClientError::Unreadable)?;
        read(self.send(Method::POST, path, Some(body)).await?).await
    }

    /// What comes of putting a file of `size` bytes there; `bar` shows how far it is.
    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        file: File,
        size: u64,
        bar: ProgressBar,
    ) -> Result<T, ClientError> {
        let chunks = stream::try_unfold((file, bar), |(mut file, bar)| async move {
            let mut chunk = vec![0; CHUNK];
            let read = file.read(&mut chunk).await?;
            chunk.truncate(read);
            bar.inc(read as u64);
            Ok::<_, io::Error>((read > 0).then(|| (Frame::data(Bytes::from(chunk)), (file, bar))))
        });
        let request = Request::put(path).header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, size);
        read(self.exchange(request, BodyExt::boxed(StreamBody::new(chunks))).await?).await
    }

    /// The events of a job from now to its end.
    pub(super) async fn events(&self, job: JobId) -> Result<Events, ClientError> {
        let response = self.send(Method::GET, &format!("/jobs/{job}/events"), None).await?;
        Ok(Events { body: response.into_body(), decoder: Decoder::default() })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Response<Incoming>, ClientError> {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default())).map_err(|never| match never {});
        self.exchange(request, body.boxed()).await
    }

    async fn exchange(&self, request: Builder, body: Content) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|source| self.not_connected(source))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Broken)?;
        // It ends with the answer; what goes wrong on it shows in the answer.
        tokio::spawn(connection);
        let request = request.header(HOST, "localhost").body(body).expect("a fixed set of paths");
        let response = sender.send_request(request).await.map_err(ClientError::Broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        Err(ClientError::Refused { status, body: read(response).await? })
    }

    fn not_connected(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        if source.kind() == io::ErrorKind::PermissionDenied {
            ClientError::Forbidden { socket }
        } else {
            ClientError::Nobody { socket, source }
        }
    }
}

async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, ClientError> {
    let body = response.into_body().collect().await.map_err(ClientError::Broken)?.to_bytes();
    serde_json::from_slice(&body).map_err(ClientError::Unreadable)
}

/// A job's events as they come.
#[derive(Debug)]
pub(super) struct Events {
    body: Incoming,
    decoder: Decoder,
}

impl Events {
    /// The next event; none when the agent ended the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(data) = self.decoder.next_event() {
                return serde_json::from_slice(data.as_bytes()).map(Some).map_err(ClientError::Unreadable);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Some(bytes) = frame.map_err(ClientError::Broken)?.data_ref() {
                        self.decoder.push(bytes);
                    }
                }
            }
        }
    }
}
