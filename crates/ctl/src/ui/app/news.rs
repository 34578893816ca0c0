//! What happened, line by line, with times.

use std::net::SocketAddr;

use belay_terminal::Tone;
use jiff::Timestamp;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// When.
    pub(crate) at: Timestamp,
    /// To whom; nothing where it is about no single device.
    pub(crate) whom: Option<SocketAddr>,
    /// How it looks.
    pub(crate) tone: Tone,
    /// What.
    pub(crate) text: String,
}

/// What happened so far, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Log {
    lines: Vec<Line>,
}

impl Log {
    /// All lines.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Those about one device.
    pub(crate) fn of(&self, whom: SocketAddr) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.whom == Some(whom))
    }

    /// Writes down what happened; the oldest is forgotten where there is too much.
    pub(crate) fn note(&mut self, line: Line) {
        if self.lines.len() == MOST {
            self.lines.remove(0);
        }
        self.lines.push(line);
    }
}

/// How much is kept: more than a person reads.
const MOST: usize = 5_000;
