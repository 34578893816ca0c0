//! Configuration in three stages: what is written (`file`), what it merges to (`belay_settings`), what is valid ([`Settings`]).
//!
//! Later ones win: defaults, `server.toml`, the drop-ins `server.toml.d/*.toml` by name, the environment, the command
//! line. An error names file, line and setting.

mod file;
mod overrides;
pub mod settings;
mod valid;

use std::path::{Path, PathBuf};

pub use belay_settings::{ConfigError, Place};
use belay_settings::{Layer, Program};
pub use overrides::Overrides;
pub use settings::Settings;

/// Reads the settings from `path`, else from the file that `BELAY_SERVER_CONFIG` names, else from
/// /etc/belay/server.toml, which need not exist; with settings from the command line on top.
pub fn load(path: Option<&Path>, flags: Overrides) -> Result<Settings, ConfigError> {
    let variable = |name: &str| std::env::var(name).ok();
    let named = path.map(Path::to_path_buf).or_else(|| variable("BELAY_SERVER_CONFIG").map(PathBuf::from));
    let mut layers = PROGRAM.read(named.as_deref())?;
    layers.push(Layer::Environment(Overrides::from_environment(variable).given()));
    layers.push(Layer::CommandLine(flags.given()));
    settle(&layers)
}

/// The settings of a server on which nobody set any.
impl Default for Settings {
    fn default() -> Self {
        valid::valid(file::File::default()).expect("a test keeps the defaults valid")
    }
}

fn settle(layers: &[Layer]) -> Result<Settings, ConfigError> {
    PROGRAM.settle(layers, valid::valid)
}

const PROGRAM: Program = Program { file: "/etc/belay/server.toml" };

#[cfg(test)]
mod tests;
