//! The old recorder's archives: `update_manifest.json` and the files below `payload/`, each with size and digest.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use belay_protocol::{ReleaseVersion, Sha256};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::place::{in_archive, packages, read_text, units};
use super::{Content, Description, PayloadFile};
use crate::host::disk;
use crate::host::tree::TreePath;

/// The file that makes an archive a recorder's.
pub(super) const MANIFEST: &str = "update_manifest.json";

/// The script that puts the files in place: written when the archive arrives, over whatever has its name.
pub const INSTALLER: &str = "belay-install.sh";

/// The manifest as it is written. The recorder ignored what it did not know, and so do we.
#[derive(Debug, Deserialize)]
struct Written {
    schema_version: u64,
    version: ReleaseVersion,
    #[serde(default)]
    requires_reboot: bool,
    #[serde(default)]
    required_packages: Vec<String>,
    #[serde(default)]
    restart_services: Vec<String>,
    #[serde(default)]
    files: Vec<WrittenFile>,
}

#[derive(Debug, Deserialize)]
struct WrittenFile {
    path: String,
    size: u64,
    sha256: Sha256,
}

/// `DEPENDENCIES.json` of the recorder's program.
#[derive(Debug, Default, Deserialize)]
struct Dependencies {
    schema_version: u64,
    #[serde(default)]
    apt_packages: Vec<String>,
    #[serde(default)]
    pip_packages: Option<serde_json::Value>,
    #[serde(default)]
    python_requirements_file: Option<serde_json::Value>,
}

/// Reads the manifest's text, and holds the archive's folder to it.
pub(super) fn read(folder: &Path, text: &str) -> Result<Description, String> {
    let (written, files) = parse(text)?;
    hold_to(folder, &files)?;
    let mut required = written.required_packages;
    required.extend(dependencies(folder)?);
    let wrong = |key: &'static str| move |problem: String| format!("{MANIFEST}: {key}: {problem}");
    Ok(Description {
        version: Some(written.version),
        restart: units(written.restart_services).map_err(wrong("restart_services"))?,
        reboot: written.requires_reboot,
        packages: packages(&required).map_err(wrong("required_packages"))?,
        content: Content::Payload(files.into_values().collect()),
        ..Description::default()
    })
}

/// The manifest, and its files by their path on the device.
fn parse(text: &str) -> Result<(Written, BTreeMap<TreePath, PayloadFile>), String> {
    let written: Written = json(MANIFEST, text)?;
    if written.schema_version != 1 {
        return Err(format!("{MANIFEST}: schema_version is {}, and only 1 is known", written.schema_version));
    }
    let mut files = BTreeMap::new();
    for file in &written.files {
        let wrong = |problem: &str| format!("{MANIFEST}: files: {:?} {problem}", file.path);
        let path = in_archive(&file.path.replace('\\', "/"));
        let path = path.map_err(|_| wrong("is no path below the root; write it like \"usr/local/bin/demo\""))?;
        if !FOLDERS.iter().any(|folder| path.is_below(&TreePath::from(*folder)) && path.as_path() != Path::new(folder))
        {
            return Err(wrong(&format!(
                "lies outside of {}; such a change needs an install.sh",
                FOLDERS.join(" and ")
            )));
        }
        let listed = PayloadFile { path: path.clone(), size: file.size, sha256: file.sha256 };
        if files.insert(path, listed).is_some() {
            return Err(wrong("is listed twice"));
        }
    }
    Ok((written, files))
}

/// Holds what was unpacked to the manifest: these files and no others.
fn hold_to(folder: &Path, files: &BTreeMap<TreePath, PayloadFile>) -> Result<(), String> {
    for name in disk::names_in(folder).map_err(|failure| failure.message)? {
        if name != MANIFEST && name != PAYLOAD && name != INSTALLER {
            let name = name.to_string_lossy();
            return Err(format!(
                "an archive with {MANIFEST} holds that and {PAYLOAD}/ and nothing else; leave out {name:?}"
            ));
        }
    }
    let payload = folder.join(PAYLOAD);
    if payload.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(format!("{PAYLOAD} is no folder; pack the archive anew"));
    }
    for file in files.values() {
        hold_file_to(&payload, file)?;
    }
    refuse_unlisted(&payload, files)
}

fn hold_file_to(payload: &Path, file: &PayloadFile) -> Result<(), String> {
    let path = payload.join(file.path.as_path());
    let wrong = |problem: String| format!("{MANIFEST}: files: {PAYLOAD}{} {problem}; pack the archive anew", file.path);
    let mut content = disk::open_regular(&path, false).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let copied = disk::copy_hashing(&mut content, &mut io::sink());
    let (sha256, size) = copied.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if size != file.size {
        return Err(wrong(format!("has {size} bytes and not {}", file.size)));
    }
    if sha256 != file.sha256 {
        return Err(wrong(format!("has the digest {sha256} and not {}", file.sha256)));
    }
    Ok(())
}

fn refuse_unlisted(payload: &Path, files: &BTreeMap<TreePath, PayloadFile>) -> Result<(), String> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for name in disk::names_in(&payload.join(&folder)).map_err(|failure| failure.message)? {
            let name = name.to_string_lossy();
            let path = if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") };
            let kind = payload.join(&path).symlink_metadata().map_err(|error| error.to_string())?.file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if !kind.is_file() {
                return Err(format!("{PAYLOAD}/{path} is a link; an archive with {MANIFEST} holds only files"));
            } else if path != DEPENDENCIES && !files.contains_key(&TreePath::new(path.as_str())) {
                return Err(format!("{MANIFEST}: files: {PAYLOAD}/{path} is not listed; list it, or leave it out"));
            }
        }
    }
    Ok(())
}

/// The Debian packages that `DEPENDENCIES.json` names.
fn dependencies(folder: &Path) -> Result<Vec<String>, String> {
    let name = format!("{PAYLOAD}/{DEPENDENCIES}");
    let Some(text) = read_text(folder, &name)? else { return Ok(Vec::new()) };
    let read: Dependencies = json(&name, &text)?;
    if read.schema_version != 1 {
        return Err(format!("{name}: schema_version is {}, and only 1 is known", read.schema_version));
    }
    for (key, value) in
        [("pip_packages", &read.pip_packages), ("python_requirements_file", &read.python_requirements_file)]
    {
        if value.as_ref().is_some_and(|value| !is_empty(value)) {
            return Err(format!(
                "{name}: {key}: what pip installs cannot be undone from a list; name Debian packages in apt_packages, or \
                 make it a bundle whose install.sh runs pip"
            ));
        }
    }
    Ok(read.apt_packages)
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(false) => true,
        serde_json::Value::String(text) => text.trim().is_empty(),
        serde_json::Value::Array(values) => values.is_empty(),
        serde_json::Value::Object(values) => values.is_empty(),
        serde_json::Value::Bool(true) | serde_json::Value::Number(_) => false,
    }
}

fn json<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    // Editors on Windows begin a file with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_slice(text.as_bytes()).map_err(|error| format!("{name}:{}: {error}", error.line()))
}

const PAYLOAD: &str = "payload";

/// The folders that such an archive may write in.
const FOLDERS: [&str; 2] = ["opt/rpi-cam-webmanager", "usr/local/bin"];

const DEPENDENCIES: &str = "opt/rpi-cam-webmanager/DEPENDENCIES.json";

#[cfg(test)]
pub(super) mod testing {
    //! What the property tests reach for.

    pub(in super::super) fn try_text(text: &str) {
        let _ = super::parse(text);
        let _ = super::json::<super::Dependencies>("x", text);
    }
}
