//! Packing: the same content becomes the same bytes, whoever packs it, where and when. Entries are sorted, belong to
//! nobody, and have one of two modes and one time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::{Compression, GzBuilder};
use indicatif::ProgressBar;
use tar::{Builder, EntryType, Header};
use zip::ZipArchive;

use super::name;
use crate::error::CtlError;
use crate::output::Output;

/// What is packed, by name.
pub(super) struct Contents {
    items: BTreeMap<String, Item>,
    /// What files are read from; none where they lie in a folder.
    zip: Option<ZipArchive<BufReader<File>>>,
    /// The source, for messages.
    source: PathBuf,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A folder.
    Folder,
    /// A symbolic link to this.
    Link(String),
    /// A file of so many bytes.
    File {
        /// Where it is read from.
        from: From,
        /// How many bytes.
        size: u64,
        /// Whether it can be run.
        runs: bool,
    },
}

/// Where a file is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// A path, last written to at this time.
    Path(PathBuf, Option<SystemTime>),
    /// The zip's entry of this number.
    Zip(usize),
}

impl Contents {
    /// Nothing yet, of this source.
    pub(super) fn new(source: PathBuf, zip: Option<ZipArchive<BufReader<File>>>) -> Self {
        Self { items: BTreeMap::new(), zip, source }
    }

    /// Takes one entry, and the folders above it; nothing where the name is taken by something that is no folder.
    pub(super) fn add(&mut self, name: &str, item: Item) -> Option<()> {
        for (at, _) in name.match_indices('/') {
            match self.items.entry(name[..at].to_owned()).or_insert(Item::Folder) {
                Item::Folder => {}
                Item::Link(_) | Item::File { .. } => return None,
            }
        }
        match (self.items.insert(name.to_owned(), item.clone()), item) {
            (None, _) | (Some(Item::Folder), Item::Folder) => Some(()),
            (Some(_), _) => None,
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> u64 {
        self.items.len() as u64
    }

    /// What devices will not like.
    pub(super) fn warnings(&self) -> Vec<String> {
        let links = self.items.iter().filter_map(|(name, item)| match item {
            Item::Link(target) => name::link_problem(name, target).map(|problem| (name, problem)),
            Item::Folder | Item::File { .. } => None,
        });
        let script = name::script_problem(self.items.keys().map(String::as_str));
        links.map(|(name, problem)| format!("{name} {problem}: devices will refuse this")).chain(script).collect()
    }

    fn bytes(&self) -> u64 {
        let size = |item: &Item| match item {
            Item::File { size, .. } => *size,
            Item::Folder | Item::Link(_) => 0,
        };
        self.items.values().map(size).sum()
    }
}

/// Packs it into a file that has no name, so that nothing is left of it whatever happens.
pub(super) fn pack(mut contents: Contents, output: &Output) -> Result<File, CtlError> {
    let time = source_date()?;
    let (folder, file) = nameless()?;
    let bar = output.bar(contents.bytes(), "{msg} [{bar:30}] {bytes}/{total_bytes}").with_message("packing");
    let packing = |source| CtlError::Write { path: folder.clone(), source };
    // Neither name nor time of the archive itself.
    let gzip = GzBuilder::new().mtime(0).write(file, Compression::default());
    let mut tar = Builder::new(gzip);
    for (name, item) in std::mem::take(&mut contents.items) {
        match item {
            Item::Folder => {
                let mut header = header(EntryType::Directory, 0, 0o755, time);
                tar.append_data(&mut header, format!("{name}/"), io::empty()).map_err(packing)?;
            }
            Item::Link(target) => {
                let mut header = header(EntryType::Symlink, 0, 0o777, time);
                tar.append_link(&mut header, &name, target).map_err(packing)?;
            }
            Item::File { from, size, runs } => {
                let mut header = header(EntryType::Regular, size, if runs { 0o755 } else { 0o644 }, time);
                let (path, inner) = contents.open(&from, &name)?;
                let mut content = Exact { inner: inner.take(size), bar: &bar, failed: false };
                let written = tar.append_data(&mut header, &name, &mut content);
                let failed = content.failed;
                match written {
                    Err(source) if failed => return Err(unreadable(&from, path, source)),
                    Err(source) => return Err(packing(source)),
                    Ok(()) => content.must_have_ended(&from, &path, size)?,
                }
            }
        }
    }
    let file = tar.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(packing)?;
    bar.finish_and_clear();
    Ok(file)
}

impl Contents {
    /// Opens a file that is packed, and says what to call it.
    fn open(&mut self, from: &From, name: &str) -> Result<(PathBuf, Box<dyn Read + '_>), CtlError> {
        match (from, &mut self.zip) {
            (From::Path(path, _), _) => {
                let failed = |source| CtlError::File { path: path.clone(), source };
                Ok((path.clone(), Box::new(BufReader::new(File::open(path).map_err(failed)?))))
            }
            (From::Zip(number), Some(zip)) => {
                let path = self.source.join(name);
                let entry = zip.by_index(*number);
                let entry = entry.map_err(|error| CtlError::Damaged(format!("{}: {error}", path.display())))?;
                Ok((path, Box::new(entry)))
            }
            (From::Zip(_), None) => Err(changed(&self.source)),
        }
    }
}

/// A file's content, which tells a bar how far it is and knows whether reading failed.
struct Exact<'a, R> {
    inner: io::Take<R>,
    bar: &'a ProgressBar,
    failed: bool,
}

impl<R: Read> Read for Exact<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        match &read {
            Ok(bytes) => self.bar.inc(*bytes as u64),
            Err(_) => self.failed = true,
        }
        read
    }
}

