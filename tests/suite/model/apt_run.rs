//! How apt carries out what it decided: one run of dpkg after the other, until one fails.

use super::apt::Decision;
use super::database::{Database, Entry};
use super::deb::{ModelDeb, Relation};
use super::dpkg::{Dpkg, Ended, bucket, pending};
use super::steps::Disk;

/// One step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move<'a> {
    Unpack(&'a ModelDeb),
    Remove(&'a str),
}

/// Carries out a decision.
pub(crate) fn carry_out(disk: Disk<'_>, decision: &Decision) -> Ended {
    let told_before = disk.steps().trace(0).len();
    let wants = decision.remove.iter().map(|name| (name.clone(), "deinstall".to_owned()));
    let wants: Vec<_> = wants.chain(decision.purge.iter().map(|name| (name.clone(), "purge".to_owned()))).collect();
    if !wants.is_empty() {
        select(disk, &wants);
    }
    let ended = run_all(disk, decision);
    if !ended.success() {
        // apt takes a selection back unless it saw the package go.
        let told = disk.steps().trace(told_before);
        let is_gone = |name: &str, purge: bool| {
            let last = if purge { "not-installed" } else { "half-installed" };
            told.iter().any(|line| line.starts_with(&format!("{last} {name} ")))
        };
        let undone = wants.iter().filter(|(name, _)| !is_gone(name, decision.purge.contains(name)));
        let undone: Vec<_> = undone.map(|(name, _)| (name.clone(), "install".to_owned())).collect();
        if !undone.is_empty() {
            select(disk, &undone);
        }
    }
    ended
}

fn select(disk: Disk<'_>, wants: &[(String, String)]) {
    Dpkg::run(disk, false, |dpkg| {
        dpkg.select(wants);
        Ok(())
    });
}

fn run_all(disk: Disk<'_>, decision: &Decision) -> Ended {
    for moves in in_order(disk, decision).chunk_by(|one, other| one.is_unpacking() == other.is_unpacking()) {
        let ended = Dpkg::run(disk, false, |dpkg| {
            let debs: Vec<ModelDeb> = moves.iter().filter_map(|one| one.deb()).cloned().collect();
            dpkg.unpack_all(&debs)?;
            let names: Vec<String> = moves.iter().filter_map(|one| one.removed()).map(str::to_owned).collect();
            dpkg.remove_each(&names, false)
        });
        if !ended.success() {
            return ended;
        }
    }
    if !pending(&Database::read(disk)).is_empty() {
        let ended = Dpkg::run(disk, false, Dpkg::configure_pending);
        if !ended.success() {
            return ended;
        }
    }
    let mut names: Vec<String> = decision.purge.iter().cloned().collect();
    names.sort_by_key(|name| bucket(name));
    if names.is_empty() {
        return Ended { killed: false, complaints: Vec::new() };
    }
    Dpkg::run(disk, false, |dpkg| dpkg.remove_each(&names, true))
}

impl<'a> Move<'a> {
    fn is_unpacking(self) -> bool {
        matches!(self, Self::Unpack(_))
    }

    fn removed(self) -> Option<&'a str> {
        match self {
            Self::Unpack(_) => None,
            Self::Remove(name) => Some(name),
        }
    }

    fn deb(self) -> Option<&'a ModelDeb> {
        match self {
            Self::Unpack(deb) => Some(deb),
            Self::Remove(_) => None,
        }
    }
}

/// Puts removals first where nothing speaks against it, then packages by name, what is needed before what needs it.
fn in_order<'a>(disk: Disk<'_>, decision: &'a Decision) -> Vec<Move<'a>> {
    let database = Database::read(disk);
    let removals = decision.remove.iter().map(|name| Move::Remove(name));
    let mut waiting: Vec<Move<'_>> = removals.chain(decision.unpack.values().map(Move::Unpack)).collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |one: &Move<'_>| !waiting.iter().any(|other| comes_before(*other, *one, &database, decision));
        let next = waiting.iter().position(is_ready).unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}

fn comes_before(first: Move<'_>, second: Move<'_>, database: &Database<'_>, decision: &Decision) -> bool {
    let meets = |relations: &[String], name: &str, version: &str| {
        relations.iter().any(|text| Relation::parse(text).meets(name, version))
    };
    let found = |name: &str| database.find(name).filter(|entry| entry.is_there());
    let depends_on = |entry: Option<&Entry>, name: &str| {
        entry.is_some_and(|entry| entry.depends.iter().any(|text| Relation::parse(text).name == name))
    };
    match (first, second) {
        (Move::Remove(first), Move::Remove(second)) => depends_on(found(first), second),
        (Move::Remove(gone), Move::Unpack(deb)) => {
            let entry = found(gone);
            let hit = |entry: &Entry| {
                meets(&deb.conflicts, gone, entry.version()) || meets(&entry.conflicts, &deb.name, &deb.version)
            };
            entry.is_some_and(hit) || depends_on(entry, &deb.name)
        }
        (Move::Unpack(deb), Move::Remove(gone)) => {
            depends_on(found(&deb.name), gone) && !comes_before(second, first, database, decision)
        }
        (Move::Unpack(first), Move::Unpack(second)) if first.name != second.name => {
            let old = found(&first.name);
            if old.is_some_and(|entry| meets(&entry.conflicts, &second.name, &second.version)) {
                return true;
            }
            // The new dependency comes first, unless the old dependant does not fit it.
            let breaks = |dependant: &ModelDeb, needed: &ModelDeb| {
                depends_on(found(&dependant.name), &needed.name)
                    && found(&dependant.name).is_some_and(|old| !meets(&old.depends, &needed.name, &needed.version))
            };
            breaks(first, second) || needs(second, &first.name, decision, 0) && !breaks(second, first)
        }
        (Move::Unpack(_), Move::Unpack(_)) => false,
    }
}

/// Whether a package that is unpacked needs another one, by whatever way.
fn needs(deb: &ModelDeb, name: &str, decision: &Decision, depth: usize) -> bool {
    let direct = |text: &String| {
        let needed = Relation::parse(text).name;
        let further = decision.unpack.get(&needed);
        needed == name || depth < 10 && further.is_some_and(|further| needs(further, name, decision, depth + 1))
    };
    deb.depends.iter().any(direct)
}
