//! Counting the points that a run passes, and ending it at one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fail::FailScenario;

/// Every point of the agent.
pub(super) fn points() -> Vec<&'static str> {
    use belay_agent::{daemon, host, journal};
    [
        journal::FAILPOINTS,
        daemon::engine::FAILPOINTS,
        host::ledger::FAILPOINTS,
        host::local::FAILPOINTS,
        host::leftovers::FAILPOINTS,
        host::marks::FAILPOINTS,
        host::vault::FAILPOINTS,
        host::tree::FAILPOINTS,
        host::database::FAILPOINTS,
        host::restore_point::FAILPOINTS,
        host::settle::FAILPOINTS,
        host::rollback_file::FAILPOINTS,
    ]
    .concat()
}

/// Ends a run at its n-th point.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    at: usize,
    seen: Arc<AtomicUsize>,
    place: Arc<Mutex<String>>,
}

impl Cut {
    pub(super) fn never() -> Self {
        Self::at(usize::MAX)
    }

    pub(super) fn at(point: usize) -> Self {
        Self { at: point, seen: Arc::default(), place: Arc::default() }
    }

    /// How many points were passed.
    pub(super) fn counted(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Where the run was ended.
    pub(super) fn place(&self) -> String {
        self.place.lock().unwrap().clone()
    }

    /// Counts a point, and ends the run if it is the one.
    pub(super) fn hit(&self, name: &str) {
        if self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            *self.place.lock().unwrap() = name.to_owned();
            std::panic::panic_any(PowerCut);
        }
    }

    /// Arms every point for as long as the scenario lives; one run at a time in this process.
    pub(super) fn arm(&self) -> FailScenario<'static> {
        let scenario = FailScenario::setup();
        for name in points() {
            let cut = self.clone();
            fail::cfg_callback(name, move || cut.hit(name)).expect("the name is good");
        }
        scenario
    }
}

/// What a run that was cut panics with.
#[derive(Debug)]
pub(super) struct PowerCut;

/// Keeps the panics of cut runs out of the output.
pub(super) fn hush() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<PowerCut>() {
            loud(panic);
        }
    }));
}
