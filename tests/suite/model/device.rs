//! The model as a device under the host.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use belay_agent::durable;
use belay_agent::host::device::{
    Archive, ArchiveSource, Device, Inventory, Mend, PackageRecord, ShippedPath, TransactError, Transaction,
};
use belay_protocol::plan::{Action, Candidate, Change, Installed};
use belay_protocol::{Architecture, Failure, PackageId, PackageList, Reason, Sha256};

use super::apt::{Call, Decision, Request};
use super::database::{Database, Entry, STATUS, Status};
use super::deb::ModelDeb;
use super::dpkg::{Dpkg, info};
use super::marks;
use super::steps::{Disk, Steps};

/// A device whose dpkg and apt are modelled: the database and every file are real files below its root.
///
/// Its sources are the model .debs in the folder `repo` beside the root.
#[derive(Debug, Clone)]
pub(crate) struct ModelDevice {
    root: PathBuf,
    repository: PathBuf,
    architecture: Architecture,
    steps: Arc<Steps>,
    is_locked: Arc<AtomicBool>,
}

impl ModelDevice {
    /// The device on a root, which is made where it is missing and taken as it is where a crash left it.
    pub(crate) fn new(root: &Path) -> Self {
        let device = Self {
            root: root.to_owned(),
            repository: root.parent().expect("a root lies in a folder").join("repo"),
            architecture: "amd64".parse().expect("it is one"),
            steps: Arc::default(),
            is_locked: Arc::default(),
        };
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/apt", "etc", "usr"] {
            fs::create_dir_all(root.join(folder)).expect("a model's root can be made");
        }
        if !device.disk().has(STATUS) {
            durable::write_atomic(&device.disk().path(STATUS), b"", 0o644).expect("a model's root can be written");
        }
        device
    }

    /// The durable steps that dpkg and apt take on it; a crash is asked for here.
    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// The folder of its sources.
    pub(crate) fn repository(&self) -> &Path {
        &self.repository
    }

    /// Offers packages in its sources.
    pub(crate) fn publish(&self, debs: &[ModelDeb]) {
        debs.iter().for_each(|deb| drop(deb.build(&self.repository)));
    }

    /// Lets another package manager hold the lock.
    pub(crate) fn hold_lock(&self, held: bool) {
        self.is_locked.store(held, Ordering::SeqCst);
    }

    pub(super) fn disk(&self) -> Disk<'_> {
        Disk::new(&self.root, &self.steps)
    }

    fn database(&self) -> Database<'_> {
        Database::read(self.disk())
    }

    /// What the sources offer, with where each lies.
    fn offers(&self) -> BTreeMap<PathBuf, ModelDeb> {
        let Ok(entries) = fs::read_dir(&self.repository) else { return BTreeMap::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter_map(|path| ModelDeb::read(&path).ok().map(|deb| (path, deb))).collect()
    }

    fn id(&self, name: &str, architecture: &Architecture) -> PackageId {
        PackageId::new(name.parse().expect("the model's names are names"), architecture, &self.architecture)
    }

    fn record(&self, entry: &Entry) -> PackageRecord {
        let architecture = entry.architecture.as_deref().unwrap_or(self.architecture.as_str());
        let architecture: Architecture = architecture.parse().expect("the model's architectures are some");
        PackageRecord {
            package: self.id(&entry.name, &architecture),
            architecture,
            version: entry.version.as_deref().map(|version| version.parse().expect("the model's versions are some")),
            want: entry.want.clone(),
            flag: entry.flag().to_owned(),
            status: entry.status.word().to_owned(),
            conffiles: entry.conffiles.iter().map(|conffile| conffile.line()).collect(),
            installed_kib: entry.installed_kib,
            essential: false,
        }
    }

    fn installed(&self, entry: &Entry) -> Option<Installed> {
        let record = self.record(entry);
        let version = record.version.filter(|_| entry.is_there())?;
        Some(Installed { version, architecture: record.architecture })
    }

    /// A change that leaves what is there as it is or takes it away.
    fn change(&self, name: &str, action: Action, list: &PackageList) -> Change {
        let database = self.database();
        let entry = database.find(name).expect("apt decides about packages that it knows");
        let package = self.record(entry).package;
        let (asked, held) = (list.names(&package), entry.want == "hold");
        Change { package, action, old: self.installed(entry), new: None, asked, held }
    }

    fn installation(&self, path: &Path, deb: &ModelDeb, list: &PackageList) -> Result<Change, Failure> {
        let database = self.database();
        let entry = database.find(&deb.name);
        let old = entry.and_then(|entry| self.installed(entry));
        let new = self.candidate(path, deb)?;
        let action = match &old {
            None => Action::Install,
            Some(old) if old.version < new.version => Action::Upgrade,
            Some(old) if old.version > new.version => Action::Downgrade,
            Some(_) => Action::Reinstall,
        };
        let package = self.id(&deb.name, &new.architecture);
        let held = entry.is_some_and(|entry| entry.want == "hold");
        Ok(Change { asked: list.names(&package), package, action, old, new: Some(new), held })
    }

    fn candidate(&self, path: &Path, deb: &ModelDeb) -> Result<Candidate, Failure> {
        let silent = |error: std::io::Error| Failure::new(Reason::SourcesUnavailable, error.to_string());
        Ok(Candidate {
            version: deb.version.parse().expect("the model's versions are some"),
            architecture: deb.architecture.parse().expect("the model's architectures are some"),
            origins: vec!["Belay:1/stable".to_owned()],
            uri: format!("file:{}", path.display()),
            file_name: deb.file_name(),
            size: fs::metadata(path).map_err(silent)?.len(),
            sha256: durable::digest_of_file(path).map_err(silent)?,
        })
    }
}

