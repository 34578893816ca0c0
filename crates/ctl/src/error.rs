//! Why a command could not be carried out.

use std::path::{Path, PathBuf};

use belay_protocol::admin::ApiError;

use crate::exit::Exit;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// No server was named.
    #[error("no server is named: `belayctl login --server URL` keeps one; or give --server, or set BELAY_SERVER")]
    NoServer,
    /// No token was given.
    #[error(
        "no token for {server} is given: `belayctl login` keeps one; or set BELAY_TOKEN, or give --token-file FILE. \
         `belay-server token create` makes one"
    )]
    NoToken {
        /// The server.
        server: String,
    },
    /// Others can read the tokens.
    #[error(
        "{path} can be read by others, so it is not used: `chmod 600 {path}`, and if they are not to be trusted, \
         revoke its tokens", path = path.display()
    )]
    OpenKeyring {
        /// The file.
        path: PathBuf,
    },
    /// A file of settings says what makes no sense.
    #[error("{path}, line {line}: {problem}", path = path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The server's address is no URL.
    #[error("{url:?} is no address of a server: write it like https://updates.example.org")]
    Url {
        /// What was given.
        url: String,
    },
    /// The token would cross the network unencrypted.
    #[error(
        "{url} is not encrypted, so the token could be read on the way: use https://, or --plain-http if you mean it"
    )]
    Plain {
        /// The server.
        url: String,
    },
    /// A file could not be read.
    #[error("failed to read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("failed to write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key or signature is not what it should be.
    #[error("{path}: {problem}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A release is not as it was published.
    #[error("{0}")]
    Damaged(String),
    /// A word on the command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The server does not answer.
    #[error("{url} does not answer: {problem}; {}", unanswered(.problem))]
    Unreachable {
        /// The server.
        url: String,
        /// What happened.
        problem: String,
    },
    /// Something answers, and the server behind it is not up.
    #[error("{url} answers {status}: {}", away(.said.as_ref()))]
    Away {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What the server says itself.
        said: Option<ApiError>,
    },
    /// The server failed; what was asked for may be done by half.
    #[error("{}; look what came of it before you ask again", refused(.0))]
    Broken(ApiError),
    /// The server refused.
    #[error("{}", refused(.0))]
    Refused(ApiError),
    /// The server answered something that is no answer.
    #[error("{url} answered {status} and something that belayctl cannot read: is it a belay-server?")]
    Garbage {
        /// The address asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// The program could not be started.
    #[error("failed to start: {source}")]
    Runtime {
        /// Why.
        source: std::io::Error,
    },
}

impl CtlError {
    /// A file of settings that cannot be understood.
    pub(crate) fn settings(path: &Path, error: &toml::de::Error) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        Self::Settings { path: path.to_owned(), line, problem: error.message().to_owned() }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::NoServer | Self::NoToken { .. } | Self::Url { .. } | Self::Plain { .. } | Self::Usage(_) => "usage",
            Self::OpenKeyring { .. } | Self::Settings { .. } => "settings",
            Self::File { .. } | Self::Write { .. } => "file",
            Self::Key { .. } => "key",
            Self::Damaged(_) => "damaged",
            Self::Unreachable { .. } => "unreachable",
            Self::Away { said: Some(error), .. } | Self::Broken(error) | Self::Refused(error) => &error.error,
            Self::Away { said: None, .. } => "unreachable",
            Self::Garbage { .. } => "bad_answer",
            Self::Runtime { .. } => "internal",
        }
    }

    /// How the process ends with it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoServer
            | Self::NoToken { .. }
            | Self::OpenKeyring { .. }
            | Self::Settings { .. }
            | Self::Url { .. }
            | Self::Plain { .. }
            | Self::File { .. }
            | Self::Write { .. }
            | Self::Key { .. }
            | Self::Damaged(_)
            | Self::Usage(_)
            | Self::Garbage { .. }
            | Self::Broken(_)
            | Self::Runtime { .. } => Exit::Failed,
            Self::Unreachable { .. } | Self::Away { .. } => Exit::Unreachable,
            Self::Refused(_) => Exit::Refused,
        }
    }
}

fn refused(error: &ApiError) -> String {
    match &error.field {
        None => match error.error.as_str() {
            "no_token" | "unauthorized" | "token_revoked" | "token_expired" => {
                format!("{} ({}): `belayctl login` keeps another token", error.message, error.error)
            }
            code => format!("{} ({code})", error.message),
        },
        Some(field) => format!("{field}: {} ({})", error.message, error.error),
    }
}

fn away(said: Option<&ApiError>) -> String {
    let nobody = || "the server behind it is not up; try again later".to_owned();
    said.map_or_else(nobody, |error| format!("{}; try again later", refused(error)))
}

/// What to do where nobody answers.
fn unanswered(problem: &str) -> &'static str {
    if problem.contains("certificate") {
        "give --ca-file with the certificate of its authority, if that is a private one"
    } else {
        "is the address right, and is the server up?"
    }
}
