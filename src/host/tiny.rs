//! A device for this folder's tests: a temporary root whose status file is read and rewritten by hand.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use belay_protocol::plan::{Action, Candidate, Change, Plan, UndoCost};
use belay_protocol::{Architecture, Failure, PackageId, PackageList, Reason, Sha256};

use super::device::{ArchiveSource, Device, Inventory, Mend, PackageRecord, PackageRef, TransactError, Transaction};
use super::disk::{self, Attributes};
use super::restore_point::{self, Captured, Commit, Context, Stored};
use super::stanza::{self, Stanza, Stanzas};
use super::tree::{Tree, diff};
use super::vault::{ObjectKind, Vault};
use crate::config::settings::Undo;
use crate::durable::{digest_of_bytes, digest_of_file};

const STATUS: &str = "var/lib/dpkg/status";
const MARKS: &str = "var/lib/apt/extended_states";

/// A root, a vault and restore points, all in one temporary folder.
pub(super) struct Tiny {
    folder: tempfile::TempDir,
    root: PathBuf,
    native: Architecture,
    pub(super) vault: Vault,
    /// Packages whose .deb nobody has.
    pub(super) lost: Mutex<Vec<String>>,
    /// How often `archive_of` was asked.
    pub(super) asked: Mutex<Vec<String>>,
}