impl Device for ModelDevice {
    fn root(&self) -> &Path {
        &self.root
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn inventory(&self) -> Result<Inventory, Failure> {
        let database = self.database();
        let records = database.entries().map(|entry| self.record(entry));
        let packages = records.map(|record| (record.package.clone(), record)).collect();
        let automatic = marks::automatic(self.disk()).iter().map(|name| self.id(name, &self.architecture)).collect();
        Ok(Inventory { packages, automatic })
    }

    fn status_digest(&self) -> Result<Sha256, Failure> {
        let unreadable = |error: std::io::Error| Failure::new(Reason::DeviceBroken, error.to_string());
        durable::digest_of_file(&self.disk().path(STATUS)).map_err(unreadable)
    }

    fn resolve(&self, list: &PackageList, progress: &dyn Fn(f32, &str)) -> Result<Vec<Change>, Failure> {
        progress(0.0, "resolving");
        let version = |spec: &belay_protocol::PackageSpec| spec.version.as_ref().map(ToString::to_string);
        let request = |spec: &belay_protocol::PackageSpec| Request::Install(spec.package.to_string(), version(spec));
        let offers = self.offers();
        let requests = list.specs().iter().map(request).collect();
        let call = Call { offers: offers.values().cloned().collect(), requests, ..Call::default() };
        let Decision { unpack, remove, .. } = call.plan(self.disk())?;
        let mut changes = Vec::new();
        for deb in unpack.values() {
            let path = offers.iter().find_map(|(path, offer)| (offer == deb).then_some(path));
            changes.push(self.installation(path.expect("apt decides for what is offered"), deb, list)?);
        }
        changes.extend(remove.iter().map(|name| self.change(name, Action::Remove, list)));
        let waiting = super::dpkg::pending(&self.database());
        let waiting = waiting.iter().filter(|name| !unpack.contains_key(*name) && !remove.contains(*name));
        changes.extend(waiting.map(|name| self.change(name, Action::Configure, list)));
        changes.sort_by(|one, other| one.package.cmp(&other.package));
        progress(1.0, "resolved");
        Ok(changes)
    }

    fn fetch(
        &self,
        changes: &[Change],
        take: &mut dyn FnMut(&Change, &Path) -> Result<(), Failure>,
        progress: &dyn Fn(f32, &str),
    ) -> Result<(), Failure> {
        for change in changes {
            let Some(new) = &change.new else { continue };
            let path = self.repository.join(&new.file_name);
            if !path.is_file() {
                let message = format!("{} is not to be had from {}", new.file_name, self.repository.display());
                return Err(Failure::new(Reason::SourcesUnavailable, message));
            }
            progress(0.5, &new.file_name);
            take(change, &path)?;
        }
        Ok(())
    }

    fn archive_of(&self, package: &PackageRecord, scratch: &Path) -> Result<(PathBuf, ArchiveSource), Failure> {
        let name = package.package.name().as_str();
        let is_meant = |deb: &ModelDeb| {
            deb.name == name && package.version.as_ref().is_some_and(|version| version.as_str() == deb.version)
        };
        if let Some((path, _)) = self.offers().into_iter().find(|(_, deb)| is_meant(deb)) {
            return Ok((path, ArchiveSource::Archive));
        }
        let kept = self.disk().read(&info(name, "model")).and_then(|text| serde_json::from_str(&text).ok());
        match kept.filter(is_meant) {
            Some(deb) => Ok((deb.build(scratch), ArchiveSource::Rebuilt)),
            None => {
                let message = format!("{name} is not offered any more and cannot be rebuilt");
                Err(Failure::new(Reason::UndoUnavailable, message))
            }
        }
    }

    fn transact(&self, transaction: &Transaction, progress: &dyn Fn(f32, &str)) -> Result<(), TransactError> {
        progress(0.0, "installing");
        self.transacted(transaction)?;
        progress(1.0, "installed");
        Ok(())
    }

    fn mend(&self, mend: &Mend) -> Result<(), Failure> {
        match mend {
            Mend::Neutralise { package, script } => {
                let path = info(package.package.name().as_str(), script);
                if self.disk().has(&path) {
                    self.disk().replace(&path, "#!/bin/sh\nexit 0\n");
                }
                Ok(())
            }
            Mend::Unpack(archive) => self.lay_over(archive),
            Mend::Select(wants) => {
                let want = |(package, want): &(belay_agent::host::device::PackageRef, String)| {
                    (package.package.name().to_string(), want.clone())
                };
                let wants: Vec<_> = wants.iter().map(want).collect();
                Dpkg::run(self.disk(), false, |dpkg| {
                    dpkg.select(&wants);
                    Ok(())
                });
                Ok(())
            }
        }
    }

    fn lock(&self) -> Result<Box<dyn Send>, Failure> {
        if self.is_locked.swap(true, Ordering::SeqCst) {
            return Err(Failure::new(Reason::LockTimeout, "another package manager holds the lock"));
        }
        Ok(Box::new(Lock(Arc::clone(&self.is_locked))))
    }

    fn call_off(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn contents(&self, archive: &Path) -> Result<Vec<ShippedPath>, Failure> {
        let deb = ModelDeb::read(archive).map_err(|error| Failure::new(Reason::State, error))?;
        let contents = deb.contents();
        let parents = |path: &String| Path::new(path).ancestors().skip(1).map(Path::to_path_buf).collect::<Vec<_>>();
        let folders: BTreeSet<PathBuf> =
            contents.keys().flat_map(parents).filter(|path| path != Path::new("/")).collect();
        let folders = folders.into_iter().map(|path| ShippedPath { path, folder: true, as_shipped: true });
        let files = contents.iter().map(|(path, content)| ShippedPath {
            path: PathBuf::from(path),
            folder: false,
            as_shipped: self.disk().read(path).as_ref() == Some(content),
        });
        Ok(folders.chain(files).collect())
    }

    fn audit(&self) -> Result<Vec<String>, Failure> {
        let database = self.database();
        let complaint = |entry: &Entry| {
            let is_settled = matches!(entry.status, Status::ConfigFiles | Status::Installed);
            match (entry.reinstreq, is_settled) {
                (true, _) => Some(format!("{} is in a mess", entry.name)),
                (false, true) => None,
                (false, false) => Some(format!("{} is only {}", entry.name, entry.status.word())),
            }
        };
        Ok(database.entries().filter_map(complaint).collect())
    }

    fn boot_id(&self) -> Result<String, Failure> {
        belay_agent::host::boot::boot_id(self.root())
    }

    fn reboot_wanted(&self) -> Option<String> {
        belay_agent::host::boot::wanted(self.root())
    }

    fn reboot(&self) -> Result<(), Failure> {
        unreachable!("nothing of this world starts again")
    }

    fn preflight(&self) -> Vec<String> {
        Vec::new()
    }
}

impl ModelDevice {
    /// Unpacks files over the root as tar would; a conffile that is there stays.
    fn lay_over(&self, archive: &Archive) -> Result<(), Failure> {
        let deb = super::transact::checked(archive)?;
        let taken: BTreeSet<&String> = deb.conffiles.keys().filter(|path| self.disk().has(path)).collect();
        for (path, content) in deb.contents().iter().filter(|(path, _)| !taken.contains(path)) {
            self.disk().replace(path, content);
        }
        Ok(())
    }
}

/// Lets go of the lock when it is dropped.
struct Lock(Arc<AtomicBool>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
