//! One sync, made durable: its profile, its reports, and what follows from them, each exactly once.

use std::sync::Arc;

use belay_protocol::admin::DeviceState;
use belay_protocol::sync::Report;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::enrol::quarantine;
use super::recorder::Job;
use super::{membership, progress};
use crate::domain::{Device, OutboxMark};
use crate::store::assignments::{self, Open};
use crate::store::devices::hot::{self, Keyed, Locked};
use crate::store::{StoreError, devices, reports};

/// What came of a sync.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is durable.
    Recorded(Recorded),
    /// The device was forgotten in the meantime.
    Unknown,
    /// The device was shut out in the meantime.
    Revoked(Keyed),
}

/// What is true of a device after its sync.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Who it is.
    pub(super) keyed: Keyed,
    /// What it is to be told.
    pub(super) open: Option<Arc<Open>>,
    /// The last report of its outbox that is durable.
    pub(super) acknowledged: Option<u64>,
    /// Whether the engine should look now.
    pub(super) engine: bool,
}

/// Takes one sync, in a transaction that other syncs may share.
pub(super) async fn record(connection: &mut AnyConnection, job: &Job, now: Timestamp) -> Result<Taken, StoreError> {
    let Some(locked) = hot::lock(connection, &job.device, now).await? else { return Ok(Taken::Unknown) };
    if locked.device.state == DeviceState::Revoked {
        return Ok(Taken::Revoked(locked.keyed));
    }
    let Locked { mut device, mut keyed, hardware } = locked;
    let changed = take_profile(connection, job, &mut device, &hardware, now).await?;
    let (fresh, acknowledged) = take_reports(connection, job, &mut device, now).await?;
    if changed || !fresh.is_empty() {
        keyed.changed_at = devices::update(connection, &device, now).await?;
    }
    keyed.state = device.state;
    keyed.profile_tag.clone_from(&device.profile_tag);

    let mut engine = false;
    if matches!(device.state, DeviceState::Authorized | DeviceState::Quarantined) {
        for report in fresh.into_iter().filter(|report| report.assignment.is_some()) {
            engine |= progress::take_report(connection, &device, report, now).await?;
        }
    }
    if changed {
        engine |= membership::refresh(connection, &device, now).await?;
    }
    let open = match device.state {
        DeviceState::Authorized => assignments::open_of(connection, &device.id).await?.map(Arc::new),
        DeviceState::Pending | DeviceState::Quarantined | DeviceState::Revoked => None,
    };
    Ok(Taken::Recorded(Recorded { keyed, open, acknowledged, engine }))
}

/// Takes the profile over; whether it says anything new.
async fn take_profile(
    connection: &mut AnyConnection,
    job: &Job,
    device: &mut Device,
    hardware: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(profile) = &job.request.profile else { return Ok(false) };
    if device.profile_tag == job.request.tag && device.profile == *profile {
        return Ok(false);
    }
    let reported = &profile.facts.hardware;
    let another_machine = !hardware.is_empty() && !reported.is_empty() && hardware != reported;
    if another_machine && device.state != DeviceState::Quarantined {
        let problem = format!(
            "two machines show the key of this device: hardware {} and hardware {}; approve it once only one of them \
             does, or revoke it and let both enrol again",
            short(hardware),
            short(reported)
        );
        quarantine(connection, device, problem, now).await?;
    }
    device.profile_tag.clone_from(&job.request.tag);
    device.profile = profile.clone();
    Ok(true)
}

/// Takes the reports beyond the last one taken, in their order; which these are, and what is durable then.
async fn take_reports<'j>(
    connection: &mut AnyConnection,
    job: &'j Job,
    device: &mut Device,
    now: Timestamp,
) -> Result<(Vec<&'j Report>, Option<u64>), StoreError> {
    let request = &job.request;
    if request.reports.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut last = if device.outbox.outbox == request.outbox {
        device.outbox.seq
    } else {
        // Another outbox: a new one, or an old one whose sync was held up on its way.
        reports::last(connection, &device.id, &request.outbox).await?
    };
    let mut fresh = Vec::new();
    for report in &request.reports {
        if report.seq > last && reports::insert(connection, &device.id, &request.outbox, report, now).await? {
            fresh.push(report);
        }
        last = last.max(report.seq);
    }
    if !fresh.is_empty() {
        device.outbox = OutboxMark { outbox: request.outbox.clone(), seq: last };
    }
    Ok((fresh, Some(last)))
}

/// Enough of a digest for people to tell two apart.
fn short(hardware: &str) -> String {
    hardware.chars().take(12).collect()
}
