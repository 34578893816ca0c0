//! A run of apt-get: what it decides to do.

use std::collections::{BTreeMap, BTreeSet};

use belay_protocol::{Failure, Reason};

use super::database::{Database, Entry, Status};
use super::deb::{ModelDeb, Relation};
use super::steps::Disk;

/// A call of `apt-get install`, `remove` or `purge`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// What the sources offer.
    pub(crate) offers: Vec<ModelDeb>,
    /// The .deb files that are named.
    pub(crate) files: Vec<ModelDeb>,
    /// What is asked for, the files among it.
    pub(crate) requests: Vec<Request>,
    /// Whether a version that is installed is installed again.
    pub(crate) again: bool,
    /// Whether nothing but files is asked for: apt then refuses to work on a broken device, even to repair it.
    pub(crate) only_files: bool,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// A package, in a version where one is named.
    Install(String, Option<String>),
    /// A package goes.
    Remove(String),
    /// A package goes with its configuration.
    Purge(String),
}

/// What apt decided to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Packages to unpack, by name.
    pub(crate) unpack: BTreeMap<String, ModelDeb>,
    /// Packages to remove.
    pub(crate) remove: BTreeSet<String>,
    /// Packages to purge.
    pub(crate) purge: BTreeSet<String>,
}

/// A package as it would be in the end.
#[derive(Debug, Clone)]
struct Future<'a> {
    name: &'a str,
    version: &'a str,
    depends: &'a [String],
    conflicts: &'a [String],
}

impl Call {
    /// Decides, or says why not. Changes nothing.
    pub(crate) fn decide(&self, disk: Disk<'_>) -> Result<Decision, Failure> {
        if Database::is_interrupted(disk) {
            let message = "dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem";
            return Err(Failure::new(Reason::DeviceBroken, message));
        }
        self.plan(disk)
    }

    /// Decides as a simulation does, which does not mind an interrupted dpkg.
    pub(crate) fn plan(&self, disk: Disk<'_>) -> Result<Decision, Failure> {
        let database = Database::read(disk);
        let mut decision = self.repairs(&database)?;
        let was_broken = broken(&database, &decision).is_some();
        if was_broken && self.only_files {
            return Err(unmet_on_device());
        }
        for request in &self.requests {
            self.follow(request, &database, &mut decision)?;
        }
        if was_broken && !self.requests.is_empty() && broken(&database, &decision).is_some() {
            return Err(unmet_on_device());
        }
        self.resolve(&database, &mut decision)?;
        Ok(decision)
    }

    /// What apt does about half-installed packages whatever it is asked for.
    fn repairs(&self, database: &Database<'_>) -> Result<Decision, Failure> {
        let mut decision = Decision::default();
        for entry in database.entries() {
            if entry.reinstreq {
                let known = entry.architecture.is_some();
                if known && self.all().any(|deb| deb.name == entry.name && deb.version == entry.version()) {
                    continue;
                }
                let Some(deb) = self.newest(&entry.name, |_| true) else {
                    let message = format!(
                        "The package {} needs to be reinstalled, but I can't find an archive for it.",
                        entry.name
                    );
                    return Err(Failure::new(Reason::DeviceBroken, message));
                };
                decision.unpack.insert(deb.name.clone(), deb.clone());
            } else if entry.status == Status::HalfInstalled {
                decision.remove.insert(entry.name.clone());
            }
        }
        Ok(decision)
    }

    fn follow(&self, request: &Request, database: &Database<'_>, decision: &mut Decision) -> Result<(), Failure> {
        match request {
            Request::Install(name, version) => {
                let deb = self.newest(name, |deb| version.as_ref().is_none_or(|version| deb.version == *version));
                let Some(deb) = deb else {
                    return Err(match (version, self.newest(name, |_| true)) {
                        (Some(version), Some(_)) => {
                            let message = format!("Version '{version}' for '{name}' was not found");
                            Failure::new(Reason::VersionUnavailable, message)
                        }
                        (_, _) => Failure::new(Reason::UnknownPackage, format!("Unable to locate package {name}")),
                    });
                };
                decision.remove.remove(name);
                let same =
                    |entry: &&Entry| entry.is_there() && entry.version() == deb.version && entry.architecture.is_some();
                match database.find(name).filter(same) {
                    None => drop(decision.unpack.insert(name.clone(), deb.clone())),
                    Some(_) if !self.again => drop(decision.unpack.remove(name)),
                    Some(entry) if !entry.reinstreq && entry.status < Status::Installed => {
                        let message = format!("Internal Error, No file name for {name}");
                        return Err(Failure::new(Reason::AptFailed, message));
                    }
                    Some(_) => drop(decision.unpack.insert(name.clone(), deb.clone())),
                }
            }
            Request::Remove(name) | Request::Purge(name) => {
                let Some(entry) = database.find(name) else { return Ok(()) };
                decision.unpack.remove(name);
                // What is half-installed is only removed, whatever was asked for.
                if matches!(request, Request::Purge(_)) && entry.status != Status::HalfInstalled {
                    decision.purge.insert(name.clone());
                }
                if entry.is_there() {
                    decision.remove.insert(name.clone());
                }
            }
        }
        Ok(())
    }

