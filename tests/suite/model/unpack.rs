//! How dpkg unpacks a package, and how it takes that back.

use super::database::{Conffile, Status};
use super::deb::{ModelDeb, Relation, SCRIPTS};
use super::dpkg::{Dpkg, Step, Stop, failed, info, script_text};

/// Where an unpacking began.
#[derive(Debug, Clone, Copy)]
struct Begun {
    /// The status that the package had, or `Unpacked` once its old version was stopped.
    status: Status,
    /// Whether its old version was stopped by `prerm upgrade`.
    stopped: bool,
}

impl Dpkg<'_> {
    /// `dpkg --unpack` of one package.
    pub(super) fn unpack(&mut self, deb: &ModelDeb) -> Step {
        self.refuse_conflicts(deb)?;
        let entry = self.database.entry(&deb.name);
        "install".clone_into(&mut entry.want);
        let mut begun = Begun { status: entry.status, stopped: false };
        if begun.status >= Status::HalfConfigured {
            self.stop_old(deb)?;
            begun = Begun { status: Status::Unpacked, stopped: true };
        }
        self.begin(deb);
        let verb = if begun.status <= Status::ConfigFiles { "install" } else { "upgrade" };
        let step = self.call_new(deb, "preinst", verb);
        self.or_undo(step, |dpkg| dpkg.undo_preinst(deb, begun))?;
        self.extract(deb);
        if begun.status >= Status::HalfInstalled {
            let step = self.call_either(deb, "postrm");
            self.or_undo(step, |dpkg| dpkg.undo_postrm(deb, begun))?;
        }
        self.commit(deb);
        Ok(())
    }

    fn refuse_conflicts(&self, deb: &ModelDeb) -> Step {
        let meets = |relations: &[String], name: &str, version: &str| {
            relations.iter().any(|text| Relation::parse(text).meets(name, version))
        };
        let others = self.database.entries().filter(|entry| entry.is_there() && entry.name != deb.name);
        let mut conflicting = others.filter(|entry| {
            meets(&deb.conflicts, &entry.name, entry.version()) || meets(&entry.conflicts, &deb.name, &deb.version)
        });
        match conflicting.next() {
            Some(entry) if !self.forced => {
                Err(failed(format!("conflicting packages - not installing {}: {}", deb.name, entry.name)))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn stop_old(&mut self, deb: &ModelDeb) -> Step {
        let entry = self.database.entry(&deb.name);
        entry.reinstreq = true;
        entry.set(Status::HalfConfigured);
        self.database.note(&deb.name);
        let step = self.call_either(deb, "prerm");
        self.or_undo(step, |dpkg| dpkg.undo_prerm(&deb.name))?;
        self.database.entry(&deb.name).set(Status::Unpacked);
        self.database.note(&deb.name);
        Ok(())
    }

    fn begin(&mut self, deb: &ModelDeb) {
        let entry = self.database.entry(&deb.name);
        entry.reinstreq = true;
        if entry.status == Status::NotInstalled {
            entry.version = Some(deb.version.clone());
        }
        entry.set(Status::HalfInstalled);
        self.database.note(&deb.name);
    }

    /// Writes every file beside its place with a backup of what is there, then moves them all into place.
    fn extract(&mut self, deb: &ModelDeb) {
        for (path, content) in deb.contents() {
            self.disk.write(&new(&path), &content);
            if deb.conffiles.contains_key(&path) {
                continue;
            }
            if !self.disk.has(&path) && self.disk.has(&backup(&path)) {
                self.disk.rename(&backup(&path), &path);
            }
            self.disk.remove(&backup(&path));
            if self.disk.has(&path) {
                self.disk.link(&path, &backup(&path));
            }
        }
        for path in deb.contents().keys().filter(|path| !deb.conffiles.contains_key(*path)) {
            self.disk.rename(&new(path), path);
        }
    }

    fn take_back(&mut self, deb: &ModelDeb) {
        for path in deb.contents().keys().rev() {
            if !deb.conffiles.contains_key(path) {
                if self.disk.has(&backup(path)) {
                    self.disk.rename(&backup(path), path);
                } else {
                    self.disk.remove(path);
                }
            }
            self.disk.remove(&new(path));
        }
    }

    /// From here on there is no way back: the old version's own files go, then its scripts, then its entry.
    fn commit(&mut self, deb: &ModelDeb) {
        let contents = deb.contents();
        let known = self.database.entry(&deb.name).conffiles.clone();
        let is_known = |path: &str| known.iter().any(|conffile| conffile.path == path);
        let listed = self.disk.read(&info(&deb.name, "list")).unwrap_or_default();
        let old = |path: &&str| !contents.contains_key(*path) && !is_known(path);
        listed.lines().rev().filter(old).for_each(|path| self.disk.remove(path));
        let obsolete = |conffile: &&Conffile| !contents.contains_key(&conffile.path) && self.disk.has(&conffile.path);
        let obsolete: Vec<Conffile> =
            known.iter().filter(obsolete).map(|conffile| Conffile { obsolete: true, ..conffile.clone() }).collect();
        let paths = contents.keys().chain(obsolete.iter().map(|conffile| &conffile.path));
        let list: String = paths.map(|path| format!("{path}\n")).collect();
        self.disk.replace(&info(&deb.name, "list"), &list);
        self.replace_info(deb);

        let entry = self.database.entry(&deb.name);
        entry.version = Some(deb.version.clone());
        entry.architecture = Some(deb.architecture.clone());
        entry.depends.clone_from(&deb.depends);
        entry.conflicts.clone_from(&deb.conflicts);
        entry.installed_kib = deb.installed_kib();
        let hash = |path: &String| {
            let before = known.iter().find(|conffile| conffile.path == *path);
            before.map_or_else(|| NEW.to_owned(), |conffile| conffile.hash.clone())
        };
        let conffile = |path: &String| Conffile { path: path.clone(), hash: hash(path), obsolete: false };
        entry.conffiles = deb.conffiles.keys().map(conffile).chain(obsolete).collect();
        entry.set(Status::Unpacked);
        self.database.note(&deb.name);
        contents.keys().for_each(|path| self.disk.remove(&backup(path)));
        self.database.entry(&deb.name).reinstreq = false;
        self.database.note(&deb.name);
    }

    fn replace_info(&self, deb: &ModelDeb) {
        let conffiles: String = deb.conffiles.keys().map(|path| format!("{path}\n")).collect();
        let model = serde_json::to_string(deb).expect("a package is plain data");
        let mut files = vec![("conffiles", (!conffiles.is_empty()).then_some(conffiles)), ("model", Some(model))];
        files.extend(SCRIPTS.map(|script| (script, script_text(deb, script))));
        for (kind, text) in files {
            match text {
                Some(text) => self.disk.replace(&info(&deb.name, kind), &text),
                None => self.disk.remove(&info(&deb.name, kind)),
            }
        }
    }

    /// Undoes what was done so far when a step failed; the step's own failure is what dpkg reports.
    pub(super) fn or_undo(&mut self, step: Step, undo: impl FnOnce(&mut Self) -> Step) -> Step {
        if let Err(Stop::Failed(_)) = step
            && undo(self) == Err(Stop::Killed)
        {
            return Err(Stop::Killed);
        }
        step
    }

    fn undo_prerm(&mut self, name: &str) -> Step {
        self.call_installed(name, "postinst", "abort-upgrade")?;
        self.set_installed(name, Status::Installed);
        Ok(())
    }

    fn undo_preinst(&mut self, deb: &ModelDeb, begun: Begun) -> Step {
        let verb = if begun.status <= Status::ConfigFiles { "abort-install" } else { "abort-upgrade" };
        self.call_new(deb, "postrm", verb)?;
        let entry = self.database.entry(&deb.name);
        entry.reinstreq = false;
        entry.set(begun.status);
        if begun.status == Status::NotInstalled {
            entry.version = None;
        }
        self.database.note(&deb.name);
        if begun.stopped { self.undo_prerm(&deb.name) } else { Ok(()) }
    }

    fn undo_postrm(&mut self, deb: &ModelDeb, begun: Begun) -> Step {
        let aborted = self.call_installed(&deb.name, "preinst", "abort-upgrade");
        if aborted != Err(Stop::Killed) {
            self.take_back(deb);
        }
        aborted?;
        self.undo_preinst(deb, begun)
    }

    /// Makes a package what it was before a script stood in the way.
    pub(super) fn set_installed(&mut self, name: &str, status: Status) {
        let entry = self.database.entry(name);
        entry.reinstreq = false;
        entry.set(status);
        if status == Status::Installed {
            entry.configured.clone_from(&entry.version);
        }
        self.database.note(name);
    }
}

/// What dpkg remembers of a conffile that it has not configured yet.
pub(super) const NEW: &str = "newconffile";

/// Where a file lies before it takes its place.
pub(super) fn new(path: &str) -> String {
    format!("{path}.dpkg-new")
}

/// Where a file lies that was replaced, until the package is unpacked.
pub(super) fn backup(path: &str) -> String {
    format!("{path}.dpkg-tmp")
}
