//! What was published from a folder, remembered in a file that is replaced as a whole, and held by one watcher at a time.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use belay_protocol::Sha256;
use belay_protocol::admin::ReleaseName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::judge::Seen;
use crate::error::CtlError;
use crate::files;

/// The ledger, as far as it is about one folder and one server.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    key: Key,
    all: Written,
    /// Held as long as this lives.
    _lock: File,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What it looked like.
    #[serde(flatten)]
    pub(super) seen: Seen,
    /// Its digest; none where nobody has read it to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Sha256>,
    /// The release that it is.
    pub(super) release: String,
    /// How it stands.
    #[serde(flatten)]
    pub(super) state: State,
}

/// How a file stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum State {
    /// The server has it.
    Published {
        /// Since when.
        at: Timestamp,
    },
    /// It could not be published.
    Failed {
        /// How often.
        attempts: u32,
        /// When it is tried again.
        again: Timestamp,
        /// Why.
        reason: String,
    },
    /// The server refused it for good.
    Refused {
        /// Why.
        reason: String,
    },
}

/// The whole file: servers, their folders, the names of files there.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    published: BTreeMap<String, BTreeMap<String, BTreeMap<String, Record>>>,
}

#[derive(Debug)]
struct Key {
    server: String,
    folder: String,
}

impl Ledger {
    /// Opens the ledger, and keeps others from it.
    pub(super) fn open(path: Option<PathBuf>, folder: &Path, server: &str) -> Result<Self, CtlError> {
        let path = match path {
            Some(path) => path,
            None => files::state_dir()?.join("published.json"),
        };
        let lock = lock(&path)?;
        let all = match files::read(&path)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| CtlError::Settings {
                path: path.clone(),
                line: error.line(),
                problem: format!("{error}; mend it, or move it away: what is on the server already stays as it is"),
            })?,
            None => Written::default(),
        };
        let key = Key { server: server.to_owned(), folder: folder.display().to_string() };
        Ok(Self { path, key, all, _lock: lock })
    }

    /// What is known of a file.
    pub(super) fn record(&self, file: &str) -> Option<&Record> {
        self.all.published.get(&self.key.server)?.get(&self.key.folder)?.get(file)
    }

    /// Remembers something of a file.
    pub(super) fn write(&mut self, file: &str, record: Record) -> Result<(), CtlError> {
        self.files().insert(file.to_owned(), record);
        self.save()
    }

    /// Remembers what a file that was published looks like now; whether it is the same.
    pub(super) fn compared(&mut self, file: &str, seen: Seen, sha256: Sha256) -> Result<bool, CtlError> {
        let Some(record) = self.files().get_mut(file) else { return Ok(true) };
        record.seen = seen;
        let same = record.sha256 == Some(sha256);
        self.save()?;
        Ok(same)
    }

    /// Forgets what failed or was refused, so that it is tried again.
    pub(super) fn forget_failures(&mut self) -> Result<(), CtlError> {
        self.files().retain(|_, record| matches!(record.state, State::Published { .. }));
        self.save()
    }

    fn files(&mut self) -> &mut BTreeMap<String, Record> {
        let Key { server, folder } = &self.key;
        self.all.published.entry(server.clone()).or_default().entry(folder.clone()).or_default()
    }

    fn save(&self) -> Result<(), CtlError> {
        let text = serde_json::to_string_pretty(&self.all).expect("a ledger has only text keys");
        files::replace(&self.path, &(text + "\n"), 0o600)
    }
}

impl Record {
    /// A file that the server has.
    pub(super) fn published(seen: Seen, sha256: Sha256, release: ReleaseName, at: Timestamp) -> Self {
        Self { seen, sha256: Some(sha256), release: release.to_string(), state: State::Published { at } }
    }

    /// A file that the server will never take.
    pub(super) fn refused(seen: Seen, sha256: Sha256, release: ReleaseName, reason: String) -> Self {
        Self { seen, sha256: Some(sha256), release: release.to_string(), state: State::Refused { reason } }
    }

    /// A file that could not be published, once more: the next attempt comes after twice the time.
    pub(super) fn failed(
        seen: Seen,
        before: Option<&Self>,
        release: ReleaseName,
        error: &CtlError,
        now: Timestamp,
    ) -> Self {
        let before = before.filter(|before| before.seen == seen).map(|before| &before.state);
        let attempts = match before {
            Some(State::Failed { attempts, .. }) => attempts.saturating_add(1),
            Some(State::Published { .. } | State::Refused { .. }) | None => 1,
        };
        let pause = FIRST_PAUSE_S.saturating_mul(1 << (attempts - 1).min(10)).min(LONGEST_PAUSE_S);
        let again = now.saturating_add(SignedDuration::from_secs(pause)).unwrap_or(now);
        let state = State::Failed { attempts, again, reason: error.to_string() };
        Self { seen, sha256: None, release: release.to_string(), state }
    }

    /// Whether nothing is to be done with a file that still looks so.
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        match &self.state {
            State::Published { .. } | State::Refused { .. } => true,
            State::Failed { again, .. } => now < *again,
        }
    }

    /// When it is tried again, if it is.
    pub(super) fn again(&self) -> Option<Timestamp> {
        match &self.state {
            State::Failed { again, .. } => Some(*again),
            State::Published { .. } | State::Refused { .. } => None,
        }
    }
}

/// Two watchers with one ledger would publish everything twice and forget half of it.
fn lock(ledger: &Path) -> Result<File, CtlError> {
    let mut path = ledger.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    if let Some(folder) = path.parent() {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|source| CtlError::Write { path: folder.to_owned(), source })?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| CtlError::Write { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let ledger = ledger.display();
            let message = format!("another watcher works with {ledger}; end it, or give this one another --ledger");
            Err(CtlError::Usage(message))
        }
        Err(TryLockError::Error(source)) => Err(CtlError::Write { path, source }),
    }
}

const FIRST_PAUSE_S: i64 = 60;

const LONGEST_PAUSE_S: i64 = 60 * 60;

#[cfg(test)]
mod tests;
