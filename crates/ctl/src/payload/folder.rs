//! A folder as a source: what lies in it, links as links, without what tools leave there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::name;
use super::pack::{Contents, From, Item};
use crate::error::CtlError;

/// Everything below a folder.
pub(super) fn contents(folder: &Path) -> Result<Contents, CtlError> {
    let mut contents = Contents::new(folder.to_owned(), None);
    walk(folder, "", &mut contents)?;
    if contents.len() == 0 {
        return Err(CtlError::Usage(format!("{} is an empty folder", folder.display())));
    }
    Ok(contents)
}

fn walk(folder: &Path, above: &str, contents: &mut Contents) -> Result<(), CtlError> {
    let failed = |source| CtlError::File { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let refuse = |problem: &str| Err(CtlError::Usage(format!("{} {problem}", path.display())));
        let Ok(own) = entry.file_name().into_string() else {
            return refuse("has a name that is no UTF-8; devices refuse such names: rename it");
        };
        if name::is_left_out(&own) {
            continue;
        }
        let name = if above.is_empty() { own } else { format!("{above}/{own}") };
        if let Some(problem) = name::problem(&name) {
            return refuse(&format!("{problem}; devices refuse such names: rename it"));
        }
        let failed = |source| CtlError::File { path: path.clone(), source };
        let metadata = entry.metadata().map_err(failed)?;
        let item = if metadata.is_dir() {
            walk(&path, &name, contents)?;
            Item::Folder
        } else if metadata.is_symlink() {
            match fs::read_link(&path).map_err(failed)?.into_os_string().into_string() {
                Ok(target) => Item::Link(target),
                Err(_) => return refuse("is a link to a name that is no UTF-8; devices refuse it"),
            }
        } else if metadata.is_file() {
            let runs = metadata.permissions().mode() & 0o111 != 0;
            Item::File { from: From::Path(path.clone(), metadata.modified().ok()), size: metadata.len(), runs }
        } else {
            return refuse("is no file, no folder and no link; devices refuse it: take it out of the folder");
        };
        if contents.add(&name, item).is_none() {
            return refuse("changed while it was packed; do it again once it is finished");
        }
    }
    Ok(())
}
