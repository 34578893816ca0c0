//! apt's marks: which packages came along with others.

use std::collections::BTreeSet;

use super::steps::Disk;

/// The packages that came along with others.
pub(super) fn automatic(disk: Disk<'_>) -> BTreeSet<String> {
    let text = disk.read(STATES).unwrap_or_default();
    let is_automatic = |stanza: &&str| stanza.lines().any(|line| line == "Auto-Installed: 1");
    let name = |stanza: &str| stanza.lines().find_map(|line| line.strip_prefix("Package: ")).map(str::to_owned);
    text.split("\n\n").filter(is_automatic).filter_map(name).collect()
}

/// Marks packages; those of both kinds are asked for.
pub(super) fn mark(disk: Disk<'_>, new: &[String], asked_for: &[String]) {
    let before = automatic(disk);
    let mut marks: BTreeSet<String> = before.iter().chain(new).cloned().collect();
    marks.retain(|name| !asked_for.contains(name));
    if marks != before {
        let stanza = |name: &String| format!("Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n");
        disk.replace(STATES, &marks.iter().map(stanza).collect::<String>());
    }
}

const STATES: &str = "/var/lib/apt/extended_states";
