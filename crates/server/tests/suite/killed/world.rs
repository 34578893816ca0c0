//! One world: servers that are killed, a fleet and an operator who go on, and a judge who looks after each death.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use belay_testkit::command::command;
use belay_testkit::ownership::create_dir;
use belay_testkit::soak::random::Random;
use belay_testkit::{Server, ServerLaunch, wait_until};
use serde_json::Value;

use super::book::Book;
use super::device::Device;
use super::judge::Judge;
use super::operator;
use super::wire::Wire;
use crate::databases::Database;

/// What devices, operator and judge share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) servers: usize,
    pub(super) wire: Wire,
    pub(super) book: Book,
    pub(super) operator_token: String,
    pub(super) enrolment_token: String,
    /// The operator begins nothing new.
    enough: AtomicBool,
    /// Nobody says anything new.
    over: AtomicBool,
}

/// How a story goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) kills: u32,
    pub(super) servers: usize,
    pub(super) devices: usize,
}

/// What a story came to, for whoever reads the output of the test.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed as a whole")]
pub(super) struct Told {
    kills: u32,
    before_ready: u32,
    reports: u64,
    actions: usize,
    deployments: usize,
    deployments_cut: usize,
}

const BINARY: &str = env!("CARGO_BIN_EXE_belay-server");

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl World {
    pub(super) fn is_enough(&self) -> bool {
        self.enough.load(Ordering::SeqCst)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Lets a fleet and an operator work while the servers are killed one after the other, and judges.
pub(super) fn tell(story: Story, database: &Database) -> Told {
    let launch = |server: usize| {
        let folder: PathBuf = database.folder.path().join(format!("server-{server}"));
        create_dir(&folder);
        // A port of its own each time: nobody else can have taken it.
        ServerLaunch::new(&folder, BINARY.as_ref()).toml(&format!("database = {:?}", database.url))
    };
    let world = Arc::new(World {
        seed: story.seed,
        servers: story.servers,
        wire: Wire::new(story.servers),
        book: Book::default(),
        operator_token: token(&launch(0), &["token", "create", "--permission", "admin:full"]),
        enrolment_token: token(&launch(0), &["enrolment-token", "create"]),
        enough: AtomicBool::new(false),
        over: AtomicBool::new(false),
    });
    let judge = Judge::of(&database.url, Arc::clone(&world));
    let load = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut running: Vec<Option<Server>> =
        (0..story.servers).map(|server| Some(up(&world, server, launch(server)))).collect();
    let fleet: Vec<_> = (0..story.devices).map(|number| load.spawn(Device::live(Arc::clone(&world), number))).collect();
    let operator = load.spawn(operator::work(Arc::clone(&world)));

    let mut random = Random::of_case(story.seed, 0);
    let mut before_ready = 0;
    for kill in 0..story.kills {
        let victim = kill as usize % story.servers;
        let longest = random.pick(&[100, 350, 350, 1_500]);
        thread::sleep(Duration::from_millis(u64::from(random.below(longest))));
        down(&world, victim, running[victim].take().unwrap());
        if random.below(4) == 0 {
            before_ready += 1;
            kill_early(&launch(victim), Duration::from_millis(u64::from(random.below(60))));
        }
        running[victim] = Some(up(&world, victim, launch(victim)));
        let before = world.book.open().reports();
        wait_until("the load to go on", PATIENCE, || (world.book.open().reports() > before + 5).then_some(()));
        judge.look();
    }
    world.enough.store(true, Ordering::SeqCst);
    wait_until("the rollout to end", PATIENCE, || operator.is_finished().then_some(()));
    world.over.store(true, Ordering::SeqCst);
    wait_until("every report to be acknowledged", PATIENCE, || fleet.iter().all(|one| one.is_finished()).then_some(()));
    load.block_on(async {
        operator.await.unwrap();
        for device in fleet {
            device.await.unwrap();
        }
        judge.ask_for_reports().await;
    });
    judge.look();
    judge.look_at_the_end();
    let pages = world.book.open();
    Told {
        kills: story.kills,
        before_ready,
        reports: pages.reports(),
        actions: pages.granted.len(),
        deployments: pages.ended.len(),
        deployments_cut: pages.cut.len(),
    }
}

fn up(world: &World, server: usize, launch: ServerLaunch) -> Server {
    let running = launch.start();
    world.wire.moved(server, Some(running.url().trim_start_matches("http://").parse().unwrap()));
    running
}

fn down(world: &World, victim: usize, mut server: Server) {
    assert!(server.is_running(), "it ended by itself:\n{}", server.log_tail());
    server.kill();
    assert!(!server.log().contains("panicked"), "{}", server.log_tail());
    world.wire.moved(victim, None);
    let mut pages = world.book.open();
    let cut = pages.under_way.clone();
    pages.cut.extend(cut);
}

/// Kills a server that may not have opened its database yet.
fn kill_early(launch: &ServerLaunch, after: Duration) {
    let mut early = command(BINARY);
    early.arg("--config").arg(launch.write_config()).arg("serve");
    early.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut early = early.spawn().unwrap();
    thread::sleep(after);
    early.kill().unwrap();
    early.wait().unwrap();
}

fn token(launch: &ServerLaunch, arguments: &[&str]) -> String {
    let made = launch.cli(&[arguments, &["--name", "tests", "--json"]].concat());
    let shown: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|error| panic!("{error}: {made:?}"));
    shown["token"].as_str().unwrap_or_else(|| panic!("no token in {shown}")).to_owned()
}
