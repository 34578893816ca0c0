//! Health checks as a folder contract: a failing script in `required.d` undoes an update, one in `wanted.d` warns.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::health::CheckResult;

use super::foreign;
use super::probe::{Seen, of_child};
use crate::host::command::Command;

/// A script, or a folder of scripts that cannot be read.
#[derive(Debug)]
pub(super) struct Script {
    name: String,
    required: bool,
    path: io::Result<PathBuf>,
}

/// Every executable file of `required.d` and `wanted.d`, by name. A folder that is missing has none; one that cannot
/// be read is a check that fails.
pub(super) fn find(folder: &Path) -> Vec<Script> {
    [("required.d", true), ("wanted.d", false)]
        .into_iter()
        .flat_map(|(name, required)| {
            let scripts = match executables(&folder.join(name)) {
                Ok(paths) => paths.into_iter().map(Ok).collect(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(error) => vec![Err(error)],
            };
            scripts.into_iter().map(move |path| Script { name: name_of(name, &path), required, path })
        })
        .collect()
}

/// Runs a script to its end.
pub(super) fn run(script: &Script, timeout: Duration, on_device: bool) -> CheckResult {
    let Seen { passed, message } = match &script.path {
        Ok(path) => of_child(foreign(Command::new(path).timeout(timeout), on_device).run()),
        Err(error) => Seen::bad(format!("the folder cannot be read: {error}")),
    };
    CheckResult { name: script.name.clone(), required: script.required, passed, message }
}

fn name_of(folder: &str, path: &io::Result<PathBuf>) -> String {
    match path.as_ref().ok().and_then(|path| path.file_name()) {
        Some(file) => format!("{folder}/{}", file.to_string_lossy()),
        None => folder.to_owned(),
    }
}

fn executables(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // Follows links: a script may be shared by both folders.
        let executable = std::fs::metadata(entry.path())
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
        if executable && !hidden {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
