//! Syncs: the hot path. A device with nothing new costs no database at all.

use std::sync::Arc;

use belay_protocol::DeviceId;
use belay_protocol::admin::DeviceState;
use belay_protocol::sync::{SyncRequest, SyncResponse};

use super::memory::Known;
use super::record::{Recorded, Taken};
use super::recorder::Job;
use super::{Kind, Service, ServiceError, limits};
use crate::auth::{Purpose, Shown};
use crate::clock;
use crate::store::assignments::Open;
use crate::store::devices::hot::{self, Keyed};

impl Service {
    /// Answers one poll of the device that shows this key. Reports are durable before they are acknowledged.
    pub async fn sync(&self, key: &str, request: SyncRequest) -> Result<SyncResponse, ServiceError> {
        let began = clock::monotonic();
        let answer = self.answer_sync(key, request).await;
        self.stats.sync_seconds.observe(began.elapsed());
        if answer.as_ref().is_err_and(|error| error.kind != Kind::TooMany) {
            self.stats.refused.add(1);
        }
        answer
    }

    async fn answer_sync(&self, key: &str, request: SyncRequest) -> Result<SyncResponse, ServiceError> {
        let known = self.identify(key).await?;
        let request = limits::fit_sync(request)?;
        self.memory.hear(&known, self.clock.now());
        let keyed = &known.keyed;
        let news = request.profile.is_some() && request.tag != keyed.profile_tag;
        if !news && request.reports.is_empty() {
            self.stats.idle.add(1);
            return Ok(self.response(keyed, &request.tag, self.memory.order(&keyed.id).as_deref(), None));
        }
        let tag = request.tag.clone();
        match self.record(Job { device: keyed.id.clone(), request }).await? {
            Taken::Recorded(Recorded { keyed, open, acknowledged, engine: _ }) => {
                Ok(self.response(&keyed, &tag, open.as_deref(), acknowledged))
            }
            Taken::Unknown => Err(unknown_key()),
            Taken::Revoked(_) => Err(revoked()),
        }
    }

    /// Whether a device that may speak has this key: from memory, so that it costs little to ask before a body is read.
    pub async fn knows(&self, key: &str) -> Result<(), ServiceError> {
        let known = self.identify(key).await.map(drop);
        if known.is_err() {
            self.stats.refused.add(1);
        }
        known
    }

    /// Lets a device of the fleet fetch what is kept for it, by its key, from memory like a poll.
    pub async fn admit_device(&self, key: &str) -> Result<(), ServiceError> {
        match self.identify(key).await?.keyed.state {
            DeviceState::Authorized => Ok(()),
            DeviceState::Pending | DeviceState::Quarantined | DeviceState::Revoked => {
                let message = "this device does not belong to the fleet yet; an operator has to let it in";
                Err(ServiceError::new(Kind::Forbidden, "not_authorized", message))
            }
        }
    }

    /// Whether this text is a device's key, good or not, and no operator's token.
    pub fn is_device_key(text: &str) -> bool {
        Shown::read(Purpose::Device, text).is_some()
    }

    /// Whose key this is. Memory may say yes; only the database says no.
    async fn identify(&self, key: &str) -> Result<Arc<Known>, ServiceError> {
        let shown = Shown::read(Purpose::Device, key).ok_or_else(unknown_key)?;
        if let Some(known) = self.memory.device(shown.id).filter(|known| refusal(&known.keyed, &shown).is_none()) {
            return Ok(known);
        }
        self.stats.read.add(1);
        let id: DeviceId = shown.id.parse().map_err(|_| unknown_key())?;
        let keyed = self.store.read(|connection| Box::pin(async move { hot::keyed(connection, &id).await })).await?;
        let keyed = keyed.ok_or_else(unknown_key)?;
        match refusal(&keyed, &shown) {
            Some(refusal) => Err(refusal),
            None => Ok(self.memory.learn(keyed)),
        }
    }

    fn response(&self, keyed: &Keyed, tag: &str, open: Option<&Open>, acknowledged: Option<u64>) -> SyncResponse {
        let authorized = keyed.state == DeviceState::Authorized;
        let open = open.filter(|_| authorized);
        let send_profile = tag != keyed.profile_tag;
        // A copy of a device is to be recognised before it is given the order of the other.
        let known = self.memory.device(keyed.id.as_str());
        let says_first = known.is_some_and(|known| known.is_to_say_first(send_profile));
        SyncResponse {
            now: self.clock.now(),
            next_s: self.next_s(open.is_some()),
            authorized,
            acknowledged,
            send_profile,
            assignment: open.filter(|open| !open.cancel && !says_first).map(Open::order),
            cancel: open.filter(|open| open.cancel).map(|open| open.id.clone()),
        }
    }

    /// Seconds until the next sync: soon, while there is something that the device is to hear of or to report on.
    pub(super) fn next_s(&self, busy: bool) -> u32 {
        let poll_s = self.options.devices.poll_s.max(1);
        if busy { poll_s.min(BUSY_POLL_S) } else { poll_s }
    }
}

/// Why somebody who shows this secret is not this device.
fn refusal(keyed: &Keyed, shown: &Shown<'_>) -> Option<ServiceError> {
    if keyed.key != shown.digest {
        return Some(unknown_key());
    }
    match keyed.state {
        DeviceState::Pending | DeviceState::Authorized | DeviceState::Quarantined => None,
        DeviceState::Revoked => Some(revoked()),
    }
}

fn unknown_key() -> ServiceError {
    let message = "no device has this key; enrol again, or wait for an operator to say why it was deleted";
    ServiceError::new(Kind::Unauthorized, "unauthorized", message)
}

fn revoked() -> ServiceError {
    let message = "this device was shut out by an operator; it has to be deleted there before it can enrol again";
    ServiceError::new(Kind::Unauthorized, "device_revoked", message)
}

/// Seconds between two polls of a device that is at work.
const BUSY_POLL_S: u32 = 10;
