//! What a shim and the broker say to each other: one line of JSON each way, then the connection ends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::host::bundle::capture::ServiceCall;

/// What a shim asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// An answer of the live system to this command line of systemctl.
    Query(Vec<String>),
    /// A call to be done once the change is applied.
    Record {
        /// The call.
        call: ServiceCall,
        /// Those of its units that have no file where the script runs.
        unseen: Vec<String>,
    },
    /// A restart of the device, in these words.
    Reboot(String),
    /// No restart of the device after all.
    NoReboot,
    /// Nothing: what is said was refused, and somebody should know.
    Refused(String),
}

/// What it is told: the shim prints this and ends so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) code: u8,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Answer {
    /// Says this on standard output.
    pub(super) fn says(code: u8, stdout: impl Into<String>) -> Self {
        Self { code, stdout: stdout.into(), stderr: String::new() }
    }

    /// Complains with this sentence.
    pub(super) fn complains(code: u8, sentence: impl AsRef<str>) -> Self {
        Self { code, stdout: String::new(), stderr: format!("{}\n", sentence.as_ref()) }
    }
}

/// Asks the other side and waits for its answer.
pub(super) fn ask(mut stream: &UnixStream, request: &Request, patience: Duration) -> io::Result<Answer> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    say(&mut stream, request)?;
    hear(stream, MAX_ANSWER)
}

/// Writes one line.
pub(super) fn say(stream: &mut impl Write, words: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(words)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Reads one line of at most so many bytes.
pub(super) fn hear<T: DeserializeOwned>(stream: impl Read, most: u64) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream.take(most)).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line does not end"));
    }
    Ok(serde_json::from_slice(&line)?)
}

/// How long either side waits for a line that is already on its way.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest line of a shim. The kernel lets a command line be longer, but nobody means one.
pub(super) const MAX_REQUEST: u64 = 256 << 10;

const MAX_ANSWER: u64 = 32 << 20;
