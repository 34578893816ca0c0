//! Writing what an archive holds, and never outside of its tree.
//!
//! Every part of a path is opened below the one before and none through a link; files are only ever made, never
//! opened; links are made when all files are there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use belay_protocol::{Failure, Reason};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};

use super::Limits;
use super::name::{Name, split};
use super::register::Register;
use super::stream::Meter;
use crate::host::disk;

/// What an entry looks like besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    /// Its mode, as the archive says.
    pub(super) mode: u32,
    /// When it was changed, in seconds since 1970; the present where there is none.
    pub(super) modified: Option<i64>,
}

/// Writes below one folder.
pub(super) struct Writer {
    into: PathBuf,
    root: OwnedFd,
    limits: Limits,
    meter: Rc<Meter>,
    register: Register,
    /// The folder that was written in last, by its path.
    last: Option<(String, OwnedFd)>,
    /// Folders and links get their looks last: to write in a folder changes its time, and needs the right to.
    folders: Vec<(String, Looks)>,
    links: Vec<(String, String, Looks)>,
    remembered: usize,
    entries: u64,
    /// Bytes of the files that were written, and of all content that was read.
    written: u64,
    taken: u64,
    since_look: u64,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(into: &Path, limits: Limits, meter: Rc<Meter>) -> Result<Self, Failure> {
        let root = rustix::fs::open(into, FOLDER, Mode::empty());
        let root = root.map_err(|error| disk::failure("open", into, &error.into()))?;
        let writer = Self {
            into: into.to_owned(),
            root,
            limits,
            meter,
            register: Register::default(),
            last: None,
            folders: Vec::new(),
            links: Vec::new(),
            remembered: 0,
            entries: 0,
            written: 0,
            taken: 0,
            since_look: 0,
            buffer: vec![0; BUFFER],
        };
        writer.look_for_space(0)?;
        Ok(writer)
    }

    /// Counts one entry.
    pub(super) fn count(&mut self) -> Result<(), Failure> {
        self.entries += 1;
        if self.entries <= self.limits.entries {
            return Ok(());
        }
        let message = format!(
            "the archive holds more than {} files and folders; pack fewer, or raise bundle.max_entries on the device",
            self.limits.entries
        );
        Err(Failure::new(Reason::UnpackTooMany, message))
    }

    /// Makes a folder, or notes how one that is there shall look.
    pub(super) fn folder(&mut self, name: &Name, looks: Looks) -> Result<(), Failure> {
        let Some((parent, _)) = name.split() else { return Ok(()) };
        self.hold_to_depth(name, name.depth() + 1)?;
        self.open(parent, name)?;
        if self.register.note(name.text(), true, name)? {
            self.make_folder(name.text())?;
        }
        self.remember(name.text().len())?;
        self.folders.push((name.text().to_owned(), looks));
        Ok(())
    }

