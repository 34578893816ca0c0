//! Planning: the exact transaction of an update or of a way back, resolved without changing anything.

use std::path::Path;

use belay_protocol::job::{Generation, JobId, Request};
use belay_protocol::plan::{Change, Plan, UndoCost};
use belay_protocol::sync::AssignmentRef;
use belay_protocol::{Closure, Failure, PackageId, PackageList, Reason, ReleaseOrder, ReleaseVersion};

use super::undo::Route;
use super::{Inner, closure};
use crate::host::device::Rung;
use crate::host::ledger::{BundlePart, Phase, Transaction};
use crate::machine::effect::{Facts, Planned};
use crate::machine::{guard, policy};

type Tell<'a> = &'a dyn Fn(f32, &str);

/// What is to be planned, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) job: JobId,
    pub(super) request: &'a Request,
    pub(super) assignment: Option<&'a AssignmentRef>,
}

impl Inner {
    pub(super) fn plan(&mut self, order: &Order<'_>, tell: Tell<'_>) -> Result<Planned, Failure> {
        let by_server = order.assignment.is_some();
        let counting = policy::with_counting_approvals(order.request, by_server, &self.settings.rules.policy);
        let order = &Order { request: &counting, ..*order };
        match order.request {
            Request::Update { packages, dry_run, approve, release, bundle } => {
                // From here on a package has one name, whatever the list calls it.
                let packages = packages.on(self.device.architecture()).map_err(|package| in_two_versions(&package))?;
                let own = Request::Update {
                    packages: packages.clone(),
                    dry_run: *dry_run,
                    approve: approve.clone(),
                    release: release.as_ref().map(|order| self.on_device(order)),
                    bundle: bundle.clone(),
                };
                self.plan_update(&Order { request: &own, ..*order }, &packages, tell)
            }
            Request::Rollback { to, approve, from } => {
                if let Some(planned) = self.refuse_or_unmark(order, from.as_ref())? {
                    return Ok(planned);
                }
                self.plan_rollback(order, *to, approve, tell)
            }
        }
    }

    fn plan_update(&mut self, order: &Order<'_>, packages: &PackageList, tell: Tell<'_>) -> Result<Planned, Failure> {
        self.refuse_if_stuck(order.job)?;
        let rules = &self.settings.rules.policy;
        policy::check(order.request, rules, &self.clock.now())
            .map_err(|failure| policy::with_setting(failure, order.assignment.is_some(), rules))?;
        if let Request::Update { release, bundle: None, .. } = order.request {
            self.vouch_for_list(release.as_ref(), packages)?;
        }
        self.begin(order)?;
        let status = self.device.status_digest()?;
        let pinned = order.request.closure();
        let bundle = self.plan_bundle(order, packages)?;
        let changes = match bundle.is_some() && packages.is_empty() {
            true => Vec::new(),
            false => self.resolve(packages, pinned, tell)?,
        };
        let inventory = self.device.inventory()?;
        let replaced = changes.iter().filter(|change| change.old.is_some());
        let installed_kib = replaced
            .filter_map(|change| inventory.packages.get(&change.package))
            .map(|record| record.installed_kib)
            .sum();
        let mut plan = Plan {
            download_bytes: changes.iter().filter_map(|change| change.new.as_ref()).map(|new| new.size).sum(),
            undo: cost(installed_kib, &changes).and(bundle.as_ref().map_or(0, |bundle| bundle.bytes)),
            changes,
            status,
            files: Vec::new(),
        };
        if let Some(wrong) =
            pinned.map(|pinned| closure::missed(pinned, &plan, &inventory)).filter(|wrong| !wrong.is_empty())
        {
            return Err(guard::unavailable(&wrong));
        }
        let closure = closure::resolved(packages, pinned, &plan, &inventory);
        // A listed name that is no package itself was answered by another one: nobody else can be held to that.
        let whole = packages.specs().iter().all(|spec| closure.packages.iter().any(|one| one.package == spec.package));
        self.receipt_of_plan(plan.clone(), bundle.as_ref().map(|bundle| bundle.part.clone()))?;
        let mut warnings = if plan.is_empty() { Vec::new() } else { self.device.preflight() };
        warnings.extend(bundle.into_iter().flat_map(|bundle| bundle.warnings));
        if let (Request::Update { dry_run: true, .. }, Some(open)) = (order.request, &self.ledger.entries().open) {
            tell(50.0, "running install.sh over an overlay");
            plan.files = self.rehearse_dry(open)?;
        }
        Ok(Planned { plan, facts: self.facts()?, warnings, closure: whole.then_some(closure) })
    }

