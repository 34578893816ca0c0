//! A server that remembers what it was told, whatever happens to the device: it offers its one assignment until it knows
//! its end, and acknowledges what it has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belay_agent::daemon::handle::Handle;
use belay_agent::machine::outbox::Outbox;
use belay_protocol::sync::{Action, Assignment, AssignmentRef, Report, ReportStatus, SyncResponse};

/// The server's side of the wire.
#[derive(Debug, Clone)]
pub(super) struct Server {
    order: Action,
    received: Arc<Mutex<BTreeMap<(String, u64), Report>>>,
}

/// How many polls one life has: a device that needs more never comes to rest.
const POLLS: usize = 10;

impl Server {
    pub(super) fn that_orders(order: Action) -> Self {
        Self { order, received: Arc::default() }
    }

    /// Polls as a device does, until the end is known and nothing is left to tell.
    pub(super) async fn polled_by(&self, handle: &Handle) {
        let mut view = handle.view();
        for _ in 0..POLLS {
            let outbox = view.borrow().state.outbox.clone();
            if outbox.pending.is_empty() && !self.ends().is_empty() {
                return;
            }
            handle.answered(self.answer(&outbox)).await.expect("the loop lives");
            let _ = view.wait_for(|view| view.state.running.is_none()).await;
        }
        panic!("{POLLS} polls, and still: {:?} {:?}", view.borrow().state.outbox, self.received());
    }

    fn answer(&self, outbox: &Outbox) -> SyncResponse {
        for report in &outbox.pending {
            let known = self.received().insert((outbox.id.clone(), report.seq), report.clone());
            assert!(known.is_none_or(|known| known == *report), "a number was used twice: {report:?}");
        }
        let id = AssignmentRef { deployment: "spring".parse().expect("a name"), attempt: 1 };
        let open = self.ends().is_empty();
        SyncResponse {
            now: belay_agent::clock::now(),
            next_s: 60,
            authorized: true,
            acknowledged: outbox.pending.back().map(|report| report.seq),
            send_profile: false,
            assignment: open.then(|| Assignment { id, action: self.order.clone(), spread_s: 0 }),
            cancel: None,
        }
    }

    /// The reports of the assignment's end, each with the outbox that it came from.
    pub(super) fn ends(&self) -> Vec<(String, Report)> {
        let is_end = |report: &Report| match report.status {
            ReportStatus::Downloading | ReportStatus::Installing | ReportStatus::Verifying => false,
            ReportStatus::Completed
            | ReportStatus::Failed
            | ReportStatus::RolledBack
            | ReportStatus::Deferred
            | ReportStatus::Skipped
            | ReportStatus::Unknown => report.assignment.is_some(),
        };
        let received = self.received();
        received.iter().filter(|(_, report)| is_end(report)).map(|(key, end)| (key.0.clone(), end.clone())).collect()
    }

    fn received(&self) -> MutexGuard<'_, BTreeMap<(String, u64), Report>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
