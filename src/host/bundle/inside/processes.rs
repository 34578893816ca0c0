//! Who else is there, by a `/proc` of the namespace's own.

use std::io;
use std::path::Path;

/// The command lines of all processes but this one. Those that have ended and are not yet waited for do not count.
pub(super) fn others(proc: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid == std::process::id() {
            continue;
        }
        found.extend(alive(&proc.join(name)).map(|name| (pid, name)));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// What a process is called; none where it has ended.
fn alive(process: &Path) -> Option<String> {
    let stat = std::fs::read(process.join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    // The name stands in brackets and may hold anything, brackets too.
    let (start, rest) = stat.rsplit_once(')')?;
    if matches!(rest.trim_start().chars().next(), Some('Z' | 'X') | None) {
        return None;
    }
    let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let line: Vec<_> =
        words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy).collect();
    let line = line.join(" ");
    let name = if line.is_empty() { start.split_once('(').map_or(start, |(_, name)| name) } else { &line };
    Some(name.chars().filter(|character| !character.is_control()).take(LONGEST).collect())
}

/// Characters of a command line that are told.
const LONGEST: usize = 80;

#[cfg(test)]
mod tests;