    /// Resolves a list, with a closure in exactly its versions.
    fn resolve(
        &self,
        packages: &PackageList,
        pinned: Option<&Closure>,
        tell: Tell<'_>,
    ) -> Result<Vec<Change>, Failure> {
        let Some(pinned) = pinned else { return self.device.resolve(packages, tell) };
        let inventory = self.device.inventory()?;
        let list = closure::pinned(packages, pinned, &inventory)?;
        let resolved =
            self.device.resolve(&list, tell).map_err(|failure| closure::explain(failure, pinned, &inventory));
        let mut changes = resolved?;
        for change in &mut changes {
            change.asked = packages.names(&change.package);
        }
        Ok(changes)
    }

    fn on_device(&self, order: &ReleaseOrder) -> ReleaseOrder {
        let closure = order.closure.as_ref().map(|closure| closure::on(closure, self.device.architecture()));
        ReleaseOrder { version: order.version.clone(), closure, manifest: order.manifest.clone() }
    }

    /// Refuses a way back from another release than the one in force, and one that a server orders too late. Where the
    /// release in force changed nothing, going back from it changes nothing either: only its mark goes.
    fn refuse_or_unmark(
        &mut self,
        order: &Order<'_>,
        from: Option<&ReleaseVersion>,
    ) -> Result<Option<Planned>, Failure> {
        let entries = self.ledger.entries();
        if let Some(open) = entries.open.as_ref().filter(|open| open.phase.touches()) {
            // What was left between two states is brought to its end, if that is the release that is meant.
            let under_way = open.request.release();
            return match from.is_none() || under_way.is_none() || is_meant(from, under_way) {
                true => Ok(None),
                false => Err(other_release(from, under_way)),
            };
        }
        let (release, _) = entries.in_force();
        if from.is_some() && !is_meant(from, release) {
            return Err(other_release(from, release));
        }
        if from.is_some() && entries.mark_in_force().is_some() {
            return self.plan_unmark(order).map(Some);
        }
        if order.assignment.is_some()
            && let Some(entry) = entries.find(entries.generation)
        {
            policy::check_age(entry.committed_at, &self.settings.rules.policy, &self.clock.now())?;
        }
        Ok(None)
    }

    fn plan_unmark(&mut self, order: &Order<'_>) -> Result<Planned, Failure> {
        self.begin(order)?;
        let status = self.device.status_digest()?;
        let plan =
            Plan { changes: Vec::new(), status, download_bytes: 0, undo: UndoCost::default(), files: Vec::new() };
        self.receipt_of_plan(plan.clone(), None)?;
        Ok(Planned { plan, facts: self.facts()?, warnings: Vec::new(), closure: None })
    }

    fn plan_rollback(
        &mut self,
        order: &Order<'_>,
        to: Option<Generation>,
        approve: &[Reason],
        tell: Tell<'_>,
    ) -> Result<Planned, Failure> {
        let route = self.route(to)?;
        tell(10.0, "checking what going back needs");
        let points = self.load_points(&route.points)?;
        let inventory = self.device.inventory()?;
        let transaction = self.way_back(&points, &inventory, Rung::Apt);
        self.check_archives(&transaction)?;
        if !route.unfinished {
            for stored in &points {
                // A record of an earlier way back that was given up must not decide what this one puts back.
                stored.abandon_undo()?;
                self.refuse_damage(stored)?;
            }
            if !approve.contains(&Reason::Drift) {
                self.refuse_drift(&points, &inventory)?;
            }
        }
        if !route.unfinished {
            self.refuse_without_space(&points, &transaction, &inventory)?;
        }
        let plan = Plan {
            changes: super::undo::as_changes(&transaction, &inventory),
            status: self.device.status_digest()?,
            download_bytes: 0,
            undo: UndoCost::default(),
            files: Vec::new(),
        };
        let job = order.job;
        let open = Transaction {
            job,
            request: order.request.clone(),
            // An unfinished way back stays one: planning alone must not make the device look untouched.
            phase: if route.unfinished { Phase::RollingBack { because: asked_for() } } else { Phase::Planned },
            plan: Some(plan.clone()),
            points: route.points,
            target: route.target,
            undos: 0,
            failed_undos: 0,
            verifications: 0,
            stuck: None,
            assignment: order.assignment.cloned(),
            bundle: None,
            reboot: None,
        };
        if !route.unfinished {
            self.drop_prepared(job)?;
        }
        self.ledger.write(|entries| entries.open = Some(open))?;
        Ok(Planned { plan, facts: self.facts()?, warnings: Vec::new(), closure: None })
    }

