//! Taking a restore point: the .deb of every version that goes, the files, the database, and room for the way back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use belay_protocol::health::Vitals;
use belay_protocol::job::{Generation, JobId};
use belay_protocol::plan::{Change, Plan};
use belay_protocol::{Architecture, Failure, PackageId, PackageList, Reason, Version};
use jiff::Timestamp;
use rustix::io::Errno;

use super::{CapturedPackage, HeldArchive, NewArchive, RestorePoint, Stored, list, load, name_of};
use crate::config::settings::Undo;
use crate::durable::sync_folder;
use crate::failpoint;
use crate::host::database::Database;
use crate::host::device::{ArchiveSource, Device, Inventory, PackageRecord};
use crate::host::ledger::{BundlePart, Protection};
use crate::host::sealed::seal;
use crate::host::tree::{Scope, Tree, TreePath, resolved};
use crate::host::undo::Target;
use crate::host::vault::{ObjectKind, Vault};
use crate::host::{disk, rollback_file};

/// The least ballast, in bytes: room for dpkg's lists, apt's marks and files below `/etc`.
const LEAST_RESERVE: u64 = 1024 * 1024;

/// What a capture is told besides the plan.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The job.
    pub job: JobId,
    /// The restore point's number: the generation that the update will become.
    pub id: u64,
    /// The present.
    pub taken_at: Timestamp,
    /// The packages asked for.
    pub request: &'a PackageList,
    /// The generation in force.
    pub parent: Generation,
    /// The device's health.
    pub vitals: Vitals,
    /// Where the rollback file lies.
    pub rollback_file: &'a Path,
    /// This program's file; none where recovery needs no copy of it.
    pub program: Option<&'a Path>,
    /// What happens where the .deb of an installed version cannot be had.
    pub undo: Undo,
    /// Whether the plan touches boot packages.
    pub boot: bool,
    /// The bundle that is installed, and how that is undone.
    pub bundle: Option<&'a BundlePart>,
    /// Files and folders that are kept besides what packages touch.
    pub paths: &'a [TreePath],
}

/// A restore point that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The restore point, as it lies on the disk.
    pub stored: Stored,
    /// What cannot be undone and was allowed nevertheless, one sentence each.
    pub warnings: Vec<String>,
}

/// Takes a restore point below `folder`. Everything is durable when it returns; nothing of the device is changed.
/// Taken again by the same job on the same database, the one at hand is returned. Fails with `undo_unavailable` where
/// a .deb cannot be had and undo is required, with `no_space`, and with `plan_changed` where the database is not the
/// one that the plan was made for.
pub fn capture(
    device: &dyn Device,
    vault: &Vault,
    folder: &Path,
    plan: &Plan,
    context: &Context<'_>,
) -> Result<Captured, Failure> {
    let status = device.status_digest()?;
    let changed = || {
        Failure::new(Reason::PlanChanged, "packages were changed by others since the plan was made; it is made again")
    };
    if status != plan.status {
        return Err(changed());
    }
    disk::make_folder(folder)?;
    super::remove_leftovers(folder)?;
    if let Ok(stored) = load(folder, context.id) {
        if stored.commit.is_some() && stored.undone.is_none() {
            let message = format!("{} belongs to an update in force; nothing was changed", stored.folder.display());
            return Err(Failure::new(Reason::State, message));
        }
        if (stored.point.job, stored.point.status) == (context.job, status) && stored.undone.is_none() {
            let warnings = missing(&stored.point.packages);
            return Ok(Captured { stored, warnings });
        }
    }
    super::remove(folder, context.id)?;

    let building = folder.join(format!(".{}.new", name_of(context.id)));
    disk::make_folder(&building)?;
    let inventory = device.inventory()?;
    let packages = capture_packages(device, vault, folder, &building, plan, &inventory, context.undo)?;
    let scope = scope_of(device.root(), &packages, context);
    let tree = Tree::capture(device.root(), &scope, vault)?;
    let copy = building.join("database");
    let database = Database { root: device.root(), copy, expected: None, native: device.architecture() }.capture()?;
    let program = context.program.map(|program| vault.import(program, None, ObjectKind::Program)).transpose()?;
    let reserve_bytes = reserve_for(&packages, status_bytes(device.root()));
    write_reserve(&building.join("reserve"), reserve_bytes)?;
    let point = RestorePoint {
        id: context.id,
        job: context.job,
        taken_at: context.taken_at,
        request: context.request.clone(),
        parent: context.parent,
        packages,
        scope,
        tree,
        vitals: context.vitals.clone(),
        rollback_file: rollback_file::read(context.rollback_file)?,
        status,
        database,
        program,
        bundle: context.bundle.cloned(),
        reserve_bytes,
    };
    failpoint!("restore_point.build.before");
    seal(&building.join("point.json"), &point)?;
    if device.status_digest()? != status {
        return Err(changed());
    }
    let done = folder.join(name_of(context.id));
    disk::sync_file_system(&building)?;
    std::fs::rename(&building, &done)
        .and_then(|()| sync_folder(folder))
        .map_err(|error| disk::failure("put in place the restore point", &done, &error))?;
    failpoint!("restore_point.build.after");
    let warnings = missing(&point.packages);
    Ok(Captured { stored: Stored { folder: done, point, commit: None, undone: None }, warnings })
}

