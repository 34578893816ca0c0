//! When a token ends, as it is written.

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// When it ends; never where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub struct Expiry {
    /// When it ends, such as 12h or 90d; never otherwise
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "expires_at")]
    pub expires_in: Option<Span>,
    /// Its last day, such as 2027-01-31, or the instant of its end
    #[arg(long, value_name = "DATE", value_parser = end)]
    pub expires_at: Option<Timestamp>,
}

impl Expiry {
    /// The instant of the end, counted from now.
    pub(crate) fn instant(&self, now: Timestamp) -> Option<Timestamp> {
        let after = |span: Span| now.to_zoned(TimeZone::system()).checked_add(span).map(|end| end.timestamp());
        self.expires_at.or_else(|| self.expires_in.map(|span| after(span).unwrap_or(Timestamp::MAX)))
    }
}

/// A number with its unit.
fn span(text: &str) -> Result<Span, String> {
    let span = text.parse::<Span>().ok().filter(|span| span.is_positive());
    span.ok_or_else(|| "write a number and s, m, h, d or w, like 12h or 90d".to_owned())
}

/// A day, which is over at its midnight here, or an instant.
fn end(text: &str) -> Result<Timestamp, String> {
    let midnight = |day: Date| day.checked_add(1.day()).and_then(|next| next.to_zoned(TimeZone::system()));
    let day = text.parse::<Date>().ok().filter(|_| !text.contains(':')).and_then(|day| midnight(day).ok());
    let instant = || text.parse::<Timestamp>().ok();
    day.map(|day| day.timestamp())
        .or_else(instant)
        .ok_or_else(|| "write a day like 2027-01-31, or an instant like 2027-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests;
