//! The broker: a thread of the host that answers the shims of one script, and remembers what they were asked.
//!
//! It believes no shim: command lines are read again here, so that nothing but a known question reaches systemd.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use belay_protocol::{Failure, Reason};
use nix::sys::socket::{Shutdown, shutdown};

use super::asked::{self, Asked};
use super::live::Live;
use super::recorded::{Event, Recorded};
use super::unit;
use super::wire::{self, Answer, MAX_REQUEST, PATIENCE, Request};
use crate::host::bundle::capture::ServiceCall;

/// Answers the shims of one script.
#[derive(Debug)]
pub struct Broker {
    listener: Arc<UnixListener>,
    accepting: JoinHandle<()>,
    recording: JoinHandle<Recorded>,
}

impl Broker {
    /// Begins to answer at `socket`. `live` says whether systemd runs `root`; where it does not, no unit runs.
    ///
    /// # Errors
    /// `state`, where the socket cannot be made.
    pub fn start(socket: &Path, root: &Path, live: bool) -> Result<Self, Failure> {
        let live = if live && root == Path::new("/") { Live::Systemd("systemctl".into()) } else { Live::Nothing };
        Self::begin(socket, live)
            .map_err(|error| Failure::new(Reason::State, format!("failed to listen at {}: {error}", socket.display())))
    }

    fn begin(socket: &Path, live: Live) -> io::Result<Self> {
        let listener = Arc::new(UnixListener::bind(socket)?);
        let (events, happened) = channel();
        let recording = std::thread::spawn(move || {
            let mut recorded = Recorded::default();
            happened.into_iter().for_each(|event| recorded.take(event));
            recorded
        });
        let theirs = Arc::clone(&listener);
        let accepting = std::thread::spawn(move || accept(&theirs, &Arc::new(live), &events));
        Ok(Self { listener, accepting, recording })
    }

    /// Ends once everybody who asked has an answer, and says what is still to be done.
    pub fn finish(self) -> Recorded {
        // Wakes the thread that waits for the next connection, for good.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        let _ = self.accepting.join();
        self.recording.join().unwrap_or_default()
    }
}

fn accept(listener: &UnixListener, live: &Arc<Live>, events: &Sender<Event>) {
    while let Ok((stream, _)) = listener.accept() {
        if Arc::strong_count(live) > MOST_AT_ONCE {
            serve(&stream, live, events);
            continue;
        }
        let (live, events) = (Arc::clone(live), events.clone());
        std::thread::spawn(move || serve(&stream, &live, &events));
    }
}

/// Answers one request. Whoever says nothing, or nothing that makes sense, gets no answer, and nothing is done.
fn serve(stream: &UnixStream, live: &Live, events: &Sender<Event>) {
    let patient = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    if let Ok(request) = patient.and_then(|()| wire::hear(stream, MAX_REQUEST)) {
        let answer = answer(request, live, events);
        let _ = wire::say(&mut &*stream, &answer);
    }
}

fn answer(request: Request, live: &Live, events: &Sender<Event>) -> Answer {
    match request {
        Request::Query(args) => {
            let Asked::Query(query) = asked::read("systemctl", &args) else {
                return Answer::complains(1, "systemctl: this is no question");
            };
            let answer = live.answer(&query);
            tell(events, Event::Asked(query));
            answer
        }
        Request::Record { call, unseen } => record(call, &unseen, live, events),
        Request::Reboot(words) => tell(events, Event::Reboot(shortened(&words))),
        Request::NoReboot => tell(events, Event::NoReboot),
        Request::Refused(what) => tell(events, Event::Refused(shortened(&what))),
    }
}

/// Remembers a call for the units that exist, and complains about the others as systemctl would.
fn record(call: ServiceCall, unseen: &[String], live: &Live, events: &Sender<Event>) -> Answer {
    let args: Vec<String> = [call.verb.clone(), "--".to_owned()].into_iter().chain(call.units).collect();
    let Asked::Record(verb, units) = asked::read("systemctl", &args) else {
        return Answer::complains(1, "systemctl: this cannot be recorded");
    };
    let exists = |name: &String| unit::is_pattern(name) || !unseen.contains(name) || live.may_know(name);
    let (units, missing): (Vec<String>, Vec<String>) = units.into_iter().partition(exists);
    if missing.is_empty() || !units.is_empty() {
        tell(events, Event::Called(ServiceCall { verb: verb.to_owned(), units }));
    }
    let Some(first) = missing.first() else { return Answer::default() };
    let mut answer =
        Answer::complains(NOT_LOADED, format!("Failed to {verb} {first}: Unit {} not found.", unit::full(first)));
    for name in &missing[1..] {
        answer.stderr.push_str(&format!("Failed to {verb} {name}: Unit {} not found.\n", unit::full(name)));
    }
    answer
}

/// The recording thread lives as long as anybody can tell it something.
fn tell(events: &Sender<Event>, event: Event) -> Answer {
    let _ = events.send(event);
    Answer::default()
}

/// As much as a person reads, on one line.
fn shortened(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// More than this, and the next ones wait for their turn.
const MOST_AT_ONCE: usize = 64;

/// systemctl's exit code for a unit that is not there.
const NOT_LOADED: u8 = 5;

#[cfg(test)]
mod tests;
