//! How an assignment moves: by what is decided, by what its device reports, by what is measured on the device.
//!
//! ```text
//!            offered            first report             reports
//!  Pending ──────────► Offered ──────────────► Downloading ─► Installing ─► Verifying
//!    ▲  ▲  withdrawn      │                       │               │            │
//!    │  └─────────────────┘                       ├── timed out ──┴────────────┴──► Silent
//!    │                                            │
//!    └──── deferred, failed and may try again ────┴──► Completed · Failed · RolledBack · Skipped
//! ```
//!
//! Ends are ends as far as the device does not say otherwise: what it reports or measures wins.

mod decided;
mod fixed;
mod measured;
mod reported;

pub use decided::{cancelled, given_up, offered, retried, timed_out, withdrawn};
pub use fixed::{frozen, is_first_end};
pub use measured::remeasured;
pub use reported::reported;

/// An operator ended it, or the device dropped it.
pub const CANCELLED: &str = "cancelled";

/// It was offered and not begun in time, or before its deployment stopped.
pub const NOT_PICKED_UP: &str = "not_picked_up";

/// The device began and was not heard of in time.
pub const SILENT: &str = "silent";

/// The deadline passed before its turn came.
pub const DEADLINE: &str = "deadline";

/// The deadline passed and it was not heard of for long.
pub const OFFLINE: &str = "offline";

/// It was done, and the device has another version since.
pub const OTHER_VERSION: &str = "other_version";

/// It was done, and the device does not have it any more, without having gone back.
pub const LOST_VERSION: &str = "lost_version";
