//! A package list as a source.

use std::io::{Read, stdin};
use std::path::Path;

use belay_protocol::PackageList;

use super::{Content, Kind, Payload};
use crate::error::CtlError;

/// The list in a file.
pub(super) fn from_file(path: &Path) -> Result<Payload, CtlError> {
    let bytes = std::fs::read(path).map_err(|source| CtlError::File { path: path.to_owned(), source })?;
    parse(&bytes, &path.display().to_string())
}

/// The list on standard input.
pub(super) fn from_standard_input() -> Result<Payload, CtlError> {
    let mut bytes = Vec::new();
    let read = stdin().lock().take(LONGEST).read_to_end(&mut bytes);
    read.map_err(|source| CtlError::File { path: "-".into(), source })?;
    parse(&bytes, "standard input")
}

fn parse(bytes: &[u8], shown: &str) -> Result<Payload, CtlError> {
    let refuse = |problem: String| Err(CtlError::Usage(format!("{shown}{problem}")));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse(" is no folder, no .tar.gz, no .zip and no package list".to_owned());
    };
    let list = match text.parse::<PackageList>() {
        Ok(list) if list.is_empty() => {
            return refuse(" names no package: write one per line, such as demo-app=1.2".to_owned());
        }
        Ok(list) => list,
        Err(error) => return refuse(format!(", {error}")),
    };
    let packages: Vec<String> = list.specs().iter().map(ToString::to_string).collect();
    let entries = Some(packages.len() as u64);
    Ok(Payload { kind: Kind::List, content: Content::Packages(packages), entries, warnings: Vec::new() })
}

/// No list is longer: 5000 lines of names and versions.
const LONGEST: u64 = 4 * 1024 * 1024;
