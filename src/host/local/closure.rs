//! Exact versions: what a release pins down becomes the list that is resolved, and what was resolved becomes a closure.

use std::collections::BTreeMap;

use belay_protocol::plan::{Action, Plan};
use belay_protocol::{Architecture, Closure, Failure, PackageId, PackageList, PackageSpec, Reason, Version};

use crate::host::device::Inventory;
use crate::machine::guard;

/// The closure with the names that packages have on this device.
pub(super) fn on(closure: &Closure, native: &Architecture) -> Closure {
    let own =
        |spec: &PackageSpec| PackageSpec { package: spec.package.clone().on(native), version: spec.version.clone() };
    Closure {
        packages: closure.packages.iter().map(own).collect(),
        removed: closure.removed.iter().map(|package| package.clone().on(native)).collect(),
    }
}

/// The list to resolve: every line in the closure's version, and every other member that is not installed in its own.
pub(super) fn pinned(list: &PackageList, closure: &Closure, inventory: &Inventory) -> Result<PackageList, Failure> {
    let listed = list.specs().iter().map(|spec| {
        let member = closure.packages.iter().find(|member| member.package == spec.package);
        member.cloned().unwrap_or_else(|| spec.clone())
    });
    let others = closure.packages.iter().filter(|member| !list.names(&member.package) && lacks(inventory, member));
    PackageList::try_from(listed.chain(others.cloned()).collect::<Vec<_>>())
        .map_err(|error| guard::unavailable(&[format!("the versions contradict one another: {error}")]))
}

/// What apt said of exact versions, as what it means for the release.
pub(super) fn explain(failure: Failure, closure: &Closure, inventory: &Inventory) -> Failure {
    if !matches!(failure.reason, Reason::VersionUnavailable | Reason::UnknownPackage | Reason::UnmetDependency) {
        return failure;
    }
    let mut wrong = vec![failure.message];
    wrong.extend(closure.packages.iter().filter(|member| lacks(inventory, member)).map(|member| {
        let there = version_of(inventory, &member.package);
        format!("{member} where the device has {}", there.map_or("none".to_owned(), ToString::to_string))
    }));
    guard::unavailable(&wrong)
}

/// Members that the plan would leave in another version, one sentence each.
pub(super) fn missed(closure: &Closure, plan: &Plan, inventory: &Inventory) -> Vec<String> {
    let after = |member: &&PackageSpec| version_after(&member.package, plan, inventory) != member.version.as_ref();
    closure.packages.iter().filter(after).map(|member| format!("{member} would not be there")).collect()
}

/// What the update results in: the pinned members, the listed packages, every other package that it installs, and those that go.
pub(super) fn resolved(list: &PackageList, pinned: Option<&Closure>, plan: &Plan, inventory: &Inventory) -> Closure {
    let mut packages: BTreeMap<&PackageId, Version> = BTreeMap::new();
    let members = pinned.iter().flat_map(|closure| &closure.packages).map(|member| &member.package);
    for package in members.chain(list.specs().iter().map(|spec| &spec.package)) {
        if let Some(version) = version_after(package, plan, inventory) {
            packages.insert(package, version.clone());
        }
    }
    for change in &plan.changes {
        if let Some(version) = version_after(&change.package, plan, inventory) {
            packages.insert(&change.package, version.clone());
        }
    }
    let spec =
        |(package, version): (&PackageId, Version)| PackageSpec { package: package.clone(), version: Some(version) };
    let goes = |action| matches!(action, Action::Remove | Action::Purge);
    let mut removed: Vec<PackageId> =
        plan.changes.iter().filter(|change| goes(change.action)).map(|change| change.package.clone()).collect();
    removed.extend(pinned.iter().flat_map(|closure| closure.removed.iter().cloned()));
    removed.sort();
    removed.dedup();
    Closure { packages: packages.into_iter().map(spec).collect(), removed }
}

/// What is not as the closure says, one sentence each.
pub(super) fn drift(closure: &Closure, inventory: &Inventory) -> Vec<String> {
    let changed = closure.packages.iter().filter(|member| lacks(inventory, member)).map(|member| {
        let there = version_of(inventory, &member.package);
        let wanted = member.version.as_ref().map(ToString::to_string).unwrap_or_default();
        match there {
            Some(version) if Some(version) == member.version.as_ref() => {
                format!("{} {version} is not fully installed", member.package)
            }
            Some(version) => format!("{} is {version} and was {wanted}", member.package),
            None => format!("{} is gone and was {wanted}", member.package),
        }
    });
    let back = closure.removed.iter().filter_map(|package| {
        let version = version_of(inventory, package)?;
        Some(format!("{package} is {version} and was removed"))
    });
    changed.chain(back).collect()
}

fn lacks(inventory: &Inventory, member: &PackageSpec) -> bool {
    let record = inventory.packages.get(&member.package).filter(|record| record.is_installed());
    record.and_then(|record| record.version.as_ref()) != member.version.as_ref()
}

fn version_after<'a>(package: &PackageId, plan: &'a Plan, inventory: &'a Inventory) -> Option<&'a Version> {
    match plan.changes.iter().find(|change| change.package == *package) {
        Some(change) if change.action == Action::Configure => change.old.as_ref().map(|old| &old.version),
        Some(change) => change.new.as_ref().map(|new| &new.version),
        None => version_of(inventory, package),
    }
}

/// The version whose files are on the device.
fn version_of<'a>(inventory: &'a Inventory, package: &PackageId) -> Option<&'a Version> {
    let record = inventory.packages.get(package)?;
    let gone = matches!(record.status.as_str(), "config-files" | "not-installed");
    record.version.as_ref().filter(|_| !gone)
}
