//! Brings a bundle to the host: the daemon owns the connection, the host judges what comes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_protocol::job::{JobId, JobState, Progress};
use tokio::sync::watch;

use super::handle::View;
use crate::clock;
use crate::host::Host;
use crate::machine::effect::{Effect, Outcome};
use crate::machine::rules::MEGABYTE;
use crate::remote::download::{Download, OnProgress};

/// Hands a download over to the host. Why it broke off is what the download says, not what the host saw of it.
pub(super) fn receive(host: &dyn Host, effect: &Effect, mut download: Download) -> Outcome {
    let mut taken = host.receive(effect, &mut download);
    if let Err(failure) = &taken
        && download.begin_afresh(failure)
    {
        taken = host.receive(effect, &mut download);
    }
    let taken = taken.map_err(|failure| download.failure().cloned().unwrap_or(failure));
    download.finish(&taken);
    Outcome::Downloaded(taken)
}

/// Shows how far a download has come, now and then.
pub(super) fn shown_in(view: watch::Sender<Arc<View>>, job: JobId) -> OnProgress {
    let mut last: Option<Instant> = None;
    Box::new(move |given, total| {
        let now = clock::monotonic();
        if last.is_some_and(|last| now.duration_since(last) < EVERY) && total != Some(given) {
            return;
        }
        last = Some(now);
        let progress = progress(job, given, total);
        view.send_modify(|view| Arc::make_mut(view).progress = Some(progress));
    })
}

fn progress(job: JobId, given: u64, total: Option<u64>) -> Progress {
    let mb = |bytes: u64| bytes.div_ceil(MEGABYTE);
    let detail = match total {
        Some(total) => format!("{} of {} MB of the bundle", mb(given), mb(total)),
        None => format!("{} MB of the bundle", mb(given)),
    };
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    let percent = total.filter(|total| *total > 0).map_or(0.0, |total| given as f32 / total as f32 * 100.0);
    Progress { job, phase: JobState::Fetching, percent: percent.min(100.0), detail }
}

/// The pause between two notes of progress.
const EVERY: Duration = Duration::from_millis(500);
