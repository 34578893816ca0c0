//! Maintenance windows: how they are written, and what lies inside them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

/// A maintenance window of a week, in the time zone of whoever set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// The days on which it opens.
    pub days: Vec<Weekday>,
    /// Minutes since midnight at which it opens.
    pub from: u16,
    /// Minutes since midnight at which it closes, on the next day where this is not after `from`.
    pub to: u16,
}

/// A text that is no maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no maintenance window ({problem}); write it like \"Mon-Fri 02:00-05:00\", \"Sat,Sun 22:00-04:00\" or \"02:00-05:00\""
)]
pub struct WindowError {
    text: String,
    problem: String,
}

impl Window {
    /// Whether the window is open at this minute after midnight of this day.
    pub fn contains(&self, weekday: Weekday, minute: u16) -> bool {
        let opened = |day| self.days.contains(&day);
        if self.from < self.to {
            opened(weekday) && (self.from..self.to).contains(&minute)
        } else {
            (opened(weekday) && minute >= self.from) || (opened(weekday.previous()) && minute < self.to)
        }
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        parse(text).map_err(|problem| WindowError { text: text.to_owned(), problem })
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days.len() < WEEK.len() {
            let names: Vec<_> = self.days.iter().map(|day| day_name(*day)).collect();
            write!(f, "{} ", names.join(","))?;
        }
        write!(f, "{}-{}", Clock(self.from), Clock(self.to))
    }
}

/// A minute of the day, shown as `02:05`.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub u16);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day's name as windows are written.
pub fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

fn parse(text: &str) -> Result<Window, String> {
    let mut words = text.split_whitespace();
    let (days, hours) = match (words.next(), words.next(), words.next()) {
        (Some(hours), None, _) => (WEEK.to_vec(), hours),
        (Some(days), Some(hours), None) => (parse_days(days)?, hours),
        (None, ..) => return Err("it is empty".to_owned()),
        (_, _, Some(_)) => return Err("days and hours are two words".to_owned()),
    };
    let (from, to) = hours.split_once('-').ok_or("two times of day are missing")?;
    // The end of a day is the next day's beginning.
    Ok(Window { days, from: parse_minute(from, false)?, to: parse_minute(to, true)? % DAY })
}

fn parse_days(text: &str) -> Result<Vec<Weekday>, String> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (parse_day(first)?, parse_day(last)?);
        days.push(day);
        while day != last {
            day = day.next();
            days.push(day);
        }
    }
    days.sort_by_key(|day| day.to_monday_zero_offset());
    days.dedup();
    Ok(days)
}

fn parse_day(text: &str) -> Result<Weekday, String> {
    let day = WEEK.iter().find(|day| day_name(**day).eq_ignore_ascii_case(text));
    day.copied().ok_or_else(|| format!("{text:?} is not one of Mon, Tue, Wed, Thu, Fri, Sat, Sun"))
}

fn parse_minute(text: &str, end: bool) -> Result<u16, String> {
    let problem = || format!("{text:?} is no time of day from 00:00 to 23:59");
    let (hour, minute) = text.split_once(':').ok_or_else(problem)?;
    let digits = |text: &str| match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Ok(u16::from(tens - b'0') * 10 + u16::from(ones - b'0')),
        _ => Err(problem()),
    };
    match (digits(hour)?, digits(minute)?) {
        (24, 0) if end => Ok(DAY),
        (hour @ 0..=23, minute @ 0..=59) => Ok(hour * 60 + minute),
        _ => Err(problem()),
    }
}

const DAY: u16 = 24 * 60;

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

#[cfg(test)]
mod tests;
