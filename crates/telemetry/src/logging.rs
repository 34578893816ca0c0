//! Where log lines go: straight to the journal under systemd, to standard error elsewhere.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::fstat;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// By what a program's lines are found in the journal.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// What `journalctl -t` asks for.
    pub identifier: &'static str,
    /// What stands before the names of fields; `F` where nothing is said.
    pub prefix: Option<&'static str>,
}

/// Starts logging at `level` and everything more severe, once for the process.
///
/// Under systemd the lines go to the journal with their fields; elsewhere, and where the journal does not answer, to
/// standard error, in plain text without colours.
///
/// # Errors
/// Logging was started before.
pub fn start(level: Level, identity: Identity) -> Result<(), TryInitError> {
    let filter = LevelFilter::from_level(level);
    match journal(identity) {
        Some(journal) => registry().with(filter).with(journal).try_init(),
        None => registry()
            .with(filter)
            .with(tracing_subscriber::fmt::layer().compact().with_ansi(false).with_writer(io::stderr))
            .try_init(),
    }
}

fn journal(identity: Identity) -> Option<tracing_journald::Layer> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let stderr = fstat(io::stderr().as_fd()).ok()?;
    if !is_stream(&stream, stderr.st_dev, stderr.st_ino) {
        return None;
    }
    let layer = tracing_journald::layer().ok()?.with_syslog_identifier(identity.identifier.to_owned());
    Some(match identity.prefix {
        Some(prefix) => layer.with_field_prefix(Some(prefix.to_owned())),
        None => layer,
    })
}

/// Whether `stream`, as systemd writes it into `JOURNAL_STREAM`, names the file of that device and inode. A child that
/// inherits the variable but was given another standard error must not write to the journal behind its caller's back.
fn is_stream(stream: &str, device: u64, inode: u64) -> bool {
    stream.split_once(':').is_some_and(|(left, right)| left.parse() == Ok(device) && right.parse() == Ok(inode))
}

#[cfg(test)]
mod tests;
