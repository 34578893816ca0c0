//! Removing what a newer version brought, for when a package was unpacked without dpkg, which does this otherwise.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, PackageId};

use super::Database;
use crate::host::disk;

impl Database<'_> {
    /// Removes the files of a package that its captured list does not name and no other package's does, and folders
    /// that are empty then. Files below /etc stay: the tree knows what they were. To be called before
    /// [`Database::restore_info_of`], which forgets the newer list.
    pub fn remove_newer_files(&self, package: &PackageId) -> Result<(), Failure> {
        let info = self.dpkg().join("info");
        let mut others = self.listed(&self.copy.join("info"), |name| self.belongs_to(name, package))?;
        others.extend(self.listed(&info, |name| !self.belongs_to(name, package))?);
        let newer = self.listed(&info, |name| self.belongs_to(name, package))?;
        if !newer.is_subset(&others) {
            self.check_copy()?;
        }
        // What lies deeper comes later in the order, and goes first.
        for path in newer.iter().rev().filter(|path| !others.contains(*path) && !path.starts_with("/etc")) {
            let Ok(below) = path.strip_prefix("/") else { continue };
            let full = self.root.join(below);
            let Some(metadata) = disk::absent_is_none(full.symlink_metadata()).unwrap_or(None) else { continue };
            let removed = if metadata.is_dir() {
                // One that holds something of others stays.
                let _ = std::fs::remove_dir(&full);
                Ok(())
            } else {
                disk::remove_if_there(&full)
            };
            removed.map_err(|error| disk::failure("remove", &full, &error))?;
        }
        Ok(())
    }

    /// The paths in those file lists of a folder whose name fits.
    fn listed(&self, info: &Path, fits: impl Fn(&std::ffi::OsStr) -> bool) -> Result<BTreeSet<PathBuf>, Failure> {
        let mut paths = BTreeSet::new();
        for name in disk::names_in(info)? {
            if Path::new(&name).extension().is_some_and(|extension| extension == "list") && fits(&name) {
                let text = disk::read(&info.join(&name))?.unwrap_or_default();
                let lines = text.split(|byte| *byte == b'\n').filter(|line| line.len() > 1);
                paths.extend(lines.map(|line| PathBuf::from(OsString::from_vec(line.to_vec()))));
            }
        }
        Ok(paths)
    }
}
