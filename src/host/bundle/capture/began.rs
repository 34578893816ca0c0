//! When a script began, by the clock that the file system stamps its files with: whatever others change from then on
//! has a change time that is not earlier.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use belay_protocol::{Failure, Reason};
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::host::disk;

/// The instant at which a script began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    changed: (i64, u32),
    wall: Timestamp,
    steady: Instant,
}

impl Began {
    /// Waits until the file system's clock ticks, and marks that.
    ///
    /// # Errors
    /// Nothing can be written in `scratch`.
    pub(super) fn mark(scratch: &Path) -> Result<Self, Failure> {
        let probe = scratch.join("probe");
        let failed = |error: io::Error| disk::failure("make", &probe, &error);
        let before = stamp(&probe).map_err(failed)?;
        let deadline = clock::monotonic() + SLOWEST_TICK;
        loop {
            let changed = stamp(&probe).map_err(failed)?;
            if changed > before {
                return Ok(Self { changed, wall: clock::now(), steady: clock::monotonic() });
            }
            if clock::monotonic() > deadline {
                let message = "the clock of the device's file system stands still or is being set; try again";
                return Err(Failure::new(Reason::CapturedConflict, message));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The change time from which on others have changed a file.
    pub(super) fn changed(self) -> (i64, u32) {
        self.changed
    }

    /// Whether change times can be believed: the clock was not set back meanwhile.
    ///
    /// # Errors
    /// `captured_conflict`.
    pub(super) fn check(self, script: &str) -> Result<(), Failure> {
        let Some(back) = set_back(clock::now().duration_since(self.wall), self.steady.elapsed()) else { return Ok(()) };
        let message = format!(
            "the device's clock was set back by {} s while {script} ran, so that what others changed meanwhile cannot \
             be told; try again",
            back.as_secs()
        );
        Err(Failure::new(Reason::CapturedConflict, message))
    }
}

/// By how much a clock was set back that says so much has passed, where so much has; none where it was not.
fn set_back(said: SignedDuration, passed: Duration) -> Option<Duration> {
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
    let back = Duration::try_from(passed.saturating_sub(said)).ok()?;
    (back > TOLERANCE).then_some(back)
}

/// Makes a file anew and reads its change time.
fn stamp(path: &Path) -> io::Result<(i64, u32)> {
    disk::remove_if_there(path)?;
    let made: Metadata = File::create(path)?.metadata()?;
    Ok((made.ctime(), u32::try_from(made.ctime_nsec()).unwrap_or(0)))
}

/// A file system on which a second passes without a tick has no clock.
const SLOWEST_TICK: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(1);

/// What two clocks may differ by that nobody set.
const TOLERANCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
