//! Bundles in a job: taking one in, planning it, carrying it out, taking it back.

mod install;
mod plan;
mod receive;
mod vouch;
mod withdraw;

use std::path::PathBuf;

use belay_protocol::bundle::BundleOrder;
use belay_protocol::local::KeptBundle;
use belay_protocol::{Failure, Reason};

use super::Inner;
use crate::host::bundle::capture;
use crate::host::bundle::script::Script;
use crate::host::bundle::store::{Store, Stored};
use crate::host::disk;
use crate::host::ledger::{BundlePart, Protection, Transaction};
use crate::host::restore_point;

/// How many jobs' logs are kept.
const LOGS: usize = 20;

impl Inner {
    pub(super) fn store(&self) -> Store {
        Store::new(&self.settings.host_dir().join("bundles"))
    }

    /// The bundle that a transaction installs; none where it is about packages alone.
    pub(super) fn bundle_of(&self, open: &Transaction) -> Result<Option<Stored>, Failure> {
        open.request.bundle().map(|order| self.at_hand(order)).transpose()
    }

    pub(super) fn at_hand(&self, order: &BundleOrder) -> Result<Stored, Failure> {
        self.store().find(&order.sha256)?.ok_or_else(|| {
            let message = format!("the bundle {} is not on the device any more; ask for it again", order.sha256);
            Failure::new(Reason::BadBundle, message)
        })
    }

    /// The bundles that are kept, as they are shown.
    pub(super) fn kept_bundles(&self) -> Result<Vec<KeptBundle>, Failure> {
        let in_force = self.ledger.entries().bundle_in_force().map(|part| part.sha256);
        let shown = |record: crate::host::bundle::store::Record| KeptBundle {
            in_force: in_force == Some(record.sha256),
            version: record.version,
            sha256: record.sha256,
            bytes: record.bytes,
        };
        Ok(self.store().records()?.into_iter().map(shown).collect())
    }

    /// Drops bundles beyond the cap: never one in force, nor one that a way back may have to run.
    pub(super) fn prune_bundles(&self) -> Result<(), Failure> {
        let entries = self.ledger.entries();
        let mut keep: std::collections::BTreeSet<String> =
            entries.bundle_in_force().iter().map(|part| part.version.to_string()).collect();
        keep.extend(entries.open.iter().filter_map(|open| open.bundle.as_ref()).map(|part| part.version.to_string()));
        keep.extend(self.run_on_the_way_back()?);
        self.store().prune(&keep, self.settings.bundle.keep_bytes).map(|_| ())
    }

    /// Versions whose scripts a way back would run.
    fn run_on_the_way_back(&self) -> Result<std::collections::BTreeSet<String>, Failure> {
        let listing = restore_point::list(&self.points_dir())?;
        let parts =
            listing.points.iter().filter(|stored| stored.undone.is_none()).filter_map(|one| one.point.bundle.as_ref());
        let version = |part: &BundlePart| match &part.protection {
            Protection::Script => Some(part.version.to_string()),
            Protection::Previous { version } => Some(version.to_string()),
            Protection::Captured | Protection::Paths | Protection::Nothing => None,
        };
        Ok(parts.filter_map(version).collect())
    }

    /// A folder for what a captured script writes; on a device it lies on the root's own file system.
    fn scratch(&self) -> PathBuf {
        self.settings.host_dir().join("capture")
    }

    /// Removes what an interrupted script or arrival left.
    pub(super) fn clear_scratch(&self) -> Result<(), Failure> {
        capture::clear(&self.scratch())?;
        self.store().remove_leftovers()
    }

    /// A script of a bundle with everything that it is given.
    fn script<'a>(
        &'a self,
        open: &Transaction,
        stored: &'a Stored,
        name: &'a str,
        mode: &str,
    ) -> Result<Script<'a>, Failure> {
        let settings = &self.settings.bundle;
        let old = self.ledger.entries().bundle_in_force().map(|part| part.version.to_string());
        let variable = |name: &str, value: String| (name.to_owned(), value);
        let logs = self.settings.host_dir().join("logs");
        disk::make_folder(&logs)?;
        let on_device = self.device.root() == std::path::Path::new("/") && disk::is_root();
        let systemd = on_device && std::path::Path::new("/run/systemd/system").is_dir();
        let longest = settings.script_timeout;
        Ok(Script {
            bundle: &stored.tree,
            name,
            program: &self.program,
            environment: vec![
                variable("BELAY_JOB", open.job.to_string()),
                variable("BELAY_MODE", mode.to_owned()),
                variable("BELAY_OLD_VERSION", old.unwrap_or_default()),
                variable("BELAY_VERSION", stored.record.version.to_string()),
            ],
            timeout: stored.description.timeout.map_or(longest, |timeout| timeout.min(longest)),
            memory: settings.script_memory,
            log: logs.join(format!("{:08}.log", open.job.0)),
            log_bytes: settings.log_bytes,
            unit: systemd.then(|| format!("belay-bundle-{}", open.job)),
        })
    }

    /// Drops the logs of jobs long ago.
    pub(super) fn prune_logs(&self) -> Result<(), Failure> {
        let logs = self.settings.host_dir().join("logs");
        let names = disk::names_in(&logs)?;
        for name in names.iter().take(names.len().saturating_sub(LOGS)) {
            let path = logs.join(name);
            disk::remove_if_there(&path).map_err(|error| disk::failure("remove", &path, &error))?;
        }
        Ok(())
    }
}
