//! Whether a plan is exactly what a release pins down.

use belay_protocol::plan::{Action, Change, Plan};
use belay_protocol::{Closure, Failure, PackageId, PackageList, PackageSpec, Reason, Version};

use super::SHOWN;

/// What is wrong with the plan or the closure itself. Nothing of it can be approved: the release would not be what it says.
pub(super) fn objection(plan: &Plan, list: &PackageList, closure: &Closure) -> Option<Failure> {
    let mut wrong: Vec<String> = list.specs().iter().filter_map(|spec| unsatisfied(spec, closure)).collect();
    wrong.extend(plan.changes.iter().filter_map(|change| foreign(change, list, closure)));
    (!wrong.is_empty()).then(|| unavailable(&wrong))
}

/// The refusal with its diff.
pub fn unavailable(wrong: &[String]) -> Failure {
    let mut diff = wrong.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if let beyond @ 1.. = wrong.len().saturating_sub(SHOWN) {
        diff += &format!(" and {beyond} more");
    }
    let message = format!(
        "this device cannot install exactly the versions that the release was proven with: {diff}; give it the same \
         sources and packages as the first device, or deploy the release anew"
    );
    Failure::new(Reason::ClosureUnavailable, message)
}

/// A line of the list that the closure does not answer.
fn unsatisfied(spec: &PackageSpec, closure: &Closure) -> Option<String> {
    let Some(member) = member(closure, &spec.package) else {
        return Some(format!("{} is asked for and not among them", spec.package));
    };
    let Some(version) = &member.version else { return Some(format!("{} has no version there", spec.package)) };
    let wanted = spec.version.as_ref().filter(|wanted| !wanted.debian_cmp(version).is_eq())?;
    Some(format!("{} is asked for as {wanted} and is {version} there", spec.package))
}

/// A change that the closure does not hold, or that lowers a version which the list does not name.
fn foreign(change: &Change, list: &PackageList, closure: &Closure) -> Option<String> {
    let Some(new) = &change.new else {
        let goes = matches!(change.action, Action::Remove | Action::Purge);
        let pinned = closure.removed.iter().any(|removed| is_same(removed, &change.package));
        return (goes && !pinned).then(|| format!("{} is not among them", change.describe()));
    };
    let member = member(closure, &change.package);
    let fits = |version: &Version| version.debian_cmp(&new.version).is_eq();
    if !member.and_then(|member| member.version.as_ref()).is_some_and(fits) {
        return Some(format!("{} is not among them", change.describe()));
    }
    let lowered = change.old.as_ref().is_some_and(|old| new.version.debian_cmp(&old.version).is_lt());
    let named = list
        .specs()
        .iter()
        .any(|spec| is_same(&spec.package, &change.package) && spec.version.as_ref().is_some_and(fits));
    (lowered && !named).then(|| format!("{} would be lowered", change.describe()))
}

fn member<'a>(closure: &'a Closure, package: &PackageId) -> Option<&'a PackageSpec> {
    let exact = closure.packages.iter().find(|member| member.package == *package);
    exact.or_else(|| closure.packages.iter().find(|member| is_same(&member.package, package)))
}

/// A list may write the device's own architecture out; a plan and a closure do not.
fn is_same(one: &PackageId, other: &PackageId) -> bool {
    let either_unsaid = one.foreign().is_none() || other.foreign().is_none();
    one.name() == other.name() && (one.foreign() == other.foreign() || either_unsaid)
}
