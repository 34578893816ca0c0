//! Devices: shown, let in, shut out, changed.

use belay_protocol::DeviceId;
use belay_protocol::admin::{DeviceState, DeviceView, FleetState, FleetSummary, Page, ReportView, UpdateDevice};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::tokens::MAX_TAGS;
use super::{Actor, Kind, PageOf, Service, ServiceError, membership, standing};
use crate::domain::Device;
use crate::store::devices::hot::{self, Locked};
use crate::store::devices::{self, Selection};
use crate::store::{StoreError, audit, reports};

/// Which devices to list. Texts as they came; empty ones ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceQuery {
    /// Of this type.
    pub device_type: String,
    /// Of this ring.
    pub distribution: String,
    /// Pending, authorized, quarantined or revoked.
    pub state: String,
    /// How it stands, such as `OUTDATED`.
    pub fleet_state: String,
    /// With this tag.
    pub tag: String,
    /// Part of a name, host name or tag.
    pub search: String,
}

impl Service {
    /// Devices of a page. Empty texts ask for nothing; `search` is part of a name, host name or tag.
    pub async fn devices(&self, query: DeviceQuery, page: PageOf) -> Result<Page<DeviceView>, ServiceError> {
        let range = page.range()?;
        let (selection, standing) = parse(&query)?;
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                match standing {
                    Some(state) => list_standing_so(connection, &selection, state, range).await,
                    None => list(connection, &selection, range).await,
                }
            })
        });
        let (items, total) = read.await?;
        Ok(page.with(items, total))
    }

    /// One device.
    pub async fn device(&self, id: &DeviceId) -> Result<DeviceView, ServiceError> {
        let device = id.clone();
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                let Some(device) = devices::by_id(connection, &device).await? else { return Ok(None) };
                let rules = standing::rules(connection).await?;
                Ok(standing::views(connection, &rules, vec![device]).await?.pop())
            })
        });
        read.await?.ok_or_else(|| ServiceError::not_found("device", id))
    }

    /// Changes ring, type or tags; what follows for deployments is done at once.
    pub async fn update_device(
        &self,
        actor: &Actor,
        id: &DeviceId,
        change: UpdateDevice,
    ) -> Result<DeviceView, ServiceError> {
        if change.tags.as_ref().is_some_and(|tags| tags.len() > MAX_TAGS) {
            let rule = format!("a device has at most {MAX_TAGS} tags");
            return Err(ServiceError::of_field("tags", "too_many", rule));
        }
        self.change(actor, id, Change::Update(change)).await
    }

    /// Lets a pending or quarantined device in.
    pub async fn approve_device(&self, actor: &Actor, id: &DeviceId) -> Result<DeviceView, ServiceError> {
        self.change(actor, id, Change::Approve).await
    }

    /// Shuts a device out: its key means nothing from now on.
    pub async fn revoke_device(&self, actor: &Actor, id: &DeviceId) -> Result<DeviceView, ServiceError> {
        self.change(actor, id, Change::Revoke).await
    }

    /// Forgets a device, with its assignments; its reports stay as history.
    pub async fn delete_device(&self, actor: &Actor, id: &DeviceId) -> Result<(), ServiceError> {
        let (actor, device, now) = (actor.clone(), id.clone(), self.clock.now());
        let write = self.store.write(move |connection| {
            let (actor, id) = (actor.clone(), device.clone());
            Box::pin(async move {
                let Some(locked) = hot::lock(connection, &id, now).await? else { return Ok(false) };
                devices::delete(connection, &id).await?;
                let detail = &locked.device.profile.facts.hostname;
                audit::write(connection, now, &actor, audit::DEVICE_DELETED, id.as_str(), detail).await?;
                Ok(true)
            })
        });
        if !write.await? {
            return Err(ServiceError::not_found("device", id));
        }
        self.memory.forget(id);
        self.engine.notify_one();
        Ok(())
    }

    /// What a device reported, newest first.
    pub async fn device_reports(&self, id: &DeviceId, page: PageOf) -> Result<Page<ReportView>, ServiceError> {
        let range = page.range()?;
        let device = id.clone();
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                let known = devices::by_id(connection, &device).await?.is_some();
                Ok((known, reports::list(connection, &device, range).await?))
            })
        });
        match read.await? {
            // What a forgotten device reported stays as history.
            (false, (_, 0)) => Err(ServiceError::not_found("device", id)),
            (true | false, (items, total)) => Ok(page.with(items, total)),
        }
    }

    /// How the fleet stands.
    pub async fn fleet(&self) -> Result<FleetSummary, ServiceError> {
        Ok(self.store.read(|connection| Box::pin(standing::summary(connection))).await?)
    }

    async fn change(&self, actor: &Actor, id: &DeviceId, change: Change) -> Result<DeviceView, ServiceError> {
        let (actor, device, now) = (actor.clone(), id.clone(), self.clock.now());
        let write = self.store.write(move |connection| {
            let (actor, id, change) = (actor.clone(), device.clone(), change.clone());
            Box::pin(async move { change.carry_out(connection, &actor, &id, now).await })
        });
        let engine = write.await??;
        self.take_effect(id).await?;
        if engine {
            self.engine.notify_one();
        }
        self.device(id).await
    }
}

/// What an operator does to a device.
#[derive(Debug, Clone)]
enum Change {
    Update(UpdateDevice),
    Approve,
    Revoke,
}

