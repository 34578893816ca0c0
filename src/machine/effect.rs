//! What the machine asks the host to do, and what comes back. These types cross the process boundary between the
//! daemon and the host, so they are narrow: after `Plan`, an effect names a job and nothing else.

use belay_protocol::bundle::BundleOrder;
use belay_protocol::health::Health;
use belay_protocol::job::{Generation, JobId, JobState, Request};
use belay_protocol::local::{GenerationView, KeptBundle, RestorePointView};
use belay_protocol::plan::Plan;
use belay_protocol::sync::{AssignmentRef, Installed};
use belay_protocol::{Closure, Failure, PackageId, PackageList, Reason, ReleaseVersion, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An order to the host. Each is idempotent: issued again after a crash, it answers from its receipt or starts over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Say what the ledger holds.
    Survey,
    /// Bring a bundle onto the device, verified and unpacked. Its content comes from the daemon.
    Download {
        /// The job.
        job: JobId,
        /// Which.
        order: Box<BundleOrder>,
        /// Whose part in a deployment it is, where a server asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignment: Option<AssignmentRef>,
        /// Refusals that the requester overrides by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approve: Vec<Reason>,
    },
    /// Resolve the transaction of a job.
    Plan {
        /// The job.
        job: JobId,
        /// What it was asked to do.
        request: Request,
        /// Whose part in a deployment it is, where a server asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignment: Option<AssignmentRef>,
    },
    /// Bring every new .deb into the vault.
    Fetch {
        /// The job.
        job: JobId,
    },
    /// Take the restore point.
    Capture {
        /// The job.
        job: JobId,
    },
    /// Change the device.
    Apply {
        /// The job.
        job: JobId,
    },
    /// Start the device again. It is judged afterwards.
    Reboot {
        /// The job.
        job: JobId,
    },
    /// Measure the device's health.
    Verify {
        /// The job.
        job: JobId,
    },
    /// Make the job's new state the generation in force.
    Commit {
        /// The job.
        job: JobId,
    },
    /// Take the device back.
    RollBack {
        /// The job.
        job: JobId,
        /// Why.
        because: Failure,
    },
    /// Drop what was prepared for a job that changed nothing.
    Discard {
        /// The job.
        job: JobId,
    },
}

impl Effect {
    /// The job that it belongs to; none for a survey.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::Survey => None,
            Self::Download { job, .. }
            | Self::Plan { job, .. }
            | Self::Fetch { job }
            | Self::Capture { job }
            | Self::Apply { job }
            | Self::Reboot { job }
            | Self::Verify { job }
            | Self::Commit { job }
            | Self::RollBack { job, .. }
            | Self::Discard { job } => Some(*job),
        }
    }
}

impl Effect {
    /// The outcome that says it failed.
    pub fn failed(&self, failure: Failure) -> Outcome {
        match self {
            Self::Survey => Outcome::Surveyed(Err(failure)),
            Self::Download { .. } => Outcome::Downloaded(Err(failure)),
            Self::Plan { .. } => Outcome::Planned(Err(failure)),
            Self::Fetch { .. } => Outcome::Fetched(Err(failure)),
            Self::Capture { .. } => Outcome::Captured(Err(failure)),
            Self::Apply { .. } => Outcome::Applied(Applied::Touched(failure)),
            Self::Reboot { .. } => Outcome::Rebooting(Err(failure)),
            Self::Verify { .. } => Outcome::Verified(Err(failure)),
            Self::Commit { .. } => Outcome::Committed(Err(failure)),
            Self::RollBack { .. } => Outcome::RolledBack(Err(failure)),
            Self::Discard { .. } => Outcome::Discarded(Err(failure)),
        }
    }
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "value", rename_all = "snake_case")]
pub enum Outcome {
    /// Of `Survey`. A failure says nothing about the ledger: what was known stays.
    Surveyed(Result<Survey, Failure>),
    /// Of `Download`.
    Downloaded(Result<Arrived, Failure>),
    /// Of `Plan`.
    Planned(Result<Planned, Failure>),
    /// Of `Fetch`.
    Fetched(Result<(), Failure>),
    /// Of `Capture`: what cannot be undone and was allowed nevertheless, one sentence each.
    Captured(Result<Vec<String>, Failure>),
    /// Of `Apply`.
    Applied(Applied),
    /// Of `Reboot`: the device is about to go down, or is up again already, or cannot be started again.
    Rebooting(Result<Reboot, Failure>),
    /// Of `Verify`.
    Verified(Result<Health, Failure>),
    /// Of `Commit`.
    Committed(Result<Generation, Failure>),
    /// Of `RollBack`.
    RolledBack(Result<Undone, Failure>),
    /// Of `Discard`. A failure of [`Reason::State`] or [`Reason::NoSpace`] says that the ledger or a restore point could
    /// not be written and the device is as it was; any other, such as [`Reason::Interrupted`], that the device may have been changed.
    Discarded(Result<(), Failure>),
}

