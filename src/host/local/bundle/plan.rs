//! Planning a bundle: whether it may be installed here and now, how it will be undone, and in a dry run what it does.

use belay_protocol::job::Request;
use belay_protocol::plan::FileChange;
use belay_protocol::{Failure, PackageList, Reason};

use super::super::Inner;
use super::super::plan::Order;
use crate::config::settings::Undo;
use crate::host::bundle::capture;
use crate::host::bundle::description::Mode;
use crate::host::bundle::files::FilePlan;
use crate::host::bundle::store::Stored;
use crate::host::disk;
use crate::host::ledger::{BundlePart, Protection, Transaction};

/// A bundle that may be installed.
pub(in crate::host::local) struct PlannedBundle {
    pub(in crate::host::local) part: BundlePart,
    /// Bytes that it may take on the disk.
    pub(in crate::host::local) bytes: u64,
    /// What a person should know, one sentence each.
    pub(in crate::host::local) warnings: Vec<String>,
}

impl Inner {
    /// Judges the bundle of an order; none where it is about packages alone.
    pub(in crate::host::local) fn plan_bundle(
        &self,
        order: &Order<'_>,
        packages: &PackageList,
    ) -> Result<Option<PlannedBundle>, Failure> {
        let Request::Update { bundle: Some(bundle), .. } = order.request else { return Ok(None) };
        let stored = self.at_hand(bundle)?;
        if self.declared(&stored.description)? != *packages {
            let message = "the packages of the order are not those that the bundle declares; ask again";
            return Err(Failure::new(Reason::BadBundle, message));
        }
        self.refuse_unvouched(&stored.record)?;
        let in_force = self.ledger.entries().bundle_in_force().map(|part| &part.version);
        stored.description.fits(env!("CARGO_PKG_VERSION"), in_force)?;
        let (protection, mut warnings) = self.protection(&stored)?;
        let undo = self.settings.packages.undo;
        if protection == Protection::Nothing {
            let what = format!(
                "{}; and it brings no paths, no rollback.sh, and no bundle was installed before it",
                std::mem::take(&mut warnings).join("; ")
            );
            if undo == Undo::Required {
                let message = format!(
                    "{} cannot be undone: {what}; declare paths in belay.toml, or set packages.undo to best_effort",
                    stored.record.version
                );
                return Err(Failure::new(Reason::UndoUnavailable, message));
            }
            warnings.push(format!("only /etc can be undone: {what}"));
        }
        let description = &stored.description;
        let units = description.restart.clone();
        let part = BundlePart {
            version: stored.record.version.clone(),
            sha256: stored.record.sha256,
            protection,
            units,
            stopped: Vec::new(),
            reboot: description.reboot,
        };
        Ok(Some(PlannedBundle { part, bytes: stored.record.bytes, warnings }))
    }

    /// How a bundle will be undone, with what a person should know of that.
    fn protection(&self, stored: &Stored) -> Result<(Protection, Vec<String>), Failure> {
        let direct = |why: String| {
            let previous = self.ledger.entries().bundle_in_force().map(|part| part.version.clone());
            let previous = previous.filter(|version| self.store().of_version(version).is_ok_and(|kept| kept.is_some()));
            let protection = if stored.tree.join("rollback.sh").is_file() {
                Protection::Script
            } else if !stored.description.changed_paths().is_empty() {
                Protection::Paths
            } else {
                previous.map_or(Protection::Nothing, |version| Protection::Previous { version })
            };
            let ran = format!("install.sh runs on the device itself, because {why}");
            let sentence = match &protection {
                Protection::Captured | Protection::Nothing => ran,
                Protection::Paths => format!("{ran}; it is undone by /etc and the paths that it declares"),
                Protection::Script => {
                    format!("{ran}; it is undone by its own rollback.sh, /etc and the paths that it declares")
                }
                Protection::Previous { version } => {
                    format!("{ran}; it is undone by /etc, and by installing {version} again")
                }
            };
            (protection, vec![sentence])
        };
        if stored.description.mode == Some(Mode::Direct) {
            return Ok(direct("the bundle asks for it (mode = \"direct\")".to_owned()));
        }
        let scratch = self.scratch();
        disk::make_folder(&scratch)?;
        match capture::available(self.device.root(), &scratch, &self.program) {
            Ok(()) => Ok((Protection::Captured, Vec::new())),
            Err(why) if stored.description.mode == Some(Mode::Captured) => {
                let message =
                    format!("the bundle must be captured (mode = \"captured\"), and here that cannot be: {why}");
                Err(Failure::new(Reason::UndoUnavailable, message))
            }
            Err(why) => Ok(direct(why)),
        }
    }

    /// What a bundle does to files, where that can be known before anything is changed.
    pub(in crate::host::local) fn rehearse_dry(&self, open: &Transaction) -> Result<Vec<FileChange>, Failure> {
        let Some(stored) = self.bundle_of(open)? else { return Ok(Vec::new()) };
        let captured = open.bundle.as_ref().is_some_and(|part| part.protection == Protection::Captured);
        let changes_packages = open.plan.as_ref().is_none_or(|plan| !plan.is_empty());
        if !captured || changes_packages || !stored.description.stop.is_empty() {
            return Ok(Vec::new());
        }
        let scratch = self.scratch();
        let script = self.script(open, &stored, stored.description.script(), "captured")?;
        let rehearsed = capture::rehearse(self.device.root(), &scratch, &script);
        let plan =
            rehearsed.and_then(|rehearsal| FilePlan::of(self.device.root(), &rehearsal, &self.settings.state_dir));
        capture::clear(&scratch)?;
        Ok(plan?.shown())
    }
}
