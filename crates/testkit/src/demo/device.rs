//! The device of the story: a weather station, its packages, and the checks that it is given.

use std::path::Path;

use crate::agent::Launch;
use crate::deb::{Deb, Script};
use crate::ownership::write;
use crate::sandbox::Sandbox;

/// The configuration that somebody edited by hand on the device.
pub const EDITED: &str = "station = garden shed\nunit = hPa\n";

/// Makes the device: weather-station 1.0 installed straight by apt, its configuration edited.
///
/// # Panics
/// When apt or dpkg does not work on this machine.
pub fn make(folder: &Path) -> Sandbox {
    let sandbox = Sandbox::new_in(folder);
    publish_station(&sandbox, "1.0");
    sandbox.install(&["libweather=1.0", "weather-station=1.0"]);
    write(&sandbox.path("etc/weather-station.conf"), EDITED);
    sandbox
}

/// Puts a version of the weather station and its library into the package archive. 1.2 fails in its postinst, 1.3 in its
/// self-test.
///
/// # Panics
/// When the packages cannot be built.
pub fn publish_station(sandbox: &Sandbox, version: &str) {
    let library = Deb::new("libweather", version).file("/usr/lib/weather/sensor.drv", format!("driver {version}\n"));
    sandbox.repository().publish(&[library, station(version)]);
}

/// Puts a version of the weather display into the package archive.
///
/// # Panics
/// When the package cannot be built.
pub fn publish_display(sandbox: &Sandbox, version: &str) {
    sandbox.repository().publish(&[display(version)]);
}

/// Describes the agent on it: the old controller's port open on loopback, and one health check.
pub fn launch<'a>(sandbox: &'a Sandbox, agent: &Path, port: u16) -> Launch<'a> {
    let self_test = sandbox.path("usr/lib/weather/bin/self-test");
    Launch::new(sandbox, agent).control(&format!("listen = [\"127.0.0.1:{port}\"]\nlegacy = [\"127.0.0.0/8\"]")).toml(
        &format!(
            "[[health.check]]\nname = \"self-test\"\ncommand = [{self_test:?}]\ngrace_s = 0\ninterval_s = 0.1\n\
             retries = 1\nsettle_s = 0.3"
        ),
    )
}

fn station(version: &str) -> Deb {
    let self_test = if version == "1.3" {
        "#!/bin/sh\necho 'self-test: the barometer reads 0 hPa'\nexit 1\n"
    } else {
        "#!/bin/sh\necho 'self-test: all sensors answer'\n"
    };
    let station = Deb::new("weather-station", version)
        .depends(&format!("libweather (= {version})"))
        .file("/usr/bin/weather-station", format!("#!/bin/sh\necho weather-station {version}\n"))
        .file("/usr/lib/weather/bin/self-test", self_test)
        .conffile("/etc/weather-station.conf", format!("station = unnamed # {version}\nunit = hPa\n"));
    if version == "1.2" {
        station.script(Script::Postinst, "echo 'weather-station: cannot migrate the readings of 1.0' >&2\nexit 1")
    } else {
        station.script(Script::Postinst, "exit 0")
    }
}

fn display(version: &str) -> Deb {
    Deb::new("weather-display", version)
        .depends("weather-station")
        .file("/usr/bin/weather-display", format!("#!/bin/sh\necho weather-display {version}\n"))
        .conffile("/etc/weather-display.conf", format!("theme = {version}\n"))
}
