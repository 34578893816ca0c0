//! The host as a process of its own: effects over a Unix socket, from the daemon's user and root alone.

use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use belay_protocol::{Failure, Reason};
use nix::unistd::{Uid, User};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::Host;
use super::local::LocalHost;
use super::wire::frames::FrameReader;
use super::wire::{Call, Reply, receive, send};
use crate::config::Settings;
use crate::config::settings::HostSettings;
use crate::machine::effect::{Effect, OpenTransaction, Outcome};
use crate::telemetry::notify;

/// Opens the host, closes what a crash left open, and serves effects until nothing was asked for the idle time.
/// With `only_recover` it ends after closing what was left open, and fails where something stays open.
pub async fn serve(settings: Settings, only_recover: bool) -> Result<(), Failure> {
    let HostSettings::Socket { path, daemon_user, idle } = settings.host.clone() else {
        let message = "host.mode is \"in_process\": the daemon carries out effects itself; set host.mode = \"socket\"";
        return Err(Failure::new(Reason::State, message));
    };
    let host = open(settings).await?;
    if only_recover {
        let Outcome::Surveyed(survey) = host.perform(&Effect::Survey, &|_| ()) else {
            return Err(Failure::new(Reason::State, "the host answered a survey with something else"));
        };
        return all_closed(survey?.open.as_ref());
    }
    let allowed = allowed_user(daemon_user.as_deref())?;
    let listener = bind(&path, allowed)?;
    notify::ready();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed("listen for signals", &error))?;
    let mut calls = JoinSet::new();
    loop {
        let rest = tokio::time::sleep(if idle.is_zero() { Duration::from_secs(u64::from(u32::MAX)) } else { idle });
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => answer(&host, &mut calls, stream, allowed),
                Err(error) => tracing::warn!("a connection was lost before it began: {error}"),
            },
            Some(_) = calls.join_next() => {}
            () = rest, if calls.is_empty() && host.is_idle() => break,
            _ = terminate.recv() => break,
        }
    }
    // What is under way ends by itself; the daemon sends it again if its answer was lost.
    while calls.join_next().await.is_some() {}
    let _ = std::fs::remove_file(&path);
    Ok(())
}

async fn open(settings: Settings) -> Result<Arc<LocalHost>, Failure> {
    let work = move || {
        let host = LocalHost::open(&settings)?;
        host.recover();
        Ok(Arc::new(host))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(host) => host,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Fails where a transaction stays open that may have changed the device, or that was given up.
fn all_closed(open: Option<&OpenTransaction>) -> Result<(), Failure> {
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

fn answer(host: &Arc<LocalHost>, calls: &mut JoinSet<()>, stream: UnixStream, allowed: Uid) {
    let peer = stream.peer_cred().map(|peer| Uid::from_raw(peer.uid()));
    if !peer.as_ref().is_ok_and(|peer| peer.is_root() || *peer == allowed) {
        tracing::warn!("a connection from {peer:?} was refused: only the daemon's user may speak to the host");
        return;
    }
    let host = host.clone();
    calls.spawn_blocking(move || {
        let spoken = stream.into_std().and_then(|stream| {
            stream.set_nonblocking(false)?;
            converse(&*host, stream, CALL_TIMEOUT)
        });
        if let Err(error) = spoken {
            tracing::warn!("the daemon went away before it had its answer: {error}");
        }
    });
}

/// How long the daemon may take to say what it wants.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a daemon that sends a bundle may be silent; one that waits for the network says that it is still there.
const FRAME_TIMEOUT: Duration = Duration::from_secs(5 * 60);

fn converse(host: &dyn Host, stream: std::os::unix::net::UnixStream, patience: Duration) -> std::io::Result<()> {
    // A connection that says nothing must not keep the host from its end.
    stream.set_read_timeout(Some(patience))?;
    let mut write = stream.try_clone()?;
    let mut read = BufReader::new(stream);
    let reply = match receive(&mut read) {
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
