//! What the head of an answer means for a download.

use std::time::Duration;

use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use jiff::Timestamp;

use crate::remote::retry_after;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The byte from which on it is wanted; all of it where there is none.
    pub(super) from: Option<u64>,
    /// The strong entity tag that was shown.
    pub(super) etag: Option<&'a str>,
    /// The size that it must have, where that is known.
    pub(super) size: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take the body: it begins at that byte.
    Take {
        /// The first byte.
        at: u64,
        /// How many there are in all, where that is told.
        total: Option<u64>,
        /// The strong entity tag.
        etag: Option<String>,
    },
    /// There is nothing more: all of it is here.
    Whole,
    /// It is another file now.
    Changed,
    /// It has another size than it must have.
    OtherSize(u64),
    /// The part is not the one that was asked for.
    OtherRange(String),
    /// Look there.
    Redirect(String),
    /// Ask again, as soon as it says.
    Later(String, Option<Duration>),
    /// It will not give it.
    Refused(String),
}

/// Judges an answer's head.
pub(super) fn judge(status: u16, headers: &HeaderMap, asked: &Asked<'_>, now: Timestamp) -> Verdict {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let etag = text(ETAG).filter(|etag| etag.starts_with('"')).map(str::to_owned);
    match status {
        200 => {
            let total = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
            take(0, total, etag, asked)
        }
        206 => {
            let told = text(CONTENT_RANGE).unwrap_or("no Content-Range");
            match (asked.from, range(told)) {
                (Some(from), Some((first, total))) if from == first => {
                    let other = |shown: &str| etag.as_deref().is_some_and(|etag| etag != shown);
                    if asked.etag.is_some_and(other) { Verdict::Changed } else { take(from, total, etag, asked) }
                }
                (Some(_) | None, _) => Verdict::OtherRange(told.to_owned()),
            }
        }
        416 if asked.from.is_some() => {
            let total = text(CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes */")?.parse::<u64>().ok());
            if total == asked.from && asked.size.is_none() { Verdict::Whole } else { Verdict::Changed }
        }
        301 | 302 | 303 | 307 | 308 => match text(LOCATION) {
            Some(location) => Verdict::Redirect(location.to_owned()),
            None => Verdict::Refused(format!("it answered {status} without saying where to look")),
        },
        408 | 425 | 429 | 500..=599 => {
            let wait = text(RETRY_AFTER).and_then(|value| retry_after::parse(value, now));
            Verdict::Later(format!("it answered {status}"), wait)
        }
        401 | 403 => Verdict::Refused(format!("it answered {status}: this device may not have it")),
        404 | 410 => Verdict::Refused(format!("it answered {status}: it has no such file")),
        _ => Verdict::Refused(format!("it answered {status}")),
    }
}

fn take(at: u64, total: Option<u64>, etag: Option<String>, asked: &Asked<'_>) -> Verdict {
    match (asked.size, total) {
        (Some(size), Some(total)) if size != total => Verdict::OtherSize(total),
        (_, total) => Verdict::Take { at, total, etag },
    }
}

/// `bytes 5-9/10` as its first byte and the length of all.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

#[cfg(test)]
mod tests;
