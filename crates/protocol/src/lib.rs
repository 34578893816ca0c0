//! The words that Belay's programs exchange: packages, plans, jobs, answers.
//!
//! Every type here exists only parsed: a `PackageName` in hand is a valid one. The crate does no I/O and
//! reads no clock, so the daemon, the root half, the command line and a server can all depend on it.
//! Unknown fields are ignored when reading, so that older and newer programs understand one another.

#[cfg(feature = "admin")]
pub mod admin;
pub mod bundle;
mod digest;
pub mod enrol;
pub mod health;
pub mod job;
pub mod local;
mod name;
mod package;
mod package_list;
pub mod plan;
mod reason;
mod release;
pub mod sse;
pub mod sync;
pub mod window;

pub use digest::{DigestError, Sha256};
pub use name::{DeploymentId, DeviceId, DeviceType, Distribution, NameError, Tag};
pub use package::{Architecture, PackageId, PackageName, ParseError, Version};
pub use package_list::{ListError, MAX_LINES, PackageList, PackageSpec};
pub use reason::{Failure, Reason};
pub use release::{Closure, ReleaseOrder, ReleaseVersion, ReleaseVersionError};
