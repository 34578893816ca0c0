//! Why a job did not end as asked: a closed list of codes for programs, and a sentence for people.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a job was refused, undone, or needs a person. The code is part of the API and never changes meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// Every reason, for documents and tests.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// The plan removes packages that nobody asked to remove.
    GuardRemoval = "guard_removal",
    /// The plan touches the protected set.
    GuardProtected = "guard_protected",
    /// The plan lowers a version that was not asked for.
    GuardDowngrade = "guard_downgrade",
    /// A package would come from an origin that is not allowed.
    GuardOrigin = "guard_origin",
    /// A package's data would not go back with it.
    GuardOneWay = "guard_one_way",
    /// The plan changes a package that is on hold.
    GuardHeld = "guard_held",
    /// The plan touches kernel, firmware or boot files.
    GuardBoot = "guard_boot",
    /// A bundle changes files that the device needs to start, to be reached or to be repaired.
    GuardPath = "guard_path",
    /// The disk cannot hold the update together with what undo needs.
    NoSpace = "no_space",
    /// The device's clock cannot be right.
    Clock = "clock",
    /// The device is locked down.
    Lockdown = "lockdown",
    /// Outside the maintenance windows.
    Window = "window",
    /// This device went back from that version before.
    Denied = "denied",
    /// Another package manager held the lock for too long.
    LockTimeout = "lock_timeout",
    /// No source offers a package of that name.
    UnknownPackage = "unknown_package",
    /// The package exists, the version asked for does not.
    VersionUnavailable = "version_unavailable",
    /// The versions that the rollout was frozen to cannot be had here, or are not enough here.
    ClosureUnavailable = "closure_unavailable",
    /// Dependencies cannot be met.
    UnmetDependency = "unmet_dependency",
    /// dpkg's database holds half-installed packages that Belay did not cause.
    DeviceBroken = "device_broken",
    /// The package sources did not answer or are not trusted.
    SourcesUnavailable = "sources_unavailable",
    /// apt failed for a reason of its own, given in the message.
    AptFailed = "apt_failed",
    /// A file does not have the digest it must have.
    DigestMismatch = "digest_mismatch",
    /// The bundle could not be fetched.
    FetchFailed = "fetch_failed",
    /// The bundle may not be fetched from there.
    BadUrl = "bad_url",
    /// A file does not have the size it must have.
    SizeMismatch = "size_mismatch",
    /// Keys are pinned on the device, and nobody signed the release.
    Unsigned = "unsigned",
    /// The signature is none of a pinned key's, or not over this manifest.
    BadSignature = "bad_signature",
    /// The key that signed the release has expired.
    KeyExpired = "key_expired",
    /// The manifest cannot be read, or does not belong to what was ordered.
    BadManifest = "bad_manifest",
    /// The release is for another kind of device.
    OtherDeviceType = "other_device_type",
    /// An older version than the one in force, and nobody asked to go back.
    OlderVersion = "older_version",
    /// The archive is damaged, or no tar with gzip or zstd.
    UnpackCorrupt = "unpack_corrupt",
    /// The archive holds an absolute path.
    UnpackAbsolute = "unpack_absolute",
    /// The archive holds a path with `..`.
    UnpackParent = "unpack_parent",
    /// The archive holds a link that leads out of it.
    UnpackLink = "unpack_link",
    /// The archive holds a hard link.
    UnpackHardLink = "unpack_hard_link",
    /// The archive holds a device, fifo or something else that is no file, folder or link.
    UnpackDevice = "unpack_device",
    /// The archive holds a setuid or setgid file that `belay.toml` does not declare.
    UnpackSetuid = "unpack_setuid",
    /// The archive unpacks to more bytes than allowed.
    UnpackTooLarge = "unpack_too_large",
    /// The archive holds more entries than allowed.
    UnpackTooMany = "unpack_too_many",
    /// The archive unpacks to more times its own size than allowed.
    UnpackRatio = "unpack_ratio",
    /// The archive holds a path with more folders than allowed.
    UnpackDepth = "unpack_depth",
    /// The archive holds a name twice.
    UnpackDuplicate = "unpack_duplicate",
    /// The archive holds two names that differ only in upper and lower case.
    UnpackCase = "unpack_case",
    /// The archive holds a name that is too long, or has control characters or no UTF-8.
    UnpackName = "unpack_name",
    /// The bundle lacks `install.sh`, or its `belay.toml` or `update_manifest.json` is wrong.
    BadBundle = "bad_bundle",
    /// The bundle needs a newer agent.
    AgentTooOld = "agent_too_old",
    /// The bundle does not update from the version in force.
    WrongSource = "wrong_source",
    /// The install script failed.
    ScriptFailed = "script_failed",
    /// The install script ran longer than it may.
    ScriptTimeout = "script_timeout",
    /// The install script left a process running.
    ScriptLeftProcess = "script_left_process",
    /// Somebody else changed a file while the install script was changing it too.
    CapturedConflict = "captured_conflict",
    /// The install script changed what a captured change cannot hold: immutable files, dpkg's, apt's or Belay's own records.
    CapturedRefused = "captured_refused",
    /// The device cannot be started again by this program.
    RebootFailed = "reboot_failed",
    /// What undo needs cannot be had.
    UndoUnavailable = "undo_unavailable",
    /// The vault or a restore point was damaged.
    VaultDamaged = "vault_damaged",
    /// Packages changed between plan and apply, twice in a row.
    PlanChanged = "plan_changed",
    /// Somebody asked for a rollback before anything was changed.
    Cancelled = "cancelled",
    /// Only the plan was asked for.
    DryRun = "dry_run",
    /// Somebody asked to go back.
    Requested = "requested",
    /// There is no generation to go back to.
    NothingToUndo = "nothing_to_undo",
    /// Another release is in force than the one to go back from.
    OtherRelease = "other_release",
    /// The server may not order this device to go back that far.
    TooOld = "too_old",
    /// The generation asked for is not on the way back from this one.
    UnknownGeneration = "unknown_generation",
    /// Packages were changed by others since the update was committed.
    Drift = "drift",
    /// The job was started over too often.
    GaveUp = "gave_up",
    /// Another job runs.
    Busy = "busy",
    /// The idempotency key was used before, for something else.
    KeyReused = "key_reused",
    /// The idempotency key is too long to be remembered.
    BadKey = "bad_key",
    /// The agent is about to end.
    Stopping = "stopping",
    /// Writing or reading Belay's own state failed.
    State = "state",
    /// Applying failed.
    ApplyFailed = "apply_failed",
    /// What was installed is not what was planned.
    ResultDiffers = "result_differs",
    /// The health gate said no.
    Unhealthy = "unhealthy",
    /// Power or the program went away while the device was being changed.
    Interrupted = "interrupted",
    /// Undo did not reach the old state.
    UndoFailed = "undo_failed",
    /// Changes made by others stand in the way of undo.
    ForeignChange = "foreign_change",
}

impl Reason {
    /// Whether a rollback that failed for this reason was refused before it changed anything.
    pub fn leaves_device_untouched(self) -> bool {
        matches!(
            self,
            Self::NothingToUndo
                | Self::UnknownGeneration
                | Self::Drift
                | Self::VaultDamaged
                | Self::LockTimeout
                | Self::NoSpace
        )
    }

    /// Whether a person may override this refusal by naming it in `approve`.
    pub fn can_be_approved(self) -> bool {
        matches!(
            self,
            Self::GuardRemoval
                | Self::GuardProtected
                | Self::GuardDowngrade
                | Self::GuardOrigin
                | Self::GuardOneWay
                | Self::GuardHeld
                | Self::GuardPath
                | Self::OlderVersion
                | Self::Window
                | Self::Denied
                | Self::Drift
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A reason with the sentence that tells a person what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Failure {
    /// The code.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}

impl Failure {
    /// Puts a reason and its sentence together.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

#[cfg(test)]
mod tests;