fn capture_packages(
    device: &dyn Device,
    vault: &Vault,
    folder: &Path,
    building: &Path,
    plan: &Plan,
    inventory: &Inventory,
    undo: Undo,
) -> Result<Vec<CapturedPackage>, Failure> {
    let index = held_archives(&list(folder)?.points);
    let scratch = building.join("scratch");
    disk::make_folder(&scratch)?;
    let mut packages = Vec::new();
    for change in &plan.changes {
        let old = inventory.packages.get(&change.package).cloned();
        let deb = match old.as_ref().map(|old| (old, Target::of(Some(old)))) {
            Some((old, Target::Installed(version))) => {
                match archive_of(device, vault, &index, &scratch, old, &version) {
                    Ok(deb) => Some(deb),
                    Err(failure) => tolerate(failure, &change.package, &version, undo)?,
                }
            }
            Some((_, Target::ConfigFiles | Target::Absent)) | None => None,
        };
        packages.push(captured_package(change, old, deb, inventory, device.architecture()));
    }
    disk::remove_folder(&scratch)?;
    Ok(packages)
}

fn captured_package(
    change: &Change,
    old: Option<PackageRecord>,
    deb: Option<HeldArchive>,
    inventory: &Inventory,
    native: &Architecture,
) -> CapturedPackage {
    let new = change.new.as_ref().map(|new| NewArchive {
        sha256: new.sha256,
        size: new.size,
        version: new.version.clone(),
        architecture: new.architecture.clone(),
    });
    let architecture = old.as_ref().map(|old| &old.architecture).or(new.as_ref().map(|new| &new.architecture));
    CapturedPackage {
        package: change.package.clone(),
        architecture: architecture.unwrap_or(native).clone(),
        automatic: inventory.automatic.contains(&change.package),
        old,
        deb,
        new,
    }
}

type Key = (PackageId, Version, Architecture);

/// Every .deb that earlier restore points brought into the vault, by what it installs.
fn held_archives(points: &[Stored]) -> BTreeMap<Key, Vec<HeldArchive>> {
    let mut index: BTreeMap<Key, Vec<HeldArchive>> = BTreeMap::new();
    for package in points.iter().flat_map(|stored| &stored.point.packages) {
        let new = package.new.as_ref().map(|new| HeldArchive {
            sha256: new.sha256,
            size: new.size,
            version: new.version.clone(),
            architecture: new.architecture.clone(),
            source: ArchiveSource::Vault,
        });
        let old = package.deb.clone().map(|deb| HeldArchive { source: ArchiveSource::Vault, ..deb });
        for deb in [new, old].into_iter().flatten() {
            let key = (package.package.clone(), deb.version.clone(), deb.architecture.clone());
            index.entry(key).or_default().push(deb);
        }
    }
    index
}

