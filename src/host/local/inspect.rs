//! Questions that are no part of a job.

use belay_protocol::sync::Installed;
use belay_protocol::{Failure, Reason};

use super::{Inner, closure};
use crate::host::bundle::files::FilePlan;
use crate::host::restore_point;
use crate::machine::effect::{Inspected, Inspection};

/// How many sentences on drift a measurement has.
const SENTENCES: usize = 20;

impl Inner {
    /// What is installed now, by dpkg's word: nothing of it is remembered from when it was installed.
    fn measure(&self) -> Result<Installed, Failure> {
        let entries = self.ledger.entries();
        let (release, closure) = entries.in_force();
        let mut drift = match closure {
            Some(closure) => closure::drift(closure, &self.device.inventory()?),
            None => Vec::new(),
        };
        // A release whose versions are no longer known cannot be measured.
        let release = release.filter(|_| closure.is_some() && drift.is_empty()).cloned();
        // A file that a program rewrote since does not make another release of it.
        let way: Vec<u64> = entries.way_back().iter().map(|entry| entry.generation.0).collect();
        if entries.bundle_in_force().is_some() {
            let points = restore_point::list(&self.points_dir())?.points;
            let on_the_way: Vec<_> = points.into_iter().filter(|stored| way.contains(&stored.point.id)).collect();
            drift.extend(self.files_drift(&on_the_way, false)?);
        }
        if let Some(beyond) = drift.len().checked_sub(SENTENCES).filter(|beyond| *beyond > 0) {
            drift.truncate(SENTENCES - 1);
            drift.push(format!("and {} more", beyond + 1));
        }
        let needs_attention = entries.open.as_ref().is_some_and(|open| open.stuck.is_some());
        Ok(Installed { release, generation: entries.generation, drift, needs_attention })
    }

    pub(super) fn inspect(&mut self, inspection: &Inspection) -> Result<Inspected, Failure> {
        match inspection {
            Inspection::RestorePoints => {
                let listing = restore_point::list(&self.points_dir())?;
                Ok(Inspected::RestorePoints(restore_point::views(&listing.points)))
            }
            Inspection::VerifyRestorePoint { id } => {
                if !self.points_dir().join(restore_point::name_of(*id)).exists() {
                    let message =
                        format!("there is no restore point {id}; `belay-agent restore-point list` shows which are");
                    return Err(Failure::new(Reason::UnknownGeneration, message));
                }
                let stored = match restore_point::load(&self.points_dir(), *id) {
                    Ok(stored) => stored,
                    Err(failure) => return Ok(Inspected::Findings(vec![failure.message])),
                };
                self.findings(&stored).map(Inspected::Findings)
            }
            Inspection::Bundles => Ok(Inspected::Bundles(self.kept_bundles()?)),
            Inspection::Measure => Ok(Inspected::Measured(self.measure()?)),
            Inspection::VerifyDevice => self.verify_device().map(Inspected::Findings),
            Inspection::Prune { keep } => {
                if let Some(open) = &self.ledger.entries().open {
                    let message = format!("job {} is not closed; prune when it is", open.job);
                    return Err(Failure::new(Reason::Busy, message));
                }
                let mut rules = self.settings.vault.clone();
                if let Some(keep) = keep {
                    rules.keep = (*keep).max(1);
                    rules.max_age = std::time::Duration::ZERO;
                }
                let (dropped, freed_bytes) = self.prune(&rules)?;
                Ok(Inspected::Pruned { dropped, freed_bytes })
            }
        }
    }

    /// Nothing is begun that the restore point could not bring to its end.
    pub(super) fn refuse_damage(&self, stored: &restore_point::Stored) -> Result<(), Failure> {
        match self.findings(stored)?.first() {
            None => Ok(()),
            Some(finding) => Err(Failure::new(Reason::VaultDamaged, format!("{finding}; nothing was changed"))),
        }
    }

    fn findings(&self, stored: &restore_point::Stored) -> Result<Vec<String>, Failure> {
        let mut findings = restore_point::verify(stored, &self.vault, self.device.root(), self.device.architecture())?;
        if let Some(plan) = FilePlan::load(&stored.folder)? {
            findings.extend(plan.verify(&stored.folder)?);
        }
        Ok(findings)
    }

    /// What is not as the generation in force left it, and what going back from it would miss.
    fn verify_device(&self) -> Result<Vec<String>, Failure> {
        let mut findings = Vec::new();
        let listing = restore_point::list(&self.points_dir())?;
        findings.extend(listing.damaged.into_iter().map(|(_, failure)| failure.message));
        let way: Vec<u64> = self.ledger.entries().way_back().iter().map(|entry| entry.generation.0).collect();
        let on_the_way: Vec<_> = listing.points.into_iter().filter(|stored| way.contains(&stored.point.id)).collect();
        findings.extend(self.drift(&on_the_way, &self.device.inventory()?)?);
        for stored in &on_the_way {
            findings.extend(self.findings(stored)?);
        }
        findings.extend(self.device.audit()?.into_iter().map(|line| format!("dpkg --audit: {line}")));
        Ok(findings)
    }
}
