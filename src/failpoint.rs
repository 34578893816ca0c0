//! Named points at which a test ends the process as a power cut would. Compiled out of releases.

/// Ends the process at the point of that name when a test asks for it: by SIGKILL where the action is `return`,
/// by a panic where it is `panic` (in-process tests).
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {
        fail::fail_point!($name, |_| $crate::failpoint::die());
    };
}

/// Ends this process without any clean-up.
#[cfg(feature = "failpoints")]
pub fn die() -> ! {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    std::process::abort();
}
