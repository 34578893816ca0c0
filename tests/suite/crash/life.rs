//! One life of a device: it starts, takes a request or recovers, and either comes to rest or is cut.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use belay_agent::clock::Clock;
use belay_agent::config::Settings;
use belay_agent::config::settings::HostSettings;
use belay_agent::daemon::Engine;
use belay_agent::daemon::handle::Handle;
use belay_agent::host::Host;
use belay_agent::host::device::{Device, Inventory};
use belay_agent::host::local::LocalHost;
use belay_agent::journal::Journal;
use belay_agent::machine::effect::{Inspected, Inspection};
use belay_agent::machine::state::State;
use belay_protocol::job::{Door, Job};
use belay_protocol::sync::Installed;
use belay_testkit::ownership::temp_dir_in;
use tempfile::TempDir;
use tokio::sync::watch;

use super::cut::{self, Cut, PowerCut};
use super::scenarios::{Ask, Scenario};
use super::server::Server;
use crate::model::ModelDevice;

/// A device with its state folder, in memory where the machine has such a file system.
#[derive(Debug)]
pub(super) struct World {
    folder: TempDir,
    settings: Settings,
    /// How many jobs ended before the scenario began.
    before: usize,
}

/// Everything that must be old or new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    inventory: Inventory,
    files: BTreeMap<PathBuf, String>,
}

impl World {
    /// A device as the scenario finds it.
    pub(super) fn prepared(scenario: &Scenario) -> Self {
        let mut world = Self::in_folder(fresh_folder(), scenario.settings.clone());
        (scenario.prepare)(&world.device());
        for request in &scenario.history {
            world.live(&Ask::Locally(request.clone()), &Cut::never()).expect("it is not cut");
        }
        (scenario.publish)(&world.device());
        world.before = scenario.history.len();
        world
    }

    /// The same device once more.
    pub(super) fn copy(&self) -> Self {
        let folder = fresh_folder();
        copy_tree(self.folder.path(), folder.path());
        Self { before: self.before, ..Self::in_folder(folder, self.settings.clone()) }
    }

    fn in_folder(folder: TempDir, settings: Settings) -> Self {
        let settings = Settings { state_dir: folder.path().join("state"), host: HostSettings::InProcess, ..settings };
        Self { folder, settings, before: 0 }
    }

    fn device(&self) -> ModelDevice {
        ModelDevice::new(&self.folder.path().join("root"))
    }

    /// Starts the agent, asks it for something, waits until it rests. Says where it was cut, where it was.
    pub(super) fn live(&self, ask: &Ask, cut: &Cut) -> Result<(), String> {
        static QUIET: Once = Once::new();
        QUIET.call_once(cut::hush);
        let armed = cut.arm();
        let lived = catch_unwind(AssertUnwindSafe(|| self.run(ask, cut)));
        drop(armed);
        match lived {
            Ok(()) => Ok(()),
            Err(panic) if panic.is::<PowerCut>() => Err(cut.place()),
            Err(panic) => resume_unwind(panic),
        }
    }

