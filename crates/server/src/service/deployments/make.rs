//! How a deployment comes to be: what was asked for is checked, its devices are found, everything is written at once.

use std::collections::BTreeMap;

use belay_protocol::DeploymentId;
use belay_protocol::admin::{
    CreateDeployment, DeploymentKind, DeploymentStatus, FilterText, Policy, Preview, ReleaseName, Strategy,
};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::domain::filter::Filter;
use crate::domain::{Assignment, AssignmentStatus, Deployment, FieldError, Forgiven, policy, wave};
use crate::service::releases::needed;
use crate::service::{Actor, Service, ServiceError, membership};
use crate::store::{StoreError, assignments, audit, deployments, id, releases, row, targets};

/// A deployment that was asked for and makes sense as far as its words go.
#[derive(Debug, Clone)]
pub(in crate::service) struct Draft {
    /// What people call it.
    pub(in crate::service) name: String,
    /// What it brings.
    pub(in crate::service) release: ReleaseName,
    /// Whom it reaches.
    pub(in crate::service) filter: FilterText,
    /// In which order and amounts.
    pub(in crate::service) strategy: Strategy,
    /// Its limits.
    pub(in crate::service) policy: Policy,
    /// The channel that it stands for.
    pub(in crate::service) channel: Option<i64>,
}

/// The devices that a draft selects.
#[derive(Debug, Default)]
pub(super) struct Found {
    devices: u64,
    excluded: BTreeMap<String, u64>,
}

impl Draft {
    /// Checks what was asked for.
    pub(super) fn of(asked: CreateDeployment) -> Result<Self, ServiceError> {
        let name = asked.name.unwrap_or_else(|| asked.release.to_string());
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            let message = format!("a name has 1 to {LONGEST_NAME} characters, all of them printable");
            return Err(ServiceError::of_field("name", "bad_name", message));
        }
        policy::check(&asked.strategy, &asked.policy).map_err(|error| refused("bad_policy", error))?;
        Filter::parse(&asked.filter, Some(&asked.release)).map_err(|error| refused("bad_filter", error))?;
        let own = asked.release.device_type.as_str();
        if asked.filter.device_type.as_deref().is_some_and(|wanted| !wanted.is_empty() && wanted != own) {
            let message = format!("the release is for devices of type {own}; leave the type out, or name that one");
            return Err(ServiceError::of_field("filter.device_type", "another_type", message));
        }
        Ok(Self {
            name,
            release: asked.release,
            filter: asked.filter,
            strategy: asked.strategy,
            policy: asked.policy,
            channel: None,
        })
    }

    /// The deployment that it becomes.
    pub(in crate::service) fn deployment(self, actor: &Actor, now: Timestamp) -> Deployment {
        Deployment {
            id: new_id(now),
            name: self.name,
            kind: DeploymentKind::Install,
            release: Some(self.release),
            channel: self.channel,
            filter: self.filter,
            strategy: self.strategy,
            policy: self.policy,
            status: DeploymentStatus::Pending,
            reason: "not begun".to_owned(),
            allowed: None,
            soak_until: None,
            forgiven: Forgiven::default(),
            frozen: None,
            revision: 0,
            created_at: now,
            created_by: actor.0.clone(),
            started_at: None,
            ended_at: None,
        }
    }
}

impl Found {
    /// Refuses a deployment that has nobody to reach.
    pub(super) fn must_not_be_empty(&self) -> Result<(), ServiceError> {
        if self.devices > 0 {
            return Ok(());
        }
        let mut message = "no device of the fleet is selected; make the filter wider".to_owned();
        if !self.excluded.is_empty() {
            let excluded: Vec<_> = self.excluded.iter().map(|(code, number)| format!("{number} {code}")).collect();
            message = format!("every device that is selected is left out: {}", excluded.join(", "));
        }
        Err(ServiceError::of_field("filter", "no_devices", message))
    }

    /// What would be made.
    pub(super) fn preview(self, draft: &Draft) -> Preview {
        let first = wave::first(&draft.strategy, self.devices).unwrap_or(self.devices);
        Preview { devices: self.devices, first_wave: first.min(self.devices), excluded: self.excluded }
    }

