//! A device as the server knows it.

use std::collections::BTreeSet;

use belay_protocol::admin::DeviceState;
use belay_protocol::sync::{Profile, capability};
use belay_protocol::{DeviceId, DeviceType, Distribution, ReleaseVersion, Tag};
use jiff::Timestamp;

/// A device as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// Whether it belongs to the fleet.
    pub state: DeviceState,
    /// What kind of device it is.
    pub device_type: DeviceType,
    /// Its ring.
    pub distribution: Distribution,
    /// Words that operators put on it.
    pub tags: BTreeSet<Tag>,
    /// The digest of the enrolment that made it: of the device's own random bits.
    pub enrolment: String,
    /// What tells its machine from any other.
    pub identity: String,
    /// The tag of the profile; empty where none was reported.
    pub profile_tag: String,
    /// What it last reported as installed, and its facts.
    pub profile: Profile,
    /// The last report that was taken.
    pub outbox: OutboxMark,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// What an operator should know of it.
    pub problem: Option<String>,
}

/// The last report that was taken from a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxMark {
    /// Which of its outboxes.
    pub outbox: String,
    /// The number in it; 0 where none was taken.
    pub seq: u64,
}

impl Device {
    /// Whether it said that it can do this.
    pub fn can(&self, word: &str) -> bool {
        self.profile.facts.capabilities.contains(word)
    }

    /// Whether what it reports as installed means anything.
    pub fn reports_version(&self) -> bool {
        self.can(capability::REPORTS_VERSION)
    }

    /// The version that it measured as installed; none where it has none in force or cannot tell.
    pub fn version(&self) -> Option<&ReleaseVersion> {
        self.profile.installed.release.as_ref().filter(|_| self.reports_version())
    }
}