    /// Brings dependencies along; removes what conflicts, and what would be left without what it needs.
    fn resolve(&self, database: &Database<'_>, decision: &mut Decision) -> Result<(), Failure> {
        let asked: BTreeSet<&str> = self.requests.iter().map(Request::name).collect();
        for _ in 0..100 {
            if let Some((one, other)) = conflict(database, decision) {
                let loser = if asked.contains(other.as_str()) { one } else { other };
                if asked.contains(loser.as_str()) {
                    return Err(Failure::new(
                        Reason::UnmetDependency,
                        format!("{loser} conflicts with what is asked for"),
                    ));
                }
                decision.unpack.remove(&loser);
                decision.remove.insert(loser);
                continue;
            }
            let Some((name, needed)) = broken(database, decision) else { return Ok(()) };
            let is_free = |name: &str| !asked.contains(name) && !decision.remove.contains(name);
            let help = self.newest(&needed.name, |deb| is_free(&deb.name) && needed.meets(&deb.name, &deb.version));
            if let Some(deb) = help {
                decision.unpack.insert(deb.name.clone(), deb.clone());
            } else if asked.contains(name.as_str()) {
                let message = format!("{name} : Depends: {}, which is not to be had", needed.name);
                return Err(Failure::new(Reason::UnmetDependency, message));
            } else if let Some(deb) = self.newest(&name, |deb| self.fits(deb, database, decision)) {
                decision.unpack.insert(name, deb.clone());
            } else {
                decision.unpack.remove(&name);
                decision.remove.insert(name);
            }
        }
        Err(Failure::new(Reason::UnmetDependency, "Unable to correct problems, you have held broken packages."))
    }

    fn fits(&self, deb: &ModelDeb, database: &Database<'_>, decision: &Decision) -> bool {
        let futures = futures(database, decision);
        let met = |text: &String| {
            let needed = Relation::parse(text);
            futures.iter().any(|other| needed.meets(other.name, other.version))
        };
        deb.depends.iter().all(met) && decision.unpack.get(&deb.name) != Some(deb)
    }

    fn newest(&self, name: &str, wanted: impl Fn(&ModelDeb) -> bool) -> Option<&ModelDeb> {
        let fitting = self.all().filter(|deb| deb.name == name && wanted(deb));
        fitting.max_by(|one, other| deb_version::compare_versions(&one.version, &other.version))
    }

    fn all(&self) -> impl Iterator<Item = &ModelDeb> {
        self.offers.iter().chain(&self.files)
    }
}

impl Request {
    /// The package that it is about.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Install(name, _) | Self::Remove(name) | Self::Purge(name) => name,
        }
    }
}

/// A package that would be without what it needs.
pub(super) fn broken(database: &Database<'_>, decision: &Decision) -> Option<(String, Relation)> {
    let futures = futures(database, decision);
    futures.iter().find_map(|future| {
        let met = |needed: &Relation| futures.iter().any(|other| needed.meets(other.name, other.version));
        let unmet = future.depends.iter().map(|text| Relation::parse(text)).find(|needed| !met(needed))?;
        Some((future.name.to_owned(), unmet))
    })
}

/// A package that would be unpacked, and another that it could not be together with.
fn conflict(database: &Database<'_>, decision: &Decision) -> Option<(String, String)> {
    let futures = futures(database, decision);
    let hits = |one: &Future<'_>, other: &Future<'_>| {
        let meets = |text: &String| Relation::parse(text).meets(other.name, other.version);
        one.name != other.name && one.conflicts.iter().any(meets)
    };
    futures.iter().filter(|one| decision.unpack.contains_key(one.name)).find_map(|one| {
        let other = futures.iter().find(|other| hits(one, other) || hits(other, one))?;
        Some((one.name.to_owned(), other.name.to_owned()))
    })
}

fn futures<'a>(database: &'a Database<'_>, decision: &'a Decision) -> Vec<Future<'a>> {
    let stays = |entry: &&Entry| {
        entry.is_there() && !decision.remove.contains(&entry.name) && !decision.unpack.contains_key(&entry.name)
    };
    let kept = database.entries().filter(stays).map(|entry| Future {
        name: &entry.name,
        version: entry.version(),
        depends: &entry.depends,
        conflicts: &entry.conflicts,
    });
    let unpacked = decision.unpack.values().map(|deb| Future {
        name: &deb.name,
        version: &deb.version,
        depends: &deb.depends,
        conflicts: &deb.conflicts,
    });
    kept.chain(unpacked).collect()
}

fn unmet_on_device() -> Failure {
    let message = "Unmet dependencies. Try 'apt --fix-broken install' with no packages (or specify a solution).";
    Failure::new(Reason::DeviceBroken, message)
}
