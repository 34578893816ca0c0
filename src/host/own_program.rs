//! The file that this process was started from, and whether an update put another one in its place.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// This program's file as it was when the process found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnProgram {
    path: PathBuf,
    identity: (u64, u64),
}

impl OwnProgram {
    /// The file that this process was started from.
    ///
    /// # Errors
    /// It has no path any more, or /proc is not there.
    pub fn find() -> io::Result<Self> {
        Self::at(std::env::current_exe()?)
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&path)?;
        Ok(Self { path, identity })
    }

    /// Whether its path leads to another file now. One that leads nowhere has no successor: the package was removed.
    pub fn was_replaced(&self) -> bool {
        identity(&self.path).is_ok_and(|now| now != self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    fn another_file_at_its_path_is_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("program"), folder.path().join("new"));
        std::fs::write(&path, "old").unwrap();
        let own = OwnProgram::at(path.clone()).unwrap();
        std::fs::write(&path, "written over").unwrap();
        assert!(!own.was_replaced(), "the same file");
        std::fs::write(&new, "new").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert!(own.was_replaced());
        std::fs::remove_file(&path).unwrap();
        assert!(!own.was_replaced(), "gone, and nothing came");
    }

    #[test]
    fn this_program_was_not_replaced() {
        assert!(!OwnProgram::find().unwrap().was_replaced());
    }
}
