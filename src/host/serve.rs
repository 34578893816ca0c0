//! The host as a process of its own: effects over a Unix socket, from the daemon's user and root alone.
//!
//! Where systemd holds the socket it comes when somebody knocks and goes when it has nothing to do. An update that puts
//! another program in the place of this one is judged by that one: this process answers, and makes room.

use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belay_protocol::{Failure, Reason};
use nix::unistd::{Uid, User};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::Host;
use super::local::LocalHost;
use super::own_program::OwnProgram;
use super::wire::frames::FrameReader;
use super::wire::{Call, Reply, receive, send};
use crate::activation::Activation;
use crate::config::Settings;
use crate::config::settings::HostSettings;
use crate::machine::effect::{Effect, OpenTransaction, Outcome};
use crate::telemetry::notify;
use crate::waiting::{blocking, next_beat};

/// Why the host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It has nothing to do, or was told to.
    Done,
    /// An update put another program in its place, which goes on.
    Replaced,
}

/// Opens the host, closes what a crash left open, and serves effects until nothing was asked for the idle time.
/// With `only_recover` it ends after closing what was left open, and fails where something stays open.
pub async fn serve(settings: Settings, only_recover: bool) -> Result<Ended, Failure> {
    let HostSettings::Socket { path, daemon_user, idle } = settings.host.clone() else {
        let message = "host.mode is \"in_process\": the daemon carries out effects itself; set host.mode = \"socket\"";
        return Err(Failure::new(Reason::State, message));
    };
    let passed = Activation::take().map_err(|error| failed("take the socket from systemd", &error))?.socket;
    let activated = passed.is_some();
    let program = OwnProgram::find().map_err(|error| failed("find this program's own file", &error))?;
    let turns = Arc::new(Turns::new(activated.then_some(program)));
    let host = blocking(move || LocalHost::open(&settings).map(Arc::new)).await?;
    if only_recover {
        let recovering = host.clone();
        blocking(move || recovering.recover()).await;
        return all_closed(&*host).map(|()| Ended::Done);
    }
    let allowed = allowed_user(daemon_user.as_deref())?;
    let listener = match passed {
        Some(socket) => {
            UnixListener::from_std(socket).map_err(|error| failed("take the socket from systemd", &error))?
        }
        None => bind(&path, allowed)?,
    };
    notify::feed_by_work();
    notify::ready(Some("closing what was left open"));
    // Whoever was not started by a knock would not be started again.
    let idle = Some(idle).filter(|idle| activated && !idle.is_zero());
    let ended = Serving { host, turns, allowed, idle }.until_idle(&listener).await;
    if !activated {
        let _ = std::fs::remove_file(&path);
    }
    ended
}

/// The host with whoever speaks to it.
struct Serving {
    host: Arc<LocalHost>,
    turns: Arc<Turns>,
    allowed: Uid,
    idle: Option<Duration>,
}

impl Serving {
    /// Closes what was left open, which holds everybody up but those who ask how things stand; then serves.
    async fn until_idle(&self, listener: &UnixListener) -> Result<Ended, Failure> {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed("listen for signals", &error))?;
        let (host, turns) = (self.host.clone(), self.turns.clone());
        let mut recovery = Some(tokio::task::spawn_blocking(move || {
            host.recover();
            if let Err(failure) = host.renew_guard() {
                tracing::warn!("the guard keeps an older program: {}", failure.message);
            }
            turns.begin();
        }));
        let mut beat = notify::watchdog_interval().map(tokio::time::interval);
        let mut calls = JoinSet::new();
        let rest = || Box::pin(tokio::time::sleep(self.idle.unwrap_or(FOR_EVER)));
        let mut resting = rest();
        while !self.turns.are_over() {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.answer(&mut calls, stream),
                    Err(error) => tracing::warn!("a connection was lost before it began: {error}"),
                },
                Some(_) = calls.join_next() => resting = rest(),
                () = end_of(&mut recovery) => {
                    recovery = None;
                    resting = rest();
                    notify::status(notify::IN_SERVICE);
                }
                () = &mut resting, if self.idle.is_some() && recovery.is_none() && calls.is_empty() && self.host.is_idle() => break,
                () = next_beat(&mut beat), if recovery.is_none() && calls.is_empty() => notify::alive(),
                _ = terminate.recv() => break,
            }
        }
        // What is under way ends by itself; the daemon sends it again if its answer was lost.
        if recovery.is_some() {
            end_of(&mut recovery).await;
        }
        while calls.join_next().await.is_some() {}
        notify::stopping();
        Ok(if self.turns.are_over() { Ended::Replaced } else { Ended::Done })
    }

    fn answer(&self, calls: &mut JoinSet<()>, stream: UnixStream) {
        let peer = stream.peer_cred().map(|peer| Uid::from_raw(peer.uid()));
        if !peer.as_ref().is_ok_and(|peer| peer.is_root() || *peer == self.allowed) {
            tracing::warn!("a connection from {peer:?} was refused: only the daemon's user may speak to the host");
            return;
        }
        let (host, turns) = (self.host.clone(), self.turns.clone());
        calls.spawn_blocking(move || {
            let spoken = stream.into_std().and_then(|stream| {
                stream.set_nonblocking(false)?;
                converse(&*host, &turns, stream, CALL_TIMEOUT)
            });
            if let Err(error) = spoken {
                tracing::warn!("the daemon went away before it had its answer: {error}");
            }
        });
    }
}