impl<R: Read> Exact<'_, R> {
    /// All was read, and there is no more of it: only whoever reads on is told that a checksum is wrong.
    fn must_have_ended(self, from: &From, path: &Path, size: u64) -> Result<(), CtlError> {
        let missing = self.inner.limit();
        let more = self.inner.into_inner().read(&mut [0]);
        let more = more.map_err(|source| unreadable(from, path.to_owned(), source))?;
        let same = match from {
            From::Path(path, written) => std::fs::symlink_metadata(path)
                .is_ok_and(|now| now.is_file() && now.len() == size && now.modified().ok() == *written),
            From::Zip(_) => true,
        };
        if missing == 0 && more == 0 && same { Ok(()) } else { Err(changed(path)) }
    }
}

fn unreadable(from: &From, path: PathBuf, source: io::Error) -> CtlError {
    match from {
        From::Path(..) => CtlError::File { path, source },
        From::Zip(_) => CtlError::Damaged(format!("{} is damaged: {source}; make the zip anew", path.display())),
    }
}

fn header(kind: EntryType, size: u64, mode: u32, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn changed(path: &Path) -> CtlError {
    CtlError::Damaged(format!("{} changed while it was packed; do it again once it is finished", path.display()))
}

/// The time that every entry gets, as <https://reproducible-builds.org/specs/source-date-epoch/> says.
fn source_date() -> Result<u64, CtlError> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(0) };
    let seconds = text.trim().parse();
    seconds.map_err(|_| CtlError::Usage(format!("SOURCE_DATE_EPOCH is {text:?}, which is no number of seconds")))
}

/// A new file in the folder for temporary ones, whose name is taken away at once.
fn nameless() -> Result<(PathBuf, File), CtlError> {
    let folder = std::env::temp_dir();
    let path = folder.join(format!(".belayctl-{}.tar.gz", std::process::id()));
    let made = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let made = made.and_then(|mut file| {
        std::fs::remove_file(&path)?;
        file.rewind()?;
        Ok(file)
    });
    let file = made.map_err(|source| CtlError::Write { path, source })?;
    Ok((folder, file))
}
