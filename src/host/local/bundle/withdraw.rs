//! Taking bundles back: the files that a captured script replaced, or what stands in for them.

use std::collections::BTreeSet;

use belay_protocol::job::Generation;
use belay_protocol::{Failure, Reason};

use super::super::Inner;
use crate::host::bundle::files::FilePlan;
use crate::host::bundle::{capture, services};
use crate::host::ledger::{BundlePart, Protection};
use crate::host::restore_point::Stored;
use crate::host::sealed::{seal, unseal};

impl Inner {
    /// Takes back what the bundles of these points (newest first) did to files. Returns what stays different, one sentence
    /// each. Repeated after an interruption, it goes on.
    pub(in crate::host::local) fn withdraw(&self, points: &[Stored]) -> Result<Vec<String>, Failure> {
        let mut reported = Vec::new();
        for stored in points {
            let Some(part) = &stored.point.bundle else { continue };
            match &part.protection {
                Protection::Captured => {
                    if let Some(plan) = FilePlan::load(&stored.folder)? {
                        reported.extend(plan.undo(self.device.root(), &stored.folder, stored.commit.is_some())?);
                    }
                }
                Protection::Script | Protection::Previous { .. } if has_run(stored)? => {}
                Protection::Script => reported.extend(self.run_back(stored, &part.sha256, Some("rollback.sh"))?),
                Protection::Previous { version } => {
                    let previous = self.store().of_version(version)?.ok_or_else(|| {
                        let message =
                            format!("bundle {version} is not kept any more, and only it could undo {}", part.version);
                        Failure::new(Reason::UndoFailed, message)
                    })?;
                    reported.extend(self.run_back(stored, &previous.record.sha256, None)?);
                }
                Protection::Paths | Protection::Nothing => {}
            }
        }
        capture::clear(&self.scratch())?;
        Ok(reported)
    }

    /// Runs a script of a kept bundle on the device, its install script where none is named, to undo what was done there.
    fn run_back(
        &self,
        stored: &Stored,
        sha256: &belay_protocol::Sha256,
        name: Option<&str>,
    ) -> Result<Vec<String>, Failure> {
        let missing = || {
            let message = format!("the bundle {sha256} is not kept any more, so its script cannot be run");
            Failure::new(Reason::UndoFailed, message)
        };
        let bundle = self.store().find(sha256)?.ok_or_else(missing)?;
        let open = self.ledger.entries().open.clone().ok_or_else(missing)?;
        let name = name.unwrap_or(bundle.description.script());
        let script = self.script(&open, &bundle, name, "rollback")?;
        let ran = capture::run_directly(self.device.root(), &self.scratch(), &script).map_err(|failure| {
            let message = format!("{name} of {} failed on the way back: {}", bundle.record.version, failure.message);
            Failure::new(Reason::UndoFailed, message)
        })?;
        // Its author need not have thought of a second time.
        seal(&stored.folder.join(HAS_RUN), &name)?;
        tracing::info!(restore_point = stored.point.id, "{name} of {} was run", bundle.record.version);
        Ok(ran)
    }

    /// What others changed of the files that bundles of these points (newest first) brought, one sentence each. Where
    /// several brought the same path, the newest counts. With `thorough` contents are hashed.
    pub(in crate::host::local) fn files_drift(
        &self,
        points: &[Stored],
        thorough: bool,
    ) -> Result<Vec<String>, Failure> {
        let mut newest = FilePlan::default();
        let mut seen = BTreeSet::new();
        for stored in points.iter().filter(|stored| stored.commit.is_some()) {
            let Some(plan) = FilePlan::load(&stored.folder)? else { continue };
            newest.changes.extend(plan.changes.into_iter().filter(|change| seen.insert(change.path.clone())));
        }
        newest.drift(self.device.root(), thorough)
    }

    /// Lets services run what is on the disk again, after the bundles of these points went.
    pub(in crate::host::local) fn restart_units(&self, points: &[Stored]) -> Vec<String> {
        let parts: Vec<BundlePart> = points.iter().filter_map(|stored| self.part_of(stored)).collect();
        if parts.is_empty() {
            return Vec::new();
        }
        let all = |units: fn(&BundlePart) -> &Vec<String>| -> BTreeSet<String> {
            parts.iter().flat_map(units).cloned().collect()
        };
        let restart: Vec<String> = all(|part| &part.units).into_iter().collect();
        let start: Vec<String> = all(|part| &part.stopped).into_iter().collect();
        services::bring_back(self.device.root(), &restart, &start)
    }

    /// The bundle of a restore point with all that was learnt when it was installed.
    pub(in crate::host::local) fn part_of(&self, stored: &Stored) -> Option<BundlePart> {
        let entries = self.ledger.entries();
        let committed = entries.find(Generation(stored.point.id)).and_then(|entry| entry.bundle.clone());
        let open =
            entries.open.as_ref().filter(|open| !open.request.is_rollback() && open.points.contains(&stored.point.id));
        committed.or_else(|| open?.bundle.clone()).or_else(|| stored.point.bundle.clone())
    }
}

/// In a restore point's folder once the script that undoes its bundle has run.
const HAS_RUN: &str = "withdrawn.json";

fn has_run(stored: &Stored) -> Result<bool, Failure> {
    Ok(unseal::<String>(&stored.folder.join(HAS_RUN))?.is_some())
}
