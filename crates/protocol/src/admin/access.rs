//! Operator tokens, enrolment tokens, the audit log.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeviceType, Distribution, Tag};

/// What an operator token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum Permission {
    /// Everything.
    #[serde(rename = "admin:full")]
    AdminFull,
    /// Publish and delete releases.
    #[serde(rename = "updates:publish")]
    UpdatesPublish,
    /// See releases.
    #[serde(rename = "updates:view")]
    UpdatesView,
    /// See devices, deployments and channels.
    #[serde(rename = "fleet:view")]
    FleetView,
    /// Change devices, deploy, roll back.
    #[serde(rename = "fleet:manage")]
    FleetManage,
    /// Change channels.
    #[serde(rename = "channels:edit")]
    ChannelsEdit,
}

impl Permission {
    /// Every permission.
    pub const ALL: &[Self] = &[
        Self::AdminFull,
        Self::UpdatesPublish,
        Self::UpdatesView,
        Self::FleetView,
        Self::FleetManage,
        Self::ChannelsEdit,
    ];

    /// The word used on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::AdminFull => "admin:full",
            Self::UpdatesPublish => "updates:publish",
            Self::UpdatesView => "updates:view",
            Self::FleetView => "fleet:view",
            Self::FleetManage => "fleet:manage",
            Self::ChannelsEdit => "channels:edit",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|permission| permission.word() == text);
        known.copied().ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|permission| permission.word()).collect();
            format!("{text:?} is no permission: one of {}", words.join(", "))
        })
    }
}

/// `GET /api/v1/whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// The token's name.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateToken {
    /// Who or what will use it, 1 to 100 characters; stands in the audit log.
    pub name: String,
    /// What it allows; at least one.
    pub permissions: Vec<Permission>,
    /// When it ends; never where there is none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A token that was just made. Its text is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// Its number, to revoke it by.
    pub id: String,
    /// What is put into the `Authorization: Bearer` header, or given to a device to enrol with.
    pub token: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An operator token as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its number.
    pub id: String,
    /// Who or what uses it.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// `POST /api/v1/enrolment-tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateEnrolmentToken {
    /// What it is for, 1 to 100 characters.
    pub name: String,
    /// How many devices may enrol with it; any number where there is none.
    #[serde(default)]
    pub uses: Option<u32>,
    /// When it ends; never where there is none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Only devices of this type may use it.
    #[serde(default)]
    pub device_type: Option<DeviceType>,
    /// Devices that use it join this ring, whatever they say.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// Tags that such devices get.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// An enrolment token as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentTokenView {
    /// Its number.
    pub id: String,
    /// How it was asked for.
    #[serde(flatten)]
    pub terms: CreateEnrolmentToken,
    /// How many devices used it.
    pub used: u32,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// One operator action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number; later ones are greater.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The name of the token that was used, or `command line` on the server itself.
    pub actor: String,
    /// What was done, such as `deployment.start`.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// The rest, for people.
    pub detail: String,
}