    fn count(&mut self, part: &Assignment) {
        match (part.status, &part.reason) {
            (AssignmentStatus::Skipped, Some(code)) => *self.excluded.entry(code.clone()).or_default() += 1,
            (_, _) => self.devices += 1,
        }
    }
}

impl Service {
    /// The devices that a draft selects now.
    pub(super) async fn look_for(&self, draft: &Draft) -> Result<Found, ServiceError> {
        let now = self.clock.now();
        let (name, deployment) = (draft.release.clone(), draft.clone().deployment(&Actor::server(), now));
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                if releases::by_name(connection, &name).await?.is_none() {
                    return Ok(Err(ServiceError::not_found("release", &name)));
                }
                let mut found = Found::default();
                let mut last = String::new();
                while let Some(parts) = next_parts(connection, &deployment, &mut last, now).await? {
                    parts.iter().for_each(|part| found.count(part));
                }
                Ok(Ok(found))
            })
        });
        read.await?
    }

    /// Makes it.
    pub(super) async fn make(&self, actor: &Actor, draft: Draft) -> Result<DeploymentId, ServiceError> {
        let now = self.clock.now();
        let release = draft.release.clone();
        let deployment = draft.deployment(actor, now);
        let made = self.store.write(|connection| {
            let (release, deployment, actor) = (release.clone(), deployment.clone(), actor.clone());
            Box::pin(async move {
                if let Err(missing) = needed(connection, &release).await? {
                    return Ok(Err(missing));
                }
                insert(connection, &deployment, now).await?;
                let detail = format!("{} by {}", release, row::json(&deployment.strategy));
                audit::write(connection, now, &actor, "deployment.create", deployment.id.as_str(), &detail).await?;
                Ok(Ok(()))
            })
        });
        made.await??;
        Ok(deployment.id)
    }
}

/// Writes a deployment down with a part for every device that it selects.
pub(in crate::service) async fn insert(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    now: Timestamp,
) -> Result<(), StoreError> {
    deployments::insert(connection, deployment).await?;
    let mut last = String::new();
    while let Some(parts) = next_parts(connection, deployment, &mut last, now).await? {
        assignments::insert(connection, &parts).await?;
    }
    Ok(())
}

/// Gives parts to devices that came between the making of a deployment and its start: two transactions that run at the
/// same instant do not see each other.
pub(in crate::service) async fn take_latecomers(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Who is asked for by name was asked for then.
    if !deployment.policy.late_joiners
        || deployment.kind != DeploymentKind::Install
        || !deployment.filter.device_ids.is_empty()
    {
        return Ok(());
    }
    let mut last = String::new();
    while let Some(parts) = next_parts(connection, deployment, &mut last, now).await? {
        assignments::insert(connection, &parts).await?;
    }
    Ok(())
}

/// A name for a deployment.
pub(super) fn new_id(now: Timestamp) -> DeploymentId {
    id::new("r", now).parse().expect("names of rows are made of letters, digits and _")
}

/// The parts of the next page of devices, which may be none of them; `None` after the last page.
async fn next_parts(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    last: &mut String,
    now: Timestamp,
) -> Result<Option<Vec<Assignment>>, StoreError> {
    let Some(release) = &deployment.release else { return Ok(None) };
    let devices = targets::after(connection, &release.device_type, last).await?;
    let Some(final_one) = devices.last() else { return Ok(None) };
    final_one.id.as_str().clone_into(last);
    // It parsed when the deployment was asked for.
    let Ok(filter) = Filter::parse(&deployment.filter, Some(release)) else { return Ok(None) };
    let demands = membership::demands(connection, deployment).await?;
    let mut parts = Vec::new();
    for device in &devices {
        let state = membership::standing(connection, &filter, Some(release), device).await?;
        if filter.selects(device, state) {
            parts.push(membership::part(deployment, demands, device, now));
        }
    }
    Ok(Some(parts))
}

fn refused(code: &'static str, error: FieldError) -> ServiceError {
    ServiceError::of_field(error.field, code, error.message)
}

const LONGEST_NAME: usize = 200;