    fn run(&self, ask: &Ask, cut: &Cut) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let device = self.device();
        let steps = cut.clone();
        device.steps().watch(move || steps.hit("model.step"));
        let host = LocalHost::on(&self.settings, Box::new(device)).expect("the host opens");
        host.recover();
        let daemon = self.settings.daemon_dir();
        std::fs::create_dir_all(&daemon).unwrap();
        let (journal, state, _) = Journal::open(&daemon).expect("the journal opens");
        let clock = Clock::new(None).unwrap();
        let (engine, handle) =
            Engine::new(Arc::new(host), journal, state, self.settings.rules.clone(), clock, Vec::new());
        let (stop, stopping) = watch::channel(false);
        let (ready, is_ready) = watch::channel(false);
        runtime.block_on(async {
            let run = engine.run(stopping, move || {
                ready.send(true).expect("the driver waits for it");
            });
            let drive = async {
                drive(&handle, ask, is_ready).await;
                stop.send(true).unwrap();
            };
            let (ended, ()) = tokio::join!(run, drive);
            ended.expect("the engine runs");
        });
    }

    /// The state of the device's exact tier, and Belay's rollback file.
    pub(super) fn picture(&self) -> Picture {
        let mut files = BTreeMap::new();
        for folder in ["root/etc", "root/usr"] {
            collect(&self.folder.path().join(folder), &mut files, self.folder.path());
        }
        let rollback_file = self.settings.rollback_file();
        if let Ok(text) = std::fs::read_to_string(&rollback_file) {
            files.insert(PathBuf::from("rollbackFile"), text);
        }
        Picture { inventory: self.device().inventory().expect("the database can be read"), files }
    }

    /// Who asks in this world: a new server, where the scenario has one.
    pub(super) fn ask(&self, scenario: &Scenario) -> Ask {
        match &scenario.order {
            None => Ask::Locally(scenario.request.clone()),
            Some(order) => Ask::Server(Server::that_orders(order.clone())),
        }
    }

    /// What is installed, as measured.
    pub(super) fn measured(&self) -> Installed {
        let host = LocalHost::on(&self.settings, Box::new(self.device())).expect("the host opens");
        let Ok(Inspected::Measured(installed)) = host.inspect(&Inspection::Measure) else {
            panic!("it cannot be measured");
        };
        installed
    }

    /// The daemon's memory goes.
    pub(super) fn lose_journal(&self) {
        std::fs::remove_dir_all(self.settings.daemon_dir()).unwrap();
    }

    /// The job that the scenario asked for.
    pub(super) fn verdict(&self) -> Job {
        self.verdict_or_none().expect("there is one")
    }

    /// The job that the scenario asked for, where it was taken; there must not be more than one.
    pub(super) fn verdict_or_none(&self) -> Option<Job> {
        let (_, state, _) = Journal::open(&self.settings.daemon_dir()).expect("the journal opens");
        let State { running, queued, ended, .. } = state;
        assert!(running.is_none() && queued.is_none(), "something still runs: {running:?} {queued:?}");
        assert!(ended.len() <= self.before + 1, "reported more than once: {ended:?}");
        ended.into_iter().nth(self.before)
    }
}

impl Picture {
    /// What differs, for a person.
    pub(super) fn diff(&self, other: &Self) -> String {
        let mut lines = Vec::new();
        for (package, record) in &self.inventory.packages {
            let found = other.inventory.packages.get(package);
            if found != Some(record) {
                lines.push(format!("{package}: {record:?} is {found:?}"));
            }
        }
        let added = other.inventory.packages.keys().filter(|package| !self.inventory.packages.contains_key(package));
        lines.extend(added.map(|package| format!("{package} is there")));
        if self.inventory.automatic != other.inventory.automatic {
            lines.push(format!("marks {:?} are {:?}", self.inventory.automatic, other.inventory.automatic));
        }
        for path in self.files.keys().chain(other.files.keys()) {
            if self.files.get(path) != other.files.get(path) {
                lines.push(format!("{}: {:?} is {:?}", path.display(), self.files.get(path), other.files.get(path)));
            }
        }
        lines.join("\n")
    }
}

async fn drive(handle: &Handle, ask: &Ask, mut ready: watch::Receiver<bool>) {
    let _ = ready.wait_for(|ready| *ready).await;
    match ask {
        Ask::Nobody => {}
        Ask::Locally(request) => {
            handle.request(request.clone(), Door::Socket, None).await.expect("it is taken");
        }
        Ask::Server(server) => server.polled_by(handle).await,
    }
    let mut view = handle.view();
    let _ = view.wait_for(|view| view.state.running.is_none()).await;
}

fn fresh_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    temp_dir_in(if memory.is_dir() { memory } else { Path::new("/tmp") }, "belay-crash-")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the model's files belong to this user, the kit's children do not run as it"
)]
fn copy_tree(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "the template can be copied");
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, String>, base: &Path) {
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, files, base);
        } else {
            let content = std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let name = path.strip_prefix(base).unwrap_or(&path).to_path_buf();
            files.insert(name, content.unwrap_or_else(|_| format!("-> {:?}", std::fs::read_link(&path))));
        }
    }
}
