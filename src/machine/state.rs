//! What the machine remembers: the running job, the waiting rollback, the last jobs.

use std::collections::VecDeque;

use belay_protocol::job::{Generation, Job, JobId, JobState, Request};
use belay_protocol::local::GenerationView;
use belay_protocol::{Closure, Failure, PackageList, PackageSpec, Reason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::effect::OpenTransaction;
use super::outbox::Outbox;
use super::report::tell_end;

/// The machine's whole memory. The daemon makes it durable before it carries out any effect that follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The number that the next job gets.
    pub next_job: JobId,
    /// The job that runs.
    pub running: Option<Running>,
    /// The rollback that waits for the running job's end.
    pub queued: Option<Job>,
    /// Jobs that ended, oldest first, at most [`REMEMBERED`].
    pub ended: VecDeque<Job>,
    /// Those of them whose package lists are no longer kept.
    #[serde(default)]
    pub lists_forgotten: VecDeque<JobId>,
    /// Idempotency keys with their jobs, oldest first, at most [`KEYS_REMEMBERED`].
    pub keys: VecDeque<(String, JobId)>,
    /// The transaction that neither ended nor went back. It outlives the job: only a rollback that reaches the old
    /// state, or the host's word that there is none, ends it.
    #[serde(default)]
    pub stuck: Option<Stuck>,
    /// The generation in force, as the host last said.
    pub generation: Generation,
    /// All generations, as the host last said.
    pub generations: Vec<GenerationView>,
    /// Damage that the host reported at the last start.
    pub damage: Vec<String>,
    /// What the server is still to be told.
    #[serde(default)]
    pub outbox: Outbox,
    /// Inputs that did not fit and changed nothing.
    pub ignored: u64,
}

/// A transaction that a person must look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stuck {
    /// Its job.
    pub job: JobId,
    /// Why going back did not work.
    pub failure: Failure,
}

/// The running job with its step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The job as it is shown.
    pub job: Job,
    /// The effect that is awaited.
    pub step: Step,
    /// How often this job was begun again: after a restart, or because the device changed under its plan.
    pub restarts: u32,
    /// What the update will have resolved to, for its report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
}

/// Which effect a running job waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// `Download`.
    Downloading,
    /// `Plan`.
    Planning,
    /// `Fetch`.
    Fetching,
    /// `Capture`.
    Capturing,
    /// Whatever was under way when a rollback was asked for or the server cancelled; its result no longer matters.
    Cancelling {
        /// Why.
        #[serde(default = "asked_back")]
        because: String,
    },
    /// `Apply`.
    Applying,
    /// A maintenance window, and then `Reboot`.
    AwaitingReboot {
        /// Why the device must start again.
        why: String,
    },
    /// `Reboot`, and then the end of this process.
    Rebooting {
        /// Why the device must start again.
        why: String,
    },
    /// `Verify`.
    Verifying,
    /// `Commit`.
    Committing,
    /// `RollBack`.
    RollingBack {
        /// Why.
        because: Failure,
        /// How often it was tried without success.
        failed: u32,
    },
    /// `Discard`, then this end.
    Discarding {
        /// How the job ends.
        end: JobState,
        /// Why.
        reason: Option<Reason>,
        /// The sentence.
        message: String,
    },
}

/// How many ended jobs are remembered.
pub const REMEMBERED: usize = 64;

/// How many idempotency keys are remembered.
pub const KEYS_REMEMBERED: usize = 1024;

/// How many package changes are remembered over all ended jobs; older plans are forgotten first.
const CHANGES_REMEMBERED: usize = 1_000;

/// How many bytes of package lists are remembered over all ended jobs; older lists are forgotten first.
const LIST_BYTES_REMEMBERED: usize = 256 * 1024;

/// The longest idempotency key in bytes; [`KEYS_REMEMBERED`] of them must fit into the journal.
pub const MAX_KEY_BYTES: usize = 200;

impl Default for State {
    fn default() -> Self {
        Self {
            next_job: JobId(1),
            running: None,
            queued: None,
            ended: VecDeque::new(),
            lists_forgotten: VecDeque::new(),
            keys: VecDeque::new(),
            stuck: None,
            generation: Generation::default(),
            generations: Vec::new(),
            damage: Vec::new(),
            outbox: Outbox::default(),
            ignored: 0,
        }
    }
}

