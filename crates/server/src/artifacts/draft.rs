//! A file that is being written and disappears unless it is kept.

use std::fs::{self, File};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use belay_protocol::Sha256;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, Flock, FlockArg, fallocate};

use super::Stored;
use super::error::ArtifactError;
use super::folder::place;
use super::intake::Hash;

/// The file. Its lock tells a draft in the making from one that a crash left behind.
pub(super) struct Draft {
    path: PathBuf,
    file: Flock<File>,
    hash: Hash,
    kept: bool,
}

impl Draft {
    /// Makes an empty draft, with room on the disk for what is announced.
    pub(super) fn create(folder: &Path, announced: Option<u64>) -> Result<Self, ArtifactError> {
        loop {
            let path = folder.join(name());
            let failed = || ArtifactError::folder("write to", &path);
            let file = match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed()(error)),
            };
            let file =
                Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| failed()(errno.into()))?;
            // Another server that starts on the same folder may have taken it for a leftover before it was locked.
            if file.metadata().map_err(failed())?.nlink() == 0 {
                continue;
            }
            let draft = Self { path, file, hash: Hash::default(), kept: false };
            draft.reserve(announced)?;
            return Ok(draft);
        }
    }

    /// Appends a piece.
    pub(super) fn append(mut self, piece: &[Bytes]) -> Result<Self, ArtifactError> {
        write_all(&mut self.file, piece).map_err(ArtifactError::folder("write to", &self.path))?;
        self.hash = std::mem::take(&mut self.hash).with(piece);
        Ok(self)
    }

    /// Shows the draft as an artifact, if its digest is right. It is on the disk before anybody can see it.
    pub(super) fn keep(mut self, expected: Option<Sha256>, root: &Path) -> Result<Stored, ArtifactError> {
        let (sha256, size) = std::mem::take(&mut self.hash).prove(expected)?;
        self.file.sync_all().map_err(ArtifactError::folder("write to", &self.path))?;
        let target = place(root, sha256);
        let new = !target.exists();
        let parent = target.parent().expect("an artifact lies below the root");
        fs::create_dir_all(parent).map_err(ArtifactError::folder("make the folder", parent))?;
        fs::rename(&self.path, &target).map_err(ArtifactError::folder("move an artifact to", &target))?;
        self.kept = true;
        for folder in parent.ancestors().take_while(|folder| folder.starts_with(root)) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(ArtifactError::folder("sync", folder))?;
        }
        Ok(Stored { sha256, size, new })
    }

    /// Takes the room on the disk before it is written to, so that an upload that cannot fit is refused at its start.
    fn reserve(&self, announced: Option<u64>) -> Result<(), ArtifactError> {
        let Some(length) = announced.and_then(|bytes| i64::try_from(bytes).ok()).filter(|bytes| *bytes > 0) else {
            return Ok(());
        };
        match fallocate(&*self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length) {
            // Not every file system can; then the writes will tell.
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
            Err(errno) => Err(ArtifactError::folder("write to", &self.path)(errno.into())),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished upload stays until the next start");
        }
    }
}

/// Removes drafts that nobody writes to any more.
pub(super) fn clear(folder: &Path) -> Result<(), ArtifactError> {
    let failed = || ArtifactError::folder("clear", folder);
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let Ok(file) = File::open(&path) else { continue };
        if let Ok(_lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            fs::remove_file(&path).map_err(ArtifactError::folder("remove", &path))?;
            tracing::info!(path = %path.display(), "an unfinished upload was removed");
        }
    }
    Ok(())
}

/// A name that no other draft has.
pub(super) fn name() -> String {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_all(file: &mut File, piece: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = piece.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
