//! Enrolment: how a device becomes known.

use std::sync::Arc;

use belay_protocol::DeviceId;
use belay_protocol::admin::{CreateEnrolmentToken, DeviceState};
use belay_protocol::enrol::{EnrolRequest, EnrolResponse};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::tokens::check_life;
use super::{Actor, Enrolment, Kind, Service, ServiceError, limits, membership};
use crate::auth::{Digest, Issued, Purpose, Shown};
use crate::domain::{Device, OutboxMark};
use crate::store::devices::hot;
use crate::store::{StoreError, audit, devices, enrolment_tokens, id};

impl Service {
    /// Makes a device known, by token, for approval, or openly, as the settings say.
    pub async fn enrol(&self, mut request: EnrolRequest) -> Result<EnrolResponse, ServiceError> {
        limits::check_enrolment(&request)?;
        // Who knows it may be given a key: it is kept like one.
        request.enrolment = Digest::of(&request.enrolment).to_text();
        let request = Arc::new(request);
        let mut enrolled = match self.try_enrol(&request).await {
            // The same enrolment came twice at once, and the other one made the device.
            Err(StoreError::Stale) => self.try_enrol(&request).await,
            ended => ended,
        }??;
        if enrolled.new {
            self.look_again(&mut enrolled.device).await?;
        }
        self.take_effect(&enrolled.device.id).await?;
        // Whoever enrols is reachable: the first offer need not wait for the first poll.
        if let Some(known) = self.memory.device(enrolled.device.id.as_str()) {
            self.memory.hear(&known, self.clock.now());
        }
        if enrolled.engine {
            self.engine.notify_one();
        }
        Ok(EnrolResponse {
            device: enrolled.device.id,
            key: enrolled.key,
            authorized: enrolled.device.state == DeviceState::Authorized,
            next_s: self.next_s(false),
        })
    }

    async fn try_enrol(&self, request: &Arc<EnrolRequest>) -> Result<Result<Enrolled, ServiceError>, StoreError> {
        let (request, mode, now) = (Arc::clone(request), self.options.devices.mode, self.clock.now());
        let enrolled = self.store.write(move |connection| {
            let request = Arc::clone(&request);
            Box::pin(async move { Attempt { request: &request, mode, now }.enrol(connection).await })
        });
        enrolled.await
    }

    /// Two machines of one identity that enrol at the very same instant do not see each other. So each is looked at once
    /// more, before it is given its key.
    async fn look_again(&self, device: &mut Device) -> Result<(), ServiceError> {
        if device.state == DeviceState::Quarantined {
            return Ok(());
        }
        let (identity, enrolment) = (device.identity.clone(), device.enrolment.clone());
        let other = self.store.read(move |connection| {
            Box::pin(async move { devices::other_of_identity(connection, &identity, &enrolment).await })
        });
        let Some(other) = other.await? else { return Ok(()) };
        let (suspect, now) = (device.clone(), self.clock.now());
        let quarantined = self.store.write(move |connection| {
            let (mut suspect, problem) = (suspect.clone(), same_identity(&other));
            Box::pin(async move {
                quarantine(connection, &mut suspect, problem, now).await?;
                devices::update(connection, &suspect, now).await?;
                membership::refresh(connection, &suspect, now).await?;
                Ok(suspect)
            })
        });
        *device = quarantined.await?;
        Ok(())
    }
}

/// Everything that one enrolment is decided on.
#[derive(Debug, Clone, Copy)]
struct Attempt<'r> {
    request: &'r EnrolRequest,
    mode: Enrolment,
    now: Timestamp,
}

/// What came of it.
#[derive(Debug)]
struct Enrolled {
    device: Device,
    /// The text of its key.
    key: String,
    /// Whether it was not known before.
    new: bool,
    /// Whether the engine should look now.
    engine: bool,
}

/// How a device is let in.
#[derive(Debug)]
struct Admission {
    state: DeviceState,
    /// What its token says of it.
    terms: CreateEnrolmentToken,
}

