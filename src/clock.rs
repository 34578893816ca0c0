//! The one place that reads the clock.

use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::machine::input::Moment;

/// Reads the clock in one time zone.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// A clock whose weekdays and minutes are those of `zone`, such as `Europe/Paris`; of the system where there is none.
    pub fn new(zone: Option<&str>) -> Result<Self, jiff::Error> {
        let zone = zone.map_or_else(|| Ok(TimeZone::system()), TimeZone::get)?;
        Ok(Self { zone })
    }

    /// The present.
    pub fn now(&self) -> Moment {
        let at = now();
        let local = at.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        Moment { at, weekday: local.weekday(), minute }
    }
}

/// The present as an instant.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    // Tests set the clock far back here.
    fail::fail_point!("clock", |past| past.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH));
    Timestamp::now()
}

/// A point to measure durations from; unlike the time of day it never jumps.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}
