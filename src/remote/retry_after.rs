//! `Retry-After`: when a server wants to be asked again.

use std::time::Duration;

use jiff::Timestamp;

/// The longest wait that a server can ask for.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The shortest.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// Reads the header, in seconds or as a date; what cannot be read is as if it were not there.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // More digits than a number holds is a very long wait.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
        Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests;
