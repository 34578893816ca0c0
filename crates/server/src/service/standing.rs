//! How devices stand towards what they should run: joins what is stored with what the domain says of it.
//!
//! A device should run what the newest deployment brings that reached it, as long as that deployment is not over; then
//! what the channel of its ring says; then again what that deployment brought.

use std::collections::BTreeMap;

use belay_protocol::admin::{DeploymentKind, DeviceView, FleetState, FleetSummary};
use belay_protocol::sync::{Facts, Installed, Profile, capability};
use belay_protocol::{DeploymentId, DeviceId, DeviceType, Distribution, ReleaseVersion};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::domain::{Assignment, AssignmentStatus, Device, OutboxMark, fleet};
use crate::store::devices::{self, Group, Newest};
use crate::store::{StoreError, channels};

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// What it should run, where anything says so.
    pub(super) target: Option<ReleaseVersion>,
    /// How it stands towards that.
    pub(super) state: FleetState,
}

/// What the active channels say, by type and ring.
pub(super) type Rules = BTreeMap<(DeviceType, Distribution), ReleaseVersion>;

/// What the active channels say; where several rule one ring, the oldest.
pub(super) async fn rules(connection: &mut AnyConnection) -> Result<Rules, StoreError> {
    let mut rules = Rules::new();
    let (all, _) = channels::page(connection, "", "", (i64::MAX, 0)).await?;
    for channel in all.into_iter().filter(|channel| channel.active) {
        rules.entry((channel.device_type, channel.distribution)).or_insert(channel.target_version);
    }
    Ok(rules)
}

/// These devices, at most 500, as they are shown.
pub(super) async fn views(
    connection: &mut AnyConnection,
    rules: &Rules,
    found: Vec<Device>,
) -> Result<Vec<DeviceView>, StoreError> {
    let ids: Vec<DeviceId> = found.iter().map(|device| device.id.clone()).collect();
    let newest = devices::newest(connection, &ids).await?;
    let shown = found.into_iter().map(|device| {
        let standing = standing(&device, rules, newest.get(&device.id));
        view(device, standing)
    });
    Ok(shown.collect())
}

/// The figures of the whole fleet.
pub(super) async fn summary(connection: &mut AnyConnection) -> Result<FleetSummary, StoreError> {
    let rules = rules(connection).await?;
    let mut census = fleet::Census::default();
    for group in devices::groups(connection).await? {
        let (number, newest) = (group.devices, group.newest.clone());
        let device = one_of(group);
        let state = standing(&device, &rules, newest.as_ref()).state;
        census.count_alike(&device, state, rule(&rules, &device), number);
    }
    Ok(census.summary())
}

/// How a device stands.
pub(super) fn standing(device: &Device, rules: &Rules, newest: Option<&Newest>) -> Standing {
    let rule = rule(rules, device);
    let brought = newest.filter(|newest| newest.kind == DeploymentKind::Install);
    let brought = brought.and_then(|newest| newest.version.as_ref().map(|version| (version, newest)));
    let target = match (brought, rule) {
        (Some((version, newest)), _) if !is_over(newest) => Some(version),
        (_, Some(rule)) => Some(rule),
        (Some((version, _)), None) => Some(version),
        (None, None) => None,
    };
    // What became of another version says nothing about this one, but a device at work is at work.
    let told = newest.filter(|newest| {
        let towards = brought.is_some_and(|(version, _)| target.is_some_and(|target| target.is_same(version)));
        towards || newest.status.is_in_flight()
    });
    let told = told.map(|newest| told_so(device, newest.status));
    Standing { target: target.cloned(), state: fleet::state(device, target, told.as_ref()) }
}

fn rule<'r>(rules: &'r Rules, device: &Device) -> Option<&'r ReleaseVersion> {
    rules.get(&(device.device_type.clone(), device.distribution.clone()))
}

fn is_over(newest: &Newest) -> bool {
    use belay_protocol::admin::DeploymentStatus as Status;
    match newest.deployment {
        Status::Completed | Status::Failed | Status::Cancelled => true,
        Status::Pending | Status::InProgress | Status::Paused | Status::Halted => false,
    }
}

fn view(device: Device, standing: Standing) -> DeviceView {
    DeviceView {
        id: device.id,
        state: device.state,
        device_type: device.device_type,
        distribution: device.distribution,
        tags: device.tags,
        fleet_state: standing.state,
        target_version: standing.target,
        profile: device.profile,
        last_seen: device.last_seen,
        enrolled_at: device.enrolled_at,
        problem: device.problem,
    }
}

/// A part that stands so; nothing else of it is looked at.
fn told_so(device: &Device, status: AssignmentStatus) -> Assignment {
    Assignment {
        deployment: "newest".parse::<DeploymentId>().expect("it is made of letters"),
        device: device.id.clone(),
        rank: 0,
        status,
        attempt: 1,
        failures: 0,
        begun: status != AssignmentStatus::Pending,
        cancel: false,
        reason: None,
        message: String::new(),
        not_before: None,
        from_version: None,
        offered_at: None,
        started_at: None,
        ended_at: None,
    }
}

/// A device like those of the group, in everything that figures depend on.
fn one_of(group: Group) -> Device {
    let measures = group.reports_version.then(|| capability::REPORTS_VERSION.to_owned());
    Device {
        id: "one".parse().expect("it is made of letters"),
        state: group.state,
        device_type: group.device_type,
        distribution: group.distribution,
        tags: std::collections::BTreeSet::new(),
        enrolment: String::new(),
        identity: String::new(),
        profile_tag: if group.reported { "reported".to_owned() } else { String::new() },
        profile: Profile {
            installed: Installed {
                release: group.installed,
                needs_attention: group.needs_attention,
                ..Installed::default()
            },
            facts: Facts { capabilities: measures.into_iter().collect(), ..Facts::default() },
        },
        outbox: OutboxMark::default(),
        last_seen: None,
        enrolled_at: Timestamp::UNIX_EPOCH,
        problem: None,
    }
}
