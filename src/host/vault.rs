//! The vault: files kept under the digest of their content, so that undo needs no network.
//!
//! An object is complete or not there. Everything taken out is hashed again on the way, so a damaged or tampered
//! object is refused by name and never reaches the device.

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason, Sha256};
use serde::{Deserialize, Serialize};

use super::disk::{self, Attributes};
use crate::durable::sync_folder;
use crate::failpoint;

/// The points at which a test can end the process in this file.
pub const FAILPOINTS: &[&str] = &[
    "vault.import.before",
    "vault.import.after",
    "vault.restore.before",
    "vault.restore.after",
    "vault.sweep.before",
    "vault.sweep.after",
];

/// Files kept under the digest of their content.
#[derive(Debug, Clone)]
pub struct Vault {
    objects: PathBuf,
}

/// What an object is for; it decides its file's name and mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A .deb; apt wants that suffix.
    Archive,
    /// Any other file.
    File,
    /// A program that can be run where it lies.
    Program,
}

/// An object that the vault holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The digest of its content.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    Now,
    Later,
}

impl Vault {
    /// Opens the vault in `folder`, which is made where it is missing.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let objects = folder.join("objects");
        disk::make_folder(folder)?;
        disk::make_folder(&objects)?;
        Ok(Self { objects })
    }

    /// Copies a file in, durably. It is hashed while it is copied, and only the copy counts afterwards. Fails with
    /// `digest_mismatch` where the content is not `expected`, and with `no_space` where the disk is full.
    pub fn import(&self, source: &Path, expected: Option<Sha256>, kind: ObjectKind) -> Result<Imported, Failure> {
        let imported = self.import_file(source, expected, kind, Durability::Now)?;
        self.sync(&imported.sha256, kind)?;
        Ok(imported)
    }

    /// As [`Vault::import`], but durable only after [`Vault::sync_all`]. For many small files: one sync for all of
    /// them. What a power cut tears in between is noticed and replaced when it is imported again.
    pub fn import_later(&self, source: &Path, expected: Option<Sha256>, kind: ObjectKind) -> Result<Imported, Failure> {
        self.import_file(source, expected, kind, Durability::Later)
    }

    /// Copies bytes at hand in, durably.
    pub fn import_bytes(&self, bytes: &[u8], kind: ObjectKind) -> Result<Imported, Failure> {
        let imported = self.take(&mut &*bytes, &self.objects, None, kind, Durability::Now)?;
        self.sync(&imported.sha256, kind)?;
        Ok(imported)
    }

    /// Where the object of that digest lies, or would.
    pub fn path(&self, sha256: &Sha256, kind: ObjectKind) -> PathBuf {
        self.objects.join(match kind {
            ObjectKind::Archive => format!("{sha256}.deb"),
            ObjectKind::File | ObjectKind::Program => sha256.to_string(),
        })
    }

    /// Hashes an object. Fails with `vault_damaged` where it is missing or is not what its name says.
    pub fn verify(&self, sha256: &Sha256, kind: ObjectKind) -> Result<(), Failure> {
        self.copy_out(sha256, kind, &mut io::sink()).map(|_| ())
    }

    /// Copies an object to `to`, atomically; what was there stays where the object is damaged.
    pub fn restore_file(
        &self,
        sha256: &Sha256,
        kind: ObjectKind,
        to: &Path,
        attributes: Attributes,
    ) -> Result<(), Failure> {
        failpoint!("vault.restore.before");
        disk::place(to, attributes, |file| self.copy_out(sha256, kind, file))?;
        failpoint!("vault.restore.after");
        Ok(())
    }

    /// Removes every object that `keep` does not name, and what interrupted imports left. Returns the bytes freed.
    pub fn sweep(&self, keep: &BTreeSet<Sha256>) -> Result<u64, Failure> {
        let mut freed = 0;
        for name in disk::names_in(&self.objects)? {
            let digest = name.to_str().and_then(|name| name.strip_suffix(".deb").unwrap_or(name).parse().ok());
            if digest.is_some_and(|digest| keep.contains(&digest)) {
                continue;
            }
            let path = self.objects.join(&name);
            let size = path.symlink_metadata().map(|metadata| metadata.len()).unwrap_or(0);
            failpoint!("vault.sweep.before");
            disk::remove_if_there(&path).map_err(|error| disk::failure("remove", &path, &error))?;
            failpoint!("vault.sweep.after");
            freed += size;
        }
        sync_folder(&self.objects).map_err(|error| disk::failure("sync", &self.objects, &error))?;
        Ok(freed)
    }

    /// Bytes that all objects take.
    pub fn size(&self) -> Result<u64, Failure> {
        let size = |name| self.objects.join(name).symlink_metadata().map_or(0, |metadata| metadata.len());
        Ok(disk::names_in(&self.objects)?.into_iter().map(size).sum())
    }

    /// Makes everything durable that [`Vault::import_later`] took.
    pub fn sync_all(&self) -> Result<(), Failure> {
        disk::sync_file_system(&self.objects)
    }

    fn import_file(
        &self,
        source: &Path,
        expected: Option<Sha256>,
        kind: ObjectKind,
        durability: Durability,
    ) -> Result<Imported, Failure> {
        if let Some(there) = expected.and_then(|sha256| self.present(&sha256, kind)) {
            return Ok(there);
        }
        let mut input = disk::open_regular(source, true).map_err(|error| disk::failure("read", source, &error))?;
        self.take(&mut input, source, expected, kind, durability)
    }

    fn present(&self, sha256: &Sha256, kind: ObjectKind) -> Option<Imported> {
        self.verify(sha256, kind).ok()?;
        let path = self.path(sha256, kind);
        std::fs::set_permissions(&path, Permissions::from_mode(kind.mode())).ok()?;
        Some(Imported { sha256: *sha256, size: path.symlink_metadata().ok()?.len() })
    }

    fn take(
        &self,
        input: &mut impl Read,
        source: &Path,
        expected: Option<Sha256>,
        kind: ObjectKind,
        durability: Durability,
    ) -> Result<Imported, Failure> {
        let copying = |error: io::Error| {
            disk::failure(&format!("copy {} into the vault at", source.display()), &self.objects, &error)
        };
        failpoint!("vault.import.before");
        let (mut file, temporary) = disk::temporary_in(&self.objects).map_err(copying)?;
        let discard = |failure| {
            // What is left is replaced by the next import and removed by the next sweep.
            let _ = disk::remove_if_there(&temporary);
            failure
        };
        let (sha256, size) = disk::copy_hashing(input, &mut file).map_err(copying).map_err(discard)?;
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            return Err(discard(Failure::new(
                Reason::DigestMismatch,
                format!("{} has the digest {sha256}, but must have {expected}; it was not used", source.display()),
            )));
        }
        if let Some(there) = self.present(&sha256, kind) {
            disk::remove_if_there(&temporary).map_err(copying)?;
            return Ok(there);
        }
        // A rename replaces a link that was planted under this name; it does not follow it.
        file.set_permissions(Permissions::from_mode(kind.mode()))
            .and_then(|()| if durability == Durability::Now { file.sync_all() } else { Ok(()) })
            .and_then(|()| std::fs::rename(&temporary, self.path(&sha256, kind)))
            .map_err(copying)
            .map_err(discard)?;
        failpoint!("vault.import.after");
        Ok(Imported { sha256, size })
    }

    fn sync(&self, sha256: &Sha256, kind: ObjectKind) -> Result<(), Failure> {
        let path = self.path(sha256, kind);
        let synced = File::open(&path).and_then(|file| file.sync_all()).and_then(|()| sync_folder(&self.objects));
        synced.map_err(|error| disk::failure("sync", &path, &error))
    }

    fn copy_out(&self, sha256: &Sha256, kind: ObjectKind, output: &mut impl Write) -> Result<u64, Failure> {
        let path = self.path(sha256, kind);
        let damaged =
            |what: String| Failure::new(Reason::VaultDamaged, format!("the vault's {} {what}", path.display()));
        let mut file = disk::open_regular(&path, false).map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            damaged(if missing { "is missing".to_owned() } else { format!("cannot be read: {error}") })
        })?;
        let (found, size) = disk::copy_hashing(&mut file, output)
            .map_err(|error| disk::failure("copy out of the vault", &path, &error))?;
        if found == *sha256 {
            Ok(size)
        } else {
            Err(damaged(format!("was damaged or tampered with: its content has the digest {found}")))
        }
    }
}

impl ObjectKind {
    fn mode(self) -> u32 {
        match self {
            // apt and dpkg read archives as root; nobody else needs to.
            Self::Archive | Self::File => 0o600,
            Self::Program => 0o700,
        }
    }
}

#[cfg(test)]
mod tests;
