//! The stage on which the model plays transcripts.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use belay_testkit::ownership::temp_dir_in;
use tempfile::TempDir;

use super::apt::{Call, Request};
use super::apt_run::carry_out;
use super::database::Database;
use super::deb::ModelDeb;
use super::dpkg::{Dpkg, Ended, info};
use super::steps::{Disk, Steps};
use super::transcript::{Act, Outcome, Stage, files_of};

/// A model root with the packages of one transcript on offer.
pub(crate) struct Modelled {
    root: TempDir,
    steps: Steps,
    debs: Vec<ModelDeb>,
}

impl Modelled {
    /// An empty root.
    pub(crate) fn new(debs: &[ModelDeb]) -> Self {
        let root = temp_dir_in(&belay_testkit::ownership::base_dir(), "belay-model-");
        Self { root, steps: Steps::default(), debs: debs.to_vec() }
    }

    fn disk(&self) -> Disk<'_> {
        Disk::new(self.root.path(), &self.steps)
    }

    fn deb(&self, package: &str) -> ModelDeb {
        let (name, version) = package.split_once('=').expect("a package to install has a version");
        let is_meant = |deb: &&ModelDeb| deb.name == name && deb.version == version;
        self.debs.iter().find(is_meant).expect("a transcript installs what it has").clone()
    }

    fn debs(&self, packages: &[String]) -> Vec<ModelDeb> {
        packages.iter().map(|package| self.deb(package)).collect()
    }

    fn dpkg(&self, forced: bool, work: impl FnOnce(&mut Dpkg<'_>) -> super::dpkg::Step) -> bool {
        Dpkg::run(self.disk(), forced, work).success()
    }

    fn apt(&self, call: &Call) -> bool {
        let ended = call.decide(self.disk()).map(|decision| carry_out(self.disk(), &decision));
        ended.is_ok_and(|ended: Ended| ended.success())
    }

    fn apt_install(&self, packages: &[String]) -> bool {
        let request = |package: &String| match (package.split_once('='), package.strip_suffix('-')) {
            (Some((name, version)), _) => Request::Install(name.to_owned(), Some(version.to_owned())),
            (None, Some(name)) => Request::Remove(name.to_owned()),
            (None, None) => Request::Install(package.clone(), None),
        };
        let requests = packages.iter().map(request).collect();
        self.apt(&Call { offers: self.debs.clone(), requests, ..Call::default() })
    }

    fn apt_files(&self, packages: &[String], again: bool, named: bool) -> bool {
        let is_file = |package: &&String| package.contains('=');
        let files: Vec<ModelDeb> = packages.iter().filter(is_file).map(|package| self.deb(package)).collect();
        let only_files = !named && packages.iter().all(|package| is_file(&package));
        let purge = packages.iter().any(|package| package.ends_with('_'));
        let request = |package: &String| match package.split_once('=') {
            Some((name, version)) => Request::Install(name.to_owned(), Some(version.to_owned())),
            None if purge => Request::Purge(package.trim_end_matches(['-', '_']).to_owned()),
            None => Request::Remove(package.trim_end_matches('-').to_owned()),
        };
        let requests = packages.iter().map(request).collect();
        self.apt(&Call { files, requests, again, only_files, offers: Vec::new() })
    }

    fn cut_unpack(&self, package: &str) -> bool {
        let deb = self.deb(package);
        let filler = format!("{}.dpkg-new", deb.filler_path());
        self.steps.crash_at(&filler);
        let cut = catch_unwind(AssertUnwindSafe(|| self.dpkg(false, |dpkg| dpkg.unpack_all(&[deb]).map(drop))));
        assert!(cut.is_err(), "dpkg never wrote {filler}");
        false
    }

    fn play_act(&self, act: &Act) -> bool {
        match act {
            Act::AptInstall(packages) => self.apt_install(packages),
            Act::AptFiles(packages) => self.apt_files(packages, false, false),
            Act::AptFilesAgain(packages) => self.apt_files(packages, true, false),
            Act::AptFilesNamed(packages) => self.apt_files(packages, true, true),
            Act::AptRemove(names) => {
                let requests = names.iter().cloned().map(Request::Remove).collect();
                self.apt(&Call { offers: self.debs.clone(), requests, ..Call::default() })
            }
            Act::AptPurge(names) => {
                let requests = names.iter().cloned().map(Request::Purge).collect();
                self.apt(&Call { offers: self.debs.clone(), requests, ..Call::default() })
            }
            Act::AptFix => self.apt(&Call { offers: self.debs.clone(), ..Call::default() }),
            Act::Install(packages) => self.dpkg(false, |dpkg| dpkg.install(&self.debs(packages))),
            Act::ForceInstall(packages) => self.dpkg(true, |dpkg| dpkg.install(&self.debs(packages))),
            Act::Unpack(packages) => self.dpkg(false, |dpkg| dpkg.unpack_all(&self.debs(packages)).map(drop)),
            Act::CutUnpack(package) => self.cut_unpack(package),
            Act::Configure => self.dpkg(false, |dpkg| dpkg.configure_pending()),
            Act::Remove(names) => self.dpkg(false, |dpkg| dpkg.remove_each(names, false)),
            Act::Purge(names) => self.dpkg(false, |dpkg| dpkg.remove_each(names, true)),
            Act::ForcePurge(names) => self.dpkg(true, |dpkg| dpkg.remove_each(names, true)),
            Act::Neutralise(package, script) => {
                self.disk().replace(&info(package, script), "#!/bin/sh\nexit 0\n");
                true
            }
            Act::Select(wants) => {
                let wants: Vec<_> = wants.iter().map(|(name, want)| (name.clone(), want.clone())).collect();
                self.dpkg(false, |dpkg| {
                    dpkg.select(&wants);
                    Ok(())
                })
            }
            Act::Write(files) => {
                files.iter().for_each(|(path, content)| self.disk().write(path, content));
                true
            }
            Act::Delete(paths) => {
                let delete = |path: &String| fs::remove_file(self.disk().path(path));
                paths.iter().for_each(|path| delete(path).expect("a file to delete is there"));
                true
            }
        }
    }
}

impl Stage for Modelled {
    fn play(&self, act: &Act) -> Outcome {
        let told_before = self.steps.trace(0).len();
        let succeeds = self.play_act(act);
        let database = Database::read(self.disk());
        let (mut packages, mut conffiles) = (Vec::new(), Vec::new());
        for entry in database.entries() {
            let configured =
                entry.configured_apart().map_or_else(String::new, |version| format!(" configured {version}"));
            let status = format!("{} {} {}", entry.want, entry.flag(), entry.status.word());
            packages.push(format!("{} {} {status}{configured}", entry.name, entry.version()));
            conffiles.extend(entry.conffiles.iter().map(|conffile| format!("{} {}", entry.name, conffile.line())));
        }
        conffiles.sort();
        Outcome {
            succeeds,
            interrupted: Database::is_interrupted(self.disk()),
            packages,
            conffiles,
            files: files_of(self.root.path()),
            trace: self.steps.trace(told_before),
        }
    }
}
