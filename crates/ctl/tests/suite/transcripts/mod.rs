//! Every command as a person reads it, kept in files that read like documentation: `*.snap` beside these.
//!
//! A transcript is a few lines: an operator, what they run, a name. Whatever is run with `--json` is held against the
//! schema of that command's answer, as all JSON is that a test reads. `complete` asks that no command is without a transcript, as text and as JSON.

mod access;
mod complete;
mod fleet;
mod lan;
mod releases;
mod terminal;
mod transcript;

use transcript::Transcript;

use crate::support::*;
