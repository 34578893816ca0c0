//! Artifacts in a folder of this machine.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use object_store::local::LocalFileSystem;

use super::Stored;
use super::draft::{self, Draft};
use super::error::ArtifactError;
use super::intake::{Intake, blocking};

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder where it is missing, and removes what a crash left in it.
    pub(super) async fn open(root: PathBuf) -> Result<(Self, LocalFileSystem), ArtifactError> {
        blocking(move || {
            let incoming = root.join(INCOMING);
            fs::create_dir_all(&incoming).map_err(ArtifactError::folder("make the folder", &incoming))?;
            draft::clear(&incoming)?;
            let objects = LocalFileSystem::new_with_prefix(&root).map_err(ArtifactError::Store)?;
            Ok((Self { root }, objects))
        })
        .await
    }

    /// Writes what arrives beside the artifacts, and shows it among them once it is whole, right and on the disk.
    pub(super) async fn receive<E: fmt::Display>(&self, intake: &mut Intake<'_, E>) -> Result<Stored, ArtifactError> {
        let upload = intake.upload();
        let incoming = self.root.join(INCOMING);
        let mut draft = blocking(move || Draft::create(&incoming, upload.announced)).await?;
        while let Some(piece) = intake.next().await? {
            draft = blocking(move || draft.append(&piece)).await?;
        }
        let root = self.root.clone();
        blocking(move || draft.keep(upload.expected, &root)).await
    }

    /// How many bytes still fit on the disk.
    #[expect(clippy::useless_conversion, reason = "a 32-bit system counts in smaller numbers")]
    pub(super) async fn room(&self) -> Result<u64, ArtifactError> {
        let root = self.root.clone();
        blocking(move || {
            let disk = statvfs(&root).map_err(|errno| ArtifactError::folder("look at", &root)(errno.into()))?;
            Ok(u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size())))
        })
        .await
    }
}

/// Where an artifact is below `root`.
pub(super) fn place(root: &Path, sha256: belay_protocol::Sha256) -> PathBuf {
    root.join(super::location(sha256).as_ref())
}

/// Where artifacts are written until they are whole.
const INCOMING: &str = "incoming";
