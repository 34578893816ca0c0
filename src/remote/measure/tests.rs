use std::sync::Arc;

use belay_protocol::job::JobState;
use belay_protocol::sync::Installed;
use belay_protocol::{Failure, Reason};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::control::tests::{job, update_of};
use crate::daemon::handle::{Call, View};
use crate::durable::write_atomic;
use crate::machine::state::{Running, Step};

/// A root, and a host that answers each question with a generation one higher.
struct World {
    root: tempfile::TempDir,
    handle: Handle,
    asked: watch::Receiver<u64>,
    measurer: Measurer,
    _view: watch::Sender<Arc<View>>,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("var/lib/dpkg")).unwrap();
        let (calls, mut receive) = mpsc::channel(8);
        let (view, watcher) = watch::channel(Arc::new(View::default()));
        let (count, asked) = watch::channel(0);
        tokio::spawn(async move {
            while let Some(Call::Inspect { inspection: Inspection::Measure, answer }) = receive.recv().await {
                count.send_modify(|count| *count += 1);
                let generation = Generation(*count.borrow());
                let installed = Installed { generation, ..Installed::default() };
                let result = if generation.0 == 1 {
                    Err(Failure::new(Reason::Busy, "not now"))
                } else {
                    Ok(Inspected::Measured(installed))
                };
                answer.send(result).unwrap();
            }
        });
        let measurer = Measurer::new(Sources::new(root.path()));
        Self { root, handle: Handle::new(calls, watcher), asked, measurer, _view: view }
    }

    fn dpkg_writes(&self, text: &str) {
        write_atomic(&self.root.path().join("var/lib/dpkg/status"), text.as_bytes(), 0o644).unwrap();
    }

    async fn refresh(&mut self, state: &State) -> u64 {
        self.measurer.refresh(&self.handle, state).await;
        *self.asked.borrow()
    }
}

#[tokio::test]
async fn it_is_measured_again_until_there_is_an_answer_and_then_only_after_a_change() {
    let mut world = World::new();
    let mut state = State::default();
    assert_eq!(world.refresh(&state).await, 1);
    assert!(world.measurer.measured().is_none(), "a failure is no measurement");
    assert_eq!(world.refresh(&state).await, 2);
    let first = world.measurer.measured().unwrap().tag.clone();
    assert_eq!(first.len(), 16);
    assert_eq!(world.refresh(&state).await, 2, "nothing changed");
    world.dpkg_writes("Package: a\n");
    assert_eq!(world.refresh(&state).await, 3, "dpkg wrote");
    assert_ne!(world.measurer.measured().unwrap().tag, first);
    assert_eq!(world.refresh(&state).await, 3);
    world.dpkg_writes("Package: b\n");
    assert_eq!(world.refresh(&state).await, 4, "dpkg wrote as many bytes");
    state.ended.push_back(job(1, update_of("demo-app"), JobState::Committed));
    assert_eq!(world.refresh(&state).await, 5, "a job ended");
    state.generation = Generation(7);
    assert_eq!(world.refresh(&state).await, 6, "another generation is in force");
    std::fs::create_dir(world.root.path().join("etc")).unwrap();
    write_atomic(&world.root.path().join("etc/os-release"), b"PRETTY_NAME=other\n", 0o644).unwrap();
    assert_eq!(world.refresh(&state).await, 7, "another system was started");
    assert_eq!(world.measurer.measured().unwrap().profile.facts.os, "other");
}

#[tokio::test]
async fn while_a_job_runs_the_host_is_left_alone() {
    let mut world = World::new();
    let running = Running {
        job: job(1, update_of("demo-app"), JobState::Applying),
        step: Step::Applying,
        restarts: 0,
        closure: None,
    };
    let state = State { running: Some(running), ..State::default() };
    assert_eq!(world.refresh(&state).await, 0);
}
