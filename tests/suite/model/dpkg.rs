//! A run of dpkg: what it is given, one package after the other, and the scripts that it calls.

use std::collections::VecDeque;

use super::database::{Database, Entry, Status};
use super::deb::{ModelDeb, Relation, SCRIPTS};
use super::steps::Disk;

/// A run of dpkg.
#[derive(Debug)]
pub(crate) struct Dpkg<'a> {
    pub(super) disk: Disk<'a>,
    pub(super) database: Database<'a>,
    /// Whether it has the forces of the ladder's last rung.
    pub(super) forced: bool,
    complaints: Vec<Complaint>,
}

/// Why dpkg could not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// In dpkg's words, more or less.
    pub(crate) message: String,
    /// The package and the maintainer script that failed, where one did.
    pub(crate) script: Option<(String, String)>,
}

/// Why a step was not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It failed, and dpkg goes on with the next package.
    Failed(Complaint),
    /// dpkg was killed.
    Killed,
}

/// The outcome of a step.
pub(crate) type Step = Result<(), Stop>;

/// How a run of dpkg ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Whether it was killed.
    pub(crate) killed: bool,
    /// What it complained of.
    pub(crate) complaints: Vec<Complaint>,
}

impl Ended {
    /// Whether the exit code is 0.
    pub(crate) fn success(&self) -> bool {
        !self.killed && self.complaints.is_empty()
    }
}

impl<'a> Dpkg<'a> {
    /// Runs dpkg to its end.
    pub(crate) fn run(disk: Disk<'a>, forced: bool, work: impl FnOnce(&mut Self) -> Step) -> Ended {
        let mut dpkg = Self { disk, database: Database::open(disk), forced, complaints: Vec::new() };
        match work(&mut dpkg) {
            Err(Stop::Killed) => return Ended { killed: true, complaints: dpkg.complaints },
            Err(Stop::Failed(complaint)) => dpkg.complaints.push(complaint),
            Ok(()) => {}
        }
        dpkg.database.close();
        Ended { killed: false, complaints: dpkg.complaints }
    }

    /// `dpkg -i`.
    pub(crate) fn install(&mut self, debs: &[ModelDeb]) -> Step {
        let unpacked = self.unpack_all(debs)?;
        self.configure_each(unpacked)
    }

    /// `dpkg --unpack`; returns the packages that were unpacked.
    pub(crate) fn unpack_all(&mut self, debs: &[ModelDeb]) -> Result<Vec<String>, Stop> {
        let mut unpacked = Vec::new();
        for deb in debs {
            let step = self.unpack(deb);
            if self.went_well(step)? {
                unpacked.push(deb.name.clone());
            }
        }
        Ok(unpacked)
    }

    /// `dpkg --configure` of these packages, each after those that it needs.
    pub(crate) fn configure_each(&mut self, names: Vec<String>) -> Step {
        let mut queue = VecDeque::from(names);
        let mut deferred = 0;
        while let Some(name) = queue.pop_front() {
            let unmet = self.unmet(&name);
            if unmet.is_empty() || self.forced {
                deferred = 0;
                let step = self.configure(&name);
                self.went_well(step)?;
            } else if deferred < queue.len() && unmet.iter().any(|needed| queue.contains(&needed.name)) {
                deferred += 1;
                queue.push_back(name);
            } else {
                let message = format!("dependency problems prevent configuration of {name}");
                self.complaints.push(Complaint { message, script: None });
            }
        }
        Ok(())
    }

    /// `dpkg --configure -a`: everything that is wanted and not configured.
    pub(crate) fn configure_pending(&mut self) -> Step {
        let pending = pending(&self.database);
        self.configure_each(pending)
    }

    /// `dpkg --remove` or `--purge`, each package after those that need it.
    pub(crate) fn remove_each(&mut self, names: &[String], purge: bool) -> Step {
        let mut queue: VecDeque<String> = names.iter().cloned().collect();
        let mut deferred = 0;
        while let Some(name) = queue.pop_front() {
            let needing = self.needing(&name);
            if deferred < queue.len() && needing.iter().any(|dependant| queue.contains(dependant)) {
                deferred += 1;
                queue.push_back(name);
                continue;
            }
            deferred = 0;
            let step = self.remove(&name, purge, !needing.is_empty());
            self.went_well(step)?;
        }
        Ok(())
    }

    /// `dpkg --set-selections`; packages that nobody knows are left out.
    pub(crate) fn select(&mut self, wants: &[(String, String)]) {
        for (name, want) in wants {
            if self.database.find(name).is_some() {
                want.clone_into(&mut self.database.entry(name).want);
            }
        }
    }

