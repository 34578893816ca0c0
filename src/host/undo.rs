//! The way back as a plan: which packages go where, what still differs, what others changed. Pure.

mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use belay_protocol::{PackageId, Sha256, Version};

use super::device::{Archive, Inventory, PackageRecord, PackageRef, Rung, Transaction};
use super::restore_point::{CapturedPackage, RestorePoint, Stored};
use super::tree::{Tree, only_reported, same};

pub use paths::{Paths, wanted_paths};

/// What going back makes of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This version is installed.
    Installed(Version),
    /// Only its configuration is there.
    ConfigFiles,
    /// It is not there.
    Absent,
}

impl Target {
    /// The target for a package that dpkg's database described so. One that was broken before goes back to its
    /// version, installed: nobody can bring back half an installation, and nobody wants it.
    pub fn of(old: Option<&PackageRecord>) -> Self {
        match old.and_then(|old| Some((old, old.version.as_ref()?))) {
            None => Self::Absent,
            Some((old, _)) if old.status == "not-installed" => Self::Absent,
            Some((old, _)) if old.status == "config-files" => Self::ConfigFiles,
            Some((_, version)) => Self::Installed(version.clone()),
        }
    }
}

/// The packages of all these points (newest first), each as the oldest of them found it, with that point's place in
/// `points`.
pub fn targets<'a>(points: &[&'a RestorePoint]) -> BTreeMap<PackageId, (usize, &'a CapturedPackage)> {
    let packages = points.iter().enumerate().flat_map(|(at, point)| point.packages.iter().map(move |one| (at, one)));
    packages.map(|(at, package)| (package.package.clone(), (at, package))).collect()
}

/// The transaction that takes the packages of these points (newest first) back to what the oldest of them found.
/// Packages that are right already are left out; those that are broken at the right version are installed again:
/// only naming a version repairs them. One whose old .deb could not be had is left out, and stays a difference.
pub fn inverse(
    points: &[&RestorePoint],
    inventory: &Inventory,
    archive: &dyn Fn(&Sha256) -> PathBuf,
    rung: Rung,
) -> Transaction {
    let mut transaction =
        Transaction { install: Vec::new(), remove: Vec::new(), purge: Vec::new(), status: None, rung };
    for (package, (_, captured)) in targets(points) {
        let now = inventory.packages.get(&package);
        let there = now.filter(|now| Target::of(Some(now)) != Target::Absent);
        let named =
            |now: &PackageRecord| PackageRef { package: package.clone(), architecture: now.architecture.clone() };
        match (Target::of(captured.old.as_ref()), there) {
            (Target::Installed(_), now) => {
                let right = now.is_some_and(|now| is_right(captured.old.as_ref(), Some(now)));
                if let Some(deb) = captured.deb.as_ref().filter(|_| !right) {
                    transaction.install.push(Archive {
                        package: package.clone(),
                        version: deb.version.clone(),
                        architecture: deb.architecture.clone(),
                        path: archive(&deb.sha256),
                        sha256: deb.sha256,
                    });
                }
            }
            (Target::ConfigFiles, Some(now)) if now.status != "config-files" => transaction.remove.push(named(now)),
            (Target::Absent, Some(now)) => transaction.purge.push(named(now)),
            (Target::ConfigFiles, _) | (Target::Absent, None) => {}
        }
    }
    transaction
}

/// Whether a package's files are as they were, so that only dpkg's words about it may still differ.
pub fn is_right(old: Option<&PackageRecord>, now: Option<&PackageRecord>) -> bool {
    match (Target::of(old), now) {
        (Target::Installed(version), Some(now)) => {
            now.is_installed()
                && now.version.as_ref() == Some(&version)
                && old.is_some_and(|old| old.architecture == now.architecture)
        }
        (Target::Installed(_), None) => false,
        (Target::ConfigFiles, now) => matches!(Target::of(now), Target::ConfigFiles | Target::Absent),
        (Target::Absent, now) => Target::of(now) == Target::Absent,
    }
}

