//! The words of the server's operator API, `/api/v1/…`: what is posted to it and what it answers.
//!
//! Filters arrive as plain texts, because an empty text means that nothing was asked for; the server parses them and
//! names the field at fault.

mod access;
mod artifact;
mod channel;
mod deployment;
mod device;
mod page;
mod release;

pub use access::{
    AuditEntry, CreateEnrolmentToken, CreateToken, EnrolmentTokenView, NewToken, Permission, TokenView, WhoAmI,
};
pub use artifact::{AssembleArtifact, PiecesMissing};
pub use channel::{ChannelView, CreateChannel, UpdateChannel};
pub use deployment::{
    Buckets, CreateDeployment, DecisionView, DeploymentKind, DeploymentStatus, DeploymentView, DeviceProgress, Expand,
    FilterText, Policy, Preview, Strategy,
};
pub use device::{Compliance, DeviceState, DeviceView, FleetState, FleetSummary, ReportView, UpdateDevice};
pub use page::{ApiError, Page};
pub use release::{
    BundleView, CreateBundle, CreateManifest, CreateRelease, PromoteRelease, PublishedRelease, ReleaseCheck,
    ReleaseName, ReleaseView,
};
