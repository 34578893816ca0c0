//! Where things of Belay's own lie in what a script sees.

/// Everything of Belay.
pub(super) const BELAY: &str = "/run/belay";

/// The bundle's folder, the script's working directory.
pub(super) const BUNDLE: &str = "/run/belay/bundle";

/// This program.
pub(super) const PROGRAM: &str = "/run/belay/belay-agent";

/// Programs that stand in for others, first in the script's PATH.
pub(super) const SHIMS: &str = "/run/belay/shims";

/// The socket that they talk to.
pub(super) const SOCKET: &str = "/run/belay/shims.sock";

/// The root's own programs, for those that stand in for them.
pub(super) const REAL: &str = "/run/belay/real";
