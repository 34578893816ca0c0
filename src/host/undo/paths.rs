//! Which paths a way back restores, and which stay because others changed them. Pure.

use std::collections::BTreeMap;

use crate::host::restore_point::Stored;
use crate::host::tree::{Entry, Touched, Tree, TreePath, diff, only_reported, same};

/// What a way back makes of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// What each path will be; none where it goes.
    pub targets: BTreeMap<TreePath, Option<Entry>>,
    /// What stays different and why, one sentence each.
    pub reported: Vec<String>,
}

/// Decides which paths these points (newest first) put back on a device whose files are `now`.
///
/// Of an open update, every path that differs goes back. Of a committed one, only what it touched and nobody changed
/// since; `now` must therefore be the files before the way back begins.
pub fn wanted_paths(points: &[&Stored], now: &Tree) -> Paths {
    let mut paths = Paths::default();
    let open = points.first().filter(|stored| stored.commit.is_none());
    // Below an open update lie the generations that it found in force.
    let base = open.map_or(now, |open| &open.point.tree);
    if let Some(open) = open {
        for touched in diff(&open.point.tree, now) {
            paths.want(touched.path, touched.before);
        }
    }
    let mut chains: BTreeMap<&TreePath, Vec<&Touched>> = BTreeMap::new();
    for touched in points.iter().filter_map(|stored| stored.commit.as_ref()).flat_map(|commit| &commit.touched) {
        chains.entry(&touched.path).or_default().push(touched);
    }
    for (path, chain) in chains {
        let here = base.entries.get(path);
        let (end, whole) = follow(path, &chain);
        if same(path, here, end) {
            // An earlier, interrupted attempt put it back, or it never changed in the end.
            paths.want(path.clone(), end.cloned());
        } else if same(path, here, chain[0].after.as_ref()) {
            paths.want(path.clone(), end.cloned());
            if !whole {
                paths.reported.push(format!("{path} was changed by others between two updates; it went back to that"));
            }
        } else {
            paths.reported.push(format!("{path} was changed by others since the update; it was left as it is"));
        }
    }
    paths
}

impl Paths {
    fn want(&mut self, path: TreePath, wanted: Option<Entry>) {
        if only_reported(&path) {
            self.reported.push(format!("{path} holds users or groups that came with the update; it was left as it is"));
        } else {
            self.targets.insert(path, wanted);
        }
    }
}

/// What a path was before the oldest of these changes (newest first), as long as each began where the one before it
/// had ended; and whether all did.
fn follow<'a>(path: &TreePath, chain: &[&'a Touched]) -> (Option<&'a Entry>, bool) {
    let mut at = chain[0].after.as_ref();
    for touched in chain {
        if !same(path, at, touched.after.as_ref()) {
            return (at, false);
        }
        at = touched.before.as_ref();
    }
    (at, true)
}
