//! The links that alternatives have outside /etc, such as /usr/bin/editor: update-alternatives' own files name them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use belay_protocol::Failure;

use crate::durable::sync_folder;
use crate::host::disk;
use crate::host::tree::{Content, Touched};
use crate::host::vault::{ObjectKind, Vault};

/// Where update-alternatives keeps one file per alternative.
const FOLDER: &str = "var/lib/dpkg/alternatives";

/// Removes the links of alternatives that go, and makes those of alternatives that come back. To be called before the
/// alternatives' own files are put back: as long as they differ, an interrupted call is repeated.
pub(super) fn restore_links(root: &Path, vault: &Vault, touched: &[Touched]) -> Result<(), Failure> {
    for Touched { path, before, .. } in touched {
        let path = path.as_path();
        let Some(name) = path.file_name().filter(|_| path.parent() == Some(Path::new(FOLDER))) else { continue };
        let now = links(name, &disk::read(&root.join(path))?.unwrap_or_default());
        let wanted = match before.as_ref().map(|entry| &entry.content) {
            Some(Content::File { sha256, .. }) => {
                vault.verify(sha256, ObjectKind::File)?;
                links(name, &disk::read(&vault.path(sha256, ObjectKind::File))?.unwrap_or_default())
            }
            Some(Content::Folder | Content::Link { .. } | Content::Other) | None => BTreeMap::new(),
        };
        for (link, target) in now.iter().filter(|(link, _)| !wanted.contains_key(*link)) {
            if let Some(full) = inside(root, link).filter(|full| std::fs::read_link(full).is_ok_and(|to| to == *target))
            {
                disk::remove_if_there(&full).map_err(|error| disk::failure("remove", &full, &error))?;
            }
        }
        for (link, target) in &wanted {
            if let Some(full) = inside(root, link).filter(|full| full.symlink_metadata().is_err()) {
                std::os::unix::fs::symlink(target, &full)
                    .and_then(|()| sync_folder(full.parent().unwrap_or(root)))
                    .map_err(|error| disk::failure("put back the link", &full, &error))?;
            }
        }
    }
    Ok(())
}

/// The links that an alternative's file names, each with where it points: a line for its mode, one for its own link,
/// then name and link of each further one, until a blank line.
fn links(name: &OsStr, file: &[u8]) -> BTreeMap<PathBuf, PathBuf> {
    let text = disk::text_of(file);
    let mut lines = text.lines().skip(1).take_while(|line| !line.is_empty());
    let mut links = BTreeMap::new();
    let mut add = |name: &Path, link: &str| {
        links.insert(PathBuf::from(link), Path::new("/etc/alternatives").join(name));
    };
    if let Some(own) = lines.next() {
        add(Path::new(name), own);
    }
    while let (Some(name), Some(link)) = (lines.next(), lines.next()) {
        add(Path::new(name), link);
    }
    links
}

/// The place of a link below the root; none where its folder is missing or leads out of the root.
fn inside(root: &Path, link: &Path) -> Option<PathBuf> {
    let below = link.strip_prefix("/").ok()?;
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    let folder = root.join(below.parent()?).canonicalize().ok()?;
    let root = root.canonicalize().ok()?;
    (plain && folder.starts_with(root)).then(|| folder.join(below.file_name().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternative_and_its_further_links_are_read() {
        let file = b"auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\n\n/bin/nano\n40\n\n";
        let found = links(OsStr::new("editor"), file);
        let found: Vec<_> = found.iter().map(|(link, to)| format!("{} {}", link.display(), to.display())).collect();
        assert_eq!(
            found,
            [
                "/usr/bin/editor /etc/alternatives/editor",
                "/usr/share/man/man1/editor.1.gz /etc/alternatives/editor.1.gz"
            ]
        );
        assert_eq!(links(OsStr::new("editor"), b""), BTreeMap::new());
    }

    #[test]
    fn a_link_that_leads_out_of_the_root_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        std::os::unix::fs::symlink("/tmp", root.path().join("away")).unwrap();
        assert!(inside(root.path(), Path::new("/usr/bin/editor")).is_some());
        for link in ["/usr/bin/../../../etc/x", "/away/editor", "/no/folder/editor", "usr/bin/editor"] {
            assert_eq!(inside(root.path(), Path::new(link)), None, "{link}");
        }
    }
}
