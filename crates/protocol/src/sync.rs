//! `POST /api/v1/sync`: the one request of a poll, and its answer.
//!
//! A device with nothing new sends a tag and an empty body besides, and is answered with a time and an interval: a few
//! hundred bytes each way, headers included. Unknown fields and unknown words are ignored in both directions, so that
//! older and newer programs understand one another.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bundle::SignedManifest;
use crate::job::{Generation, JobId};
use crate::{Closure, DeploymentId, PackageList, ReleaseVersion, Sha256};

/// What a device sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct SyncRequest {
    /// The tag of the profile that the device has now: any text of at most 128 characters that differs where the profile
    /// does. The server asks for the profile where it knows another.
    pub tag: String,
    /// The profile, where it changed since the server last acknowledged one, or was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Which outbox the reports are numbered in, at most 128 characters: a device that lost its outbox begins another one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outbox: String,
    /// Reports that were not acknowledged yet, oldest first, at most [`MAX_REPORTS`]; more are left for another time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct SyncResponse {
    /// The server's time.
    #[cfg_attr(feature = "admin", schema(value_type = String, format = DateTime))]
    pub now: Timestamp,
    /// Seconds until the next sync.
    pub next_s: u32,
    /// Whether the device was let in.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub authorized: bool,
    /// The number of the last report of this outbox that is durable here: it and all before it need not be sent again.
    /// None where the request carried no report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
    /// Whether the server wants the profile: it knows none, or one of another tag.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_profile: bool,
    /// What the device is to do. The same one is offered until it is reported on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// The assignment that the device is to drop where it has not begun to apply it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<AssignmentRef>,
}

/// What is true of a device now, as measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct Profile {
    /// What is installed.
    #[serde(default)]
    pub installed: Installed,
    /// Everything else.
    #[serde(default)]
    pub facts: Facts,
}

/// What is installed on a device, as measured on it, never as remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct Installed {
    /// The release in force whose packages are all there in its versions; none where there is no such release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseVersion>,
    /// The generation in force.
    #[serde(default)]
    #[cfg_attr(feature = "admin", schema(value_type = u64))]
    pub generation: Generation,
    /// Packages of that generation that others changed since, one sentence each, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
    /// Whether a person must look at the device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_attention: bool,
}

/// What a device is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct Facts {
    /// Its host name.
    #[serde(default)]
    pub hostname: String,
    /// Debian's name of its architecture, such as `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// Its operating system as it names itself, such as `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default)]
    pub os: String,
    /// The agent's version.
    #[serde(default)]
    pub agent: String,
    /// A digest of what is soldered to the machine: a copied disk in another machine has another one.
    #[serde(default)]
    pub hardware: String,
    /// The name that an older system gave it, as found in `/opt/updates/device_key`; at most 128 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device_key: String,
    /// What it can do. Words that the server does not know are kept and mean nothing to it.
    #[serde(default)]
    pub capabilities: BTreeSet<String>,
}

/// Words for [`Facts::capabilities`].
pub mod capability {
    /// It installs package lists.
    pub const PACKAGES: &str = "packages";
    /// It takes part in staged rollouts: it reports each step and obeys a cancel.
    pub const STAGED: &str = "staged";
    /// It reports what is installed, as measured.
    pub const REPORTS_VERSION: &str = "reports_version";
    /// It can go back when told.
    pub const CAN_ROLL_BACK: &str = "can_roll_back";
    /// It installs bundles.
    pub const BUNDLE: &str = "bundle";
    /// Keys are pinned on it: it refuses what none of them signed.
    pub const SIGNED: &str = "signed";
    /// It installs a closure exactly or says that it cannot.
    pub const CLOSURE: &str = "closure";
}

/// One device's part in a deployment, at one attempt. An attempt's number is never used twice on a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct AssignmentRef {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The attempt, counted from 1 over installations and rollbacks alike.
    pub attempt: u32,
}

/// What a device is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct Assignment {
    /// Whose part it is.
    #[serde(flatten)]
    pub id: AssignmentRef,
    /// What to do.
    pub action: Action,
    /// The device begins at an instant of its own within so many seconds, so that a fleet does not begin at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spread_s: u32,
}

/// What an assignment asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Install a package list.
    InstallPackages {
        /// The release that the list belongs to.
        release: ReleaseVersion,
        /// The list.
        #[cfg_attr(feature = "admin", schema(value_type = Vec<String>))]
        packages: PackageList,
        /// The versions to install and no others; the device resolves them itself where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "admin", schema(value_type = Option<Object>))]
        closure: Option<Closure>,
        /// Refusals that an operator overrides, by the code of their [`Reason`](crate::Reason); unknown ones mean nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approve: Vec<String>,
        /// What vouches for the list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<SignedManifest>,
    },
    /// Install a bundle.
    InstallBundle {
        /// The release that it belongs to.
        release: ReleaseVersion,
        /// The archive's digest.
        #[cfg_attr(feature = "admin", schema(value_type = String))]
        sha256: Sha256,
        /// The archive's size in bytes.
        size: u64,
        /// Where it lies, where that is not this server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// What vouches for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<SignedManifest>,
        /// The versions of the packages that it declares, and no others; resolved on the device where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "admin", schema(value_type = Option<Object>))]
        closure: Option<Closure>,
        /// Refusals that an operator overrides, by the code of their [`Reason`](crate::Reason); unknown ones mean nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approve: Vec<String>,
    },
    /// Go back one generation.
    RollBack {
        /// The release to go back from; a device that has another one in force does nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseVersion>,
    },
    /// Something that only a newer program knows: reported as failed with `unknown_action`.
    #[serde(other)]
    Unknown,
}

/// One message of a device to its server. Delivered in order, exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct Report {
    /// Its number in the outbox, counted from 1.
    pub seq: u64,
    /// When it was written, by the device's clock.
    #[cfg_attr(feature = "admin", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The assignment that it is about; none for a job that somebody asked for on the device itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentRef>,
    /// The device's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "admin", schema(value_type = Option<u64>))]
    pub job: Option<JobId>,
    /// Where it stands.
    pub status: ReportStatus,
    /// Why, as a code: one of [`Reason`](crate::Reason), or one that only a newer device knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// With `completed`: what was resolved here, to be installed exactly elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "admin", schema(value_type = Option<Object>))]
    pub closure: Option<Closure>,
}

/// Where a job stands, as reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// Resolving, fetching, taking the restore point.
    Downloading,
    /// The device is being changed.
    Installing,
    /// The health gate is looking.
    Verifying,
    /// It is done; for a rollback, the old state is in force.
    Completed,
    /// It was refused, or a person must look.
    Failed,
    /// The update went wrong and the device is as it was.
    RolledBack,
    /// Not now, for the given reason; it is to be offered again.
    Deferred,
    /// It was cancelled before anything was changed.
    Skipped,
    /// Something that only a newer program knows: kept as history.
    #[serde(other)]
    Unknown,
}

/// The most reports that one request carries.
pub const MAX_REPORTS: usize = 100;

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_yes(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests;
