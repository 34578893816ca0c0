//! The restore point's copy of dpkg's database, and putting single pieces of it back.
//!
//! The copy is for when apt and dpkg themselves cannot help: a status file of length zero, file lists torn by a
//! power cut, and the few states that no dpkg command can bring about. Diversions, statoverrides and alternatives
//! go back with the tree, which knows whether somebody else changed them since.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use belay_protocol::{Architecture, Failure, PackageId, Reason, Sha256, Version};

use super::disk::{self, Attributes};
use super::stanza::{self, Stanza, StanzaError, Stanzas};
use crate::durable::{digest_of_bytes, digest_of_file};
use crate::failpoint;

/// The points at which a test can end the process in this file.
pub const FAILPOINTS: &[&str] = &[
    "database.copy.before",
    "database.copy.after",
    "database.status.before",
    "database.status.after",
    "database.marks.before",
    "database.marks.after",
    "database.info.before",
    "database.info.after",
];

const DPKG: &str = "var/lib/dpkg";
const MARKS: &str = "var/lib/apt/extended_states";
const FILES: &[&str] = &["status", "diversions", "statoverride"];
const FOLDERS: &[&str] = &["info", "alternatives", "triggers"];

/// A root with the copy of its database that a restore point holds.
#[derive(Debug, Clone)]
pub struct Database<'a> {
    /// The root.
    pub root: &'a Path,
    /// The copy's folder.
    pub copy: PathBuf,
    /// The digest that the copy was recorded with; none while it is being taken. Where it does not fit, nothing of the
    /// copy reaches the device, and what needs it fails with `vault_damaged`.
    pub expected: Option<Sha256>,
    /// The device's own architecture.
    pub native: &'a Architecture,
}

/// A package of a transaction whose stanza may have to be made up: see [`Database::restore_status_if_broken`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The package.
    pub package: PackageId,
    /// Its architecture.
    pub architecture: Architecture,
    /// The version that the transaction may have brought.
    pub version: Version,
}

