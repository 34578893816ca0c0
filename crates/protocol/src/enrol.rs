//! `POST /api/v1/enrol`: how a device becomes known to a server.

use serde::{Deserialize, Serialize};

use crate::sync::Profile;
use crate::{DeviceId, DeviceType, Distribution};

/// What a device says of itself when it enrols.
///
/// It may be sent again as it is where the answer was lost: `enrolment` is made once and kept before it is first sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct EnrolRequest {
    /// Made of 128 random bits by the device, kept before the first attempt: the same value is the same enrolment. 16 to
    /// 128 characters. Who knows it can ask for the device's key, so it is a secret of the device.
    pub enrolment: String,
    /// What tells this machine from any other, as a digest: two enrolments of one identity are looked at by a person. 1
    /// to 128 characters.
    pub identity: String,
    /// The enrolment token, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What kind of device it is.
    pub device_type: DeviceType,
    /// Its ring.
    pub distribution: Distribution,
    /// What is installed, and the facts.
    pub profile: Profile,
}

impl std::fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolRequest")
            .field("identity", &self.identity)
            .field("device_type", &self.device_type)
            .field("distribution", &self.distribution)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// The server's answer: the device's name and key. Each answer has another key, and the one before means nothing then.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct EnrolResponse {
    /// The device's name on this server.
    pub device: DeviceId,
    /// What the device shows with every request from now on. The server keeps a digest of it only.
    pub key: String,
    /// Whether the device was let in; until then it may sync and is given nothing.
    pub authorized: bool,
    /// Seconds until the first sync.
    pub next_s: u32,
}

impl std::fmt::Debug for EnrolResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolResponse")
            .field("device", &self.device)
            .field("authorized", &self.authorized)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
