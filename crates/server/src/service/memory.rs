//! What polls are answered from: who may speak, what each device is to be told, and when each was last heard of.
//!
//! Nothing here is the only copy of anything but the instants of the last few seconds. Memory may only say yes: a refusal
//! is given after the database was asked, so what another server wrote a moment ago is never the cause of one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use belay_protocol::DeviceId;
use jiff::Timestamp;

use crate::store::assignments::Open;
use crate::store::devices::hot::Keyed;

/// What polls are answered from.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Looked up by name, never walked through.
    devices: RwLock<HashMap<String, Arc<Known>>>,
    orders: RwLock<Orders>,
    /// Held by whoever reads all orders anew.
    reading: tokio::sync::Mutex<()>,
    /// Devices heard of since that was last written; each once.
    heard: Mutex<Vec<Arc<Known>>>,
}

/// A device that polls here.
#[derive(Debug)]
pub(super) struct Known {
    /// What is known of it.
    pub(super) keyed: Keyed,
    /// When it was heard of, in milliseconds, where that is not written yet; else 0.
    heard: AtomicI64,
    /// Whether it was asked for its profile and did not bring it yet.
    asked: AtomicBool,
}

impl Known {
    /// Whether a device that speaks is to say what it is before it is told what to do: it is asked for its profile, and
    /// for the first time. One whose profile does not come through is not kept waiting for ever.
    pub(super) fn is_to_say_first(&self, asked: bool) -> bool {
        !self.asked.swap(asked, Ordering::Relaxed) && asked
    }
}

#[derive(Debug, Default)]
struct Orders {
    open: HashMap<String, Arc<Open>>,
    /// What was told in this process while all orders are being read: it is newer than what was read.
    told: Option<Vec<(DeviceId, Option<Arc<Open>>)>>,
}

impl Memory {
    /// A device, where it is known here.
    pub(super) fn device(&self, id: &str) -> Option<Arc<Known>> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Takes in what was read or written; older states than the one known are left out.
    pub(super) fn learn(&self, keyed: Keyed) -> Arc<Known> {
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = devices.get(keyed.id.as_str()).filter(|known| known.keyed.changed_at >= keyed.changed_at) {
            return Arc::clone(known);
        }
        let asked = devices
            .get(keyed.id.as_str())
            .is_some_and(|known| known.keyed.profile_tag == keyed.profile_tag && known.asked.load(Ordering::Relaxed));
        let known = Arc::new(Known { keyed, heard: AtomicI64::new(0), asked: AtomicBool::new(asked) });
        devices.insert(known.keyed.id.as_str().to_owned(), Arc::clone(&known));
        known
    }

    /// Takes in states of devices that polled here before. Others come to be known when they poll.
    pub(super) fn relearn(&self, changed: Vec<Keyed>) {
        for keyed in changed {
            if self.device(keyed.id.as_str()).is_some_and(|known| known.keyed.changed_at < keyed.changed_at) {
                self.learn(keyed);
            }
        }
    }

    /// Knows a device no longer.
    pub(super) fn forget(&self, id: &DeviceId) {
        self.devices.write().unwrap_or_else(PoisonError::into_inner).remove(id.as_str());
        self.tell(id, None);
    }

    /// What a device is to be told.
    pub(super) fn order(&self, id: &DeviceId) -> Option<Arc<Open>> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner).open.get(id.as_str()).cloned()
    }

    /// From now on a device is told this.
    pub(super) fn tell(&self, id: &DeviceId, open: Option<Arc<Open>>) {
        let mut orders = self.orders.write().unwrap_or_else(PoisonError::into_inner);
        orders.set(id, open.clone());
        if let Some(told) = &mut orders.told {
            told.push((id.clone(), open));
        }
    }

    /// All orders are about to be read, by one at a time: what is told from here on is newer.
    pub(super) async fn reading_orders(&self) -> tokio::sync::MutexGuard<'_, ()> {
        let reading = self.reading.lock().await;
        self.orders.write().unwrap_or_else(PoisonError::into_inner).told = Some(Vec::new());
        reading
    }

    /// All orders were read.
    pub(super) fn after_orders(&self, open: Vec<Open>) {
        let by_device = open.into_iter().map(|open| (open.device.as_str().to_owned(), Arc::new(open)));
        let by_device: HashMap<_, _> = by_device.collect();
        let mut orders = self.orders.write().unwrap_or_else(PoisonError::into_inner);
        orders.open = by_device;
        for (id, open) in orders.told.take().unwrap_or_default() {
            orders.set(&id, open);
        }
    }

    /// A device was heard of.
    pub(super) fn hear(&self, known: &Arc<Known>, now: Timestamp) {
        if known.heard.swap(now.as_millisecond().max(1), Ordering::Relaxed) == 0 {
            self.heard().push(Arc::clone(known));
        }
    }

    /// Takes what is to be written: the devices heard of, by the second.
    pub(super) fn take_heard(&self) -> BTreeMap<i64, Vec<DeviceId>> {
        let heard = std::mem::take(&mut *self.heard());
        let mut by_second: BTreeMap<i64, Vec<DeviceId>> = BTreeMap::new();
        for known in heard {
            let second = known.heard.swap(0, Ordering::Relaxed).div_euclid(1_000);
            by_second.entry(second).or_default().push(known.keyed.id.clone());
        }
        by_second
    }

    /// Puts back what could not be written.
    pub(super) fn hear_again(&self, second: i64, devices: &[DeviceId]) {
        for known in devices.iter().filter_map(|id| self.device(id.as_str())) {
            let unheard = known.heard.compare_exchange(0, second * 1_000, Ordering::Relaxed, Ordering::Relaxed);
            if unheard.is_ok() {
                self.heard().push(known);
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Arc<Known>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orders {
    fn set(&mut self, id: &DeviceId, open: Option<Arc<Open>>) {
        match open {
            Some(open) => self.open.insert(id.as_str().to_owned(), open),
            None => self.open.remove(id.as_str()),
        };
    }
}

#[cfg(test)]
mod tests;