impl Tiny {
    /// A device on which nothing is installed.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(&folder.path().join("host/vault")).unwrap();
        let tiny = Self {
            native: "amd64".parse().unwrap(),
            vault,
            lost: Mutex::default(),
            asked: Mutex::default(),
            root: folder.path().join("root"),
            folder,
        };
        tiny.write(STATUS, "");
        tiny.write("etc/hostname", "device");
        tiny
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) fn write(&self, path: &str, content: &str) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        disk::write(&self.at(path), &disk::bytes_of(content), Attributes::mode(0o644)).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        disk::read(&self.at(path)).unwrap().map(|bytes| disk::text_of(&bytes))
    }

    pub(super) fn points_dir(&self) -> PathBuf {
        self.folder.path().join("host/restore-points")
    }

    pub(super) fn rollback_file(&self) -> PathBuf {
        self.folder.path().join("rollbackFile")
    }

    /// Says in the database that a package is so: `set("demo-app", "1.0", "install ok installed")`.
    pub(super) fn set(&self, package: &str, version: &str, status: &str) {
        let id: PackageId = package.parse().unwrap();
        let architecture = id.foreign().map_or("amd64", Architecture::as_str);
        let text = format!(
            "Package: {}\nStatus: {status}\nInstalled-Size: 10\nArchitecture: {architecture}\nVersion: {version}\n",
            id.name()
        );
        self.put(&id, Some(text));
    }

    /// Gives a package this stanza, or none.
    pub(super) fn put(&self, package: &PackageId, text: Option<String>) {
        let current = self.read(STATUS).unwrap();
        let wanted = [(package.clone(), text)].into();
        self.write(STATUS, &stanza::replace(&current, &wanted, &self.native).unwrap());
    }

    pub(super) fn status_of(&self, package: &str) -> Option<String> {
        let text = self.read(STATUS).unwrap();
        let stanzas = Stanzas::parse(&text).unwrap();
        stanzas.of(&package.parse().unwrap(), &self.native).map(|stanza| stanza.text.to_owned())
    }

    pub(super) fn mark_automatic(&self, package: &str) {
        let text = format!("Package: {package}\nArchitecture: amd64\nAuto-Installed: 1\n");
        let current = self.read(MARKS).unwrap_or_default();
        let wanted = [(package.parse().unwrap(), Some(text))].into();
        self.write(MARKS, &stanza::replace(&current, &wanted, &self.native).unwrap());
    }

    /// The plan that gives each package the version, or none; its new .debs are in the vault.
    pub(super) fn plan(&self, changes: &[(&str, Option<&str>)]) -> Plan {
        let change = |(package, version): &(&str, Option<&str>)| {
            let id: PackageId = package.parse().unwrap();
            let architecture = id.foreign().unwrap_or(&self.native).clone();
            let candidate = |version: &str| {
                let deb = deb_of(package, version);
                let sha256 = self.vault.import_bytes(deb.as_bytes(), ObjectKind::Archive).unwrap().sha256;
                Candidate {
                    version: version.parse().unwrap(),
                    architecture,
                    origins: Vec::new(),
                    uri: String::new(),
                    file_name: String::new(),
                    size: deb.len() as u64,
                    sha256,
                }
            };
            let action = if version.is_some() { Action::Install } else { Action::Purge };
            Change { package: id, action, old: None, new: version.map(candidate), asked: true, held: false }
        };
        Plan {
            changes: changes.iter().map(change).collect(),
            status: self.status_digest().unwrap(),
            download_bytes: 0,
            undo: UndoCost::default(),
            files: Vec::new(),
        }
    }

    pub(super) fn capture(&self, id: u64, plan: &Plan, undo: Undo) -> Result<Captured, Failure> {
        let request = PackageList::default();
        let rollback_file = self.rollback_file();
        let program = self.at("etc/hostname");
        let context = Context {
            job: belay_protocol::job::JobId(id),
            id,
            taken_at: moment(id),
            request: &request,
            parent: belay_protocol::job::Generation(id - 1),
            vitals: Default::default(),
            rollback_file: &rollback_file,
            program: Some(&program),
            undo,
            boot: false,
            bundle: None,
            paths: &[],
        };
        restore_point::capture(self, &self.vault, &self.points_dir(), plan, &context)
    }

    /// Captures, applies and commits; `meanwhile` stands for what maintainer scripts do.
    pub(super) fn update(&self, id: u64, changes: &[(&str, Option<&str>)], meanwhile: impl FnOnce(&Self)) -> Stored {
        let plan = self.plan(changes);
        let mut stored = self.capture(id, &plan, Undo::Required).unwrap().stored;
        self.apply(changes);
        meanwhile(self);
        let inventory = self.inventory().unwrap();
        let after = Tree::measure(self.root(), &stored.point.scope).unwrap();
        let packages: Vec<PackageId> = plan.changes.iter().map(|change| change.package.clone()).collect();
        let commit = Commit {
            generation: belay_protocol::job::Generation(id),
            committed_at: moment(id),
            touched: diff(&stored.point.tree, &after),
            rollback_file: Some(format!("generation {id}\n")),
            automatic: inventory.automatic.iter().filter(|package| packages.contains(package)).cloned().collect(),
            packages: packages.into_iter().map(|id| (id.clone(), inventory.packages.get(&id).cloned())).collect(),
        };
        super::rollback_file::put(&self.rollback_file(), commit.rollback_file.as_deref()).unwrap();
        stored.commit(commit).unwrap();
        stored
    }

    pub(super) fn apply(&self, changes: &[(&str, Option<&str>)]) {
        for (package, version) in changes {
            match version {
                Some(version) => self.set(package, version, "install ok installed"),
                None => self.put(&package.parse().unwrap(), None),
            }
        }
    }

    /// Everything that undo must bring back, as text to compare.
    pub(super) fn exact_tier(&self) -> Vec<(String, Option<String>)> {
        let scope = super::tree::Scope::new(false, []);
        let tree = Tree::measure(self.root(), &scope).unwrap();
        let files = tree.entries.keys().map(|path| path.as_path().display().to_string());
        let paths = files.chain([MARKS.to_owned()]).filter(|path| self.at(path).is_file());
        let mut exact: Vec<_> = paths.map(|path| (path.clone(), self.read(&path))).collect();
        let mut status: Vec<_> = self.read(STATUS).unwrap().split("\n\n").map(|text| text.trim().to_owned()).collect();
        status.sort();
        exact.extend(status.into_iter().filter(|text| !text.is_empty()).map(|text| (text, None)));
        exact.push(("rollbackFile".into(), super::rollback_file::read(&self.rollback_file()).unwrap()));
        exact
    }
}

/// What the .deb of a version holds, in this world.
pub(super) fn deb_of(package: &str, version: &str) -> String {
    format!("deb of {package} {version}")
}

pub(super) fn moment(second: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000 + i64::try_from(second).unwrap()).unwrap()
}

fn record_of(stanza: &Stanza<'_>, native: &Architecture) -> PackageRecord {
    let words: Vec<&str> = stanza.field("Status").unwrap().split(' ').collect();
    let conffiles = stanza.field("Conffiles").unwrap_or_default();
    PackageRecord {
        package: stanza.package(native).unwrap(),
        architecture: stanza.field("Architecture").unwrap().parse().unwrap(),
        version: stanza.field("Version").map(|version| version.parse().unwrap()),
        want: words[0].into(),
        flag: words[1].into(),
        status: words[2].into(),
        conffiles: conffiles.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect(),
        installed_kib: stanza.field("Installed-Size").and_then(|size| size.parse().ok()).unwrap_or(0),
        essential: false,
    }
}