impl State {
    /// The job of that number, running, waiting or ended.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        let running = self.running.iter().map(|running| &running.job);
        running.chain(&self.queued).chain(&self.ended).find(|job| job.id == id)
    }

    /// Puts an ended job among the last ones, and its report behind the others: no job ends elsewhere.
    pub(super) fn remember(&mut self, mut job: Job, closure: Option<Closure>, at: Timestamp) {
        tell_end(self, &job, closure, at);
        job.ended_at = Some(at);
        forget_manifests(&mut job.request);
        // A job that needed attention can still be brought to its end by a later start.
        self.ended.retain(|known| known.id != job.id);
        self.ended.push_back(job);
        while self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
        self.forget_details(CHANGES_REMEMBERED, LIST_BYTES_REMEMBERED);
    }

    /// Forgets every plan and list of the jobs that ended: what is left when the journal cannot hold more.
    pub fn forget_all_details(&mut self) {
        self.forget_details(0, 0);
    }

    /// Forgets what ended updates resolved to, told or not: an end is worth more than its closure.
    pub fn forget_closures(&mut self) {
        self.outbox.forget_closures();
        if let Some(running) = &mut self.running {
            running.closure = None;
        }
    }

    /// Keeps plans of at most so many changes and lists of at most so many bytes over all ended jobs, the newest.
    fn forget_details(&mut self, changes_kept: usize, list_bytes_kept: usize) {
        let (mut changes, mut list_bytes) = (0, 0);
        for job in self.ended.iter_mut().rev() {
            changes += job.plan.as_ref().map_or(0, |plan| plan.changes.len());
            if changes > changes_kept {
                job.plan = None;
            }
            let Request::Update { packages, release, .. } = &mut job.request else { continue };
            let closure = release.as_ref().and_then(|order| order.closure.as_ref());
            list_bytes += closure.map_or(0, |closure| bytes_of(&closure.packages));
            if let Some(order) = release.as_mut().filter(|_| list_bytes > list_bytes_kept) {
                order.closure = None;
            }
            list_bytes += bytes_of(packages.specs());
            if list_bytes > list_bytes_kept && !packages.is_empty() {
                let note = format!(" (its list of {} packages is no longer kept)", packages.specs().len());
                job.message.push_str(&note);
                *packages = PackageList::default();
                self.lists_forgotten.push_back(job.id);
            }
        }
        let ended = &self.ended;
        self.lists_forgotten.retain(|id| ended.iter().any(|job| job.id == *id));
    }

    /// Whether that ended job was asked for this, as far as it is still known.
    pub(super) fn asked_the_same(&self, job: &Job, request: &Request) -> bool {
        match (&job.request, request) {
            (Request::Update { dry_run: known_dry, approve: known, .. }, Request::Update { dry_run, approve, .. })
                if self.lists_forgotten.contains(&job.id) =>
            {
                known_dry == dry_run && known == approve
            }
            // What a bundle declares is learnt on the way.
            (
                Request::Update { bundle: Some(known), dry_run: known_dry, approve: known_approve, .. },
                Request::Update { bundle: Some(order), dry_run, approve, .. },
            ) => (known.sha256, known_dry, known_approve) == (order.sha256, dry_run, approve),
            (known, request) => known == request,
        }
    }

    /// Puts an idempotency key among the known ones.
    pub(super) fn remember_key(&mut self, key: String, job: JobId) {
        // A transaction that is adopted at every start brings its key each time.
        if self.keys.contains(&(key.clone(), job)) {
            return;
        }
        self.keys.push_back((key, job));
        while self.keys.len() > KEYS_REMEMBERED {
            self.keys.pop_front();
        }
    }

    /// Whether the device was left in a state that a person must look at.
    pub fn needs_attention(&self) -> bool {
        self.stuck.is_some()
    }

    /// Takes what the host says of its open transaction, at a moment at which no job of ours holds it.
    pub(super) fn notice(&mut self, open: Option<&OpenTransaction>) {
        match open {
            Some(OpenTransaction { job, stuck: Some(failure), .. }) => {
                self.stuck = Some(Stuck { job: *job, failure: failure.clone() });
            }
            // We gave up before the host did; the device is still in between.
            Some(open) if open.touched => {}
            Some(_) | None => self.stuck = None,
        }
    }
}

/// A manifest is for the host to judge, and it has.
fn forget_manifests(request: &mut Request) {
    let Request::Update { release, bundle, .. } = request else { return };
    if let Some(order) = release {
        order.manifest = None;
    }
    if let Some(order) = bundle {
        order.manifest = None;
    }
}

fn bytes_of(specs: &[PackageSpec]) -> usize {
    specs.iter().map(|spec| spec.to_string().len()).sum()
}

/// Why an older version of this program was cancelling.
fn asked_back() -> String {
    ASKED_BACK.to_owned()
}

/// Why a rollback ends a job that changed nothing yet.
pub(super) const ASKED_BACK: &str = "a rollback was asked for before anything was changed";
