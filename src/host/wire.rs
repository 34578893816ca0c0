//! What crosses the socket between the daemon and the host: one JSON document a line, and a bundle's bytes in frames.

pub mod frames;

use std::io::{self, BufRead, Write};

use belay_protocol::Failure;
use belay_protocol::job::Progress;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine::effect::{Effect, Inspected, Inspection, Outcome};

/// The daemon's line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Carry out an effect.
    Perform(Effect),
    /// Take a bundle; its content comes in frames once it is asked for.
    Receive(Effect),
    /// Answer a question.
    Inspect(Inspection),
}

/// The host's lines: any number of `Progress`, then one of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// How far the effect has come.
    Progress(Progress),
    /// The content is wanted, from its first byte on; after it comes the outcome.
    Send,
    /// What came of the effect.
    Outcome(Box<Outcome>),
    /// The answer.
    Inspected(Result<Inspected, Failure>),
    /// The line was not understood; nothing was done.
    NotUnderstood(String),
}

/// The longest line that is read, in bytes. A list has at most 5,000 lines of under 400 bytes.
pub const LONGEST_LINE: u64 = 4 << 20;

/// Writes one document.
pub fn send<T: Serialize>(stream: &mut impl Write, document: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.flush()
}

/// Reads one document; none where the other side has closed.
pub fn receive<T: DeserializeOwned>(stream: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    io::Read::take(&mut *stream, LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the line was cut off or is too long"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}