impl Attempt<'_> {
    async fn enrol(self, connection: &mut AnyConnection) -> Result<Result<Enrolled, ServiceError>, StoreError> {
        if let Some(device) = devices::by_enrolment(connection, &self.request.enrolment).await? {
            return self.enrol_again(connection, &device.id).await;
        }
        if let Some(refusal) = self.one_waits(connection).await? {
            return Ok(Err(refusal));
        }
        let other = devices::other_of_identity(connection, &self.request.identity, &self.request.enrolment).await?;
        let admission = match self.admit(connection).await? {
            Ok(admission) => admission,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut device = self.newcomer(admission);
        if let Some(other) = &other {
            quarantine(connection, &mut device, same_identity(other), self.now).await?;
        }
        let key = Issued::new(Purpose::Device, device.id.as_str());
        devices::insert(connection, &device, key.digest, self.now).await?;
        let engine = membership::refresh(connection, &device, self.now).await?;
        Ok(Ok(Enrolled { device, key: key.text, new: true, engine }))
    }

    /// The answer was lost: the same device, another key. Once a device has spoken with its key, nobody gets another one
    /// for it by repeating what it once sent.
    async fn enrol_again(
        self,
        connection: &mut AnyConnection,
        id: &DeviceId,
    ) -> Result<Result<Enrolled, ServiceError>, StoreError> {
        let mut device = hot::lock(connection, id, self.now).await?.ok_or(StoreError::Stale)?.device;
        if device.state == DeviceState::Revoked {
            let message = "this device was shut out; an operator has to delete it before it can enrol again";
            return Ok(Err(ServiceError::new(Kind::Forbidden, "device_revoked", message)));
        }
        if has_spoken(&device) || !self.is_from(&device) {
            let message = "this enrolment was used already; `belay-agent enrol --again` makes a new one, and an operator \
                           then approves that one, or revokes or deletes the old one";
            return Ok(Err(ServiceError::new(Kind::Forbidden, "already_enrolled", message)));
        }
        let let_in = device.state == DeviceState::Pending && self.request.token.is_some();
        if let_in {
            match self.admit(connection).await? {
                Ok(admission) => apply(&mut device, admission),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        let key = Issued::new(Purpose::Device, device.id.as_str());
        devices::replace_key(connection, &device.id, key.digest, self.now).await?;
        let mut engine = false;
        if let_in {
            devices::update(connection, &device, self.now).await?;
            engine = membership::refresh(connection, &device, self.now).await?;
        }
        Ok(Ok(Enrolled { device, key: key.text, new: false, engine }))
    }

    /// Whether the machine that asks is the one that made this device.
    fn is_from(self, device: &Device) -> bool {
        let (known, shown) = (&device.profile.facts.hardware, &self.request.profile.facts.hardware);
        device.identity == self.request.identity && (known.is_empty() || known == shown)
    }

    /// A stranger's refusal, where a device of its identity waits for an operator already: one such row is enough.
    async fn one_waits(self, connection: &mut AnyConnection) -> Result<Option<ServiceError>, StoreError> {
        if self.mode != Enrolment::Approval || self.request.token.is_some() {
            return Ok(None);
        }
        let waiting = devices::unauthorized_of_identity(connection, &self.request.identity).await?;
        Ok(waiting.map(|waiting| {
            let message = format!(
                "this machine is known already, as {waiting}, which is not let in; an operator has to approve or delete \
                 that one before this one can enrol"
            );
            ServiceError::new(Kind::Conflict, "already_waiting", message)
        }))
    }

    async fn admit(self, connection: &mut AnyConnection) -> Result<Result<Admission, ServiceError>, StoreError> {
        if let Some(token) = &self.request.token {
            return self.admit_by_token(connection, token).await;
        }
        let terms = CreateEnrolmentToken::default();
        Ok(match self.mode {
            Enrolment::Open => Ok(Admission { state: DeviceState::Authorized, terms }),
            Enrolment::Approval => {
                // A stranger that shows a known identity is quarantined: a row like any other.
                let waiting = devices::count_in(connection, DeviceState::Pending).await?
                    + devices::count_in(connection, DeviceState::Quarantined).await?;
                if waiting < MAX_PENDING {
                    Ok(Admission { state: DeviceState::Pending, terms })
                } else {
                    let message = "too many devices wait to be let in; approve or delete some of them";
                    Err(ServiceError::new(Kind::TooMany, "too_many_pending", message))
                }
            }
            Enrolment::Token => {
                let message = "this server lets devices in by token; ask its operator for one (belayctl token create)";
                Err(ServiceError::new(Kind::Unauthorized, "token_required", message))
            }
        })
    }

    async fn admit_by_token(
        self,
        connection: &mut AnyConnection,
        token: &str,
    ) -> Result<Result<Admission, ServiceError>, StoreError> {
        let unknown = || {
            let message = "there is no such enrolment token; ask the server's operator for one";
            ServiceError::new(Kind::Unauthorized, "unauthorized", message)
        };
        let Some(shown) = Shown::read(Purpose::Enrolment, token) else { return Ok(Err(unknown())) };
        let (token, digest) = match enrolment_tokens::by_id(connection, shown.id).await? {
            Some(found) => found,
            None => return Ok(Err(unknown())),
        };
        if digest != shown.digest {
            return Ok(Err(unknown()));
        }
        let terms = token.terms;
        if let Err(refusal) = check_life(terms.expires_at, token.revoked_at, self.now) {
            return Ok(Err(refusal));
        }
        if terms.device_type.as_ref().is_some_and(|only| *only != self.request.device_type) {
            let message = format!("this token is not for devices of the type {}", self.request.device_type);
            return Ok(Err(ServiceError::new(Kind::Forbidden, "token_other_type", message)));
        }
        if !enrolment_tokens::take(connection, shown.id, self.now).await? {
            let message = "this token was used as often as it may be; ask the server's operator for another";
            return Ok(Err(ServiceError::new(Kind::Forbidden, "token_used_up", message)));
        }
        Ok(Ok(Admission { state: DeviceState::Authorized, terms }))
    }

    fn newcomer(self, admission: Admission) -> Device {
        let id = id::new("d", self.now);
        let mut device = Device {
            id: id.parse::<DeviceId>().expect("a new name is made of what names are made of"),
            state: DeviceState::Pending,
            device_type: self.request.device_type.clone(),
            distribution: self.request.distribution.clone(),
            tags: std::collections::BTreeSet::new(),
            enrolment: self.request.enrolment.clone(),
            identity: self.request.identity.clone(),
            profile_tag: String::new(),
            profile: self.request.profile.clone(),
            outbox: OutboxMark::default(),
            last_seen: Some(self.now),
            enrolled_at: self.now,
            problem: None,
        };
        apply(&mut device, admission);
        device
    }
}

/// Whether a sync of this device was ever taken.
fn has_spoken(device: &Device) -> bool {
    !device.profile_tag.is_empty() || !device.outbox.outbox.is_empty()
}

fn apply(device: &mut Device, admission: Admission) {
    device.state = admission.state;
    device.distribution = admission.terms.distribution.unwrap_or_else(|| device.distribution.clone());
    device.tags.extend(admission.terms.tags);
}

/// Takes a device out of the fleet until an operator has looked; the caller writes it.
pub(super) async fn quarantine(
    connection: &mut AnyConnection,
    device: &mut Device,
    problem: String,
    now: Timestamp,
) -> Result<(), StoreError> {
    audit::write(connection, now, &Actor::server(), "device.quarantine", device.id.as_str(), &problem).await?;
    device.state = DeviceState::Quarantined;
    device.problem = Some(problem);
    Ok(())
}

fn same_identity(other: &DeviceId) -> String {
    format!(
        "this machine is enrolled already, as {other}; approve this one and delete that one where the machine was set up \
         anew, or revoke it"
    )
}

/// How many devices may wait to be let in: strangers can make more of them.
const MAX_PENDING: u64 = 10_000;
