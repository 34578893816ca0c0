//! The table of devices to enrol, and the list of those to try again: CSV with a header.

use std::fs;
use std::io;
use std::path::Path;

use belay_protocol::{DeviceType, Distribution};
use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use crate::error::CtlError;

/// What was read: its header and delimiter are kept, so that the list to try again looks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    delimiter: u8,
    header: StringRecord,
    /// One device a row.
    pub(super) rows: Vec<Row>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    record: StringRecord,
    /// Where it is.
    pub(super) host: String,
    /// What people call it.
    pub(super) hostname: String,
    /// Who to log in as.
    pub(super) user: Option<String>,
    /// The port of its SSH server.
    pub(super) port: Option<u16>,
    /// What kind of device it is.
    pub(super) device_type: Option<DeviceType>,
    /// Its ring.
    pub(super) distribution: Option<Distribution>,
}

impl Table {
    /// Reads a table. Nothing of it is used where one line is wrong.
    pub(super) fn read(path: &Path) -> Result<Self, CtlError> {
        let text = fs::read_to_string(path).map_err(|source| CtlError::File { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|(line, problem)| {
            let at = if line == 0 { String::new() } else { format!(", line {line}") };
            CtlError::Usage(format!("{}{at}: {problem}", path.display()))
        })
    }

    fn parse(text: &str) -> Result<Self, (u64, String)> {
        // Spreadsheets begin a file with a mark, and some countries' put semicolons.
        let text = text.trim_start_matches('\u{feff}');
        let first = text.lines().next().unwrap_or_default();
        let delimiter = [b';', b'\t'].into_iter().find(|mark| first.contains(char::from(*mark))).unwrap_or(b',');
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let unreadable = |error: csv::Error| (error.position().map_or(0, csv::Position::line), error.to_string());
        let header = reader.headers().map_err(unreadable)?.clone();
        let columns = Columns::of(&header).map_err(|problem| (1, problem))?;
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            if record.iter().all(str::is_empty) {
                continue;
            }
            let line = record.position().map_or(0, |start| line_at(text, start));
            let row = columns.row(record).map_err(|problem| (line, problem))?;
            if rows.iter().any(|other| (&other.host, other.port) == (&row.host, row.port)) {
                return Err((line, format!("{} is there twice", row.host)));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err((0, "there is no device in it".to_owned()));
        }
        Ok(Self { delimiter, header, rows })
    }

    /// Whether it is a list of devices to try again, as [`Table::again`] makes it.
    pub(super) fn is_list(&self) -> bool {
        self.header.iter().next_back().is_some_and(is_reason)
    }

    /// The list of the devices to try again, each with the reason.
    pub(super) fn again(&self, failed: &[(&Row, &str)]) -> io::Result<String> {
        let kept: Vec<usize> = (0..self.header.len()).filter(|at| !is_reason(&self.header[*at])).collect();
        let line = |record: &StringRecord, last: &str| {
            let cells = kept.iter().map(|at| record.get(*at).unwrap_or_default().to_owned());
            cells.chain([last.to_owned()]).collect::<Vec<_>>()
        };
        let mut writer = WriterBuilder::new().delimiter(self.delimiter).from_writer(Vec::new());
        writer.write_record(line(&self.header, REASON))?;
        for (row, reason) in failed {
            writer.write_record(line(&row.record, &text(reason)))?;
        }
        let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The line of a row: its position is before the empty lines that stand before it.
fn line_at(text: &str, start: &csv::Position) -> u64 {
    let (before, after) = text.split_at_checked(usize::try_from(start.byte()).unwrap_or(0)).unwrap_or_default();
    let blank = after.len() - after.trim_start_matches(['\r', '\n']).len();
    let lines = |text: &str| text.matches('\n').count() as u64;
    lines(before) + lines(&after[..blank]) + 1
}

fn is_reason(name: &str) -> bool {
    name.eq_ignore_ascii_case(REASON)
}

/// What another machine said is no formula where a spreadsheet opens it: the apostrophe makes it a text.
fn text(said: &str) -> String {
    if said.starts_with(['=', '+', '-', '@']) { format!("'{said}") } else { said.to_owned() }
}

/// Which column is what.
#[derive(Debug, Clone, Copy)]
struct Columns {
    host: usize,
    hostname: Option<usize>,
    user: Option<usize>,
    port: Option<usize>,
    device_type: Option<usize>,
    distribution: Option<usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let plain = |name: &str| name.to_lowercase().replace([' ', '-'], "_");
        let find = |names: &[&str]| header.iter().position(|column| names.contains(&plain(column).as_str()));
        let host = find(&["ip", "ip_address", "address"]).or_else(|| find(&["host"]));
        Ok(Self {
            host: host.ok_or("its first line names the columns, and one of them is ip, address or host")?,
            hostname: find(&["hostname", "name"]),
            user: find(&["user"]),
            port: find(&["port"]),
            device_type: find(&["device_type", "type"]),
            distribution: find(&["distribution", "ring"]),
        })
    }

    fn row(&self, record: StringRecord) -> Result<Row, String> {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|text| !text.is_empty());
        let host = cell(Some(self.host)).ok_or("the address is missing")?;
        let port = cell(self.port).map(|text| {
            let port = text.parse().ok().filter(|port: &u16| *port > 0);
            port.ok_or_else(|| format!("{text:?} is no port from 1 to 65535"))
        });
        let said = |error: belay_protocol::NameError| error.to_string();
        Ok(Row {
            host: word(host, "address")?.to_owned(),
            hostname: cell(self.hostname).unwrap_or_default().to_owned(),
            user: cell(self.user).map(|user| word(user, "user")).transpose()?.map(str::to_owned),
            port: port.transpose()?,
            device_type: cell(self.device_type).map(str::parse).transpose().map_err(said)?,
            distribution: cell(self.distribution).map(str::parse).transpose().map_err(said)?,
            record,
        })
    }
}

/// What stands on ssh's command line must not be taken for an option of it, nor for more than one thing.
fn word<'a>(text: &'a str, what: &str) -> Result<&'a str, String> {
    let usual = |letter: char| letter.is_alphanumeric() || "._:%-@".contains(letter);
    let is_word = text.chars().all(usual) && text.chars().any(char::is_alphanumeric) && !text.starts_with('-');
    if is_word { Ok(text) } else { Err(format!("{text:?} is no {what}")) }
}

/// The column that says why a device is on the list of those to try again.
const REASON: &str = "reason";

#[cfg(test)]
mod tests;
