//! Waiting for a job: the view is watched until it shows what is waited for.

use std::sync::Arc;

use belay_protocol::job::{Job, JobId};
use tokio::sync::watch;

use crate::daemon::handle::View;
use crate::machine::state::State;

use super::errors::Refusal;

/// What the view says of a job.
pub(super) enum Found<'a> {
    /// It is there.
    Job(&'a Job),
    /// The daemon knows of it, this view does not yet.
    NotYet,
    /// It never was, or is no longer remembered.
    Gone,
}

/// Looks for a job that was admitted.
pub(super) fn find(state: &State, id: JobId) -> Found<'_> {
    match state.job(id) {
        Some(job) => Found::Job(job),
        None if id < state.next_job => Found::Gone,
        None => Found::NotYet,
    }
}

/// The job as soon as the view shows it.
pub(super) async fn seen(view: &mut watch::Receiver<Arc<View>>, id: JobId) -> Result<Job, Refusal> {
    until(view, id, |_| true).await
}

/// The job as soon as it has ended.
pub(super) async fn ended(view: &mut watch::Receiver<Arc<View>>, id: JobId) -> Result<Job, Refusal> {
    until(view, id, |job| job.state.is_end()).await
}

async fn until(
    view: &mut watch::Receiver<Arc<View>>,
    id: JobId,
    enough: impl Fn(&Job) -> bool,
) -> Result<Job, Refusal> {
    let settled = |view: &Arc<View>| match find(&view.state, id) {
        Found::Job(job) => enough(job),
        Found::NotYet => false,
        Found::Gone => true,
    };
    let view = Arc::clone(&*view.wait_for(settled).await.map_err(|_| Refusal::stopping())?);
    view.state.job(id).cloned().ok_or_else(|| Refusal::from(id))
}