impl Change {
    /// Whether the engine should look now.
    async fn carry_out(
        self,
        connection: &mut AnyConnection,
        actor: &Actor,
        id: &DeviceId,
        now: Timestamp,
    ) -> Result<Result<bool, ServiceError>, StoreError> {
        let Some(Locked { mut device, .. }) = hot::lock(connection, id, now).await? else {
            return Ok(Err(ServiceError::not_found("device", id)));
        };
        let before = device.clone();
        let action = match self {
            Self::Update(change) => {
                update(&mut device, change);
                "device.update"
            }
            Self::Approve => match device.state {
                DeviceState::Pending | DeviceState::Quarantined | DeviceState::Authorized => {
                    if device.state == DeviceState::Quarantined {
                        // Whoever still speaks is asked what it is. That somebody spoke is not forgotten with it: what
                        // made this device must not give its key again.
                        if !device.profile_tag.is_empty() && device.outbox.outbox.is_empty() {
                            device.outbox.outbox = NO_OUTBOX.to_owned();
                        }
                        device.profile_tag.clear();
                        device.profile.facts.hardware.clear();
                    }
                    device.state = DeviceState::Authorized;
                    device.problem = None;
                    "device.approve"
                }
                DeviceState::Revoked => {
                    let message = format!("{id} was shut out; delete it and let it enrol again");
                    return Ok(Err(ServiceError::new(Kind::Conflict, "device_revoked", message)));
                }
            },
            Self::Revoke => {
                device.state = DeviceState::Revoked;
                "device.revoke"
            }
        };
        if device == before {
            return Ok(Ok(false));
        }
        devices::update(connection, &device, now).await?;
        if before.state == DeviceState::Quarantined && device.state == DeviceState::Authorized {
            devices::forget_hardware(connection, id).await?;
        }
        audit::write(connection, now, actor, action, id.as_str(), &told(&before, &device)).await?;
        Ok(Ok(membership::refresh(connection, &device, now).await?))
    }
}

fn update(device: &mut Device, change: UpdateDevice) {
    let UpdateDevice { distribution, device_type, tags } = change;
    device.distribution = distribution.unwrap_or_else(|| device.distribution.clone());
    device.device_type = device_type.unwrap_or_else(|| device.device_type.clone());
    device.tags = tags.unwrap_or_else(|| device.tags.clone());
}

/// What changed, for people.
fn told(before: &Device, after: &Device) -> String {
    let tags = |device: &Device| device.tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>().join(" ");
    let (old_state, new_state) = (devices::state_word(before.state), devices::state_word(after.state));
    let parts = [
        ("state", old_state.to_owned(), new_state.to_owned()),
        ("type", before.device_type.to_string(), after.device_type.to_string()),
        ("ring", before.distribution.to_string(), after.distribution.to_string()),
        ("tags", tags(before), tags(after)),
    ];
    let changed = parts.into_iter().filter(|(_, old, new)| old != new);
    changed.map(|(what, old, new)| format!("{what}: {old:?} -> {new:?}")).collect::<Vec<_>>().join(", ")
}

fn parse(query: &DeviceQuery) -> Result<(Selection, Option<FleetState>), ServiceError> {
    let device_type = optional("device_type", &query.device_type, |text| text.parse().ok())?;
    let distribution = optional("distribution", &query.distribution, |text| text.parse().ok())?;
    let state = optional("state", &query.state, |text| devices::state_of(&text.to_ascii_lowercase()))?;
    let tag = optional("tag", &query.tag, |text| text.parse().ok())?;
    let standing = optional("fleet_state", &query.fleet_state, |text| {
        serde_json::from_value(serde_json::Value::String(text.to_ascii_uppercase())).ok()
    })?;
    if query.search.chars().count() > 100 || query.search.chars().any(char::is_control) {
        let rule = "search for at most 100 characters and no control characters";
        return Err(ServiceError::of_field("search", "invalid_text", rule));
    }
    Ok((Selection { device_type, distribution, state, tag, search: query.search.clone() }, standing))
}

fn optional<T>(field: &'static str, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ServiceError> {
    if text.is_empty() {
        return Ok(None);
    }
    let message = || format!("{text:?} is no {}", field.replace('_', " "));
    parse(text).map(Some).ok_or_else(|| ServiceError::of_field(field, "invalid_filter", message()))
}

async fn list(
    connection: &mut AnyConnection,
    selection: &Selection,
    range: (i64, i64),
) -> Result<(Vec<DeviceView>, u64), StoreError> {
    let rules = standing::rules(connection).await?;
    let found = devices::list(connection, selection, "", range).await?;
    let total = devices::count(connection, selection).await?;
    Ok((standing::views(connection, &rules, found).await?, total))
}

/// How a device stands is not stored, so all are looked at, some at a time.
async fn list_standing_so(
    connection: &mut AnyConnection,
    selection: &Selection,
    state: FleetState,
    (limit, offset): (i64, i64),
) -> Result<(Vec<DeviceView>, u64), StoreError> {
    let rules = standing::rules(connection).await?;
    let (mut shown, mut total, mut last) = (Vec::new(), 0_i64, String::new());
    loop {
        let found = devices::list(connection, selection, &last, (AT_ONCE, 0)).await?;
        let Some(end) = found.last() else { return Ok((shown, total.unsigned_abs())) };
        last = end.id.to_string();
        for view in standing::views(connection, &rules, found).await? {
            if view.state == DeviceState::Authorized && view.fleet_state == state {
                if (offset..offset + limit).contains(&total) {
                    shown.push(view);
                }
                total += 1;
            }
        }
    }
}

/// How many devices are looked at together.
const AT_ONCE: i64 = 500;

/// Stands for the outbox of a device that spoke and has none yet.
const NO_OUTBOX: &str = "-";
