//! Names what a person set on the device that changes how updates and undo behave.

use std::path::{Path, PathBuf};

pub(super) fn preflight(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (path, line) in lines(root, "etc/dpkg/dpkg.cfg") {
        if line.starts_with("force-unsafe-io") {
            found.push(format!("{path} sets force-unsafe-io; Belay's own transactions sync to the disk all the same"));
        } else if line.starts_with("path-exclude") {
            found.push(format!("{path} leaves files out when packages are unpacked: {line}"));
        }
    }
    for (path, line) in lines(root, "etc/apt/apt.conf") {
        let lower = line.to_ascii_lowercase();
        let hook = HOOKS.into_iter().find(|hook| lower.contains(&hook.to_ascii_lowercase()));
        // Every Debian has debconf's hook, which only asks questions beforehand.
        let matters = !lower.contains("apt::update::") && !lower.contains("dpkg-preconfigure");
        if let Some(hook) = hook.filter(|_| matters) {
            found.push(format!("{path} has a {hook} hook; it runs with updates, not with rollbacks"));
        }
    }
    for (path, line) in lines(root, "etc/apt/preferences") {
        if line.to_ascii_lowercase().starts_with("pin-priority") {
            found.push(format!("{path} pins packages ({line}); this decides which versions updates get"));
        }
    }
    found
}

/// Every line but comments of a file and of those in its `.d` folder, each with its file as the device knows it.
fn lines(root: &Path, file: &str) -> Vec<(String, String)> {
    let mut files = vec![root.join(file)];
    let folder = std::fs::read_dir(root.join(format!("{file}.d")));
    let mut more: Vec<PathBuf> =
        folder.map_or_else(|_| Vec::new(), |all| all.flatten().map(|entry| entry.path()).collect());
    more.sort();
    files.extend(more);
    let mut found = Vec::new();
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let shown = format!("/{}", path.strip_prefix(root).unwrap_or(&path).display());
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.starts_with("//"));
        found.extend(lines.map(|line| (shown.clone(), line.to_owned())));
    }
    found
}

const HOOKS: [&str; 3] = ["Pre-Install-Pkgs", "Pre-Invoke", "Post-Invoke"];
