//! Times, sizes and counts as a person says them.

use belay_protocol::Sha256;
use jiff::Timestamp;

use crate::Page;

/// `2026-01-02 04:04 (2 hours ago)`, in local time.
pub fn when(at: Timestamp, page: &Page) -> String {
    let local = at.to_zoned(page.zone.clone()).strftime("%Y-%m-%d %H:%M");
    format!("{local} ({})", ago(at, page.now))
}

/// `2 hours ago`, in the largest unit that fits.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let (count, unit) = match seconds.unsigned_abs() {
        0..=4 => return "just now".to_owned(),
        seconds @ 5..60 => (seconds, "second"),
        seconds @ 60..3_600 => (seconds / 60, "minute"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    let span = counted(count, unit);
    if seconds < 0 { format!("in {span}") } else { format!("{span} ago") }
}

/// The first twelve digits of a digest: enough to tell archives apart.
pub fn short(digest: &Sha256) -> String {
    digest.to_string().chars().take(12).collect()
}

/// `1 package`, `2 packages`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `999 B`, `1.5 kB`, `23.4 MB`: powers of 1000, one digit after the point.
pub fn bytes(count: u64) -> String {
    if count < 1_000 {
        return format!("{count} B");
    }
    let tenths = |unit: u128| (u128::from(count) * 10 + unit / 2) / unit;
    let mut units = UNITS.iter().zip((1..).map(|power| 1_000_u128.pow(power)));
    let (name, unit) = units.find(|(_, unit)| tenths(*unit) < 10_000).expect("u64 ends at 18 EB");
    format!("{}.{} {name}", tenths(unit) / 10, tenths(unit) % 10)
}

/// `45 s`, `2 min 5 s`, `1 h 3 min`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

#[cfg(test)]
mod tests;
