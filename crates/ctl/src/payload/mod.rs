//! What is to be published, as it lies here: looked at, told apart by its content, and packed where devices could not
//! unpack it as it is. Nothing here asks a server.

mod folder;
mod format;
mod list;
mod look;
mod name;
mod pack;
mod zipped;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use serde::Serialize;
use utoipa::ToSchema;

use self::format::Format;
use crate::error::CtlError;
use crate::output::Output;
use crate::transfer::{self, Archive};

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SourceKind)]
pub(crate) enum Kind {
    /// A package list.
    List,
    /// An archive that devices unpack as it is.
    Archive,
    /// A zip, packed anew.
    Zip,
    /// A folder, packed.
    Folder,
}

/// What is to be published.
#[derive(Debug)]
pub(crate) struct Payload {
    /// What the source is.
    pub(crate) kind: Kind,
    /// What devices get.
    pub(crate) content: Content,
    /// How many files, folders and links an archive has, or packages a list; none where nobody looked.
    pub(crate) entries: Option<u64>,
    /// What devices will not like, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// What devices get.
#[derive(Debug)]
pub(crate) enum Content {
    /// The lines of a package list, a package each.
    Packages(Vec<String>),
    /// An archive.
    Bundle(Bundle),
}

/// An archive and the file that holds it.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Its name, digest and size.
    pub(crate) archive: Archive,
    place: Place,
}

/// Where an archive lies.
#[derive(Debug)]
enum Place {
    /// Under a name of the person's own.
    Named(PathBuf),
    /// In a file without a name, which is gone with the last process that has it open.
    Nameless(File),
}

impl Payload {
    /// Looks at a source; `-` is a package list on standard input.
    pub(crate) fn read(source: &Path, output: &Output) -> Result<Self, CtlError> {
        if source == Path::new("-") {
            return list::from_standard_input();
        }
        let failed = |error| CtlError::File { path: source.to_owned(), source: error };
        if std::fs::metadata(source).map_err(failed)?.is_dir() {
            return packed(Kind::Folder, folder::contents(source)?, output);
        }
        match Format::of(source)? {
            Format::Zip => packed(Kind::Zip, zipped::contents(source)?, output),
            Format::Text => list::from_file(source),
            archive @ (Format::Gzip | Format::Zstd | Format::Tar) => {
                let look = look::into(source, archive)?;
                let archive = transfer::look_at(source, output)?;
                let content = Content::Bundle(Bundle { archive, place: Place::Named(source.to_owned()) });
                Ok(Self { kind: Kind::Archive, content, entries: look.entries, warnings: look.warnings })
            }
        }
    }

    /// Looks at a `.tar.gz`, and takes nothing else.
    pub(crate) fn read_tar_gz(source: &Path, output: &Output) -> Result<Self, CtlError> {
        match Format::of(source)? {
            Format::Gzip => Self::read(source, output),
            Format::Zstd | Format::Tar | Format::Zip | Format::Text => {
                Err(CtlError::Damaged(format!("{} is no .tar.gz, whatever its name says", source.display())))
            }
        }
    }

    /// The archive, where it is one.
    pub(crate) fn bundle(&self) -> Option<&Bundle> {
        match &self.content {
            Content::Packages(_) => None,
            Content::Bundle(bundle) => Some(bundle),
        }
    }

    /// The lines of the package list; none of a bundle.
    pub(crate) fn packages(&self) -> &[String] {
        match &self.content {
            Content::Packages(packages) => packages,
            Content::Bundle(_) => &[],
        }
    }
}

impl Bundle {
    /// Where its bytes can be read, as long as this lives.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.place {
            Place::Named(path) => path.clone(),
            Place::Nameless(file) => through(file),
        }
    }

    /// Whether it was packed here, and lies nowhere else.
    pub(crate) fn is_packed_here(&self) -> bool {
        matches!(self.place, Place::Nameless(_))
    }
}

fn packed(kind: Kind, contents: pack::Contents, output: &Output) -> Result<Payload, CtlError> {
    let warnings = contents.warnings();
    let entries = Some(contents.len());
    let file = pack::pack(contents, output)?;
    let mut archive = transfer::look_at(&through(&file), output)?;
    USUAL_ARCHIVE.clone_into(&mut archive.name);
    let content = Content::Bundle(Bundle { archive, place: Place::Nameless(file) });
    Ok(Payload { kind, content, entries, warnings })
}

/// The path that opens a file of this process anew, from its beginning.
fn through(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// What an archive that was packed here is called, whatever it was packed from: the name is part of the release.
const USUAL_ARCHIVE: &str = "update.tar.gz";

#[cfg(test)]
mod tests;
