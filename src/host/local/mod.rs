//! The host in this process: it carries out effects on a device, and writes each into its ledger before and after.
//!
//! An effect is answered from the ledger where it has a receipt there. An intent without a receipt means that what
//! was done is unknown, so it is undone.

mod apply;
mod bundle;
mod closure;
mod commit;
mod inspect;
mod plan;
mod prepare;
mod reboot;
mod rebuild;
mod recover;
mod roll_back;
mod space;
mod undo;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use belay_protocol::job::{JobId, JobState, Progress};
use belay_protocol::{Failure, Reason};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::apt::{AptDevice, AptSettings};
use super::device::Device;
use super::ledger::Ledger;
use super::vault::Vault;
use super::{Content, Host, disk, guard};
use crate::clock::Clock;
use crate::config::Settings;
use crate::durable;
use crate::failpoint;
use crate::machine::effect::{Arrived, Effect, Inspected, Inspection, Outcome, Survey};
use crate::machine::rescue::Standing;

use plan::Order;

/// The host in this process.
pub struct LocalHost {
    inner: Mutex<Inner>,
    judging: Judging,
}

/// What the ledger held when judging began, as long as that lasts: a daemon that starts meanwhile must learn it to come into
/// service, which is part of what is judged.
type Judging = Arc<Mutex<Option<Survey>>>;

/// Everything that effects work on; one effect at a time.
pub(super) struct Inner {
    settings: Settings,
    device: Box<dyn Device>,
    clock: Clock,
    vault: Vault,
    ledger: Ledger,
    /// Keeps other package managers out between applying and the verdict.
    keep_out: Option<Box<dyn Send>>,
    /// What a person should know of the job under way, for its end.
    notes: Vec<String>,
    judging: Judging,
    /// This program, at a path where it can be run again.
    program: PathBuf,
    /// Keeps a second host away from the same state folder.
    _alone: Flock<std::fs::File>,
}

/// How often and how long to wait for the state folder's lock.
const LOCK_ATTEMPTS: u32 = 30;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait between two looks whether the ledger can be asked.
const LOOK: Duration = Duration::from_millis(50);

/// Points at which a test may end the process.
pub const FAILPOINTS: &[&str] = &["host.effect.before", "host.effect.after"];

impl std::fmt::Debug for LocalHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalHost").finish_non_exhaustive()
    }
}

impl LocalHost {
    /// Opens the host on the device that the settings name.
    pub fn open(settings: &Settings) -> Result<Self, Failure> {
        // Beside the private folders: apt's own user must be able to reach what it downloads.
        let work = settings.state_dir.join("apt");
        disk::make_open_folder(&work)?;
        let device = AptDevice::new(AptSettings {
            root: settings.root.path.clone(),
            scripts: settings.root.scripts,
            work,
            packages: settings.packages.clone(),
            reboot_command: settings.reboot_command.clone(),
            // Not by its path: an update of the agent itself puts another program there.
            program: PathBuf::from("/proc/self/exe"),
        })?;
        // apt's hook keeps a copy: an update of the agent itself takes the file away that this process was started from.
        let program = device.program().to_owned();
        Self::with_program(settings, Box::new(device), program)
    }

