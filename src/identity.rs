//! Who this device is to its server: the name and key that it was given, kept in `daemon/identity.json`.
//!
//! The value of an enrolment is durable before it is first sent, so that one whose answer was lost is repeated as it was
//! and makes no second device.

use std::io;
use std::path::{Path, PathBuf};

use belay_protocol::DeviceId;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::remote::url::ServerUrl;

/// What a server gave this device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The server.
    pub server: ServerUrl,
    /// The device's name there.
    pub device: DeviceId,
    /// What the device shows with every request.
    pub key: String,
    /// Certificates, in PEM, that were given with the enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
}

/// The identity on the disk.
#[derive(Debug)]
pub struct IdentityStore {
    path: PathBuf,
    file: File,
}

/// Why the identity cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be read.
    #[error("failed to read {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be kept.
    #[error("failed to write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are no random numbers.
    #[error("failed to draw random numbers: {0}")]
    Random(getrandom::Error),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrolled: Option<Identity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
}

/// An enrolment that has no answer yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Attempt {
    server: ServerUrl,
    enrolment: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("server", &self.server).field("device", &self.device).finish_non_exhaustive()
    }
}

impl IdentityStore {
    /// Opens what lies in `folder`. A file that cannot be understood is set aside; the second value says so.
    ///
    /// # Errors
    /// There is a file and it cannot be read or set aside.
    pub fn open(folder: &Path) -> Result<(Self, Option<String>), IdentityError> {
        let path = folder.join("identity.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self { path, file: File::default() }, None));
            }
            Err(source) => return Err(IdentityError::Read { path, source }),
        };
        match serde_json::from_slice(&bytes) {
            Ok(file) => Ok((Self { path, file }, None)),
            Err(error) => {
                let aside = path.with_extension("json.damaged");
                let moved = std::fs::rename(&path, &aside).and_then(|()| durable::sync_folder(folder));
                moved.map_err(|source| IdentityError::Write { path: aside.clone(), source })?;
                let damage = format!(
                    "the device's identity was damaged ({error}) and lies in {}: put a copy of it back, or enrol again \
                     with `belay-agent enrol`",
                    aside.display()
                );
                Ok((Self { path, file: File::default() }, Some(damage)))
            }
        }
    }

    /// Who this device is; none where it never enrolled.
    pub fn identity(&self) -> Option<&Identity> {
        self.file.enrolled.as_ref()
    }

    /// The value of the enrolment at this server: that of an attempt without an answer, else a new one. It is durable.
    ///
    /// # Errors
    /// It could not be made durable, and must not be sent.
    pub fn attempt(&mut self, server: &ServerUrl) -> Result<String, IdentityError> {
        if let Some(known) = self.file.attempt.as_ref().filter(|known| known.server == *server) {
            return Ok(known.enrolment.clone());
        }
        let enrolment = random()?;
        let attempt = Some(Attempt { server: server.clone(), enrolment: enrolment.clone() });
        self.keep(File { attempt, ..self.file.clone() })?;
        Ok(enrolment)
    }

    /// Takes what the server gave, in the place of what another gave before.
    ///
    /// # Errors
    /// It could not be made durable.
    pub fn enrolled(&mut self, identity: Identity) -> Result<(), IdentityError> {
        self.keep(File { enrolled: Some(identity), attempt: None })
    }

    fn keep(&mut self, file: File) -> Result<(), IdentityError> {
        let failed = |source| IdentityError::Write { path: self.path.clone(), source };
        let bytes = serde_json::to_vec_pretty(&file).map_err(|error| failed(error.into()))?;
        durable::write_atomic(&self.path, &bytes, 0o600).map_err(failed)?;
        self.file = file;
        Ok(())
    }
}

/// 128 random bits, in hex.
///
/// # Errors
/// The system has none.
pub fn random() -> Result<String, IdentityError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(IdentityError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
