//! Which names an archive has had, in bounded memory: no name twice, and none that differs only in upper and lower case.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use belay_protocol::{Failure, Reason};
use sha2::{Digest, Sha256};

use super::name::Name;

/// The names so far, by a digest of their lower case: a path may have 2 KiB, and there may be a hundred thousand.
#[derive(Debug, Default)]
pub(super) struct Register {
    names: BTreeMap<[u8; 16], Known>,
}

#[derive(Debug)]
struct Known {
    exact: [u8; 8],
    folder: bool,
}

impl Register {
    /// Notes a path below the tree; tells whether it is new. Only a folder may come again.
    pub(super) fn note(&mut self, path: &str, folder: bool, entry: &Name) -> Result<bool, Failure> {
        let exact = digest(path);
        match self.names.entry(digest(&path.to_lowercase())) {
            Entry::Vacant(place) => {
                place.insert(Known { exact, folder });
                Ok(true)
            }
            Entry::Occupied(known) if known.get().exact != exact => Err(entry.refuse(
                Reason::UnpackCase,
                "differs from another name only in upper and lower case; rename one of them",
            )),
            Entry::Occupied(known) if folder && known.get().folder => Ok(false),
            Entry::Occupied(_) => Err(entry.refuse(
                Reason::UnpackDuplicate,
                "stands in the archive twice, or as a folder and as something else; pack the archive anew",
            )),
        }
    }
}

fn digest<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let whole: [u8; 32] = Sha256::digest(text).into();
    std::array::from_fn(|at| whole[at])
}
