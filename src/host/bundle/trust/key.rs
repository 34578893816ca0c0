//! One pinned key: a public key file of minisign, with the day from which it vouches for nothing.

use std::io::Read;
use std::path::Path;

use belay_protocol::{Failure, Reason};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use minisign_verify::PublicKey;

use super::refuse_writable;
use crate::host::disk;

#[derive(Debug, Clone)]
pub(super) struct Key {
    /// The file's name.
    pub(super) name: String,
    pub(super) public: PublicKey,
    /// The first day, in UTC, on which it is not believed any more.
    pub(super) expires: Option<Date>,
}

impl Key {
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let wrong = |problem: String| {
            let message = format!("the key {} cannot be used: {problem}", path.display());
            Failure::new(Reason::BadSignature, message)
        };
        let mut text = String::new();
        let file =
            disk::open_regular(path, false).map_err(|error| wrong(format!("{error}; put the file itself there")))?;
        let metadata = file.metadata().map_err(|error| wrong(error.to_string()))?;
        refuse_writable(path, &metadata)?;
        file.take(LONGEST).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        let (public, expires) = parse(&text).map_err(wrong)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, public, expires })
    }

    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|day| now.to_zoned(TimeZone::UTC).date() < day)
    }
}

/// Reads a comment line and a line of base64, or the latter alone.
pub(super) fn parse(text: &str) -> Result<(PublicKey, Option<Date>), String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (comment, key) = match *lines {
        [key] => ("", key),
        [comment, key] => (comment, key),
        _ => return Err(format!("it has {} lines; {EXPECTED}", lines.len())),
    };
    let public = PublicKey::from_base64(key).map_err(|_| format!("it holds no public key; {EXPECTED}"))?;
    Ok((public, expiry(comment)?))
}

/// A day that somebody wrote and that is not understood is an error: they believe that the key will expire.
fn expiry(comment: &str) -> Result<Option<Date>, String> {
    let Some((_, rest)) = comment.split_once("expires") else { return Ok(None) };
    let day = rest.trim_start().strip_prefix(':').unwrap_or(rest).split_whitespace().next().unwrap_or_default();
    let written_in_full = day.len() == "2027-01-31".len();
    let date = day.parse().ok().filter(|_| written_in_full);
    date.map(Some)
        .ok_or_else(|| format!("its comment says that it expires, and {day:?} is no day; write `expires: 2027-01-31`"))
}

const EXPECTED: &str = "minisign's .pub files have a comment line and a line that begins with RW";

/// Bytes of a key's file that are read; a key has about a hundred.
const LONGEST: u64 = 4096;