    /// Which restore points lead where: back from what was left unfinished, to `to`, or one generation back.
    fn route(&self, to: Option<Generation>) -> Result<Route, Failure> {
        let entries = self.ledger.entries();
        let unfinished = entries.open.as_ref().filter(|open| open.phase.touches());
        let mut points: Vec<u64> = unfinished.map(|open| open.points.clone()).unwrap_or_default();
        let start = unfinished.map_or(entries.generation, |open| open.target);
        let mut at = start;
        let target = match (to, unfinished) {
            (Some(to), _) => to,
            (None, Some(open)) => open.target,
            (None, None) => entries.find(at).map(|entry| entry.parent).ok_or_else(|| {
                Failure::new(
                    Reason::NothingToUndo,
                    "the device is as it was before the first update; there is nothing to undo",
                )
            })?,
        };
        while at != target {
            let Some(entry) = entries.find(at) else {
                let message = format!(
                    "generation {target} is not on the way back from generation {start}; `belay-agent history` shows which are"
                );
                return Err(Failure::new(Reason::UnknownGeneration, message));
            };
            points.push(entry.generation.0);
            at = entry.parent;
        }
        if points.is_empty() {
            let message = format!("the device is at generation {target} already");
            return Err(Failure::new(Reason::NothingToUndo, message));
        }
        Ok(Route { points, target, unfinished: unfinished.is_some() })
    }

    fn refuse_if_stuck(&self, job: JobId) -> Result<(), Failure> {
        match &self.ledger.entries().open {
            Some(open) if open.job != job && open.phase.touches() => {
                let message = format!(
                    "job {} left the device between old and new; ask for a rollback first, it takes up where that one ended",
                    open.job
                );
                Err(Failure::new(Reason::UndoFailed, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Opens a transaction for this job in place of one that changed nothing.
    fn begin(&mut self, order: &Order<'_>) -> Result<(), Failure> {
        self.drop_prepared(order.job)?;
        self.ledger.write(|entries| {
            entries.open = Some(Transaction {
                job: order.job,
                request: order.request.clone(),
                phase: Phase::Opened,
                plan: None,
                points: Vec::new(),
                target: entries.generation,
                undos: 0,
                failed_undos: 0,
                verifications: 0,
                stuck: None,
                assignment: order.assignment.cloned(),
                bundle: None,
                reboot: None,
            });
        })
    }

    fn receipt_of_plan(&mut self, plan: Plan, bundle: Option<BundlePart>) -> Result<(), Failure> {
        self.ledger.write(|entries| {
            if let Some(open) = &mut entries.open {
                open.phase = Phase::Planned;
                open.plan = Some(plan);
                open.bundle = bundle;
            }
        })
    }

    /// What the guard must know beside the plan.
    pub(super) fn facts(&self) -> Result<Facts, Failure> {
        let free = |path: &Path| {
            rustix::fs::statvfs(path).map(|figures| figures.f_bavail.saturating_mul(figures.f_frsize)).map_err(
                |error| {
                    let message = format!("failed to measure the free space of {}: {error}", path.display());
                    Failure::new(Reason::State, message)
                },
            )
        };
        let root = free(self.device.root())?;
        let own = free(&self.settings.host_dir())?;
        Ok(Facts { free_bytes: root.min(own), denied: self.ledger.entries().denied.iter().cloned().collect() })
    }
}

fn in_two_versions(package: &PackageId) -> Failure {
    let message = format!("the list asks for {package} in two versions, once with its architecture; name one of them");
    Failure::new(Reason::UnmetDependency, message)
}

fn is_meant(from: Option<&ReleaseVersion>, there: Option<&ReleaseVersion>) -> bool {
    from.zip(there).is_some_and(|(from, there)| from.is_same(there))
}

fn other_release(from: Option<&ReleaseVersion>, there: Option<&ReleaseVersion>) -> Failure {
    let name =
        |release: Option<&ReleaseVersion>| release.map_or("no release".to_owned(), |one| format!("release {one}"));
    let message = format!("{} is in force and not {}; there is nothing to go back from", name(there), name(from));
    Failure::new(Reason::OtherRelease, message)
}

/// Why an asked-for rollback goes back.
pub(super) fn asked_for() -> Failure {
    Failure::new(Reason::Requested, "a rollback was asked for")
}

/// What going back will cost: the .debs kept (about half their installed size) and the space to unpack them again.
fn cost(installed_kib: u64, changes: &[Change]) -> UndoCost {
    let installed = installed_kib * 1024;
    UndoCost {
        bytes: installed / 2 + installed / 10 * 11,
        // Measured on a small board: a second per package, and four megabytes unpacked a second.
        seconds: changes.len() as u64 + installed / (4 << 20),
    }
}
