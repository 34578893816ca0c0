//! How a service is set up. Whoever reads settings from a file or a command line makes one of these.

use std::time::Duration;

/// How a service is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How devices are dealt with.
    pub devices: DeviceSettings,
    /// How long what devices reported is kept.
    pub reports_kept: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { devices: DeviceSettings::default(), reports_kept: Duration::from_secs(90 * 24 * 60 * 60) }
    }
}

/// How devices are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSettings {
    /// Who may become a device of this server.
    pub mode: Enrolment,
    /// Seconds between two polls of a device that has nothing to do.
    pub poll_s: u32,
    /// Seconds without a poll after which a device counts as offline.
    pub offline_after_s: u32,
}

impl Default for DeviceSettings {
    fn default() -> Self {
        Self { mode: Enrolment::Token, poll_s: 60, offline_after_s: 900 }
    }
}

/// Who may become a device of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// Who shows an enrolment token.
    Token,
    /// Who shows an enrolment token, or whom an operator lets in.
    Approval,
    /// Everybody.
    Open,
}