    /// Writes a file of `size` bytes.
    pub(super) fn file(
        &mut self,
        name: &Name,
        looks: Looks,
        size: u64,
        content: &mut dyn Read,
        meter: &Meter,
    ) -> Result<(), Failure> {
        let (parent, last) = self.enter(name)?;
        self.room_for(size)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self.opened(&parent), &*last, flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(opened.map_err(|error| self.failure("write", name.text(), error.into()))?);
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let read = content.read(&mut self.buffer[..most]).map_err(|error| meter.judge(&error))?;
            if read == 0 {
                return Err(name.refuse(Reason::UnpackCorrupt, "is cut off; fetch or pack the archive anew"));
            }
            self.written += read as u64;
            meter.hold_to_ratio(self.written)?;
            self.keep_reserve(read as u64, left)?;
            let wrote = file.write_all(&self.buffer[..read]);
            wrote.map_err(|error| self.failure("write", name.text(), error))?;
            left -= read as u64;
        }
        let dressed = dress(&file, looks.mode & 0o777 | 0o400, looks.modified);
        dressed.map_err(|error| self.failure("write", name.text(), error))
    }

    /// Notes a link, to be made last.
    pub(super) fn link(&mut self, name: &Name, target: &[u8], looks: Looks) -> Result<(), Failure> {
        let target = name.target(target)?;
        self.enter(name)?;
        self.remember(name.text().len() + target.len())?;
        self.links.push((name.text().to_owned(), target, looks));
        Ok(())
    }

    /// Bounds what has to be held in memory to the end.
    pub(super) fn remember(&mut self, bytes: usize) -> Result<(), Failure> {
        self.remembered += bytes + SMALLEST_NOTE;
        if self.remembered <= MOST_REMEMBERED {
            return Ok(());
        }
        let message =
            "the archive's folders and links have too many or too long names to be held in memory; pack fewer";
        Err(Failure::new(Reason::UnpackTooMany, message))
    }

    /// Holds everything that was unpacked, and `size` bytes more, to the limit.
    pub(super) fn room_for(&mut self, size: u64) -> Result<(), Failure> {
        match self.taken.checked_add(size).filter(|taken| *taken <= self.limits.bytes) {
            Some(taken) => self.taken = taken,
            None => return Err(self.meter.too_large()),
        }
        if size >= LOOK_EVERY { self.look_for_space(size) } else { Ok(()) }
    }

    /// Makes the links, and gives folders their looks. Returns bytes of files and number of entries.
    pub(super) fn finish(mut self) -> Result<(u64, u64), Failure> {
        for (path, target, looks) in std::mem::take(&mut self.links) {
            let (parent, last) = split(&path).expect("a link has a name");
            self.reopen(parent)?;
            let folder = self.opened(parent);
            let made = rustix::fs::symlinkat(&target, folder, last).and_then(|()| match looks.modified {
                None => Ok(()),
                Some(at) => rustix::fs::utimensat(folder, last, &times(at), AtFlags::SYMLINK_NOFOLLOW),
            });
            made.map_err(|error| self.failure("make the link", &path, error.into()))?;
        }
        for (path, looks) in std::mem::take(&mut self.folders) {
            self.reopen(&path)?;
            let folder = self.opened(&path);
            let dressed = rustix::fs::fchmod(folder, mode_of(looks.mode & 0o777 | 0o700))
                .and_then(|()| looks.modified.map_or(Ok(()), |at| rustix::fs::futimens(folder, &times(at))));
            dressed.map_err(|error| self.failure("make the folder", &path, error.into()))?;
        }
        Ok((self.written, self.entries))
    }

    /// Judges the place of a file or link; returns its folder, which is then open, and its name there.
    fn enter(&mut self, name: &Name) -> Result<(String, String), Failure> {
        let Some((parent, last)) = name.split() else {
            return Err(name.refuse(Reason::UnpackName, "is the archive's own folder, and no folder; pack it anew"));
        };
        self.hold_to_depth(name, name.depth())?;
        self.open(parent, name)?;
        self.register.note(name.text(), false, name)?;
        Ok((parent.to_owned(), last.to_owned()))
    }

    fn hold_to_depth(&self, name: &Name, depth: usize) -> Result<(), Failure> {
        if depth <= self.limits.depth {
            return Ok(());
        }
        let problem = format!("lies more than {} folders deep; pack it flatter", self.limits.depth);
        Err(name.refuse(Reason::UnpackDepth, &problem))
    }

    /// Opens the folder at `path`, after it and those above it that are missing were made.
    fn open(&mut self, path: &str, entry: &Name) -> Result<(), Failure> {
        if path.is_empty() || self.last.as_ref().is_some_and(|(last, _)| last == path) {
            return Ok(());
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let folder = &path[..end];
            if self.register.note(folder, true, entry)? {
                self.count()?;
                self.remember(folder.len())?;
                self.make_folder(folder)?;
                self.folders.push((folder.to_owned(), Looks { mode: 0o755, modified: None }));
            }
        }
        self.reopen(path)
    }

    fn make_folder(&mut self, path: &str) -> Result<(), Failure> {
        let (parent, last) = split(path).expect("only folders in the tree are made");
        self.reopen(parent)?;
        let made = rustix::fs::mkdirat(self.opened(parent), last, mode_of(0o700));
        made.map_err(|error| self.failure("make the folder", path, error.into()))
    }

    /// Opens a folder that is there, part by part and never through a link.
    fn reopen(&mut self, path: &str) -> Result<(), Failure> {
        if path.is_empty() || self.last.as_ref().is_some_and(|(last, _)| last == path) {
            return Ok(());
        }
        let mut folder: Option<OwnedFd> = None;
        for part in path.split('/') {
            let above = folder.as_ref().unwrap_or(&self.root);
            let below = rustix::fs::openat(above, part, FOLDER, Mode::empty());
            folder = Some(below.map_err(|error| self.failure("open the folder", path, error.into()))?);
        }
        self.last = folder.map(|folder| (path.to_owned(), folder));
        Ok(())
    }

    /// The folder that [`Self::reopen`] opened last, or the tree itself.
    fn opened(&self, path: &str) -> &OwnedFd {
        if path.is_empty() {
            return &self.root;
        }
        let last = self.last.as_ref().filter(|(last, _)| last == path);
        last.map(|(_, folder)| folder).expect("every caller has opened it right before")
    }

    /// Looks now and then whether the reserve is still there while `left` bytes are to come.
    fn keep_reserve(&mut self, wrote: u64, left: u64) -> Result<(), Failure> {
        self.since_look += wrote;
        if self.since_look < LOOK_EVERY {
            return Ok(());
        }
        self.since_look = 0;
        self.look_for_space(left)
    }

    fn look_for_space(&self, coming: u64) -> Result<(), Failure> {
        let needed = self.limits.reserve.saturating_add(coming);
        match disk::free_bytes(&self.into) {
            Some(free) if free < needed => {
                let message = format!(
                    "unpacking the archive needs {needed} bytes at {}, {} of them as a reserve, and {free} are free; \
                     free some space, then ask again",
                    self.into.display(),
                    self.limits.reserve
                );
                Err(Failure::new(Reason::NoSpace, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn failure(&self, doing: &str, path: &str, error: io::Error) -> Failure {
        disk::failure(doing, &self.into.join(path), &error)
    }
}

fn dress(file: &File, mode: u32, modified: Option<i64>) -> io::Result<()> {
    rustix::fs::fchmod(file, mode_of(mode))?;
    Ok(modified.map_or(Ok(()), |at| rustix::fs::futimens(file, &times(at)))?)
}

fn mode_of(mode: u32) -> Mode {
    Mode::from_raw_mode(mode)
}

fn times(seconds: i64) -> Timestamps {
    let at = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: at, last_modification: at }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

const BUFFER: usize = 64 * 1024;

/// Bytes after which the disk is looked at again.
const LOOK_EVERY: u64 = 4 << 20;

/// Bytes of names of folders and links that are held in memory to the end.
const MOST_REMEMBERED: usize = 4 << 20;

/// What one name takes in memory beside its text.
const SMALLEST_NOTE: usize = 64;
