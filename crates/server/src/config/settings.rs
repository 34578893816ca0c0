//! What can be set, valid and typed. Durations, sizes and paths here need no further look.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::serve::open_doors;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the server keeps its state: the embedded database, the artifacts' folder.
    pub state_dir: PathBuf,
    /// The database's address.
    pub database: DatabaseUrl,
    /// The addresses to listen on; at least one.
    pub listen: Vec<SocketAddr>,
    /// HTTP is served without encryption beyond loopback. Loud.
    pub plain_http: bool,
    /// The certificate to serve TLS with.
    pub tls: Option<Tls>,
    /// Where artifacts are kept.
    pub artifacts: ArtifactStore,
    /// How large an artifact may be.
    pub upload: Upload,
    /// How a device becomes known.
    pub enrolment: EnrolmentMode,
    /// What devices are told, and when they count as gone.
    pub devices: Devices,
    /// What one client, or all of them, may take.
    pub limits: Limits,
    /// How long what devices reported is kept.
    pub reports_kept: Duration,
    /// The least severe level that is logged.
    pub log_level: tracing::Level,
}

/// A database's address as [`crate::store::Store::open`] takes it. It may hold a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub String);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "DatabaseUrl(embedded)" } else { "DatabaseUrl(…)" })
    }
}

/// The certificate to serve TLS with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The file with the certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// The file with its private key, in PEM.
    pub key: PathBuf,
}

/// Where artifacts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactStore {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket of S3, or of what speaks like it.
    S3(S3),
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Its name.
    pub bucket: String,
    /// What every key begins with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The service's URL, plain HTTP only on this machine; Amazon's own where there is none.
    pub endpoint: Option<String>,
    /// The region; `AWS_REGION` or the service's default where there is none.
    pub region: Option<String>,
    /// The files with access key and secret key; the environment's `AWS_*` where there are none.
    pub credentials: Option<S3Credentials>,
}

/// Files with a bucket's credentials, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The file with the access key.
    pub access_key_file: PathBuf,
    /// The file with the secret key.
    pub secret_key_file: PathBuf,
}

/// How large an artifact may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// In bytes.
    pub max_bytes: u64,
}

/// How a device becomes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentMode {
    /// It shows an enrolment token.
    Token,
    /// It may ask without one, and is offered nothing before a person approves it.
    Approval,
    /// Whoever asks is taken. Loud.
    Open,
}

/// What devices are told, and when they count as gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Devices {
    /// Seconds that a device waits between two polls.
    pub poll_s: u32,
    /// A device that was silent for more seconds is offline.
    pub offline_after_s: u32,
}

/// What one client, or all of them, may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Connections at once from one address; any number where there is none.
    pub per_address: Option<u32>,
    /// How long a client may take for a request's head.
    pub header_timeout: Duration,
    /// How long a client may be silent within a request's body, or not take what it is sent.
    pub body_timeout: Duration,
    /// Bytes of a request's body that is no artifact.
    pub body_bytes: u64,
}

impl Settings {
    /// What is open, or unsafe: said at every start and by `belay-server check`.
    pub fn warnings(&self) -> Vec<String> {
        // Settings that open more than they say are refused before.
        let mut warnings = open_doors(&self.listen, self.tls.is_some(), self.plain_http).unwrap_or_default();
        match self.enrolment {
            EnrolmentMode::Token | EnrolmentMode::Approval => {}
            EnrolmentMode::Open => warnings.push(
                "enrolment is open: whoever reaches this server becomes a device and may read what is offered to it"
                    .to_owned(),
            ),
        }
        warnings
    }
}