/// What of the exact tier is not as the oldest of these points (newest first) found it, in sentences: their packages,
/// and the paths that were to go back.
pub fn differences(points: &[&RestorePoint], paths: &Paths, inventory: &Inventory, tree: &Tree) -> Vec<String> {
    let mut sentences = Vec::new();
    for (package, (_, captured)) in targets(points) {
        let now = inventory.packages.get(&package);
        describe(&package, captured.old.as_ref(), now, &mut sentences);
        let automatic = inventory.automatic.contains(&package);
        describe_mark(&package, captured.automatic, automatic, &mut sentences);
    }
    for (path, wanted) in &paths.targets {
        if !same(path, wanted.as_ref(), tree.entries.get(path)) {
            sentences.push(format!("{path} is not what it was"));
        }
    }
    sentences
}

/// What others changed since these generations (newest first) were committed, in sentences: of their packages and
/// the paths that they touched. Where several touched the same thing, the newest counts.
pub fn drift(points: &[&Stored], inventory: &Inventory, tree: &Tree) -> Vec<String> {
    let mut sentences = Vec::new();
    let (mut packages, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for commit in points.iter().filter_map(|stored| stored.commit.as_ref()) {
        for (package, committed) in &commit.packages {
            if packages.insert(package) {
                describe(package, committed.as_ref(), inventory.packages.get(package), &mut sentences);
                let marks = (commit.automatic.contains(package), inventory.automatic.contains(package));
                describe_mark(package, marks.0, marks.1, &mut sentences);
            }
        }
        for touched in commit.touched.iter().filter(|touched| !only_reported(&touched.path)) {
            if paths.insert(&touched.path)
                && !same(&touched.path, touched.after.as_ref(), tree.entries.get(&touched.path))
            {
                sentences.push(format!("{} was changed since the update", touched.path));
            }
        }
    }
    sentences
}

fn describe(package: &PackageId, was: Option<&PackageRecord>, is: Option<&PackageRecord>, into: &mut Vec<String>) {
    let (was, is) = (was.filter(|record| is_known(record)), is.filter(|record| is_known(record)));
    let version =
        |record: &PackageRecord| record.version.as_ref().map_or("without a version".to_owned(), ToString::to_string);
    let (Some(was), Some(is)) = (was, is) else {
        match (was, is) {
            (Some(was), None) => into.push(format!("{package} is not there, was {}", version(was))),
            (None, Some(is)) => into.push(format!("{package} {} is {}, was not there", version(is), is.status)),
            (None, None) | (Some(_), Some(_)) => {}
        }
        return;
    };
    if was.version != is.version {
        into.push(format!("{package} is {}, was {}", version(is), version(was)));
    }
    // One that was broken before goes back to its version, installed: see [`Target::of`].
    let (settled, ok) = ("installed".to_owned(), "ok".to_owned());
    let mended = is.is_installed() && matches!(Target::of(Some(was)), Target::Installed(_));
    let (was_status, was_flag) = if mended { (&settled, &ok) } else { (&was.status, &was.flag) };
    let words = [
        ("is", &is.status, was_status),
        ("is of architecture", &String::from(is.architecture.clone()), &String::from(was.architecture.clone())),
        ("is selected for", &is.want, &was.want),
        ("has the error flag", &is.flag, was_flag),
    ];
    into.extend(
        words
            .iter()
            .filter(|(_, is, was)| is != was)
            .map(|(verb, is, was)| format!("{package} {verb} {is}, was {was}")),
    );
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (was.conffiles.iter().collect(), is.conffiles.iter().collect());
    let lines = was.symmetric_difference(&is).filter_map(|line| line.split_ascii_whitespace().next());
    for path in lines.collect::<BTreeSet<_>>() {
        into.push(format!("dpkg remembers {path} of {package} in another way than before"));
    }
}

fn describe_mark(package: &PackageId, was: bool, is: bool, into: &mut Vec<String>) {
    let word = |automatic| if automatic { "automatic" } else { "manual" };
    if was != is {
        into.push(format!("{package} is marked {}, was {}", word(is), word(was)));
    }
}

/// A name that dpkg has only heard of says nothing about the device.
fn is_known(record: &PackageRecord) -> bool {
    record.status != "not-installed" || record.want != "unknown"
}

#[cfg(test)]
mod tests;
