//! What everything shown depends on, beside what is shown.

use std::io::{self, IsTerminal};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Paint;

/// What everything shown depends on, beside what is shown.
#[derive(Debug, Clone)]
pub struct Page {
    /// Whether there are colours.
    pub paint: Paint,
    /// The present.
    pub now: Timestamp,
    /// The time zone that instants are shown in.
    pub zone: TimeZone,
}

impl Page {
    /// The page of standard output: colours on a terminal, unless `NO_COLOR` says no.
    pub fn of_stdout(now: Timestamp) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { paint: Paint { colour: io::stdout().is_terminal() && wanted }, now, zone: TimeZone::system() }
    }
}
