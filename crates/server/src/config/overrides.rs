//! The few settings that can be given outside of files.

use belay_settings::{Given, Variable};

/// A few settings given outside of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `state_dir`; `BELAY_SERVER_STATE_DIR` in the environment.
    pub state_dir: Option<String>,
    /// `database`; `BELAY_SERVER_DATABASE`.
    pub database: Option<String>,
    /// `listen`, with commas between; `BELAY_SERVER_LISTEN`.
    pub listen: Option<String>,
    /// `log.level`; `BELAY_SERVER_LOG`.
    pub log_level: Option<String>,
}

impl Overrides {
    /// Asks `environment` for each variable; an empty one counts as none.
    pub(super) fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Self {
        let [state_dir, database, listen, log_level] =
            [STATE_DIR, DATABASE, LISTEN, LOG].map(|variable| variable.read(&environment));
        Self { state_dir, database, listen, log_level }
    }

    /// Those that were given.
    pub(super) fn given(self) -> Vec<Given> {
        let Self { state_dir, database, listen, log_level } = self;
        let all = [STATE_DIR.text(state_dir), DATABASE.text(database), LISTEN.list(listen), LOG.text(log_level)];
        all.into_iter().flatten().collect()
    }
}

const STATE_DIR: Variable = Variable { name: "BELAY_SERVER_STATE_DIR", key: &["state_dir"] };

const DATABASE: Variable = Variable { name: "BELAY_SERVER_DATABASE", key: &["database"] };

const LISTEN: Variable = Variable { name: "BELAY_SERVER_LISTEN", key: &["listen"] };

const LOG: Variable = Variable { name: "BELAY_SERVER_LOG", key: &["log", "level"] };
