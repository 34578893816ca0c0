//! Reading the texts that describe a bundle, and the paths and names in them.

use std::io::Read;
use std::path::Path;

use belay_protocol::{PackageList, PackageSpec};

use crate::config;
use crate::host::disk;
use crate::host::tree::TreePath;

/// Reads a description; none where there is none.
pub(super) fn read_text(folder: &Path, name: &str) -> Result<Option<String>, String> {
    let read = disk::open_regular(&folder.join(name), false).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = match disk::absent_is_none(read) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => return Err(format!("{name}: it cannot be read: {error}")),
    };
    if bytes.len() as u64 > LONGEST {
        return Err(format!("{name}: it has more than {LONGEST} bytes; shorten it"));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| format!("{name}: it is no UTF-8; save it as UTF-8"))
}

/// A path on the device, absolute or not; below the root.
pub(super) fn on_device(text: &str) -> Result<TreePath, String> {
    plain(text).ok_or_else(|| format!("{text:?} is no path on the device; write it like \"/opt/demo\", without `..`"))
}

/// A path in the archive.
pub(super) fn in_archive(text: &str) -> Result<TreePath, String> {
    let path = plain(text).filter(|_| !text.starts_with('/'));
    path.ok_or_else(|| format!("{text:?} is no path in the archive; write it like \"bin/demo\", without `..`"))
}

/// Judges names of units; one without a suffix is a service, as for systemctl.
pub(super) fn units(names: Vec<String>) -> Result<Vec<String>, String> {
    let unit = |name: String| match config::is_unit(&name) {
        true if name.contains('.') => Ok(name),
        true => Ok(name + ".service"),
        false => Err(format!("{name:?} is no unit; write it like \"demo.service\"")),
    };
    names.into_iter().map(unit).collect()
}

/// Judges names of packages, each perhaps with a version.
pub(super) fn packages(names: &[String]) -> Result<PackageList, String> {
    let spec = |name: &String| name.parse::<PackageSpec>().map_err(|error| error.to_string());
    let specs: Vec<PackageSpec> = names.iter().map(spec).collect::<Result<_, _>>()?;
    PackageList::try_from(specs).map_err(|error| error.to_string().replace("line ", "entry "))
}

fn plain(text: &str) -> Option<TreePath> {
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let fits = !parts.is_empty()
        && text.len() <= LONGEST_PATH
        && !text.chars().any(char::is_control)
        && parts.iter().all(|part| *part != ".." && part.len() <= LONGEST_PART);
    fits.then(|| TreePath::new(parts.join("/")))
}

/// Bytes of a description: a recorder's lists each of its files.
const LONGEST: u64 = 16 << 20;

const LONGEST_PATH: usize = 2048;

const LONGEST_PART: usize = 255;
