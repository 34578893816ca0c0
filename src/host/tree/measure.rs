//! Measuring a tree, with or without taking its contents into the vault.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use belay_protocol::Failure;

use super::{Content, Entry, LEFT_ALONE, Scope, Tree, TreePath};
use crate::durable::digest_of;
use crate::host::disk;
use crate::host::vault::{ObjectKind, Vault};

impl Tree {
    /// Looks at everything in `scope` below `root`. Links are looked at, never followed.
    pub fn measure(root: &Path, scope: &Scope) -> Result<Self, Failure> {
        Self::walk(root, scope, &|path| {
            let mut file = disk::open_regular(path, false)?;
            let sha256 = digest_of(&mut file)?;
            Ok(Ok(Content::File { size: file.metadata()?.len(), sha256 }))
        })
    }

    /// As [`Tree::measure`], and takes every content into the vault that it does not hold yet. Durable when it returns.
    pub fn capture(root: &Path, scope: &Scope, vault: &Vault) -> Result<Self, Failure> {
        let tree = Self::walk(root, scope, &|path| {
            let expected = digest_of(&mut disk::open_regular(path, false)?)?;
            // Where somebody writes the file just now, what was copied counts.
            let taken = match vault.verify(&expected, ObjectKind::File) {
                Ok(()) => vault.import_later(path, Some(expected), ObjectKind::File),
                Err(_) => vault.import_later(path, None, ObjectKind::File),
            };
            Ok(taken.map(|taken| Content::File { size: taken.size, sha256: taken.sha256 }))
        })?;
        vault.sync_all()?;
        Ok(tree)
    }

    fn walk(root: &Path, scope: &Scope, content: &Reader<'_>) -> Result<Self, Failure> {
        let mut tree = Self::default();
        let mut waiting: Vec<TreePath> = scope.folders.iter().chain(&scope.files).cloned().collect();
        while let Some(path) = waiting.pop() {
            let Some(full) = path.under(root) else { continue };
            if is_left_alone(&path) {
                continue;
            }
            let looked = disk::absent_is_none(look(&full, content));
            let Some(entry) = looked.map_err(|error| disk::failure("look at", &full, &error))? else { continue };
            let entry = entry?;
            if entry.content == Content::Folder && scope.folders.iter().any(|folder| path.is_below(folder)) {
                let below = disk::names_in(&full)?.into_iter().map(|name| TreePath::new(path.as_path().join(name)));
                waiting.extend(below);
            }
            tree.entries.insert(path, entry);
        }
        Ok(tree)
    }
}

/// Reads a file: fails inside where the vault could not take it.
type Reader<'a> = dyn Fn(&Path) -> io::Result<Result<Content, Failure>> + 'a;

/// Finds where an absolute path of a package lies below `root`, links in its folders followed as inside that root.
/// None where it leads round in circles.
pub(in crate::host) fn resolved(root: &Path, path: &Path) -> Option<TreePath> {
    let mut rest: Vec<PathBuf> = parts(path);
    let mut found = PathBuf::new();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if part == Path::new("..") {
            found.pop();
            continue;
        }
        let here = found.join(&part);
        match std::fs::read_link(root.join(&here)) {
            // The last part is what is measured, be it a link itself.
            Ok(target) if !rest.is_empty() => {
                links += 1;
                if links > 40 {
                    return None;
                }
                if target.is_absolute() {
                    found = PathBuf::new();
                }
                rest.extend(parts(&target));
            }
            Ok(_) | Err(_) => found = here,
        }
    }
    Some(TreePath::new(found))
}

fn parts(path: &Path) -> Vec<PathBuf> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}

fn is_left_alone(path: &TreePath) -> bool {
    LEFT_ALONE.iter().any(|(alone, _)| path.is_below(&TreePath::from(*alone)))
}

fn look(path: &Path, read: &Reader<'_>) -> io::Result<Result<Entry, Failure>> {
    let metadata = path.symlink_metadata()?;
    let kind = metadata.file_type();
    let content = if kind.is_file() {
        read(path)?
    } else if kind.is_dir() {
        Ok(Content::Folder)
    } else if kind.is_symlink() {
        Ok(Content::Link { target: TreePath::new(std::fs::read_link(path)?) })
    } else {
        Ok(Content::Other)
    };
    Ok(content.map(|content| entry(&metadata, content)))
}

/// Looks at one path; none where it is not there.
pub(super) fn look_at(path: &Path) -> Result<Option<Entry>, Failure> {
    let looked = disk::absent_is_none(look(path, &|path| {
        let mut file = disk::open_regular(path, false)?;
        let sha256 = digest_of(&mut file)?;
        Ok(Ok(Content::File { size: file.metadata()?.len(), sha256 }))
    }));
    looked.map_err(|error| disk::failure("look at", path, &error))?.transpose()
}

fn entry(metadata: &Metadata, content: Content) -> Entry {
    Entry {
        content,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        modified: (metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or(0)),
    }
}