    /// Opens the host on a given device.
    pub fn on(settings: &Settings, device: Box<dyn Device>) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(Reason::State, format!("failed to find this program's own file: {error}")))?;
        Self::with_program(settings, device, program)
    }

    fn with_program(settings: &Settings, device: Box<dyn Device>, program: PathBuf) -> Result<Self, Failure> {
        let dir = settings.host_dir();
        folder(&dir)?;
        let alone = lock_folder(dir.join("lock"))?;
        let vault = Vault::open(&dir.join("vault"))?;
        folder(&dir.join("ledger"))?;
        folder(&dir.join("restore-points"))?;
        let (ledger, found) = Ledger::open(&dir.join("ledger"))?;
        let clock = Clock::new(settings.time_zone.as_deref())
            .map_err(|error| Failure::new(Reason::State, format!("policy.time_zone is not known: {error}")))?;
        let mut inner = Inner {
            settings: settings.clone(),
            device,
            clock,
            vault,
            ledger,
            keep_out: None,
            notes: Vec::new(),
            judging: Judging::default(),
            program,
            _alone: alone,
        };
        if !found {
            inner.rebuild_ledger()?;
        }
        Ok(Self { judging: inner.judging.clone(), inner: Mutex::new(inner) })
    }

    /// Whether another process works on the state folder now.
    pub fn is_at_work(settings: &Settings) -> bool {
        let Ok(file) = std::fs::File::open(settings.host_dir().join("lock")) else { return false };
        matches!(Flock::lock(file, FlockArg::LockExclusiveNonblock), Err((_, Errno::EWOULDBLOCK)))
    }

    /// How the device stands, for whoever starts.
    pub fn standing(&self) -> Result<Standing, Failure> {
        self.lock().standing()
    }

    /// Takes back the change of the open transaction, which nobody can judge any more.
    pub fn take_back(&self, because: &Failure) -> Result<(), Failure> {
        self.lock().take_back(because)
    }

    /// Closes what a crash left open: before and without the daemon.
    pub fn recover(&self) {
        self.lock().recover();
    }

    /// Gives the guard this program, unless something is open that an older one may have to undo.
    pub fn renew_guard(&self) -> Result<(), Failure> {
        let inner = self.lock();
        match inner.standing()? {
            Standing::Closed => guard::renew_copy(&inner.settings.host_dir()),
            Standing::Stuck(_)
            | Standing::Between
            | Standing::AwaitsReboot { .. }
            | Standing::AwaitsVerdict
            | Standing::Judged => Ok(()),
        }
    }

    /// Whether nothing is open, so that the process may end.
    pub fn is_idle(&self) -> bool {
        self.inner.try_lock().is_ok_and(|inner| !inner.is_touched())
    }

    /// What the ledger holds, or held when judging began: whoever asks may be what is judged, and must not wait for that.
    fn survey(&self) -> Survey {
        loop {
            match self.inner.try_lock() {
                Ok(inner) => return inner.ledger.survey(),
                Err(TryLockError::Poisoned(inner)) => return inner.into_inner().ledger.survey(),
                Err(TryLockError::WouldBlock) => {}
            }
            if let Some(survey) = self.judging.lock().unwrap_or_else(PoisonError::into_inner).clone() {
                return survey;
            }
            // Judging may begin at any moment, and there is no waiting for either of two.
            std::thread::sleep(LOOK);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for LocalHost {
    fn perform(&self, effect: &Effect, progress: &dyn Fn(Progress)) -> Outcome {
        failpoint!("host.effect.before");
        // Every line of the host's that is about a job says about which.
        let _about = effect.job().map(|job| tracing::info_span!("job", job.id = job.0).entered());
        let outcome = if *effect == Effect::Survey {
            Outcome::Surveyed(Ok(self.survey()))
        } else {
            self.lock().perform(effect, progress)
        };
        failpoint!("host.effect.after");
        outcome
    }

    fn receive(&self, download: &Effect, mut content: &mut dyn Content) -> Result<Arrived, Failure> {
        failpoint!("host.effect.before");
        let arrived = self.lock().receive(download, &mut content);
        failpoint!("host.effect.after");
        arrived
    }

    fn inspect(&self, inspection: &Inspection) -> Result<Inspected, Failure> {
        self.lock().inspect(inspection)
    }
}

impl Inner {
    fn perform(&mut self, effect: &Effect, progress: &dyn Fn(Progress)) -> Outcome {
        let tell = |phase: JobState, job: JobId| {
            move |percent: f32, detail: &str| progress(Progress { job, phase, percent, detail: detail.to_owned() })
        };
        match effect {
            Effect::Survey => Outcome::Surveyed(Ok(self.ledger.survey())),
            Effect::Plan { job, request, assignment } => {
                let order = Order { job: *job, request, assignment: assignment.as_ref() };
                Outcome::Planned(self.plan(&order, &tell(JobState::Planning, *job)))
            }
            Effect::Download { .. } => {
                Outcome::Downloaded(Err(Failure::new(Reason::State, "a bundle's content must be handed over")))
            }
            Effect::Reboot { job } => Outcome::Rebooting(self.reboot(*job)),
            Effect::Fetch { job } => Outcome::Fetched(self.fetch(*job, &tell(JobState::Fetching, *job))),
            Effect::Capture { job } => Outcome::Captured(self.capture(*job, &tell(JobState::Capturing, *job))),
            Effect::Apply { job } => Outcome::Applied(self.apply(*job, &tell(JobState::Applying, *job))),
            Effect::Verify { job } => {
                let judged = self.judging(|inner| inner.verify(*job, &tell(JobState::Verifying, *job)));
                Outcome::Verified(judged)
            }
            Effect::Commit { job } => Outcome::Committed(self.commit(*job)),
            Effect::RollBack { job, because } => {
                Outcome::RolledBack(self.roll_back(*job, because, &tell(JobState::RollingBack, *job)))
            }
            Effect::Discard { job } => Outcome::Discarded(self.discard(*job)),
        }
    }

    /// Judges; meanwhile others are told how things stood when that began.
    fn judging<T>(&mut self, judge: impl FnOnce(&mut Self) -> T) -> T {
        let show = |judging: &Judging, survey| *judging.lock().unwrap_or_else(PoisonError::into_inner) = survey;
        show(&self.judging, Some(self.ledger.survey()));
        let judged = judge(self);
        show(&self.judging, None);
        judged
    }

    /// Whether a transaction is open that may have changed the device and is not given up.
    fn is_touched(&self) -> bool {
        self.ledger.entries().open.as_ref().is_some_and(|open| open.phase.touches() && open.stuck.is_none())
    }

    fn points_dir(&self) -> PathBuf {
        self.settings.host_dir().join("restore-points")
    }
}

fn folder(path: &std::path::Path) -> Result<(), Failure> {
    durable::make_private_folder(path).map_err(|error| disk::failure("make", path, &error))
}

fn lock_folder(path: PathBuf) -> Result<Flock<std::fs::File>, Failure> {
    let file = std::fs::File::create(&path)
        .map_err(|error| Failure::new(Reason::State, format!("failed to open {}: {error}", path.display())))?;
    let mut locked = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    for _ in 0..LOCK_ATTEMPTS {
        // One that was just killed may take a moment to be gone.
        let Err((file, _)) = locked else { break };
        std::thread::sleep(LOCK_PAUSE);
        locked = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    }
    locked.map_err(|(_, error)| {
        let message = format!(
            "another belay-agent works on this state folder: {} is locked ({error}); stop that one first",
            path.display()
        );
        Failure::new(Reason::State, message)
    })
}
