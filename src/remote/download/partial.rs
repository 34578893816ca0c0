//! What has arrived of a bundle: a file beside a note of where it came from, kept over cuts and restarts.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason, Sha256};
use nix::libc::{O_CLOEXEC, O_NOFOLLOW};
use rustix::fs::FallocateFlags;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::host::disk;
use crate::machine::rules::MEGABYTE;

/// A file that grows.
#[derive(Debug)]
pub(super) struct Partial {
    folder: PathBuf,
    sha256: Sha256,
    file: File,
    length: u64,
    note: Note,
    /// Bytes that it may have without leaving too little of the disk.
    room: u64,
}

/// Where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The address.
    pub(super) url: String,
    /// The strong entity tag that it had there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// How many bytes there are in all, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
}

impl Partial {
    /// Opens what is there of a bundle, else begins it. What is there of others is removed.
    pub(super) fn open(folder: &Path, sha256: Sha256) -> Result<Self, Failure> {
        disk::make_folder(folder)?;
        remove_others(folder, sha256)?;
        let path = path_of(folder, sha256, "part");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600).custom_flags(O_NOFOLLOW | O_CLOEXEC);
        let file = options.open(&path).map_err(|error| disk::failure("open", &path, &error))?;
        let length = file.metadata().map_err(|error| disk::failure("look at", &path, &error))?.len();
        let note = disk::read(&path_of(folder, sha256, "json"))?;
        // One that a power cut damaged says nothing.
        let note = note.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), sha256, file, length, note, room: u64::MAX })
    }

    /// How many bytes are there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What was last noted.
    pub(super) fn note(&self) -> &Note {
        &self.note
    }

    /// Notes where it comes from.
    pub(super) fn set_note(&mut self, note: Note) -> Result<(), Failure> {
        if note == self.note {
            return Ok(());
        }
        let path = path_of(&self.folder, self.sha256, "json");
        let written = serde_json::to_vec(&note).map_err(io::Error::from);
        let written = written.and_then(|bytes| durable::write_atomic(&path, &bytes, 0o600));
        written.map_err(|error| disk::failure("write", &path, &error))?;
        self.note = note;
        Ok(())
    }

    /// Makes sure that all of it will have space and that `reserve` bytes stay free; without a size, that it stops there.
    pub(super) fn make_room(&mut self, size: Option<u64>, reserve: u64) -> Result<(), Failure> {
        let Some(free) = disk::free_bytes(&self.folder) else { return Ok(()) };
        let Some(size) = size else {
            self.room = self.length.saturating_add(free.saturating_sub(reserve));
            return Ok(());
        };
        // Blocks count 512 bytes, whatever the file system's own are.
        let has = self.file.metadata().map_or(0, |metadata| metadata.blocks().saturating_mul(512));
        let lacks = size.saturating_sub(has);
        if lacks > 0 && free < lacks.saturating_add(reserve) {
            return Err(self.no_space(free, lacks, reserve));
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, size) {
            Err(error) if error == rustix::io::Errno::NOSPC => Err(self.no_space(free, lacks, reserve)),
            // Not every file system can; it then finds out on the way.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn no_space(&self, free: u64, lacks: u64, reserve: u64) -> Failure {
        // Rounded so that the figures never hide the lack.
        let mb = |bytes: u64| bytes.div_ceil(MEGABYTE);
        let needs = lacks.saturating_add(reserve);
        let message = format!(
            "the disk has {} MB free and fetching the bundle needs {} MB: {} to download, {} in reserve; free {} MB, then \
             ask again",
            free / MEGABYTE,
            mb(needs),
            mb(lacks),
            mb(reserve),
            mb(needs.saturating_sub(free)).max(1)
        );
        Failure::new(Reason::NoSpace, message)
    }

    /// Puts bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let longer = self.length.saturating_add(bytes.len() as u64);
        if longer > self.room {
            let message = format!(
                "the bundle has more than {} MB, and more of the disk must not be taken; free some space, then ask again",
                self.length / MEGABYTE
            );
            return Err(Failure::new(Reason::NoSpace, message));
        }
        let written = self.file.write_all_at(bytes, self.length);
        written.map_err(|error| disk::failure("write", &path_of(&self.folder, self.sha256, "part"), &error))?;
        self.length = longer;
        Ok(())
    }

    /// Reads some of what is there, from a byte on.
    pub(super) fn read_at(&self, buffer: &mut [u8], from: u64) -> Result<usize, Failure> {
        let wanted = usize::try_from(self.length.saturating_sub(from)).unwrap_or(usize::MAX).min(buffer.len());
        loop {
            match self.file.read_at(&mut buffer[..wanted], from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let path = path_of(&self.folder, self.sha256, "part");
                    return read.map_err(|error| disk::failure("read", &path, &error));
                }
            }
        }
    }

    /// Whether these bytes stand there from a byte on, as far as it reaches.
    pub(super) fn holds(&self, bytes: &[u8], from: u64) -> Result<bool, Failure> {
        let mut same = vec![0; bytes.len()];
        let mut done = 0;
        while done < bytes.len() {
            match self.read_at(&mut same[done..], from + done as u64)? {
                0 => return Ok(false),
                read => done += read,
            }
        }
        Ok(same == bytes)
    }

    /// Begins anew, with nothing.
    pub(super) fn empty(&mut self) -> Result<(), Failure> {
        let path = path_of(&self.folder, self.sha256, "part");
        self.file.set_len(0).map_err(|error| disk::failure("empty", &path, &error))?;
        self.length = 0;
        self.set_note(Note::default())
    }
}

/// A file of a bundle that is on its way.
pub(super) fn path_of(folder: &Path, sha256: Sha256, kind: &str) -> PathBuf {
    folder.join(format!("{sha256}.{kind}"))
}

/// Removes what is there of a bundle.
pub(super) fn remove(folder: &Path, sha256: Sha256) {
    for kind in ["part", "json", "upload"] {
        let path = path_of(folder, sha256, kind);
        if let Err(error) = disk::remove_if_there(&path) {
            tracing::warn!("{} stays where it is: {error}", path.display());
        }
    }
}

/// Removes what is there of other bundles; uploads wait for a job of their own.
fn remove_others(folder: &Path, sha256: Sha256) -> Result<(), Failure> {
    for name in disk::names_in(folder)? {
        let path = folder.join(&name);
        let kind = path.extension().and_then(|kind| kind.to_str());
        let ours = path.file_stem().and_then(|stem| stem.to_str()) == Some(&sha256.to_string());
        if !ours && matches!(kind, Some("part" | "json")) {
            disk::remove_if_there(&path).map_err(|error| disk::failure("remove", &path, &error))?;
        }
    }
    Ok(())
}

/// Removes all partial files but the newest, and all uploads but the newest: at the daemon's start.
pub(super) fn keep_newest(folder: &Path) -> Result<(), Failure> {
    for kind in ["part", "upload"] {
        let mut found: Vec<(i64, PathBuf)> = Vec::new();
        for name in disk::names_in(folder)? {
            let path = folder.join(name);
            if path.extension().is_some_and(|extension| extension == kind) {
                found.push((path.symlink_metadata().map_or(0, |metadata| metadata.mtime()), path));
            }
        }
        found.sort();
        found.pop();
        for (_, path) in found {
            for path in [path.with_extension("json"), path] {
                disk::remove_if_there(&path).map_err(|error| disk::failure("remove", &path, &error))?;
            }
        }
    }
    Ok(())
}
