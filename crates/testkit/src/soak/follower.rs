//! Follows one job by its event stream from a thread of its own, and never minds that the stream breaks off.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What was heard of a job so far.
#[derive(Clone, Debug)]
pub struct Follower {
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// A phase of a job and when it was first heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The job's state as the wire has it, such as `applying`.
    pub phase: String,
    /// When.
    pub at: Instant,
}

/// The states in which a job is over.
const ENDS: [&str; 4] = ["committed", "rolled_back", "refused", "needs_attention"];

impl Follower {
    /// Begins to follow a job of the agent behind `socket`.
    pub fn of(socket: &Path, job: u64) -> Self {
        let follower = Self { heard: Arc::default() };
        let (listener, socket) = (follower.clone(), socket.to_owned());
        // The agent is killed while this listens: a broken stream is the normal end.
        thread::spawn(move || listener.listen(&socket, job));
        follower
    }

    /// Returns the phases heard of, in order.
    pub fn timeline(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the phase that was heard of last.
    pub fn phase(&self) -> Option<String> {
        self.timeline().pop().map(|heard| heard.phase)
    }

    /// Tells whether the job is over.
    pub fn is_over(&self) -> bool {
        self.phase().is_some_and(|phase| is_end(&phase))
    }

    fn listen(&self, socket: &Path, job: u64) -> Option<()> {
        let mut stream = UnixStream::connect(socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
        write!(stream, "GET /jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
        for line in BufReader::new(stream).lines() {
            let line = line.ok()?;
            if let Some(phase) = line.strip_prefix("data:").and_then(phase_of) {
                self.hear(&phase);
                if is_end(&phase) {
                    return Some(());
                }
            }
        }
        None
    }

    #[expect(clippy::disallowed_methods, reason = "how long a real job takes is measured by the real clock")]
    fn hear(&self, phase: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.last().is_none_or(|last| last.phase != phase) {
            heard.push(Heard { phase: phase.to_owned(), at: Instant::now() });
        }
    }
}

/// Tells whether a job in this state is over.
pub fn is_end(phase: &str) -> bool {
    ENDS.contains(&phase)
}

/// Reads the phase from the data of one event: a job has a `state`, its progress a `phase`.
fn phase_of(data: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(data.trim()).ok()?;
    let phase = if event["event"] == "progress" { &event["phase"] } else { &event["state"] };
    phase.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_is_read_from_both_kinds_of_events() {
        assert_eq!(phase_of(r#" {"event":"state","id":1,"state":"planning"}"#).as_deref(), Some("planning"));
        assert_eq!(phase_of(r#"{"event":"progress","phase":"applying","percent":3.0}"#).as_deref(), Some("applying"));
        assert_eq!(phase_of("{\"event\":"), None);
    }

    #[test]
    fn a_phase_that_goes_on_is_heard_of_once() {
        let follower = Follower { heard: Arc::default() };
        for phase in ["planning", "planning", "applying", "rolled_back"] {
            assert!(!follower.is_over());
            follower.hear(phase);
        }
        let phases: Vec<String> = follower.timeline().into_iter().map(|heard| heard.phase).collect();
        assert_eq!(phases, ["planning", "applying", "rolled_back"]);
        assert!(follower.is_over());
    }
}
