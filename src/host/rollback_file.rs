//! The rollback file: `name=version` lines of the last committed update's packages, for its readers on the device.
//!
//! Undo reads restore points, never this file.

use std::path::Path;

use belay_protocol::{Failure, PackageList, PackageSpec};

use super::device::Inventory;
use super::disk::{self, Attributes};
use crate::durable;
use crate::failpoint;

/// The points at which a test can end the process in this file.
pub const FAILPOINTS: &[&str] = &[
    "rollback_file.write.before",
    "rollback_file.write.after",
    "rollback_file.remove.before",
    "rollback_file.remove.after",
];

/// The file's text: the listed packages that are installed, in the list's order, with their versions.
pub fn text(list: &PackageList, inventory: &Inventory) -> String {
    let version = |spec: &PackageSpec| {
        let record = inventory.packages.get(&spec.package).filter(|record| record.is_installed())?;
        Some(format!("{}={}\n", spec.package, record.version.as_ref()?))
    };
    list.specs().iter().filter_map(version).collect()
}

/// Reads the file; none where there is none.
pub fn read(path: &Path) -> Result<Option<String>, Failure> {
    Ok(disk::read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Makes the file what it was, or will be; none removes it. Writes nothing where it is so already.
pub fn put(path: &Path, text: Option<&str>) -> Result<(), Failure> {
    match text {
        Some(text) if read(path)?.as_deref() == Some(text) => Ok(()),
        Some(text) => {
            failpoint!("rollback_file.write.before");
            disk::write(path, text.as_bytes(), Attributes::mode(0o644))?;
            failpoint!("rollback_file.write.after");
            Ok(())
        }
        None => {
            failpoint!("rollback_file.remove.before");
            durable::remove(path).map_err(|error| disk::failure("remove", path, &error))?;
            failpoint!("rollback_file.remove.after");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
