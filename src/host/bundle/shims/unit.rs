//! Names of systemd units, and the files of those that the script sees.

use std::path::{Path, PathBuf};

/// Whether this can be a unit's name, a pattern of such, or a path that systemctl makes one of.
pub(in crate::host::bundle) fn is_valid(unit: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b":_.\\@-*?[]/".contains(&byte);
    (1..=255).contains(&unit.len()) && !unit.starts_with('-') && unit.bytes().all(known)
}

/// The name with its kind: `app` is `app.service`, `/mnt/data` is `mnt-data.mount`.
pub(in crate::host::bundle) fn full(unit: &str) -> String {
    if let Some(path) = unit.strip_prefix('/') {
        let escaped = path.trim_matches('/').replace('-', "\\x2d").replace('/', "-");
        return format!("{}.mount", if escaped.is_empty() { "-" } else { &escaped });
    }
    let has_kind = unit.rsplit_once('.').is_some_and(|(name, kind)| !name.is_empty() && KINDS.contains(&kind));
    if has_kind || is_pattern(unit) { unit.to_owned() } else { format!("{unit}.service") }
}

/// Whether it may stand for several units.
pub(in crate::host::bundle) fn is_pattern(unit: &str) -> bool {
    unit.contains(['*', '?', '['])
}

/// Whether it is one of Belay's own units, or a pattern that may match one: the host that would stop it is what
/// carries the update out.
pub(in crate::host::bundle) fn is_own(unit: &str) -> bool {
    let fixed = unit.split(['*', '?', '[']).next().unwrap_or_default();
    fixed.starts_with("belay-") || is_pattern(unit) && "belay-".starts_with(fixed)
}

/// Whether a unit has a file below the root. One that systemd makes by itself has none.
pub(super) fn has_file(root: &Path, unit: &str) -> bool {
    let scripts = [unit, unit.strip_suffix(".service").unwrap_or(unit)];
    let is_script = |name: &&str| !name.contains('/') && root.join("etc/init.d").join(name).is_file();
    file(root, unit).is_some() || scripts.iter().any(is_script)
}

/// A unit's file, by systemd's order of folders; a masked one leads to `/dev/null`.
pub(super) fn file(root: &Path, unit: &str) -> Option<PathBuf> {
    let unit = full(unit);
    let template = unit.split_once('@').and_then(|(name, rest)| {
        let kind = rest.rsplit_once('.').map(|(_, kind)| kind)?;
        Some(format!("{name}@.{kind}"))
    });
    let found = |name: &str| FOLDERS.iter().map(|folder| root.join(folder).join(name)).find(|path| exists(path));
    found(&unit).or_else(|| template.and_then(|name| found(&name)))
}

/// The drop-ins of a unit, in the order in which they count.
pub(super) fn drop_ins(root: &Path, unit: &str) -> Vec<PathBuf> {
    let unit = full(unit);
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(root.join(folder).join(format!("{unit}.d"))).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "conf")) {
            // The same name in a folder that comes first hides it.
            if !found.iter().any(|other| other.file_name() == path.file_name()) {
                found.push(path);
            }
        }
    }
    found.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    found
}

/// A link counts even where it leads nowhere in this root.
fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_dir())
}

const KINDS: [&str; 11] =
    ["service", "socket", "target", "timer", "mount", "automount", "swap", "path", "slice", "scope", "device"];

const FOLDERS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

#[cfg(test)]
mod tests;
