//! `profiles.toml`: the servers that are known here, under the names that a person gave them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::CtlError;
use crate::files;

/// The servers that are known here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) active: Option<String>,
    /// All of them.
    #[serde(default)]
    pub(crate) profile: BTreeMap<String, Profile>,
}

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Its address.
    pub(crate) server: String,
    /// Certificates to trust beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether the token may cross the network unencrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) plain_http: bool,
}

impl Profiles {
    /// Reads the file; there need not be one.
    pub(crate) fn load() -> Result<Self, CtlError> {
        let path = Self::path()?;
        match files::read(&path)? {
            None => Ok(Self::default()),
            Some(text) => toml::from_str(&text).map_err(|error| CtlError::settings(&path, &error)),
        }
    }

    /// Writes the file anew.
    pub(crate) fn save(&self) -> Result<(), CtlError> {
        let text = toml::to_string(self).expect("names and texts can be written as TOML");
        files::replace(&Self::path()?, &format!("{HEAD}{text}"), 0o644)
    }

    /// The one of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Profile, CtlError> {
        self.profile.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.profile.keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("known: {}", known.join(", ")) };
            CtlError::Usage(format!(
                "there is no profile {name:?} ({known}); `belayctl login {name} --server URL` makes it"
            ))
        })
    }

    fn path() -> Result<PathBuf, CtlError> {
        Ok(files::config_dir()?.join("profiles.toml"))
    }
}

const HEAD: &str = "# The servers that belayctl knows; `belayctl login` and `belayctl profile` write this file.\n";