impl Database<'_> {
    /// Copies the database. Files below `info/` are linked, not copied, where the file system allows: dpkg replaces
    /// them by renaming and never writes into them. Durable when it returns; the digest covers names and contents.
    pub fn capture(&self) -> Result<Sha256, Failure> {
        failpoint!("database.copy.before");
        disk::make_folder(&self.copy)?;
        for file in FILES {
            self.copy_file(&self.dpkg().join(file), &self.copy.join(file), false)?;
        }
        self.copy_file(&self.root.join(MARKS), &self.copy.join("extended_states"), false)?;
        for folder in FOLDERS {
            let (from, to) = (self.dpkg().join(folder), self.copy.join(folder));
            disk::make_folder(&to)?;
            for name in disk::names_in(&from)? {
                if from.join(&name).is_file() {
                    self.copy_file(&from.join(&name), &to.join(&name), *folder == "info")?;
                }
            }
        }
        disk::sync_file_system(&self.copy)?;
        failpoint!("database.copy.after");
        self.digest()
    }

    /// The digest of the whole copy, names and contents.
    pub fn digest(&self) -> Result<Sha256, Failure> {
        let mut lines = String::new();
        let folders = std::iter::once(self.copy.clone()).chain(FOLDERS.iter().map(|name| self.copy.join(name)));
        for folder in folders {
            for name in disk::names_in(&folder)? {
                let path = folder.join(&name);
                if path.is_file() {
                    let digest = digest_of_file(&path).map_err(|error| disk::failure("read", &path, &error))?;
                    lines.push_str(&format!("{digest} {}\n", path.strip_prefix(&self.copy).unwrap_or(&path).display()));
                }
            }
        }
        Ok(digest_of_bytes(lines.as_bytes()))
    }

    /// Puts the captured status file in place where dpkg's is missing, empty or not to be read. Returns whether it
    /// did. The captured file knows nothing of what was done since, so `suspects`, the transaction's packages, are
    /// marked as in need of reinstallation: undo then installs or purges each of them, whatever is on the disk.
    pub fn restore_status_if_broken(&self, suspects: &[Suspect]) -> Result<bool, Failure> {
        let path = self.dpkg().join("status");
        let captured = self.captured("status")?;
        let current = disk::read(&path)?.map(|bytes| disk::text_of(&bytes)).unwrap_or_default();
        let readable = Stanzas::parse(&current).is_ok_and(|stanzas| {
            stanzas.items.iter().all(|stanza| stanza.field("Package").is_some() && stanza.field("Status").is_some())
        });
        if readable && (!current.trim_ascii().is_empty() || captured.trim_ascii().is_empty()) {
            return Ok(false);
        }
        self.check_copy()?;
        let stanzas = Stanzas::parse(&captured).map_err(|error| self.unreadable(&self.copy.join("status"), &error))?;
        let marked: BTreeMap<_, _> = suspects
            .iter()
            .filter_map(|suspect| Some((suspect.package.clone(), Some(self.broken_stanza(&stanzas, suspect)?))))
            .collect();
        let status =
            stanza::replace(&captured, &marked, self.native).map_err(|error| self.unreadable(&path, &error))?;
        self.write("status", &path, &status)?;
        Ok(true)
    }

    /// Puts captured file lists in place where dpkg's are missing, empty or cut short: it refuses to do anything
    /// while one is. Returns their names.
    pub fn restore_info_if_broken(&self) -> Result<Vec<String>, Failure> {
        let status = disk::text_of(&disk::read(&self.dpkg().join("status"))?.unwrap_or_default());
        let known = Stanzas::parse(&status).map_err(|error| self.unreadable(&self.dpkg().join("status"), &error))?;
        let has_files =
            |stanza: &&Stanza<'_>| stanza.field("Status").is_some_and(|status| !status.ends_with(" not-installed"));
        let known: BTreeSet<&str> =
            known.items.iter().filter(has_files).filter_map(|stanza| stanza.field("Package")).collect();
        let mut restored = Vec::new();
        for name in disk::names_in(&self.copy.join("info"))? {
            let Some((stem, "list")) = name.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
            let is_known = stem.split(':').next().is_some_and(|name| known.contains(name));
            let (current, copy) = (self.dpkg().join("info").join(&name), self.copy.join("info").join(&name));
            let whole = disk::read(&current)?.is_some_and(|text| text.ends_with(b"\n"));
            let better = disk::read(&copy)?.filter(|text| text.ends_with(b"\n"));
            if let Some(text) = better.filter(|_| is_known && !whole) {
                if restored.is_empty() {
                    self.check_copy()?;
                }
                failpoint!("database.info.before");
                disk::write(&current, &text, Attributes::mode(0o644))?;
                failpoint!("database.info.after");
                restored.push(name.to_string_lossy().into_owned());
            }
        }
        Ok(restored)
    }

    /// Makes the files below `info/` of one package what they were: where only the configuration is left, the purge script
    /// must be the old version's, and a list must not claim what a newer version brought.
    pub fn restore_info_of(&self, package: &PackageId) -> Result<(), Failure> {
        let (from, to) = (self.copy.join("info"), self.dpkg().join("info"));
        let ours = |folder: &Path| -> Result<Vec<OsString>, Failure> {
            Ok(disk::names_in(folder)?.into_iter().filter(|name| self.belongs_to(name, package)).collect())
        };
        let gone: Vec<_> = ours(&to)?.into_iter().filter(|name| !from.join(name).exists()).collect();
        let mut differing = Vec::new();
        for name in ours(&from)? {
            let captured = disk::read(&from.join(&name))?;
            if disk::read(&to.join(&name))? != captured {
                differing.push((name, captured.unwrap_or_default()));
            }
        }
        if gone.is_empty() && differing.is_empty() {
            return Ok(());
        }
        self.check_copy()?;
        for name in gone {
            failpoint!("database.info.before");
            crate::durable::remove(&to.join(&name))
                .map_err(|error| disk::failure("remove", &to.join(&name), &error))?;
            failpoint!("database.info.after");
        }
        for (name, captured) in differing {
            failpoint!("database.info.before");
            let mode = Attributes::mode(if is_script(&name) { 0o755 } else { 0o644 });
            disk::write(&to.join(&name), &captured, mode)?;
            failpoint!("database.info.after");
        }
        Ok(())
    }

    /// Puts the captured status stanzas of `packages` back. The caller keeps other package managers out. Returns
    /// whether anything differed.
    pub fn patch_status(&self, packages: &[PackageId]) -> Result<bool, Failure> {
        let path = self.dpkg().join("status");
        let pending = disk::names_in(&self.dpkg().join("updates"))?;
        if let Some(name) = pending.iter().find(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit)) {
            return Err(Failure::new(
                Reason::State,
                format!(
                    "dpkg was interrupted and has not merged {}; run dpkg --configure -a, then ask again",
                    self.dpkg().join("updates").join(name).display()
                ),
            ));
        }
        let current = disk::text_of(&disk::read(&path)?.unwrap_or_default());
        let patched = stanza::patch_status(&current, &self.captured("status")?, packages, self.native)
            .map_err(|error| self.unreadable(&path, &error))?;
        if patched == current {
            return Ok(false);
        }
        self.write("status", &path, &patched)?;
        Ok(true)
    }

    /// Puts the captured automatic marks of `packages` back. Returns whether anything differed.
    pub fn patch_marks(&self, packages: &[PackageId]) -> Result<bool, Failure> {
        let path = self.root.join(MARKS);
        let current = disk::text_of(&disk::read(&path)?.unwrap_or_default());
        let patched = stanza::patch_marks(&current, &self.captured("extended_states")?, packages, self.native)
            .map_err(|error| self.unreadable(&path, &error))?;
        if patched == current {
            return Ok(false);
        }
        failpoint!("database.marks.before");
        disk::write(&path, &disk::bytes_of(&patched), Attributes::mode(0o644))?;
        failpoint!("database.marks.after");
        Ok(true)
    }

    fn write(&self, name: &str, path: &Path, text: &str) -> Result<(), Failure> {
        let mode = Attributes::mode(0o644);
        failpoint!("database.status.before");
        // As dpkg does: the file that is replaced stays beside it.
        if let Some(old) = disk::read(path)?.filter(|old| !old.is_empty()) {
            disk::write(&path.with_file_name(format!("{name}-old")), &old, mode)?;
        }
        disk::write(path, &disk::bytes_of(text), mode)?;
        failpoint!("database.status.after");
        Ok(())
    }

    /// The captured stanza marked as in need of reinstallation; one made up where dpkg has files of a package that
    /// it did not know before.
    fn broken_stanza(&self, captured: &Stanzas<'_>, suspect: &Suspect) -> Option<String> {
        if let Some(stanza) = captured.of(&suspect.package, self.native) {
            let want = stanza.field("Status")?.split(' ').next()?;
            let is_status = |line: &&str| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("Status:"));
            let line = stanza.text.lines().find(is_status)?;
            return Some(stanza.text.replacen(line, &format!("Status: {want} reinstreq half-installed"), 1));
        }
        let names = disk::names_in(&self.dpkg().join("info")).unwrap_or_default();
        let has_files = names.iter().any(|name| self.belongs_to(name, &suspect.package));
        has_files.then(|| {
            format!(
                "Package: {}\nStatus: install reinstreq half-installed\nMaintainer: unknown\nArchitecture: {}\n\
                 Version: {}\nDescription: left by an interrupted update\n",
                suspect.package.name(),
                suspect.architecture,
                suspect.version
            )
        })
    }

    /// Whether a file below `info/` is of that package: `demo.list`, or `libdemo:armhf.list`.
    fn belongs_to(&self, name: &OsStr, package: &PackageId) -> bool {
        let Some((stem, _)) = name.to_str().and_then(|name| name.rsplit_once('.')) else { return false };
        let (name, architecture) = stem.split_once(':').map_or((stem, None), |(name, rest)| (name, Some(rest)));
        let foreign = architecture.filter(|architecture| *architecture != self.native.as_str());
        name == package.name().as_str() && foreign == package.foreign().map(Architecture::as_str)
    }

    /// The version of every package that the captured status file has installed.
    pub fn versions(&self) -> Result<BTreeMap<PackageId, Version>, Failure> {
        let captured = self.captured("status")?;
        let stanzas = Stanzas::parse(&captured).map_err(|error| self.unreadable(&self.copy.join("status"), &error))?;
        let installed = stanzas.items.iter().filter_map(|stanza| {
            stanza.field("Status")?.ends_with(" installed").then_some(())?;
            Some((stanza.package(self.native)?, stanza.field("Version")?.parse().ok()?))
        });
        Ok(installed.collect())
    }

    /// Refuses a copy that is not the one that was recorded.
    fn check_copy(&self) -> Result<(), Failure> {
        let Some(expected) = self.expected else { return Ok(()) };
        let found = self.digest()?;
        if found == expected {
            return Ok(());
        }
        let message = format!(
            "the copy of dpkg's database in {} was damaged or tampered with: it has the digest {found}, not {expected}; \
             nothing of it was put back",
            self.copy.display()
        );
        Err(Failure::new(Reason::VaultDamaged, message))
    }

    fn captured(&self, name: &str) -> Result<String, Failure> {
        Ok(disk::text_of(&disk::read(&self.copy.join(name))?.unwrap_or_default()))
    }

    fn copy_file(&self, from: &Path, to: &Path, link: bool) -> Result<(), Failure> {
        if link && std::fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
        let copied = disk::absent_is_none(disk::open_regular(from, false)).and_then(|source| match source {
            None => Ok(0),
            Some(mut source) => {
                std::fs::File::create_new(to).and_then(|mut file| std::io::copy(&mut source, &mut file))
            }
        });
        copied.map(|_| ()).map_err(|error| disk::failure("copy into the restore point", from, &error))
    }

    fn unreadable(&self, path: &Path, error: &StanzaError) -> Failure {
        Failure::new(Reason::State, format!("{} cannot be read: {error}", path.display()))
    }

    fn dpkg(&self) -> PathBuf {
        self.root.join(DPKG)
    }
}

fn is_script(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["preinst", "postinst", "prerm", "postrm", "config"].iter().any(|script| name.ends_with(&format!(".{script}")))
}

#[cfg(test)]
mod tests;