/// A bundle that is on the device: verified, unpacked, understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// Its version.
    pub version: ReleaseVersion,
    /// The packages that it declares.
    #[serde(default)]
    pub packages: PackageList,
    /// What a person should know of it, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What came of the order to start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reboot {
    /// The device goes down; what follows is decided when it is up.
    Ordered,
    /// The device was started again since the change: it can be judged.
    Done,
}

/// A resolved transaction with the facts that the guard needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The transaction.
    pub plan: Plan,
    /// What the host measured.
    pub facts: Facts,
    /// What a person should know of the device before this: hooks, pins, unsafe settings. One sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What the update will have resolved to; none for a way back, and where the list names what is no package itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
}

/// What the guard must know about the device beside the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Bytes free on the file system that the root and the vault share, or the smaller of the two.
    pub free_bytes: u64,
    /// Versions that this device went back from.
    pub denied: Vec<Denied>,
}

/// A version that this device went back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: Version,
}

/// How far applying came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "applied", content = "value", rename_all = "snake_case")]
pub enum Applied {
    /// The device is as planned.
    Done,
    /// The device is as planned, and there is something to say.
    DoneWith {
        /// What a person should know, one sentence each.
        notes: Vec<String>,
        /// Why the device must start again before it is judged; none where it need not.
        reboot: Option<String>,
    },
    /// It failed before anything was changed.
    Untouched(Failure),
    /// It failed when something may have been changed.
    Touched(Failure),
}

/// A completed way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The generation now in force.
    pub generation: Generation,
    /// Maintainer scripts that had to be neutralised, one sentence each.
    #[serde(default)]
    pub forced: Vec<String>,
    /// Differences that Belay did not cause and left alone, one sentence each.
    #[serde(default)]
    pub reported: Vec<String>,
}

/// What the ledger holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The generation in force.
    pub generation: Generation,
    /// All that are known, newest first.
    pub generations: Vec<GenerationView>,
    /// The transaction that is not closed, where there is one.
    pub open: Option<OpenTransaction>,
    /// Closed transactions, oldest first.
    pub closed: Vec<Closed>,
    /// Damage found and what was done about it, one sentence each.
    pub damage: Vec<String>,
}

/// A transaction that the host began and did not close.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Its job.
    pub job: JobId,
    /// What the job was asked to do.
    pub request: Request,
    /// Whether the device may have been changed.
    pub touched: bool,
    /// Why the host gave up on it, where it did: a person must look.
    pub stuck: Option<Failure>,
    /// Whether it only waits for the device to start again.
    #[serde(default)]
    pub awaits_reboot: bool,
    /// Whose part in a deployment it is, where a server asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentRef>,
}

/// A transaction that the host closed, with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// Its job.
    pub job: JobId,
    /// What the job was asked to do.
    pub request: Request,
    /// How it ended.
    pub end: JobState,
    /// Why it did not end as asked, where it did not.
    pub reason: Option<Reason>,
    /// The sentence for people.
    pub message: String,
    /// The generation in force afterwards.
    pub generation: Generation,
    /// When.
    pub at: Timestamp,
    /// Whose part in a deployment it was, where a server asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentRef>,
}

/// A question to the host that is no part of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "inspect", rename_all = "snake_case")]
pub enum Inspection {
    /// List the restore points.
    RestorePoints,
    /// Hash everything that a restore point needs.
    VerifyRestorePoint {
        /// Its number.
        id: u64,
    },
    /// Compare the device with the generation in force, and hash the vault.
    VerifyDevice,
    /// Measure what is installed: the release of the generation in force, if its packages are all there.
    Measure,
    /// List the bundles that are kept.
    Bundles,
    /// Drop restore points beyond what retention keeps, or beyond the newest `keep`.
    Prune {
        /// How many to keep, newest first.
        keep: Option<u64>,
    },
}

/// The answer to an inspection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "inspected", content = "value", rename_all = "snake_case")]
pub enum Inspected {
    /// Restore points, newest first.
    RestorePoints(Vec<RestorePointView>),
    /// What is wrong, one sentence each; empty when all is well.
    Findings(Vec<String>),
    /// What is installed, as measured.
    Measured(Installed),
    /// Bundles, newest version first.
    Bundles(Vec<KeptBundle>),
    /// Restore points dropped and bytes freed.
    Pruned {
        /// Their numbers.
        dropped: Vec<u64>,
        /// Bytes freed in the vault.
        freed_bytes: u64,
    },
}
