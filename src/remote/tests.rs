//! What the tests of session and link share: a daemon that is nothing but a view, and a server's answers.

use std::sync::Arc;
use std::time::Duration;

use belay_protocol::job::Generation;
use belay_protocol::sync::{Installed, Report, ReportStatus, SyncResponse};
use belay_testkit::scripted::{Received, Reply};
use jiff::civil::Weekday;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::config::Settings;
use crate::config::settings::{Proxy, ServerSettings};
use crate::daemon::handle::{Call, Handle, View};
use crate::machine::effect::{Inspected, Inspection};
use crate::machine::input::{Input, Moment};
use crate::machine::state::State;
use crate::machine::step;

/// A daemon that takes acknowledgements and remembers what it was handed.
pub(crate) struct Daemon {
    pub handle: Handle,
    pub view: Arc<watch::Sender<Arc<View>>>,
    pub handed: mpsc::UnboundedReceiver<SyncResponse>,
    pub root: tempfile::TempDir,
}

impl Daemon {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (calls, receive) = mpsc::channel(8);
        let mut view = View::default();
        view.state_mut().outbox.id = "the-outbox".into();
        let (view, watcher) = watch::channel(Arc::new(view));
        let (hand, handed) = mpsc::unbounded_channel();
        let view = Arc::new(view);
        tokio::spawn(work(receive, Arc::downgrade(&view), hand));
        Self { handle: Handle::new(calls, watcher), view, handed, root }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        self.view.send_modify(|view| change(Arc::make_mut(view).state_mut()));
    }

    /// The machine has something to tell the server.
    pub(crate) fn reports(&self, count: u64) {
        self.change(|state| {
            for _ in 0..count {
                state.outbox.last += 1;
                state.outbox.pending.push_back(report(state.outbox.last));
            }
        });
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.view.borrow().state.clone()
    }

    pub(crate) fn settings(&self, url: &str) -> Settings {
        let mut settings = Settings::default();
        settings.root.path = self.root.path().to_owned();
        settings.state_dir = self.root.path().join("state");
        settings.server = server_settings(url);
        settings
    }
}

pub(crate) fn server_settings(url: &str) -> ServerSettings {
    ServerSettings {
        url: Some(url.parse().unwrap()),
        proxy: Proxy::Direct,
        poll: Duration::from_secs(1),
        ..Settings::default().server
    }
}

async fn work(
    mut calls: mpsc::Receiver<Call>,
    view: std::sync::Weak<watch::Sender<Arc<View>>>,
    hand: mpsc::UnboundedSender<SyncResponse>,
) {
    while let Some(call) = calls.recv().await {
        match call {
            Call::Inspect { inspection: Inspection::Measure, answer } => {
                let installed = Installed { generation: Generation(3), ..Installed::default() };
                answer.send(Ok(Inspected::Measured(installed))).unwrap();
            }
            Call::Answered { answer, done } => {
                let Some(view) = view.upgrade() else { return };
                if let Some(seq) = answer.acknowledged {
                    view.send_modify(|view| Arc::make_mut(view).state_mut().outbox.acknowledge(seq));
                }
                hand.send(*answer).unwrap();
                done.send(()).unwrap();
            }
            Call::AnotherOutbox { instead_of, done } => {
                let Some(view) = view.upgrade() else { return };
                let now = Moment { at: clock::now(), weekday: Weekday::Monday, minute: 0 };
                view.send_modify(|view| {
                    let state = Arc::make_mut(view).state_mut();
                    let input = Input::AnotherOutbox { id: format!("another than {instead_of}") };
                    *state = step(state.clone(), &Settings::default().rules, &now, input).0;
                });
                done.send(()).unwrap();
            }
            other @ (Call::Request { .. } | Call::Inspect { .. }) => panic!("nobody asks for this: {other:?}"),
        }
    }
}

fn report(seq: u64) -> Report {
    Report {
        seq,
        at: clock::now(),
        assignment: None,
        job: None,
        status: ReportStatus::Installing,
        reason: None,
        message: "under way".into(),
        closure: None,
    }
}

/// A server's answer with nothing in it but its time and interval, and these members.
pub(crate) fn answer(next_s: u32, members: &str) -> Reply {
    Reply::json(format!(r#"{{"now":"{}","next_s":{next_s}{members}}}"#, clock::now()))
}

/// The same of a server that has every report that it was just sent.
pub(crate) fn acknowledging(next_s: u32, request: &Received) -> Reply {
    let newest = request.json()["reports"].as_array().and_then(|reports| reports.last()?["seq"].as_u64());
    answer(next_s, &newest.map(|seq| format!(r#","acknowledged":{seq}"#)).unwrap_or_default())
}
