//! Looking at restore points: as people see them, and hashed from end to end.

use std::path::Path;

use belay_protocol::local::{RestorePointState, RestorePointView, RestoredPackage};
use belay_protocol::{Architecture, Failure};

use super::{CapturedPackage, Stored};
use crate::host::device::ArchiveSource;
use crate::host::undo::Target;
use crate::host::vault::{ObjectKind, Vault};

/// Restore points as `restore-point list` shows them, in the order given.
pub fn views(points: &[Stored]) -> Vec<RestorePointView> {
    let objects: Vec<_> = points.iter().map(|stored| stored.point.objects()).collect();
    let view = |(at, stored): (usize, &Stored)| {
        let elsewhere =
            |sha256| objects.iter().enumerate().any(|(other, held)| other != at && held.contains_key(sha256));
        let own = objects[at].iter().filter(|(sha256, _)| !elsewhere(sha256));
        RestorePointView {
            id: stored.point.id,
            job: stored.point.job,
            taken_at: stored.point.taken_at,
            state: match (&stored.undone, &stored.commit) {
                (Some(_), _) => RestorePointState::Undone,
                (None, Some(_)) => RestorePointState::Committed,
                (None, None) => RestorePointState::Open,
            },
            bytes: own.map(|(_, size)| size).sum(),
            packages: stored.point.packages.iter().map(restored).collect(),
        }
    };
    points.iter().enumerate().map(view).collect()
}

/// Hashes everything that going back to this point needs. Returns what is wrong, one sentence each. The new .debs are
/// not among it: going back does not install them.
pub fn verify(stored: &Stored, vault: &Vault, root: &Path, native: &Architecture) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for package in &stored.point.packages {
        if let Some(deb) = &package.deb
            && let Err(failure) = vault.verify(&deb.sha256, ObjectKind::Archive)
        {
            findings.push(format!("{} {} cannot be put back: {}", package.package, deb.version, failure.message));
        }
    }
    for (path, entry) in &stored.point.tree.entries {
        if let Some(Err(failure)) = entry.digest().map(|sha256| vault.verify(&sha256, ObjectKind::File)) {
            findings.push(format!("{path} cannot be put back: {}", failure.message));
        }
    }
    if let Some(Err(failure)) = stored.point.program.map(|program| vault.verify(&program.sha256, ObjectKind::Program)) {
        findings.push(format!("recovery cannot run: {}", failure.message));
    }
    if stored.database(root, native).digest()? != stored.point.database {
        let copy = stored.folder.join("database");
        findings.push(format!("the copy of dpkg's database in {} was damaged or tampered with", copy.display()));
    }
    Ok(findings)
}

fn restored(package: &CapturedPackage) -> RestoredPackage {
    let source = |source| match source {
        ArchiveSource::Vault => "vault",
        ArchiveSource::Cache => "cache",
        ArchiveSource::Archive => "archive",
        ArchiveSource::Rebuilt => "rebuilt",
    };
    RestoredPackage {
        package: package.package.clone(),
        version: match Target::of(package.old.as_ref()) {
            Target::Installed(version) => Some(version),
            Target::ConfigFiles | Target::Absent => None,
        },
        source: package.deb.as_ref().map(|deb| source(deb.source).to_owned()),
    }
}
