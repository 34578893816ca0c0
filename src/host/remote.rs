//! The host as the daemon sees it when it is a process of its own, behind a Unix socket.
//!
//! An effect is sent again when the connection breaks: effects are idempotent, and the host's ledger knows what it
//! did. From `Apply` on the daemon waits for as long as it takes, because only the host can say what became of it.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use belay_protocol::job::Progress;
use belay_protocol::{Failure, Reason};

use super::wire::frames::send_content;
use super::wire::{Call, Reply, receive, send};
use super::{Content, Host};
use crate::machine::effect::{Arrived, Effect, Inspected, Inspection, Outcome};

/// The host behind a Unix socket.
#[derive(Debug)]
pub struct RemoteHost {
    socket: PathBuf,
}

/// How long to wait between two attempts to reach the host.
const PAUSE: Duration = Duration::from_millis(250);

/// How many attempts a plan or a question is worth before it fails.
const ATTEMPTS: u32 = 40;

impl RemoteHost {
    /// The host that listens at `socket`; it may start later.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    fn call(&self, call: &Call, progress: &dyn Fn(Progress)) -> std::io::Result<Reply> {
        let mut stream = UnixStream::connect(&self.socket)?;
        send(&mut stream, call)?;
        let mut replies = BufReader::new(stream);
        loop {
            match receive(&mut replies)? {
                Some(Reply::Progress(step)) => progress(step),
                Some(reply) => return Ok(reply),
                None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Calls until there is an answer, `attempts` times where that is given.
    fn insist(&self, call: &Call, attempts: Option<u32>, progress: &dyn Fn(Progress)) -> Result<Reply, Failure> {
        let mut tried = 0;
        loop {
            match self.call(call, progress) {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    tried += 1;
                    self.wait_or_give_up(tried, attempts, &error)?;
                }
            }
        }
    }

    fn wait_or_give_up(&self, tried: u32, attempts: Option<u32>, error: &std::io::Error) -> Result<(), Failure> {
        let socket = self.socket.display();
        if tried == 1 {
            tracing::warn!(host.socket = %socket, "the host does not answer ({error}); trying again");
        }
        if attempts.is_some_and(|attempts| tried >= attempts) {
            let message =
                format!("the host does not answer at {socket} ({error}); look at `systemctl status belay-host`");
            return Err(Failure::new(Reason::State, message));
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }

    /// Offers a bundle, sends its content where that is wanted, and hears what came of it.
    fn hand_over(&self, download: &Effect, content: &mut dyn Content) -> std::io::Result<Reply> {
        let mut stream = UnixStream::connect(&self.socket)?;
        send(&mut stream, &Call::Receive(download.clone()))?;
        let mut replies = BufReader::new(stream.try_clone()?);
        let closed = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        match receive(&mut replies)?.ok_or_else(closed)? {
            Reply::Send => {}
            reply @ (Reply::Progress(_) | Reply::Outcome(_) | Reply::Inspected(_) | Reply::NotUnderstood(_)) => {
                return Ok(reply);
            }
        }
        // A host that has heard enough closes its ear and answers.
        let sent = send_content(&stream, content);
        match receive(&mut replies) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(sent.err().unwrap_or_else(closed)),
            Err(error) => Err(error),
        }
    }
}

impl Host for RemoteHost {
    fn perform(&self, effect: &Effect, progress: &dyn Fn(Progress)) -> Outcome {
        let attempts = matches!(effect, Effect::Plan { .. }).then_some(ATTEMPTS);
        match self.insist(&Call::Perform(effect.clone()), attempts, progress) {
            Ok(Reply::Outcome(outcome)) => *outcome,
            Ok(Reply::Progress(_) | Reply::Send | Reply::Inspected(_) | Reply::NotUnderstood(_)) => {
                effect.failed(not_understood())
            }
            Err(failure) => effect.failed(failure),
        }
    }

    fn receive(&self, download: &Effect, content: &mut dyn Content) -> Result<Arrived, Failure> {
        let mut tried = 0;
        loop {
            match self.hand_over(download, content) {
                Ok(Reply::Outcome(outcome)) => {
                    let Outcome::Downloaded(taken) = *outcome else { return Err(not_understood()) };
                    return taken;
                }
                Ok(Reply::Progress(_) | Reply::Send | Reply::Inspected(_) | Reply::NotUnderstood(_)) => {
                    return Err(not_understood());
                }
                Err(error) => {
                    tried += 1;
                    self.wait_or_give_up(tried, Some(ATTEMPTS), &error)?;
                }
            }
            // Whatever the host had is gone; what arrived here is not.
            content.begin_again().map_err(|error| {
                Failure::new(Reason::FetchFailed, format!("the bundle cannot be handed over once more: {error}"))
            })?;
        }
    }

    fn inspect(&self, inspection: &Inspection) -> Result<Inspected, Failure> {
        match self.insist(&Call::Inspect(inspection.clone()), Some(ATTEMPTS), &|_| {})? {
            Reply::Inspected(answer) => answer,
            Reply::Progress(_) | Reply::Send | Reply::Outcome(_) | Reply::NotUnderstood(_) => Err(not_understood()),
        }
    }

    fn outlives_caller(&self) -> bool {
        true
    }
}

fn not_understood() -> Failure {
    let message = "the host answered in words that this version does not know; install the same version of both";
    Failure::new(Reason::State, message)
}
