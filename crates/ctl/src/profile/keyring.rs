//! `keyring.toml`: tokens, each with the server that it is for. Nobody but its owner may read it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::CtlError;
use crate::files;
use crate::secret::Secret;

/// Tokens by the names of their profiles.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    tokens: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    server: String,
    token: Secret,
}

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    server: String,
    token: String,
}

impl Keyring {
    /// Reads the file; there need not be one. One that others can read is not used: the tokens in it are known to them.
    pub(crate) fn load() -> Result<Self, CtlError> {
        Self::read(&Self::path()?)
    }

    fn read(path: &Path) -> Result<Self, CtlError> {
        let Some(text) = files::read(path)? else { return Ok(Self::default()) };
        let unread = |source| CtlError::File { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(unread)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(CtlError::OpenKeyring { path: path.to_owned() });
        }
        let written: BTreeMap<String, Written> = toml::from_str(&text).map_err(|error| {
            // The parser would show the line, and the token in it.
            CtlError::Usage(format!("{} is damaged ({}); log in again", path.display(), error.message()))
        })?;
        let entry = |Written { server, token }| Entry { server, token: Secret::new(token) };
        Ok(Self { tokens: written.into_iter().map(|(name, written)| (name, entry(written))).collect() })
    }

    /// The token for a server; the one of that profile before others.
    pub(crate) fn token(&self, profile: Option<&str>, server: &str) -> Option<Secret> {
        let own = profile.and_then(|name| self.tokens.get(name)).filter(|entry| entry.server == server);
        own.or_else(|| self.tokens.values().find(|entry| entry.server == server)).map(|entry| entry.token.clone())
    }

    /// Keeps a token.
    pub(crate) fn keep(&mut self, profile: &str, server: &str, token: Secret) {
        self.tokens.insert(profile.to_owned(), Entry { server: server.to_owned(), token });
    }

    /// Forgets a token; whether there was one.
    pub(crate) fn forget(&mut self, profile: &str) -> bool {
        self.tokens.remove(profile).is_some()
    }

    /// Whether a profile has a token here.
    pub(crate) fn has(&self, profile: &str) -> bool {
        self.tokens.contains_key(profile)
    }

    /// Writes the file anew; where that is.
    pub(crate) fn save(&self) -> Result<PathBuf, CtlError> {
        let path = Self::path()?;
        let written = |entry: &Entry| Written { server: entry.server.clone(), token: entry.token.reveal().to_owned() };
        let tokens: BTreeMap<&String, Written> =
            self.tokens.iter().map(|(name, entry)| (name, written(entry))).collect();
        let text = toml::to_string(&tokens).expect("names and texts can be written as TOML");
        files::replace(&path, &format!("{HEAD}{text}"), 0o600)?;
        Ok(path)
    }

    fn path() -> Result<PathBuf, CtlError> {
        Ok(files::config_dir()?.join("keyring.toml"))
    }
}

const HEAD: &str = "# Tokens of belayctl: whoever reads this file can ask in your name.\n";

#[cfg(test)]
mod tests;
