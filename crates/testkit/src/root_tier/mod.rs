//! Tests with root rights, on a throw-away copy of this machine: what a device really is, short of booting it.
//!
//! [`on_a_copy`] runs a test again in namespaces of its own, where `/` is an overlay of the machine's root file system
//! whose upper half lies in memory. Everything that a test mounts, changes, installs or starts ends with it. The machine
//! itself is only read: its /dev, /proc, /run, /tmp and network are not in there.

mod census;
mod copy;
mod device;
mod file_server;
mod overlay;

pub use census::Census;
pub use copy::{Copy, on_a_copy};
pub use device::{Ask, DAEMON, FOREIGNER, RootDevice, root};
pub use file_server::FileServer;
