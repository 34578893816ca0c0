//! The site file: the devices of a place, so that they need not be looked for each time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::CtlError;
use crate::files;
use crate::secret::Secret;

use super::{Host, Kind, Target, said};

/// What a person who opens it must know.
const HEAD: &str = "\
# The devices of this place. `belayctl lan scan --save` writes this file anew: it adds what it finds, keeps names and
# token files, drops no device, and keeps no comment but this one.
#
# name        what the device is called here, usable as --to NAME
# token_file  file that holds the token of this device, for an agent that wants one
";

/// The devices of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// In the order of their addresses.
    #[serde(default, rename = "device")]
    pub(crate) devices: Vec<SiteDevice>,
}

/// A device of the site file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteDevice {
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What answered there.
    pub(crate) kind: Kind,
    /// Where its token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
}

/// What saving changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Devices that were not in the file.
    pub(crate) new: usize,
    /// Devices in the file that were not found now.
    pub(crate) missing: usize,
}

impl Site {
    /// Where it is, where nobody says otherwise.
    pub(crate) fn place() -> Result<PathBuf, CtlError> {
        Ok(files::config_dir()?.join("site.toml"))
    }

    /// Reads it; there are no devices where there is no file.
    ///
    /// # Errors
    /// When it cannot be read or is not right; the message names the line.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, CtlError> {
        let path = path.map_or_else(Self::place, |path| Ok(path.to_owned()))?;
        let Some(text) = files::read(&path)? else { return Ok(Self::default()) };
        let mut site: Self = toml::from_str(&text).map_err(|error| CtlError::settings(&path, &error))?;
        for device in &mut site.devices {
            // It may have come from a device once.
            device.name = device.name.as_deref().and_then(said::name);
        }
        site.devices.sort_by_key(|device| device.address);
        Ok(site)
    }

    /// Adds what was found.
    pub(crate) fn take(&mut self, hosts: &[Host]) -> Saved {
        let before = self.devices.len();
        let mut seen = 0;
        for host in hosts {
            match self.devices.iter_mut().find(|device| device.address == host.address) {
                Some(device) => {
                    seen += 1;
                    device.kind = host.kind;
                    device.name = device.name.take().or_else(|| host.name.clone());
                }
                None => self.devices.push(SiteDevice {
                    address: host.address,
                    name: host.name.clone(),
                    kind: host.kind,
                    token_file: None,
                }),
            }
        }
        self.devices.sort_by_key(|device| device.address);
        Saved { new: self.devices.len() - before, missing: before - seen }
    }

    /// Writes it as a whole.
    pub(crate) fn save(&self, path: &Path) -> Result<(), CtlError> {
        let text = toml::to_string(self).map_err(|error| CtlError::Usage(error.to_string()))?;
        files::replace(path, &format!("{HEAD}\n{text}"), 0o644)
    }

    /// Adds the names that the file has for devices found without it.
    pub(crate) fn name(&self, host: &mut Host) {
        if let Some(name) = self.of(host.address).and_then(|device| device.name.clone()) {
            host.name = Some(name);
        }
    }

    /// A device to be told something, with its token where the file names one. A token for all is for the devices of the
    /// file: whoever is only found may be anybody.
    pub(crate) fn target(&self, host: Host, for_all: Option<&Secret>) -> Result<Target, CtlError> {
        let token = match self.of(host.address) {
            Some(SiteDevice { token_file: Some(path), .. }) => Some(read_token(path)?),
            Some(SiteDevice { token_file: None, .. }) => for_all.cloned(),
            None => None,
        };
        Ok(Target { host, token })
    }

    /// What the file says of an address.
    pub(crate) fn of(&self, address: SocketAddr) -> Option<&SiteDevice> {
        self.devices.iter().find(|device| device.address == address)
    }
}

impl SiteDevice {
    /// What is known of it without asking.
    pub(crate) fn host(&self) -> Host {
        Host { name: self.name.clone(), ..Host::new(self.address, self.kind) }
    }
}

/// Reads a token from its file.
pub(crate) fn read_token(path: &Path) -> Result<Secret, CtlError> {
    let text =
        files::read(path)?.ok_or_else(|| CtlError::Usage(format!("there is no token file {}", path.display())))?;
    Ok(Secret::new(text.trim().to_owned()))
}

#[cfg(test)]
mod tests;
