//! The limits of a deployment: whether they make sense, and whether its windows are open.

use std::ops::RangeInclusive;

use belay_protocol::admin::{Policy, Strategy};
use belay_protocol::window::Window;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::FieldError;

/// Refuses numbers out of their range, windows and time zones that nobody knows.
pub fn check(strategy: &Strategy, policy: &Policy) -> Result<(), FieldError> {
    match strategy {
        Strategy::Manual | Strategy::Immediate => {}
        Strategy::Canary { percent, .. } | Strategy::Rolling { percent } => {
            within("strategy.percent", *percent, 1..=100)?
        }
    }
    within("policy.max_failure_percent", policy.max_failure_percent, 0..=100)?;
    within("policy.min_success_percent", policy.min_success_percent, 0..=100)?;
    within("policy.min_sample", policy.min_sample, 1..=u32::MAX.into())?;
    within("policy.max_in_flight", policy.max_in_flight, 1..=u32::MAX.into())?;
    within("policy.device_timeout_s", policy.device_timeout_s, 1..=u32::MAX.into())?;
    within("policy.pickup_timeout_s", policy.pickup_timeout_s, 1..=u32::MAX.into())?;
    within("policy.deadline_s", policy.deadline_s, 1..=u32::MAX.into())?;
    within("policy.retries", policy.retries, 0..=10)?;
    within("policy.priority", policy.priority, -100..=100)?;
    windows(policy).map_err(|error| FieldError::new("policy.windows", error))?;
    zone(policy).map_err(|error| FieldError::new("policy.time_zone", error)).map(drop)
}

/// Whether new offers may be made now, as far as windows go. Windows that cannot be read, or whose time zone this
/// machine does not know, are closed.
pub fn windows_open(policy: &Policy, now: Timestamp) -> bool {
    if policy.windows.is_empty() {
        return true;
    }
    let (Ok(windows), Ok(zone)) = (windows(policy), zone(policy)) else { return false };
    let local = now.to_zoned(zone);
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
    windows.iter().any(|window| window.contains(local.weekday(), minute))
}

fn within(field: &'static str, value: impl Into<i64>, range: RangeInclusive<i64>) -> Result<(), FieldError> {
    let value = value.into();
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(FieldError::new(field, format!("{value} is out of range: {least} to {most}")))
}

fn windows(policy: &Policy) -> Result<Vec<Window>, String> {
    policy.windows.iter().map(|text| text.parse().map_err(|error| format!("{error}"))).collect()
}

fn zone(policy: &Policy) -> Result<TimeZone, String> {
    match policy.time_zone.as_deref() {
        None | Some("" | "UTC") => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone; write it like Europe/Paris")),
    }
}

#[cfg(test)]
mod tests;
