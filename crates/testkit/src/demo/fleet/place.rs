//! One device of the fleet with the agent on it.

use std::path::Path;

use crate::agent::Agent;
use crate::demo::device;
use crate::sandbox::Sandbox;

/// The names of the three devices, after where they stand.
pub(super) const NAMES: [&str; 3] = ["garden", "harbour", "summit"];

/// A device and where it stands.
#[derive(Debug)]
pub(super) struct Place {
    /// Its name in the story.
    pub(super) name: &'static str,
    /// Its root.
    pub(super) sandbox: Sandbox,
}

impl Place {
    /// Makes a device: a weather station with version 1.0.
    pub(super) fn make(name: &'static str, folder: &Path) -> Self {
        Self { name, sandbox: device::make(folder) }
    }

    /// Starts the agent on it.
    pub(super) fn start(&self, agent: &Path) -> Agent<'_> {
        let self_test = self.sandbox.path("usr/lib/weather/bin/self-test");
        crate::agent::Launch::new(&self.sandbox, agent)
            .toml(&format!(
                "[health]\nsettle_s = 0.2\n[[health.check]]\nname = \"self-test\"\ncommand = [{self_test:?}]\n\
                 grace_s = 0\ninterval_s = 0.1\nretries = 1\nsettle_s = 0.2"
            ))
            .start()
    }

    /// What dpkg says is installed of the weather station.
    pub(super) fn station(&self) -> String {
        self.sandbox.installed_version("weather-station").unwrap_or_else(|| "none".to_owned())
    }
}