/// Whose turn it is: nobody's before recovery, then one at a time, as long as this program is the one that is installed.
struct Turns {
    begun: Mutex<bool>,
    beginning: Condvar,
    program: Option<OwnProgram>,
}

impl Turns {
    fn new(program: Option<OwnProgram>) -> Self {
        Self { begun: Mutex::new(false), beginning: Condvar::new(), program }
    }

    fn begin(&self) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.beginning.notify_all();
    }

    /// Waits for a turn; none where another program has to go on.
    fn next(&self) -> Option<MutexGuard<'_, bool>> {
        let turn = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.beginning.wait_while(turn, |begun| !*begun).unwrap_or_else(PoisonError::into_inner);
        (!self.are_over()).then_some(turn)
    }

    fn are_over(&self) -> bool {
        self.program.as_ref().is_some_and(OwnProgram::was_replaced)
    }
}

/// The end of a recovery that is under way; never, where none is.
async fn end_of(recovery: &mut Option<tokio::task::JoinHandle<()>>) {
    let Some(recovery) = recovery else { return std::future::pending().await };
    if let Err(panic) = recovery.await {
        std::panic::resume_unwind(panic.into_panic());
    }
}

/// A wait that no host lives to see the end of.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Fails where a transaction stays open that may have changed the device, or that was given up.
fn all_closed(host: &dyn Host) -> Result<(), Failure> {
    let Outcome::Surveyed(survey) = host.perform(&Effect::Survey, &|_| ()) else {
        return Err(Failure::new(Reason::State, "the host answered a survey with something else"));
    };
    is_closed(survey?.open.as_ref())
}

fn is_closed(open: Option<&OpenTransaction>) -> Result<(), Failure> {
    match open {
        Some(OpenTransaction { job, stuck: Some(why), .. }) => {
            let message =
                format!("job {job} could not be undone and was given up, a person must look: {}", why.message);
            Err(Failure::new(why.reason, message))
        }
        Some(OpenTransaction { awaits_reboot: true, stuck: None, .. }) => Ok(()),
        Some(OpenTransaction { job, touched: true, stuck: None, .. }) => {
            let message = format!("job {job} is still open and may have changed the device; run this again");
            Err(Failure::new(Reason::UndoFailed, message))
        }
        Some(OpenTransaction { touched: false, stuck: None, .. }) | None => Ok(()),
    }
}

/// How long the daemon may take to say what it wants.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a daemon that sends a bundle may be silent; one that waits for the network says that it is still there.
const FRAME_TIMEOUT: Duration = Duration::from_secs(5 * 60);

fn converse(
    host: &dyn Host,
    turns: &Turns,
    stream: std::os::unix::net::UnixStream,
    patience: Duration,
) -> std::io::Result<()> {
    // A connection that says nothing must not keep the host from its end.
    stream.set_read_timeout(Some(patience))?;
    let mut write = stream.try_clone()?;
    let mut read = BufReader::new(stream);
    let call = receive(&mut read);
    // How things stand is no work, and never waits for its turn.
    let asks = matches!(call, Ok(Some(Call::Perform(Effect::Survey))));
    // Unanswered, the daemon asks again, and then whoever came after us.
    let turn = if asks { None } else { turns.next() };
    if turns.are_over() {
        return Ok(());
    }
    let reply = match call {
        Ok(None) => return Ok(()),
        Ok(Some(Call::Perform(effect))) => {
            let tell = write.try_clone()?;
            let progress = |step| {
                // A daemon that went away does not stop the effect.
                let _ = send(&mut &tell, &Reply::Progress(step));
            };
            Reply::Outcome(Box::new(host.perform(&effect, &progress)))
        }
        Ok(Some(Call::Receive(effect))) => {
            read.get_ref().set_read_timeout(Some(FRAME_TIMEOUT))?;
            let taken = host.receive(&effect, &mut FrameReader::new(read, write.try_clone()?));
            Reply::Outcome(Box::new(Outcome::Downloaded(taken)))
        }
        Ok(Some(Call::Inspect(inspection))) => Reply::Inspected(host.inspect(&inspection)),
        Err(error) => Reply::NotUnderstood(error.to_string()),
    };
    drop(turn);
    send(&mut write, &reply)
}

fn allowed_user(name: Option<&str>) -> Result<Uid, Failure> {
    let Some(name) = name else { return Ok(Uid::effective()) };
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid),
        Ok(None) | Err(_) => {
            let message = format!("host.daemon_user names {name:?}, which is no user of this device");
            Err(Failure::new(Reason::State, message))
        }
    }
}

fn bind(path: &Path, allowed: Uid) -> Result<UnixListener, Failure> {
    // A socket of a process that ended without cleaning up; the ledger's lock says that no other one lives.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(|error| failed("open the host's socket", &error))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| failed("protect the host's socket", &error))?;
    if allowed != Uid::effective() {
        nix::unistd::chown(path, Some(allowed), None)
            .map_err(|error| failed("give the host's socket to the daemon's user", &error.into()))?;
    }
    Ok(listener)
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Reason::State, format!("failed to {what}: {error}"))
}

#[cfg(test)]
mod tests;
