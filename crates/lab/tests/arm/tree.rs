//! The arm64 tree and programs that `make cross` and `make cross-test` left behind.

use std::fs;
use std::path::PathBuf;

use belay_lab::{Base, OurDeb, lab_folder, target_folder};

/// The Debian that tests copy.
pub(crate) fn debian() -> Base {
    let folder = lab_folder().join("roots/bookworm-arm64");
    assert!(folder.is_dir(), "no {}: run `make cross-test`", folder.display());
    Base::at(&folder)
}

/// The agent as it is shipped.
pub(crate) fn agent() -> PathBuf {
    let program = target_folder().join("aarch64-unknown-linux-gnu/release/belay-agent");
    assert!(program.is_file(), "no {}: run `make cross`", program.display());
    program
}

/// The package as it is shipped.
pub(crate) fn package() -> OurDeb {
    let folder = target_folder().join("debian");
    let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("belay-agent_") && name.ends_with("_arm64.deb")
    };
    let newest = files.filter(is_one).max_by_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
    let file = newest.unwrap_or_else(|| panic!("no arm64 package in {}: run `make deb TARGET=...`", folder.display()));
    OurDeb::at(&file)
}
