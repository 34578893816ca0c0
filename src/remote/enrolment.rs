//! How a device becomes known to a server: asked for on the device, or by itself where the settings hold a token.

use belay_protocol::enrol::EnrolRequest;
use belay_protocol::local::ServerEnrolRequest;
use belay_protocol::sync::Profile;
use belay_protocol::{DeviceId, DeviceType, Distribution};

use super::api::{self, CallError};
use super::http::{Client, LIMITS, TrustError};
use super::url::{ServerUrl, UrlError};
use crate::config::settings::ServerSettings;
use crate::identity::{Identity, IdentityError, IdentityStore};

/// Why the device did not become known.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Nobody said where.
    #[error("no server is named: enrol with `--server URL`, or set server.url")]
    NoServer,
    /// The address is none.
    #[error(transparent)]
    BadServer(#[from] UrlError),
    /// The certificates are none.
    #[error(transparent)]
    BadCertificates(TrustError),
    /// The settings name another server.
    #[error("server.url is {0}: change it there, or enrol at that one")]
    OtherServer(ServerUrl),
    /// The device has a name already.
    #[error("this device is {device} at {server} already: `--again` makes it another one, and forgets that one's key")]
    Already {
        /// Its name.
        device: DeviceId,
        /// Where.
        server: ServerUrl,
    },
    /// The server said no.
    #[error("the device was not enrolled: {}", .0.sentence())]
    Refused(CallError),
    /// The server gave no answer.
    #[error("the device is not enrolled yet: {}; once that is mended, enrol again", .0.sentence())]
    Unreachable(CallError),
    /// What was given could not be kept.
    #[error("the device was not enrolled")]
    Storage(#[from] IdentityError),
    /// The daemon is ending.
    #[error("the agent is stopping; ask again when it has started")]
    Stopping,
}

impl EnrolError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoServer => "no_server",
            Self::BadServer(_) => "bad_server",
            Self::BadCertificates(_) => "bad_certificates",
            Self::OtherServer(_) => "other_server",
            Self::Already { .. } => "already_enrolled",
            Self::Refused(_) => "server_refused",
            Self::Unreachable(_) => "server_unreachable",
            Self::Storage(_) => "state",
            Self::Stopping => "stopping",
        }
    }

    /// The error as a sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Storage(error) => {
                let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("{self}: {error}{cause}")
            }
            Self::NoServer
            | Self::BadServer(_)
            | Self::BadCertificates(_)
            | Self::OtherServer(_)
            | Self::Already { .. }
            | Self::Refused(_)
            | Self::Unreachable(_)
            | Self::Stopping => self.to_string(),
        }
    }
}

impl From<CallError> for EnrolError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Trust(error) => Self::BadCertificates(error),
            CallError::Plain(error) => Self::BadServer(error),
            // A server that is busy says no to nobody.
            CallError::Refused { status: 400..=428 | 430..=499, .. } => Self::Refused(error),
            CallError::Refused { .. }
            | CallError::Http(_)
            | CallError::File { .. }
            | CallError::Redirect(_)
            | CallError::Unreadable(_) => Self::Unreachable(error),
        }
    }
}

/// An enrolment with everything that it takes.
pub struct Enrolment {
    server: ServerUrl,
    token: Option<String>,
    device_type: DeviceType,
    distribution: Distribution,
    ca_pem: Option<String>,
}

/// A device that became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolled {
    /// Whether the server lets it in already.
    pub authorized: bool,
    /// Seconds until the first poll.
    pub next_s: u32,
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolment").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Enrolment {
    /// What is asked, completed by the settings.
    ///
    /// # Errors
    /// No server is named, or one that this device may not be told by this call.
    pub fn asked(
        request: ServerEnrolRequest,
        settings: &ServerSettings,
        known: Option<&Identity>,
    ) -> Result<Self, EnrolError> {
        let server: Option<ServerUrl> = request.server.map(|text| text.parse()).transpose()?;
        let server = match (server, &settings.url) {
            (Some(server), Some(set)) if server != *set => return Err(EnrolError::OtherServer(set.clone())),
            (Some(server), _) => server,
            (None, Some(set)) => set.clone(),
            (None, None) => return Err(EnrolError::NoServer),
        };
        server.check_plain(settings.plain_http)?;
        if let Some(known) = known.filter(|_| !request.again) {
            return Err(EnrolError::Already { device: known.device.clone(), server: known.server.clone() });
        }
        Ok(Self {
            server,
            token: request.token,
            device_type: request.device_type.unwrap_or_else(|| settings.device_type.clone()),
            distribution: request.distribution.unwrap_or_else(|| settings.distribution.clone()),
            ca_pem: request.ca_pem,
        })
    }

    /// Enrols: the value first becomes durable, then it is sent, then what came of it becomes durable.
    pub async fn carry_out(
        self,
        store: &mut IdentityStore,
        settings: &ServerSettings,
        identity: String,
        profile: Profile,
    ) -> Result<Enrolled, EnrolError> {
        let mut client = client(&self.server, self.ca_pem.as_deref(), settings)?;
        let request = EnrolRequest {
            enrolment: store.attempt(&self.server)?,
            identity,
            token: self.token,
            device_type: self.device_type,
            distribution: self.distribution,
            profile,
        };
        let answer = api::enrol(&mut client, &request).await?;
        store.enrolled(Identity {
            server: self.server,
            device: answer.device,
            key: answer.key,
            ca_pem: self.ca_pem,
        })?;
        Ok(Enrolled { authorized: answer.authorized, next_s: answer.next_s })
    }
}

/// The way to a server, as the settings say.
///
/// # Errors
/// The certificates to trust cannot be read, or the key would cross the network in clear and must not.
pub fn client(server: &ServerUrl, ca_pem: Option<&str>, settings: &ServerSettings) -> Result<Client, CallError> {
    // The setting may have been taken back since the device enrolled.
    server.check_plain(settings.plain_http)?;
    let own = settings
        .ca_file
        .as_ref()
        .map(|path| std::fs::read_to_string(path).map_err(|source| CallError::File { path: path.clone(), source }));
    let own = own.transpose()?;
    let trusted: Vec<&str> = own.as_deref().into_iter().chain(ca_pem).collect();
    Ok(Client::new(server, &trusted, &settings.proxy, LIMITS)?)
}

/// The first line of a token file.
///
/// # Errors
/// It cannot be read, or holds nothing.
pub fn read_token(path: &std::path::Path) -> std::io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    match text.lines().next().map(str::trim).filter(|token| !token.is_empty()) {
        Some(token) => Ok(token.to_owned()),
        None => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "its first line is empty")),
    }
}
