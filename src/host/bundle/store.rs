//! Bundles on the device: `bundles/VERSION/` with `tree/` and a sealed `bundle.json`. A folder of that name is complete:
//! it is built under another one, whose name no version can have, and renamed at the end.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason, ReleaseVersion, Sha256};
use serde::{Deserialize, Serialize};

use super::description::Description;
use crate::durable::sync_folder;
use crate::failpoint;
use crate::host::disk;
use crate::host::sealed::{seal, unseal};

/// The points at which a test can end the process in this file.
pub const FAILPOINTS: &[&str] = &["store.admit.before", "store.admit.after", "store.remove.before"];

/// The folder of all bundles.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// What `bundle.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The bundle's version.
    pub version: ReleaseVersion,
    /// The digest of its archive.
    pub sha256: Sha256,
    /// Bytes that its files take.
    pub bytes: u64,
    /// The key that vouched for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<String>,
}

/// A bundle on the device.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its unpacked files.
    pub tree: PathBuf,
    /// What was recorded of it.
    pub record: Record,
    /// What it says of itself.
    pub description: Description,
}

impl Store {
    /// The bundles below `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes an empty folder for what arrives, with `tree/` in it; what an earlier try left is removed.
    ///
    /// # Errors
    /// `no_space`, `state`.
    pub fn begin(&self) -> Result<PathBuf, Failure> {
        disk::make_folder(&self.folder)?;
        self.remove_leftovers()?;
        let arriving = self.folder.join(ARRIVING);
        disk::make_folder(&arriving.join("tree"))?;
        disk::make_folder(&arriving)?;
        Ok(arriving)
    }

    /// Takes what arrived among the bundles, in place of another one of that version; durable when it returns.
    ///
    /// # Errors
    /// `no_space`, `state`.
    pub fn admit(&self, arriving: &Path, record: &Record) -> Result<(), Failure> {
        seal(&arriving.join(RECORD), record)?;
        disk::sync_file_system(arriving)?;
        let place = self.folder.join(record.version.as_str());
        failpoint!("store.admit.before");
        self.retire(&record.version)?;
        std::fs::rename(arriving, &place)
            .and_then(|()| sync_folder(&self.folder))
            .map_err(|error| disk::failure("put in place the bundle", &place, &error))?;
        failpoint!("store.admit.after");
        self.remove_leftovers()
    }

    /// Writes the record of a bundle anew; durable when it returns.
    ///
    /// # Errors
    /// `no_space`, `state`.
    pub fn record(&self, record: &Record) -> Result<(), Failure> {
        seal(&self.folder.join(record.version.as_str()).join(RECORD), record)
    }

    /// Removes what an interrupted arrival or removal left.
    ///
    /// # Errors
    /// `state`.
    pub fn remove_leftovers(&self) -> Result<(), Failure> {
        for name in disk::names_in(&self.folder)? {
            if name.to_str().is_some_and(|name| name == ARRIVING || name.starts_with(GONE)) {
                disk::remove_folder(&self.folder.join(name))?;
            }
        }
        Ok(())
    }

    /// The bundle whose archive has that digest, where it is on the device.
    ///
    /// # Errors
    /// What it says of itself can no longer be read.
    pub fn find(&self, sha256: &Sha256) -> Result<Option<Stored>, Failure> {
        let record = self.records()?.into_iter().find(|record| record.sha256 == *sha256);
        record.map(|record| self.open(record)).transpose()
    }

    /// The bundle of that version, where it is on the device.
    ///
    /// # Errors
    /// What it says of itself can no longer be read.
    pub fn of_version(&self, version: &ReleaseVersion) -> Result<Option<Stored>, Failure> {
        let record = self.records()?.into_iter().find(|record| record.version.is_same(version));
        record.map(|record| self.open(record)).transpose()
    }

    /// All bundles, the newest version first. One whose record is damaged is none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, Failure> {
        let mut records = Vec::new();
        for name in disk::names_in(&self.folder)? {
            let Some(version) = name.to_str().and_then(|name| name.parse::<ReleaseVersion>().ok()) else { continue };
            match unseal::<Record>(&self.folder.join(&name).join(RECORD)) {
                Ok(Some(record)) if record.version == version => records.push(record),
                Ok(_) => tracing::warn!("{} holds another bundle than its name says", name.display()),
                Err(failure) => tracing::warn!("a kept bundle cannot be used: {}", failure.message),
            }
        }
        records.sort_by(newest_first);
        Ok(records)
    }

    /// Removes bundles until they take no more than `max_bytes`, the lowest versions first; those in `keep` stay. Returns
    /// the versions that went.
    ///
    /// # Errors
    /// `state`.
    pub fn prune(&self, keep: &BTreeSet<String>, max_bytes: u64) -> Result<Vec<ReleaseVersion>, Failure> {
        let records = self.records()?;
        let mut held = records.iter().map(|record| record.bytes).fold(0, u64::saturating_add);
        let mut gone = Vec::new();
        for record in records.iter().rev().filter(|record| !keep.contains(record.version.as_str())) {
            if held <= max_bytes {
                break;
            }
            failpoint!("store.remove.before");
            self.retire(&record.version)?;
            held = held.saturating_sub(record.bytes);
            gone.push(record.version.clone());
        }
        self.remove_leftovers()?;
        Ok(gone)
    }

    fn open(&self, record: Record) -> Result<Stored, Failure> {
        let tree = self.folder.join(record.version.as_str()).join("tree");
        let description = Description::read(&tree).map_err(|failure| {
            let message = format!("the kept bundle {} is damaged: {}; fetch it anew", record.version, failure.message);
            Failure::new(Reason::BadBundle, message)
        })?;
        Ok(Stored { tree, record, description })
    }

    /// Takes a version out of the way, at once; its files go afterwards.
    fn retire(&self, version: &ReleaseVersion) -> Result<(), Failure> {
        let place = self.folder.join(version.as_str());
        let gone = self.folder.join(format!("{GONE}{version}"));
        disk::remove_folder(&gone)?;
        let renamed = disk::absent_is_none(std::fs::rename(&place, &gone)).and_then(|_| sync_folder(&self.folder));
        renamed.map_err(|error| disk::failure("take out of the way", &place, &error))
    }
}

/// Versions without an order come last, by their text.
fn newest_first(one: &Record, other: &Record) -> Ordering {
    let texts = || other.version.as_str().cmp(one.version.as_str());
    other.version.compare(&one.version).unwrap_or_else(texts).then_with(texts)
}

/// A version has no `~`.
const ARRIVING: &str = "arriving~";
const GONE: &str = "gone~";
const RECORD: &str = "bundle.json";

#[cfg(test)]
mod tests;
