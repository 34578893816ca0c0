//! The device's local API: what is posted to it and what it answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bundle::SignedManifest;
use crate::job::{Generation, Job, JobId, Progress};
use crate::sync::AssignmentRef;
use crate::{DeviceId, DeviceType, Distribution, PackageId, Reason, ReleaseVersion, Sha256, Version};

/// A bundle in `POST /update`. Exactly one of `url`, `uploaded` and `kept` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRequest {
    /// Fetch it from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// It was put to `PUT /bundles` before; this is what that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<Sha256>,
    /// The device kept this version when it was installed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<ReleaseVersion>,
    /// The archive's digest; needed with `url`, unless a manifest has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Its version, where neither manifest nor `belay.toml` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ReleaseVersion>,
    /// What vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<SignedManifest>,
}

/// What `PUT /bundles` answers: the body is the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// The digest of what arrived.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

/// `GET /bundles`: the bundles that the device kept, newest version first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundles {
    /// Newest version first.
    pub bundles: Vec<KeptBundle>,
}

/// A bundle that the device kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBundle {
    /// Its version.
    pub version: ReleaseVersion,
    /// The digest of its archive.
    pub sha256: Sha256,
    /// Bytes that it takes on the disk.
    pub bytes: u64,
    /// Whether it is the one in force.
    pub in_force: bool,
}

/// `POST /update`, native format; `POST /plan` is the same with `dry_run` set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateRequest {
    /// The lines of a package list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// A bundle, instead of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleRequest>,
    /// Only plan; nothing is changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The same key never runs twice: a second call answers with the first one's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Refusals that the requester overrides by name, such as `guard_removal`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approve: Vec<Reason>,
}

/// `POST /rollback`, native format. An empty body is an empty request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The generation to reach; one back where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Generation>,
    /// The version to reach instead of a generation: the newest generation on the way back that stands for it, or else
    /// that bundle once more, where the device kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<ReleaseVersion>,
    /// The same key never runs twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Refusals that the requester overrides by name, such as `drift`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approve: Vec<Reason>,
}

/// Every refusal of the local API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A stable code.
    pub error: String,
    /// A sentence that says what to do.
    pub message: String,
    /// The line of the package list at fault, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The field of the request at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The job that stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

/// `GET /status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What the device calls itself; none where it has no name, or an older agent speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The agent's version.
    pub version: String,
    /// The generation in force.
    pub generation: Generation,
    /// The generation that a rollback would reach, where there is one.
    pub previous: Option<Generation>,
    /// Whether a person must look.
    pub needs_attention: bool,
    /// The running job.
    pub job: Option<Job>,
    /// How far the running job has come.
    pub progress: Option<Progress>,
    /// The rollback that waits for the running job's end.
    pub queued: Option<JobId>,
    /// The last job that ended.
    pub last: Option<Job>,
    /// What a person should know: open doors, damage found, best-effort undo.
    pub warnings: Vec<String>,
    /// The server that the device polls; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerLink>,
}

/// How a device and its server stand, as far as the device knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerLink {
    /// The server's address.
    pub url: String,
    /// The device's name there; none until it has enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// Whether the server lets the device in; none until it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized: Option<bool>,
    /// When the server last answered as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Timestamp>,
    /// What went wrong since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// What `POST /server/poll` answers: the server was asked just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    /// How device and server stand.
    pub server: ServerLink,
    /// What the server wants done; none where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<ServerWish>,
    /// The job that runs for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

/// What a server wants done, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerWish {
    /// Whose part in a deployment it is.
    pub assignment: AssignmentRef,
    /// `install_packages`, `install_bundle`, `roll_back`, or `unknown` for what only a newer program knows.
    pub action: String,
    /// The release to install, or to go back from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseVersion>,
}

/// `POST /server/enrol`. What is left out is as the settings say.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerEnrolRequest {
    /// The server's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The enrolment token, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What kind of device it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<DeviceType>,
    /// Its ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Certificates in PEM that are trusted beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// Enrol although the device has a name and key already, which are then forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl std::fmt::Debug for ServerEnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerEnrolRequest")
            .field("server", &self.server)
            .field("device_type", &self.device_type)
            .field("distribution", &self.distribution)
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}

/// A state of the device that Belay can name, as shown by `GET /history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationView {
    /// Its number.
    pub generation: Generation,
    /// The one that going back from it reaches.
    pub parent: Option<Generation>,
    /// Whether it is in force.
    pub current: bool,
    /// Whether a rollback can reach it.
    pub reachable: bool,
    /// The job that made it; none for the state before the first update.
    pub job: Option<JobId>,
    /// When it was committed.
    pub committed_at: Option<Timestamp>,
    /// What it changed against its parent, a line a package.
    pub changes: Vec<String>,
    /// The release that it stands for, where a server ordered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseVersion>,
}

/// `GET /history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Newest first; the last one is the state before the first update.
    pub generations: Vec<GenerationView>,
    /// Newest first.
    pub jobs: Vec<Job>,
}

/// What undo needs, taken before a change, as `restore-point list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePointView {
    /// Its number: the generation whose undo it holds.
    pub id: u64,
    /// The job that took it.
    pub job: JobId,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Whether its update was committed, undone, or is open.
    pub state: RestorePointState,
    /// Bytes that only this restore point holds in the vault.
    pub bytes: u64,
    /// What going back puts in place, a line a package.
    pub packages: Vec<RestoredPackage>,
}

/// One package of a restore point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredPackage {
    /// The package.
    pub package: PackageId,
    /// The version that going back puts in place; none where the package goes.
    pub version: Option<Version>,
    /// Where its .deb was had from: `vault`, `cache`, `archive`, `rebuilt`.
    pub source: Option<String>,
}

/// What became of the update that a restore point was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestorePointState {
    /// Its job is not over.
    Open,
    /// The update is in force, or has later ones on top.
    Committed,
    /// It was gone back from.
    Undone,
}

/// One message of `GET /jobs/{id}/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The job's step has come further.
    Progress(Progress),
    /// The job entered another state.
    State(Box<Job>),
}

/// `GET /verify` and `POST /restore-points/{id}/verify`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// What is wrong, one sentence each; empty when all is well.
    pub findings: Vec<String>,
}

/// `GET /restore-points`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoints {
    /// Newest first.
    pub restore_points: Vec<RestorePointView>,
}

/// `POST /restore-points/prune`. An empty body is an empty request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRequest {
    /// How many to keep, newest first; as the settings say where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
}

/// What `POST /restore-points/prune` dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// The restore points' numbers.
    pub dropped: Vec<u64>,
    /// Bytes freed in the vault.
    pub freed_bytes: u64,
}
