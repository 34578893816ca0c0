//! Whether a bundle changes files that the device needs to start, to be reached or to be repaired.

use belay_protocol::plan::FileChange;
use belay_protocol::{Failure, Reason};

use super::{SHOWN, how_to_approve};
use crate::machine::pattern::matches_any;
use crate::machine::rules::GuardRules;

/// Every reason against what a bundle does to files, each with the paths concerned and with what can be done about it.
pub fn path_refusals(changes: &[FileChange], rules: &GuardRules) -> Vec<Failure> {
    let protected = concerned(changes, |path| is_protected(path, rules));
    let boot = concerned(changes, |path| !rules.allow_boot && is_below(path, "/boot"));
    let protected = protected.map(|paths| {
        let approve = how_to_approve(Reason::GuardPath);
        Failure::new(
            Reason::GuardPath,
            format!("the bundle would change files that the device needs to start or to be reached: {paths}; change the bundle{approve}"),
        )
    });
    let boot = boot.map(|paths| {
        Failure::new(
            Reason::GuardBoot,
            format!("the bundle would change kernel, firmware or boot files: {paths}; only the setting guard.allow_boot = true allows that"),
        )
    });
    protected.into_iter().chain(boot).collect()
}

/// Whether a pattern means the path, or a folder that it lies in.
fn is_protected(path: &str, rules: &GuardRules) -> bool {
    let mut ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([path.len()]);
    ends.any(|end| matches_any(&rules.paths, &path[..end]))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn concerned(changes: &[FileChange], is_concerned: impl Fn(&str) -> bool) -> Option<String> {
    let paths: Vec<&str> =
        changes.iter().map(|change| change.path.as_str()).filter(|path| is_concerned(path)).collect();
    let mut text = paths.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if let beyond @ 1.. = paths.len().saturating_sub(SHOWN) {
        text += &format!(" and {beyond} more");
    }
    (!paths.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
