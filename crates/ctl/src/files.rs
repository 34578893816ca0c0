//! Files of the person's own: where they are, and how one is replaced as a whole.

mod fresh;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

pub(crate) use fresh::{Fresh, meant};

use crate::error::CtlError;

/// The folder of settings: `$XDG_CONFIG_HOME/belay`, or `~/.config/belay`.
pub(crate) fn config_dir() -> Result<PathBuf, CtlError> {
    Ok(base()?.config_dir().join("belay"))
}

/// The folder of what is remembered: `$XDG_STATE_HOME/belay`, or `~/.local/state/belay`.
pub(crate) fn state_dir() -> Result<PathBuf, CtlError> {
    let base = base()?;
    Ok(base.state_dir().unwrap_or_else(|| base.data_dir()).join("belay"))
}

fn base() -> Result<etcetera::base_strategy::Xdg, CtlError> {
    etcetera::base_strategy::Xdg::new()
        .map_err(|_| CtlError::Usage("there is no home folder: set HOME or XDG_CONFIG_HOME".to_owned()))
}

/// Reads a text; nothing where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CtlError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CtlError::File { path: path.to_owned(), source }),
    }
}

/// Replaces a file, or makes it with the folders that it needs: it is the old one or the new one, never half of it.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), CtlError> {
    let written = try_replace(path, text, mode);
    written.map_err(|source| CtlError::Write { path: path.to_owned(), source })
}

fn try_replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder_of(path))?;
    place(path, mode, |file| file.write_all(text.as_bytes()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts a file in its place, in a folder that is there.
fn place(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = folder_of(path);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let draft = folder.join(name);
    // One of a process that had this number before.
    let _ = fs::remove_file(&draft);
    let file = File::options().write(true).create_new(true).mode(mode).open(&draft);
    let written = file.and_then(|mut file| fill(&mut file).and_then(|()| file.sync_all()));
    let moved = written.and_then(|()| fs::rename(&draft, path));
    if moved.is_err() {
        let _ = fs::remove_file(&draft);
    }
    moved.and_then(|()| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests;