impl Device for Tiny {
    fn root(&self) -> &Path {
        &self.root
    }

    fn architecture(&self) -> &Architecture {
        &self.native
    }

    fn inventory(&self) -> Result<Inventory, Failure> {
        let (status, marks) = (self.read(STATUS).unwrap_or_default(), self.read(MARKS).unwrap_or_default());
        let records = Stanzas::parse(&status)
            .unwrap()
            .items
            .iter()
            .map(|stanza| record_of(stanza, &self.native))
            .collect::<Vec<_>>();
        let marks = Stanzas::parse(&marks).unwrap();
        Ok(Inventory {
            packages: records.into_iter().map(|record| (record.package.clone(), record)).collect(),
            automatic: marks.items.iter().filter_map(|stanza| stanza.package(&self.native)).collect(),
        })
    }

    fn status_digest(&self) -> Result<Sha256, Failure> {
        Ok(digest_of_file(&self.at(STATUS)).unwrap())
    }

    fn resolve(&self, _: &PackageList, _: &dyn Fn(f32, &str)) -> Result<Vec<Change>, Failure> {
        unreachable!("nothing here resolves")
    }

    fn fetch(
        &self,
        _: &[Change],
        _: &mut dyn FnMut(&Change, &Path) -> Result<(), Failure>,
        _: &dyn Fn(f32, &str),
    ) -> Result<(), Failure> {
        unreachable!("nothing here fetches")
    }

    fn archive_of(&self, package: &PackageRecord, scratch: &Path) -> Result<(PathBuf, ArchiveSource), Failure> {
        let name = package.package.to_string();
        self.asked.lock().unwrap().push(name.clone());
        if self.lost.lock().unwrap().contains(&name) {
            return Err(Failure::new(Reason::UndoUnavailable, "no source offers it and its files could not be packed"));
        }
        let path = scratch.join("found.deb");
        let deb = deb_of(&name, package.version.as_ref().unwrap().as_str());
        disk::write(&path, deb.as_bytes(), Attributes::mode(0o644)).unwrap();
        Ok((path, ArchiveSource::Archive))
    }

    fn transact(&self, transaction: &Transaction, _: &dyn Fn(f32, &str)) -> Result<(), TransactError> {
        for archive in &transaction.install {
            let name = archive.package.to_string();
            assert_eq!(std::fs::read_to_string(&archive.path).unwrap(), deb_of(&name, archive.version.as_str()));
            assert_eq!(digest_of_bytes(deb_of(&name, archive.version.as_str()).as_bytes()), archive.sha256);
            self.set(&name, archive.version.as_str(), "install ok installed");
        }
        for PackageRef { package, .. } in &transaction.remove {
            let version = self.inventory().unwrap().packages[package].version.clone().unwrap();
            self.set(&package.to_string(), version.as_str(), "deinstall ok config-files");
        }
        for PackageRef { package, .. } in &transaction.purge {
            self.put(package, None);
        }
        Ok(())
    }

    fn mend(&self, mend: &Mend) -> Result<(), Failure> {
        let Mend::Select(selections) = mend else { unreachable!("nothing here needs it") };
        // As dpkg does whenever it opens its database for writing.
        for name in disk::names_in(&self.at("var/lib/dpkg/updates"))? {
            std::fs::remove_file(self.at("var/lib/dpkg/updates").join(name)).unwrap();
        }
        for (PackageRef { package, .. }, want) in selections {
            let text = self.status_of(&package.to_string()).unwrap();
            let old = Stanzas::parse(&text).unwrap().items[0].field("Status").unwrap().to_owned();
            let rest = old.split_once(' ').unwrap().1;
            self.put(package, Some(text.replace(&old, &format!("{want} {rest}"))));
        }
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send>, Failure> {
        Ok(Box::new(()))
    }

    fn call_off(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn contents(&self, archive: &Path) -> Result<Vec<super::device::ShippedPath>, Failure> {
        let whole = std::fs::read_to_string(archive).unwrap().starts_with("deb of ");
        whole.then(Vec::new).ok_or_else(|| Failure::new(Reason::AptFailed, "dpkg-deb cannot read it"))
    }

    fn audit(&self) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    fn boot_id(&self) -> Result<String, Failure> {
        Ok("one".into())
    }

    fn reboot_wanted(&self) -> Option<String> {
        None
    }

    fn reboot(&self) -> Result<(), Failure> {
        unreachable!("nothing here starts again")
    }

    fn preflight(&self) -> Vec<String> {
        Vec::new()
    }
}
