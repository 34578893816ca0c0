//! The few settings that can be given outside of files.

use belay_settings::{Given, Variable};

/// A few settings given outside of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `state_dir`; `BELAY_STATE_DIR` in the environment.
    pub state_dir: Option<String>,
    /// `root.path`; `BELAY_ROOT`.
    pub root: Option<String>,
    /// `control.socket`; `BELAY_SOCKET`.
    pub socket: Option<String>,
    /// `log.level`; `BELAY_LOG`.
    pub log_level: Option<String>,
}

impl Overrides {
    /// Asks `environment` for each variable; an empty one counts as none.
    pub(super) fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Self {
        let [state_dir, root, socket, log_level] =
            [STATE_DIR, ROOT, SOCKET, LOG].map(|variable| variable.read(&environment));
        Self { state_dir, root, socket, log_level }
    }

    /// Those that were given.
    pub(super) fn given(self) -> Vec<Given> {
        let Self { state_dir, root, socket, log_level } = self;
        let all = [STATE_DIR.text(state_dir), ROOT.text(root), SOCKET.text(socket), LOG.text(log_level)];
        all.into_iter().flatten().collect()
    }
}

const STATE_DIR: Variable = Variable { name: "BELAY_STATE_DIR", key: &["state_dir"] };

const ROOT: Variable = Variable { name: "BELAY_ROOT", key: &["root", "path"] };

const SOCKET: Variable = Variable { name: "BELAY_SOCKET", key: &["control", "socket"] };

const LOG: Variable = Variable { name: "BELAY_LOG", key: &["log", "level"] };
