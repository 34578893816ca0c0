//! Configuration in three stages: what is written (`file`), what it merges to (`belay_settings`), what is valid ([`Settings`]).
//!
//! Later ones win: defaults, `agent.toml`, the drop-ins `agent.toml.d/*.toml` by name, the environment, the command
//! line. An error names file, line and setting.

mod file;
mod overrides;
pub mod settings;
mod valid;

use std::path::{Path, PathBuf};

pub use belay_settings::{ConfigError, Place};
use belay_settings::{Layer, Program};
pub(crate) use file::Check;
pub use overrides::Overrides;
pub use settings::Settings;
pub(crate) use valid::check::is_unit;

use crate::machine::rules::CheckSpec;

/// Reads the settings from `path`, else from the file that `BELAY_CONFIG` names, else from /etc/belay/agent.toml,
/// which need not exist.
pub fn load(path: Option<&Path>) -> Result<Settings, ConfigError> {
    load_with(path, Overrides::default())
}

/// As [`load`], with settings from the command line on top.
pub fn load_with(path: Option<&Path>, flags: Overrides) -> Result<Settings, ConfigError> {
    let variable = |name: &str| std::env::var(name).ok();
    let named = path.map(Path::to_path_buf).or_else(|| variable("BELAY_CONFIG").map(PathBuf::from));
    let mut layers = PROGRAM.read(named.as_deref())?;
    layers.push(Layer::Environment(Overrides::from_environment(variable).given()));
    layers.push(Layer::CommandLine(flags.given()));
    settle(&layers, nix::unistd::geteuid().is_root())
}

/// Judges checks that a bundle brings along by the rules of `[[health.check]]`. The error names check and setting.
pub(crate) fn checks(checks: Vec<Check>) -> Result<Vec<CheckSpec>, String> {
    let say = |problem: belay_settings::Problem| match problem.key.get(2..).unwrap_or_default() {
        [] => problem.message,
        [check, settings @ ..] => {
            let settings: String = settings.iter().map(|setting| format!(", {setting}")).collect();
            format!("check {check:?}{settings}: {}", problem.message)
        }
    };
    valid::check::checks(checks).map_err(say)
}

/// The settings of a device on which nobody set any.
impl Default for Settings {
    fn default() -> Self {
        valid::valid(file::File::default(), false).expect("a test keeps the defaults valid")
    }
}

fn settle(layers: &[Layer], as_root: bool) -> Result<Settings, ConfigError> {
    PROGRAM.settle(layers, |file| valid::valid(file, as_root))
}

const PROGRAM: Program = Program { file: "/etc/belay/agent.toml" };

#[cfg(test)]
mod tests;