    /// Notes a failure and goes on; only a kill stops the run.
    fn went_well(&mut self, step: Step) -> Result<bool, Stop> {
        match step {
            Ok(()) => Ok(true),
            Err(Stop::Failed(complaint)) => {
                self.complaints.push(complaint);
                Ok(false)
            }
            Err(Stop::Killed) => Err(Stop::Killed),
        }
    }

    /// What a package needs and does not find configured.
    fn unmet(&self, name: &str) -> Vec<Relation> {
        let Some(entry) = self.database.find(name) else { return Vec::new() };
        let configured = |needed: &Relation| {
            let meets = |other: &Entry| other.status == Status::Installed && needed.meets(&other.name, other.version());
            self.database.entries().any(meets)
        };
        entry.depends.iter().map(|text| Relation::parse(text)).filter(|needed| !configured(needed)).collect()
    }

    /// The packages that cannot be without this one.
    fn needing(&self, name: &str) -> Vec<String> {
        let needs = |entry: &&Entry| {
            let relation = |text: &String| Relation::parse(text).name == name;
            entry.name != name && entry.status >= Status::Unpacked && entry.depends.iter().any(relation)
        };
        self.database.entries().filter(needs).map(|entry| entry.name.clone()).collect()
    }

    /// Calls a script that is installed.
    pub(super) fn call_installed(&self, name: &str, script: &str, verb: &str) -> Step {
        self.call(self.disk.read(&info(name, script)), name, script, verb)
    }

    /// Calls a script of a package that is being unpacked.
    pub(super) fn call_new(&self, deb: &ModelDeb, script: &str, verb: &str) -> Step {
        self.call(script_text(deb, script), &deb.name, script, verb)
    }

    /// Calls an installed script for an upgrade, and the new package's one when that fails.
    pub(super) fn call_either(&self, deb: &ModelDeb, script: &str) -> Step {
        match self.call_installed(&deb.name, script, "upgrade") {
            Err(Stop::Failed(_)) => self.call_new(deb, script, "failed-upgrade"),
            ended => ended,
        }
    }

    fn call(&self, text: Option<String>, name: &str, script: &str, verb: &str) -> Step {
        let text = text.unwrap_or_default();
        // A neutralised script does nothing and says nothing.
        let Some(owner) = text.lines().find_map(|line| line.strip_prefix("# script of ")) else { return Ok(()) };
        self.disk.steps().tell(format!("{script} {verb} of {owner}"));
        let told = |deed: &str| text.lines().any(|line| line == format!("{deed} {verb}"));
        if told("kill") {
            return Err(Stop::Killed);
        }
        if told("fail") {
            let message = format!("{name} package {script} {verb} script subprocess returned error exit status 1");
            return Err(Stop::Failed(Complaint { message, script: Some((name.to_owned(), script.to_owned())) }));
        }
        Ok(())
    }
}

/// A failure without a script.
pub(super) fn failed(message: String) -> Stop {
    Stop::Failed(Complaint { message, script: None })
}

/// Everything that is wanted and not configured, in apt's order of names.
pub(crate) fn pending(database: &Database<'_>) -> Vec<String> {
    let is_pending = |entry: &&Entry| {
        let is_wanted = entry.want == "install" || entry.want == "hold";
        is_wanted && matches!(entry.status, Status::Unpacked | Status::HalfConfigured)
    };
    let mut names: Vec<String> = database.entries().filter(is_pending).map(|entry| entry.name.clone()).collect();
    names.sort_by_key(|name| bucket(name));
    names
}

/// Where apt's table of names has a package: names that do not depend on one another come in this order.
pub(crate) fn bucket(name: &str) -> std::cmp::Reverse<u32> {
    let hash = name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)));
    std::cmp::Reverse(hash % 196_613)
}

/// A file of dpkg's about a package.
pub(crate) fn info(name: &str, kind: &str) -> String {
    format!("/var/lib/dpkg/info/{name}.{kind}")
}

/// A script as it lies on the disk; none for a package without scripts.
pub(super) fn script_text(deb: &ModelDeb, script: &str) -> Option<String> {
    let mut text = format!("#!/bin/sh\n# script of {} {}\n", deb.name, deb.version);
    for (slots, deed) in [(&deb.failing, "fail"), (&deb.killing, "kill")] {
        for verb in slots.iter().filter_map(|slot| slot.strip_prefix(script)?.strip_prefix(' ')) {
            text += &format!("{deed} {verb}\n");
        }
    }
    (!deb.plain && SCRIPTS.contains(&script)).then_some(text)
}
