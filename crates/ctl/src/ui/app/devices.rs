//! The devices in the order of their addresses, with cursor, filter and selection.

use std::net::SocketAddr;

use super::device::{Device, Known};
use crate::lan::Host;
use crate::ui::keys::Move;

/// The devices that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Devices {
    all: Vec<Device>,
    /// What a device must hold to be shown; nothing shows all.
    pub(crate) filter: String,
    /// The device under the cursor. It keeps the cursor where others come before it.
    cursor: Option<SocketAddr>,
}

impl Devices {
    /// Those of a site file.
    pub(crate) fn saved(hosts: Vec<Host>) -> Self {
        let mut devices = Self::default();
        for host in hosts {
            devices.insert(Device::new(host, Known::Saved));
        }
        devices
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Device] {
        &self.all
    }

    /// Those that the filter lets through.
    pub(crate) fn shown(&self) -> Vec<&Device> {
        self.all.iter().filter(|device| device.matches(&self.filter)).collect()
    }

    /// The one that answers there.
    pub(crate) fn find(&mut self, address: SocketAddr) -> Option<&mut Device> {
        self.all.iter_mut().find(|device| device.host.address == address)
    }

    /// Where the cursor stands among those shown.
    pub(crate) fn row(&self) -> usize {
        let place = |cursor| self.shown().iter().position(|device| device.host.address == cursor);
        self.cursor.and_then(place).unwrap_or(0)
    }

    /// The device under the cursor.
    pub(crate) fn current(&self) -> Option<&Device> {
        self.shown().get(self.row()).copied()
    }

    /// Whether one answered a scan. What it is may have changed since it was known.
    pub(crate) fn found(&mut self, host: Host) {
        match self.find(host.address) {
            None => self.insert(Device::new(host, Known::Answered)),
            Some(device) => {
                device.host.learn(host);
                device.known = Known::Answered;
            }
        }
    }

    /// Before a scan: nobody has answered it.
    pub(crate) fn forget_answers(&mut self) {
        self.all.iter_mut().for_each(|device| device.known = Known::Saved);
    }

    /// After a scan: who has not answered by now will not.
    pub(crate) fn miss_the_others(&mut self) {
        self.all
            .iter_mut()
            .filter(|device| device.known == Known::Saved)
            .for_each(|device| device.known = Known::Missing);
    }

    /// Moves the cursor.
    pub(crate) fn go(&mut self, step: Move) {
        let shown = self.shown();
        self.cursor = shown.get(step.apply(self.row(), shown.len())).map(|device| device.host.address);
    }

    /// Selects the device under the cursor or no longer, and goes on to the next.
    pub(crate) fn toggle(&mut self) {
        let Some(address) = self.current().map(|device| device.host.address) else { return };
        if let Some(device) = self.find(address) {
            device.selected = !device.selected;
        }
        self.go(Move::Down);
    }

    /// Selects all that are shown.
    pub(crate) fn select_all(&mut self) {
        let filter = self.filter.clone();
        self.all.iter_mut().filter(|device| device.matches(&filter)).for_each(|device| device.selected = true);
    }

    /// Selects none.
    pub(crate) fn select_none(&mut self) {
        self.all.iter_mut().for_each(|device| device.selected = false);
    }

    /// How many are selected.
    pub(crate) fn selected(&self) -> usize {
        self.all.iter().filter(|device| device.selected).count()
    }

    /// How many are at work.
    pub(crate) fn at_work(&self) -> usize {
        self.all.iter().filter(|device| device.at_work().is_some()).count()
    }

    /// Whom an order would go to: the selected ones, else the one under the cursor; never one that is at work.
    pub(crate) fn meant(&self) -> Vec<SocketAddr> {
        let chosen: Vec<&Device> = match self.selected() {
            0 => self.current().into_iter().collect(),
            _ => self.all.iter().filter(|device| device.selected).collect(),
        };
        chosen.iter().filter(|device| device.at_work().is_none()).map(|device| device.host.address).collect()
    }

    fn insert(&mut self, device: Device) {
        let at = self.all.partition_point(|other| other.host.address < device.host.address);
        self.all.insert(at, device);
    }
}
