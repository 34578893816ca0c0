//! Files that are written where a person says: what lies there with another content stays, unless it is meant.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::place;
use crate::error::CtlError;

/// A file to be written, and whether it may take the place of another.
#[derive(Debug)]
pub(crate) struct Fresh<'a> {
    path: PathBuf,
    content: Content<'a>,
    force: bool,
}

#[derive(Debug)]
enum Content<'a> {
    Text(&'a str),
    /// The same bytes as in another file.
    CopyOf(&'a Path),
}

/// What lies where a file is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    /// The same content.
    Same,
    /// A file that may be replaced.
    Another,
    /// A terminal, a pipe: nothing in it is lost.
    Stream,
}

impl<'a> Fresh<'a> {
    /// A text.
    pub(crate) fn text(path: impl Into<PathBuf>, text: &'a str, force: bool) -> Self {
        Self { path: path.into(), content: Content::Text(text), force }
    }

    /// A copy of another file.
    pub(crate) fn copy(path: impl Into<PathBuf>, of: &'a Path, force: bool) -> Self {
        Self { path: path.into(), content: Content::CopyOf(of), force }
    }

    /// Refuses where another file would be lost; for whoever writes several, before the first.
    pub(crate) fn check(&self) -> Result<(), CtlError> {
        self.there().map(|_| ())
    }

    /// Writes it, or finds it there.
    pub(crate) fn write(self) -> Result<(), CtlError> {
        let written = match self.there()? {
            There::Same => Ok(()),
            There::Nothing => {
                let made = File::options().write(true).create_new(true).open(&self.path);
                made.and_then(|mut file| {
                    let written = self.fill(&mut file).and_then(|()| file.sync_all());
                    written.inspect_err(|_| drop(fs::remove_file(&self.path)))
                })
            }
            There::Another => place(&self.path, 0o666, |file| self.fill(file)),
            There::Stream => File::options().write(true).open(&self.path).and_then(|mut file| self.fill(&mut file)),
        };
        written.map_err(|source| CtlError::Write { path: self.path, source })
    }

    fn there(&self) -> Result<There, CtlError> {
        let failed = |source| CtlError::File { path: self.path.clone(), source };
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() && self.is_in(&self.path).map_err(failed)? => Ok(There::Same),
            Ok(metadata) if metadata.is_file() => meant(&self.path, self.force).map(|()| There::Another),
            Ok(_) => Ok(There::Stream),
            // A link to nothing is something.
            Err(_) if self.path.is_symlink() => meant(&self.path, self.force).map(|()| There::Another),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(There::Nothing),
            Err(source) => Err(failed(source)),
        }
    }

    fn is_in(&self, path: &Path) -> io::Result<bool> {
        let file = File::open(path)?;
        match self.content {
            Content::Text(text) => is_same(file, text.as_bytes()),
            Content::CopyOf(other) => is_same(file, File::open(other)?),
        }
    }

    fn fill(&self, file: &mut File) -> io::Result<()> {
        match self.content {
            Content::Text(text) => file.write_all(text.as_bytes()),
            Content::CopyOf(other) => io::copy(&mut File::open(other)?, file).map(|_| ()),
        }
    }
}

/// Refuses to write over a file with another content, unless it is meant.
pub(crate) fn meant(path: &Path, force: bool) -> Result<(), CtlError> {
    if force {
        return Ok(());
    }
    let message = format!("{} is there already, with another content; --force writes over it", path.display());
    Err(CtlError::Usage(message))
}

fn is_same(one: impl Read, other: impl Read) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(length);
        other.consume(length);
    }
}

#[cfg(test)]
mod tests;
