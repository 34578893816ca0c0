//! One device of the fleet with the agent on it.

use std::path::Path;

use crate::agent::{Agent, Launch};
use crate::demo::device;
use crate::sandbox::Sandbox;

/// The names of the three devices, after where they stand.
pub(in crate::demo) const NAMES: [&str; 3] = ["garden", "harbour", "summit"];

/// A device and where it stands.
#[derive(Debug)]
pub(in crate::demo) struct Place {
    /// Its name in the story.
    pub(in crate::demo) name: &'static str,
    /// Its root.
    pub(in crate::demo) sandbox: Sandbox,
}

impl Place {
    /// Makes a device: a weather station with version 1.0.
    pub(in crate::demo) fn make(name: &'static str, folder: &Path) -> Self {
        Self { name, sandbox: device::make(folder) }
    }

    /// Starts the agent on it.
    pub(in crate::demo) fn start(&self, agent: &Path) -> Agent<'_> {
        self.launch(agent).start()
    }

    /// Describes the agent on it, with the station's own self-test as a health check.
    pub(in crate::demo) fn launch(&self, agent: &Path) -> Launch<'_> {
        let self_test = self.sandbox.path("usr/lib/weather/bin/self-test");
        Launch::new(&self.sandbox, agent).toml(&format!(
            "[health]\nsettle_s = 0.2\n[[health.check]]\nname = \"self-test\"\ncommand = [{self_test:?}]\n\
             grace_s = 0\ninterval_s = 0.1\nretries = 1\nsettle_s = 0.2"
        ))
    }

    /// Makes a recorder: a device with a userland of its own, on which no program runs yet.
    pub(in crate::demo) fn recorder(name: &'static str, folder: &Path) -> Self {
        let sandbox = Sandbox::new_in(folder);
        crate::userland::install(&sandbox.root());
        for script in ["rollback.sh", "check-updates.sh"] {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/opt-updates/").to_owned() + script;
            let text = std::fs::read(&source).unwrap_or_else(|error| panic!("cannot read {source}: {error}"));
            crate::ownership::write_with_mode(&sandbox.path("opt/updates").join(script), text, 0o755);
        }
        Self { name, sandbox }
    }

    /// Starts the agent on a recorder; its health check asks the recorder's own program.
    pub(in crate::demo) fn start_recorder(&self, agent: &Path) -> Agent<'_> {
        let program = self.sandbox.path("usr/local/bin/recorder");
        let keys = self.keys();
        crate::ownership::create_dir(&keys);
        Launch::new(&self.sandbox, agent)
            .server_setting("device_type = \"RTSP-Recorder\"\ndistribution = \"232\"")
            .toml(&format!(
                "[bundle]\nkeys = {keys:?}\n[health]\nsettle_s = 0.2\n[[health.check]]\nname = \"recorder\"\n\
                 command = [\"/bin/sh\", {program:?}, \"health\"]\ngrace_s = 0\ninterval_s = 0.1\nretries = 1\n\
                 settle_s = 0.2"
            ))
            .start()
    }

    /// Pins a publisher's public key on the device.
    pub(in crate::demo) fn pin(&self, key: &[u8]) {
        crate::ownership::write(&self.keys().join("publisher.pub"), key);
    }

    fn keys(&self) -> std::path::PathBuf {
        self.sandbox.run_dir().join("keys")
    }

    /// What dpkg says is installed of the weather station.
    pub(in crate::demo) fn station(&self) -> String {
        self.sandbox.installed_version("weather-station").unwrap_or_else(|| "none".to_owned())
    }
}
