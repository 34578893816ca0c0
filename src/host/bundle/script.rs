//! What a bundle's script is given and how it is watched: environment, time, memory, log. The same for every mode.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A script to be run.
#[derive(Debug, Clone)]
pub struct Script<'a> {
    /// This program, at a path where it can be run again: it makes the namespaces.
    pub program: &'a Path,
    /// The bundle's unpacked folder; the script's working directory, as it finds it.
    pub bundle: &'a Path,
    /// The script's name in it: `install.sh` or `rollback.sh`.
    pub name: &'a str,
    /// Its environment beside what every child gets: `BELAY_VERSION`, `BELAY_OLD_VERSION`, `BELAY_MODE`, `BELAY_JOB`.
    pub environment: Vec<(String, String)>,
    /// How long it may run.
    pub timeout: Duration,
    /// Bytes of memory that it may take, where systemd runs the device.
    pub memory: Option<u64>,
    /// Where its output is written while it runs.
    pub log: PathBuf,
    /// Bytes of its output that are kept.
    pub log_bytes: u64,
    /// The transient unit that it runs in, where systemd runs the device.
    pub unit: Option<String>,
}

/// Where a script's programs are looked for.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The words that start a script: itself where it says what it is and may be run, else its interpreter, else `sh`.
///
/// # Errors
/// It cannot be read.
pub(super) fn words(path: &Path) -> io::Result<Vec<OsString>> {
    let mut start = Vec::new();
    let file = File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    file.take(LONGEST_FIRST_LINE).read_to_end(&mut start)?;
    let mut words = Vec::new();
    match start.strip_prefix(b"#!") {
        Some(_) if executable => {}
        None if executable && start.starts_with(b"\x7fELF") => {}
        Some(rest) => {
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
            // As the kernel does it: the rest of the line is one argument.
            let mut parts = line.splitn(2, |byte| byte.is_ascii_whitespace());
            let parts = parts.by_ref().map(<[u8]>::trim_ascii).filter(|part| !part.is_empty());
            words.extend(parts.map(|part| OsStr::from_bytes(part).to_owned()));
        }
        None => words.push("/bin/sh".into()),
    }
    words.push(path.into());
    Ok(words)
}

/// The last lines that were written to a log behind its first `from` bytes.
pub(super) fn last_lines(log: &Path, from: u64) -> Vec<String> {
    let end = File::open(log).and_then(|mut file| {
        let from = file.metadata()?.len().saturating_sub(END).max(from);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.take(END).read_to_end(&mut end).map(|_| end)
    });
    let end = String::from_utf8_lossy(&end.unwrap_or_default()).into_owned();
    let printable = |line: &str| {
        let line: String = line.chars().filter(|character| !character.is_control()).take(LONGEST_LINE).collect();
        line.trim_end().to_owned()
    };
    let lines: Vec<_> = end.lines().map(printable).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST)..].to_vec()
}

/// Lines of its output that a failure's message holds.
const LAST: usize = 5;

/// Characters of each of them.
const LONGEST_LINE: usize = 300;

/// Bytes of its output among which they are looked for.
const END: u64 = 16 << 10;

/// As long as the kernel lets it be.
const LONGEST_FIRST_LINE: u64 = 256;

#[cfg(test)]
mod tests;
