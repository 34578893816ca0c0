//! Third stage: settings that are valid and typed, or the first problem with what to write instead.

mod artifacts;
mod doors;

use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_settings::{Problem, absolute};

use super::file::{self, File};
use super::settings::{DatabaseUrl, Devices, EnrolmentMode, Limits, Settings, Upload};
use crate::store;

/// Judges what was written.
pub(super) fn valid(file: File) -> Result<Settings, Problem> {
    let state_dir = absolute(&["state_dir"], file.state_dir)?;
    let tls = doors::tls(file.tls)?;
    Ok(Settings {
        database: database(file.database, &state_dir)?,
        listen: doors::listen(&file.listen, tls.is_some(), file.plain_http)?,
        plain_http: file.plain_http,
        tls,
        artifacts: artifacts::artifacts(file.artifacts, &state_dir)?,
        upload: upload(&file.upload)?,
        enrolment: match file.enrolment.mode {
            file::EnrolmentMode::Token => EnrolmentMode::Token,
            file::EnrolmentMode::Approval => EnrolmentMode::Approval,
            file::EnrolmentMode::Open => EnrolmentMode::Open,
        },
        devices: devices(&file.devices)?,
        limits: limits(&file.limits)?,
        reports_kept: days(&["retention", "reports_days"], file.retention.reports_days)?,
        log_level: file.log.level.into(),
        state_dir,
    })
}

fn database(url: String, folder: &Path) -> Result<DatabaseUrl, Problem> {
    match store::accepts(&url, folder) {
        Ok(()) => Ok(DatabaseUrl(url)),
        Err(error) => Err(Problem::new(&["database"], error.to_string())),
    }
}

fn upload(upload: &file::Upload) -> Result<Upload, Problem> {
    Ok(Upload { max_bytes: bytes(&["upload", "max_mb"], upload.max_mb, MEGABYTE, "MB")? })
}

fn devices(devices: &file::Devices) -> Result<Devices, Problem> {
    let file::Devices { poll_s, offline_after_s } = *devices;
    if !(1..=LONGEST_POLL_S).contains(&poll_s) {
        let message = format!("{poll_s} is no whole number of seconds from 1 to {LONGEST_POLL_S} (a week)");
        return Err(Problem::new(&["devices", "poll_s"], message));
    }
    if offline_after_s <= poll_s {
        let message = format!(
            "a device that polls every {poll_s} s would be offline in between; write more than that, such as {}",
            15 * poll_s
        );
        return Err(Problem::new(&["devices", "offline_after_s"], message));
    }
    Ok(Devices { poll_s, offline_after_s })
}

fn limits(limits: &file::Limits) -> Result<Limits, Problem> {
    if limits.connections == 0 {
        return Err(Problem::new(&["limits", "connections"], "at least 1, or nobody could connect"));
    }
    Ok(Limits {
        connections: limits.connections,
        per_address: Some(limits.per_address).filter(|limit| *limit > 0),
        header_timeout: seconds(&["limits", "header_timeout_s"], limits.header_timeout_s)?,
        body_timeout: seconds(&["limits", "body_timeout_s"], limits.body_timeout_s)?,
        body_bytes: bytes(&["limits", "body_kb"], limits.body_kb, KILOBYTE, "kB")?,
    })
}

/// Two files that are of use only together, or none.
fn pair(keys: [&[&str]; 2], files: [PathBuf; 2]) -> Result<Option<[PathBuf; 2]>, Problem> {
    let [first, second] = files;
    match (first.as_os_str().is_empty(), second.as_os_str().is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some([absolute(keys[0], first)?, absolute(keys[1], second)?])),
        (true, false) => Err(Problem::new(keys[0], format!("{} is of no use without it", keys[1].join(".")))),
        (false, true) => Err(Problem::new(keys[1], format!("{} is of no use without it", keys[0].join(".")))),
    }
}

fn seconds(key: &[&str], seconds: f64) -> Result<Duration, Problem> {
    let duration = Duration::try_from_secs_f64(seconds).ok();
    duration.filter(|duration| (SHORTEST..=LONGEST).contains(duration)).ok_or_else(|| {
        let (shortest, longest) = (SHORTEST.as_secs_f32(), LONGEST.as_secs());
        Problem::new(key, format!("{seconds} is no time from {shortest} s to {longest} s (ten years)"))
    })
}

fn days(key: &[&str], days: f64) -> Result<Duration, Problem> {
    let duration = Duration::try_from_secs_f64(days * DAY).ok();
    duration.filter(|duration| (HOUR..=LONGEST).contains(duration)).ok_or_else(|| {
        Problem::new(key, format!("{days} is no number of days from an hour (0.042) to ten years (3650)"))
    })
}

fn bytes(key: &[&str], number: u64, unit: u64, name: &str) -> Result<u64, Problem> {
    let bytes = number.checked_mul(unit).filter(|bytes| (1..=LARGEST).contains(bytes));
    bytes.ok_or_else(|| Problem::new(key, format!("{number} {name} is no size from 1 {name} to a terabyte")))
}

const LONGEST_POLL_S: u32 = 7 * 24 * 60 * 60;

const KILOBYTE: u64 = 1024;

const MEGABYTE: u64 = 1024 * KILOBYTE;

const LARGEST: u64 = 1024 * 1024 * MEGABYTE;

const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

const SHORTEST: Duration = Duration::from_millis(10);

const HOUR: Duration = Duration::from_secs(60 * 60);

const DAY: f64 = 24.0 * 60.0 * 60.0;
