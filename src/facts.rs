//! What this device is: read from files, never from a program.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use belay_protocol::sync::{Facts, capability};

use crate::durable::digest_of_bytes;

/// Where the facts lie.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The machine: `/`.
    machine: PathBuf,
    /// The root that packages are installed on.
    root: PathBuf,
    /// The folder with the keys that root pinned; none where nobody asks.
    keys: Option<PathBuf>,
    device_key: Option<PathBuf>,
}

impl Sources {
    /// The facts of this machine, and of the root that packages are installed on.
    pub fn new(root: &Path) -> Self {
        Self { machine: "/".into(), root: root.to_owned(), keys: None, device_key: None }
    }

    /// The same, with the folder of the pinned keys.
    #[must_use]
    pub fn with_keys(self, keys: &Path) -> Self {
        Self { keys: Some(keys.to_owned()), ..self }
    }

    /// The same, with the file in which an older system left the device's name.
    #[must_use]
    pub fn with_device_key(self, path: &Path) -> Self {
        Self { device_key: Some(path.to_owned()), ..self }
    }

    /// Reads them. What cannot be read is empty.
    pub fn facts(&self) -> Facts {
        let [hostname, os, hardware, _] = self.passing();
        let signed = self.pins_keys().then_some(capability::SIGNED);
        Facts {
            hostname,
            architecture: self.architecture(),
            os,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            hardware,
            device_key: self.device_key(),
            capabilities: CAPABILITIES.iter().copied().chain(signed).map(str::to_owned).collect::<BTreeSet<_>>(),
        }
    }

    /// The name that an older system left on the device; empty where there is none.
    fn device_key(&self) -> String {
        let text = self.device_key.as_ref().and_then(|path| self.text(path.parent()?, path.file_name()?.to_str()?));
        text.filter(|text| text.len() <= LONGEST_KEY && !text.chars().any(char::is_control)).unwrap_or_default()
    }

    /// What can change without dpkg or a job, and is cheap to read: the host's name, the system, the hardware's digest, and
    /// whether keys are pinned.
    pub fn passing(&self) -> [String; 4] {
        [hostname().unwrap_or_default(), self.os(), digest(&[&self.hardware()]), self.pins_keys().to_string()]
    }

    /// Whether root pinned a key; what none of them signed is then refused.
    fn pins_keys(&self) -> bool {
        let entries = self.keys.as_ref().and_then(|keys| std::fs::read_dir(keys).ok());
        entries.into_iter().flatten().flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "pub"))
    }

    /// What tells this device from any other, as a digest: the machine, its installation, and where several devices
    /// live on one machine, the root.
    pub fn identity(&self) -> String {
        let root = if self.root == self.machine { String::new() } else { self.root.to_string_lossy().into_owned() };
        let installation = self.text(&self.root, "etc/machine-id").unwrap_or_default();
        digest(&[&self.hardware(), &installation, &root])
    }

    /// dpkg's status file, of which a change means that what is installed may have changed.
    pub fn dpkg_status(&self) -> PathBuf {
        self.root.join("var/lib/dpkg/status")
    }

    fn os(&self) -> String {
        let text = self.text(&self.root, "etc/os-release").or_else(|| self.text(&self.root, "usr/lib/os-release"));
        let text = text.unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        name.map(|name| name.trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
    }

    /// The architecture of dpkg itself; where that is not known, the one that this program was built for.
    fn architecture(&self) -> String {
        let native = self.text(&self.root, "var/lib/dpkg/arch").and_then(|text| text.lines().next().map(str::to_owned));
        native.or_else(|| architecture_of_dpkg(&self.dpkg_status())).unwrap_or_else(|| built_for().to_owned())
    }

    /// A text that is soldered to the machine: the board's number, else that of a network port.
    fn hardware(&self) -> String {
        let numbers = ["proc/device-tree/serial-number", "sys/class/dmi/id/product_uuid"];
        let number = numbers.iter().find_map(|path| self.text(&self.machine, path));
        let number = number.or_else(|| self.address_of_a_port());
        // A virtual machine without any of these is told by its installation.
        number.or_else(|| self.text(&self.machine, "etc/machine-id")).unwrap_or_default()
    }

    /// The lowest address that is burnt into a network port of the machine: not one that was drawn, as Wi-Fi does for
    /// privacy, and not one on a cable, which goes from device to device.
    fn address_of_a_port(&self) -> Option<String> {
        let folder = self.machine.join("sys/class/net");
        let entries = std::fs::read_dir(&folder).ok()?;
        let ports = entries.flatten().map(|entry| entry.path()).filter(|port| self.is_soldered(port));
        ports.filter_map(|port| self.text(&port, "address")).filter(|address| address != "00:00:00:00:00:00").min()
    }

    fn is_soldered(&self, port: &Path) -> bool {
        let is_permanent = self.text(port, "addr_assign_type").as_deref() == Some("0");
        // The link leads through everything that the port hangs on: `../../devices/pci0000:00/…/usb1/1-1/1-1:1.0`.
        let device = std::fs::canonicalize(port.join("device"));
        let on_usb = |device: &Path| {
            device
                .components()
                .any(|part| part.as_os_str().to_string_lossy().strip_prefix("usb").is_some_and(is_number))
        };
        is_permanent && device.is_ok_and(|device| !on_usb(&device))
    }

    /// A short text file without what surrounds its text; none where it is missing or empty.
    fn text(&self, folder: &Path, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(folder.join(path)).ok()?;
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned();
        (!text.is_empty()).then_some(text)
    }
}

/// Bytes of the name that an older system gave a device.
const LONGEST_KEY: usize = 128;

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn architecture_of_dpkg(status: &Path) -> Option<String> {
    let mut within = false;
    for line in BufReader::new(File::open(status).ok()?).lines() {
        let line = line.ok()?;
        if let Some(name) = line.strip_prefix("Package: ") {
            within = name == "dpkg";
        } else if let Some(architecture) = line.strip_prefix("Architecture: ").filter(|_| within) {
            return Some(architecture.to_owned());
        }
    }
    None
}

/// Debian's name of the architecture that this program was built for.
fn built_for() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "x86" => "i386",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

fn digest(parts: &[&str]) -> String {
    digest_of_bytes(parts.join("\0").as_bytes()).to_string()
}

const CAPABILITIES: [&str; 6] = [
    capability::PACKAGES,
    capability::BUNDLE,
    capability::STAGED,
    capability::REPORTS_VERSION,
    capability::CAN_ROLL_BACK,
    capability::CLOSURE,
];

/// What the system calls itself; none where it has no name that is text.
pub fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