fn archive_of(
    device: &dyn Device,
    vault: &Vault,
    index: &BTreeMap<Key, Vec<HeldArchive>>,
    scratch: &Path,
    old: &PackageRecord,
    version: &Version,
) -> Result<HeldArchive, Failure> {
    let key = (old.package.clone(), version.clone(), old.architecture.clone());
    let held = index.get(&key).into_iter().flatten();
    if let Some(deb) = held.into_iter().find(|deb| vault.verify(&deb.sha256, ObjectKind::Archive).is_ok()) {
        return Ok(deb.clone());
    }
    let (path, source) = device.archive_of(old, scratch)?;
    let imported = vault.import(&path, None, ObjectKind::Archive)?;
    Ok(HeldArchive {
        sha256: imported.sha256,
        size: imported.size,
        version: version.clone(),
        architecture: old.architecture.clone(),
        source,
    })
}

fn tolerate(
    failure: Failure,
    package: &PackageId,
    version: &Version,
    undo: Undo,
) -> Result<Option<HeldArchive>, Failure> {
    match undo {
        // A full disk is not a missing .deb: it is worth saying, and it would stop the update as well.
        Undo::Required | Undo::BestEffort if failure.reason == Reason::NoSpace => Err(failure),
        Undo::Required => Err(Failure::new(
            Reason::UndoUnavailable,
            format!(
                "{package} {version} could not be put back: no earlier restore point holds its .deb, and {}; \
                 set packages.undo to best_effort to update nevertheless",
                failure.message
            ),
        )),
        Undo::BestEffort => Ok(None),
    }
}

fn missing(packages: &[CapturedPackage]) -> Vec<String> {
    let lost = |package: &CapturedPackage| match Target::of(package.old.as_ref()) {
        Target::Installed(version) if package.deb.is_none() => {
            Some(format!("{} {version} cannot be put back: its .deb could not be had", package.package))
        }
        Target::Installed(_) | Target::ConfigFiles | Target::Absent => None,
    };
    packages.iter().filter_map(lost).collect()
}

fn scope_of(root: &Path, packages: &[CapturedPackage], context: &Context<'_>) -> Scope {
    // What a captured script changes is known exactly, and nothing else of the device is touched.
    if packages.is_empty() && context.bundle.is_some_and(|bundle| bundle.protection == Protection::Captured) {
        return Scope::nothing();
    }
    let conffiles = packages.iter().filter_map(|package| package.old.as_ref()).flat_map(|old| &old.conffiles);
    let paths = conffiles.filter_map(|line| line.split_ascii_whitespace().next());
    let conffiles = paths.filter_map(|path| resolved(root, Path::new(path)));
    Scope::new(context.boot, conffiles).with(root, context.paths)
}

/// Bytes that unpacking the old versions takes beside the new ones, and a tenth more; and dpkg's status twice: dpkg
/// writes it anew beside the old one at every step, and so do we.
fn reserve_for(packages: &[CapturedPackage], status: u64) -> u64 {
    let installed = packages.iter().filter(|package| package.deb.is_some()).filter_map(|package| package.old.as_ref());
    let bytes: u64 = installed.map(|old| old.installed_kib.saturating_mul(1024)).fold(0, u64::saturating_add);
    bytes.saturating_add(bytes / 10).saturating_add(status.saturating_mul(2)).saturating_add(LEAST_RESERVE)
}

fn status_bytes(root: &Path) -> u64 {
    std::fs::metadata(root.join("var/lib/dpkg/status")).map_or(0, |metadata| metadata.len())
}

fn write_reserve(path: &Path, bytes: u64) -> Result<(), Failure> {
    failpoint!("restore_point.reserve.before");
    let reserved = File::create_new(path).and_then(|mut file| {
        // Blocks that are taken and never written: nobody reads them, and a card lives longer.
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                io::copy(&mut io::repeat(b'.').take(bytes), &mut file).map(|_| ())?;
            }
            other => other?,
        }
        file.sync_all()
    });
    reserved.map_err(|error| disk::failure(&format!("keep {bytes} bytes free for undo in"), path, &error))?;
    failpoint!("restore_point.reserve.after");
    Ok(())
}
