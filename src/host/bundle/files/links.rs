//! Hard links within a layer: which path of a group is the first, and which are links of it.

use std::collections::BTreeMap;

use super::diff::is_equal;
use super::{NodeKind, PathChange};
use crate::host::tree::TreePath;

/// Paths of a layer by their inode.
#[derive(Debug, Default)]
pub(super) struct Groups {
    members: BTreeMap<((u32, u32), u64), Vec<Member>>,
}

/// One path of a group, changed or only looked at.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) change: PathChange,
}

impl Groups {
    pub(super) fn add(&mut self, inode: ((u32, u32), u64), member: Member) {
        self.members.entry(inode).or_default().push(member);
    }

    /// What changes at the paths of all groups. Where a member does not change, the others become links of that one.
    pub(super) fn resolve(self) -> Vec<PathChange> {
        self.members.into_values().flat_map(resolve).collect()
    }
}

fn resolve(mut members: Vec<Member>) -> Vec<PathChange> {
    members.sort_by(|one, other| one.change.path.cmp(&other.change.path));
    let first = members.iter().position(|member| is_equal(&member.change)).unwrap_or(0);
    let leader = members.remove(first).change;
    let unchanged = is_equal(&leader);
    let mut changes = Vec::new();
    for Member { mut change } in members {
        if unchanged && is_equal(&change) && change.inode == leader.inode {
            continue;
        }
        link_to(&mut change, &leader.path);
        changes.push(change);
    }
    if !unchanged {
        changes.push(leader);
    }
    changes
}

fn link_to(change: &mut PathChange, leader: &TreePath) {
    if let Some(NodeKind::File { same_as, .. }) = change.after.as_mut().map(|after| &mut after.kind) {
        *same_as = Some(leader.clone());
    }
}
