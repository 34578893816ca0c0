//! Unpacking an archive that nobody vouches for yet, while it arrives: hash, inflate and write in one pass.

mod name;
mod register;
mod stream;
mod writer;

use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use belay_protocol::{Failure, Reason, Sha256};
use tar::{Archive, Entry};

use self::name::Name;
use self::stream::Meter;
use self::writer::{Looks, Writer};
use crate::host::disk;
use crate::host::tree::TreePath;

/// What an archive may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that it may unpack to.
    pub bytes: u64,
    /// Entries that it may have.
    pub entries: u64,
    /// How many times its own size it may unpack to, once it is beyond [`RATIO_FREE`].
    pub ratio: u64,
    /// Folders that a path may go down.
    pub depth: usize,
    /// Bytes that stay free on the disk.
    pub reserve: u64,
}

/// Bytes that an archive may unpack to whatever its own size: small text compresses very well.
pub const RATIO_FREE: u64 = 16 << 20;

/// An archive that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The archive's digest, everything after its end included.
    pub sha256: Sha256,
    /// The archive's size in bytes.
    pub size: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of entries, and of folders that were made although no entry names them.
    pub entries: u64,
    /// Files that want setuid or setgid bits, with their whole modes; on the disk they have none.
    pub setuid: Vec<(TreePath, u32)>,
}

/// Unpacks a tar archive, compressed by gzip or zstd or not at all, into the empty folder `into`, which only this user
/// may write. Durable when it returns; where it fails, what lies in `into` is for the caller to remove.
///
/// Owners in the archive mean nothing. Modes are kept but for setuid, setgid and sticky bits, and whoever unpacks may
/// read every file and write in every folder.
///
/// # Errors
/// A reason that begins with `unpack_`, or `no_space`, or whatever `content` failed with as `fetch_failed`.
pub fn unpack(content: &mut dyn Read, into: &Path, limits: &Limits) -> Result<Unpacked, Failure> {
    let meter = Rc::new(Meter::new(*limits));
    let corrupt = |error: &io::Error| meter.judge(error);
    let mut archive = Archive::new(stream::open(content, &meter).map_err(|error| corrupt(&error))?);
    let mut unpacking = Unpacking { writer: Writer::new(into, *limits, Rc::clone(&meter))?, setuid: Vec::new() };
    let mut entries = archive.entries().map_err(|error| corrupt(&error))?;
    loop {
        meter.expect_headers();
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| corrupt(&error))?;
        meter.expect_content();
        unpacking.take(&mut entry, &meter)?;
    }
    meter.expect_content();
    stream::finish(&mut archive.into_inner()).map_err(|error| corrupt(&error))?;
    let (bytes, entries) = unpacking.writer.finish()?;
    disk::sync_file_system(into)?;
    let (sha256, size) = meter.measured();
    Ok(Unpacked { sha256, size, bytes, entries, setuid: unpacking.setuid })
}

struct Unpacking {
    writer: Writer,
    setuid: Vec<(TreePath, u32)>,
}

impl Unpacking {
    fn take<R: Read>(&mut self, entry: &mut Entry<'_, R>, meter: &Meter) -> Result<(), Failure> {
        self.writer.count()?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            return self.skip(entry, meter);
        }
        let name = Name::parse(&entry.path_bytes())?;
        refuse_unknown_sparse(entry, &name, meter)?;
        let looks = looks(entry, meter)?;
        // Before there was a type for folders, one was a file whose name ends in a slash.
        if kind.is_dir() || (kind.is_file() && name.is_folder() && entry.size() == 0) {
            self.writer.folder(&name, looks)?;
            self.skip(entry, meter)
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            self.file(&name, looks, entry, meter)
        } else if kind.is_symlink() {
            let target = entry.link_name_bytes().unwrap_or_default();
            self.writer.link(&name, &target, looks)
        } else if kind.is_hard_link() {
            Err(name.refuse(
                Reason::UnpackHardLink,
                "is a hard link to another entry; pack it with `tar --hard-dereference`, or make it a symbolic link",
            ))
        } else {
            Err(name.refuse(
                Reason::UnpackDevice,
                "is a device, a fifo or something else that is no file, folder or link; leave it out of the archive",
            ))
        }
    }

    fn file<R: Read>(
        &mut self,
        name: &Name,
        looks: Looks,
        entry: &mut Entry<'_, R>,
        meter: &Meter,
    ) -> Result<(), Failure> {
        if looks.mode & 0o6000 != 0 {
            self.writer.remember(name.text().len())?;
            self.setuid.push((TreePath::new(name.text()), looks.mode & 0o7777));
        }
        let size = entry.size();
        self.writer.file(name, looks, size, entry, meter)
    }

    /// Reads over what an entry holds that has no content for us.
    fn skip<R: Read>(&mut self, entry: &mut Entry<'_, R>, meter: &Meter) -> Result<(), Failure> {
        self.writer.room_for(entry.size())?;
        io::copy(entry, &mut io::sink()).map(|_| ()).map_err(|error| meter.judge(&error))
    }
}

fn looks<R: Read>(entry: &Entry<'_, R>, meter: &Meter) -> Result<Looks, Failure> {
    let mode = entry.header().mode().map_err(|error| meter.judge(&error))?;
    let modified = entry.header().mtime().map_err(|error| meter.judge(&error))?;
    // A clock that is wrong by centuries is no reason to fail; file systems hold seconds of 32 bits everywhere.
    Ok(Looks { mode, modified: Some(i64::from(u32::try_from(modified).unwrap_or(u32::MAX))) })
}

/// Sparse files in the pax format hold a map before their content and go by another name: whoever does not know that
/// unpacks something else than was packed.
fn refuse_unknown_sparse<R: Read>(entry: &mut Entry<'_, R>, name: &Name, meter: &Meter) -> Result<(), Failure> {
    let extensions = entry.pax_extensions().map_err(|error| meter.judge(&error))?;
    for extension in extensions.into_iter().flatten() {
        let extension = extension.map_err(|error| meter.judge(&error))?;
        if extension.key_bytes().starts_with(b"GNU.sparse.") {
            let hint = "is a sparse file in the pax format; pack it without `--sparse`, or with `--format=gnu`";
            return Err(name.refuse(Reason::UnpackCorrupt, hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
